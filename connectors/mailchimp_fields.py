"""Mailchimp's merge fields in our words.

A merge field is named by its tag (`merge_fields.FNAME`); an empty text clears it. An address is one object, which
Mailchimp wants with street, city, region and postcode unless validation is skipped.
"""

from __future__ import annotations

from dataclasses import replace

from connectors.base import RemoteField
from connectors.codecs import month_day, read_date, read_number, read_parts, slash_day, write_parts
from mapping.countries import country_code
from mapping.fields import Field, FieldTable, Way, both, reads
from mapping.model import Value
from mapping.values import Kind

MERGE = "merge_fields."
LONGEST = 255

ADDRESS = {
    "street": "addr1",
    "street2": "addr2",
    "city": "city",
    "region": "state",
    "postcode": "zip",
    "country": "country",
}


def read_tags(raw: Value) -> Value:
    """The names of a member's tags, sorted."""
    if not isinstance(raw, list):
        raise ValueError("tags are not a list")
    return sorted({tag if isinstance(tag, str) else tag["name"] for tag in raw})


def read_permissions(raw: Value) -> Value:
    """The texts of the marketing permissions that a member gave; an unticked box is no withdrawal."""
    if not isinstance(raw, list):
        raise ValueError("marketing permissions are not a list")
    return sorted({str(one.get("text")) for one in raw if isinstance(one, dict) and one.get("enabled")})


def _with_code(parts: dict[str, str]) -> dict[str, str]:
    """Mailchimp knows countries by their two letters."""
    country = parts.get("country")
    return {**parts, "country": country_code(country) or country} if country else parts


def _address_fits(value: Value) -> str:
    """Why Mailchimp would refuse an address: it wants all of it, and a country that it knows."""
    missing = [part for part in ("street", "city", "region", "postcode") if not value.get(part)]
    if missing:
        return f"Mailchimp takes whole addresses only: {', '.join(missing)} missing"
    country = value.get("country")
    return f"Mailchimp knows no country {country!r}" if country and country_code(country) is None else ""


def _address(name: str, tag: str, label: str) -> Field:
    return both(
        name,
        MERGE + tag,
        Kind.ADDRESS,
        reads=read_parts(ADDRESS),
        writes=write_parts(ADDRESS, _with_code),
        fits=_address_fits,
        label=label,
    )


def _birthday(name: str, tag: str, label: str) -> Field:
    return both(name, MERGE + tag, Kind.BIRTHDAY, reads=month_day, writes=slash_day, label=label)


TABLE = FieldTable(
    (
        both("email", "email_address", Kind.EMAIL, label="E-mail"),
        both("given_name", MERGE + "FNAME", Kind.NAME, longest=LONGEST, label="First name"),
        both("family_name", MERGE + "LNAME", Kind.NAME, longest=LONGEST, label="Last name"),
        both("phone", MERGE + "PHONE", Kind.PHONE, longest=LONGEST, label="Phone"),
        both("company", MERGE + "COMPANY", longest=LONGEST, label="Company"),
        _address("address", "ADDRESS", "Postal address"),
        _birthday("birthday", "BIRTHDAY", "Birthday"),
        both("language", "language", label="Language"),
        both("tags", "tags", Kind.SET, reads=read_tags, label="Tags"),
        reads("vip", "vip", Kind.FLAG, label="VIP"),
        reads("permissions", "marketing_permissions", Kind.SET, reads=read_permissions, label="Marketing permissions"),
    )
)

CANNOT = {
    "mobile": "has one phone field unless the audience has another of its own",
    "job_title": "has no such field unless the audience has one of its own",
    "website": "has no such field unless the audience has one of its own",
    "lifecycle": "knows no stages",
    "stage": "knows no stages",
    "role": "knows no roles",
    "owner": "knows no owners",
    "name": "is kept as first and last name",
    "handle": "is nothing that people are known by there",
    "permissions": "are given by the person in a form: read only",
    "vip": "is a mark that people set there: read only",
    "own_key": "has no unique field of one's own: creates are found by address instead",
}

_STANDARD = {row.remote: row for row in TABLE}


def row_for(tag: str, label: str, type_: str) -> Field | None:
    """A ready row for a merge field; None where we cannot carry its type."""
    if MERGE + tag in _STANDARD:
        return _STANDARD[MERGE + tag]
    name, remote = tag.lower(), MERGE + tag
    if type_ == "address":
        return _address(name, tag, label)
    if type_ == "birthday":
        return _birthday(name, tag, label)
    if type_ == "number":
        return Field(name, remote, Kind.NUMBER, reads=read_number, label=label)
    if type_ == "date":
        return Field(name, remote, Kind.DATE, reads=read_date, writes=read_date, label=label)
    if type_ == "phone":
        return Field(name, remote, Kind.PHONE, longest=LONGEST, label=label)
    if type_ in ("text", "url", "imageurl", "radio", "dropdown", "zip"):
        return Field(name, remote, Kind.TEXT, longest=LONGEST, label=label)
    return None


def remote_field(tag: str, label: str, type_: str) -> RemoteField:
    row = row_for(tag, label, type_)
    return RemoteField(MERGE + tag, label, type_, writable=row is not None and row.way is not Way.READS, row=row)


def custom_row(name: str, remote: str, kind: Kind, way: Way) -> Field | None:
    """A row for a merge field that a person mapped by hand; None where no spelling of ours is needed."""
    tag = remote.removeprefix(MERGE)
    if kind is Kind.BIRTHDAY:
        return replace(_birthday(name, tag, name), way=way)
    if kind is Kind.ADDRESS:
        return replace(_address(name, tag, name), way=way)
    return None
