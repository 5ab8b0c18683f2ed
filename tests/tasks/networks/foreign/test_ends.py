"""The end of a model that another wrote: logits, or a refusal by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.foreign.ends import to_logits
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.zoo.build import build

L = keras.layers
SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).normal(size=(6, *SHAPE)).astype(np.float32)


def model(end: Any, *, units: int = 3) -> Any:
    """Return a network with fresh weights; `end` makes its output of three numbers, or as many as there are units."""
    inputs = L.Input(SHAPE)
    return keras.Model(inputs, end(L.Dense(units)(L.Flatten()(L.Conv2D(2, 3)(inputs)))))


def nested(*lasts: Any) -> Any:
    """Return what ends a network in a model of its own."""

    def end(numbers: Any) -> Any:
        return keras.Sequential([L.Input(numbers.shape[1:]), L.Dense(3), *lasts], name="head")(numbers)

    return end


def functional(numbers: Any) -> Any:
    """End in a functional model that ends in one of its own."""
    inputs = L.Input(numbers.shape[1:])
    return keras.Model(inputs, nested(L.Softmax())(L.Dense(5)(inputs)))(numbers)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("in the layer", L.Dense(3, activation="softmax")),
        ("a layer of its own", L.Softmax()),
        ("an activation", L.Activation("softmax")),
        ("an operation", tf.nn.softmax),
        ("a function of Keras", keras.activations.softmax),
        ("then linear", lambda x: L.Activation("linear")(L.Softmax()(x))),
        ("then reshaped", lambda x: L.Flatten()(L.Softmax()(L.Reshape((1, 3))(x)))),
        ("then reshaped by an operation", lambda x: tf.reshape(tf.nn.softmax(L.Reshape((1, 3))(x)), (-1, 3))),
        ("in a model", nested(L.Softmax())),
        ("in a model's layer", nested(L.Dense(3, activation="softmax"))),
        ("in a model in a model", functional),
    ],
)
def test_a_softmax_is_taken_off_wherever_it_is(name: str, end: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The logits give, through a softmax, what the model gave, and are no probabilities; that it is gone is said."""
    given = model(end)
    before = given(IMAGES).numpy()

    logits = to_logits(given, "file", 3)(IMAGES).numpy()

    assert np.allclose(tf.nn.softmax(logits), before, atol=1e-6), name
    assert not np.allclose(logits.sum(axis=1), 1)
    assert "the softmax of" in capsys.readouterr().out


@pytest.mark.parametrize(
    "end",
    [lambda x: x, L.Activation("linear"), L.Dropout(0.5), nested(), lambda x: x * 0.5 + 1.0],
    ids=["dense", "linear", "dropout", "a model", "operations"],
)
def test_logits_stay_the_model_that_they_are(end: Any) -> None:
    """A model that gives logits is handed back itself."""
    given = model(end)

    assert to_logits(given, "file", 3) is given


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("in the layer", L.Dense(1, activation="sigmoid")),
        ("an activation", lambda x: L.Activation("sigmoid")(L.Dense(1)(x))),
        ("an operation", lambda x: tf.sigmoid(L.Dense(1, use_bias=False)(x))),
        ("of no dense layer", lambda x: tf.sigmoid(tf.reduce_sum(x, axis=1, keepdims=True))),
        ("then reshaped", lambda x: L.Reshape((1,))(L.Dense(1, activation="sigmoid")(x))),
    ],
)
def test_one_sigmoid_is_two_classes(name: str, end: Any) -> None:
    """The second class has the probability that the sigmoid gave."""
    given = model(end)
    second = given(IMAGES).numpy()[:, 0]

    logits = to_logits(given, "file", 2)(IMAGES)

    assert logits.shape == (6, 2)
    assert np.allclose(tf.nn.softmax(logits)[:, 1], second, atol=1e-6), name


def test_one_linear_number_is_two_classes_too() -> None:
    """A binary model that was trained from logits says the second class where it is positive."""
    given = model(L.Dense(1))
    number = given(IMAGES).numpy()[:, 0]

    assert (to_logits(given, "file", 2)(IMAGES).numpy().argmax(axis=1) == (number > 0)).all()


@pytest.mark.parametrize(
    ("end", "classes", "got"),
    [
        (L.Dense(2, activation="sigmoid", name="last"), 2, "Dense last with sigmoid"),
        (L.Dense(3, activation="relu", name="last"), 3, "Dense last with relu"),
        (L.Dense(1, activation="tanh", name="last"), 2, "Dense last with tanh"),
        (
            L.Dense(1, activation="softmax", name="last"),
            2,
            "Dense last with softmax over one number, which is always 1",
        ),
        (L.Softmax(axis=0, name="last"), 3, "Softmax last with softmax over the axis 0"),
        (L.ReLU(name="last"), 3, "ReLU last with relu"),
        (
            lambda x: L.Average(name="both")([L.Softmax()(x), L.Dense(3, activation="softmax")(x)]),
            3,
            "Average both with probabilities: none is negative, and their sum is 1",
        ),
    ],
    ids=["two sigmoids", "relu", "tanh", "softmax of one", "another axis", "a ReLU layer", "an ensemble"],
)
def test_what_is_neither_is_refused_by_name(end: Any, classes: int, got: str) -> None:
    """Also probabilities that no layer at the end makes: they would be taken for logits in silence."""
    with pytest.raises(Refused) as refused:
        to_logits(model(end), "file", classes)

    assert refused.value.problems[0].got == got


def test_a_softmax_is_taken_off_what_a_builder_gives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A builder of the user's own may end in a softmax, or in one sigmoid for two classes."""
    (tmp_path / "nets_with_ends.py").write_text(
        "from featherline.tasks.networks.framework import keras\n"
        "L = keras.layers\n"
        "def soft(shape, classes):\n"
        "    return keras.Sequential([L.Input(shape), L.Flatten(), L.Dense(classes, activation='softmax')])\n"
        "def binary(shape, classes):\n"
        "    return keras.Sequential([L.Input(shape), L.Flatten(), L.Dense(1, activation='sigmoid')])\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    for builder, classes in (("soft", 3), ("binary", 2)):
        built = build(Architecture(builder=f"nets_with_ends:{builder}"), SHAPE, classes)

        assert built.output_shape == (None, classes)
        assert not np.allclose(built(IMAGES).numpy().sum(axis=1), 1)
    assert "nets_with_ends:soft: the softmax of Dense dense" in capsys.readouterr().out
