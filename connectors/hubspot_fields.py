"""HubSpot's contact properties in our words.

Values are texts there, in and out; an empty text clears. One address is five properties: the row's remote name
joins them with `+`.
"""

from __future__ import annotations

from connectors.base import RemoteField
from connectors.codecs import (
    month_day,
    read_choices,
    read_date,
    read_flag,
    read_number,
    read_parts,
    write_choices,
    write_date,
    write_flag,
    write_number,
    write_parts,
)
from mapping.fields import Field, FieldTable, Way, both, reads
from mapping.model import Role, Stage, Value
from mapping.values import Kind

OWN_KEY = "regulars_id"

ADDRESS = {"street": "address", "city": "city", "region": "state", "postcode": "zip", "country": "country"}


def _one_street(parts: dict[str, str]) -> dict[str, str]:
    """HubSpot has one line for the street: the second follows the first."""
    lines = [parts.pop(name) for name in ("street", "street2") if parts.get(name)]
    return {**parts, "street": ", ".join(lines)} if lines else parts


_STAGES = {
    "subscriber": (Role.PROSPECT, Stage.AWARENESS),
    "lead": (Role.PROSPECT, Stage.AWARENESS),
    "marketingqualifiedlead": (Role.PROSPECT, Stage.CONSIDERATION),
    "salesqualifiedlead": (Role.PROSPECT, Stage.DECISION),
    "opportunity": (Role.PROSPECT, Stage.DECISION),
    "customer": (Role.CUSTOMER, Stage.RETENTION),
    "evangelist": (Role.CUSTOMER, Stage.ADVOCACY),
}


def lifecycle_role(raw: Value) -> Value:
    """HubSpot's own lifecycle stages as a role; a stage that an account made itself says nothing."""
    found = _STAGES.get(raw)
    return found and found[0].value


def lifecycle_stage(raw: Value) -> Value:
    """HubSpot's own lifecycle stages as ours."""
    found = _STAGES.get(raw)
    return found and found[1].value


ADDRESS_REMOTE = "+".join(ADDRESS.values())

TABLE = FieldTable(
    (
        both("email", "email", Kind.EMAIL, label="E-mail"),
        both("given_name", "firstname", Kind.NAME, label="First name"),
        both("family_name", "lastname", Kind.NAME, label="Last name"),
        both("phone", "phone", Kind.PHONE, label="Phone"),
        both("mobile", "mobilephone", Kind.PHONE, label="Mobile phone"),
        both("company", "company", label="Company"),
        both("job_title", "jobtitle", label="Job title"),
        both("website", "website", label="Website"),
        both(
            "address",
            ADDRESS_REMOTE,
            Kind.ADDRESS,
            reads=read_parts(ADDRESS),
            writes=write_parts(ADDRESS, _one_street),
            label="Postal address",
        ),
        both("language", "hs_language", label="Language"),
        reads("lifecycle", "lifecyclestage", label="Lifecycle stage"),
        reads("role", "lifecyclestage", reads=lifecycle_role, label="Role"),
        reads("stage", "lifecyclestage", reads=lifecycle_stage, label="Stage"),
        reads("owner", "hubspot_owner_id", label="Owner"),
    )
)

# Not in the table unless chosen: it is a free text there, so a day written over a whole date would lose the year.
BIRTHDAY = reads("birthday", "date_of_birth", Kind.BIRTHDAY, reads=month_day, label="Birthday")

CANNOT = {
    "tags": "contacts have no tags; segments are shown as static lists",
    "vip": "has no such mark",
    "permissions": "has subscription types instead, which are read as consent",
    "birthday": "is free text there: read when chosen, never written",
    "lifecycle": "is moved by people and workflows there: read only",
    "role": "follows the lifecycle stage: read only",
    "stage": "follows the lifecycle stage: read only",
    "owner": "is a user of the account: read only",
    "name": "is kept as first and last name",
    "handle": "is nothing that people are known by there",
    "tasks": "are made once at most: HubSpot takes no key for a task, so one whose answer was lost is left to you",
    "companies": "keep their own fields: people are put to them where you choose it, and new ones get their name",
    "deals": "and tickets, calls, e-mails, meetings and notes are read, never written",
}

_STANDARD = {row.remote: row for row in TABLE if row.name not in ("address", "role", "stage")} | {
    "date_of_birth": BIRTHDAY
}


def row_for(name: str, label: str, type_: str, field_type: str, read_only: bool) -> Field | None:
    """A ready row for a property; None where we cannot carry its type."""
    if name in ADDRESS.values():
        return TABLE.by_name["address"]
    if name in _STANDARD:
        return _STANDARD[name]
    return row_of(name, label, type_, field_type, read_only=read_only)


def row_of(name: str, label: str, type_: str, field_type: str, *, read_only: bool) -> Field | None:
    """A row for a property by its type alone; None where we cannot carry that."""
    way = Way.READS if read_only else Way.BOTH
    if type_ == "number":
        return Field(name, name, Kind.NUMBER, way, read_number, write_number, label=label)
    if type_ == "date":
        return Field(name, name, Kind.DATE, way, read_date, write_date, label=label)
    if type_ == "bool":
        return Field(name, name, Kind.FLAG, way, read_flag, write_flag, label=label)
    if type_ == "enumeration" and field_type == "checkbox":
        return Field(name, name, Kind.SET, way, read_choices, write_choices, label=label)
    if type_ == "enumeration" and field_type == "booleancheckbox":
        return Field(name, name, Kind.FLAG, way, read_flag, write_flag, label=label)
    if type_ in ("string", "phone_number", "enumeration"):
        kind = Kind.PHONE if field_type == "phonenumber" else Kind.TEXT
        return Field(name, name, kind, way, label=label)
    if type_ == "datetime":
        return Field(name, name, Kind.DATE, Way.READS, read_date, label=label)
    return None


def remote_field(name: str, label: str, type_: str, field_type: str, read_only: bool) -> RemoteField:
    row = row_for(name, label, type_, field_type, read_only)
    return RemoteField(name, label, type_, writable=not read_only, row=row)
