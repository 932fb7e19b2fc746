"""A second audience of the town's Mailchimp account, made on request: who takes the bakery's workshops.

Every third member of the newsletter is in it too, and some of the contacts who take no newsletter. Each of them is
another member there, with a contact id and a status of its own, and with a merge field that the newsletter lacks. Some
left the workshops and not the newsletter, or the other way round.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import md5
from typing import Protocol, cast

from sandbox.town import Record, Town
from sandbox.town_truth import OptOut, TruePerson

WORKSHOPS = "b2c3d4e5f6"
TITLE = "Workshops"
MERGE_FIELDS = (("COURSE", "Last course", "text"),)
COURSES = ("Sourdough", "Rye", "Croissants", "")
EVERY, LEFT = 3, 6
"""Of the newsletter's members every third is in the workshops; of these, every sixth left them."""


class Mailchimp(Protocol):
    """What the second audience needs of the Mailchimp sandbox."""

    def add_audience(self, name: str, list_id: str) -> object: ...
    def add_merge_field(self, tag: str, name: str, kind: str, *, list_id: str | None = None) -> object: ...
    def load(self, records: Iterable[Record], list_id: str | None = None) -> object: ...


@dataclass(frozen=True, slots=True)
class Workshops:
    """The members of the second audience."""

    members: tuple[Record, ...]


def with_workshops(town: Town) -> tuple[Town, Workshops]:
    """The town with the truth about its second audience, and that audience."""
    owners = {contact: person.person for person in town.truth.people for contact in person.members}
    mine: dict[str, list[Record]] = {}
    members: list[Record] = []
    for record in town.members[::EVERY]:
        who = owners[str(record["contact_id"])]
        members.append(_again(record, len(members)))
        mine.setdefault(who, []).append(members[-1])
    contacts = {str(record["id"]): record for record in town.contacts}
    taken = {str(record["email_address"]).lower() for record in town.members}
    for person in [one for one in town.truth.people if one.contacts and not one.members][::EVERY]:
        record = contacts[person.contacts[0]]
        address = str(_properties(record)["email"])
        if address.lower() not in taken:
            members.append(_newcomer(record, address, len(members)))
            mine.setdefault(person.person, []).append(members[-1])
    people = tuple(_told(person, mine.get(person.person, ())) for person in town.truth.people)
    return replace(town, truth=replace(town.truth, people=people)), Workshops(tuple(members))


def populate_workshops(workshops: Workshops, mailchimp: Mailchimp) -> None:
    """Put the second audience into a sandbox that holds the first."""
    mailchimp.add_audience(TITLE, WORKSHOPS)
    for tag, name, kind in MERGE_FIELDS:
        mailchimp.add_merge_field(tag, name, kind, list_id=WORKSHOPS)
    mailchimp.load(workshops.members, WORKSHOPS)


def _again(record: Record, number: int) -> Record:
    """A member of the newsletter as a member of the workshops."""
    merge = cast("Mapping[str, object]", record["merge_fields"])
    kept = ("email_address", "language", "timestamp_signup", "ip_signup", "timestamp_opt", "ip_opt", "last_changed")
    names = {tag: merge[tag] for tag in ("FNAME", "LNAME")}
    return {**{key: record[key] for key in kept}, **_own(number), "merge_fields": {**names, **_course(number)}}


def _newcomer(record: Record, address: str, number: int) -> Record:
    """Somebody who takes workshops and no newsletter."""
    properties = _properties(record)
    names = {"FNAME": properties.get("firstname", ""), "LNAME": properties.get("lastname", "")}
    return {
        "email_address": address,
        "language": "de",
        "last_changed": "2024-05-04T10:00:00+00:00",
        **_own(number),
        "merge_fields": {**names, **_course(number)},
    }


def _own(number: int) -> Record:
    left = number % LEFT == LEFT - 1
    return {
        "contact_id": md5(f"workshops {number}".encode(), usedforsecurity=False).hexdigest(),
        "status": "unsubscribed" if left else "subscribed",
        "unsubscribed_by": "person" if left else "",
    }


def _course(number: int) -> dict[str, str]:
    return {"COURSE": COURSES[number % len(COURSES)]}


def _properties(record: Record) -> Mapping[str, object]:
    return cast("Mapping[str, object]", record["properties"])


def _told(person: TruePerson, members: Iterable[Record]) -> TruePerson:
    """What is true of somebody who is in the second audience too."""
    found = [(str(one["contact_id"]), str(one["email_address"]).lower(), str(one["status"])) for one in members]
    if not found:
        return person
    out = tuple(OptOut("mailchimp", id, address) for id, address, status in found if status == "unsubscribed")
    return replace(
        person,
        members=(*person.members, *(id for id, _, _ in found)),
        statuses={**person.statuses, **{id: status for id, _, status in found}},
        opt_outs=(*person.opt_outs, *out),
    )
