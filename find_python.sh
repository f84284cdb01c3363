#!/bin/sh
# Prints a CPython of the version asked for:
# find_python.sh VERSION VARIABLE [CANDIDATE], VARIABLE being what make calls it.
# Looks at the candidate, the PATH, pyenv and uv, in this order.
version=$1
variable=$2
candidate=$3

fits() {
    [ "$("$1" -c 'import platform, venv; print(platform.python_implementation(), ".".join(platform.python_version_tuple()[:2]))' 2>/dev/null)" = "CPython $version" ]
}

if [ -n "$candidate" ]; then
    fits "$candidate" && { command -v "$candidate"; exit 0; }
    echo "error: $candidate is not CPython $version" >&2
    exit 2
fi
# A pyenv shim on the PATH need not work, but tells where the versions are.
shim=$(command -v "python$version")
for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python \
        "${shim%/shims/*}/versions/$version".*/bin/python; do
    fits "$python" && { command -v "$python"; exit 0; }
done
if command -v uv >/dev/null 2>&1; then
    python=$(uv python find "$version" 2>/dev/null)
    [ -n "$python" ] && fits "$python" && { echo "$python"; exit 0; }
fi
echo "error: no CPython $version found: install it (pyenv install $version, or uv python install $version), or name it: make $variable=/path/to/python$version" >&2
exit 2
