"""TensorFlow as it is imported: quiet about the machine."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from featherline.tasks.networks.framework import tf
tf.constant(1.0) + 1
print('ours', file=sys.stderr)
"""


def test_tensorflow_says_nothing_of_the_machine() -> None:
    """Its C++ prints no line above what a step says, and what others print still comes."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert ended.stderr == "ours\n"


def test_tensorflow_is_imported_without_what_tf_keras_does_not_need() -> None:
    """Neither pandas nor SciPy, which both can be imported afterwards; the collector is on again."""
    program = (
        "import gc, sys\n"
        "from featherline.tasks.networks.framework import keras\n"
        "print(sorted({'pandas', 'scipy'} & sys.modules.keys()), gc.isenabled())\n"
        "import pandas, scipy.ndimage\n"
        "keras.Sequential([keras.layers.Dense(1)])(keras.backend.zeros((1, 1)))\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ended.stdout == "[] True\n"
