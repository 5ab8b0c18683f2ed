"""The shared study: where it lives, what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.trial import TrialState, create_trial

from featherline.tasks.compression.search.study import open_storage, open_study, study_name
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.steps.search import SearchInputs, SearchParams, SearchSpace
from featherline.tasks.running.step_cache import ingredients
from featherline.tasks.running.work import Work

SPACE = SearchSpace(builder="cnn", choices={"dense": (0, 16, 32, 64)})
PARAMS = SearchParams(space=SPACE, trials=4, population=2)
DATA = DatasetRef(uri="store/artifacts/x", sha256="0" * 64, bytes=1)


def named(
    *, data: DatasetRef = DATA, worker: int = 0, seed: int = 0, state: dict[str, str] | None = None, **changes: Any
) -> str:
    """Return the name of the study of a search."""
    inputs, params = SearchInputs(data=data, worker=worker), PARAMS.model_copy(update=changes)
    return study_name(Work(ingredients("search", inputs, params, seed=seed, external_state=state or {})))


def test_a_study_is_named_by_what_it_searches() -> None:
    """Not the place of the data, nor how many trials or workers, nor a control; all else that decides a trial does."""
    name = named()

    assert named(data=DATA.model_copy(update={"uri": "elsewhere"})) == named(worker=1) == name
    assert named(trials=9, workers=3, control=True) == name
    others = [
        named(data=DATA.model_copy(update={"sha256": "1" * 64})),
        named(epochs=3),
        named(seed=1),
        named(state={"builder": "changed"}),
    ]
    assert len({name, *others}) == 5


@pytest.mark.parametrize("place", ["folder", "sqlite"])
def test_two_workers_share_a_study(tmp_path: Path, place: str) -> None:
    """What one leaves there the other sees, in a journal and in a database."""
    where = str(tmp_path / "studies") if place == "folder" else f"sqlite:///{tmp_path}/studies.db"
    one, other = (open_study(where, "shared") for _ in range(2))

    for study in (one, other, one, other):
        study.add_trial(create_trial(state=TrialState.RUNNING, user_attrs={"place": 0}))

    assert [trial.state for trial in one.trials] == [TrialState.RUNNING] * 4
    assert len(other.trials) == 4


def test_the_place_decides_the_storage(tmp_path: Path) -> None:
    """A folder is a journal file, an address a database."""
    assert isinstance(open_storage(str(tmp_path / "a" / "b"), "name"), JournalStorage)
    assert isinstance(open_storage(f"sqlite:///{tmp_path}/x.db", "name"), RDBStorage)
