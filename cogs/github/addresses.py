"""Addresses that are made of others: of a repository's page, and of what people typed for one."""

from __future__ import annotations

from typing import Final

from tux_http.markdown import safe_link

__all__ = ["repository_page", "typed_address"]

PARTS: Final = 5
"""`https:`, nothing, the host, the owner and the name."""


def repository_page(page: str | None) -> str | None:
    """That of a repository, of the address of a page below it; None if it is none."""
    parts = (page or "").split("/")
    return "/".join(parts[:PARTS]) if len(parts) > PARTS and safe_link(page, len(page or "")) else None


def typed_address(typed: str | None) -> str | None:
    """A homepage, which people type as they like: `example.org` is taken as a web address. None if it is none."""
    text = (typed or "").strip()
    return safe_link(text) or (safe_link(f"https://{text}") if "." in text and "://" not in text else None)
