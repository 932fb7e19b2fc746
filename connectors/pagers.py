"""Turning pages: how a platform is asked for the next one, as values that a connector names.

A pager is asked with a *place*, which is JSON and is stored with the page that it follows; the first place is empty.
Who walks (`connectors.walk`) refuses to be sent to the same place twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.paths import Envelope, bury

Place = dict[str, Any]
"""Where in a listing: empty at the start."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a page is asked for with: more query, more of the body, or another address altogether."""

    query: Sequence[tuple[str, Any]] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""


class Pager(Protocol):
    """One way of turning pages."""

    def ask(self, place: Place) -> Ask:
        """How the page at *place* is asked for."""

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        """The place after the page that gave *answer* with *count* items; None after the last. Raises ValueError where
        the answer does not say."""


@dataclass(frozen=True, slots=True)
class Whole:
    """All at once: there is one page."""

    def ask(self, place: Place) -> Ask:
        return Ask()

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        return None


@dataclass(frozen=True, slots=True)
class Cursored:
    """Each answer carries a token at *token*, which is sent as *parameter* for the next page; none ends it.

    *more* is the path of a flag that ends it too, where a token is given although nothing follows.
    """

    parameter: str
    token: str
    size: tuple[str, int] | None = None
    more: str = ""

    def ask(self, place: Place) -> Ask:
        size = [self.size] if self.size else []
        return Ask([*size, (self.parameter, place["token"])] if place else size)

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        if self.more and not answer.value(self.more):
            return None
        token = answer.value(self.token)
        return {"token": token} if token else None


@dataclass(frozen=True, slots=True)
class Offset:
    """Counted by records from 0. It ends at *total*, where the answer tells, else with a page that is not full.

    Each page begins *again* records before the end of the one before: who left meanwhile moves the others up, and the
    walk notices that where nobody of the page before is on the next.
    """

    parameter: str
    size: tuple[str, int]
    total: str = ""
    again: int = 1

    def ask(self, place: Place) -> Ask:
        return Ask([self.size, (self.parameter, place.get("offset", 0))])

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        reached = place.get("offset", 0) + count
        total = answer.value(self.total) if self.total else None
        done = reached >= total if isinstance(total, int) else count < self.size[1]
        if done or not count:
            return None
        return {"offset": max(reached - self.again, place.get("offset", 0) + 1)}

    def back(self, place: Place) -> Place | None:
        """A place further back, after records left; None at the start."""
        offset = place.get("offset", 0)
        return {"offset": max(0, offset - self.size[1] + self.again)} if offset else None


@dataclass(frozen=True, slots=True)
class Numbered:
    """Counted by pages. It ends at the number of pages at *pages*, where the answer tells, else with a page that is
    not full."""

    parameter: str
    size: tuple[str, int]
    first: int = 1
    pages: str = ""

    def ask(self, place: Place) -> Ask:
        return Ask([self.size, (self.parameter, place.get("page", self.first))])

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        page = place.get("page", self.first)
        pages = answer.value(self.pages) if self.pages else None
        done = page - self.first + 1 >= pages if isinstance(pages, int) else count < self.size[1]
        return None if done or not count else {"page": page + 1}


@dataclass(frozen=True, slots=True)
class NextLink:
    """Each answer names the whole address of the next page at *link*; none ends it. It has to lie where the account
    lies: whoever walks refuses any other."""

    link: str
    size: tuple[str, int] | None = None

    def ask(self, place: Place) -> Ask:
        return Ask(url=place["url"]) if place else Ask([self.size] if self.size else [])

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        url = answer.value(self.link)
        return {"url": str(url)} if url else None


@dataclass(frozen=True, slots=True)
class GraphConnection:
    """A GraphQL connection at *at* (`data.posts`), whose `pageInfo` tells; the query takes `$first` and `$after`."""

    at: str
    size: int = 50
    variables: str = "variables"

    def ask(self, place: Place) -> Ask:
        return Ask(body={self.variables: {"first": self.size, "after": place.get("token")}})

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        info = answer.value(f"{self.at}.pageInfo")
        if not isinstance(info, dict):
            raise ValueError(f"{self.at} has no pageInfo")
        return {"token": info.get("endCursor")} if info.get("hasNextPage") else None


@dataclass(frozen=True, slots=True)
class Posted:
    """Another pager whose parameters go into the body of a POST, under *under* where they do not stand at its top."""

    inner: Pager
    under: str = ""

    def ask(self, place: Place) -> Ask:
        asked = self.inner.ask(place)
        body: dict[str, Any] = {}
        for name, value in asked.query:
            bury(body, f"{self.under}.{name}" if self.under else name, value)
        return Ask(body=body, url=asked.url)

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        return self.inner.turn(place, answer, count)
