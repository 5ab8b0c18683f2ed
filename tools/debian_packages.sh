#!/usr/bin/env bash
# What the tests of several hosts need beyond python3, make and git: PostgreSQL and Redis as programs, not as services.
#
#     tools/debian_packages.sh        as root, on Debian 12 or Ubuntu; does nothing where both are there
#
# Neither starts: the tests run servers of their own, on ports and in folders of their own.
set -euo pipefail

packages=()
compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null || packages+=(postgresql)
command -v redis-server >/dev/null || packages+=(redis-server)
[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "debian_packages.sh needs root for: apt-get install ${packages[*]}" >&2
    exit 1
fi

policy=/usr/sbin/policy-rc.d # asked by every package before it starts a service
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=300 -qq update
apt-get -o DPkg::Lock::Timeout=300 -qq install --yes --no-install-recommends "${packages[@]}"
