"""The step cache: keys, hits that are whole, and misses that say why."""

from __future__ import annotations

import json
import platform
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from featherline.tasks.contracts.base import canonical_json
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.request import StepResult, Variable
from featherline.tasks.contracts.steps.export import ExportInputs
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessOutputs, PreprocessParams
from featherline.tasks.running import code_closure, step_cache
from featherline.tasks.running.step_cache import Hit, Lack, Miss
from featherline.tasks.store.artifacts import Store

PARAMS = PreprocessParams(name="digits", source="digits")


def parts(**changes: Any) -> dict[str, Any]:
    """Return the ingredients of a step, with changes."""
    given = {
        "seed": 1,
        "external_state": {"source": "bundled"},
        "params": PARAMS,
        "inputs": PreprocessInputs(),
    } | changes
    return step_cache.ingredients("preprocess", given.pop("inputs"), given.pop("params"), **given)


def result_of(store: Store, key: str, data: bytes = b"{}", run_id: str = "run-1") -> StepResult:
    """Return a result that names one artifact in the store."""
    outputs = PreprocessOutputs(data=store.put_bytes(data, DatasetRef)).model_dump(mode="json")
    return StepResult(step="preprocess", run_id=run_id, status="ran", key=key, seconds=1, outputs=outputs)


def test_equal_ingredients_give_one_key() -> None:
    """The key is a digest of what goes in, so it is the same in every run."""
    assert step_cache.key_of(parts()) == step_cache.key_of(parts())
    assert len(step_cache.key_of(parts())) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"external_state": {"source": "changed"}},
        {"only_run": "run-1"},
        {"params": PARAMS.model_copy(update={"test_fraction": 0.3})},
    ],
    ids=["seed", "external state", "the only run", "parameter"],
)
def test_what_decides_the_result_decides_the_key(change: dict[str, Any]) -> None:
    """Another seed, parameter or source is another key, and so is a run that takes no result of others."""
    assert step_cache.key_of(parts(**change)) != step_cache.key_of(parts())


def test_code_and_libraries_are_ingredients() -> None:
    """A key holds the digest of each file that decides what the step gives, and the versions of its libraries."""
    found = parts()

    assert found["code"] == code_closure.code_of("preprocess")
    assert {"numpy", "pillow", "pyarrow"} <= set(found["libraries"])


def test_another_image_finds_what_the_last_one_made(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that was built anew from the same code and libraries trains nothing anew; nor does none at all."""
    monkeypatch.setenv(Variable.IMAGE, "sha256:1")
    step_cache.keep(store, result_of(store, step_cache.key_of(parts())), PreprocessOutputs)

    for image in ("sha256:2", ""):
        monkeypatch.setenv(Variable.IMAGE, image)
        found = step_cache.find(store, "preprocess", step_cache.key_of(parts()), PreprocessOutputs)
        assert not isinstance(found, str), image


@pytest.mark.parametrize(
    ("name", "value", "was"),
    [
        ("sys.version_info", (3, 99, 1), platform.python_version()[:4]),
        ("platform.machine", lambda: "riscv64", platform.machine()),
    ],
    ids=["python", "machine"],
)
def test_another_python_or_machine_is_a_miss_that_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, was: str
) -> None:
    """What an image does change of a result is named in the key, and so in the log."""
    before = parts()
    step_cache.remember(store, "digits/preprocess", before)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(f"featherline.tasks.running.step_cache.{name}", value)
        now = parts()

    (why,) = step_cache.explain(store, "digits/preprocess", now)
    assert step_cache.key_of(now) != step_cache.key_of(before)
    assert f" was {was}, is " in why


def test_where_an_artifact_lies_is_no_ingredient(store: Store) -> None:
    """The same data in another bucket gives the same key; other data another one."""
    here = store.put_bytes(b"data", DatasetRef)
    there = here.model_copy(update={"uri": "s3://elsewhere/artifacts/x"})
    other = store.put_bytes(b"other", DatasetRef)

    keys = [step_cache.key_of(parts(inputs=PreprocessOutputs(data=ref))) for ref in (here, there, other)]

    assert keys[0] == keys[1]
    assert keys[0] != keys[2]
    assert "data" in ExportInputs.model_fields  # a reference inside a step's inputs, as above


def test_a_result_is_found_whole(store: Store) -> None:
    """What was kept comes back, with its outputs as a contract."""
    result = result_of(store, step_cache.key_of(parts()))
    step_cache.keep(store, result, PreprocessOutputs)

    found = step_cache.find(store, "preprocess", result.key, PreprocessOutputs)

    assert found == Hit(result, PreprocessOutputs.model_validate(result.outputs))


def test_nothing_kept_is_no_hit(store: Store) -> None:
    """Without a result there is a reason in place of it."""
    assert step_cache.find(store, "preprocess", "0" * 64, PreprocessOutputs) == Miss(Lack.ABSENT)


def test_a_result_without_its_artifacts_is_no_hit(store: Store) -> None:
    """An artifact that is gone, or has another size, makes the step run again."""
    result = result_of(store, step_cache.key_of(parts()))
    step_cache.keep(store, result, PreprocessOutputs)
    sha256 = result.outputs["data"]["sha256"]
    store.blobs.replace(f"artifacts/{sha256}", b"")

    cut = step_cache.find(store, "preprocess", result.key, PreprocessOutputs)
    store.blobs.delete(f"artifacts/{sha256}")
    gone = step_cache.find(store, "preprocess", result.key, PreprocessOutputs)

    assert cut == gone == Miss(Lack.LOST, f"the store lost dataset {sha256[:12]}")


@pytest.mark.parametrize("content", [b"", b"{", b'{"step": "preprocess"}', b"\xff"])
def test_a_damaged_result_is_no_hit(store: Store, content: bytes) -> None:
    """A result that cannot be read is a reason to run, and is replaced afterwards."""
    result = result_of(store, step_cache.key_of(parts()))
    store.blobs.replace(step_cache.result_key("preprocess", result.key), content)

    before = step_cache.find(store, "preprocess", result.key, PreprocessOutputs)
    step_cache.keep(store, result, PreprocessOutputs)
    after = step_cache.find(store, "preprocess", result.key, PreprocessOutputs)

    assert isinstance(before, Miss)
    assert before.lack is Lack.UNREADABLE
    assert isinstance(after, Hit)


def test_outputs_of_an_older_contract_are_no_hit(store: Store) -> None:
    """A result whose outputs do not fit the step's contract any more is a reason to run."""
    key = step_cache.key_of(parts())
    old = result_of(store, key).model_copy(update={"outputs": {"dataset": "x"}})
    store.blobs.replace(step_cache.result_key("preprocess", key), old.to_json())

    found = step_cache.find(store, "preprocess", key, PreprocessOutputs)

    assert isinstance(found, Miss)
    assert found.lack is Lack.UNREADABLE


def test_the_first_result_stays(store: Store) -> None:
    """Of runs that did the same work at once one result is kept, and all of them find that one."""
    key = step_cache.key_of(parts())
    results = [result_of(store, key, f"data {number}".encode(), f"run-{number}") for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda result: step_cache.keep(store, result, PreprocessOutputs), results))
    first = step_cache.find(store, "preprocess", key, PreprocessOutputs)
    step_cache.keep(store, results[0], PreprocessOutputs)

    assert isinstance(first, Hit)
    assert first.result in results
    assert step_cache.find(store, "preprocess", key, PreprocessOutputs) == first


def test_the_first_run_of_a_step_is_explained(store: Store) -> None:
    """There is nothing to compare with, and that is the reason."""
    assert step_cache.explain(store, "digits/preprocess", parts()) == ("it never ran here before",)


def test_a_miss_says_what_changed(store: Store) -> None:
    """Each ingredient that is different is named with what it was and is; the others are not."""
    step_cache.remember(store, "digits/preprocess", parts())
    changed = PARAMS.model_copy(update={"test_fraction": 0.3})

    reasons = step_cache.explain(store, "digits/preprocess", parts(params=changed, external_state={"source": "f" * 64}))

    assert reasons == (
        "external_state.source was bundled, is ffffffffffff…",
        "params.test_fraction was 0.2, is 0.3",
    )


def test_only_an_absent_result_is_compared_with_the_last_one(store: Store) -> None:
    """What is wrong with a result that is there is the whole reason, whatever its words are."""
    lost = Miss(Lack.LOST, "the store lost the model that nobody can read")

    assert step_cache.reasons(store, "digits/preprocess", parts(), Miss(Lack.ABSENT)) == ("it never ran here before",)
    assert step_cache.reasons(store, "digits/preprocess", parts(), lost) == (lost.detail,)
    assert step_cache.reasons(store, "digits/preprocess", parts(), Miss(Lack.DAMAGED)) == ("made again",)


def test_a_result_that_went_away_is_explained(store: Store) -> None:
    """Nothing changed, and still there is no result: it is gone."""
    step_cache.remember(store, "digits/preprocess", parts())

    assert step_cache.explain(store, "digits/preprocess", parts()) == ("its result is gone from the store",)


def test_a_result_of_another_format_is_a_miss_that_says_so(store: Store) -> None:
    """What another version wrote is no crash: the step runs, and its result takes the place."""
    result = result_of(store, step_cache.key_of(parts()))
    newer = json.loads(result.to_json()) | {"format": 99, "new": "field"}
    store.blobs.replace(step_cache.result_key("preprocess", result.key), canonical_json(newer))

    miss = step_cache.find(store, "preprocess", result.key, PreprocessOutputs)

    assert isinstance(miss, step_cache.Miss)
    assert "format 99: a newer version of Featherline wrote it" in str(miss)
    assert step_cache.keep(store, result, PreprocessOutputs)
    assert isinstance(step_cache.find(store, "preprocess", result.key, PreprocessOutputs), step_cache.Hit)
