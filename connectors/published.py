"""Posts of the business as campaigns: where an item says what it is called, when it came out, what was done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.codecs import millis
from connectors.paths import dig
from mapping.facts import Campaign, Facts

LONGEST = 80
"""Characters of a post that serve as its title."""


@dataclass(frozen=True, slots=True)
class Published:
    """Reads an item as a campaign.

    The first line of what stands at *title* is what it is called, else *otherwise*; the *network* that it came out on
    goes before it (`instagram: Rye is back`). It came out *at* that moment. Both may name several paths, of which the
    first that leads anywhere counts: `sentAt|dueAt`. *counts* are figures by their paths, or the path of an object of
    them, whose whole numbers are taken (rates follow from them), or a function. What is not there is missing, not zero.
    """

    title: str
    at: str
    counts: Mapping[str, str] | str | Callable[[Mapping[str, Any]], Mapping[str, Any]] = field(default_factory=dict)
    id: str = "id"
    channel: str = "social"
    otherwise: str = "Post"
    network: str = ""

    def __call__(self, item: Mapping[str, Any]) -> Facts:
        figures = {name: int(count) for name, count in self._counted(item).items() if _whole(count)}
        at = millis(_first(item, self.at))
        return Facts(campaigns=[Campaign(str(dig(item, self.id)), self._called(item), at, self.channel, figures)])

    def _called(self, item: Mapping[str, Any]) -> str:
        lines = _first(item, self.title).strip().splitlines()
        where = dig(item, self.network) if self.network else ""
        called = " ".join(f"{where + ': ' if where else ''}{lines[0] if lines else self.otherwise}".split())
        return called if len(called) <= LONGEST else f"{called[: LONGEST - 1]}…"

    def _counted(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        if callable(self.counts):
            return self.counts(item)
        if isinstance(self.counts, str):
            return {name.rpartition(".")[2]: count for name, count in (dig(item, self.counts) or {}).items()}
        return {name: dig(item, path) for name, path in self.counts.items()}


def _first(item: Mapping[str, Any], paths: str) -> str:
    """What stands at the first of several paths that leads anywhere."""
    return next((str(found) for path in paths.split("|") if (found := dig(item, path))), "")


def _whole(count: Any) -> bool:
    return isinstance(count, int | float) and not isinstance(count, bool) and count == int(count)
