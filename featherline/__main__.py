"""`python -m featherline VERB`."""

import sys

from featherline.cli import main

if __name__ == "__main__":
    sys.exit(main())
