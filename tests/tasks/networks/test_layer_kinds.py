"""The table of layer kinds: that it says what Keras and TFMOT do, and that nobody says it beside the table."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_registry as default,
)

import featherline
from featherline.tasks.compression.quantization.in_training.int4 import ROUNDED, RoundedConv2D
from featherline.tasks.networks.foreign import allowed
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.layer_kinds.kind import Flow, Kind, Qat
from featherline.tasks.networks.layer_kinds.table import KINDS, kernels_of, kind_behind, kind_of, name_of

TASKS = Path(featherline.__file__).parents[1] / "tasks"
OWN_ROOMS = (
    *("networks/layer_kinds/", "networks/zoo/", "networks/foreign/", "networks/transfer/"),
    "modalities/image/beginnings.py",
)
"""The table; builders; and what reads, cuts and asks files of others, which knows layers by their names in the file."""

L = keras.layers
FOLLOWED = [kind for kind in KINDS.values() if kind.weights]


def settings(kind: Kind) -> dict[str, int]:
    """Return what a layer with weights must be told."""
    name = kind.layer.__name__
    if "Conv" in name:
        return {"kernel_size": 3} | ({"depth_multiplier": 2} if "Depthwise" in name else {"filters": 4})
    known = {"Dense": {"units": 4}, "Embedding": {"input_dim": 9, "output_dim": 4}, "GroupNormalization": {"groups": 3}}
    return known.get(name, {})


def test_no_other_room_tells_layers_apart_by_their_class() -> None:
    """Elsewhere a class of keras.layers is only called, or inherited from; `Layer` itself is no kind."""
    found = [
        f"{file.relative_to(TASKS)}:{line}"
        for file in sorted(TASKS.rglob("*.py"))
        if not str(file.relative_to(TASKS)).startswith(OWN_ROOMS)
        for line in told_apart(file.read_text())
    ]

    assert found == []


def test_the_scan_sees_each_way_of_telling_layers_apart() -> None:
    """A test with isinstance, with type(), a table of classes, and an alias are found; building a layer is not."""
    text = """LAYERS = keras.layers
built = LAYERS.Dense(3)
class Own(keras.layers.Conv2D): ...
isinstance(layer, keras.layers.Dense)
type(layer) is LAYERS.Conv2D
KNOWN = (keras.layers.Add, built)
layer.depthwise_kernel
"""

    assert told_apart(text) == [4, 5, 6, 7]


def told_apart(text: str) -> list[int]:
    """Return the lines of a module that name a class of layers other than to call it or inherit from it."""
    tree = ast.parse(text)
    aliases = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "keras.layers"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    built = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    inherited = {id(base) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases}
    return sorted(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and id(node) not in built | inherited
        and (
            (ast.unparse(node.value) in {"keras.layers", *aliases} and node.attr[0].isupper() and node.attr != "Layer")
            or node.attr in {"depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings"}
        )
    )


@pytest.mark.parametrize("kind", FOLLOWED, ids=lambda kind: kind.layer.__name__)
def test_the_weights_of_a_kind_are_those_that_keras_makes(kind: Kind) -> None:
    """Their names, and along which axes the channels read and made lie, as a built layer of 3 channels shows."""
    rank = 3 if kind.layer.__name__.endswith(("1D", "1DTranspose")) else 5 if "3D" in kind.layer.__name__ else 4
    whole_numbers = kind.rows is not None
    inputs = keras.Input((6,), dtype="int32") if whole_numbers else keras.Input((6,) * (rank - 2) + (3,))
    layer = kind.layer(**settings(kind))

    made = layer(inputs).shape[-1]

    for variable in layer.weights:
        known = kind.weight(name_of(variable))
        assert known is not None
        for axis, count in ((known.reads, 3), (known.makes, made)):
            assert axis is None or variable.shape[axis] % count == 0
    assert kind.maker is None or kind.maker in {name_of(variable) for variable in layer.weights}
    assert kind.width is None or kind.width in layer.get_config()
    assert sum(term.of(3, made) for each in kernels_of(layer) for term in each.weights) == sum(
        tf.size(variable).numpy()
        for variable in layer.weights
        if "kernel" in variable.name or name_of(variable) == "embeddings"
    )


def test_quantization_aware_training_covers_what_tfmot_says() -> None:
    """The column agrees with the registry of TFMOT for every row, and every class of the registry has a row."""
    registry = default.Default8BitQuantizeRegistry()._layer_quantize_map

    covered = {kind.layer for kind in KINDS.values() if kind.qat is Qat.COVERED}

    assert covered == set(registry)


def test_four_bits_have_a_twin_for_each_kind_that_holds_them() -> None:
    """The column and the classes that round in training are the same, with one step for each channel or for all."""
    columns = {kind.layer: kind.int4 for kind in KINDS.values() if kind.int4}

    assert set(columns) == set(ROUNDED)
    assert {layer for layer, grid in columns.items() if grid == "channel"} == {RoundedConv2D.__base__}


def test_each_layer_that_a_file_of_others_may_have_is_known_or_refused() -> None:
    """A row, or no weights (what resizes and distorts pictures), or a recurrent convolution: refused by name."""
    unknown = {name for name in allowed.LAYERS if getattr(L, name) not in KINDS}

    others = {name for name in unknown if not name.startswith(("Random", "ConvLSTM"))}
    assert others == {"InputLayer", "Resizing", "CenterCrop"}


def test_a_class_that_inherits_is_counted_as_its_parent_and_rebuilt_as_nothing() -> None:
    """What counts may take a subclass for its parent; what rebuilds a layer must not."""

    class Own(L.Dense):
        pass

    assert kind_behind(Own(3)) is KINDS[L.Dense]
    assert kind_of(Own(3)) is None


def test_a_transposed_convolution_is_not_taken_for_the_class_that_it_inherits_from() -> None:
    """In Keras a Conv2DTranspose is a Conv2D, whose kernel lies the other way round."""
    assert issubclass(L.Conv2DTranspose, L.Conv2D)

    assert kind_behind(L.Conv2DTranspose(2, 3)) is KINDS[L.Conv2DTranspose]


def test_no_kind_that_hides_its_channels_may_hold_zeros() -> None:
    """Zeros, shared values and four bits are for kernels that channels can be followed through."""
    assert not [kind.layer for kind in KINDS.values() if kind.flow is Flow.HIDES and (kind.sparse or kind.int4)]
