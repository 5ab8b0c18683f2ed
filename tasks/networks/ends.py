"""What goes into a network and what comes out of it, by name: the one place where it is found out.

    network, names of the data's inputs, names of the problem's outputs ──► Ends ──► Model.ends ──► file, card, registry

A sole input or output is called as the data or the problem call it; of several each has the name that the network
itself gives it: that of its input layer, that of its key in the dict of outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from featherline.tasks.contracts.model import Ends, TensorSpec
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.inputs import input_specs


def ends_of(model: KerasModel, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> Ends:
    """Return the ends of a network, shapes those of one example.

    Args:
        model: Functional or Sequential.
        inputs: What a sole input is called; by its layer where empty.
        outputs: What a sole output is called; by its layer where empty.

    Raises:
        Refused: It gives several outputs without names.
    """
    specs = input_specs(model)
    fed = specs if isinstance(specs, Mapping) else {_sole(inputs, model.input_names): specs}
    given = by_name(model.output, _sole(outputs, model.output_names))
    return Ends(inputs=_specs(fed), outputs=_specs(given))


def by_name(outputs: Any, name: str) -> dict[str, Any]:  # noqa: ANN401 - tensors or arrays, as a network gives them
    """Return what a network gives as a dict, a sole output under `name`.

    Raises:
        Refused: They are several without names, whose order no file keeps.
    """
    if isinstance(outputs, Mapping):
        return dict(outputs)
    every = outputs if isinstance(outputs, list | tuple) else [outputs]
    if len(every) == 1:
        return {name: every[0]}
    raise refuse(
        "the outputs of the network have no names",
        expected="one output, or several as a dict: keras.Model(inputs, {name: tensor})",
        got=f"{len(every)} in a list, whose order a file does not keep",
        fix="give the builder's model its outputs as a dict",
    )


def _sole(wanted: Sequence[str], own: Sequence[str]) -> str:
    return wanted[0] if len(wanted) == 1 else own[0]


def _specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(shape=tuple(tensor.shape[1:]), dtype=tensor.dtype.name) for name, tensor in tensors.items()
    }
