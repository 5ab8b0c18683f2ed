"""On what was measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """Return the CPU's model, the cores that this process may use, and the system, as one line."""
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else ())
        if line.startswith("model name")
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    model = names[0] if names else platform.processor() or "unknown CPU"
    return f"{model}, {cores} cores, {platform.system()} {platform.machine()}"
