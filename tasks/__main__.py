"""`python -m featherline.tasks STEP`."""

import gc
import os
import sys

gc.disable()  # until the step is imported (`running.importing`): imports make much, and no garbage
gc.set_threshold(50_000)

from featherline.tasks.running.shell import main  # noqa: E402 - after the lines above, which are for this import above all

if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is written; taking the interpreter apart would take another fifth of it
