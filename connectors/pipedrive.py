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
         The marketing status is there only where the company uses Campaigns. It may be changed once, and a change that
         is forbidden is answered with 200 and changes nothing: so the answer is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from connectors import pipedrive_fields as own
from connectors.auth import KeyHeader
from connectors.base import Account, Change, Outcome, Raw, RemoteField, Result
from connectors.batches import one_by_one
from connectors.declared import Declared
from connectors.declared_values import Many, Me, One, Search
from connectors.hook_shelf import HookShelf
from connectors.hooks import Hooks
from connectors.http import Verdict
from connectors.limits import Limits
from connectors.oauth_app import OAuthApp
from connectors.pace import Window
from connectors.pagers import Cursored
from connectors.paths import Envelope, dig
from connectors.pipedrive_hooks import HOOKS, SHELF
from connectors.readings import Refusals, When
from connectors.signing_in import by_key, by_oauth
from connectors.walk import Collection, Since
from mapping.model import MARKETING, ConsentSeen, ConsentState, Millis, RecordState

PERSONS = "/api/v2/persons"
PAGES_FOR_A_SEARCH = 2
"""A search costs 40 tokens and a page of the listing 20."""
SIGN = "https://oauth.pipedrive.com/oauth"
OAUTH = OAuthApp(f"{SIGN}/authorize", f"{SIGN}/token", in_header=True, keeps=("api_domain",))


class Pipedrive(Declared):
    """Persons of one company at Pipedrive."""

    name: ClassVar[str] = "pipedrive"
    title: ClassVar[str] = "Pipedrive"
    base_url: ClassVar[str] = "https://api.pipedrive.com"
    base_from: ClassVar[str] = "api_domain"
    sign_ins = (
        by_key("api_token", "API token", "from Personal preferences › API", lambda key: KeyHeader(key, "x-api-token")),
        by_oauth(OAUTH),
    )
    limits = Limits(
        (Window(20, 2.0, air=0.05),),
        at_once=5,
        most="x-ratelimit-limit",
        left="x-daily-requests-left",
        reset="x-ratelimit-reset",
    )
    readings = (
        When(429, Verdict.SPENT, header=("x-daily-requests-left", "0")),
        When(403, Verdict.BUSY, is_json=False),
    )
    refusals = Refusals(code="error_info")
    me = Me("/v1/users/me", "data.company_id", "data.company_name", ("It may read persons and their fields.",))
    people = Collection(
        PERSONS,
        "data",
        Cursored("cursor", "additional_data.next_cursor", ("limit", 500)),
        stamp="update_time",
        since=Since("updated_since", 60_000, query=(("sort_by", "update_time"), ("sort_direction", "asc"))),
        operation="list persons",
    )
    one = One(f"{PERSONS}/{{id}}", "data", "PATCH", PERSONS, away="DELETE")
    many = Many(PERSONS, "data")
    search = Search(PAGES_FOR_A_SEARCH)
    created: ClassVar[str] = "add_time"
    batch: ClassVar[int] = 100
    exact_stamp: ClassVar[bool] = False
    by_member: ClassVar[str] = "tags"
    table = own.TABLE
    cannot = own.CANNOT
    hooks: ClassVar[Hooks | None] = HOOKS
    shelf: ClassVar[HookShelf | None] = SHELF

    # -- what is there ------------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> Account:
        """An administrator's token may also set up webhooks and make labels and fields."""
        account = super().check(rights=rights)
        if not rights:
            return account
        response = self._http.request("GET", self.me.path, operation="account")
        access = dig(self._typed(response, dict[str, Any]), "data.access") or []
        admin = any(one.get("admin") for one in access if isinstance(one, dict))
        may = (*account.may, "It may write persons and put them away.")
        if admin:
            return replace(account, may=(*may, "It may make labels, our key's field and webhooks."))
        why = "Its user is no administrator: labels for segments, our key's field and webhooks cannot be made."
        return replace(account, may=may, may_not=(why,))

    @cached_property
    def _own(self) -> own.Fields:
        return own.Fields(self._http, self._walk)

    def _own_key_there(self) -> bool:
        return bool(self._own.key)

    def add_own_key(self) -> None:
        self._own.add_key()

    def remote_fields(self) -> Sequence[RemoteField]:
        return [*super().remote_fields(), *self._own.remote()]

    # -- pull ---------------------------------------------------------------------------------------------------

    def _listing(self) -> Collection:
        """The marketing status is asked for where there is one: elsewhere the question is refused."""
        return replace(self.people, query=self._included)

    @property
    def _included(self) -> tuple[tuple[str, str], ...]:
        return (("include_fields", "marketing_status,doi_status"),) if self._own.campaigns else ()

    def _dressed(self, bodies: list[bytes]) -> list[bytes]:
        """With the names of labels, of which a person shows the numbers only."""
        return [self._labelled(body) for body in bodies]

    def _labelled(self, body: bytes) -> bytes:
        person = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        numbers = msgspec.json.decode(person.get("label_ids", b"null"))
        if not numbers:
            return body
        names = [self._own.labels.get(number, f"label {number}") for number in numbers]
        return msgspec.json.encode({**person, own.LABELS: names})

    def _addresses(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        return own.all_of(body.get("emails"))

    def _state(self, body: Mapping[str, Any]) -> RecordState:
        return RecordState.ARCHIVED if body.get("is_deleted") else RecordState.LIVE

    def _consent(
        self, body: Mapping[str, Any], addresses: tuple[str, ...], modified: Millis
    ) -> tuple[ConsentSeen, ...]:
        """Who unsubscribed did so from all marketing; when is not said. Whatever else stands there proves nothing."""
        if body.get("marketing_status") != "unsubscribed" or not addresses:
            return ()
        evidence = "Pipedrive: marketing status unsubscribed"
        return (ConsentSeen(addresses[0], ConsentState.WITHDRAWN, MARKETING, 0, evidence),)

    def _subscribed(self, body: Mapping[str, Any]) -> bool | None:
        status = body.get("marketing_status")
        return None if status is None else status == "subscribed"

    # -- read by id ---------------------------------------------------------------------------------------------

    def _searched(self, term: str) -> list[str]:
        fields = "email" if "@" in term else "custom_fields"
        query = [("term", term), ("fields", fields), ("exact_match", True)]
        response = self._http.request("GET", f"{PERSONS}/search", query=query, operation="search persons")
        hits = Envelope(self._good(response, "search persons").body).items("data.items")
        return [str(dig(msgspec.json.decode(hit), "item.id")) for hit in hits]

    def _names(self, raw: Raw) -> tuple[str, ...]:
        """Our key is one, where there is a field for it."""
        key = dig(self._records.body(raw), f"custom_fields.{self._own.key}") if self._own.key else None
        return (*super()._names(raw), *([str(key)] if key else []))

    # -- write --------------------------------------------------------------------------------------------------

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Lists of e-mails, phones and labels are sent whole: what else is on them is read first, and kept."""
        now = self.read([one.remote_id for one in changes if own.partly(one)])

        def send(change: Change) -> Outcome:
            there = now.get(change.remote_id)
            if own.partly(change) and there is None:
                return Outcome(Result.GONE, change.remote_id, reason="this person is not there any more", code="gone")
            return self._set(change, self._records.body(there) if there is not None else {})

        return one_by_one(changes, send, self.limits.at_once)

    def _create(self, change: Change) -> Outcome:
        return self._set(change, {})

    def _set(self, change: Change, now: Mapping[str, Any]) -> Outcome:
        """Write a person, and see that the name came out as it was meant."""
        body = own.spelled(self.fields, change, now)
        blamed: tuple[str, ...] = ()
        if change.tags_on or change.tags_off:
            numbers, blamed = self._own.numbers(now.get("label_ids") or (), change.tags_on, change.tags_off)
            body["label_ids"] = numbers
        if change.key and self._own.key:
            body["custom_fields"] = {**body.get("custom_fields", {}), self._own.key: change.key}
        new = not change.remote_id
        path = PERSONS if new else self._path(change.remote_id)
        outcome = self._write(change, "POST" if new else "PATCH", path, body, idempotent=not new)
        if blamed and outcome.result is Result.APPLIED:
            outcome = replace(outcome, blamed=blamed, reason="labels can be made by an administrator only")
        meant = own.halves(change, now)
        return outcome if meant is None or outcome.raw is None else self._name_mended(change, outcome, meant, now)

    def _name_mended(
        self, change: Change, outcome: Outcome, meant: Mapping[str, str], before: Mapping[str, Any]
    ) -> Outcome:
        """A name that was split otherwise than meant is written in its halves; where that does nothing, it is taken
        back, because a half that nobody edited would look like somebody's edit."""
        if outcome.raw is None or own.shows(self._records.body(outcome.raw), meant):
            return outcome
        path = self._path(outcome.remote_id)
        mended = self._write(replace(change, remote_id=outcome.remote_id), "PATCH", path, meant)
        if mended.raw is None or own.shows(self._records.body(mended.raw), meant):
            return replace(mended, blamed=outcome.blamed, reason=outcome.reason) if mended.raw is not None else mended
        blamed = tuple(name for name in own.HALVES if name in change.values)
        back = mended
        if before.get("name"):
            back = self._write(replace(change, remote_id=outcome.remote_id), "PATCH", path, {"name": before["name"]})
        why = "Pipedrive splits this name otherwise, and takes no halves"
        return replace(back, blamed=(*outcome.blamed, *blamed), reason=why) if back.raw is not None else back

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        return one_by_one(changes, self._leave, self.limits.at_once)

    def _leave(self, change: Change) -> Outcome:
        """Unsubscribe; the answer says whether that was allowed."""
        if not self._own.campaigns:
            why = "this company does not use Campaigns, so that nobody has a marketing status"
            return Outcome(Result.REFUSED, change.remote_id, reason=why, code="cannot")
        outcome = self._write(change, "PATCH", self._path(change.remote_id), {"marketing_status": "unsubscribed"})
        if outcome.raw is None or self._records.body(outcome.raw).get("marketing_status") == "unsubscribed":
            return outcome
        why = "Pipedrive left the marketing status as it was"
        return Outcome(Result.REFUSED, change.remote_id, reason=why, code="compliance_state")
