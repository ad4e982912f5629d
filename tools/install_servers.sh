#!/bin/sh
# Installs the servers of the I/O tests that come from Debian, where they are missing and we may.
set -eu

missing=""
[ -x /usr/sbin/nginx ] || missing="$missing nginx"
[ -x /usr/sbin/mariadbd ] || missing="$missing mariadb-server"
if [ -z "$missing" ]; then
    echo "nginx and MariaDB are there"
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$missing (only root can, on Debian or Ubuntu); their tests are skipped"
    exit 0
fi

# Packages must not start servers of their own on this machine: the tests start theirs.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -qq -y --no-install-recommends $missing >/dev/null
