"""TensorFlow and Keras 2, imported in the one order that works.

TFMOT needs Keras 2 (`tf_keras`), and the switch must be set before TensorFlow is imported. Whoever needs either takes
it from here: `from tasks.framework import keras, tf`.

TensorFlow turns oneDNN off on CPUs that it does not know to profit, among them every AMD EPYC without VNNI. There a
training step of ResNet-20 takes 9.0 ms an image without it and 4.3 with it (one thread of a Zen 3, batch 128), of a
ResNet-20 of half the width 5.3 and 1.3. `TF_ENABLE_ONEDNN_OPTS=0` in the environment turns it off again.
"""

from __future__ import annotations

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", os.environ.get("FEATHERLINE_GPUS", "-1"))

import tensorflow as tf
import tf_keras as keras

__all__ = ["keras", "tf"]
