"""One contract for every registry: the store's, and a real MLflow server's."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.steps.publish import PublishParams
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.registries.registry import AliasMovedError, ModelRegistry, Move, Submission
from featherline.tasks.releasing.registries.store_registry import StoreRegistry
from featherline.tasks.releasing.releases.verification import fetched
from featherline.tasks.running.context import Context
from featherline.tasks.steps.publish import publish

Submit = Callable[..., Any]


@pytest.fixture(params=["store", "mlflow"])
def registry(request: pytest.FixtureRequest, context: Context, monkeypatch: pytest.MonkeyPatch) -> ModelRegistry:
    """Give each registry in turn."""
    if request.param == "mlflow":
        request.getfixturevalue("mlflow")
    else:
        monkeypatch.setenv(Variable.REGISTRY, "store")
    return open_registry(context)


@pytest.fixture
def name() -> str:
    """Give a model name that no other test uses: the MLflow server is shared."""
    return f"digits-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def submit(registry: ModelRegistry, context: Context, winner: Any, name: str) -> Submit:
    """Give a function that registers the model of a seed."""

    def register(seed: int = 0) -> Any:
        inputs = winner(seed)
        release = publish(inputs, PublishParams(name=name, sign=False), context).release
        measurement = inputs.selection.measurement
        with fetched(context.store, release) as (folder, _):
            content = context.store.read(measurement, Measurement)
            return registry.register(Submission(release, folder, content, measurement, "run-1"))

    return register


def test_answers(registry: ModelRegistry) -> None:
    """A registry that works has nothing to say."""
    registry.health()


def test_versions_count_from_one(registry: ModelRegistry, submit: Submit, name: str) -> None:
    """Two models get the versions 1 and 2, and are found by number, by digest and in the list."""
    first, second = submit(1), submit(2)

    assert (first.version, second.version) == ("1", "2")
    assert [version.version for version in registry.list(name)] == ["1", "2"]
    assert registry.get(name, "2") == second
    assert registry.find(name, first.model_sha256) == first


def test_a_model_has_one_version(registry: ModelRegistry, submit: Submit, name: str) -> None:
    """Registering the same model again gives its version and makes no other."""
    first = submit(1)

    again = submit(1)

    assert again == first
    assert len(registry.list(name)) == 1


def test_a_version_says_what_it_is(submit: Submit, context: Context) -> None:
    """From a version alone the release, the measurement and the numbers that people search by can be had."""
    version = submit(1)

    assert version.release_uri.endswith(f"releases/{version.name}/{version.model_sha256[:12]}")
    assert context.store.has(version.measurement)
    assert version.tags["sha256"] == version.model_sha256
    assert version.tags["candidate"] == "small"
    assert version.tags["accuracy"] == "0.9700"


def test_nothing_is_found_where_nothing_is(registry: ModelRegistry, name: str) -> None:
    """An unknown model, version, alias or digest is None, and has no champion."""
    assert registry.get(name, "1") is None
    assert registry.get(name, "@champion") is None
    assert registry.get(name, "latest") is None
    assert registry.find(name, "0" * 64) is None
    assert registry.list(name) == ()
    assert registry.aliases(name) == {}
    assert registry.moves(name, "champion") == ()
    assert registry.champion(name) is None


def test_a_known_model_without_the_version_or_the_alias(registry: ModelRegistry, submit: Submit, name: str) -> None:
    """Beside a registered version, others are still None."""
    submit(1)

    assert registry.get(name, "2") is None
    assert registry.get(name, "@champion") is None
    assert registry.champion(name) is None


def test_an_alias_moves_and_its_moves_are_kept(registry: ModelRegistry, submit: Submit, name: str) -> None:
    """The champion is the last move's version; all moves stay on record, each alias its own."""
    first, second = submit(1), submit(2)

    registry.set_alias(name, "champion", Move(version="1"), expected=None)
    registry.set_alias(name, "champion", Move(version="2"), expected="1")
    registry.set_alias(name, "challenger", Move(version="1"), expected=None)
    registry.set_alias(name, "champion", Move(version="1", action="rollback"), expected="2")

    assert registry.get(name, "@champion") == first
    assert registry.aliases(name) == {"champion": "1", "challenger": "1"}
    assert [move.version for move in registry.moves(name, "champion")] == ["1", "2", "1"]
    assert registry.moves(name, "champion")[-1].action == "rollback"
    assert registry.champion(name).model_sha256 == first.model_sha256
    assert registry.champion(name).measurement == first.measurement
    assert second.measurement != first.measurement


@pytest.mark.parametrize("expected", [None, "2"], ids=["none", "another"])
def test_an_alias_that_moved_is_not_moved(
    registry: ModelRegistry, submit: Submit, name: str, expected: str | None
) -> None:
    """Who expects another holder than there is changes nothing."""
    submit(1)
    registry.set_alias(name, "champion", Move(version="1"), expected=None)

    with pytest.raises(AliasMovedError):
        registry.set_alias(name, "champion", Move(version="1"), expected=expected)

    assert registry.aliases(name) == {"champion": "1"}


def test_tags_are_added(registry: ModelRegistry, submit: Submit, name: str) -> None:
    """A new tag stands beside the others, and its value can change."""
    submit(1)

    registry.set_tags(name, "1", {"approved_by": "ann"})
    registry.set_tags(name, "1", {"approved_by": "ben"})

    version = registry.get(name, "1")
    assert version.tags["approved_by"] == "ben"
    assert version.tags["candidate"] == "small"


def test_of_eight_movers_one_wins(context: Context) -> None:
    """In the store's registry exactly one of eight that expect the same holder moves the alias."""
    registry = StoreRegistry(context.store)

    def move(number: int) -> bool:
        try:
            registry.set_alias("digits", "champion", Move(version=str(number)), expected=None)
        except AliasMovedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(move, range(1, 9)))

    assert sum(won) == 1
    assert registry.moves("digits", "champion") == (Move(version=str(won.index(True) + 1)),)


def test_eight_that_register_one_model_get_one_version(context: Context, winner: Any) -> None:
    """In the store's registry a race for one model makes one version."""
    inputs = winner()
    release = publish(inputs, PublishParams(name="digits", sign=False), context).release
    content = context.store.read(inputs.selection.measurement, Measurement)
    submission = Submission(release, Path(release.uri), content, inputs.selection.measurement, "run-1")

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(StoreRegistry(context.store).register, [submission] * 8))

    assert {version.version for version in versions} == {"1"}


@pytest.mark.parametrize("address", ["", "stor", "ftp://host", "127.0.0.1:5000"])
def test_an_unknown_kind_of_registry_is_refused(
    context: Context, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Neither `store` nor a URL: refused with what was given."""
    monkeypatch.setenv(Variable.REGISTRY, address)

    with pytest.raises(Refused) as refusal:
        open_registry(context)

    assert refusal.value.problems[0].what == "there is no such registry"
    assert refusal.value.problems[0].got == address
