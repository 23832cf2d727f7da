"""Whose certificates are trusted, and what is said of a file that holds none."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import certifi
import pytest

from tux_http import HTTPClient
from tux_http.certificates import problem_with_file, ssl_context
from tux_http.config import ConfigError, Settings, load

if TYPE_CHECKING:
    from pathlib import Path

ADVICE = "it must name a file of certificates in PEM form, or not be set"


@pytest.fixture
def missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a file that is not there, which the environment names."""
    name = str(tmp_path / "missing.pem")
    monkeypatch.setenv("SSL_CERT_FILE", name)
    return f"SSL_CERT_FILE names {name}, which can't be read: No such file or directory; {ADVICE}"


@pytest.mark.parametrize(
    "content", [b"", b"not PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_certificates_is_told_as_such(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "authorities.pem"
    file.write_bytes(content)
    problem = problem_with_file({"SSL_CERT_FILE": str(file)})
    assert problem == f"SSL_CERT_FILE names {file}, which holds no certificates that can be read; {ADVICE}"


def test_a_folder_is_told_as_such(tmp_path: Path) -> None:
    problem = problem_with_file({"SSL_CERT_FILE": str(tmp_path)})
    assert problem == f"SSL_CERT_FILE names {tmp_path}, which can't be read: Is a directory; {ADVICE}"


@pytest.mark.parametrize("environ", [{}, {"SSL_CERT_FILE": ""}, {"SSL_CERT_FILE": certifi.where()}])
def test_there_is_no_problem_with_a_good_file_or_none(environ: dict[str, str]) -> None:
    assert problem_with_file(environ) is None


def test_a_wrong_file_is_told_with_the_other_problems_of_the_settings(missing: str, tmp_path: Path) -> None:
    environ = {"SSL_CERT_FILE": str(tmp_path / "missing.pem"), "TUX_HTTP__BOT__SYNC": "never?"}
    with pytest.raises(ConfigError) as wrong:
        load(None, environ)
    assert wrong.value.problems[-1] == missing
    assert len(wrong.value.problems) == 2


def test_it_is_no_problem_where_the_environment_is_not_trusted(tmp_path: Path) -> None:
    environ = {"SSL_CERT_FILE": str(tmp_path / "missing.pem"), "TUX_HTTP__HTTP__TRUST_ENV": "false"}
    assert isinstance(load(None, environ), Settings)


async def test_a_client_that_is_opened_without_settings_says_it_too(missing: str) -> None:
    service = HTTPClient()
    for opened in (service.get_client(), service.untrusted().get_client()):
        with pytest.raises(OSError, match="SSL_CERT_FILE") as wrong:
            await opened
        assert str(wrong.value) == missing
    with pytest.raises(OSError, match="SSL_CERT_FILE"):
        service.blocking()


def test_what_else_can_not_be_loaded_is_not_laid_to_the_variable(missing: str, tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="cert"), pytest.raises(FileNotFoundError) as wrong:
        ssl_context(cert=str(tmp_path / "client.pem"), trust_env=False)
    assert str(wrong.value) != missing
    context = ssl.create_default_context()
    assert ssl_context(context, trust_env=True) is context
