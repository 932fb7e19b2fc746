"""Brevo's attributes in our words, and what its contacts say of why they get no mail."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors.base import RemoteField
from connectors.codecs import read_date, read_flag, read_number
from mapping.facts import Facts, Listing
from mapping.fields import Field, FieldTable, both
from mapping.model import Value
from mapping.values import Kind

ATTRIBUTES = "attributes."
BOUNCED, LEFT, COMPLAINED = "hard bounce", "unsubscribed", "complaint"
KEPT = ("id", "email", "emailBlacklisted", "createdAt", "modifiedAt", "listIds", "listUnsubscribed", "attributes")
KINDS = {"text": Kind.TEXT, "date": Kind.DATE, "float": Kind.NUMBER, "boolean": Kind.FLAG}
CODECS = {Kind.DATE: read_date, Kind.NUMBER: read_number, Kind.FLAG: read_flag}


def _number(raw: Value) -> Value:
    """Brevo may show a number without the plus that it was written with."""
    text = str(raw)
    return f"+{text}" if re.fullmatch(r"[1-9]\d{7,14}", text) else text


def _number_fits(value: Value) -> str:
    fits = re.fullmatch(r"\+[\d\s()./-]{7,30}", str(value))
    return "" if fits else "Brevo takes phone numbers with their country code only, as in +49 30 1234567"


TABLE = FieldTable(
    (
        both("email", "email", Kind.EMAIL, label="E-mail"),
        both("given_name", ATTRIBUTES + "FIRSTNAME", Kind.NAME, label="First name"),
        both("family_name", ATTRIBUTES + "LASTNAME", Kind.NAME, label="Last name"),
        both("phone", ATTRIBUTES + "SMS", Kind.PHONE, reads=_number, fits=_number_fits, label="Mobile phone"),
    )
)

_NONE = "has no such attribute unless the account has one of its own"
CANNOT = {
    "archive": "deletes for good: put contacts away there",
    "own_key": "has each address once: creates are found by it",
    "tags": "has lists instead",
    "mobile": "has one number, SMS, which is the phone",
    **dict.fromkeys(("company", "job_title", "website", "address", "birthday", "language"), _NONE),
    "lifecycle": "knows no stages of contacts",
    "stage": "knows no stages of contacts",
    "role": "knows no roles",
    "owner": "knows no owners of contacts",
    "vip": "knows no such mark",
    "permissions": "knows one permission, that of being mailed",
    "name": "keeps first and last name apart",
    "handle": "knows nobody by a handle",
}


class Attribute(msgspec.Struct):
    name: str
    category: str = "normal"
    type: str = ""


class Attributes(msgspec.Struct):
    attributes: list[Attribute] = []


class Batched(msgspec.Struct):
    successIds: list[int] = []  # noqa: N815 - Brevo's names
    failureIds: list[int] = []  # noqa: N815


def remote(attributes: Sequence[Attribute]) -> list[RemoteField]:
    """The account's attributes as fields; a category is a choice by number, which we cannot carry."""
    known = {row.remote: row for row in TABLE}
    found = [RemoteField("email", "E-mail", "email", row=known["email"])]
    for one in attributes:
        if one.category == "normal":
            path, kind = ATTRIBUTES + one.name, KINDS.get(one.type)
            ready = known.get(path)
            if ready is None and kind is not None:
                ready = Field(one.name.lower(), path, kind, reads=CODECS.get(kind), label=one.name)
            found.append(RemoteField(path, one.name, one.type, row=ready))
    return found


def trimmed(contact: Mapping[str, Any], statistics: Any) -> bytes:
    """A contact as every reading shows it, and why it gets no mail."""
    kept = {name: contact[name] for name in KEPT if contact.get(name) is not None}
    return msgspec.json.encode(kept | _why(statistics) if contact.get("emailBlacklisted") else kept)


def _why(statistics: Any) -> dict[str, str]:
    """A complaint or an unsubscribe is somebody's wish, a hard bounce nobody's; the wish counts before the bounce."""
    told = statistics if isinstance(statistics, dict) else {}
    if told.get("complaints"):
        return {"why": COMPLAINED, "left": _last(told["complaints"])}
    left = (told.get("unsubscriptions") or {}).get("userUnsubscription")
    if left:
        return {"why": LEFT, "left": _last(left)}
    return {"why": BOUNCED} if told.get("hardBounces") else {}


def _last(events: Sequence[Mapping[str, Any]]) -> str:
    return max((str(one.get("eventTime", "")) for one in events), default="")


def listing(item: Mapping[str, Any]) -> Facts:
    """A list and who is on it."""
    members = tuple(str(one) for one in item.get("members", ()))
    return Facts(listings=[Listing(str(item["id"]), str(item.get("name", "")), members, "static")])
