"""Pipedrive: the persons of one company.

Docs     developers.pipedrive.com/docs/api/v1 and v2, pipedrive.readme.io/docs (read 2026-11)
Pace     a burst limit in any 2 s, stated by the answers, and a day's budget of tokens: read one 2, list 20, write 10,
         search 40. A 429 with nothing left of the day is not waited for; one who ignores 429s gets a 403 in HTML
Quirks   No batch writes: a person a call. A change of one e-mail, phone or label sends the whole list of them, so that
         the person is read again first (100 at a time) and the others are kept.
         A name is written whole and split there; where it comes out otherwise than meant, first and last name are
         written apart, as the vendor says is possible (client-nodejs #18) though its description does not list them.
         Postal address, birthday and job title are shown only to companies that sync contacts, and cannot be written.
         A stamp counts seconds: one may cover two edits. Two persons may have the same address.
         A deleted person is absent from listings, and may be read for 30 days with `is_deleted`; after a merge the one
         that was merged is deleted so, and the other holds the addresses of both.
         A field of the company's own is known by a hash. Labels are numbers of an option list that is sent whole: those
         that are there with their numbers, new ones without; only an administrator may.
         The marketing status is there only where the company uses Campaigns. It may be changed once, and a change that
         is forbidden is answered with 200 and changes nothing: so the answer is looked at.
         Webhooks (version 2) tell one event of one person a call, of a merge both, proven by HTTP Basic with what we
         set on the hook; a further attempt differs from the first in its number only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from connectors import kit
from mapping.fields import FieldTable, both, reads
from mapping.model import RecordState, Value
from mapping.values import Kind, blank

PERSONS, FIELDS, KEY_NAME, USER = "/api/v2/persons", "/v1/personFields", "Regulars key", "regulars"
LABELS = "label_names"
HALVES = {"given_name": "first_name", "family_name": "last_name"}
KINDS = {"varchar": Kind.TEXT, "text": Kind.TEXT, "phone": Kind.PHONE, "double": Kind.NUMBER, "date": Kind.DATE}
SIGN = "https://oauth.pipedrive.com/oauth"
OAUTH = kit.OAuthApp(f"{SIGN}/authorize", f"{SIGN}/token", in_header=True, keeps=("api_domain",))


# -- lists of labelled values, of which one is the primary --------------------------------------------------------


def all_of(raw: Any) -> tuple[str, ...]:
    """All values of such a list, the primary one first."""
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise TypeError("not a list")
    entries = sorted((one for one in raw if one.get("value")), key=lambda one: not one.get("primary"))
    return tuple(dict.fromkeys(str(one["value"]) for one in entries))


def primary(raw: Value) -> Value:
    return next(iter(all_of(raw)), None)


def as_primary(value: Value) -> Value:
    return with_primary((), value)


def with_primary(entries: Any, value: Value) -> list[dict[str, Any]]:
    """Such a list whose primary entry is *value*, in the place of the one before; the others stay."""
    there = [dict(one) for one in entries or () if one.get("value")]
    old = next((one for one in there if one.get("primary")), there[0] if there else None)
    others = [{**one, "primary": False} for one in there if one is not old and one.get("value") != value]
    if blank(value):
        return [{**one, "primary": place == 0} for place, one in enumerate(others)]
    return [{"value": value, "primary": True, "label": (old or {}).get("label") or "work"}, *others]


def postal(raw: Value) -> Value:
    """Street and number stand apart there."""
    if not isinstance(raw, dict):
        raise TypeError("not an object")
    street = " ".join(part for part in (raw.get("route"), raw.get("street_number")) if part)
    rest = {"city": "locality", "region": "admin_area_level_1", "postcode": "postal_code", "country": "country"}
    parts = {"street": street or raw.get("value"), **{ours: raw.get(theirs) for ours, theirs in rest.items()}}
    return {name: part for name, part in parts.items() if part}


# -- names, which are written whole ---------------------------------------------------------------------------------


def halves(change: kit.Change, now: Mapping[str, Any]) -> dict[str, str] | None:
    """First and last name as they are meant to be after a change; None where it is not about them."""
    if not set(change.values) & set(HALVES):
        return None
    return {
        theirs: str(change.values[ours] or "" if ours in change.values else now.get(theirs) or "")
        for ours, theirs in HALVES.items()
    }


def shown(body: Mapping[str, Any], meant: Mapping[str, str]) -> bool:
    return all((body.get(theirs) or "") == text for theirs, text in meant.items())


# -- webhooks -----------------------------------------------------------------------------------------------------

ENDS = ("meta.entity_id", "data.id", "previous.id", "data.merged_to_id", "previous.merged_to_id", "meta.merged_to_id")


def hear(body: bytes) -> kit.Heard:
    """Whom an event is about. Raises ValueError where the body is no event."""
    ids, odd = dict[str, None](), list[str]()
    for event in kit.events(body, "Pipedrive"):
        kind = kit.dig(event, "meta.entity")
        if kind == "person":
            ids |= {str(found): None for path in ENDS if (found := kit.dig(event, path))}
        else:
            odd.append(str(kind or "an event without an entity"))
    if not ids and not odd:
        raise ValueError("an event of a person without an id")
    return kit.Heard(list(ids), odd=odd)


def first_attempt(body: bytes) -> bytes:
    return re.sub(rb'"attempt"\s*:\s*\d+', b'"attempt":0', body)


def right(hook: Mapping[str, Any]) -> bool:
    whole = hook.get("event_action") == "*" and hook.get("event_object") in ("person", "*")
    return whole and bool(hook.get("is_active")) and hook.get("http_auth_user") == USER


HOOK = {"event_action": "*", "event_object": "person", "version": "2.0", "http_auth_user": USER}
HOOKS = kit.Hooks(
    rules=(kit.BasicOnHook(USER),),
    types=("application/json",),
    asks="the password of the hook",
    hear=hear,
    same=first_attempt,
)
SHELF = kit.HookShelf(
    "/v1/webhooks",
    "data",
    "subscription_url",
    lambda address, secret: {"subscription_url": address, **HOOK, "http_auth_password": secret},
    right,
    made_id="data.id",
)


class Pipedrive(kit.Declared):
    """Persons of one company at Pipedrive."""

    name: ClassVar[str] = "pipedrive"
    title: ClassVar[str] = "Pipedrive"
    base_url: ClassVar[str] = "https://api.pipedrive.com"
    base_from: ClassVar[str] = "api_domain"
    sign_ins = (
        kit.by_key(
            "api_token",
            "API token",
            "from Personal preferences › API",
            lambda key: kit.KeyHeader(key, "x-api-token"),
        ),
        kit.by_oauth(OAUTH),
    )
    limits = kit.Limits(
        (kit.Window(20, 2.0, air=0.05),),
        at_once=5,
        most="x-ratelimit-limit",
        left="x-daily-requests-left",
        reset="x-ratelimit-reset",
    )
    readings = (
        kit.When(429, kit.Verdict.SPENT, header=("x-daily-requests-left", "0")),
        kit.When(403, kit.Verdict.BUSY, is_json=False),
    )
    refusals = kit.Refusals(code="error_info")
    me = kit.Me("/v1/users/me", "data.company_id", "data.company_name", ("It may read persons and their fields.",))
    people = kit.Collection(
        PERSONS,
        "data",
        kit.Cursored("cursor", "additional_data.next_cursor", ("limit", 500)),
        stamp="update_time",
        since=kit.Since("updated_since", 60_000, query=(("sort_by", "update_time"), ("sort_direction", "asc"))),
        operation="list persons",
    )
    one = kit.One(f"{PERSONS}/{{id}}", "data", "PATCH", PERSONS, away="DELETE", erase="DELETE")
    many = kit.Many(PERSONS, "data")
    search = kit.Search(2)  # it costs 40 tokens, and a page of the listing 20
    leaves: ClassVar[Mapping[str, Any]] = {"marketing_status": "unsubscribed"}
    says = (kit.Says("marketing_status", "Pipedrive: marketing status {value}", ("unsubscribed",)),)
    created: ClassVar[str] = "add_time"
    batch: ClassVar[int] = 100
    exact_stamp: ClassVar[bool] = False
    by_member: ClassVar[str] = "tags"
    own_fields = kit.OwnFields(
        kit.Collection(FIELDS, "data", kit.Offset("start", ("limit", 500)), operation="list fields"),
        "custom_fields.",
        KINDS,
        "key",
        type="field_type",
        counts=lambda one: bool(one.get("edit_flag")) and one["field_type"] in KINDS and one["name"] != KEY_NAME,
        longest=12,
    )
    table = FieldTable(
        (
            both("email", "emails", Kind.EMAIL, reads=primary, writes=as_primary, label="E-mail"),
            both("given_name", "first_name", Kind.NAME, label="First name"),
            both("family_name", "last_name", Kind.NAME, label="Last name"),
            both("phone", "phones", Kind.PHONE, reads=primary, writes=as_primary, label="Phone"),
            both("tags", LABELS, Kind.SET, reads=kit.read_choices, label="Labels"),
            reads("address", "postal_address", Kind.ADDRESS, reads=postal, label="Postal address"),
            reads("birthday", "birthday", Kind.BIRTHDAY, reads=kit.month_day, label="Birthday"),
            reads("job_title", "job_title", label="Job title"),
            reads("owner", "owner_id", reads=str, label="Owner"),
        )
    )
    cannot: ClassVar[Mapping[str, str]] = {
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
        "erasure": "keeps who was deleted for 30 days and forgets them then, unless somebody restores them",
        "campaigns": "gives persons a marketing status only where the company uses Campaigns",
    }
    hooks: ClassVar[kit.Hooks | None] = HOOKS
    shelf: ClassVar[kit.HookShelf | None] = SHELF

    # -- what is there ------------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> kit.Account:
        """An administrator's token may also set up webhooks and make labels and fields."""
        account = super().check(rights=rights)
        if not rights:
            return account
        access = kit.dig(self._got(self.me.path, "account"), "data.access") or []
        may = (*account.may, "It may write persons and put them away.")
        if any(one.get("admin") for one in access if isinstance(one, dict)):
            return replace(account, may=(*may, "It may make labels, our key's field and webhooks."))
        why = "Its user is no administrator: labels for segments, our key's field and webhooks cannot be made."
        return replace(account, may=may, may_not=(why,))

    def _field(self, *names: str) -> Mapping[str, Any]:
        return next((one for one in self._described if one.get("key") in names), {})

    @property
    def _campaigns(self) -> bool:
        return bool(self._field("marketing_status"))

    @property
    def _key(self) -> str:
        """The hash of the field that carries our key; empty where there is none."""
        ours = (str(one["key"]) for one in self._described if one.get("name") == KEY_NAME and one.get("edit_flag"))
        return next(ours, "")

    def _own_key_there(self) -> bool:
        return bool(self._key)

    def add_own_key(self) -> None:
        if not self._key:
            body = {"name": KEY_NAME, "field_type": "varchar", "add_visible_flag": False}
            self._http.request("POST", FIELDS, json=msgspec.json.encode(body), operation="make field")
            self._forget()

    def _forget(self) -> None:
        """What is described is looked up again after something was made."""
        for name in ("_described", "_labels"):
            self.__dict__.pop(name, None)

    # -- labels -------------------------------------------------------------------------------------------------

    @cached_property
    def _labels(self) -> dict[int, str]:
        """Names of labels by their numbers."""
        options = self._field("label_ids", "label").get("options") or ()
        return {int(one["id"]): str(one.get("label", "")) for one in options}

    def _numbers(self, present: Sequence[int], change: kit.Change) -> tuple[list[int], tuple[str, ...]]:
        """The numbers of a person's labels after a change, new labels made; and what is to blame where they cannot."""
        missing = [name for name in change.tags_on if name not in self._labels.values()]
        blamed = () if not missing or self._made_labels(missing) else ("tags",)
        by_name = {name: number for number, name in self._labels.items()}
        taken = {by_name[name] for name in change.tags_off if name in by_name}
        given = [by_name[name] for name in change.tags_on if name in by_name]
        return list(dict.fromkeys([*(one for one in present if one not in taken), *given])), blamed

    def _made_labels(self, names: Sequence[str]) -> bool:
        field = self._field("label_ids", "label")
        body = msgspec.json.encode({"options": [*(field.get("options") or ()), *({"label": name} for name in names)]})
        try:
            response = self._http.request("PUT", f"{FIELDS}/{field['id']}", json=body, operation="make label")
        except (KeyError, kit.TooNarrow):
            return False
        self._good(response, "make label")
        self._forget()
        return True

    # -- pull ---------------------------------------------------------------------------------------------------

    def _listing(self) -> kit.Collection:
        """The marketing status is asked for where there is one: elsewhere the question is refused."""
        return replace(self.people, query=(("include_fields", "marketing_status,doi_status"),) * self._campaigns)

    def _dressed(self, bodies: list[bytes]) -> list[bytes]:
        """With the names of labels, of which a person shows the numbers only."""
        return [self._labelled(body) for body in bodies]

    def _labelled(self, body: bytes) -> bytes:
        person = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        numbers = msgspec.json.decode(person.get("label_ids", b"null"))
        if not numbers:
            return body
        return msgspec.json.encode({**person, LABELS: [self._labels.get(one, f"label {one}") for one in numbers]})

    def _addresses(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        return all_of(body.get("emails"))

    def _state(self, body: Mapping[str, Any]) -> RecordState:
        return RecordState.ARCHIVED if body.get("is_deleted") else RecordState.LIVE

    def _subscribed(self, body: Mapping[str, Any]) -> bool | None:
        status = body.get("marketing_status")
        return None if status is None else status == "subscribed"

    def _searched(self, term: str) -> list[str]:
        fields = "email" if "@" in term else "custom_fields"
        query = [("term", term), ("fields", fields), ("exact_match", True)]
        response = self._http.request("GET", f"{PERSONS}/search", query=query, operation="search persons")
        hits = kit.Envelope(self._good(response, "search persons").body).items("data.items")
        return [str(kit.dig(msgspec.json.decode(hit), "item.id")) for hit in hits]

    def _names(self, raw: kit.Raw) -> tuple[str, ...]:
        """Our key is one, where there is a field for it."""
        key = kit.dig(self._records.body(raw), f"custom_fields.{self._key}") if self._key else None
        return (*super()._names(raw), *([str(key)] if key else []))

    # -- write --------------------------------------------------------------------------------------------------

    def update(self, changes: Sequence[kit.Change]) -> Sequence[kit.Outcome]:
        """Lists of e-mails, phones and labels are sent whole: what else is on them is read first, and kept."""
        now = self.read([one.remote_id for one in changes if partly(one)])

        def send(change: kit.Change) -> kit.Outcome:
            there = now.get(change.remote_id)
            if partly(change) and there is None:
                why = "this person is not there any more"
                return kit.Outcome(kit.Result.GONE, change.remote_id, reason=why, code="gone")
            return self._set(change, self._records.body(there) if there is not None else {})

        return kit.one_by_one(changes, send, self.limits.at_once)

    def _create(self, change: kit.Change) -> kit.Outcome:
        return self._set(change, {})

    def _set(self, change: kit.Change, now: Mapping[str, Any]) -> kit.Outcome:
        """Write a person, and see that the name came out as it was meant."""
        meant = halves(change, now)
        body, blamed = self._worded(change, now, meant)
        new = not change.remote_id
        path = PERSONS if new else self._path(change.remote_id)
        outcome = self._write(change, "POST" if new else "PATCH", path, body, idempotent=not new)
        if blamed and outcome.result is kit.Result.APPLIED:
            outcome = replace(outcome, blamed=blamed, reason="labels can be made by an administrator only")
        return outcome if meant is None or outcome.raw is None else self._name_mended(change, outcome, meant, now)

    def _worded(
        self, change: kit.Change, now: Mapping[str, Any], meant: Mapping[str, str] | None
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The body of a write, with what *now* shows of the lists that it changes; and what it had to leave out."""
        rest = {name: value for name, value in change.values.items() if name not in (*HALVES, "phone")}
        body, blamed = self._spelled(kit.Change("", rest)), tuple[str, ...]()
        address = change.email if change.email is not None else "" if change.remote_id else change.address
        if meant is not None or not change.remote_id:
            body["name"] = " ".join(part for part in (meant or {}).values() if part) or address or now.get("name", "")
        if address:
            body["emails"] = with_primary(now.get("emails"), address)
        if "phone" in change.values:
            body["phones"] = with_primary(now.get("phones"), change.values["phone"])
        if change.tags_on or change.tags_off:
            body["label_ids"], blamed = self._numbers(now.get("label_ids") or (), change)
        if change.key and self._key:
            kit.bury(body, f"custom_fields.{self._key}", change.key)
        return body, blamed

    def _name_mended(
        self, change: kit.Change, outcome: kit.Outcome, meant: Mapping[str, str], before: Mapping[str, Any]
    ) -> kit.Outcome:
        """A name that was split otherwise than meant is written in its halves; where that does nothing, it is taken
        back, because a half that nobody edited would look like somebody's edit."""
        if outcome.raw is None or shown(self._records.body(outcome.raw), meant):
            return outcome
        mine, path = replace(change, remote_id=outcome.remote_id), self._path(outcome.remote_id)
        mended = self._write(mine, "PATCH", path, meant)
        if mended.raw is None or shown(self._records.body(mended.raw), meant):
            return replace(mended, blamed=outcome.blamed, reason=outcome.reason) if mended.raw is not None else mended
        blamed = tuple(name for name in HALVES if name in change.values)
        back = self._write(mine, "PATCH", path, {"name": before["name"]}) if before.get("name") else mended
        why = "Pipedrive splits this name otherwise, and takes no halves"
        return replace(back, blamed=(*outcome.blamed, *blamed), reason=why) if back.raw is not None else back

    def opt_out(self, changes: Sequence[kit.Change], purpose: str) -> Sequence[kit.Outcome]:
        return super().opt_out(changes, purpose) if self._campaigns else self._cannot(changes, "campaigns")


def partly(change: kit.Change) -> bool:
    """Whether a change concerns a part of something that is sent whole."""
    named = set(change.values) & {*HALVES, "phone"}
    return bool(named or change.email is not None or change.tags_on or change.tags_off)
