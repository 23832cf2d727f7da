"""Cards follow the message that they answer, until somebody removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.github_stage import EXTENSION, Upstream, github, problem, settings_for
from tests.issues_stage import FRESH, HELLO, ISSUE
from tests.unfurl_stage import furnish_all, manager, said, titles, unfurling

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.github_stage import Stage

ONE, TWO = "#1 Found a bug", "#2 Amazing new feature"
FIRST, SECOND = "octocat/Hello-World#1", "octocat/Hello-World#2"
HALF_AN_HOUR = 30 * 60


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    async with github() as served:
        furnish_all(served, **FRESH)
        yield served


# Edits.


async def test_an_edit_changes_the_cards(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, FIRST)
        (answer,) = said(stage)
        await stage.member.edit(message, f"{SECOND} and {FIRST}")
        (after,) = said(stage)
        assert titles(after) == [TWO, ONE]
        assert after.id == answer.id
        await stage.member.edit(message, SECOND)
        assert titles(said(stage)[0]) == [TWO]
        assert str(said(stage)[0].components) == str(answer.components) != "[]"


async def test_an_edit_that_leaves_the_links_changes_nothing(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, FIRST)
        asked = len(stage.env.http_requests)
        await stage.member.edit(message, f"this one: {FIRST}")
        assert len(stage.env.http_requests) == asked
        assert len(said(stage)) == 1


async def test_an_edit_without_links_takes_the_cards_back(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, FIRST)
        await stage.member.edit(message, "never mind")
        assert said(stage) == []
        await stage.member.edit(message, f"or do: {FIRST}")
        assert titles(said(stage)[0]) == [ONE]


async def test_an_edit_that_hides_a_link_takes_its_card_back(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, f"{FIRST} {SECOND}")
        await stage.member.edit(message, f"||{FIRST}|| {SECOND}")
        assert titles(said(stage)[0]) == [TWO]


async def test_an_edit_can_bring_the_first_link(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, "look")
        await stage.member.edit(message, f"look: {FIRST}")
        assert titles(said(stage)[0]) == [ONE]


async def test_an_edit_after_half_an_hour_brings_nothing(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, "look")
        await stage.env.advance_time(HALF_AN_HOUR)
        await stage.member.edit(message, f"look: {FIRST}")
        assert said(stage) == []


async def test_a_message_of_before_the_start_gets_no_second_answer(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, FIRST)
        await stage.env.advance_time(1)
        await restart(stage)
        await stage.member.edit(message, f"{FIRST} {SECOND}")
        assert len(said(stage)) == 1


# Deletion.


async def test_the_cards_go_with_their_message(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, FIRST)
        await stage.member.delete(message)
        assert stage.channel.history() == [] or said(stage) == []


async def test_the_cards_of_many_messages_go_with_them(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        messages = [await stage.member.send(stage.channel, link) for link in (FIRST, SECOND)]
        assert len(said(stage)) == 2
        stage.env.backend.bulk_delete_messages(stage.channel.id, [message.id for message in messages])
        await stage.env.settle()
        assert said(stage) == []


class Watched(list[Any]):
    """The requests of an upstream, and what happens when the first one comes."""

    def __init__(self, hook: Callable[[], object]) -> None:
        super().__init__()
        self._hook = hook

    def append(self, request: Any, /) -> None:
        super().append(request)
        if len(self) == 1:
            self._hook()


async def test_a_message_that_goes_while_github_is_asked_leaves_no_cards(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        backend, place = stage.env.backend, stage.channel.id

        def delete() -> None:
            backend.delete_message(place, max(backend.messages[place]))

        upstream.requests = Watched(delete)
        await stage.member.send(stage.channel, FIRST)
        await stage.env.settle()
        assert upstream.requests
        assert said(stage) == []


async def test_an_edit_while_github_is_asked_is_followed(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        backend, place = stage.env.backend, stage.channel.id

        def edit() -> None:
            backend.edit_message(place, max(backend.messages[place]), {"content": SECOND})

        upstream.requests = Watched(edit)
        await stage.member.send(stage.channel, FIRST)
        await stage.env.settle()
        assert [titles(message) for message in said(stage)] == [[TWO]]


# The Remove button.


async def test_the_author_removes_the_cards_for_good(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, FIRST)
        result = await stage.member.click(said(stage)[0], label="Remove")
        assert result.acknowledged
        assert said(stage) == []
        await stage.member.edit(message, f"{FIRST} {SECOND}")
        assert said(stage) == []


async def test_a_moderator_removes_the_cards(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, FIRST)
        await manager(stage, manage_messages=True).click(said(stage)[0], label="Remove")
        assert said(stage) == []


async def test_nobody_else_does_and_is_told_why(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, FIRST)
        result = await manager(stage).click(said(stage)[0], label="Remove")
        assert len(said(stage)) == 1
    assert result.response is not None
    assert result.response.ephemeral
    assert "Manage Messages" in problem(result.response.message)[1]


async def test_the_button_works_after_a_restart(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        await stage.member.send(stage.channel, FIRST)
        await restart(stage)
        await stage.member.click(said(stage)[0], label="Remove")
        assert said(stage) == []


async def test_cards_that_a_moderator_deletes_do_not_come_back(upstream: Upstream) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        message = await stage.member.send(stage.channel, FIRST)
        await manager(stage, manage_messages=True).delete(said(stage)[0])
        await stage.member.edit(message, SECOND)
        assert said(stage) == []


async def test_nothing_is_kept_of_the_buttons(upstream: Upstream) -> None:
    for number in range(3, 13):
        upstream.has(f"{HELLO}/issues/{number}", ISSUE | {"number": number})
    async with unfurling(settings_for(upstream)) as stage:
        for number in range(3, 13):
            await stage.member.send(stage.channel, f"octocat/Hello-World#{number}")
        assert len(said(stage)) == 10
        assert not stage.bot.persistent_views


# Discord's refusals.


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_refusal_of_discords_is_quiet_and_the_link_is_shown_the_next_time(
    upstream: Upstream, status: int
) -> None:
    async with unfurling(settings_for(upstream)) as stage:
        stage.env.inject_error("POST", "/channels/*/messages", status=status)
        await stage.member.send(stage.channel, FIRST)
        assert said(stage) == []
        await stage.member.send(stage.channel, FIRST)
        assert len(said(stage)) == 1


async def restart(stage: Stage) -> None:
    """The bot comes up anew, and remembers nothing."""
    await stage.bot.unload_extension(EXTENSION)
    await stage.env.restart_bot(stage.bot)
