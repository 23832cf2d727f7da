from __future__ import annotations

import string

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tux_http.cogs.github.reference import PAGES, Reference, parse_reference, web_host
from tux_http.problems import InvalidInput

ALPHANUMERIC = string.ascii_letters + string.digits

OWNERS = st.text(ALPHANUMERIC + "-_", min_size=1, max_size=39).filter(
    lambda owner: owner.lower() not in PAGES
)
NAMES = st.text(ALPHANUMERIC + "._-", min_size=1, max_size=100).filter(
    lambda name: name not in {".", ".."} and not name.lower().endswith((".git", ".wiki"))
)
REFERENCES = st.builds(Reference, OWNERS, NAMES)

FORMS = [
    "{0}",
    " {0} ",
    "{0}/",
    "<{0}>",
    "`{0}`",
    "{0}.git",
    "{0}#12",
    "{0}/issues/3",
    "https://github.com/{0}",
    "http://github.com/{0}",
    "HTTPS://GitHub.com/{0}",
    "https://www.github.com/{0}",
    "https://github.com/{0}/",
    "https://github.com/{0}.git",
    "https://github.com/{0}.GIT",
    "<https://github.com/{0}>",
    "https://github.com/{0}?tab=readme-ov-file",
    "https://github.com/{0}#readme",
    "https://github.com/{0}/issues/3#issuecomment-1",
    "https://github.com/{0}/pull/4/files?w=1",
    "https://github.com/{0}/tree/main/tux/cogs",
    "https://github.com/{0}/blob/main/README.md#L1-L9",
    "https://github.com/{0}/releases/tag/v1.0",
    "https://user:secret@github.com/{0}.git",
    "https://github.com:443/{0}",
    "github.com/{0}",
    "www.github.com/{0}/wiki",
    "git@github.com:{0}.git",
    "git@github.com:{0}",
    "github.com:{0}.git",
    "git@github.com:{0}.wiki.git",
    "ssh://git@github.com/{0}.git",
    "ssh://git@github.com:22/{0}",
    "ssh://git@ssh.github.com:443/{0}.git",
    "git://github.com/{0}.git",
    "git+https://github.com/{0}.git",
    "git+ssh://git@github.com/{0}.git",
]


@pytest.mark.parametrize("form", FORMS)
def test_every_way_to_write_a_repository_is_understood(form: str) -> None:
    assert parse_reference(form.format("allthingslinux/tux")) == Reference("allthingslinux", "tux")


@settings(deadline=None)
@given(reference=REFERENCES, form=st.sampled_from(FORMS))
def test_a_name_comes_back_from_every_form_it_is_written_in(reference: Reference, form: str) -> None:
    assert parse_reference(form.format(reference)) == reference


@settings(deadline=None)
@given(
    st.one_of(
        st.text(),
        st.text(string.printable),
        st.from_regex(r"(https://)?(github\.com|[a-z.@:]{0,12})([/:][^/]{0,5}){0,4}"),
    )
)
def test_whatever_is_typed_gives_a_valid_name_or_the_input_error(typed: str) -> None:
    parsed = _parsed_or_refused(typed)
    if isinstance(parsed, InvalidInput):
        assert parsed.message.endswith(".")
        assert parsed.example == str(parse_reference(parsed.example or ""))
        return
    assert set(parsed.owner) <= set(ALPHANUMERIC + "-_")
    assert 1 <= len(parsed.owner) <= 39
    assert set(parsed.name) <= set(ALPHANUMERIC + "._-")
    assert 1 <= len(parsed.name) <= 100
    assert parsed.name not in {".", ".."}
    assert not parsed.name.endswith(".git")


def _parsed_or_refused(typed: str) -> Reference | InvalidInput:
    try:
        return parse_reference(typed)
    except InvalidInput as exc:
        return exc


@pytest.mark.parametrize(
    "name",
    [
        "Link-/x",
        "gil--/x",
        "-ACE-/x",
        "0----0/x",
        "octocat_acme/x",
        "a/-",
        "a/_",
        "a/.github",
        "a/...",
        "a/n.git.js",
    ],
)
def test_names_from_before_todays_rules_are_not_refused(name: str) -> None:
    assert str(parse_reference(name)) == name


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "/",
        "tux",
        "allthingslinux/",
        "/tux",
        "allthingslinux tux",
        "allthingslinux/tux please",
        "allthingslinux/.git",
        "allthingslinux/..",
        "a" * 40 + "/tux",
        "allthingslinux/" + "t" * 101,
        "allthingslinux/tüx",
        "allthingslinux/tux\nDROP",
        "@allthingslinux/tux",
        "<@1234>",
        "allthingslinux%2Ftux",
    ],
)
def test_what_is_no_name_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(InvalidInput, match="takes an owner, a slash and a name") as raised:
        parse_reference(typed)
    assert raised.value.example == "allthingslinux/tux"


@pytest.mark.parametrize(
    "typed",
    [
        "https://gitlab.com/allthingslinux/tux",
        "gitlab.com/allthingslinux/tux",
        "git@gitlab.com:allthingslinux/tux.git",
        "https://gist.github.com/octocat/9257657",
        "gist.github.com/octocat/9257657",
        "https://github.com.evil.example/a/b",
        "https://github.com@evil.example/a/b",
        "https://evil.example/github.com/a/b",
        "https://ɢithub.com/a/b",
        "https://octocat.github.io/tux",
        "ftp://github.com/a/b",
        "javascript://github.com/a/b",
        "https://[::1/a/b",
        "https:///a/b",
        "https://ghe.example/a/b",
    ],
)
def test_addresses_elsewhere_are_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="does not lead to a repository on GitHub"):
        parse_reference(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "https://github.com",
        "https://github.com/",
        "https://github.com/octocat",
        "https://github.com/octocat?tab=repositories",
        "github.com/octocat",
        "https://github.com/orgs/github/repositories",
        "https://github.com/topics/python",
        "https://github.com/Settings/profile",
        "https://github.com/search?q=tux",
        "https://github.com/marketplace/actions/checkout",
        "topics/python",
    ],
)
def test_pages_of_the_site_are_refused(typed: str) -> None:
    with pytest.raises(InvalidInput, match="page of GitHub"):
        parse_reference(typed)


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://api.github.com", "github.com"),
        ("https://ghe.example/api/v3", "ghe.example"),
        ("https://GHE.example:8443/api/v3", "ghe.example"),
        ("https://api.octocorp.ghe.com", "octocorp.ghe.com"),
    ],
)
def test_an_api_has_its_web_pages_on_a_host_of_its_own(base_url: str, host: str) -> None:
    assert web_host(httpx.URL(base_url)) == host


@pytest.mark.parametrize(
    "typed",
    [
        "https://ghe.example/a/b",
        "https://ghe.example:8443/a/b/pull/1",
        "ghe.example/a/b",
        "git@ghe.example:a/b.git",
        "https://github.com/a/b",
        "a/b",
    ],
)
def test_an_enterprise_host_is_accepted_where_the_api_is_on_it(typed: str) -> None:
    assert parse_reference(typed, host="ghe.example") == Reference("a", "b")
