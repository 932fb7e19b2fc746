"""Who is associated with what, read for many records at once (associations v4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from connectors import hubspot_streams_wire as wire
from connectors import hubspot_wire
from connectors.asking import turned
from connectors.errors import TooNarrow
from connectors.http import Http
from connectors.over_http import decoded

ASSOCIATED = 1_000
"""Records whose associations one call reads."""
PRIMARY = {("HUBSPOT_DEFINED", number) for number in (1, 2, 5, 6, 25, 26)}
"""The types of a primary company, seen from either end: contacts, deals, tickets."""
Waiting = list[tuple[str, str]]
"""Records whose associations are still to be read, and from which page on."""
NOTHING = ("OBJECT_NOT_FOUND", "NOT_FOUND")
"""How a batch says that a record has no associations, or is gone meanwhile."""


@contextmanager
def needing(scope: str, what: str) -> Iterator[None]:
    """Name the scope that is missing where HubSpot says only that one is."""
    try:
        yield
    except TooNarrow as error:
        raise TooNarrow(
            f"the credential may not {what}: the scope {scope} is missing.",
            platform=error.platform,
            fix="Add it to the private app there, then run again.",
        ) from error


@dataclass(frozen=True, slots=True)
class Ties:
    """Reads associations from one object type to another."""

    read: Callable[..., Any]
    http: Http

    def of(self, kind: str, other: str, ids: Sequence[str]) -> dict[str, list[wire.Joined]]:
        """The records of type *other* that each of *ids* is associated with, in the order of their ids; whoever has
        none is left out."""
        found: dict[str, dict[str, wire.Joined]] = {}
        refuse = partial(self.http.misread, f"read {other} of {kind}")
        answers = turned([(one, "") for one in ids], partial(self._answer, kind, other), _waiting, refuse)
        for answer, _ in answers if ids else ():
            for one in answer.results:
                held = found.setdefault(str(one.from_.id), {})
                held |= {str(to.toObjectId): _joined(to) for to in one.to}
        return {one: sorted(there.values(), key=_by_number) for one, there in found.items()}

    def _answer(self, kind: str, other: str, waiting: Waiting) -> wire.Associations:
        """What HubSpot says of the first of those who wait."""
        body = hubspot_wire.inputs(
            [{"id": one, "after": after} if after else {"id": one} for one, after in waiting[:ASSOCIATED]]
        )
        response = self.read(kind, other, body, _preload_content=False)
        answer = decoded(self.http, wire.associations, response, f"read {other} of {kind}")
        for trouble in answer.errors:
            if trouble.category not in NOTHING:
                raise self.http.misread(f"read {other} of {kind}", f"some could not be read ({trouble.category})")
        return answer


def _waiting(before: Waiting, answer: wire.Associations) -> Waiting | None:
    """Who waits after an answer: the rest, then the further pages of those who have more."""
    further = [(str(one.from_.id), one.after) for one in answer.results if one.after]
    return [*before[ASSOCIATED:], *further] or None


def _joined(to: wire.To) -> wire.Joined:
    types = to.associationTypes
    labels = sorted({each.label for each in types if each.label and (each.category, each.typeId) not in PRIMARY})
    primary = any((each.category, each.typeId) in PRIMARY for each in types)
    return wire.Joined(str(to.toObjectId), ", ".join(labels), primary)


def _by_number(one: wire.Joined) -> tuple[int, str]:
    return len(one.id), one.id


def with_beside(record: bytes, beside: dict[str, Any]) -> bytes:
    """An item's body: the record byte for byte, and what was read beside it, blanks left out."""
    return msgspec.json.encode({"record": msgspec.Raw(record), **{name: each for name, each in beside.items() if each}})
