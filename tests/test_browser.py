"""A person in a browser: the sandbox as a process of its own, its page in a headless Chromium."""

from __future__ import annotations

import contextlib
import re
import signal
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.sandbox_process import Sandbox, running_sandbox
from tux_http.sandbox.screenshot import ARGUMENTS, ScreenshotError, chromium

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.slow

PATIENCE = 20_000
"""Milliseconds that Playwright waits for anything: machines may be slow, and a pass is as fast as before."""

RELOADS = 8

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    try:
        executable = chromium()
    except ScreenshotError as exc:
        pytest.skip(str(exc))
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS)) as browser,
    ):
        yield browser


@pytest.fixture(scope="module")
def sandbox(browser: Browser) -> Generator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def page(browser: Browser, sandbox: Sandbox) -> Generator[Page]:
    with _opened(browser, sandbox) as page:
        yield page


@contextlib.contextmanager
def _opened(browser: Browser, sandbox: Sandbox) -> Generator[Page]:
    with browser.new_context(viewport={"width": 1100, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(sandbox.url)
        _fitted(page)
        expect(_messages(page).first).to_be_visible()  # the introduction; messages are counted from now on
        yield page


def _fitted(page: Page) -> None:
    """Waits until the page has fitted itself to the window; before that, it sends nothing.

    While the sandbox is busy with what the last page asked for, it refuses: then one loads the page again.
    """
    fitted = expect(page.locator("#action-status"))
    for _ in range(RELOADS):
        with contextlib.suppress(AssertionError):
            fitted.to_have_text("Viewport updated", timeout=PATIENCE / RELOADS)
            return
        page.reload()
    fitted.to_have_text("Viewport updated")


def _messages(page: Page) -> Locator:
    return page.locator("#channel-message-list .channel-message")


def _typed(page: Page, text: str, *, messages: int = 1) -> Locator:
    """Types as a person does; gives the last of the messages that this is to bring."""
    box = page.get_by_placeholder("Message #try-it")
    expect(box).to_have_value("")  # the last message is sent
    before = _messages(page).count()
    box.press_sequentially(text)
    box.press("Enter")
    return _messages(page).nth(before + messages - 1)


def _chosen(page: Page, command: str) -> None:
    """Takes a command without options from the list, and sends it."""
    box = page.get_by_placeholder("Message #try-it")
    expect(box).to_have_value("")
    box.press_sequentially(command)
    expect(page.get_by_role("option", name=command)).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")


def test_the_page_says_what_one_can_type(page: Page) -> None:
    introduction = _messages(page).first
    expect(introduction).to_contain_text("/repo allthingslinux/tux")
    expect(introduction).to_contain_text("demo/rate-limited")


def test_a_typed_repo_command_shows_the_card(page: Page) -> None:
    card = _typed(page, "/repo allthingslinux/tux")
    expect(card).to_contain_text("you used /repo")
    link = card.get_by_role("link", name="allthingslinux/tux")
    expect(link).to_have_attribute("href", "https://github.com/allthingslinux/tux")
    expect(card).to_contain_text("Tux is an all in one bot")
    expect(card).to_contain_text("318")
    expect(card.get_by_role("link", name="Pull requests")).to_be_visible()


def test_a_command_chosen_from_the_list_shows_the_card(page: Page) -> None:
    before = _messages(page).count()
    page.get_by_placeholder("Message #try-it").press_sequentially("/rep")
    expect(page.get_by_role("option", name="/repo")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # the first of its options
    page.get_by_role("textbox", name="repository").press_sequentially("python/cpython")
    page.keyboard.press("Enter")
    expect(_messages(page).nth(before)).to_contain_text("The Python programming language")


def test_a_prefix_command_shows_the_card(page: Page) -> None:
    expect(_typed(page, "!repo rust-lang/rust", messages=2)).to_contain_text("Empowering everyone")


def test_the_owners_avatar_is_shown(page: Page) -> None:
    picture = _typed(page, "/repo encode/httpx").locator(".embed-card img").first
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 128)


def test_an_error_is_an_embed_with_the_time_to_try_again(page: Page) -> None:
    error = _typed(page, "/repo demo/rate-limited")
    expect(error).to_contain_text("GitHub")
    expect(error).to_contain_text(re.compile(r"in \d+ (minutes|seconds)"))
    expect(error).to_contain_text("Only you can see this")
    expect(page.locator("#action-status")).to_have_text("Message sent")


def test_retry_waits_for_the_limit_and_then_shows_the_card(browser: Browser) -> None:
    # A limit that ends within the deadline is waited for by the call itself, and one that ends a moment later by the
    # page, which takes the wait for a part of the command. So the deadline is short, and the limit a little longer.
    brief = {
        "TUX_HTTP_CHAOS": "github:limit=primary,retry-after=5s,times=1",
        "TUX_HTTP__APIS__GITHUB__DEADLINE": "1.5",
    }
    with running_sandbox(environment=brief) as sandbox, _opened(browser, sandbox) as page:
        error = _typed(page, "/repo allthingslinux/tux")
        retry = error.get_by_role("button", name="Retry")
        expect(retry).to_be_disabled()
        before = _messages(page).count()
        expect(retry).to_be_enabled(timeout=60_000)
        retry.click()
        card = _messages(page).nth(before - 1)  # in the place of the error, which is gone
        expect(card).to_contain_text("allthingslinux/tux")
        expect(card.get_by_role("link", name="Pull requests")).to_be_visible()
        expect(page.get_by_text("Only you can see this")).to_have_count(0)


def test_a_card_that_stands_in_says_how_old_it_is_and_refresh_says_why(page: Page) -> None:
    expect(_typed(page, "/repo demo/flaky")).to_contain_text("Here today, gone tomorrow")
    card = _typed(page, "/repo demo/flaky")
    expect(card).to_contain_text("12 min old — GitHub is not answering")
    before = _messages(page).count()
    card.get_by_role("button", name="Refresh").click()
    error = _messages(page).nth(before)
    expect(error).to_contain_text("GitHub is unavailable")
    expect(error).to_contain_text("Only you can see this")


def test_refresh_shows_the_card_anew_in_its_place(page: Page) -> None:
    card = _typed(page, "/repo demo/template")
    expect(card).to_contain_text("Start a bot from here")
    before = _messages(page).count()
    card.get_by_role("button", name="Refresh").click()
    expect(card).to_contain_text("Refreshed")
    assert _messages(page).count() == before


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("/release allthingslinux/tux", "1,234 downloads"),
        ("/commit allthingslinux/tux badc0de", "Failed · 1/2"),
        ("/ghuser octocat", "San Francisco"),
        ("/ghsearch repositories python", "Page 1 of 2 · 6 results"),
    ],
)
def test_each_other_command_has_a_card(page: Page, command: str, shown: str) -> None:
    expect(_typed(page, command)).to_contain_text(shown)


def test_the_pages_of_a_search_are_turned_in_its_place(page: Page) -> None:
    card = _typed(page, "/ghsearch issues reminders")
    expect(card.get_by_role("button", name="Previous")).to_be_disabled()
    before = _messages(page).count()
    card.get_by_role("button", name="Next").click()
    expect(card).to_contain_text("Page 2 of 5")
    card.get_by_role("button", name="Previous").click()
    expect(card).to_contain_text("Page 1 of 5")
    assert _messages(page).count() == before


def test_chaos_makes_a_command_fail_until_it_is_cleared(browser: Browser) -> None:
    with running_sandbox() as sandbox, _opened(browser, sandbox) as page:
        expect(_typed(page, "/repo allthingslinux/tux")).to_contain_text("Tux is an all in one bot")
        expect(_typed(page, "/chaos set github:status=451")).to_contain_text("github:status=451")
        error = _typed(page, "/repo allthingslinux/tux")
        expect(error).to_contain_text("Blocked for legal reasons")
        expect(error).to_contain_text("Only you can see this")
        _chosen(page, "/chaos clear")
        expect(_messages(page).last).to_contain_text("No rule is in force")
        expect(_typed(page, "/repo allthingslinux/tux")).to_contain_text("Tux is an all in one bot")


def test_a_slow_answer_is_announced_and_then_shown(page: Page) -> None:
    answer = _typed(page, "/repo demo/slow")
    expect(answer).to_contain_text("Thinking…")
    expect(answer).to_contain_text("Worth waiting for")


def test_a_stop_ends_a_command_that_waits_for_ever(browser: Browser) -> None:
    with running_sandbox() as sandbox, _opened(browser, sandbox) as page:
        expect(_typed(page, "/repo demo/hang")).to_contain_text("Thinking…")
        assert sandbox.stop(signal.SIGINT) < 5
        assert sandbox.process.returncode == 0
        assert sandbox.alarms() == []


def test_ending_the_session_in_the_page_ends_the_process(browser: Browser) -> None:
    with running_sandbox() as sandbox, _opened(browser, sandbox) as page:
        page.get_by_text("More", exact=True).click()
        page.get_by_role("button", name="End preview session").click()
        assert sandbox.process.wait(20) == 0
        assert sandbox.alarms() == []
