"""The same town on further platforms: whom Pipedrive, Brevo and Meta know, what was published by Buffer and Hootsuite,
what people wrote at Sprout Social, and the truth about it.

Each platform knows a share of the town's people, by the address that they have on HubSpot or Mailchimp. Some of its
values agree, some are blank, some are written otherwise, some differ; some people left there. The town itself stays as
it is, byte for byte; what is added to its truth says whose each record is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sandbox.town import Town
from sandbox.town_names import Dice, spell_phone

SHARE = 55  # per cent of the people that a further platform knows
LEFT, BOUNCED = 4, 2
BLANK, DIFFERS = 20, 4  # per cent of the values
FIRST_DAY = datetime(2020, 1, 6, 8, tzinfo=UTC)

POSTS = 104
LAST_POST = datetime(2025, 12, 29, 17, tzinfo=UTC)
SUBJECTS = ("Roggen um sieben", "Neues vom Ofen", "Brotkurs", "Zopf am Sonntag", "Die Mühle war da", "Stollen")
WRITTEN = ("FACEBOOK_COMMENT", "INSTAGRAM_COMMENT", "FACEBOOK_MESSENGER", "INSTAGRAM_DIRECT_MESSAGE", "GOOGLE_REVIEW")
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


def _value(rng: Dice, value: str, other: str) -> str:
    """A value as it stands there: mostly the same, sometimes blank, seldom another."""
    roll = rng.below(100)
    return "" if roll < BLANK else other if roll < BLANK + DIFFERS else value


def on_pipedrive(town: Town) -> tuple[list[Record], list[str]]:
    """Persons, and whose each is."""
    people, rng = chosen(town, "pipedrive")
    records: list[Record] = []
    for place, one in enumerate(people):
        phone = _value(rng, spell_phone(one.phone, rng.below(6)) if one.phone else "", "+49 30 5550000")
        at = FIRST_DAY + timedelta(minutes=7 * place)
        records.append(
            {
                "id": 1001 + place,
                "name": f"{one.first} {one.last}",
                "first": one.first,
                "last": one.last,
                "emails": [one.email],
                "phones": [phone],
                "marketing": "unsubscribed" if rng.below(100) < LEFT else "subscribed",
                "added": at,
                "updated": at,
            }
        )
    return records, [one.person for one in people]


def on_brevo(town: Town) -> tuple[list[Record], list[str]]:
    """Contacts, and whose each is. A number stands at one contact only."""
    people, rng = chosen(town, "brevo")
    records: list[Record] = []
    taken: set[str] = set()
    for place, one in enumerate(people):
        number = _value(rng, one.phone, "")
        attributes = {"FIRSTNAME": _value(rng, one.first, one.first.upper()), "LASTNAME": one.last}
        if number and number not in taken:
            attributes["SMS"] = number
            taken.add(number)
        roll = rng.below(100)
        at = FIRST_DAY + timedelta(minutes=5 * place)
        what = {"left": roll < LEFT, "bounced": LEFT <= roll < LEFT + BOUNCED}
        records.append({"email": one.email, "attributes": attributes, "created": at, "modified": at, **what})
    return records, [one.person for one in people]


def on_meta(town: Town) -> tuple[list[Record], list[str]]:
    """Answers to the form of a lead ad, with the words that people put there. Nobody can be edited or leave."""
    people, rng = chosen(town, "meta")
    records: list[Record] = []
    for one in people:
        phone = _value(rng, one.phone, "")
        answers = {"email": one.email, "first_name": one.first, "last_name": _value(rng, one.last, one.last.upper())}
        records.append({"email": one.email, "answers": {**answers, "phone_number": phone}})
    return records, [one.person for one in people]


def on_buffer(town: Town) -> tuple[list[Record], list[str]]:
    """What was published there, by figures as Buffer calls them; nobody is named."""
    return _published(town, "buffer", ("reach", "reactions", "comments"), NETWORKS), []


def on_hootsuite(town: Town) -> tuple[list[Record], list[str]]:
    """The same at Hootsuite, in its words."""
    networks = ("INSTAGRAMBUSINESS", "FACEBOOKPAGE", "LINKEDINCOMPANY")
    found = _published(town, "hootsuite", ("impressions", "likes", "comments"), networks)
    return [{**one, "network": one["service"]} for one in found], []


def on_sprout(town: Town) -> tuple[list[Record], list[str]]:
    """What some of the town wrote on networks, and what was published there. A handle says of nobody who it is, so that
    the truth knows none of them by it."""
    people, rng = chosen(town, "sprout")
    records: list[Record] = []
    for place, one in enumerate(people):
        handle = f"{one.first}.{one.last}".lower().replace(" ", "")
        at = LAST_POST - timedelta(hours=7 * (place % 2_000))
        wrote = {"kind": WRITTEN[rng.below(len(WRITTEN))], "at": at}
        records.append({"name": f"{one.first} {one.last}", "handle": handle, **wrote})
    published = _published(town, "sprout", ("impressions", "reactions", "comments_count"), NETWORKS)
    return [*records, *({**one, "network": one["service"]} for one in published)], []


def _published(town: Town, platform: str, words: tuple[str, str, str], networks: tuple[str, ...]) -> list[Record]:
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


ELSEWHERE: Mapping[str, Callable[[Town], tuple[list[Record], list[str]]]] = {
    "pipedrive": on_pipedrive,
    "brevo": on_brevo,
    "meta": on_meta,
    "buffer": on_buffer,
    "hootsuite": on_hootsuite,
    "meta_audiences": lambda _: ([], []),  # audiences begin empty
    "sprout": on_sprout,
}


def populate_elsewhere(town: Town, boxes: Mapping[str, Loads]) -> Town:
    """Put the people whom further platforms know into their sandboxes; gives the town with the truth about it."""
    told: dict[str, dict[str, str]] = {}
    for platform, box in boxes.items():
        records, people = ELSEWHERE[platform](town)
        box.load(records)
        if not people:
            continue
        addresses = [str(record.get("email") or record["emails"][0]) for record in records]
        told[platform] = dict(zip(addresses, people, strict=True))
    return replace(town, truth=replace(town.truth, elsewhere=told))
