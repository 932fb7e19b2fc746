"""One row of an export in our words. Pure: a stored row decodes without its file.

A row is kept by meaning, not by file, place or heading, so that the next export of an unchanged person is the same
bytes. Consent follows the platforms' own connectors, and is stricter in one thing: see `_member_consent`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from connectors.codecs import millis, month_day, put
from connectors.files_forms import CLEANED, HUBSPOT, MAILCHIMP, SUBSCRIBED, UNSUBSCRIBED, Layout
from connectors.hubspot_fields import TABLE as HUBSPOT_TABLE
from connectors.hubspot_records import addresses_of
from mapping.fields import Codec, Field
from mapping.model import MARKETING, ConsentSeen, ConsentState, Millis, RecordState, Seen, Value
from mapping.values import canonical_email

YES = frozenset(("true", "yes", "ja", "oui", "sí", "si", "1", "x", "wahr", "vrai", "verdadero", "vero", "waar"))
NO = frozenset(("", "false", "no", "nein", "non", "0", "-", "falsch", "faux", "falso", "nee", "onwaar"))
"""How platforms write it, and spreadsheets that saved their files in another language."""

ADDRESS = ("street", "city", "region", "postcode", "country")
_role = HUBSPOT_TABLE.by_name["role"].read
_stage = HUBSPOT_TABLE.by_name["stage"].read


class Kept(msgspec.Struct, omit_defaults=True):
    """A row as it is stored: cells by meaning, blank ones left out."""

    form: str
    cells: dict[str, str]
    kind: str = ""
    opted_out_of: list[str] = []
    says_opt_out: bool = False  # whether the file has a column that would say so


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Kept).decode


def keep(layout: Layout, cells: tuple[str, ...]) -> Kept:
    """A row of *layout*, by meaning."""
    found = {}
    for meaning, places in layout.places.items():
        text = next((text for place in places if (text := cells[place].strip())), "")
        if text:
            found[meaning] = text
    opted = [layout.shape.heading[place] for place in layout.single_opt_outs if _yes(cells[place])]
    says = layout.form is HUBSPOT and (layout.has("opted_out") or bool(layout.single_opt_outs))
    return Kept(layout.form.name, found, layout.kind, opted, says)


def identity(row: Kept) -> str:
    """What names the row at its platform, else its address; "" where it has neither."""
    get = row.cells.get
    number = get("record_id") or get("euid") or get("leid") or ""
    return number if number and not _ROUNDED(number) else get("email", "").lower()


def body(row: Kept) -> bytes:
    """The row as bytes, the same whenever it says the same."""
    return _encode(row)


def seen(remote_id: str, stored: bytes, rows: Iterable[Field]) -> Seen:
    """The record through the rows of a field table. Raises ValueError where it is none."""
    try:
        row = _decode(stored)
    except msgspec.DecodeError as error:
        raise ValueError(f"record {remote_id} is no row of an export: {error}") from error
    return _member(remote_id, row, rows) if row.form == MAILCHIMP.name else _contact(remote_id, row, rows)


# ---- Mailchimp -----------------------------------------------------------------------------------------------------


def _member(remote_id: str, row: Kept, rows: Iterable[Field]) -> Seen:
    get = row.cells.get
    address, problems = get("email", ""), _address_problems(row)
    stamp = get("last_changed") or get("unsub_time") or get("clean_time") or ""
    return Seen(
        remote_id,
        _fields(row.cells, rows, _MEMBER, problems),
        (address,) if address else (),
        stamp,
        moment(stamp),
        moment(get("optin_time") or get("confirm_time")),
        RecordState.LIVE,
        _member_consent(row, address),
        row.kind == SUBSCRIBED and not get("unsub_time") and not get("clean_time"),
        (),
        _number(get("member_rating")),
        tuple(problems),
    )


def _member_consent(row: Kept, address: str) -> tuple[ConsentSeen, ...]:
    """What the row says about mail.

    A confirmation with date and IP is an act of the person's own only where the sign-up has both too: whoever was
    added by an import or by a program has a CONFIRM_TIME and the importer's CONFIRM_IP, and no OPTIN_IP.
    """
    get = row.cells.get
    if not address:
        return ()
    if row.kind == UNSUBSCRIBED or get("unsub_time"):
        why = f": {reason}" if (reason := get("unsub_reason")) else ""
        at = moment(get("unsub_time"))
        return (ConsentSeen(address, ConsentState.WITHDRAWN, MARKETING, at, f"Mailchimp export: unsubscribed{why}"),)
    if row.kind == CLEANED or get("clean_time"):
        at = moment(get("clean_time"))
        return (ConsentSeen(address, ConsentState.UNDELIVERABLE, MARKETING, at, "Mailchimp export: cleaned"),)
    confirmed = moment(get("confirm_time"))
    if row.kind == SUBSCRIBED and confirmed and get("confirm_ip") and moment(get("optin_time")) and get("optin_ip"):
        evidence = f"Mailchimp export: signed up from {get('optin_ip')}, confirmed from {get('confirm_ip')}"
        return (ConsentSeen(address, ConsentState.GRANTED, MARKETING, confirmed, evidence, explicit=True),)
    return ()


# ---- HubSpot -------------------------------------------------------------------------------------------------------


def _contact(remote_id: str, row: Kept, rows: Iterable[Field]) -> Seen:
    get = row.cells.get
    address, problems = get("email", ""), _address_problems(row)
    unclear = get("opted_out", "").strip()
    if unclear and unclear.casefold() not in YES | NO:
        problems.append(f"opted_out: {unclear[:80]!r} is neither yes nor no")
    cells: dict[str, Value] = dict(row.cells)
    if any(part in cells for part in ADDRESS):
        cells["address"] = {part: cells[part] for part in ADDRESS if part in cells}
    if "lifecycle" in cells:
        cells["role"] = cells["stage"] = cells["lifecycle"]
    opted_out = _yes(get("opted_out", ""))
    return Seen(
        remote_id,
        _fields(cells, rows, _CONTACT, problems),
        addresses_of(address, get("additional_emails")),
        get("modified", ""),
        moment(get("modified")),
        moment(get("created")),
        RecordState.LIVE,
        _contact_consent(row, address, opted_out),
        (not opted_out) if address and row.says_opt_out else None,
        (),
        _number(get("emails_opened")) + 3.0 * _number(get("emails_clicked")),
        tuple(problems),
    )


def _contact_consent(row: Kept, address: str, opted_out: bool) -> tuple[ConsentSeen, ...]:
    """Withdrawals and bounces; the export dates none of them."""
    if not address:
        return ()
    found = [
        ConsentSeen(address, ConsentState.WITHDRAWN, MARKETING, 0, f"HubSpot export: {heading}")
        for heading in (["Unsubscribed from all email"] if opted_out else []) + row.opted_out_of
    ]
    if reason := row.cells.get("bounce_reason"):
        evidence = f"HubSpot export: hard bounce ({reason})"
        found.append(ConsentSeen(address, ConsentState.UNDELIVERABLE, MARKETING, 0, evidence))
    return tuple(found)


# ---- cells ---------------------------------------------------------------------------------------------------------


def moment(text: str | None) -> Millis:
    """A time as exports write it; they name no zone, and UTC is taken. 0 where it is none."""
    return millis(text, _moment)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _yes(text: str) -> bool:
    return text.strip().casefold() in YES


def _number(text: str | None) -> float:
    try:
        number = float(text or 0)
    except ValueError:
        return 0.0
    return number if number - number == 0 else 0.0


def _address_problems(row: Kept) -> list[str]:
    address = row.cells.get("email")
    if address is None or canonical_email(address) is not None:
        return []
    return [f"email: {address[:80]!r} is no e-mail address"]


def _fields(
    cells: Mapping[str, Value], rows: Iterable[Field], codecs: Mapping[str, Codec], problems: list[str]
) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for row in rows:
        if row.readable and row.name in cells:
            put(fields, row.name, codecs.get(row.name, _same), cells[row.name], problems)
    return fields


def _same(raw: Value) -> Value:
    return raw


_ROUNDED = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE).fullmatch


def _phone(raw: Value) -> Value:
    if _ROUNDED(raw):
        raise ValueError(f"{raw!r} is what a spreadsheet made of a number")
    return raw


def _tags(raw: Value) -> Value:
    """Names in quotation marks, parted by commas."""
    return sorted({part.strip() for part in next(csv.reader([raw], skipinitialspace=True), []) if part.strip()})


def _lifecycle(raw: Value) -> Value:
    """HubSpot's own stages by their internal name, which exports replace by a label; others as they are."""
    internal = "".join(raw.split()).lower()
    return internal if _role(internal) else raw


_MEMBER: Mapping[str, Codec] = {"phone": _phone, "birthday": month_day, "tags": _tags}
_CONTACT: Mapping[str, Codec] = {
    "phone": _phone,
    "mobile": _phone,
    "lifecycle": _lifecycle,
    "role": lambda raw: _role(_lifecycle(raw)),
    "stage": lambda raw: _stage(_lifecycle(raw)),
}
