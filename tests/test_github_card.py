from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import discord
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tux_http.cogs.github.api import Repository
from tux_http.cogs.github.embeds import repository_card, repository_links
from tux_http.cogs.github.languages import COLOURS
from tux_http.cogs.github.parts import NEUTRAL
from tux_http.cogs.github.reference import Reference

EXAMPLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "github" / "repository.json").read_text(encoding="utf-8")
)
FIELDS = Repository.__struct_fields__
ORIGIN = {"full_name": "linus/original", "html_url": "https://github.com/linus/original", "private": False}

HOSTILE = (
    "@everyone <@1> <@&2> <#3> [bank](https://evil.example) **b** `c` ||s|| ~~x~~ _i_ <t:1:R>\n# h\r\n> q "
)


def decoded(**changes: Any) -> Repository:
    return decoded_body(EXAMPLE | changes)


def decoded_body(body: dict[str, Any]) -> Repository:
    return msgspec.json.decode(msgspec.json.encode(body), type=Repository)


def card(repository: Repository, asked: str = "octocat/Hello-World") -> discord.Embed:
    return repository_card(repository, asked=Reference(*asked.split("/")))


def values(embed: discord.Embed) -> dict[str, str]:
    return {str(field.name): str(field.value) for field in embed.fields}


def lines(repository: Repository, asked: str = "octocat/Hello-World") -> list[str]:
    return (card(repository, asked).description or "").split("\n")


def buttons(repository: Repository) -> dict[str, str]:
    view = repository_links(repository)
    children = [] if view is None else view.children
    links = [child for child in children if isinstance(child, discord.ui.Button)]
    assert len(links) == len(children)
    assert all(link.style is discord.ButtonStyle.link for link in links)
    return {str(link.label): str(link.url) for link in links}


def texts(embed: discord.Embed) -> list[str]:
    named = [embed.title, embed.description, embed.author.name, embed.footer.text]
    return [text for text in [*named, *values(embed), *values(embed).values()] if text]


def test_the_official_example_fills_the_card() -> None:
    embed = card(decoded(language="C"))
    assert embed.title == "octocat/Hello-World"
    assert embed.url == "https://github.com/octocat/Hello-World"
    assert embed.author.name == "octocat"
    assert embed.author.url == "https://github.com/octocat"
    assert embed.author.icon_url == "https://github.com/images/error/octocat_happy.gif"
    assert embed.description is not None
    assert embed.description.endswith("\nThis your first repo!")
    assert values(embed) == {
        "⭐ Stars": "80",
        "🍴 Forks": "9",
        "👀 Watchers": "42",
        "🐛 Open issues": "0",
        "Language": "C",
        "Licence": "MIT",
        "Created": "<t:1296068472:D>",
        "Last push": "<t:1296068803:R>",
        "Topics": "`octocat` `atom` `electron` `api`",
        "Homepage": "[github.com](https://github.com)",
    }


def test_the_card_has_the_colour_of_the_language() -> None:
    assert card(decoded(language="Python")).colour == discord.Colour(0x3572A5)
    assert card(decoded(language="Nobody's")).colour == discord.Colour(NEUTRAL)
    assert card(decoded(language=None)).colour == discord.Colour(NEUTRAL)


def test_every_language_has_a_colour_that_discord_takes() -> None:
    assert len(COLOURS) > 100
    assert all(0 <= discord.Colour(colour).value <= 0xFFFFFF for colour in COLOURS.values())


def test_large_numbers_are_grouped() -> None:
    embed = card(decoded(stargazers_count=1234567, forks_count=1000, subscribers_count=999))
    assert values(embed)["⭐ Stars"] == "1,234,567"
    assert values(embed)["🍴 Forks"] == "1,000"
    assert values(embed)["👀 Watchers"] == "999"


def test_open_issues_say_that_pull_requests_are_among_them() -> None:
    assert values(card(decoded(open_issues_count=1057)))["🐛 Open issues"] == "1,057 (incl. PRs)"


def test_stars_are_never_passed_off_as_watchers() -> None:
    body = {key: value for key, value in EXAMPLE.items() if key != "subscribers_count"}
    assert "👀 Watchers" not in values(card(decoded_body(body)))


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "full_name"])
@pytest.mark.parametrize("absent", [False, True])
def test_a_field_without_a_value_is_left_out(field: str, absent: bool) -> None:
    body = EXAMPLE | {field: None}
    if absent:
        del body[field]
    embed, full = card(decoded_body(body)), card(decoded())
    assert not [text for text in texts(embed) if "None" in text or "null" in text]
    assert set(texts(embed)) <= set(texts(full)) | {embed.description}


def test_a_body_of_nothing_but_a_name_is_a_card() -> None:
    repository = decoded_body({"full_name": "octocat/Hello-World"})
    assert texts(card(repository)) == ["octocat/Hello-World"]
    assert repository_links(repository) is None


def test_a_body_of_nulls_is_a_card() -> None:
    body = dict.fromkeys(EXAMPLE, None) | {"full_name": "octocat/Hello-World"}
    assert texts(card(decoded_body(body))) == ["octocat/Hello-World"]


def test_owner_and_licence_of_nulls_are_left_out() -> None:
    nothing = {"login": None, "avatar_url": None, "html_url": None, "name": None, "spdx_id": None}
    embed = card(decoded(owner=nothing, license=nothing))
    assert embed.author.name is None
    assert "Licence" not in values(embed)


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ({"name": "MIT License", "spdx_id": "MIT"}, "MIT"),
        ({"name": "Other", "spdx_id": "NOASSERTION"}, "Other"),
        ({"name": "House rules", "spdx_id": None}, "House rules"),
    ],
)
def test_a_licence_goes_by_its_short_name_where_it_has_one(found: dict[str, str | None], shown: str) -> None:
    assert values(card(decoded(license=found)))["Licence"] == shown


PLAIN = {"template_repository": None, "mirror_url": None, "description": None}


@pytest.mark.parametrize(
    ("changes", "marker"),
    [
        ({}, ""),
        ({"archived": True}, "📦 Archived"),
        ({"disabled": True}, "⛔ Disabled"),
        ({"private": True}, "🔒 Private"),
        ({"private": True, "visibility": "internal"}, "🏢 Internal"),
        ({"is_template": True}, "📋 Template"),
        ({"mirror_url": "git://git.example.org/x"}, "🔁 Mirror"),
        ({"fork": True, "parent": ORIGIN}, "🍴 Fork of [linus/original](https://github.com/linus/original)"),
        ({"fork": True, "parent": ORIGIN | {"html_url": None}}, "🍴 Fork of linus/original"),
        ({"fork": True, "parent": None}, "🍴 Fork"),
        ({"fork": False, "parent": ORIGIN}, ""),
        (
            {"template_repository": ORIGIN},
            "🧩 Made from [linus/original](https://github.com/linus/original)",
        ),
        ({"template_repository": {}}, "🧩 Made from a template"),
        ({"archived": True, "is_template": True}, "📦 Archived · 📋 Template"),
    ],
)
def test_what_is_special_about_a_repository_is_marked(changes: dict[str, Any], marker: str) -> None:
    assert lines(decoded(**PLAIN | changes)) == [marker]


def test_another_name_than_the_one_asked_for_is_mentioned() -> None:
    repository = decoded(**PLAIN)
    assert lines(repository, "old-owner/old_name") == ["➡️ Renamed from old-owner/old\\_name"]
    assert lines(repository, "OCTOCAT/hello-world") == [""]


@pytest.mark.parametrize(
    ("homepage", "link"),
    [
        ("https://tux.example/", "https://tux.example/"),
        ("http://tux.example/a_b(c)", "http://tux.example/a_b%28c%29"),
        (" tux.example/docs ", "https://tux.example/docs"),
        ("", None),
        (" ", None),
        ("coming soon", None),
        ("soon", None),
        ("javascript:alert(1).x", None),
        ("javascript://tux.example/%0aalert(1)", None),
        ("mailto:tux@tux.example", None),
        ("https://user:secret@tux.example/", None),
        ("https://[::1", None),
        ("https://tux.example/" + "x" * 600, None),
    ],
)
def test_a_homepage_is_linked_if_it_is_an_address_of_the_web(homepage: str, link: str | None) -> None:
    repository = decoded(homepage=homepage)
    assert buttons(repository).get("Homepage") == link
    field = values(card(repository)).get("Homepage")
    assert field is None if link is None else f"]({link})" in str(field)


def test_buttons_lead_to_the_pages_of_the_repository() -> None:
    page = "https://github.com/octocat/Hello-World"
    assert buttons(decoded()) == {
        "Repository": page,
        "Issues": f"{page}/issues",
        "Pull requests": f"{page}/pulls",
        "Releases": f"{page}/releases",
        "Homepage": "https://github.com",
    }


def test_pages_that_are_switched_off_have_no_button() -> None:
    labels = buttons(decoded(has_issues=False, has_pull_requests=False, homepage=None))
    assert list(labels) == ["Repository", "Releases"]


def test_an_address_too_long_for_a_button_has_none() -> None:
    page = "https://ghe.example/".ljust(505, "x")
    assert buttons(decoded(html_url=page, homepage=None)) == {
        "Repository": page,
        "Issues": f"{page}/issues",
        "Pull requests": f"{page}/pulls",
    }


def test_an_unsafe_address_of_the_repository_is_linked_nowhere() -> None:
    repository = decoded(html_url="javascript:alert(1)", homepage=None)
    assert card(repository).url is None
    assert repository_links(repository) is None


def test_more_topics_than_fit_are_counted() -> None:
    names = [f"topic-{number:03}-{'x' * 40}" for number in range(100)]
    shown = values(card(decoded(topics=names)))["Topics"]
    topics, _, rest = shown.partition(" and ")
    assert [topic.strip("`") for topic in topics.split()] == names[: len(topics.split())]
    assert rest == f"{100 - len(topics.split())} more"


def _hostile(key: str, value: Any) -> Any:
    """Every text but addresses and times, at every depth, made hostile."""
    match value:
        case dict():
            return {
                str(name): _hostile(str(name), inner) for name, inner in cast("dict[Any, Any]", value).items()
            }
        case list():
            return [_hostile(key, inner) for inner in cast("list[Any]", value)]
        case str() if not key.endswith(("_url", "_at", "visibility")):
            return HOSTILE * 100
        case _:
            return value


def test_hostile_text_in_every_field_does_nothing() -> None:
    embed = card(decoded_body(_hostile("", EXAMPLE | {"language": "C", "fork": True})))
    inert = {embed.author.name, values(embed)["Topics"]}  # nothing is rendered there
    rendered = [text for text in texts(embed) if text not in inert]
    for text in rendered:
        assert "@everyone" not in text
        assert "<@1>" not in text
        assert "<@&2>" not in text
        assert "<#3>" not in text
        assert "\n# " not in text
    for text in [embed.title, embed.description, values(embed)["Language"], values(embed)["Licence"]]:
        assert text is not None
        assert "[bank](" not in text.replace("\\[", "").replace("\\]", "")
        assert "**b**" not in text
        assert "||s||" not in text
        assert "`c`" not in text
    assert len((embed.description or "").split("\n")) == 3
    assert_within_limits(embed)


def assert_within_limits(embed: discord.Embed) -> None:
    assert len(embed.title or "") <= 256
    assert len(embed.description or "") <= 4096
    assert len(embed.author.name or "") <= 256
    assert len(embed.fields) <= 25
    assert all(1 <= len(value) <= 1024 for value in values(embed).values())
    assert len(embed) <= 6000


@settings(deadline=None)
@given(
    text=st.text(max_size=300).map(lambda text: text * 30),
    field=st.sampled_from(["full_name", "description", "language", "homepage", "html_url", "mirror_url"]),
)
def test_no_text_takes_the_card_over_the_limits(text: str, field: str) -> None:
    repository = decoded_body(EXAMPLE | {field: text.encode("utf-8", "replace").decode()})
    assert_within_limits(card(repository))
    assert all(len(url) <= 512 for url in buttons(repository).values())


def test_numbers_and_times_at_the_edge_are_shown() -> None:
    edge = {
        "stargazers_count": 2**63,
        "created_at": "0001-01-01T00:00:00Z",
        "pushed_at": "9999-12-31T23:59:59Z",
    }
    shown = values(card(decoded(**edge)))
    assert shown["⭐ Stars"] == "9,223,372,036,854,775,808"
    assert shown["Created"] == "<t:-62135596800:D>"
    assert shown["Last push"] == "<t:253402300799:R>"
