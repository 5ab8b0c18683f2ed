"""`x[..., ::-1]` of a file as `x[:, :, :, ::-1]`, which is the same of four axes and can be saved again.

Keras cannot write an ellipsis into a `.keras` file, so only HDF5 has it: `preprocess_input` of ResNet and VGG is one.
"""

from __future__ import annotations

from typing import Any

from featherline.tasks.contracts.refusal import refuse

RANK = 4
"""Of an input of (n, height, width, channels), the one of which the axes are known beforehand."""

ELLIPSIS = {"ellipsis": True}
"""What stands for one in a harmless configuration."""

WHOLE = {"start": None, "stop": None, "step": None}


def without_ellipsis(config: dict[str, Any]) -> set[str]:
    """Write out each ellipsis in a model and the models within it, in place.

    Returns:
        The names of the layers that had one, whose input must be of rank 4.
    """
    changed: set[str] = set()
    for layer in config["config"]["layers"]:
        if "layers" in layer["config"]:
            changed |= without_ellipsis(layer)
        for node in layer.get("inbound_nodes", ()) if layer["class_name"] == "SlicingOpLambda" else ():
            told = node[-1] if isinstance(node, list) and node and isinstance(node[-1], dict) else {}
            spec = told.get("slice_spec")
            if isinstance(spec, list) and ELLIPSIS in spec:
                place, known = spec.index(ELLIPSIS), sum(item is not None and item != ELLIPSIS for item in spec)
                told["slice_spec"] = [*spec[:place], *[WHOLE] * (RANK - known), *spec[place + 1 :]]
                changed.add(str(layer["name"]))
    return changed


def check_ranks(model: Any, changed: set[str], name: str) -> None:  # noqa: ANN401 - tf_keras has no types
    """Refuse a model in which an ellipsis stood for other axes than these."""
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.name in changed]  # noqa: SLF001
    nodes = [(layer, node) for layer in layers for node in layer._inbound_nodes]  # noqa: SLF001 - all calls
    for layer, node in nodes:
        if any(len(tensor.shape) != RANK for tensor in node.keras_inputs):
            raise refuse(
                f"{name} cannot be read",
                expected="an ellipsis in the index of four axes alone, (n, height, width, channels)",
                got=f"one in {layer.name}, of {tuple(node.keras_inputs[0].shape)}",
                fix="write the axes out, as in x[:, :, 0], or name the builder of the model in model.builder as "
                "module:function",
            )
