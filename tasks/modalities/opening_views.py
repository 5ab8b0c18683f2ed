"""The TensorFlow side of modalities by name: apart from the modalities, so that who only reads needs no TensorFlow."""

from __future__ import annotations

import importlib

from featherline.tasks.modalities.protocol import Views

VIEWS = {"image": "featherline.tasks.modalities.image.augmentation:ImageViews"}
"""Of those whose examples have random views. One that is not here has none."""


def open_views(name: str) -> Views | None:
    """Return what makes random views of a modality's examples; None where it has none."""
    if name not in VIEWS:
        return None
    module, _, made = VIEWS[name].partition(":")
    views: Views = getattr(importlib.import_module(module), made)()
    return views
