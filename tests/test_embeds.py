from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import discord
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tux_http
from tests.discord_markdown import kinds, parse
from tests.hostile_text import HOSTILE, utf16
from tux_http.embeds import budget, budget_all
from tux_http.problem_embed import problem_embed
from tux_http.problems import InvalidInput, problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = st.text(
    st.sampled_from("ab *\\<@1>👍🏽\u0301") | st.characters(exclude_categories=["Cs"]), max_size=40
)
LONG = st.tuples(TEXT | HOSTILE, st.sampled_from([0, 1, 20, 300])).map(lambda parts: parts[0] * parts[1])
URL = st.sampled_from(
    [None, "https://x.test/a_(b)", "javascript:alert(1)", "attachment://a.png", "http://localhost/", "x"]
)


@st.composite
def embeds(draw: st.DrawFn) -> discord.Embed:
    embed = discord.Embed(title=draw(LONG), description=draw(LONG), url=draw(URL))
    embed.set_footer(text=draw(LONG), icon_url=draw(URL))
    embed.set_author(name=draw(LONG), url=draw(URL), icon_url=draw(URL))
    embed.set_image(url=draw(URL)).set_thumbnail(url=draw(URL))
    for _ in range(draw(st.sampled_from([0, 2, 30]))):
        embed.add_field(name=draw(LONG), value=draw(LONG), inline=draw(st.booleans()))
    return embed


def size(embed: discord.Embed) -> int:
    texts = [embed.title, embed.description, embed.footer.text, embed.author.name]
    texts += [text for field in embed.fields for text in (field.name, field.value)]
    return sum(utf16(text or "") for text in texts)


def urls(embed: discord.Embed) -> set[str]:
    author, footer = embed.author, embed.footer
    links = (embed.url, author.url, author.icon_url, footer.icon_url, embed.image.url, embed.thumbnail.url)
    return {url for url in links if url is not None}


@given(embed=embeds())
def test_no_embed_is_over_discords_limits(embed: discord.Embed) -> None:
    kept = budget(embed)
    assert utf16(kept.title or "") <= 256
    assert utf16(kept.description or "") <= 4096
    assert kept.footer.text is None or 1 <= utf16(kept.footer.text) <= 2048
    assert kept.author.name is None or 1 <= utf16(kept.author.name) <= 256
    assert len(kept.fields) <= 25
    for field in kept.fields:
        assert 1 <= utf16(field.name or "") <= 256
        assert 1 <= utf16(field.value or "") <= 1024
    assert size(kept) <= 6000
    assert urls(kept) <= {"https://x.test/a_%28b%29", "attachment://a.png"}
    str(kept.to_dict()).encode()


@given(embed=embeds())
def test_what_is_within_its_budget_stays_there(embed: discord.Embed) -> None:
    once = budget(embed)
    assert budget(once).to_dict() == once.to_dict()


@given(given_embeds=st.lists(embeds(), max_size=4))
def test_no_message_has_more_in_its_embeds_than_discord_takes(given_embeds: list[discord.Embed]) -> None:
    before = [str(embed.to_dict()) for embed in given_embeds]
    kept = budget_all(given_embeds)
    assert sum(map(size, kept)) <= 6000
    assert [each.to_dict() for each in budget_all(kept)] == [each.to_dict() for each in kept]
    assert [str(embed.to_dict()) for embed in given_embeds] == before


def test_of_several_embeds_the_last_gives_way_first() -> None:
    first, last = discord.Embed(title="first", description="a" * 3000), discord.Embed(description="b" * 4000)
    last.add_field(name="c", value="d" * 1000)
    kept = budget_all([first, last])
    assert kept[0].to_dict() == first.to_dict()
    assert len(kept[1].fields) == 1
    assert (kept[1].description or "").endswith("b…")
    assert sum(map(size, kept)) == 6000
    crowd = budget_all([discord.Embed(title=str(number), description="a" * 2000) for number in range(9)])
    assert [embed.title for embed in crowd] == ["0", "1", "2", "3", "4"]
    assert sum(map(size, crowd)) <= 6000
    assert len(budget_all([discord.Embed(title="a")] * 11)) == 10
    assert budget_all([]) == []


def test_an_embed_within_its_budget_is_as_it_was() -> None:
    embed = discord.Embed(title="a", description="**b** <@1>", url="https://x.test", colour=1)
    embed.set_author(name="c", url="https://x.test", icon_url="https://x.test/i.png").set_footer(text="d")
    embed.add_field(name="e", value="f", inline=False).set_thumbnail(url="https://x.test/t.png")
    embed.set_image(url="attachment://chart.png")
    embed.timestamp = discord.utils.utcnow()
    assert budget(embed).to_dict() == embed.to_dict()
    assert budget(embed) is not embed


def test_changing_a_copy_does_not_change_the_embed() -> None:
    embed = discord.Embed(description="a").add_field(name="b", value="c").set_author(name="d")
    before = discord.Embed.from_dict(embed.to_dict()).to_dict()
    copy = budget(embed)
    copy.set_author(name="e").add_field(name="f", value="g").set_field_at(0, name="h", value="i")
    assert embed.to_dict() == before


def test_a_url_that_discord_would_refuse_is_left_out_with_what_it_is_for() -> None:
    embed = discord.Embed(title="a", url="http://localhost/")
    embed.set_author(name="b", url="discord://x", icon_url="ftp://x.test").set_image(
        url="data:image/png;base64,x"
    )
    embed.set_thumbnail(url="attachment://../x").set_footer(text=" ", icon_url="https://x.test")
    assert budget(embed).to_dict() == discord.Embed(title="a").set_author(name="b").to_dict()


def test_a_field_without_a_value_is_dropped_and_one_without_a_name_is_not() -> None:
    embed = discord.Embed().add_field(name="a", value=" ").add_field(name="", value="b")
    assert [(field.name, field.value) for field in budget(embed).fields] == [("\u200b", "b")]


def test_the_description_gives_way_before_the_fields_do() -> None:
    embed = discord.Embed(description="x" * 4096)
    for _ in range(4):
        embed.add_field(name="n", value="y" * 1000)
    kept = budget(embed)
    assert len(kept.fields) == 4
    assert len(kept) == 6000


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        ("<t:1700000000:R> after", "…"),
        ("[text](https://x.test) after", "…"),
        ("\\*" * 10, "\\*" * 7 + "…"),
        ("**bold and more**", "**bold and mo**…"),
        ("```\na\nb\nc\nd\ne\n```", "```\na\nb\nc\nd\n```…"),
    ],
)
def test_a_cut_description_keeps_its_markdown_whole(tail: str, kept: str) -> None:
    start = "x" * 4080
    assert (budget(discord.Embed(description=start + tail)).description or "").removeprefix(start) == kept


def test_an_author_and_a_footer_are_no_markdown() -> None:
    embed = discord.Embed().set_author(name="**" + "a" * 300 + "**").set_footer(text="`" + "b" * 3000 + "`")
    kept = budget(embed)
    assert kept.author.name == "**" + "a" * 253 + "…"
    assert kept.footer.text == "`" + "b" * 2046 + "…"


@given(text=HOSTILE)
@example(text="x" * 5000)
def test_no_input_of_a_person_makes_a_live_or_oversized_answer(text: str) -> None:
    embed = problem_embed(problem_of(InvalidInput(text, example=text)), reference=text)
    assert size(embed) < 3000
    assert kinds(parse(embed.description or "")) <= {"text", "link", "code"}
    assert budget(embed).to_dict() == embed.to_dict()


# Every embed of ours.


def unbudgeted(tree: ast.AST, returns: list[ast.expr] | None = None) -> Iterator[int]:
    """Lines where an embed is made that is neither handed to `budget` nor left by `return budget(...)` alone."""
    if isinstance(tree, ast.Call) and called(tree) in {"budget", "budget_all"}:
        return
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        given = [each.value for each in ast.walk(tree) if isinstance(each, ast.Return) and each.value]
        returns = [value for value in given if not (isinstance(value, ast.Constant) and value.value is None)]
    if isinstance(tree, ast.Call) and called(tree) == "Embed":
        left = [value for value in returns or () if isinstance(value, ast.Call)]
        if not returns or len(left) < len(returns) or any(called(value) != "budget" for value in left):
            yield tree.lineno
    for child in ast.iter_child_nodes(tree):
        yield from unbudgeted(child, returns)


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f():\n    return budget(discord.Embed())", []),
        ("def f():\n    embed = discord.Embed()\n    return budget(embed)", []),
        ("async def f():\n    await answer(embed=budget(Embed()))", []),
        ("async def f():\n    await answer(embed=Embed())", [2]),
        ("def f():\n    embed = discord.Embed()\n    return embed", [2]),
        (
            "def f():\n    embed = discord.Embed()\n    if x:\n        return embed\n    return budget(embed)",
            [2],
        ),
        ("embed = discord.Embed()", [1]),
    ],
)
def test_an_embed_without_a_budget_is_found(source: str, lines: list[int]) -> None:
    assert list(unbudgeted(ast.parse(source))) == lines


def test_every_embed_that_is_made_here_has_its_budget() -> None:
    package = Path(tux_http.__file__).parent
    sources = {*package.rglob("*.py"), *(package.parent / "cogs").rglob("*.py")}
    made = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources}
    assert sum(b"Embed(" in path.read_bytes() for path in sources) >= 4
    assert [f"{path}:{line}" for path, tree in made.items() for line in unbudgeted(tree)] == []
