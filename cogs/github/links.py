"""What an address on GitHub leads to, as frozen values; `link_parsing` makes them of what people type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import quote

from tux_http.cogs.github.reference import GITHUB

if TYPE_CHECKING:
    from tux_http.cogs.github.reference import Reference

__all__ = [
    "AccountLink",
    "Comment",
    "CommentKind",
    "CommitLink",
    "FileLink",
    "GistLink",
    "Kind",
    "Lines",
    "Link",
    "NumberLink",
    "ReleaseLink",
    "RepositoryLink",
]

Kind: TypeAlias = Literal["issue", "pull", "discussion"]

_PAGES_OF: Final[dict[Kind | None, str]] = {
    None: "issues",  # GitHub leads on from there to pull requests and discussions
    "issue": "issues",
    "pull": "pull",
    "discussion": "discussions",
}

CommentKind: TypeAlias = Literal[
    "issuecomment", "discussion_r", "pullrequestreview", "discussioncomment", "commitcomment"
]


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, review or answer, as an address has it: `#issuecomment-1`."""

    kind: CommentKind
    id: int

    def __str__(self) -> str:
        return f"{self.kind}{'' if self.kind == 'discussion_r' else '-'}{self.id}"


@dataclass(frozen=True, slots=True)
class Lines:
    """Of a file, counted from 1; `last` is one of them."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"L{self.first}" if self.first == self.last else f"L{self.first}-L{self.last}"


@dataclass(frozen=True, slots=True)
class RepositoryLink:
    """A repository; `page` is the one below it that was named, such as "wiki" or "actions"."""

    repository: Reference
    page: str | None = None

    def url(self, host: str = GITHUB) -> str:
        return f"https://{host}/{self.repository}" + (f"/{self.page}" if self.page else "")


@dataclass(frozen=True, slots=True)
class NumberLink:
    """An issue, a pull request or a discussion, which have their numbers in common.

    `kind` is what it was called, if it was: GitHub may know better.
    """

    repository: Reference
    number: int
    kind: Kind | None = None
    comment: Comment | None = None

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"

    def url(self, host: str = GITHUB) -> str:
        anchor = f"#{self.comment}" if self.comment else ""
        return f"https://{host}/{self.repository}/{_PAGES_OF[self.kind]}/{self.number}{anchor}"


@dataclass(frozen=True, slots=True)
class ReleaseLink:
    """A release by its tag, which may have slashes; without one, the latest."""

    repository: Reference
    tag: str | None = None

    def url(self, host: str = GITHUB) -> str:
        place = "latest" if self.tag is None else f"tag/{quote(self.tag)}"
        return f"https://{host}/{self.repository}/releases/{place}"


@dataclass(frozen=True, slots=True)
class CommitLink:
    """A commit by its hash, which may be shortened."""

    repository: Reference
    sha: str
    comment: Comment | None = None

    def url(self, host: str = GITHUB) -> str:
        anchor = f"#{self.comment}" if self.comment else ""
        return f"https://{host}/{self.repository}/commit/{self.sha}{anchor}"


@dataclass(frozen=True, slots=True)
class FileLink:
    """A file, or some lines of it.

    `place` is a branch, tag or hash, a slash, and the path. Where a branch has slashes of its own, only
    GitHub knows where it ends; `ref` and `path` are for one that has none.
    """

    repository: Reference
    place: str
    lines: Lines | None = None

    @property
    def ref(self) -> str:
        return self.place.partition("/")[0]

    @property
    def path(self) -> str:
        return self.place.partition("/")[2]

    def url(self, host: str = GITHUB) -> str:
        anchor = f"#{self.lines}" if self.lines else ""
        return f"https://{host}/{self.repository}/blob/{quote(self.place)}{anchor}"


@dataclass(frozen=True, slots=True)
class GistLink:
    """A gist; `file` is one of its files, as an address has it: "hello-py" for hello.py."""

    id: str
    owner: str | None = None
    file: str | None = None
    lines: Lines | None = None

    def url(self, host: str = GITHUB) -> str:
        path = "/".join(filter(None, (self.owner, self.id)))
        anchor = "-".join(map(str, filter(None, (self.file, self.lines))))
        return f"https://gist.{host}/{path}" + (f"#file-{anchor}" if self.file else "")


@dataclass(frozen=True, slots=True)
class AccountLink:
    """A person or an organization."""

    login: str

    def url(self, host: str = GITHUB) -> str:
        return f"https://{host}/{self.login}"


Link: TypeAlias = RepositoryLink | NumberLink | ReleaseLink | CommitLink | FileLink | GistLink | AccountLink
