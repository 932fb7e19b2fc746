"""Pipedrive, rehearsed: the persons of one company, on loopback.

Docs      the vendor's descriptions v1 (2026-01) and v2 (2025-10), and the Pipedrive part of the project's platform
          facts; comments quote what a behaviour rests on, and `Switches` holds what is unconfirmed
Emulates  persons (v2: list by cursor, ids and update time, read, make, change, delete, exact search; v1: merge), their
          fields and labels (v1), the current user, webhooks version 2 with HTTP Basic and three repetitions, OAuth
          renewal with single-use refresh tokens; the burst and the daily budget; the marketing status, which changes
          once; the person kept for 30 days after a deletion
Keys      only credentials that start with ``sandbox-`` exist here; `COLLEAGUE` is no administrator
Not emulated
          organizations, deals, leads, activities, notes, files, mail, products, filters; visibility of persons to
          single users; pictures; followers; v1 persons beside the merge; deleting fields; the authorization page of
          OAuth; webhooks of other objects, of version 1, and the ban of one that keeps failing; the 403 in HTML for
          who ignores 429s other than as a fault
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.pipedrive_core import COLLEAGUE, USER, PipedriveCore
from sandbox.pipedrive_persons import Persons
from sandbox.pipedrive_setup import APP, Setup, hash_of
from sandbox.pipedrive_state import Json, Person, PersonField, Switches, split
from sandbox.pipedrive_webhooks import Hooks, PipedriveMailroom
from sandbox.platform import Clock
from sandbox.webhooks_postman import Postman

__all__ = ["APP", "COLLEAGUE", "PipedriveSandbox", "Switches"]

OPENED = datetime(2019, 3, 1, tzinfo=UTC)


class PipedriveSandbox(PipedriveCore):
    """The company of a small bakery; `human_…` methods do what people do in the product."""

    mailroom: PipedriveMailroom

    def __init__(
        self,
        *,
        token: str = "sandbox-pipedrive-demo",
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
        burst: int = 20,
        daily: int = 30_000,
    ) -> None:
        super().__init__(token=token, clock=clock, quotas=quotas, switches=switches, burst=burst, daily=daily)
        self.mailroom = PipedriveMailroom(self)
        self.postman = Postman(self.mailroom)
        self.setup = Setup(self)
        Persons(self)
        Hooks(self)

    def told(self, action: str, person: Person, before: Json | None, now: datetime, by: str) -> None:
        self.mailroom.tell_all(action, person, before, now, by)

    def born(self, values: Mapping[str, Any], now: datetime, *, by: str) -> Person:
        number = self.state.number("person", 1001)
        person = Person(number, "", "", "", now, now, USER)
        self.state.persons[number] = person
        for name, value in values.items():
            self._put(person, name, value, by)
        self.told("create", person, None, now, by)
        return person

    def label_field(self) -> PersonField:
        return next(one for one in self.state.fields.values() if one.key == "label_ids")

    def define(self, name: str, kind: str = "varchar") -> str:
        """Make a field in the product; gives its key."""
        return self.setup.add(hash_of(name, len(self.state.fields)), name, kind, None, own=True).key

    def load(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Put persons there as they were long ago: names, addresses, stamps, labels by name."""
        count = 0
        for record in records:
            count += 1
            number = int(record.get("id") or self.state.number("person", 1001))
            added = record.get("added", OPENED)
            name = str(record["name"])
            halves = split(name, self.switches.split)
            first, last = record.get("first", halves[0]), record.get("last", halves[1])
            person = Person(number, name, first, last, added, record.get("updated", added), USER)
            self.state.persons[number] = person
            for key in ("emails", "phones"):
                person_list = [{"value": one} for one in record.get(key, ()) if one]
                setattr(person, key, self._entries("", person_list, True))
            person.labels = [self.human_label(label) for label in record.get("labels", ())]
            person.marketing = record.get("marketing", "no_consent")
            person.custom = dict(record.get("custom", {}))
            person.synced = dict(record.get("synced", {}))
        self.state.last["person"] = max([*self.state.persons, 1000])
        return count

    def by_email(self, address: str) -> Person:
        """The person that has this address. Raises KeyError."""
        for person in self.living():
            if any(one["value"].lower() == address.lower() for one in person.emails):
                return person
        raise KeyError(address)

    # -- what people do --------------------------------------------------------------------------------

    def human_create(self, name: str, email: str = "", phone: str = "", **more: Any) -> int:
        values: Json = {"name": name, **more}
        for key, value in (("emails", email), ("phones", phone)):
            if value:
                values[key] = [{"value": value, "primary": True, "label": "work"}]
        return self.born(values, self.clock(), by="user").id

    def human_update(self, number: int, values: Mapping[str, Any]) -> None:
        self.change(self.person(number), values, self.clock(), by="user")

    def human_unsubscribe(self, number: int) -> None:
        """The person follows the link in a mail."""
        self.change(self.person(number), {"marketing_status": "unsubscribed"}, self.clock(), by="person")

    def human_label(self, label: str) -> int:
        """Make a label in the product, or find it; gives its number."""
        options = self.label_field().options
        if options is None:
            raise ValueError("labels have options")
        for one in options:
            if one["label"] == label:
                return int(one["id"])
        options.append({"id": self.state.number("option", 300), "label": label})
        return int(options[-1]["id"])

    def human_tag(self, number: int, label: str) -> None:
        person = self.person(number)
        self.change(person, {"label_ids": [*person.labels, self.human_label(label)]}, self.clock(), by="user")

    def human_untag(self, number: int, label: str) -> None:
        person, gone = self.person(number), self.human_label(label)
        self.change(person, {"label_ids": [one for one in person.labels if one != gone]}, self.clock(), by="user")

    def human_delete(self, number: int) -> None:
        self.delete(self.person(number), self.clock(), by="user")

    def human_restore(self, number: int) -> None:
        person = self.person(number, deleted=True)
        person.deleted, person.updated = None, self.clock()
        self.told("create", person, None, person.updated, "user")

    def human_merge(self, loser: int, winner: int) -> None:
        self.merge(self.person(loser), self.person(winner), self.clock(), by="user")
