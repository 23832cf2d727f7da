"""Python for processes of the tests: its warnings are errors, and what nobody wants to see is looked for."""

from __future__ import annotations

import sys

PYTHON = (
    sys.executable,
    "-X",
    "dev",
    "-W",
    "error",
    "-W",
    "ignore:'audioop' is deprecated:DeprecationWarning",  # discord.py's, before Python 3.13
)

ALARMS = ("Traceback", "Warning", "never awaited", "never retrieved", "nclosed", "was destroyed", "Exception")
"""What nobody wants to see on standard error."""


def alarms_in(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if any(alarm in line for alarm in ALARMS)]
