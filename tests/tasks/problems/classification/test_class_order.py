"""Chance, and classes in another order."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from featherline.tasks.problems.classification.class_order import at_chance, explaining_order

LABELS = np.repeat(np.arange(12), 10)
AS_TEXT = np.array([int(name) for name in sorted(str(label) for label in range(12))])
"""The class that each output means where folders are sorted as text."""


def wrong_at(labels: NDArray[np.int64], fraction: float, classes: int, seed: int = 0) -> NDArray[np.int64]:
    """Return the labels, so many of them replaced by any class."""
    generator = np.random.default_rng(seed)
    guesses = generator.integers(0, classes, len(labels))
    return np.where(generator.random(len(labels)) < fraction, guesses, labels)


def outputs_of(labels: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the outputs that mean these labels in another order."""
    return np.argsort(order)[labels]


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_folders_sorted_as_text_are_recognised(noise: float) -> None:
    """Of a perfect model, and of one that is right on three images of four."""
    predicted = outputs_of(wrong_at(LABELS, noise, 12), AS_TEXT)

    assert explaining_order(predicted, LABELS, 12) == tuple(AS_TEXT)


def test_more_may_be_asked_of_another_order() -> None:
    """Of a file that is trained further, whose fresh weights may tell some classes apart by luck."""
    weak, right = (outputs_of(wrong_at(LABELS, noise, 12), AS_TEXT) for noise in (0.3, 0.0))

    assert explaining_order(weak, LABELS, 12, least=0.9) is None
    assert explaining_order(right, LABELS, 12, least=0.9) is not None


def test_two_classes_that_changed_places_are_recognised() -> None:
    """Ten of twelve classes are right, and the other two are each other."""
    swapped = np.arange(12)
    swapped[[3, 7]] = [7, 3]

    assert explaining_order(outputs_of(LABELS, swapped), LABELS, 12) == tuple(swapped)


@pytest.mark.parametrize(
    ("name", "predicted"),
    [
        ("right", LABELS),
        ("weak", wrong_at(LABELS, 0.9, 12)),
        ("guessed", wrong_at(LABELS, 1.0, 12)),
        ("always one class", np.zeros_like(LABELS)),
        ("a class that passes for another", np.where(LABELS == 3, 4, LABELS)),
        ("a row of classes that pass for the next", np.where(LABELS < 3, LABELS + 1, LABELS)),
    ],
)
def test_a_bad_model_is_not_a_permutation(name: str, predicted: NDArray[np.int64]) -> None:
    """What no other order explains is told as it is."""
    assert explaining_order(predicted, LABELS, 12) is None, name


@pytest.mark.parametrize("seed", range(20))
def test_guesses_are_no_permutation_and_chance(seed: int) -> None:
    """Of guesses the best assignment is far above chance, but it does not hold on the other half."""
    guesses = wrong_at(LABELS, 1.0, 12, seed)

    assert explaining_order(guesses, LABELS, 12) is None
    assert at_chance(guesses, LABELS, 12)


@pytest.mark.parametrize(
    ("labels", "predicted", "chance"),
    [
        (np.repeat([0, 1], [95, 5]), np.zeros(100, int), True),
        (np.repeat([0, 1], [95, 5]), np.repeat([0, 1, 0, 1], [93, 2, 1, 4]), False),
        (np.array([0, 1, 2, 0]), np.array([0, 1, 2, 0]), False),
        (np.array([0]), np.array([0]), True),
        (np.repeat([0, 1], 50), np.repeat([0, 1], 50), False),
        (np.repeat([0, 1], 50), np.repeat([1, 0], 50), True),
        (np.tile([0, 1], 50), np.repeat([0, 1], 50), True),
    ],
    ids=["always the frequent class", "a rare class found", "few, all right", "one image", "right", "swapped", "coin"],
)
def test_chance_is_what_guesses_of_the_same_frequencies_get(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], chance: bool
) -> None:
    """Not what accuracy says: always the frequent class is 95 % and knows nothing."""
    assert at_chance(predicted, labels, int(labels.max()) + 1) is chance
