#!/bin/sh
# Builds the cpu image with buildah and uses it as a person would: all tests, the
# smoke job with its record outside, SIGTERM and going on, --require-gpu.
#
#   tests/image/try_cpu.sh [BASE]
#
# BASE: an image with CPython 3.7. Without one a stand-in is made of Debian
# (debootstrap) and this machine's CPython 3.7, for machines that reach no image
# registry; that needs root. GAS_DATA, a folder that has mnist/, is built in.
# WORK: where the files go (default /var/tmp/gas-tf-image); the stand-in stays there.
set -eu
[ -z "${GAS_DATA-}" ] || GAS_DATA=$(cd "$GAS_DATA" && pwd)
cd "$(dirname "$0")/../.."
work=${WORK:-/var/tmp/gas-tf-image}
mkdir -p "$work"
images() {
    buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$@"
}
bud() {
    images bud --isolation chroot "$@"
}

base=${1-}
if [ -z "$base" ]; then
    base=localhost/gas-tf-base
    if [ ! -e "$work/base/.made" ]; then
        python=$(sh find_python.sh 3.7 PYTHON "${PYTHON-}")
        rm -rf "$work/base"
        debootstrap --variant=minbase \
            --include=ca-certificates,libbz2-1.0,libffi8,liblzma5,libsqlite3-0,libssl3,zlib1g \
            bookworm "$work/base"
        cp -a "$("$python" -c 'import sys; print(sys.base_prefix)')/." "$work/base/usr/local/"
        # It trusts whom this machine trusts, as behind a company's proxy.
        cp -L /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/ca-certificates.crt"
        touch "$work/base/.made"
    fi
    printf 'FROM scratch\nADD base /\nENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt\nRUN ldconfig\n' > "$work/Base"
    bud --tag "$base" --file "$work/Base" "$work"
fi

commit=$(git describe --always --abbrev=40 --dirty --exclude '*')
set -- --build-arg BASE="$base" --build-arg COMMIT="$commit" --target cpu --tag gas-tf
if [ -n "${GAS_DATA-}" ]; then
    # At ../shared/data, seen from the image's folder: one of the places to look.
    set -- "$@" --build-arg MNIST=1 --volume "$GAS_DATA:/shared/data:ro"
fi
bud "$@" .

container=$(images from gas-tf)
out=$(mktemp -d "$work/out.XXXXXX")
chmod 755 "$out"
in_image() {
    as root "$@"
}
as() {
    user=$1
    shift
    images run --isolation chroot --user "$user" \
        --volume "$out:/out" "$container" -- "$@"
}
clean() {
    images rm "$container" >/dev/null
    # What an earlier build of the same name has left.
    images rmi --prune >/dev/null
    rm -rf "$out"
}
trap clean EXIT
smoke='python -m gas_tf.run digits --budget smoke --out /out'
fingerprint() {
    grep '"fingerprint"' "$1"/digits/gas@smoke/seed-1/result.json
}

echo "--- all tests"
in_image python -m pytest -q -p no:cacheprovider tests
echo "--- a run whose record stays outside"
in_image $smoke | tee "$out/said"
grep -q '^image: cpu$' "$out/said"
grep -q '^loaded: CUDA none, cuDNN none' "$out/said"
grep -q "\"$(git rev-parse HEAD)\"" "$out"/digits/gas@smoke/seed-0/result.json
echo "--- stopped by SIGTERM, and going on"
in_image sh -c "$smoke --seeds 1 & pid=\$!
    until [ -s /out/digits/gas@smoke/seed-1/metrics.jsonl ]; do kill -0 \$pid || exit 1; sleep 0.1; done
    kill -TERM \$pid; wait \$pid; test \$? = 143"
test ! -e "$out"/digits/gas@smoke/seed-1/result.json
in_image $smoke --seeds 1
grep -q '"resumed"' "$out"/digits/gas@smoke/seed-1/provenance.json
mkdir -m 777 "$out/whole"
in_image $smoke/whole --seeds 1
test "$(fingerprint "$out")" = "$(fingerprint "$out/whole")"
echo "--- as a user whom the image does not know"
mkdir -m 777 "$out/theirs"
as 1234:1234 python -m gas_tf.run digits --budget smoke --out /out/theirs
test -e "$out"/theirs/digits/gas@smoke/seed-0/result.json
echo "--- no GPU where one is required"
in_image sh -c "$smoke --require-gpu >/tmp/said 2>&1; test \$? = 2 && cat /tmp/said && grep -q 'sees no GPU' /tmp/said"
if [ -n "${GAS_DATA-}" ]; then
    echo "--- MNIST from the image itself"
    in_image env http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 \
        python -m gas_tf.run mnist --budget smoke --out /out
fi
echo "the image passed"
