# The image of the two servers that are Python packages here, in the versions of uv.lock: SeaweedFS (weed) and MLflow.
#
#     docker build -f docker/stack.Dockerfile -t featherline-stack:0.1.0 .
#     docker build --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt …     behind a proxy with a certificate of its own
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS builder
ARG UV_VERSION=0.13.9
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    UV_SYSTEM_CERTS=true \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/venv
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet "uv==${UV_VERSION}"
WORKDIR /build
COPY pyproject.toml uv.lock ./
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv sync --frozen --no-install-project --no-default-groups --compile-bytecode --quiet \
    --extra tasks --extra stack

FROM ${BASE_IMAGE}
RUN command -v tini >/dev/null || { \
        apt-get update -qq && apt-get install -y -qq --no-install-recommends tini ca-certificates \
        && rm -rf /var/lib/apt/lists/*; }
COPY --from=builder /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp
RUN install -d -o 1000 -g 1000 /data
USER 1000:1000
ENTRYPOINT ["tini", "--"]
