#!/bin/sh
# Makes sure that Debian packages are there: install_libraries.sh NAME ...
# Installs the missing ones as root; for anybody else it says how.
missing=
for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing="$missing $name"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "warning: cannot tell whether these are installed, by Debian's names:$missing" >&2
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "error: MuJoCo needs$missing: sudo apt-get install$missing" >&2
    exit 2
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update >/dev/null && apt-get install -y --no-install-recommends $missing >/dev/null; }
