"""The sandbox as a process of its own, started and stopped as a person does."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tests.strict_python import PYTHON, alarms_in

if TYPE_CHECKING:
    import signal
    from collections.abc import Generator, Mapping

COMMAND = (*PYTHON, "-m", "tux_http", "sandbox")


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox; `url` is what it printed."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def stop(self, number: signal.Signals) -> float:
        """Sends the signal; gives the seconds until the process was gone."""
        sent = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - sent

    def alarms(self) -> list[str]:
        """Lines on its standard error that nobody wants to see."""
        said = self.log.read_text(encoding="utf-8")
        return [*alarms_in(said), *re.findall(r".*\b(?:ERROR|CRITICAL)\b.*", said)]


@contextlib.contextmanager
def running_sandbox(
    *arguments: str, environment: Mapping[str, str] = MappingProxyType({})
) -> Generator[Sandbox]:
    """Starts it with the arguments, `--no-browser --port 0` if none are given, and kills it if it still runs."""
    command = (*COMMAND, *(arguments or ("--no-browser", "--port", "0")))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "stderr"
        with (
            log.open("w") as stderr,
            subprocess.Popen(  # noqa: S603  # our own program
                command, stdout=subprocess.PIPE, stderr=stderr, text=True, env={**os.environ, **environment}
            ) as process,
        ):
            try:
                yield Sandbox(process, _url(process, log), log)
            finally:
                process.kill()


def _url(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    first = next(lines, "")
    found = re.match(r"Sandbox: (http://127\.0\.0\.1:\d+/#\S+)$", first)
    assert found, f"{first!r} is no address; standard error:\n{log.read_text(encoding='utf-8')}"
    assert next(lines) == "Press Ctrl-C to stop.\n"
    return found[1]
