"""TensorFlow and Keras 2, imported in the one order that works.

TFMOT needs Keras 2 (`tf_keras`), and the switch must be set before TensorFlow is imported. Whoever needs either takes
it from here: `from featherline.tasks.networks.framework import keras, tf`.

TensorFlow turns oneDNN off on CPUs that it does not know to profit, among them every AMD EPYC without VNNI. There a
training step of ResNet-20 takes 9.0 ms an example without it and 4.3 with it (one thread of a Zen 3, batch 128), of a
ResNet-20 of half the width 5.3 and 1.3. `TF_ENABLE_ONEDNN_OPTS=0` in the environment turns it off again.

`TF_CPP_MIN_LOG_LEVEL=0` shows what its C++ says of the machine, which would stand above every refusal.

tf_keras takes data frames and rotates arrays where it finds pandas and SciPy. No step gives it either, and looking for
them costs an eighth of the import, so it finds none.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from featherline.tasks.running.importing import without, without_collections

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
QUIET = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", os.environ.get("FEATHERLINE_GPUS", "-1"))

CHATTER = re.compile(rb"[IWE]\d{4} \d\d:|WARNING: All log messages before absl")
"""Lines of TensorFlow's C++ about the machine, which it prints while it is imported, whatever the level."""


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Keep those lines from standard error, and pass on all others when the block ends."""
    if not QUIET:
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said, os.fdopen(os.dup(2), "wb") as stderr:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr.fileno(), 2)
            said.seek(0)
            stderr.writelines(line for line in said if not CHATTER.match(line))


with _without_chatter(), without_collections(), without("pandas", "scipy"):
    import tensorflow as tf
    import tf_keras as keras

KerasModel: TypeAlias = Any
KerasLayer: TypeAlias = Any
Tensor: TypeAlias = Any
"""What tf_keras and TensorFlow give no types for, by the name of what it is."""

__all__ = ["KerasLayer", "KerasModel", "Tensor", "keras", "tf"]
