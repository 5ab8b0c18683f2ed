"""Builders: what they build, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.planning.recipes import read_recipe

ROOT = Path(__file__).parents[4]
SHAPE = (8, 8, 1)


@pytest.mark.parametrize(
    ("builder", "options"),
    [
        ("resnet", {"depth": 8, "width": 4}),
        ("resnet", {"depth": 14, "width": 3}),
        ("cnn", {"widths": [4, 8], "dense": 0}),
        ("ds_cnn", {"stem": 8, "widths": [16], "strides": [2], "kernel": 5}),
        ("resnet", {"stem": 8, "widths": [16, 8], "depths": [1, 2], "block": "separable", "kernel": 5}),
        ("mobilenet", {}),
        ("mobilenet", {"widths": [16], "depths": [2], "block": "separable", "stem_stride": 2}),
    ],
)
def test_builds_a_network_of_logits(builder: str, options: dict[str, int | list[int]]) -> None:
    """Each builder takes the images and ends in one linear logit a class, whatever the size of the image."""
    for shape in (SHAPE, (5, 7, 3)):
        model = build(Architecture(builder=builder, options=options), shape, 10)

        assert model.input_shape == (None, *shape)
        assert model.output_shape == (None, 10)
        assert model.layers[-1].get_config()["activation"] == "linear"


def test_depth_counts_the_layers_with_weights() -> None:
    """ResNet-14 has 13 convolutions of 3x3 and one dense layer; projections are extra."""
    model = build(Architecture(builder="resnet", options={"depth": 14, "width": 4}), SHAPE, 10)

    kernels = [layer.kernel_size for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert kernels.count((3, 3)) == 13
    assert kernels.count((1, 1)) == 2


def test_every_second_block_halves_the_image_and_the_pair_after_it_is_wider() -> None:
    """Three blocks of width 16 have 16, 16 and 32 channels on 8, 4 and 4 pixels."""
    model = build(Architecture(builder="ds_cnn", options={"stem": 8, "width": 16, "blocks": 3}), SHAPE, 10)

    shapes = [layer.output_shape[1:] for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert shapes == [(8, 8, 8), (8, 8, 16), (4, 4, 16), (4, 4, 32)]


def layers_of(builder: str, kind: str, **options: Any) -> list[Any]:
    """Return the layers of one kind of a network, in their order."""
    model = build(Architecture(builder=builder, options=options), SHAPE, 10)
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def test_an_inverted_residual_widens_and_narrows_and_adds_where_the_shape_stays() -> None:
    """Of 2 + 2 blocks the second of each stage has a residual; 6 times what comes in is convolved by channel."""
    options = {"stem": 8, "widths": [16, 24], "depths": [2, 2], "expansion": 6}

    depthwise = layers_of("mobilenet", "DepthwiseConv2D", **options)

    assert [layer.output_shape[1:] for layer in depthwise] == [(8, 8, 48), (8, 8, 96), (4, 4, 96), (4, 4, 144)]
    assert [layer.output_shape[1:] for layer in layers_of("mobilenet", "Add", **options)] == [(8, 8, 16), (4, 4, 24)]


def test_an_expansion_of_one_leaves_the_widening_out() -> None:
    """A block is a depthwise convolution and one of 1x1; with 2 there is one of 1x1 before it."""
    options = {"stem": 8, "widths": [16], "depths": [1]}

    assert [len(layers_of("mobilenet", "Conv2D", **options, expansion=expansion)) for expansion in (1, 2)] == [2, 3]


def test_stages_of_a_resnet_have_their_own_width_and_depth() -> None:
    """Two stages of 2 and 1 blocks: convolutions of 5x5, a stem of another width, projections where shapes change."""
    convolutions = layers_of("resnet", "Conv2D", stem=8, widths=[16, 24], depths=[2, 1], kernel=5)

    shapes = [(layer.kernel_size[0], *layer.output_shape[2:]) for layer in convolutions]
    stage = [(5, 8, 16), (5, 8, 16), (1, 8, 16), (5, 8, 16), (5, 8, 16)]
    assert shapes == [(3, 8, 8), *stage, (5, 4, 24), (5, 4, 24), (1, 4, 24)]


def test_separable_blocks_cost_less_than_basic_ones() -> None:
    """The same stages take less than a quarter of the multiply-accumulates."""
    macs = [
        count_macs(build(Architecture(builder="resnet", options={"depth": 8, "block": block}), SHAPE, 10))
        for block in ("basic", "separable")
    ]

    assert macs[1] < macs[0] / 4


@pytest.mark.parametrize(
    ("builder", "options", "got", "fix"),
    [
        ("resnet", {"depth": 18}, "18", "take 14 or 20"),
        ("resnet", {"depth": 2}, "2", "correct depth of the architecture"),
        ("resnet", {"width": 0}, "0", "correct width of the architecture"),
        ("resnet", {"width": True}, "True", "correct width of the architecture"),
        ("resnet", {"widht": 8}, "widht", "did you mean width?"),
        ("resnett", {}, "resnett", "did you mean resnet?"),
        ("cnn", {"widths": []}, "[]", "correct widths of the architecture"),
        ("cnn", {"widths": [8, -1]}, "-1", "correct widths[1] of the architecture"),
        ("ds_cnn", {"widths": [12], "strides": [1]}, "12", "correct widths[0] of the architecture"),
        ("ds_cnn", {"widths": [16], "strides": [1, 2]}, "[1, 2]", "correct strides of the architecture"),
        ("ds_cnn", {"widths": [16], "strides": [3]}, "3", "correct strides[0] of the architecture"),
        ("ds_cnn", {"width": 12}, "12", "correct width of the architecture"),
        ("ds_cnn", {"blocks": 0}, "0", "correct blocks of the architecture"),
        ("ds_cnn", {"kernel": 4}, "4", "correct kernel of the architecture"),
        ("resnet", {"widths": [12, 16]}, "12", "correct widths[0] of the architecture"),
        ("resnet", {"stem": 12}, "12", "correct stem of the architecture"),
        ("resnet", {"widths": [8, 16], "depths": [1]}, "[1]", "correct depths of the architecture"),
        ("resnet", {"depths": [1, 0, 1]}, "0", "correct depths[1] of the architecture"),
        ("resnet", {"depths": 3}, "3", "correct depths of the architecture"),
        ("resnet", {"block": "inverted"}, "'inverted'", "correct block of the architecture"),
        ("resnet", {"block": ["basic"]}, "['basic']", "correct block of the architecture"),
        ("resnet", {"kernel": 7}, "7", "correct kernel of the architecture"),
        ("mobilenet", {"stem": 4}, "4", "correct stem of the architecture"),
        ("mobilenet", {"widths": [8, 20], "depths": [1, 1]}, "20", "correct widths[1] of the architecture"),
        ("mobilenet", {"widths": [8, 16]}, "[1, 2, 2, 2]", "correct depths of the architecture"),
        ("mobilenet", {"depths": [1, 1, 1, 0]}, "0", "correct depths[3] of the architecture"),
        ("mobilenet", {"block": "basic"}, "'basic'", "correct block of the architecture"),
        ("mobilenet", {"kernel": 4}, "4", "correct kernel of the architecture"),
        ("mobilenet", {"expansion": 0}, "0", "correct expansion of the architecture"),
        ("mobilenet", {"expansion": 1.5}, "1.5", "correct expansion of the architecture"),
        ("mobilenet", {"features": 12}, "12", "correct features of the architecture"),
        ("mobilenet", {"stem_stride": True}, "True", "correct stem_stride of the architecture"),
        ("no_such_module:net", {}, "no module no_such_module", "install it into the image"),
        ("math:sine", {}, "sine", "did you mean sin?"),
    ],
)
def test_refuses_what_it_cannot_build(builder: str, options: dict[str, int], got: str, fix: str) -> None:
    """Each broken option is refused with what was met and what to change."""
    with pytest.raises(Refused) as refused:
        build(Architecture(builder=builder, options=options), SHAPE, 10)

    assert [problem.got for problem in refused.value.problems] == [got]
    assert fix in refused.value.problems[0].fix


def test_every_broken_option_is_named_at_once() -> None:
    """Two wrong options give two problems."""
    with pytest.raises(Refused) as refused:
        build(Architecture(builder="resnet", options={"depth": 9, "width": -1}), SHAPE, 10)

    assert [problem.got for problem in refused.value.problems] == ["9", "-1"]


@pytest.mark.parametrize(
    ("builder", "options", "expected"),
    [
        ("resnet", {"depth": 6 * 10**8 + 2}, "a whole number of at most 4096"),
        ("resnet", {"width": 10**12}, "a whole number of at most 4096"),
        ("cnn", {"dense": 10**9}, "a whole number of at most 4096"),
        ("cnn", {"widths": [8] * 20_000}, "a list of whole numbers, 1 to 256 of them"),
    ],
)
def test_a_network_without_end_is_refused(builder: str, options: dict[str, Any], expected: str) -> None:
    """What would be built for hours, or fill the memory, is refused before its first layer."""
    with pytest.raises(Refused) as refused:
        build(Architecture(builder=builder, options=options), SHAPE, 10)

    assert refused.value.problems[0].expected == expected


USERS = """
import math
from featherline.tasks.networks.framework import keras

def linear(input_shape, classes, *, units):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(classes)(keras.layers.Flatten()(inputs)))

def wrong(input_shape, classes):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(classes + 1)(keras.layers.Flatten()(inputs)))

def nothing(input_shape, classes):
    return None
"""


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the name of a module of the user's own builders."""
    (tmp_path / "nets_of_a_user.py").write_text(USERS)
    monkeypatch.syspath_prepend(tmp_path)
    return "nets_of_a_user"


def test_builds_the_users_own(user_module: str) -> None:
    """`module:function` is called with the input shape, the classes and the options."""
    model = build(Architecture(builder=f"{user_module}:linear", options={"units": 1}), SHAPE, 3)

    assert model.output_shape == (None, 3)


@pytest.mark.parametrize(
    ("function", "what"),
    [
        ("linear", "lacks the option units"),
        ("wrong", "gives a model of other shapes"),
        ("nothing", "gives no tf_keras model"),
        ("liner", "is not there"),
    ],
)
def test_refuses_a_users_builder_that_keeps_no_promise(user_module: str, function: str, what: str) -> None:
    """What the user's builder gives is checked as the zoo's own."""
    with pytest.raises(Refused) as refused:
        build(Architecture(builder=f"{user_module}:{function}"), SHAPE, 3)

    assert what in refused.value.problems[0].what


@pytest.mark.parametrize(
    ("recipe", "megabytes", "gigaflops"), [("cifar10-resnet20", 1.10, 0.082), ("cifar10-wide-resnet20", 15.2, 1.139)]
)
def test_the_reference_models_have_their_size(recipe: str, megabytes: float, gigaflops: float) -> None:
    """ResNet-20 has 0.27 M weights and 41 M multiply-accumulates; of base width 60 it is the 15 MB, 1.14 GFLOP model.

    Source of the first: He et al. 2015, table 6, https://arxiv.org/abs/1512.03385.
    """
    architecture = read_recipe(ROOT / "recipes", recipe, {"data.source": "anywhere"}).model.architecture()
    assert architecture is not None

    model = build(architecture, (32, 32, 3), 10)

    assert 4 * model.count_params() / 1e6 == pytest.approx(megabytes, rel=0.01)
    assert 2 * count_macs(model) / 1e9 == pytest.approx(gigaflops, rel=0.01)
