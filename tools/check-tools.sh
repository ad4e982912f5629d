#!/bin/sh
# Names each tool that the build needs and this machine lacks, with how to get it: tools/check-tools.sh PYTHON
set -u

python="$1"
missing=0

lacks() {
    missing=1
    printf 'raveler: %s\n         %s\n' "$1" "$2" >&2
}

if ! command -v "$python" >/dev/null 2>&1; then
    lacks "'$python' was not found; Python 3.11 or newer is needed." \
        "Debian, Ubuntu: apt-get install python3 python3-venv. Or name one: make install PYTHON=/path/to/python3.12"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    found="$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo 'one that does not start')"
    lacks "'$python' is Python $found; 3.11 or newer is needed." \
        "Debian, Ubuntu: apt-get install python3.11 python3.11-venv. pyenv: pyenv install 3.12. Then: make install PYTHON=python3.11"
elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    lacks "'$python' can't make virtual environments." "Debian, Ubuntu: apt-get install python3-venv"
fi

if ! command -v cargo >/dev/null 2>&1 || ! cargo --version >/dev/null 2>&1; then
    lacks "cargo was not found; Rust 1.90 or newer is needed." \
        "Install rustup from https://rustup.rs and run: rustup default stable"
else
    minor="$(rustc --version | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')"
    if [ "${minor:-0}" -lt 90 ]; then
        lacks "this is $(rustc --version); Rust 1.90 or newer is needed." "Run: rustup update stable"
    fi
fi

if ! command -v cc >/dev/null 2>&1; then
    lacks "no C compiler ('cc') was found; Rust links with it." "Debian, Ubuntu: apt-get install gcc libc6-dev"
fi

if [ "$(uname -s)" != Linux ]; then
    lacks "this is $(uname -s); raveler runs on Linux." "Use a Linux machine, a container or WSL 2."
fi

exit "$missing"
