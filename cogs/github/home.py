"""`Home`: a repository that may be shown, and what is asked of it."""

# No annotations from the future: see `api`.

from typing import TYPE_CHECKING, Any, Self

from tux_http.cogs.github.api import fetch_repository
from tux_http.cogs.github.reference import Reference, reference_of

if TYPE_CHECKING:
    import httpx

    from tux_http.api import API

__all__ = ["Home"]


class Home:
    """A repository by the name that it has now. `Home.of` is how to get one."""

    def __init__(self, api: "API", asked: Reference, *, allow_private: bool, revalidate: bool) -> None:
        self._api = api
        self._asked = asked
        self._revalidate = revalidate
        self.allow_private = allow_private
        self.reference = asked

    @property
    def is_renamed(self) -> bool:
        """Whether GitHub led on from the name that was asked for, which is one more request."""
        return str(self.reference).lower() != str(self._asked).lower()

    @classmethod
    async def of(cls, api: "API", asked: Reference, *, allow_private: bool, revalidate: bool = False) -> Self:
        """Asks for the repository, and so whether it may be shown, before anything of it is asked for.

        Raises:
            httpx.HTTPError: As `fetch_repository`.
        """
        home = cls(api, asked, allow_private=allow_private, revalidate=revalidate)
        await home._decide(revalidate=revalidate)
        return home

    async def _decide(self, *, revalidate: bool) -> None:
        found = await fetch_repository(
            self._api, self._asked, allow_private=self.allow_private, revalidate=revalidate
        )
        self.reference = reference_of(found.repository.full_name) or self._asked

    async def get(
        self,
        route: str,
        *,
        params: dict[str, Any] | None = None,
        deadline: float | None = None,
        **path: str | int,
    ) -> "httpx.Response":
        """`GET /repos/{owner}/{repo}` and more; whatever the status is.

        Args:
            route: Below the repository, such as "/releases/tags/{tag}".
            params: Of the query.
            deadline: In seconds, where it is not the API's.
            path: The values in the route.

        Raises:
            httpx.HTTPError: No answer came, or the repository has gone where it may not be shown.
        """
        options: dict[str, Any] = {"cache": "no-cache"} if self._revalidate else {}
        if deadline is not None:
            options["deadline"] = deadline
        home = {"owner": self.reference.owner, "repo": self.reference.name}
        response = await self._api.get(
            f"/repos/{{owner}}/{{repo}}{route}",
            path=home | path,
            params=params,
            raise_for_status=False,
            **options,
        )
        if (
            response.history
        ):  # renamed since it was asked for; whether it may be shown is another question now
            await self._decide(revalidate=True)
        return response
