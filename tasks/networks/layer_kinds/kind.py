"""The words of the table: a kind of layer, its weights, and what it does with channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from featherline.tasks.networks.framework import KerasLayer
from featherline.tasks.networks.layer_kinds.counts import Call, Kernel, no_kernels, places_made


class Flow(Enum):
    """What a layer does with the channels that it reads."""

    MAKES = "reads channels and makes new ones"
    MULTIPLIES = "makes some of each channel that it reads"
    PASSES = "gives the channels that it reads"
    COUPLES = "gives the channels that it reads, each computed from all"
    JOINS = "works channel by channel on several tensors"
    LINES_UP = "lays the channels of several tensors side by side"
    RESHAPES = "lays the channels of several places side by side, or apart again"
    HIDES = "cannot be looked through"


class Qat(Enum):
    """What TFMOT's 8-bit quantization-aware training does with a layer."""

    COVERED = "trains it rounded"
    SPLIT = "makes two layers of it, which it trains rounded"
    FOLDED = "folds it into the convolution right before it, and knows it nowhere else"
    REFUSED = "refuses the whole model"


AS_IT_IS: Literal[""] = ""
"""Of a column: the layer keeps its weights as they are, and nobody is astonished; its weights are few."""

Int8 = Literal["whole", "float", "never"]
"""After training the converter makes int8 of all of it, leaves it in float, or cannot make a file of the network."""


@dataclass(frozen=True)
class Weight:
    """A weight of a layer.

    Attributes:
        name: Of the variable.
        reads: Its axis along which the channels that the layer reads lie, from the end; each may stand there often.
        makes: The same of the channels that it makes.
        is_kernel: Whether a matrix product is taken with it: weight decay pulls it to zero.
    """

    name: str
    reads: int | None = None
    makes: int | None = None
    is_kernel: bool = False


def unhindered(_layer: KerasLayer) -> None:
    """Say that channels can be followed however the layer is set."""


@dataclass(frozen=True)
class Kind:
    """A kind of layer, a row of the table.

    Attributes:
        layer: The class.
        flow: What it does with channels.
        weights: In no order. Weights that lie along no channels may be left out.
        maker: The name of the weight by which it makes its channels.
        width: The setting that says how many channels it makes.
        hindrance: What hinders to follow channels as this one is set, and how to mend it; None where nothing does.
        kernels: The operators with weights that the converter makes of one.
        places: How often an inference multiplies by those weights.
        products: The multiply-accumulates of a call, where they are not simply weights times places.
        folds: Whether it becomes no operator of its own in the file, or one that only names another shape.
        sparse: The weight that may hold zeros and share values; refused where it has kernels and this is None.
        int4: Whether each channel of the kernel has a step of its own in four bits, or one is for all; None as above.
        qat: What quantization-aware training does with it.
        int8: What conversion to int8 after training does with it.
        takes_normalisation: Whether a batch normalisation right behind it is folded into it.
        takes_relu: Whether a ReLU right behind it becomes part of it.
        has_batch_statistics: Whether it learns means and variances of batches, and scales by `gamma`.
        rectifies: Whether it is a ReLU.
        is_activation: Whether it is nothing but the function in its setting `activation`.
        noise: The setting that says how much noise it adds in training.
        rows: The setting that says below which number the whole numbers must be that it reads.
    """

    layer: Any
    flow: Flow
    weights: tuple[Weight, ...] = ()
    maker: str | None = None
    width: str | None = None
    hindrance: Callable[[KerasLayer], tuple[str, str] | None] = unhindered
    kernels: Callable[[KerasLayer], tuple[Kernel, ...]] = no_kernels
    places: Callable[[Call], int] = places_made
    products: Callable[[Call], int] | None = None
    folds: bool = False
    sparse: str | None = None
    int4: Literal["channel", "tensor", ""] | None = None
    qat: Qat = Qat.REFUSED
    int8: Int8 = "whole"
    takes_normalisation: bool = False
    takes_relu: bool = False
    has_batch_statistics: bool = False
    rectifies: bool = False
    is_activation: bool = False
    noise: str | None = None
    rows: str | None = None

    def weight(self, name: str) -> Weight | None:
        """Return what is known of the weight of this name."""
        return next((weight for weight in self.weights if weight.name == name), None)
