"""Brevo (once Sendinblue): the contacts of one account.

Docs     developers.brevo.com (read 2026-11), the vendor's description of API v3
Pace     contacts 10 calls a second and 36,000 an hour, everything else 100 an hour; a 429 says when in
         `x-sib-ratelimit-reset`, without Retry-After. Both are the normal plan's: the answers state what holds
Quirks   Listings go by offset in the order of creation; `modifiedSince` filters them and does not sort.
         `emailBlacklisted` says that no campaign goes there, and not why: whoever has it is read alone, where the
         statistics tell a bounce (nobody's wish) from somebody who left, and when. Without statistics it is leaving.
         Answers to writes show nothing: what is there afterwards is read, many at once from the listing.
         Up to 100 contacts are changed in one call; the answer numbers those that failed and gives no reason, so that
         these are sent alone. A new address goes as the attribute EMAIL, and alone.
         A phone number stands in SMS, with its country code, and at one contact only: a second one is refused.
         There is no putting away: what is deleted is gone. Nobody is made who may not be mailed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from connectors import brevo_fields as own
from connectors.auth import KeyHeader
from connectors.base import Change, Cursor, Listed, Outcome, RemoteField, Result, Stream, StreamPage
from connectors.batches import in_batches, one_by_one, spread
from connectors.brevo_hooks import HOOKS, SHELF
from connectors.brevo_lists import Lists
from connectors.codecs import millis
from connectors.declared import Declared
from connectors.declared_values import Feed, Me, One
from connectors.hook_shelf import HookShelf
from connectors.hooks import Hooks
from connectors.http import Response
from connectors.limits import Limits
from connectors.pace import Window
from connectors.pagers import Offset
from connectors.paths import dig
from connectors.readings import Refusals
from connectors.signing_in import by_key
from connectors.walk import Collection, Since
from mapping.model import MARKETING, ConsentSeen, ConsentState, Millis

BATCH = 100
REST = "rest"
LISTS = Stream("lists", "Lists, and who is on them")


class Brevo(Declared):
    """Contacts of one account at Brevo."""

    name: ClassVar[str] = "brevo"
    title: ClassVar[str] = "Brevo"
    base_url: ClassVar[str] = "https://api.brevo.com/v3"
    sign_ins = (by_key("api_key", "API key", "from SMTP & API › API keys", lambda key: KeyHeader(key, "api-key")),)
    limits = Limits(
        (Window(10, 1.0, air=0.04), Window(36_000, 3600.0), Window(100, 3600.0, REST)),
        at_once=5,
        reset="x-sib-ratelimit-reset",
        lanes=(("/account", REST), ("/webhooks", REST)),
    )
    refusals = Refusals(codes={"duplicate_parameter": "exists", "not_enough_credits": "cap"})
    me = Me(
        "/account",
        "email",
        "companyName",
        ("It may read and write contacts, lists and attributes, and make webhooks: Brevo's keys are all alike.",),
    )
    people = Collection(
        "/contacts",
        "contacts",
        Offset("offset", ("limit", 1000), total="count"),
        stamp="modifiedAt",
        since=Since("modifiedSince", 60_000, before=1000),
        query=(("sort", "asc"),),
        total="count",
        operation="list contacts",
    )
    one = One("/contacts/{id}", update="PUT", make="/contacts")
    created: ClassVar[str] = "createdAt"
    batch: ClassVar[int] = BATCH
    exact_stamp: ClassVar[bool] = False
    mails: ClassVar[bool] = True
    lists: ClassVar[bool] = True
    clears: ClassVar[Any] = ""
    feeds = (
        Feed(LISTS, Collection("/contacts/lists", "lists", Offset("offset", ("limit", 50), "count")), own.listing),
    )
    table = own.TABLE
    cannot = own.CANNOT
    hooks: ClassVar[Hooks | None] = HOOKS
    shelf: ClassVar[HookShelf | None] = SHELF

    def remote_fields(self) -> Sequence[RemoteField]:
        """The account's attributes; those of the table that it lacks are not there."""
        response = self._http.request("GET", "/contacts/attributes", operation="list attributes")
        return own.remote(self._typed(response, own.Attributes).attributes)

    # -- pull ---------------------------------------------------------------------------------------------------

    def _dressed(self, bodies: list[bytes]) -> list[bytes]:
        """With the reason why no campaign goes somewhere, which only a contact read alone tells."""
        contacts = [msgspec.json.decode(body, type=dict[str, Any]) for body in bodies]
        silent = [one for one in contacts if one.get("emailBlacklisted") and "statistics" not in one]
        told = dict(zip(map(id, silent), spread(silent, self._statistics, self.limits.at_once), strict=True))
        return [own.trimmed(one, told.get(id(one), one.get("statistics"))) for one in contacts]

    def _statistics(self, contact: Mapping[str, Any]) -> Any:
        """What became of mails to one contact; nothing where the contact left meanwhile."""
        response = self._http.request("GET", self._path(str(contact["id"])), operation="read contact")
        if response.status in self.refusals.gone:
            return None
        return self._typed(response, dict[str, Any]).get("statistics")

    def _consent(
        self, body: Mapping[str, Any], addresses: tuple[str, ...], modified: Millis
    ) -> tuple[ConsentSeen, ...]:
        """Who left everything, or one list; and whom mail cannot reach. Nothing at Brevo proves a grant."""
        address = addresses[0] if addresses else ""
        found = []
        if address and body.get("emailBlacklisted"):
            state = ConsentState.UNDELIVERABLE if body.get("why") == own.BOUNCED else ConsentState.WITHDRAWN
            evidence = f"Brevo: blacklisted ({body.get('why') or 'no reason given'})"
            at = millis(body.get("left")) if state is ConsentState.WITHDRAWN else 0
            found.append(ConsentSeen(address, state, MARKETING, at, evidence))
        for number in body.get("listUnsubscribed") or () if address else ():
            evidence = f"Brevo: left list {number}"
            found.append(ConsentSeen(address, ConsentState.WITHDRAWN, MARKETING, 0, evidence))
        return tuple(found)

    def _subscribed(self, body: Mapping[str, Any]) -> bool | None:
        return not body.get("emailBlacklisted")

    # -- lists --------------------------------------------------------------------------------------------------

    @property
    def _lists(self) -> Lists:
        return Lists(self._http, self._typed, self._walk)

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        """Each list with everybody on it."""
        for page in self._walk(self._feed(name).collection, self._lists.filled).pages(cursor, full=full):
            yield StreamPage(page.cursor, page.records, last=page.last, complete=page.complete, refused=page.refused)

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        return self._lists.put(title, listing, add, remove)

    # -- write --------------------------------------------------------------------------------------------------

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        began = self._now()
        done = in_batches(changes, BATCH, self._send, lambda change: change.remote_id)
        return self._looked_back(changes, done, began)

    def _send(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """A batch; who changes their address goes alone, and so does whoever failed, to learn why."""
        together = [change for change in changes if change.email is None]
        failed = self._batched([{"id": int(one.remote_id), **self._spelled(one)} for one in together])
        alone = [change for change in changes if change.email is not None or int(change.remote_id) in failed]
        answers = {id(one): found for one, found in zip(alone, spread(alone, self._update, 5), strict=True)}
        return [answers.get(id(change), Outcome(Result.APPLIED, change.remote_id)) for change in changes]

    def _batched(self, contacts: Sequence[Mapping[str, Any]]) -> set[int]:
        """Change up to 100 contacts; the ids of those that failed."""
        if not contacts:
            return set()
        body = msgspec.json.encode({"contacts": contacts})
        response = self._http.request(
            "POST", "/contacts/batch", json=body, idempotent=True, operation="update contacts"
        )
        if response.status == 204:
            return set()
        if not response.ok:  # one of them made it refuse all
            return {int(one["id"]) for one in contacts}
        return set(self._typed(response, own.Batched).failureIds)

    def _spelled(self, change: Change) -> dict[str, Any]:
        """A new address of a contact that is there is an attribute; a new contact's stands beside them."""
        body = super()._spelled(change)
        if change.remote_id and "email" in body:
            body.setdefault("attributes", {})["EMAIL"] = body.pop("email")
        return body

    def _create(self, change: Change) -> Outcome:
        if not change.subscribed:
            why = "Brevo has no contacts that may not be mailed: without recorded consent nobody is made"
            return Outcome(Result.REFUSED, reason=why, code="cannot")
        done = super()._create(change)
        if done.blamed:  # a number that somebody else has there
            values = {name: value for name, value in change.values.items() if name not in done.blamed}
            return replace(super()._create(replace(change, values=values)), blamed=done.blamed, reason=done.reason)
        if done.code != "exists":
            return done
        raw = self._read(change.email or change.address)
        return done if raw is None else replace(done, remote_id=raw.remote_id, raw=raw)

    def _refused(self, change: Change, response: Response) -> Outcome:
        """Brevo names a number that it does not take in words only."""
        outcome = super()._refused(change, response)
        if "phone" in change.values and "SMS" in str(dig(msgspec.json.decode(response.body or b"{}"), "message")):
            return replace(outcome, code="invalid", blamed=("phone",))
        return outcome

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        return in_batches(changes, BATCH, self._leave, lambda change: change.remote_id)

    def _leave(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        failed = self._batched([{"id": int(one.remote_id), "emailBlacklisted": True} for one in changes])
        alone = [change for change in changes if int(change.remote_id) in failed]
        answers = {id(one): found for one, found in zip(alone, one_by_one(alone, self._leave_one, 5), strict=True)}
        return [answers.get(id(change), Outcome(Result.APPLIED, change.remote_id)) for change in changes]

    def _leave_one(self, change: Change) -> Outcome:
        return self._write(change, "PUT", self._path(change.remote_id), {"emailBlacklisted": True})
