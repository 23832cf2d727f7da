"""`python -m tux_http`; see `tux_http.cli`."""

import sys

from tux_http.cli import main

if __name__ == "__main__":
    sys.exit(main())
