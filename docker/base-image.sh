#!/usr/bin/env bash
# Make a base image out of Debian's packages, where no container registry can be reached. Debian or Ubuntu, as root.
#
#     docker/base-image.sh NAME:TAG      about a minute, 300 MB
set -euo pipefail

NAME=${1:?the name of the image}
SUITE=bookworm
FOLDER=$(mktemp -d)
trap 'rm -rf "$FOLDER"' EXIT

debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,tini \
    "$SUITE" "$FOLDER/root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$FOLDER/log" 2>&1 ||
    { tail -n 12 "$FOLDER/log" >&2; exit 1; }
rm -rf "$FOLDER"/root/var/cache/apt/archives/*.deb "$FOLDER"/root/var/lib/apt/lists/*
tar -C "$FOLDER/root" -c . | docker import --change 'ENV LANG=C.UTF-8' - "$NAME"
