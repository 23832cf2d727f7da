"""The metrics of the process: where they are served, and what an operator is told if they can't be."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.bot_process import running_bot
from tests.configuration import problems
from tests.discord_server import DiscordServer
from tux_http.config import ConfigError, MetricsSettings, load
from tux_http.http_client import HTTPClient
from tux_http.metrics import served
from tux_http.policy import HTTPSettings

if TYPE_CHECKING:
    from pathlib import Path

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}

WITHOUT_THE_CLIENT = """
import sys
sys.modules["prometheus_client"] = None
from tux_http.cli import main
sys.exit(main([]))
"""


def fetched(port: int) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=OPENMETRICS)
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # loopback
        return answer.read().decode()


async def test_they_are_served_while_the_service_works() -> None:
    async with HTTPClient(HTTPSettings()) as http:
        http.api("github", base_url="https://api.example")
        with served(MetricsSettings(enabled=True, port=0), http) as port:
            text = await asyncio.to_thread(fetched, port)
            assert 'tux_http_lane_slots{api="github"} 20' in text
            assert "process_cpu_seconds_total" in text
        with pytest.raises(OSError, match="refused"):
            await asyncio.to_thread(fetched, port)


def test_a_port_in_use_is_told_with_the_setting_to_change() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError) as caught, served(MetricsSettings(port=port), HTTPClient()):
            pass
    (told,) = caught.value.problems
    assert told == (
        f"metrics can't be served at 127.0.0.1, port {port}: Address already in use; "
        "set metrics.port or metrics.host"
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a" * 64 + ".example"])
def test_an_address_that_is_not_this_machines_is_told_too(host: str) -> None:
    with pytest.raises(ConfigError, match="metrics can't be served at ") as caught:
        served(MetricsSettings(host=host, port=0), HTTPClient()).__enter__()
    assert host in str(caught.value)


def test_wrong_settings_are_told() -> None:
    environ = {"TUX_HTTP__METRICS__PORT": "65536"}
    assert problems(None, None, environ) == ["TUX_HTTP__METRICS__PORT must be from 0 to 65535, got 65536"]
    assert problems(None, None, {"TUX_HTTP__METRICS__HOST": ""}) == [
        "TUX_HTTP__METRICS__HOST must be a host's name or address; 0.0.0.0 is every address"
    ]


def test_nobody_is_served_who_does_not_ask() -> None:
    assert not load(None, {}).metrics.enabled


def test_without_the_package_it_is_told_how_to_get_it(tmp_path: Path) -> None:
    ended = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", WITHOUT_THE_CLIENT],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"DISCORD_TOKEN": "a-token", "TUX_HTTP__METRICS__ENABLED": "true", "HOME": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert ended.stderr == (
        'metrics.enabled needs a package that is not installed: pip install "tux-http[metrics]"\n'
    )
    assert ended.returncode == 2


def test_who_has_no_metrics_does_not_load_them() -> None:
    code = "import sys, tux_http.process, tux_http.ext; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0  # noqa: S603  # ours


@pytest.mark.slow
async def test_the_process_serves_them_until_it_is_told_to_stop(tmp_path: Path) -> None:
    metrics = {"TUX_HTTP__METRICS__ENABLED": "true", "TUX_HTTP__METRICS__PORT": "0"}
    async with DiscordServer() as server, running_bot(server.url, tmp_path, **metrics) as bot:
        line = await bot.until_it_says("metrics are served at http://127.0.0.1:")
        await bot.until_it_says("ready as tux")
        found = re.search(r":(\d+)/metrics", line)
        assert found is not None
        text = await asyncio.to_thread(fetched, int(found[1]))
        assert "tux_http_build_info" in text
        ended = await bot.stop()
        assert (ended.status, ended.alarms, ended.errors) == (0, [], [])
        assert ended.seconds < 5
