from __future__ import annotations

import itertools
import ssl
from typing import TYPE_CHECKING, NamedTuple

import pytest
import trustme
from hypothesis import settings
from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Generator

settings.register_profile("shared", deadline=None)  # machines that run tests are shared and noisy
settings.load_profile("shared")


class TLS(NamedTuple):
    """Contexts of one private certificate authority: `h2` and `http11` for servers, `client` for clients."""

    h2: ssl.SSLContext
    http11: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def tls() -> TLS:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    servers: list[ssl.SSLContext] = []
    for protocols in (["h2", "http/1.1"], ["http/1.1"]):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(protocols)
        certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
        servers.append(context)
    client = ssl.create_default_context()
    authority.configure_trust(client)  # pyright: ignore[reportUnknownMemberType]
    return TLS(servers[0], servers[1], client)


@pytest.fixture(autouse=True)
def _quiet_log() -> None:
    logger.remove()


_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _own_cache_directory(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """No test finds another's files on disk, or leaves some for the user; they are made when they are used."""
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.getbasetemp() / "caches" / str(next(_numbers))
        patch.setenv("XDG_CACHE_HOME", str(directory))  # platformdirs heeds them
        patch.setenv("XDG_DATA_HOME", str(directory / "data"))
        yield
