"""Whether something failed for want of memory, whoever noticed first: Python, NumPy, TensorFlow, Arrow or the kernel.

A step that ran out of memory ends as if the kernel had killed it, with exit code 137: a retry has more.
"""

from __future__ import annotations

import errno
import re

from featherline.tasks.store.disk import WORDS, causes

NATIVE = re.compile(r"std::bad_alloc|cannot allocate memory|unable to allocate|out of memory|\bOOM\b", re.IGNORECASE)
GPU = re.compile(r"device:GPU|GPU_\d|CUDA", re.IGNORECASE)
"""Memory of a GPU: more memory for the step does not help."""
EXHAUSTED = {"ResourceExhaustedError", "XlaRuntimeError", "JaxRuntimeError", "UnknownError", "InternalError"}
"""TensorFlow's names, by which it is known without being imported. It says the first of a full disk too."""


def out_of_memory(error: BaseException) -> str | None:
    """Return in words what ran out where it was memory of the machine; None where it was something else."""
    for cause in causes(error):
        said = " ".join(str(cause).split())[:300]
        native = isinstance(cause, RuntimeError | SystemError) and NATIVE.search(said)
        exhausted = type(cause).__name__ in EXHAUSTED and NATIVE.search(said) and not GPU.search(said)
        if (
            isinstance(cause, MemoryError)
            or (isinstance(cause, OSError) and cause.errno == errno.ENOMEM)
            or ((native or exhausted) and not WORDS.search(said) and not GPU.search(said))
        ):
            return f"{type(cause).__name__}: {said}".rstrip(": ")
    return None
