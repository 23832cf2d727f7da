"""A GitHub App as an operator sets it up, and as members meet it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.app_stage import APP, INSTALLATION, AppUpstream, app_upstream, private_key
from tests.configuration import GITHUB, problems, written
from tests.github_stage import EXAMPLE, EXTENSION, problem, staged
from tux_http.cogs.http.status import status_card
from tux_http.config import GitHubSettings, Settings
from tux_http.host import host_of
from tux_http.policy import HTTPSettings
from tux_http.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

WHO = (
    "allow_private must say who may see them: [[github.allow_private]] with guild = ID, "
    "and channels = [IDs] or roles = [IDs]; false is nobody"
)
CONFIG = f'[github]\napp_id = "{APP}"\ninstallation_id = {INSTALLATION}\n'


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "app.pem"
    file.write_text(private_key(), encoding="ascii")
    return file


@pytest.fixture
async def upstream() -> AsyncGenerator[AppUpstream]:
    async with app_upstream() as served:
        served.has("/repos/octocat/Hello-World", EXAMPLE)
        yield served


def settings_of(upstream: AppUpstream) -> Settings:
    api = msgspec.structs.replace(Settings().apis["github"], base_url=upstream.url)
    return Settings(
        apis={"github": api},
        http=HTTPSettings(trust_env=False),
        github=GitHubSettings(app_id=APP, installation_id=INSTALLATION),
        tokens={"github.app": private_key()},
    )


# What the operator writes.


def test_the_key_is_read_from_the_file_that_the_environment_names(tmp_path: Path, key: Path) -> None:
    settings = written(tmp_path / "bot.toml", CONFIG, {"GITHUB_APP_KEY_FILE": str(key)})
    assert (settings.github.app_id, settings.github.installation_id) == (APP, INSTALLATION)
    assert settings.tokens["github.app"] == private_key()
    assert "PRIVATE KEY" not in repr(settings)
    assert Redactor(settings.secrets())(f"<{private_key()}>") == "<[…]>"


def test_without_an_app_no_key_is_looked_for(tmp_path: Path) -> None:
    settings = written(tmp_path / "bot.toml", "", {"GITHUB_APP_KEY_FILE": "/nowhere"})
    assert "github.app" not in settings.tokens


def test_an_app_without_a_key_is_a_problem(tmp_path: Path) -> None:
    (found,) = problems(CONFIG, tmp_path / "bot.toml")
    assert found == "github.app_id needs GITHUB_APP_KEY_FILE: the name of the file with the App's private key"


def test_an_app_beside_a_token_is_a_problem(tmp_path: Path, key: Path) -> None:
    environ = {"GITHUB_APP_KEY_FILE": str(key), "GITHUB_TOKEN": GITHUB}
    assert problems(CONFIG, tmp_path / "bot.toml", environ) == [
        "github.app_id and GITHUB_TOKEN are both set; keep one"
    ]


_OTHER_KIND = ed25519.Ed25519PrivateKey.generate().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


@pytest.mark.parametrize(
    "content", [b"", b"ghp_planted", b"\xff\xfe", _OTHER_KIND, private_key().encode()[:-200]]
)
def test_a_file_without_a_usable_key_is_a_problem_that_shows_nothing_of_it(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "planted.pem"
    file.write_bytes(content)
    (found,) = problems(CONFIG, tmp_path / "bot.toml", {"GITHUB_APP_KEY_FILE": str(file)})
    assert found.startswith("GITHUB_APP_KEY_FILE names a file that ")
    assert "planted" not in found


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (found,) = problems(CONFIG, tmp_path / "bot.toml", {"GITHUB_APP_KEY_FILE": str(tmp_path / "planted")})
    assert found == "GITHUB_APP_KEY_FILE names a file that can't be read: No such file or directory"


def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)  # as Python notes what can't be imported
    (found,) = problems(CONFIG, tmp_path / "bot.toml", {"GITHUB_APP_KEY_FILE": str(key)})
    assert found == 'github.app_id needs an extra: pip install "tux-http[github-app]"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("app_id = 'a b'", "app_id must be a GitHub App's id or client id, got 'a b'"),
        ("app_id = 1.5", "app_id must be a whole number or text, got 1.5"),
        ("installation_id = -1", "installation_id must be an id, or 0, got -1"),
        (
            "allow_private = true",
            WHO,
        ),
        ("allow_private = 'x'", 'allow_private must be true or false or a list, each item a table, got "x"'),
        (
            "[[github.allow_private]]\nguild = 1",
            "allow_private[0]: it needs channels = [ID] or roles = [ID]: who of the server may see them",
        ),
        (
            "[[github.allow_private]]\nguild = 1\nroles = [2]\n[[github.allow_private]]\nguild = 'x'\nroles = [2]",
            "allow_private[1].guild: expected `int`, got `str`",
        ),
        (
            "[[github.allow_private]]\nguild = 1\nchanels = [2]",
            "allow_private[0]: object contains unknown field `chanels`",
        ),
        (
            "[[github.allow_private]]\nguild = 1\nchannels = [-2]",
            "allow_private[0]: guild, channels and roles must be ids",
        ),
        (
            "[[github.allow_private]]\nguild = 1\nroles = [1]",
            "allow_private[0]: roles must name roles, not everybody: that one is the server itself",
        ),
    ],
)
def test_what_is_wrong_in_the_table_is_said_at_the_start(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bot.toml"
    assert problems(text if text.startswith("[") else f"[github]\n{text}", file) == [f"{file}: github.{said}"]


@pytest.mark.parametrize("text", ["false", "False", "[]"])
def test_nobody_may_be_said_in_the_environment_too(text: str, tmp_path: Path) -> None:
    settings = written(tmp_path / "bot.toml", "", {"TUX_HTTP__GITHUB__ALLOW_PRIVATE": text})
    assert settings.github.private_access == ()


def test_who_may_see_private_ones_may_be_said_in_the_environment(tmp_path: Path) -> None:
    said = {"TUX_HTTP__GITHUB__ALLOW_PRIVATE": "[{guild = 1, channels = [2, 3]}]"}
    (entry,) = written(tmp_path / "bot.toml", "", said).github.private_access
    assert (entry.guild, entry.channels, entry.roles) == (1, (2, 3), ())


def test_a_secret_in_a_list_of_tables_is_refused_without_being_shown(tmp_path: Path) -> None:
    (found,) = problems(f"[[github.allow_private]]\nguild = '{GITHUB}'", tmp_path / "bot.toml")
    assert "must not be in a file" in found
    assert GITHUB not in found


# What members meet.


async def test_a_member_is_answered_with_what_the_app_may_see(upstream: AppUpstream) -> None:
    async with staged(settings_of(upstream)) as stage:
        message = await stage.slash("octocat/Hello-World")
    assert message.embeds[0].title == "octocat/Hello-World"
    assert upstream.tokens_asked == 1


async def test_the_extension_is_reloaded_without_another_token(upstream: AppUpstream) -> None:
    async with staged(settings_of(upstream)) as stage:
        await stage.slash("octocat/Hello-World")
        await stage.bot.reload_extension(EXTENSION)
        await stage.bot.tree.sync()
        message = await stage.slash("octocat/Hello-World")
    assert message.embeds[0].title == "octocat/Hello-World"
    assert upstream.tokens_asked == 1


async def test_a_member_is_told_that_the_bot_is_not_known_and_nothing_of_the_app(
    upstream: AppUpstream,
) -> None:
    upstream.refuses = 404
    async with staged(settings_of(upstream), failing=True) as stage:
        title, detail = problem(await stage.slash("octocat/Hello-World"))
    assert title.endswith("GitHub doesn't know this bot")
    assert "App" not in detail


async def test_operators_see_the_apps_own_calls_by_a_name_of_theirs(upstream: AppUpstream) -> None:
    async with staged(settings_of(upstream)) as stage:
        await stage.slash("octocat/Hello-World")
        host = host_of(stage.bot)
        assert host is not None
        card = status_card(host.http, stored=[], names={"github": "GitHub"})
    assert sorted(str(field.name) for field in card.fields) == ["GitHub", "GitHub App"]
