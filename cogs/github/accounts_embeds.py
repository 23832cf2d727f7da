"""A person or an organization as a card: an embed, and a row of links under it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import discord

from tux_http.cogs.github.accounts_api import ORGANIZATION
from tux_http.cogs.github.addresses import typed_address
from tux_http.cogs.github.parts import NEUTRAL, SHORT, add_fields, count, link_buttons, time
from tux_http.embeds import budget
from tux_http.languages import ENGLISH, N_
from tux_http.markdown import link, paragraphs, plain, safe_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tux_http.cogs.github.accounts_api import Account, FoundAccount
    from tux_http.languages import Language

__all__ = ["account_card", "account_links"]

TITLE: Final = 200
ABOUT: Final = 700
LINK: Final = 400
"""Longest texts in characters."""

BOT: Final = "Bot"
"""An app's account; its page is the app's, and it has no repositories."""

_KINDS: Final = {
    "User": ("👤", N_("Person")),
    BOT: ("🤖", N_("Bot")),
    ORGANIZATION: ("🏢", N_("Organization")),
}
_ACCOUNT: Final = ("🔹", N_("Account"))

_HANDLE: Final = re.compile(r"[A-Za-z0-9_]{1,15}")
"""A name on X: https://help.x.com/en/managing-your-account/x-username-rules."""


def account_card(
    found: FoundAccount, *, note: str | None = None, language: Language = ENGLISH
) -> discord.Embed:
    """The embed of a person or an organization; what is not known is left out.

    Args:
        found: What GitHub says of them.
        note: For the footer.
        language: Of the card; what people wrote of themselves stays as it is.
    """
    account, profile = found.account, found.profile
    name, login = plain(account.name or "", TITLE), plain(account.login, SHORT)
    embed = discord.Embed(
        title=f"{name} ({login})" if name and name != login else login,
        url=safe_link(account.html_url),
        description=" · ".join(_marks(found, language)),
        colour=NEUTRAL,
    )
    if about := paragraphs(account.bio or (profile and profile.description) or "", ABOUT):
        embed.description = f"{embed.description}\n\n{about}"
    embed.set_thumbnail(url=safe_link(account.avatar_url))
    add_fields(embed, _fields(account, language))
    if note is not None:
        embed.set_footer(text=note)
    return budget(embed)


def account_links(found: FoundAccount, language: Language = ENGLISH) -> discord.ui.View | None:
    """Buttons to the profile, the repositories and the website; None if there are none."""
    account, gettext = found.account, language.gettext
    page = (safe_link(account.html_url) or "").rstrip("/")
    return link_buttons(
        [
            (gettext("Profile"), page),
            (gettext("Repositories"), f"{page}?tab=repositories" if page and account.type != BOT else None),
            (gettext("Website"), typed_address(account.blog)),
        ]
    )


def _marks(found: FoundAccount, language: Language) -> Iterator[str]:
    icon, word = _KINDS.get(found.account.type or "", _ACCOUNT)
    yield f"{icon} {language.gettext(word)}"
    if found.profile is not None and found.profile.is_verified:
        yield "🔏 " + language.gettext("Verified")


def _fields(account: Account, language: Language) -> Iterator[tuple[str, str | None]]:
    gettext = language.gettext
    yield gettext("Followers"), count(account.followers, language)
    if account.type != ORGANIZATION:  # which follows nobody
        yield gettext("Following"), count(account.following, language)
    yield gettext("Public repositories"), count(account.public_repos, language)
    yield gettext("Company"), plain(account.company or "", SHORT) or None
    yield gettext("Location"), plain(account.location or "", SHORT) or None
    yield gettext("Joined"), time(account.created_at, "D")
    yield gettext("Website"), _website(account)
    yield "X", _handle(account.twitter_username)


def _website(account: Account) -> str | None:
    if (address := typed_address(account.blog)) is None:
        return None
    return link(address.partition("://")[2].rstrip("/"), address, LINK + len(address))


def _handle(name: str | None) -> str | None:
    return link(f"@{name}", f"https://x.com/{name}", LINK) if _HANDLE.fullmatch(name or "") else None
