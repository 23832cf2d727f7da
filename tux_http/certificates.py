"""Whose certificates are trusted: those that ship with certifi, or those that the environment names."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE: Final = "SSL_CERT_FILE"
"""The environment variable that names a file of certificate authorities; OpenSSL's, httpx's and many others'."""


def problem_with_file(environ: Mapping[str, str]) -> str | None:
    """What is wrong with the file that `SSL_CERT_FILE` names, in a line; None if nothing is, or none is named."""
    name = environ.get(VARIABLE)
    if not name:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=name)
    except ssl.SSLError:
        reason = "which holds no certificates that can be read"
    except OSError as exc:
        reason = f"which can't be read: {exc.strerror}"
    else:
        return None
    return (
        f"{VARIABLE} names {name}, {reason}; it must name a file of certificates in PEM form, or not be set"
    )


def ssl_context(verify: Any = True, cert: Any = None, *, trust_env: bool) -> ssl.SSLContext:
    """As `httpx.create_ssl_context`, but says which file is at fault. Blocks for tens of milliseconds.

    Raises:
        OSError: What `verify`, `cert` or the environment names can't be loaded.
    """
    try:
        return httpx.create_ssl_context(verify, cert, trust_env)
    except OSError as exc:
        if verify is not True or not trust_env or (problem := problem_with_file(os.environ)) is None:
            raise
        raise OSError(problem) from exc
