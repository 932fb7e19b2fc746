"""What can go wrong between a vendor and a listener, on request and from a seed: the same seed, the same accidents.

Late, doubled, unordered and lost is what vendors say of their own webhooks. Forged and replayed is what others do;
such requests come on top of the true ones and change nothing for them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Fate(NamedTuple):
    """What becomes of one letter."""

    lost: bool = False
    put_off: float = 0.0  # seconds
    doubled: bool = False
    forged: str = ""  # how, if a forgery comes along
    replayed: float | None = None  # which of the requests so far somebody sends again, the first (0) to the last (1)


@dataclass
class Mischief:
    """Rates between 0 and 1, one chance for each letter."""

    lost: float = 0.0
    late: float = 0.0
    doubled: float = 0.0
    forged: float = 0.0
    replayed: float = 0.0
    unordered: bool = False
    late_by: float = 60.0  # seconds, at most
    seed: int = 0
    dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("lost", "late", "doubled", "forged", "replayed"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a rate between 0 and 1, not {getattr(self, name)}")
        self.dice = random.Random(self.seed)

    def order(self, things: Sequence[T]) -> list[T]:
        """*things* as they leave: in order, or in any."""
        shuffled = list(things)
        if self.unordered:
            self.dice.shuffle(shuffled)
        return shuffled

    def fate(self, *, fresh: bool, forgeries: Sequence[str]) -> Fate:
        """What becomes of the next letter; *fresh*: not delayed before."""
        roll = self.dice.random
        if roll() < self.lost:
            return Fate(lost=True)
        if roll() < self.late and fresh:
            return Fate(put_off=self.dice.uniform(0, self.late_by))
        doubled = roll() < self.doubled
        forged = self.dice.choice(forgeries) if roll() < self.forged else ""
        replayed = roll() if roll() < self.replayed else None
        return Fate(doubled=doubled, forged=forged, replayed=replayed)


def mischief_of(settings: dict[str, Any]) -> Mischief:
    """The tricks that *settings* name; raises ValueError for others."""
    known = {one.name for one in fields(Mischief) if one.init}
    strange = sorted(settings.keys() - known)
    if strange:
        raise ValueError(f"no such trick: {', '.join(strange)}; there are {', '.join(sorted(known))}")
    return Mischief(**settings)
