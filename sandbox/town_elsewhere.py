"""The same town on further platforms, each as its own `sandbox/<name>_town.py` says, and the truth about it.

Each platform knows a share of the town's people, by the address that they have on HubSpot or Mailchimp. Some of its
values agree, some are blank, some are written otherwise, some differ; some people left there. The town itself stays as
it is, byte for byte; what is added to its truth says whose each record is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

import sandbox
from sandbox.platform import Emulator
from sandbox.town import Town
from sandbox.town_names import Dice

SHARE = 55  # per cent of the people that a further platform knows
LEFT, BOUNCED = 4, 2
BLANK, DIFFERS = 20, 4  # per cent of the values
FIRST_DAY = datetime(2020, 1, 6, 8, tzinfo=UTC)

POSTS = 104
LAST_POST = datetime(2025, 12, 29, 17, tzinfo=UTC)
SUBJECTS = ("Roggen um sieben", "Neues vom Ofen", "Brotkurs", "Zopf am Sonntag", "Die Mühle war da", "Stollen")
NETWORKS = ("instagram", "facebook", "linkedin")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resident:
    """Somebody of the town as a further platform might hold them. `phone` is E.164, or empty."""

    person: str
    email: str
    first: str
    last: str
    phone: str


class Loads(Protocol):
    """What a further platform's sandbox takes."""

    def load(self, records: Iterable[Mapping[str, Any]]) -> object: ...


@dataclass(frozen=True, slots=True)
class Further:
    """A further platform that can be rehearsed beside the two: how it is opened, what it knows of the *town* (records
    that it loads, and whose each is), and how one connects to it."""

    open: Callable[..., Emulator]
    town: Callable[[Town], tuple[list[Record], list[str]]]
    variable: str
    credential: str
    more: Mapping[str, str] = field(default_factory=dict)  # what else the environment has to say
    streams: str = ""  # what there is to read where nobody is listed

    @property
    def environment(self) -> Mapping[str, str]:
        """What the environment has to say for `connect`."""
        return {self.variable: self.credential, **self.more}


def further() -> dict[str, Further]:
    """Those that there are, by name."""
    names = sorted(one.name for one in iter_modules(sandbox.__path__) if one.name.endswith("_town"))
    return {name.removesuffix("_town"): import_module(f"sandbox.{name}").FURTHER for name in names}


def residents(town: Town) -> list[Resident]:
    """Everybody with an address of their own, by what HubSpot says of them, else Mailchimp."""
    contacts = {str(one["id"]): one for one in town.contacts}
    members = {str(one["contact_id"]): one for one in town.members}
    found = []
    for person in town.truth.people:
        if any(case.startswith("shared") for case in person.cases):
            continue
        if person.contacts:
            shown: Any = contacts[person.contacts[0]]["properties"]
            names = shown.get("firstname", ""), shown.get("lastname", ""), shown.get("phone", "")
        else:
            shown = members[person.members[0]]["merge_fields"]
            names = shown.get("FNAME", ""), shown.get("LNAME", ""), shown.get("PHONE", "")
        if names[0] and names[1]:
            found.append(Resident(person.person, person.addresses[0], names[0], names[1], international(names[2])))
    return found


def international(text: str) -> str:
    """A German number in whatever notation, as E.164."""
    digits = re.sub(r"\D", "", text.replace("(0)", ""))
    if not digits:
        return ""
    bare = digits.removeprefix("00").removeprefix("49") if digits.startswith(("0049", "49")) else digits[1:]
    return f"+49{bare}"


def chosen(town: Town, platform: str) -> tuple[list[Resident], Dice]:
    """Whom a platform knows: a share of its own of the town, the same for equal seeds."""
    rng = Dice(f"regulars elsewhere {platform} {town.seed}")
    return [one for one in residents(town) if rng.below(100) < SHARE], rng


def value(rng: Dice, value: str, other: str) -> str:
    """A value as it stands there: mostly the same, sometimes blank, seldom another."""
    roll = rng.below(100)
    return "" if roll < BLANK else other if roll < BLANK + DIFFERS else value


def published(town: Town, platform: str, words: tuple[str, str, str], networks: tuple[str, ...]) -> list[Record]:
    """Two posts a week of the last year: how often each was seen, liked and answered."""
    rng = Dice(f"regulars elsewhere {platform} {town.seed}")
    records: list[Record] = []
    for place in range(POSTS):
        reach = 40 + rng.below(20 * max(1, len(town.contacts)))
        figures = dict(zip(words, (reach, rng.below(reach // 4 + 1), rng.below(reach // 20 + 1)), strict=True))
        at = LAST_POST - timedelta(hours=84 * (POSTS - 1 - place))
        text = f"{SUBJECTS[rng.below(len(SUBJECTS))]} ({at:%d.%m.})"
        records.append({"text": text, "service": networks[rng.below(len(networks))], "at": at, "figures": figures})
    return records


def populate_elsewhere(town: Town, boxes: Mapping[str, Loads]) -> Town:
    """Put the people whom further platforms know into their sandboxes; gives the town with the truth about it."""
    told: dict[str, dict[str, str]] = {}
    known = further()
    for platform, box in boxes.items():
        records, people = known[platform].town(town)
        box.load(records)
        if not people:
            continue
        addresses = [str(record.get("email") or record["emails"][0]) for record in records]
        told[platform] = dict(zip(addresses, people, strict=True))
    return replace(town, truth=replace(town.truth, elsewhere=told))
