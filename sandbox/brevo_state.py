"""What the Brevo emulator remembers, and how contacts look in its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.platform import State

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Switches:
    """What the documents leave open. Both settings of each have to pass.

    *unknown*: attributes that the account lacks are ignored, or refused. *numbers*: phone numbers are shown with or
    without their plus. *per_list*: people may leave single lists. *statistics*: a contact read alone tells what became
    of mails. *empty_hooks*: the answer where there is no webhook is an empty list, or 404.
    """

    unknown: str = "ignore"
    numbers: str = "bare"
    per_list: bool = True
    statistics: bool = True
    empty_hooks: int = 200


@dataclass(slots=True)
class Contact:
    """One contact. `left` and the others hold the moments of what became of mails, with the campaign's number."""

    id: int
    email: str
    created: datetime
    modified: datetime
    attributes: Json = field(default_factory=dict)
    lists: list[int] = field(default_factory=list)
    left_lists: list[int] = field(default_factory=list)
    blacklisted: bool = False
    sms_blacklisted: bool = False
    left: list[Json] = field(default_factory=list)
    bounced: list[Json] = field(default_factory=list)
    complained: list[Json] = field(default_factory=list)
    opened: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class MailList:
    id: int
    name: str
    folder: int
    created: datetime


@dataclass
class BrevoState(State):
    contacts: dict[int, Contact] = field(default_factory=dict)
    by_email: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)  # name -> type, of the category normal
    lists: dict[int, MailList] = field(default_factory=dict)
    folders: dict[int, str] = field(default_factory=dict)
    hooks: dict[int, Json] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)

    def number(self, kind: str) -> int:
        self.last[kind] = self.last.get(kind, 0) + 1
        return self.last[kind]


def stamp(at: datetime) -> str:
    """UTC in milliseconds, as the description has it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def show(contact: Contact, switches: Switches) -> Json:
    """A contact as listings show it."""
    shown: Json = {
        "id": contact.id,
        "email": contact.email,
        "emailBlacklisted": contact.blacklisted,
        "smsBlacklisted": contact.sms_blacklisted,
        "createdAt": stamp(contact.created),
        "modifiedAt": stamp(contact.modified),
        "listIds": list(contact.lists),
        "attributes": _numbered(contact.attributes, switches),
    }
    return {**shown, "listUnsubscribed": list(contact.left_lists)} if switches.per_list else shown


def _numbered(attributes: Json, switches: Switches) -> Json:
    number = attributes.get("SMS")
    if not number or switches.numbers != "bare":
        return dict(attributes)
    return {**attributes, "SMS": number.removeprefix("+")}


def statistics(contact: Contact) -> Json:
    """What became of mails to one contact."""
    return {
        "messagesSent": [],
        "hardBounces": list(contact.bounced),
        "softBounces": [],
        "complaints": list(contact.complained),
        "unsubscriptions": {"userUnsubscription": list(contact.left), "adminUnsubscription": []},
        "opened": list(contact.opened),
        "clicked": [],
        "transacAttributes": [],
        "delivered": [],
    }
