"""A Sentry of the tests' own: the real SDK, whose events stay in memory."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import sentry_sdk
from loguru import logger
from sentry_sdk.integrations.loguru import LoguruIntegration
from sentry_sdk.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Generator

    from sentry_sdk.envelope import Envelope


class Kept(Transport):
    """Sends nothing; keeps what it was to send."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.sent: list[str] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.sent.append(envelope.serialize().decode())
        if (event := envelope.get_event()) is not None:
            self.events.append(json.loads(json.dumps(event, default=str)))


@contextlib.contextmanager
def sentry(**options: Any) -> Generator[Kept]:
    """Sentry as its users have it, for what is begun within; of its integrations, loguru's only, and no other sink."""
    kept = Kept()
    client = sentry_sdk.Client(
        dsn="http://public@127.0.0.1/1",
        transport=kept,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoguruIntegration()],
        **options,
    )
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        logger.remove()
        LoguruIntegration.setup_once()  # the SDK adds its sinks with its first client, and never again
        yield kept
    client.close()
