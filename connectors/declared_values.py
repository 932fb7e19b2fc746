"""Values that a declared connector names for its records: where they stand, and how they are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import Option, Stream
from connectors.paths import dig
from connectors.walk import Collection
from mapping.facts import Facts


@dataclass(frozen=True, slots=True)
class One:
    """One record: its *path*, with {id} in it, and where it stands in an answer. It is changed with *update*, made with
    a POST to *make*, whose answer names it at *made*, put away with *away* where that can be taken back, and erased for
    good with *erase*."""

    path: str
    item: str = ""
    update: str = "PATCH"
    make: str = ""
    made: str = "id"
    away: str = ""
    erase: str = ""


@dataclass(frozen=True, slots=True)
class Many:
    """Records by their ids, *most* in a call: a GET of *path* with the ids in *parameter*, which lists them at *items*
    and leaves out those that are not there."""

    path: str
    items: str
    parameter: str = "ids"
    most: int = 100
    size: str = "limit"


@dataclass(frozen=True, slots=True)
class Search:
    """The platform takes the same address twice, and knows people by searching: for one, which costs as much as
    *pages* of the listing. Many are looked for in the listing."""

    pages: int = 1


@dataclass(frozen=True, slots=True)
class Audiences:
    """Where an account says of which parts it consists, of which a connection is of one: a list at *path* of its
    answer, with what names each at *id* and *name*."""

    path: str
    id: str = "id"
    name: str = "name"

    def found(self, answer: Mapping[str, Any]) -> tuple[Option, ...]:
        parts = dig(answer, self.path) or ()
        return tuple(Option(str(dig(one, self.id)), str(dig(one, self.name) or "")) for one in parts)


@dataclass(frozen=True, slots=True)
class Me:
    """Where the account says who it is, and what is opened with that: the answer to a GET, or to a POST of *body*."""

    path: str
    id: str
    name: str
    may: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None
    audiences: Audiences | None = None


@dataclass(frozen=True, slots=True)
class Hanging:
    """What hangs on an entry and comes along with it, at *at*. Where *more* says that this is not all, it is listed by
    itself, at a path with the entry's {id} in it. *keeps* is the path of what is kept of each, where not all is."""

    at: str
    more: str
    collection: Collection
    keeps: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """Something that the platform tells beside its records: a stream, how it is listed, and what one item says.

    *unfold* makes items of an entry of the list, such as the comments on a post, knowing whose account it is. *shows*
    is what an item shows of who did it, as a record: where nobody lists people, they are whoever shows in the streams.
    """

    stream: Stream
    collection: Collection
    reads: Callable[[Mapping[str, Any]], Facts]
    unfold: Callable[[Mapping[str, Any], Any], Iterable[Mapping[str, Any]]] | None = None
    hanging: Hanging | None = None
    shows: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
