"""Which layers learn when, and what of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.transfer import Freezing, Thaw
from featherline.tasks.networks.framework import keras
from featherline.tasks.training.checkpoint import Checkpoint
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.loop import fit_model
from featherline.tasks.training.phases import Phases
from featherline.tasks.training.thawing import Thawing

L = keras.layers
FIT = Fit(epochs=6, batch_size=60, learning_rate=0.01, weight_decay=1e-3)
NAMES = ["first", "first_bn", "second", "second_bn"]


@pytest.fixture
def model() -> Any:
    """Give two convolutions, each with its batch normalisation, and a head."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = L.ReLU()(L.BatchNormalization(name="first_bn")(L.Conv2D(8, 3, name="first")(inputs)))
    x = L.ReLU()(L.BatchNormalization(name="second_bn")(L.Conv2D(8, 3, name="second")(x)))
    return keras.Model(inputs, L.Dense(10, name="head")(L.GlobalAveragePooling2D()(x)))


def thawing(model: Any, *thaw: tuple[int, Any], rate: float | None = None, frozen: Any = "backbone") -> Thawing:
    """Return what learns when, all but the head frozen at first."""
    freezing = Freezing(
        frozen=frozen, thaw=tuple(Thaw(after=after, layers=layers) for after, layers in thaw), pretrained_rate=rate
    )
    return Thawing.of(model, "mine.keras", NAMES if frozen else [], freezing, {"head"})


def learning(given: Thawing, number: int) -> list[str]:
    """Return the variables that learn in a phase."""
    return [variable.name.removesuffix(":0") for group in given.groups(number) for variable in group.variables]


def weights(model: Any) -> dict[str, list[Any]]:
    """Return the weights by layer."""
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def same(one: list[Any], other: list[Any]) -> bool:
    """Return whether weights are equal bit by bit."""
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_layers_thaw_from_the_head_back(model: Any) -> None:
    """Two by their number, then all that are left; statistics never learn by gradients."""
    given = thawing(model, (2, 2), (4, "all"))

    assert [given.number(epoch) for epoch in range(6)] == [0, 0, 1, 1, 2, 2]
    assert given.last == 4
    assert learning(given, 0) == ["head/kernel", "head/bias"]
    assert learning(given, 1)[:4] == ["second/kernel", "second/bias", "second_bn/gamma", "second_bn/beta"]
    assert len(learning(given, 2)) == 10


def test_layers_thaw_by_their_names(model: Any) -> None:
    """Patterns of those that are still frozen; batch normalisation may stay frozen for good."""
    given = thawing(model, (2, ("first", "second")))

    assert learning(given, 1) == [
        "first/kernel",
        "first/bias",
        "second/kernel",
        "second/bias",
        "head/kernel",
        "head/bias",
    ]


def test_what_the_file_brought_learns_at_its_part_of_the_rate(model: Any) -> None:
    """The head alone learns at the whole rate."""
    given = thawing(model, (2, "all"), rate=0.1)

    assert [group.rate for group in given.groups(0)] == [1.0]
    assert [(group.rate, len(group.variables)) for group in given.groups(1)] == [(1.0, 2), (0.1, 8)]


@pytest.mark.parametrize(
    ("thaw", "got", "fix"),
    [
        ([(1, 5)], "5", "leave layers out of the last thaw for all that are left"),
        ([(1, 4), (2, 1)], "1", "leave this thaw out"),
        ([(1, ("frist",))], "frist", "did you mean first"),
        ([(1, ("head",))], "head", "its last layers: second_bn, second, first_bn, first"),
    ],
)
def test_what_is_not_frozen_cannot_thaw(model: Any, thaw: Any, got: str, fix: str) -> None:
    """More layers than are frozen, none left, and a name of none of them."""
    with pytest.raises(Refused) as refusal:
        thawing(model, *thaw)

    assert refusal.value.problems[0].got == got
    assert refusal.value.problems[0].fix.startswith(fix)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"thaw": ({"after": 1},)}, "frozen beside thaw"),
        ({"frozen": 3, "thaw": ({"after": 3, "layers": 1}, {"after": 2})}, "thaw by rising epochs"),
        ({"frozen": 3, "thaw": ({"after": 1}, {"after": 2})}, "layers in each thaw but the last"),
        ({"frozen": "backbone", "pretrained_rate": 0.1}, "thaw beside pretrained_rate"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(given: Any, said: str) -> None:
    """By the contract, before any file is read."""
    with pytest.raises(ValueError, match=said):
        Freezing.model_validate(given)


def test_each_layer_learns_from_its_epoch_on_and_not_before(model: Any, data: TrainingData) -> None:
    """Its weights are bit by bit those of the file until then; statistics of what was frozen are to the end."""
    seen = [weights(model)]
    given = thawing(model, (2, 2), (4, "all"))

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        between_calls = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            seen.append(weights(model))

    with given.held():
        fit_model(model, data, FIT, seed=0, stage="train", callbacks=[Watch()], thawing=given)

    still = [[name for name in NAMES if same(seen[0][name], at[name])] for at in seen[1:]]
    assert still == [NAMES, NAMES, NAMES[:2], NAMES[:2], [], []]
    for name in ("first_bn", "second_bn"):
        assert same(seen[0][name][2:], seen[-1][name][2:])
        assert not same(seen[0][name][:2], seen[-1][name][:2])
    assert all(layer.trainable for layer in model.layers)


def test_patience_begins_with_the_last_thaw(model: Any, data: TrainingData) -> None:
    """A head that learns no more is what a thaw waits for, not an end."""
    stuck = FIT.model_copy(update={"learning_rate": 1e-9, "patience": 1, "schedule": "constant"})
    given = thawing(model, (3, "all"))

    with given.held():
        history = fit_model(model, data, stuck, seed=0, stage="train", thawing=given)

    assert len(history.loss) == 5


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_killed_training_goes_on_in_its_phase(
    done: int, data: TrainingData, store: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a thaw, at it and after it: the weights are those of a training that was not killed, bit by bit."""
    fit = FIT.model_copy(update={"epochs": 4})
    fresh = model.get_weights()

    def trained(checkpoint: Checkpoint | None = None) -> list[Any]:
        keras.backend.clear_session()
        model.set_weights(fresh)
        given = thawing(model, (2, 2), rate=0.1)
        with given.held():
            fit_model(model, data, fit, seed=0, stage="train", checkpoint=checkpoint, thawing=given)
        return list(model.get_weights())

    def killing(self: Checkpoint, state: Any) -> None:
        write(self, state)
        if len(state.history.loss) == done:
            raise KeyboardInterrupt

    write = Checkpoint.save
    whole = trained()
    checkpoint = Checkpoint(store, "key", every_seconds=0)
    monkeypatch.setattr(Checkpoint, "due", True)
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save", killing)
        with pytest.raises(KeyboardInterrupt):
            trained(checkpoint)

    assert same(whole, trained(checkpoint))


def test_a_phase_is_compiled_once(model: Any) -> None:
    """The optimizer lives as long as its phase, and begins anew with a thaw."""
    made: list[Any] = []
    phases = Phases(thawing(model, (2, "all")), None, lambda groups: made.append(groups) or object())  # type: ignore[arg-type,func-returns-value,return-value]

    of_epochs = [phases.at(epoch) for epoch in range(4)]

    assert len(made) == 2
    assert of_epochs[0] is of_epochs[1]
    assert of_epochs[2] is of_epochs[3]
