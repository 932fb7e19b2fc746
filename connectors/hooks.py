"""What a platform's webhooks are: how they prove themselves, and what their events ask us to look at again.

A webhook is a hint. Its events become ids of records, and names of streams, that are read again by the ordinary
pull; only what cannot be read back is taken from the event itself, as a fact with a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connectors.signing import Challenge, Rule
from mapping.facts import Facts

LARGEST = 1 << 20
"""Bytes of a delivery that are read at most; the platforms send a tenth of it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one delivery asks for.

    `records` are remote ids to read again, `addresses` those of records whose id was not told, `streams` the names of
    streams in which something changed. `erased` are those of `records` that the platform forgot because somebody asked
    for it. `facts` cannot be read back. `odd` are events that were not understood, in words for people; they are kept
    with the delivery and counted.
    """

    records: Sequence[str] = ()
    addresses: Sequence[str] = ()
    streams: Sequence[str] = ()
    facts: Facts = field(default_factory=Facts)
    odd: Sequence[str] = ()
    erased: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece of a platform's journal: what it tells, as `Hooks.hear` reads it, and the *place* to read on from."""

    place: str
    body: bytes = field(repr=False)


class PlaceLost(Exception):
    """The journal does not reach back to that place any more."""


class Journal(Protocol):
    """What a platform keeps of what happened, in order, for those whom it cannot call."""

    def subscribe(self) -> None:
        """See that what we need is written into it from now on."""

    def end(self) -> str:
        """The place after everything that is in it now; empty where it is empty."""

    def read(self, place: str) -> Iterator[Sequence[Entry]]:
        """What follows that place, in order, a few entries at a time; from the start where it is empty. Raises
        PlaceLost where the journal begins later than that."""


@dataclass(frozen=True, slots=True)
class HookUp:
    """A webhook that the platform has. `secret` is told where it was made anew; `righted` says that it told
    less than it should."""

    id: str
    secret: str = field(default="", repr=False)
    new: bool = False
    righted: bool = False


@dataclass(frozen=True, slots=True)
class Hooks:
    """How one platform calls us.

    `rules` are the ways of proving that are believed; `old_rules` those of old apps, which prove less (what was
    recorded once holds for ever) and are believed only where the configuration says so. `types` are the content types
    that it sends. `asks` names the secret for people. `greets`: the address is checked with GET, HEAD or an empty POST,
    which get 200 and mean nothing. `hear` reads a verified body; it raises ValueError where that is no delivery. `key`
    names the header with the delivery's own id, where there is one; else it is told apart by its body, without what
    `same` takes out because it differs each time it is sent.
    """

    rules: Sequence[Rule]
    types: Sequence[str]
    asks: str
    hear: Callable[[bytes], Heard]
    old_rules: Sequence[Rule] = ()
    same: Callable[[bytes], bytes] = bytes
    greets: bool = False
    key: str = ""
    limit: int = LARGEST
    leaving: Sequence[bytes] = ()  # words of which one stands in every delivery that may say that somebody left
    silent: Collection[str] = ()  # our fields of whose changes no event tells
    alone: str = ""  # what nothing but a delivery may tell, in words for people
    bare: Sequence[str] = ()  # the evidence of consent that a record alone gives, where it says no reason
    by_hand: Sequence[str] = ()  # what to click, where no API sets it up; {address} stands for ours, {token} for the
    # one that is agreed on, once the secret is known
    challenge: Challenge | None = None  # how the address is checked, where it has to prove that it is ours

    def may_withdraw(self, body: bytes) -> bool:
        """Whether a delivery may say that somebody left, by a look that costs next to nothing. It goes before all
        others; what it really says is read later."""
        return any(word in body for word in self.leaving)
