"""`python -m featherline.tasks STEP`."""

import gc
import os
import sys

gc.set_threshold(50_000)  # imports make much and no garbage: looking for some takes a tenth of a hit's time

from featherline.tasks.running.shell import main  # noqa: E402 - after the line above, which is for this import above all

if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is written; taking the interpreter apart would take another fifth of it
