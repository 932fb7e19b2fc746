"""People of Meta in our words: what they answered in a form, and what a scoped id shows of somebody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors import kit
from mapping.fields import Field, FieldTable, reads
from mapping.values import Kind

LEAD, INSTAGRAM = "lead:", "ig:"
"""How remote ids begin of answers to forms and of people on Instagram. Those of people on Facebook are bare: by itself
an id does not say of what it is."""

ANSWERS = "answers"
PARTS = {"street": "street_address", "city": "city", "region": "state", "postcode": "zip_code", "country": "country"}


def _answer(name: str, theirs: str, label: str, kind: Kind = Kind.TEXT) -> Field:
    return reads(name, f"{ANSWERS}.{theirs}", kind, label=label)


TABLE = FieldTable(
    (
        _answer("email", "email", "E-mail", Kind.EMAIL),
        _answer("given_name", "first_name", "First name", Kind.NAME),
        _answer("family_name", "last_name", "Last name", Kind.NAME),
        reads("name", "name", Kind.NAME, label="Whole name"),
        reads("handle", "username", label="Name on Instagram"),
        _answer("phone", "phone_number", "Phone", Kind.PHONE),
        _answer("company", "company_name", "Company"),
        _answer("job_title", "job_title", "Job title"),
        reads("address", ANSWERS, Kind.ADDRESS, reads=kit.read_parts(PARTS), label="Address"),
    )
)

CANNOT = {
    "writing": "takes no changes of people: everything is read only",
    "deletions": "shows answers to forms for some 90 days and the latest of everything else: "
    "who is not shown any more is not gone",
    "lists": "takes segments only as audiences of ads: connect `meta_audiences` for those",
    "permissions": "does not say which box of a form meant marketing, and a message is no consent",
    "tags": "has labels in its inbox that no program reads",
    "birthday": "asks for whole dates of birth, which are not read",
    "mobile": "asks for one number, which is the phone's",
    **dict.fromkeys(("website", "language", "owner"), "knows nothing of the kind"),
    **dict.fromkeys(("lifecycle", "stage", "role", "vip"), "knows people as strangers who answered or wrote"),
    "messages": "shows the latest 20 of a conversation; what was written is not kept",
    "reactions": "names who reacted only while it happens, by webhook: else there are figures",
}


def leads(bodies: list[bytes]) -> list[bytes]:
    return [lead(body) for body in bodies]


def lead(body: bytes) -> bytes:
    """An answer to a form: each question with its first answer. How whole names are split is not said, so that they
    stay whole."""
    found = msgspec.json.decode(body, type=dict[str, Any])
    given = {str(one.get("name")): one.get("values") for one in found.get("field_data") or ()}
    answers = {name: str(values[0]) for name, values in given.items() if values}
    kept = {key: found[key] for key in ("created_time", "form_id") if key in found}
    whole = {"name": answers["full_name"]} if "full_name" in answers else {}
    return msgspec.json.encode({"id": f"{LEAD}{found['id']}", **kept, **whole, ANSWERS: answers})


def person(shown: Mapping[str, Any]) -> Mapping[str, Any]:
    """Somebody with a scoped id, as *who* did something: by name on Facebook, by handle on Instagram."""
    name = "username" if shown["who"].startswith(INSTAGRAM) else "name"
    return {"id": shown["who"], **({name: shown[name]} if shown.get(name) else {})}
