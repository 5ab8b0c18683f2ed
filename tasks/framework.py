"""TensorFlow and Keras 2, imported in the one order that works.

TFMOT needs Keras 2 (`tf_keras`), and the switch must be set before TensorFlow is imported. Whoever needs either takes
it from here: `from tasks.framework import keras, tf`.
"""

from __future__ import annotations

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", os.environ.get("FEATHERLINE_GPUS", "-1"))

import tensorflow as tf
import tf_keras as keras

__all__ = ["keras", "tf"]
