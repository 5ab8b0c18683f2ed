#!/usr/bin/env bash
# Build images of docker/Dockerfile.
#
#     docker/build.sh [TARGET…]      tasks-core, tasks-train and airflow where none is named; tasks-train-gpu on request
#     docker/build.sh --names        print the references, build nothing
#
# BASE_IMAGE   what they stand on: featherline-base:bookworm where `make base-image` made one, else python:3.11-slim-bookworm
# CA_BUNDLE    certificates to trust while building, never part of an image
# REGISTRY     a prefix of the references, such as registry.example/team; the images are not pushed
set -euo pipefail
cd "$(dirname "$0")/.."

OWN_BASE=featherline-base:bookworm
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml | head -n 1)
INPUTS=(docker featherline/__init__.py tasks plugins dags recipes pyproject.toml uv.lock .dockerignore)
# The last commit that changed what an image is made of: another one (documentation, tests) gives the same image.
REVISION=$(git log -1 --format=%h -- "${INPUTS[@]}" 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain -- "${INPUTS[@]}" 2>/dev/null)" ] || REVISION=$REVISION-changed
TAG=$VERSION-$REVISION

reference() { echo "${REGISTRY:+$REGISTRY/}featherline-$1:$TAG"; }

# A client of version 23 and later builds with its buildx plugin alone; Debian's older one brings BuildKit along.
client() {
    for docker in docker /usr/bin/docker; do
        if "$docker" buildx version >/dev/null 2>&1; then echo "$docker"; return; fi
        major=$("$docker" version --format '{{.Client.Version}}' 2>/dev/null | cut -d. -f1)
        if [ -n "$major" ] && [ "$major" -lt 23 ]; then echo "$docker"; return; fi
    done
    printf '%s\n  expected  %s\n  got       %s\n  fix       %s\n' "the images cannot be built" \
        "a docker client with BuildKit" "$(docker --version 2>/dev/null || echo none)" \
        "install docker-buildx, or on Debian docker.io" >&2
    exit 65
}

TARGETS=("$@")
[ ${#TARGETS[@]} -gt 0 ] || TARGETS=(tasks-core tasks-train airflow)
if [ "${TARGETS[0]}" = --names ]; then
    for target in tasks-core tasks-train tasks-train-gpu airflow; do reference "$target"; done
    exit
fi

DOCKER=$(client)
if [ -z "${BASE_IMAGE:-}" ]; then
    BASE_IMAGE=python:3.11-slim-bookworm
    docker image inspect "$OWN_BASE" >/dev/null 2>&1 && BASE_IMAGE=$OWN_BASE
fi
BUNDLE=${CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}
SECRET=()
[ -f "$BUNDLE" ] && SECRET=(--secret "id=ca,src=$BUNDLE")

for target in "${TARGETS[@]}"; do
    DOCKER_BUILDKIT=1 "$DOCKER" build --quiet --network host --file docker/Dockerfile --target "$target" \
        --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "VERSION=$VERSION" --build-arg "REVISION=$REVISION" \
        "${SECRET[@]}" --tag "$(reference "$target")" . >/dev/null
    echo "$(reference "$target") $(docker image inspect --format '{{.Id}} {{.Size}}' "$(reference "$target")")"
done
