"""What the Pipedrive emulator remembers, and how persons look in its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.platform import State

Json = dict[str, Any]
EVERY_STATUS = frozenset({"marketing_status", "doi_status"})


@dataclass(frozen=True, slots=True)
class Switches:
    """What the facts leave open, or what differs by company. Both settings of each have to pass.

    *split*: a name is split at its first or its last space. *takes_halves*: first and last name may be written (said in
    an issue of the vendor's client, not in its description). *reads_deleted*: a deleted person may still be read alone.
    *once*: a marketing status is changed once and never again. *campaigns*: the company uses Campaigns.
    *contact_sync*: it syncs contacts, so that address, birthday and job title are shown.
    """

    split: str = "first"
    takes_halves: bool = True
    reads_deleted: bool = True
    once: bool = True
    campaigns: bool = True
    contact_sync: bool = True


@dataclass(slots=True)
class Person:
    """One person. Lists of e-mails and phones hold objects of value, primary and label."""

    id: int
    name: str
    first: str
    last: str
    added: datetime
    updated: datetime
    owner: int
    org: int | None = None
    emails: list[Json] = field(default_factory=list)
    phones: list[Json] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    custom: dict[str, Any] = field(default_factory=dict)
    synced: Json = field(default_factory=dict)  # postal_address, birthday, job_title, notes, im
    visible_to: int = 3
    marketing: str = "no_consent"
    marketing_changes: int = 0
    deleted: datetime | None = None
    merged_into: int | None = None

    @property
    def email(self) -> str:
        return next((str(one["value"]) for one in self.emails if one["primary"]), "")


@dataclass(slots=True)
class PersonField:
    """A field of persons as `personFields` lists it; *options* of an enum or a set."""

    id: int
    key: str
    name: str
    kind: str
    own: bool = False  # made by the company, and so a hash
    options: list[Json] | None = None


@dataclass
class PipedriveState(State):
    persons: dict[int, Person] = field(default_factory=dict)
    fields: dict[int, PersonField] = field(default_factory=dict)
    hooks: dict[int, Json] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)  # the last number given, by kind

    def number(self, kind: str, first: int = 1) -> int:
        self.last[kind] = self.last.get(kind, first - 1) + 1
        return self.last[kind]


def stamp(at: datetime) -> str:
    """RFC 3339 in whole seconds, as v2 writes times."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def split(name: str, how: str) -> tuple[str, str]:
    """First and last name of a whole one."""
    words = name.split()
    if len(words) < 2:
        return (words[0] if words else ""), ""
    cut = 1 if how == "first" else len(words) - 1
    return " ".join(words[:cut]), " ".join(words[cut:])


def show(person: Person, switches: Switches, included: frozenset[str] = frozenset()) -> Json:
    """A person as v2 shows it."""
    shown: Json = {
        "id": person.id,
        "name": person.name,
        "first_name": person.first,
        "last_name": person.last,
        "owner_id": person.owner,
        "add_time": stamp(person.added),
        "update_time": stamp(person.updated),
        "emails": [dict(one) for one in person.emails],
        "phones": [dict(one) for one in person.phones],
        "is_deleted": person.deleted is not None,
        "visible_to": person.visible_to,
        "label_ids": list(person.labels),
        "custom_fields": dict(person.custom),
    }
    if person.org is not None:
        shown["org_id"] = person.org
    if switches.contact_sync:
        shown |= person.synced
    if "marketing_status" in included:
        shown["marketing_status"] = person.marketing
    if "doi_status" in included:
        shown["doi_status"] = 1
    return shown
