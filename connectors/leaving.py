"""What a record says of consent, and how one leaves, as values of a declared connector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.codecs import millis
from connectors.paths import dig
from mapping.model import MARKETING, ConsentSeen, ConsentState


@dataclass(frozen=True, slots=True)
class Says:
    """A mark that somebody left, or cannot be reached: something stands at *at*, or one of *among*. Of a list each
    entry is a mark of its own.

    *evidence* is what is written down, with {value} for what stands there and {why} for what stands at *why*; *when* is
    the path of the moment, where it is told. It is no mark where *unless* stands at its path. No mark is ever a grant.
    """

    at: str
    evidence: str
    among: Sequence[Any] = ()
    state: ConsentState = ConsentState.WITHDRAWN
    why: str = ""
    when: str = ""
    unless: tuple[str, Any] | None = None

    def read(self, body: Mapping[str, Any], address: str) -> Iterator[ConsentSeen]:
        """What the mark says of whom mail goes to at *address*."""
        found = dig(body, self.at)
        if self.unless is not None and dig(body, self.unless[0]) == self.unless[1]:
            return
        for value in found if isinstance(found, list) else [found]:
            if value in self.among if self.among else value:
                told = self.evidence.format(value=value, why=dig(body, self.why) or "no reason given")
                at = millis(dig(body, self.when)) if self.when else 0
                yield ConsentSeen(address, self.state, MARKETING, at, told)


def shows(body: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether a record shows what was *asked* for."""
    return all(dig(body, path) == value for path, value in asked.items())
