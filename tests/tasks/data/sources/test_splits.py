"""Splits are stratified, seeded, disjoint and exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.data.sources.source import SourceSplit
from featherline.tasks.data.sources.split_names import group_by_split, split_of_file
from featherline.tasks.data.sources.splits import TARGETS, UNUSED, Assignment, allot, assign, choose


def split(
    labels: dict[SourceSplit, list[int]],
    *,
    test: float = 0.2,
    validation: float = 0.1,
    calibration: int = 4,
    limit: int | None = None,
    seed: int = 0,
) -> dict[SourceSplit, Assignment]:
    """Assign rows with small numbers."""
    return assign(
        {name: np.asarray(rows, np.int32) for name, rows in labels.items()},
        test_fraction=test,
        validation_fraction=validation,
        calibration_count=calibration,
        limit=limit,
        seed=seed,
    )


def counts(assignment: Assignment) -> dict[str, int]:
    """Return the images of each target."""
    return {name: int((assignment.target == number).sum()) for number, name in enumerate(TARGETS)}


def test_shares_are_in_proportion():
    """Half of 6 and 2 is 3 and 1."""
    assert allot(np.asarray([6, 2]), 4).tolist() == [3, 1]


def test_the_largest_remainder_gets_the_rest():
    """Three of 4, 4 and 2 are 1.2, 1.2 and 0.6: the last class is nearest to a whole image."""
    assert allot(np.asarray([4, 4, 2]), 3).tolist() == [1, 1, 1]


def test_a_rare_class_gets_one():
    """A class of 1 among 99 is kept when 2 are taken, and left out when 1 is."""
    assert allot(np.asarray([99, 1]), 2).tolist() == [1, 1]
    assert allot(np.asarray([99, 1]), 1).tolist() == [1, 0]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 400))
def test_shares_add_up(sizes: list[int], count: int):
    """Whatever the sizes: exactly `count`, or all there are; never more of a class than it has."""
    shares = allot(np.asarray(sizes), count)

    assert shares.sum() == min(count, sum(sizes))
    assert (shares <= np.asarray(sizes)).all()
    if count >= np.count_nonzero(sizes):
        assert (shares[np.asarray(sizes) > 0] >= 1).all()


def test_what_must_stay_stays():
    """Of a class of 3 with 2 to leave, 1 is taken."""
    labels = np.asarray([0, 0, 0, 1, 1, 1], np.int32)

    chosen = choose(labels, 6, (0,), leave=2)

    assert np.bincount(labels[chosen]).tolist() == [1, 1]


def test_a_source_without_splits_is_split():
    """Of 100 images 20 test; of the other 80, 8 validate; 72 train, 4 of them calibrate."""
    (assignment,) = split({"all": [0, 1] * 50}).values()

    assert counts(assignment) == {"train": 72, "validation": 8, "test": 20}
    assert assignment.calibration_mask.sum() == 4
    assert (assignment.target[assignment.calibration_mask] == TARGETS.index("train")).all()


def test_every_split_is_stratified():
    """With one image of class 1 to four of class 0, each split has them so."""
    labels = np.asarray([0, 0, 0, 0, 1] * 20)
    (assignment,) = split({"all": labels.tolist()}, calibration=10).values()

    for number in range(3):
        of_split = np.bincount(labels[assignment.target == number])
        assert of_split[0] == pytest.approx(4 * of_split[1], abs=3)
    assert np.bincount(labels[assignment.calibration_mask]).tolist() == [8, 2]


def test_the_source_own_splits_are_kept():
    """Test stays test; validation is taken from train alone."""
    found = split({"train": [0, 1] * 10, "test": [0, 1] * 5})

    assert counts(found["train"]) == {"train": 18, "validation": 2, "test": 0}
    assert counts(found["test"]) == {"train": 0, "validation": 0, "test": 10}
    assert not found["test"].calibration_mask.any()


def test_three_own_splits_are_left_alone():
    """Nothing is taken from train where the source has all three."""
    found = split({"train": [0, 1] * 5, "validation": [0, 1], "test": [0, 1]})

    assert counts(found["train"]) == {"train": 10, "validation": 0, "test": 0}


def test_a_limit_holds_for_each_source_split():
    """At most 10 of each, by class; the rest is unused."""
    found = split({"train": [0, 1] * 50, "test": [0] * 30 + [1] * 30}, limit=10)

    assert [int((item.target != UNUSED).sum()) for item in found.values()] == [10, 10]
    taken = found["test"].target != UNUSED
    assert np.bincount(np.asarray([0] * 30 + [1] * 30)[taken]).tolist() == [5, 5]


def test_the_seed_decides():
    """The same seed gives the same splits, another one others."""
    labels: dict[SourceSplit, list[int]] = {"all": [0, 1] * 50}

    first, again, other = (split(labels, seed=seed)["all"].target for seed in (0, 0, 1))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_image_alone_in_its_class_is_trained_on():
    """It is neither tested nor validated with, since nothing would have taught it."""
    (assignment,) = split({"all": [0] * 50 + [1]}).values()

    assert assignment.target[-1] == TARGETS.index("train")


def test_too_few_images_are_refused():
    """Two images cannot fill three splits."""
    with pytest.raises(Refused) as refusal:
        split({"all": [0, 1]})

    assert refusal.value.problems[0].got == "2 in train, 0 in validation, 0 in test"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train.parquet", "train"),
        ("train-00000-of-00002.parquet", "train"),
        ("Training.csv", "train"),
        ("test_batch.csv", "test"),
        ("validation-1.parquet", "validation"),
        ("val.csv", "validation"),
        ("dev-1.csv", "validation"),
        ("data/test/0001.parquet", "test"),
        ("valley.csv", None),
        ("device.csv", None),
        ("digits.csv", None),
        ("latest.csv", None),
    ],
)
def test_names_tell_splits(name: str, expected: str | None):
    """A file says its split by how its name begins, or by the folder that it lies in."""
    assert split_of_file(name) == expected


def test_files_are_grouped():
    """In order within a split, and train first."""
    found = group_by_split("here", ["test.csv", "train-1.csv", "train-2.csv"])

    assert found == {"train": ["train-1.csv", "train-2.csv"], "test": ["test.csv"]}
    assert list(found) == ["train", "test"]


@pytest.mark.parametrize(
    ("names", "got"),
    [(["train.csv", "more.csv"], "more.csv"), (["test.csv"], "test.csv")],
    ids=["some tell and some do not", "no train"],
)
def test_names_that_do_not_tell_are_refused(names: list[str], got: str):
    """No file is left out in silence."""
    with pytest.raises(Refused) as refusal:
        group_by_split("here", names)

    assert refusal.value.problems[0].got == got
