"""What a Celery worker calls itself to Airflow: several of them share one machine, so the machine's name would not do.

`[core] hostname_callable`; runs in Airflow's environment.
"""

from __future__ import annotations

import os
import socket

VARIABLE = "FEATHERLINE_WORKER"


def worker_name() -> str:
    """Return the worker's name, or the machine's for everything else."""
    return os.environ.get(VARIABLE) or socket.gethostname()
