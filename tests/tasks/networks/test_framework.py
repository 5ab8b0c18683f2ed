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
