#!/bin/sh
# Writes requirements/*.txt from requirements/*.in: exact versions with hashes, for every Python from 3.11 on.
# Versions that are already in a lock file stay; `tools/lock.sh --upgrade` takes the newest of each.
set -eu

uv="${1:?usage: tools/lock.sh PATH_OF_UV [--upgrade]}"
shift
cd "$(dirname "$0")/../requirements"

lock() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url "$@"
}

lock "$@" lint.in -o lint.txt
for name in build test bench demo docs; do
    lock "$@" --constraints lint.txt "$name.in" -o "$name.txt"
done
