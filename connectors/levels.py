"""How far a connector may be relied on: promises, each with a level, and the level that follows from those kept.

The contract suite (`tests/contract`) has one check for each promise and runs it on each platform of the catalogue; what
it found stands in `connectors.checked`, and nobody types a level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

KEPT = "kept"
ASIDE = "aside: "
"""How the outcome of a promise begins that does not concern a platform, with the reason behind it."""


class Level(StrEnum):
    """Each one includes those before it."""

    BRONZE = "bronze"  # may be in the catalogue
    SILVER = "silver"  # may be relied on
    GOLD = "gold"  # may be forgotten


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that a connector keeps, in words for people."""

    name: str
    level: Level
    text: str


PROMISES = (
    Promise("signs_in", Level.BRONZE, "signs in, and says plainly when it cannot"),
    Promise("reads_everybody", Level.BRONZE, "reads all pages, and turns each once"),
    Promise("never_circles", Level.BRONZE, "stops where a platform gives the same page for ever"),
    Promise("lens_holds", Level.BRONZE, "each field reads back as it was written"),
    Promise("cannot_is_complete", Level.BRONZE, "says why, for each field that it does not carry"),
    Promise("leaving_is_read", Level.BRONZE, "reads who left, and no update brings them back"),
    Promise("secrets_stay", Level.BRONZE, "shows no secret in errors and elsewhere"),
    Promise("speaks_for_itself", Level.BRONZE, "names its documents, its pace and its quirks"),
    Promise("retries_what_is_safe", Level.SILVER, "sends no create twice when its answer is lost"),
    Promise("waits_as_told", Level.SILVER, "waits as long as the platform asks"),
    Promise("one_bad_record", Level.SILVER, "lets one bad record stop no other"),
    Promise("made_once", Level.SILVER, "finds what it made before a crash"),
    Promise("gone_is_proven", Level.SILVER, "takes nobody for gone without a direct read"),
    Promise("reads_past_the_index", Level.SILVER, "sees an edit at once when it reads by id"),
    Promise("leaves_for_good", Level.SILVER, "passes an opt-out on, and only that"),
    Promise("hooks_are_proven", Level.GOLD, "believes webhooks that prove themselves, and no others"),
    Promise("hooks_name_whom", Level.GOLD, "looks again at whom a webhook is about"),
    Promise("catches_up", Level.GOLD, "misses no change that shows late, and nobody while others leave"),
    Promise("tells_engagement", Level.GOLD, "tells opens, clicks and the like once each"),
    Promise("as_described", Level.GOLD, "speaks as the vendor describes"),
    Promise("quirks_are_tested", Level.GOLD, "has tests of its own for its quirks"),
    Promise("checked_live", Level.GOLD, "was run against a real account"),
)


def level(outcomes: Mapping[str, str], *, but: frozenset[str] = frozenset()) -> Level | None:
    """The highest level all of whose promises are kept, or do not concern the platform; *but* are left out."""
    reached = None
    for one in Level:
        wanted = [promise.name for promise in PROMISES if promise.level is one and promise.name not in but]
        if not all(outcomes.get(name, "") == KEPT or outcomes.get(name, "").startswith(ASIDE) for name in wanted):
            return reached
        reached = one
    return reached
