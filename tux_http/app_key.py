"""The private key of a GitHub App: read from the file that the environment names, and looked at once."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TOKEN", "VARIABLE", "read_app_key"]

VARIABLE: Final = "GITHUB_APP_KEY_FILE"
"""The environment variable that names the file. The key itself has line breaks, and is no text for a variable."""

TOKEN: Final = "github.app"  # noqa: S105  # a name
"""Under which the key is among the settings' tokens; no API has such a name."""

LARGEST: Final = 64 * 1024


def read_app_key(environ: Mapping[str, str]) -> str:
    """The key, in PEM.

    Raises:
        ValueError: There is none that can be used; the message names neither the file nor what is in it.
    """
    if importlib.util.find_spec("jwt") is None or importlib.util.find_spec("cryptography") is None:
        raise ValueError('github.app_id needs an extra: pip install "tux-http[github-app]"')
    file = environ.get(VARIABLE, "")
    if not file:
        raise ValueError(f"github.app_id needs {VARIABLE}: the name of the file with the App's private key")
    key = _read(file)
    if not _is_rsa(key):
        raise ValueError(f"{VARIABLE} names a file that holds no RSA private key without a password, in PEM")
    return key


def _read(file: str) -> str:
    try:
        with Path(file).open(encoding="ascii") as opened:
            return opened.read(LARGEST)
    except UnicodeDecodeError:
        raise ValueError(f"{VARIABLE} names a file that is not PEM") from None
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "not a file name"
        raise ValueError(f"{VARIABLE} names a file that can't be read: {reason}") from None


def _is_rsa(key: str) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  # of an extra
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415  # same
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  # same

    try:
        return isinstance(load_pem_private_key(key.encode(), None), RSAPrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
