"""The modalities by name: the one table to which a new one is added."""

from __future__ import annotations

import importlib

from featherline.tasks.contracts.refusal import did_you_mean, refuse
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.side_by_side import SourcesSideBySide
from featherline.tasks.data.sources.source import Source
from featherline.tasks.modalities.protocol import Modality

MODALITIES = {"image": "featherline.tasks.modalities.image.modality:ImageModality"}
"""`module:class`, imported when it is asked for: a step pays for what its data are, and for nothing else."""


def open_modality(name: str) -> Modality:
    """Return a modality.

    Raises:
        Refused: There is none of this name.
    """
    if name not in MODALITIES:
        raise refuse(
            "the data are of no modality that is known here",
            expected=f"one of {', '.join(MODALITIES)}",
            got=name,
            fix=did_you_mean(name, MODALITIES),
        )
    module, _, made = MODALITIES[name].partition(":")
    modality: Modality = getattr(importlib.import_module(module), made)()
    return modality


def open_source(params: PreprocessParams) -> Source:
    """Open what a recipe names: a sole modality's source, or those of several inputs, side by side.

    Raises:
        Refused: One is not there, or cannot be read; or they are not of the same examples.
    """
    if not params.inputs:
        return open_modality(params.modality).open(params)
    opened = {name: open_modality(one.modality).open(params.of_input(name)) for name, one in params.inputs.items()}
    return SourcesSideBySide(opened)
