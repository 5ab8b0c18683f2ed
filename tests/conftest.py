"""Real servers of this machine for all tests, started once when a test asks for them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from featherline.stack.s3_server import S3Server

READER = "reader"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Give a SeaweedFS with random keys, the bucket `featherline`, and a user `reader` who may only read."""
    from featherline.stack.s3_server import S3Server  # noqa: PLC0415 - Airflow's environment has no boto3

    server = S3Server(
        tmp_path_factory.mktemp("s3"),
        secrets.token_hex(10),
        secrets.token_hex(20),
        readers={READER: secrets.token_hex(20)},
        dies_with_parent=True,
    )
    with server:
        server.create_bucket("featherline")
        yield server
