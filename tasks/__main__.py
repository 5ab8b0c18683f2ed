"""`python -m tasks STEP`."""

import sys

from tasks.shell import main

if __name__ == "__main__":
    sys.exit(main())
