"""Under what an answer is kept: the API, whose credentials asked, and the URL. None can be read from a key."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tux_http.caching.namespace import namespace
from tux_http.redaction import is_sensitive

if TYPE_CHECKING:
    import httpx

_SALT: Final = b"tux_http cache"


def key_of(request: httpx.Request, *, api: str, url: httpx.URL | None = None) -> str:
    """The key of what a GET with a request's credentials answers, for its own URL or another one."""
    return key_for(url or request.url, credentials_of(request.headers), api=api)


def key_for(url: httpx.URL, credentials: bytes, *, api: str) -> str:
    """The key of a URL (its fragment aside) as seen with credentials."""
    text = str(url.copy_with(fragment=None) if url.fragment else url)
    digest = hashlib.blake2b(text.encode(), key=credentials, digest_size=16)
    return namespace(api) + digest.hexdigest()


def credentials_of(headers: httpx.Headers) -> bytes:
    """A digest of the fields that say who asks, cookies among them; b"" if there are none."""
    told = [(name, value) for name, value in headers.multi_items() if is_sensitive(name)]
    return _derived(repr(sorted(told)).encode()) if told else b""


@lru_cache(maxsize=64)
def _derived(credentials: bytes) -> bytes:
    # Slow on purpose (some milliseconds, once each): whoever reads a store shall not find passwords by trying.
    return hashlib.scrypt(credentials, salt=_SALT, n=2**11, r=8, p=1, dklen=32)
