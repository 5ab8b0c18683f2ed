"""Publish, register, promote and roll back on S3 and MLflow, as a deployment has them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.steps.promote import PromoteInputs, PromoteParams
from featherline.tasks.contracts.steps.publish import PublishParams
from featherline.tasks.contracts.steps.register import RegisterInputs, RegisterParams
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.registries.rollback import rollback
from featherline.tasks.running.context import Context
from featherline.tasks.steps.promote import promote
from featherline.tasks.steps.publish import publish
from featherline.tasks.steps.register import register
from featherline.tasks.store.artifacts import Store, open_store


@pytest.fixture
def store(s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Give an empty store on a real S3 server, in place of the folder."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    return open_store(f"s3://featherline/{uuid.uuid4().hex}")


def test_a_release_goes_all_the_way_and_back(
    context: Context, winner: Any, mlflow: Any, keys: tuple[Path, Path]
) -> None:
    """Two models are released; the second is champion until a rollback; a later run finds all its work done."""
    assert mlflow
    assert keys
    name = f"digits-{uuid.uuid4().hex[:12]}"
    done = []
    for seed in (1, 2, 2):
        champion = open_registry(context).champion(name)
        published = publish(winner(seed), PublishParams(name=name), context)
        registered = register(RegisterInputs(release=published.release), RegisterParams(), context)
        inputs = PromoteInputs(registration=registered.registration, release=published.release, champion=champion)
        promoted = promote(inputs, PromoteParams(), context)
        done.append((published.done_before, registered.done_before, promoted.done_before))

    rolled_back = rollback(name, context)

    assert done == [(False, False, False), (False, False, False), (True, True, True)]
    assert (rolled_back.replaced, rolled_back.version) == ("2", "1")
    assert open_registry(context).aliases(name) == {"champion": "1", "challenger": "2"}
