"""Student and teacher with their feature maps as outputs beside their logits.

    for each height and width that both have: the last tensor of that size ──► a pair

The last one of a size is what a stage hands on, whatever its depth, width or kind of block; channels may differ.
"""

from __future__ import annotations

from typing import Any

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.framework import KerasModel, Tensor, keras, tf
from featherline.tasks.training.translated import TranslatedTeacher

MAP_RANK = 4
Size = tuple[int, int]


def last_maps(model: KerasModel) -> dict[Size, Tensor]:
    """Return the last tensor of each (height, width), larger than one place, in the order of the graph."""
    maps: dict[Size, Any] = {}
    for depth in sorted(model._nodes_by_depth, reverse=True):  # noqa: SLF001 - Keras 2 shows the order of a graph only here
        for node in model._nodes_by_depth[depth]:  # noqa: SLF001
            for tensor in [] if node.is_input else tf.nest.flatten(node.outputs):
                size = tuple(tensor.shape[1:3])
                if len(tensor.shape) == MAP_RANK and None not in size and max(size) > 1:
                    maps[size] = tensor
    return maps


def watched(student: KerasModel, teacher: KerasModel) -> tuple[Any, Any]:
    """Return both as models that give a list: logits, then the maps of every size that both have.

    The layers are those of the models given.

    Raises:
        Refused: No size is common to both.
    """
    if isinstance(teacher, TranslatedTeacher):
        student, inner = watched(student, teacher.model)
        return student, teacher.of(inner)
    ours, theirs = last_maps(student), last_maps(teacher)
    sizes = [size for size in ours if size in theirs]
    if not sizes:
        raise refuse(
            "attention transfer finds nothing to compare",
            expected="a height and width that feature maps of student and teacher have in common",
            got=f"student {_shown(ours)}; teacher {_shown(theirs)}",
            fix="set distillation.attention to 0, or give both networks the same strides",
        )
    return tuple(
        keras.Model(model.inputs, [model.outputs[0], *(maps[size] for size in sizes)])
        for model, maps in ((student, ours), (teacher, theirs))
    )


def _shown(maps: dict[Size, Any]) -> str:
    return ", ".join(f"{height}x{width}" for height, width in maps) or "none"
