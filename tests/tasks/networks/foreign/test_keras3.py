"""Keras 3 writes, tf_keras reads: every layer gives what it gave, or is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.foreign.archive import open_archive
from featherline.tasks.networks.foreign.build import build_model
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.model_files import load_path

keras3 = pytest.importorskip("keras", minversion="3")
L = keras3.layers
ops = keras3.ops
Make = Callable[[], Any]
IMAGE, SEQUENCE, VOLUME, FILM = (8, 8, 3), (8, 3), (6, 6, 6, 2), (4, 6, 6, 2)


def nested() -> Any:
    """Give a functional model of Keras 3."""
    inputs = keras3.Input(IMAGE)
    return keras3.Model(inputs, L.Add()([L.Conv2D(3, 3, padding="same")(inputs), inputs]))


def adapted() -> Any:
    """Give a normalisation that learnt its mean and variance."""
    layer = L.Normalization()
    layer.adapt(np.random.default_rng(1).normal(2, 3, size=(50, *IMAGE)))
    return layer


ACTIVATIONS = (
    *(
        "linear",
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "swish",
        "mish",
        "exponential",
        "softplus",
    ),
    *("sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "tanh", "softsign", "softmax", "log_softmax"),
)

IMAGES: list[Make] = [
    *(lambda name=name: L.Activation(name) for name in ACTIVATIONS),
    *(lambda name=name: L.Conv2D(4, 3, activation=name) for name in ("hard_sigmoid", "hard_silu", "relu6", "gelu")),
    *(lambda pad=pad: L.Conv2D(4, 3, strides=2, padding=pad) for pad in ("same", "valid")),
    *(lambda pad=pad: L.DepthwiseConv2D(3, strides=2, padding=pad, depth_multiplier=2) for pad in ("same", "valid")),
    *(lambda pad=pad: L.SeparableConv2D(4, 3, strides=2, padding=pad) for pad in ("same", "valid")),
    *(lambda pad=pad: L.Conv2DTranspose(4, 3, strides=2, padding=pad) for pad in ("same", "valid")),
    *(lambda pad=pad: L.MaxPooling2D(3, 2, padding=pad) for pad in ("same", "valid")),
    *(lambda pad=pad: L.AveragePooling2D(3, 2, padding=pad) for pad in ("same", "valid")),
    lambda: L.Conv2D(6, 3, groups=3, dilation_rate=2, use_bias=False),
    lambda: L.Conv2D(4, 3, kernel_regularizer="l2", kernel_constraint=keras3.constraints.MaxNorm(2)),
    lambda: L.Conv2D(4, 3, kernel_initializer=keras3.initializers.HeNormal(seed=3)),
    lambda: L.Conv2D(4, 3, activation=L.LeakyReLU(0.2)),
    lambda: L.Dense(4, activation=L.ReLU(6)),
    lambda: L.EinsumDense("bhwc,cd->bhwd", (None, None, 4), bias_axes="d"),
    lambda: L.BatchNormalization(momentum=0.9, epsilon=0.01),
    lambda: L.BatchNormalization(axis=1, scale=False),
    L.LayerNormalization,
    lambda: L.LayerNormalization(axis=[1, 2, 3], epsilon=1e-6),
    lambda: L.GroupNormalization(3),
    L.UnitNormalization,
    adapted,
    lambda: L.Normalization(mean=[1, 2, 3], variance=[1, 4, 9]),
    lambda: L.Normalization(mean=2.0, variance=3.0, axis=None, invert=True),
    lambda: L.Rescaling(1 / 127.5, -1),
    *(lambda how=how: L.Resizing(5, 7, interpolation=how) for how in ("bilinear", "nearest", "bicubic", "area")),
    lambda: L.Resizing(4, 6, crop_to_aspect_ratio=True),
    lambda: L.CenterCrop(3, 4),
    *(lambda how=how: L.UpSampling2D(2, interpolation=how) for how in ("bilinear", "nearest")),
    *(
        lambda name=name: getattr(L, name)(0.3)
        for name in ("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout2D")
    ),
    *(lambda name=name: getattr(L, name)(0.2) for name in ("RandomContrast", "RandomRotation", "RandomZoom")),
    L.RandomFlip,
    lambda: L.RandomTranslation(0.2, 0.2),
    lambda: L.ReLU(5.0, 0.1, 0.2),
    L.LeakyReLU,
    lambda: L.PReLU(shared_axes=[1, 2]),
    lambda: L.ELU(0.5),
    lambda: L.Softmax(axis=[1, 2]),
    lambda: L.GlobalAveragePooling2D(keepdims=True),
    L.GlobalMaxPooling2D,
    lambda: L.ZeroPadding2D(((0, 1), (2, 1))),
    lambda: L.Cropping2D(1),
    lambda: L.Reshape((64, -1)),
    lambda: L.Permute((3, 1, 2)),
    L.Flatten,
    L.Identity,
    lambda: keras3.Sequential([L.RandomFlip(), L.RandomRotation(0.1)]),
    lambda: keras3.Sequential([L.Conv2D(3, 3), keras3.Sequential([L.Dense(4)])]),
    lambda: keras3.Sequential([keras3.Input(IMAGE), L.Conv2D(3, 3, activation="hard_silu")]),
    nested,
]
SEQUENCES: list[Make] = [
    *(lambda kind=kind: kind(4) for kind in (L.LSTM, L.GRU, L.SimpleRNN)),
    lambda: L.Bidirectional(L.LSTM(4, return_sequences=True)),
    lambda: L.GRU(4, reset_after=False, recurrent_activation="hard_sigmoid"),
    lambda: L.Conv1D(4, 3, padding="causal"),
    lambda: L.DepthwiseConv1D(3),
    lambda: L.SeparableConv1D(4, 3),
    lambda: L.Conv1DTranspose(4, 3, strides=2),
    lambda: L.TimeDistributed(L.Dense(4, activation="hard_sigmoid")),
    *(lambda name=name: getattr(L, name)() for name in ("GlobalAveragePooling1D", "MaxPooling1D", "UpSampling1D")),
]
VOLUMES: list[Make] = [
    lambda: L.Conv3D(4, 3),
    lambda: L.Conv3DTranspose(4, 3),
    lambda: L.AveragePooling3D(2),
    lambda: L.UpSampling3D(2),
]
FILMS: list[Make] = [lambda: L.ConvLSTM2D(3, 3), lambda: L.TimeDistributed(L.Conv2D(4, 3))]


def shared(x: Any) -> Any:
    """Call one convolution, one functional and one sequential model twice each."""
    for layer in (L.Conv2D(3, 3, padding="same"), nested(), keras3.Sequential([L.Conv2D(3, 1)])):
        x = layer(layer(x))
    return x


def frozen(x: Any) -> Any:
    """Call a model that is not to learn, as one does for transfer learning."""
    model = keras3.Sequential([L.Conv2D(3, 3), L.BatchNormalization()])
    model.trainable = False
    return model(x, training=False)


def attention(x: Any) -> Any:
    """Let an image attend to itself, in two ways."""
    tokens = L.Reshape((8, 24))(x)
    once = L.MultiHeadAttention(2, 5, value_dim=3)(tokens, L.Dense(4)(tokens))
    return L.MultiHeadAttention(2, 5)(query=once, value=tokens, key=tokens)


CALLS: list[Callable[[Any], Any]] = [
    shared,
    frozen,
    attention,
    *(
        lambda x, name=name: getattr(L, name)()([L.Conv2D(3, 1)(x), x])
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    ),
    lambda x: L.Concatenate(axis=1)([x, x]),
    lambda x: L.Dense(3)(inputs=x),
    lambda x: 2 * x - 1,
    lambda x: 1 - x,
    lambda x: 2 / (x + 9.0),
    lambda x: -x / 2,
    lambda x: x + L.Conv2D(3, 1)(x),
    lambda x: x * L.GlobalAveragePooling2D(keepdims=True)(x),
    lambda x: x * ops.relu6(x + 3.0) * (1 / 6),
    lambda x: ops.maximum(x, 0.2),
    *(
        lambda x, name=name: getattr(ops, name)(x)
        for name in ("relu", "abs", "sigmoid", "silu", "tanh", "softplus", "exp", "square", "hard_sigmoid", "hard_silu")
    ),
    ops.softmax,
]


def model_of(shape: tuple[int, ...], *calls: Callable[[Any], Any]) -> Any:
    """Give one model with an output for each, with weights that are not their initial ones."""
    inputs = keras3.Input(shape)
    model = keras3.Model(inputs, [call(inputs) for call in calls])
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.uniform(0.1, 0.9, size=weight.shape).astype(np.float32))
    return model


def read(path: Path, name: str = "model") -> Any:
    """Read a file, whatever it takes and gives."""
    folder = path.parent / "opened"
    folder.mkdir(exist_ok=True)
    return build_model(open_archive(path, folder), name)


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize(
    ("shape", "layers", "calls"),
    [(IMAGE, IMAGES, []), (SEQUENCE, SEQUENCES, []), (VOLUME, VOLUMES, []), (FILM, FILMS, []), (IMAGE, [], CALLS)],
    ids=["images", "sequences", "volumes", "films", "calls"],
)
def test_each_layer_gives_what_it_gave(
    tmp_path: Path, form: str, shape: tuple[int, ...], layers: list[Make], calls: list[Callable[[Any], Any]]
) -> None:
    """What Keras 3 saved is rebuilt with the same numbers, one by one, and still has them after our own store."""
    model = model_of(shape, *(make() for make in layers), *calls)
    model.save(tmp_path / f"model.{form}")
    images = np.random.default_rng(0).normal(0, 2, size=(3, *shape)).astype(np.float32)

    found = read(tmp_path / f"model.{form}")

    pairs = zip(model(images, training=False), found(images, training=False), strict=True)
    apart = {name: np.abs(a - b).max() for name, (a, b) in zip(model.output_names, pairs, strict=True)}
    assert {name: size for name, size in apart.items() if not size < 2e-5} == {}
    if form == "keras":
        found.save(tmp_path / "again.keras")
        again = load_path(tmp_path / "again.keras")(images, training=False)
        assert all(np.array_equal(a, b) for a, b in zip(found(images, training=False), again, strict=True))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        *((L.Activation(name, name="mine"), name) for name in ("celu", "hard_tanh", "log_sigmoid", "sparse_plus")),
        (L.RMSNormalization(name="mine"), "RMSNormalization"),
        (L.Resizing(4, 4, antialias=True, name="mine"), "antialias=True"),
        (L.Resizing(4, 4, pad_to_aspect_ratio=True, name="mine"), "pad_to_aspect_ratio=True"),
        (L.RandomCrop(4, 4, name="mine"), "RandomCrop"),
        (lambda x: x[:, :4], "GetItem"),
        (ops.gelu, "Gelu"),
        (lambda x: ops.softmax(x, axis=1), "axis=1"),
        (lambda x: ops.leaky_relu(x, 0.3), "LeakyRelu"),
        (lambda x: ops.elu(x, alpha=0.5), "alpha=0.5"),
        (lambda x: x * np.array([1, 2, 3], np.float32), "__numpy__"),
        (lambda x: ops.mean(x, axis=(1, 2)), "Mean"),
    ],
)
def test_what_is_not_the_same_is_refused_by_name(tmp_path: Path, call: Callable[[Any], Any], named: str) -> None:
    """A function, a layer, a setting or an operation without an equal is named."""
    model_of(IMAGE, call).save(tmp_path / "model.keras")

    with pytest.raises(Refused) as refused:
        read(tmp_path / "model.keras")

    assert named in refused.value.problems[0].got


def test_hard_sigmoid_is_that_of_its_keras(tmp_path: Path) -> None:
    """At 2.5 and -1 that of Keras 3 gives 0.9167 and 0.3333, that of Keras 2 gives 1 and 0.3."""
    points = np.array([[2.5, -1.0]], np.float32)
    model_of((2,), L.Activation("hard_sigmoid")).save(tmp_path / "three.keras")
    two = keras.Sequential([keras.Input((2,)), keras.layers.Activation("hard_sigmoid")])
    two.save(tmp_path / "two.keras")

    assert np.ravel(read(tmp_path / "three.keras")(points)) == pytest.approx([11 / 12, 1 / 3], abs=1e-6)
    assert np.ravel(read(tmp_path / "two.keras")(points)) == pytest.approx([1.0, 0.3], abs=1e-6)


@pytest.mark.parametrize("form", ["keras", "h5"])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
def test_mixed_precision_is_rebuilt_in_float32(tmp_path: Path, form: str, policy: str) -> None:
    """Whatever numbers a model was trained with, those that follow are float32, with the weights that it has."""
    model = model_of(IMAGE, keras3.Sequential([L.Conv2D(4, 3, dtype=policy), L.Dense(3, dtype=policy)]))
    model.save(tmp_path / f"model.{form}")
    images = np.random.default_rng(0).normal(size=(3, *IMAGE)).astype(np.float32)

    found = read(tmp_path / f"model.{form}")

    assert {weight.dtype.name for weight in found.weights} == {"float32"}
    assert {layer.compute_dtype for layer in found.layers} == {"float32"}
    kept = [np.asarray(weight, np.float32) for weight in model.weights]
    assert all(np.array_equal(a, b) for a, b in zip(found.get_weights(), kept, strict=True))
    assert np.allclose(found(images), np.asarray(model(images)), atol=0.3, rtol=0.05)
