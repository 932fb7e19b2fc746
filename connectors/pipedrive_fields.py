"""Pipedrive's persons in our words: lists of values with a primary one, names in halves, labels and custom fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from connectors.base import Change, RemoteField
from connectors.codecs import month_day, read_choices, read_date, read_number
from connectors.errors import TooNarrow
from connectors.http import Http
from connectors.pagers import Offset
from connectors.paths import bury
from connectors.walk import Collection, Walk
from mapping.fields import Field, FieldTable, both, reads
from mapping.model import Value
from mapping.values import Kind, blank

FIELDS = "/v1/personFields"
LISTING = Collection(FIELDS, "data", Offset("start", ("limit", 500)), operation="list fields")
KEY_NAME = "Regulars key"
LABELS = "label_names"
HALVES = {"given_name": "first_name", "family_name": "last_name"}
LISTS = {"email": "emails", "phone": "phones"}
KINDS = {"varchar": Kind.TEXT, "text": Kind.TEXT, "phone": Kind.PHONE, "double": Kind.NUMBER, "date": Kind.DATE}


def primary(raw: Value) -> Value:
    """The first value of a list of labelled ones."""
    found = all_of(raw)
    return found[0] if found else None


def all_of(raw: Any) -> tuple[str, ...]:
    """All values of a list of labelled ones, the primary one first."""
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise TypeError("not a list")
    entries = sorted((one for one in raw if one.get("value")), key=lambda one: not one.get("primary"))
    return tuple(dict.fromkeys(str(one["value"]) for one in entries))


def as_primary(value: Value) -> Value:
    return [{"value": value, "primary": True, "label": "work"}]


def _postal(raw: Value) -> Value:
    """Street and number stand apart there."""
    if not isinstance(raw, dict):
        raise TypeError("not an object")
    street = " ".join(part for part in (raw.get("route"), raw.get("street_number")) if part)
    parts = {
        "street": street or raw.get("value"),
        "city": raw.get("locality"),
        "region": raw.get("admin_area_level_1"),
        "postcode": raw.get("postal_code"),
        "country": raw.get("country"),
    }
    return {name: part for name, part in parts.items() if part}


TABLE = FieldTable(
    (
        both("email", "emails", Kind.EMAIL, reads=primary, writes=as_primary, label="E-mail"),
        both("given_name", "first_name", Kind.NAME, label="First name"),
        both("family_name", "last_name", Kind.NAME, label="Last name"),
        both("phone", "phones", Kind.PHONE, reads=primary, writes=as_primary, label="Phone"),
        both("tags", LABELS, Kind.SET, reads=read_choices, label="Labels"),
        reads("address", "postal_address", Kind.ADDRESS, reads=_postal, label="Postal address"),
        reads("birthday", "birthday", Kind.BIRTHDAY, reads=month_day, label="Birthday"),
        reads("job_title", "job_title", label="Job title"),
        reads("owner", "owner_id", reads=str, label="Owner"),
    )
)

CANNOT = {
    **dict.fromkeys(("address", "birthday", "job_title"), "comes from contact sync: read only"),
    "owner": "is a user there: read only",
    "company": "keeps organizations as records of their own; only their numbers stand on a person",
    "mobile": "has one list of phones, whose first one is ours",
    **dict.fromkeys(("website", "language"), "has no such field unless the company has one of its own"),
    "lifecycle": "knows no stages of persons",
    "stage": "knows stages of deals, not of persons",
    "role": "knows no roles",
    "vip": "has labels instead",
    **dict.fromkeys(("name", "handle"), "knows first and last name, each by itself"),
    "permissions": "has one marketing status for everything",
}


class _Field(msgspec.Struct):
    id: int
    key: str
    name: str = ""
    field_type: str = ""
    edit_flag: bool = False
    options: list[dict[str, Any]] | None = None


class Fields:
    """A company's fields of persons: looked up once, and again after one was made."""

    def __init__(self, http: Http, walk: Callable[[Collection], Walk]) -> None:
        self._http, self._walk = http, walk

    @cached_property
    def _all(self) -> list[_Field]:
        found = [raw.body for page in self._walk(LISTING).pages(None) for raw in page.records]
        return [msgspec.json.decode(body, type=_Field) for body in dict.fromkeys(found)]

    def _forget(self) -> None:
        self.__dict__.pop("_all", None)

    @property
    def campaigns(self) -> bool:
        """Whether the company uses Campaigns: only then persons have a marketing status."""
        return any(one.key == "marketing_status" for one in self._all)

    @property
    def key(self) -> str:
        """The hash of the field that carries our key; empty where there is none."""
        return next((one.key for one in self._all if one.name == KEY_NAME and one.edit_flag), "")

    def add_key(self) -> None:
        if not self.key:
            body = {"name": KEY_NAME, "field_type": "varchar", "add_visible_flag": False}
            self._http.request("POST", FIELDS, json=msgspec.json.encode(body), operation="make field")
            self._forget()

    def remote(self) -> list[RemoteField]:
        """Fields of the company's own that we can carry."""
        return [
            RemoteField(f"custom_fields.{one.key}", one.name, one.field_type, row=_custom(one))
            for one in self._all
            if one.edit_flag and one.field_type in KINDS and one.name != KEY_NAME
        ]

    # -- labels -------------------------------------------------------------------------------------------------

    @property
    def _label(self) -> _Field | None:
        return next((one for one in self._all if one.key in ("label_ids", "label")), None)

    @property
    def labels(self) -> dict[int, str]:
        """Names of labels by their numbers."""
        options = (self._label.options if self._label is not None else None) or ()
        return {int(one["id"]): str(one.get("label", "")) for one in options}

    def numbers(
        self, present: Iterable[int], on: Sequence[str], off: Sequence[str]
    ) -> tuple[list[int], tuple[str, ...]]:
        """The numbers of a person's labels after a change, new labels made; and what is to blame where they cannot."""
        missing = [name for name in on if name not in self.labels.values()]
        blamed: tuple[str, ...] = ()
        if missing:
            try:
                self._make(missing)
            except TooNarrow:
                blamed = ("tags",)
        by_name = {name: number for number, name in self.labels.items()}
        taken = {by_name[name] for name in off if name in by_name}
        given = [by_name[name] for name in on if name in by_name]
        return list(dict.fromkeys([*(one for one in present if one not in taken), *given])), blamed

    def _make(self, names: Sequence[str]) -> None:
        """A list of options is sent whole: those that are there with their numbers, new ones without."""
        field = self._label
        if field is None:
            raise TooNarrow("the company shows no labels of persons.", platform="Pipedrive")
        options = [*(field.options or ()), *({"label": name} for name in names)]
        body = msgspec.json.encode({"options": options})
        response = self._http.request("PUT", f"{FIELDS}/{field.id}", json=body, operation="make label")
        if not response.ok:
            raise self._http.misread("make label", self._http.explain(response))
        self._forget()


def _custom(one: _Field) -> Field:
    kind = KINDS[one.field_type]
    codec = {Kind.NUMBER: read_number, Kind.DATE: read_date}.get(kind)
    return Field(one.key[:12], f"custom_fields.{one.key}", kind, reads=codec, label=one.name)


# -- what is written --------------------------------------------------------------------------------------------


def partly(change: Change) -> bool:
    """Whether a change concerns a part of something that is sent whole."""
    named = set(change.values) & {*HALVES, "phone"}
    return bool(named or change.email is not None or change.tags_on or change.tags_off)


def halves(change: Change, now: Mapping[str, Any]) -> dict[str, str] | None:
    """First and last name as they are meant to be after a change; None where it is not about them."""
    if not set(change.values) & set(HALVES):
        return None
    return {
        theirs: str(change.values[ours] or "" if ours in change.values else now.get(theirs) or "")
        for ours, theirs in HALVES.items()
    }


def shows(body: Mapping[str, Any], meant: Mapping[str, str]) -> bool:
    return all((body.get(theirs) or "") == text for theirs, text in meant.items())


def spelled(table: FieldTable, change: Change, now: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a write, with what *now* shows of the lists that it changes."""
    body: dict[str, Any] = {}
    for name, value in change.values.items():
        if name not in HALVES and name not in LISTS:
            row = table.by_name[name]
            bury(body, row.remote, row.write(value))
    meant = halves(change, now)
    address = change.email if change.email is not None else "" if change.remote_id else change.address
    if meant is not None or not change.remote_id:
        body["name"] = " ".join(part for part in (meant or {}).values() if part) or address or now.get("name", "")
    if address:
        body["emails"] = _with_primary(now.get("emails"), address)
    if "phone" in change.values:
        body["phones"] = _with_primary(now.get("phones"), change.values["phone"])
    return body


def _with_primary(entries: Any, value: Value) -> list[dict[str, Any]]:
    """A list whose primary entry is *value*, in the place of the one before; the others stay."""
    there = [dict(one) for one in entries or () if one.get("value")]
    old = next((one for one in there if one.get("primary")), there[0] if there else None)
    others = [{**one, "primary": False} for one in there if one is not old and one.get("value") != value]
    if blank(value):
        return [{**one, "primary": place == 0} for place, one in enumerate(others)]
    return [{"value": value, "primary": True, "label": (old or {}).get("label") or "work"}, *others]
