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
         A phone number stands in SMS, with its country code, and at one contact only: a second one is refused, and
         named in words only. Brevo may show it without the plus that it was written with.
         There is no putting away: what is deleted is gone. Nobody is made who may not be mailed.
         A call that puts contacts on a list and takes none of them is refused whole, as for who is on it already.
         A webhook tells one event of one contact, unsigned and without an id: who knows the secret in the address is
         Brevo; mail, kind, link and second make a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from connectors import kit
from mapping.facts import By, Channel, Facts, Listing, Touch, Touchpoint, Way
from mapping.fields import FieldTable, both
from mapping.model import ConsentState, Value
from mapping.values import Kind

LISTS, FOLDERS, FOLDER = "/contacts/lists", "/contacts/folders", "Regulars"
AT_ONCE = 150  # contacts that are put on a list in one call
REFUSED = "Brevo did not take this contact"
REST = "rest"
BOUNCED, LEFT, COMPLAINED = "hard bounce", "unsubscribed", "complaint"
KEPT = ("id", "email", "emailBlacklisted", "createdAt", "modifiedAt", "listIds", "listUnsubscribed", "attributes")


def pages(path: str, items: str, size: int, **more: Any) -> kit.Collection:
    return kit.Collection(path, items, kit.Offset("offset", ("limit", size), "count"), **more)


def number(raw: Value) -> Value:
    text = str(raw)
    return f"+{text}" if re.fullmatch(r"[1-9]\d{7,14}", text) else text


def number_fits(value: Value) -> str:
    fits = re.fullmatch(r"\+[\d\s()./-]{7,30}", str(value))
    return "" if fits else "Brevo takes phone numbers with their country code only, as in +49 30 1234567"


def why(statistics: Any) -> dict[str, str]:
    """A complaint or an unsubscribe is somebody's wish, a hard bounce nobody's; the wish counts before the bounce."""
    told = statistics if isinstance(statistics, dict) else {}
    left = kit.dig(told, "unsubscriptions.userUnsubscription")
    for reason, events in ((COMPLAINED, told.get("complaints")), (LEFT, left)):
        if events:
            return {"why": reason, "left": max(str(one.get("eventTime", "")) for one in events)}
    return {"why": BOUNCED} if told.get("hardBounces") else {}


def members(entry: Mapping[str, Any], _: Any) -> Sequence[Mapping[str, Any]]:
    """A list without what counts by itself."""
    return [{name: entry.get(name) for name in ("id", "name", "members")}]


def listing(item: Mapping[str, Any]) -> Facts:
    who = tuple(str(one) for one in item.get("members", ()))
    return Facts(listings=[Listing(str(item["id"]), str(item.get("name", "")), who, "static")])


# -- webhooks ---------------------------------------------------------------------------------------------------

EVENTS = (
    "spam",
    "opened",
    "click",
    "hardBounce",
    "softBounce",
    "unsubscribed",
    "listAddition",
    "contactUpdated",
    "contactDeleted",
)
RECORD = ("list_addition", "contact_updated", "contact_deleted")
TOUCHES: Mapping[str, tuple[Touch, By]] = {
    "opened": (Touch.OPENED, By.UNKNOWN),
    "click": (Touch.CLICKED, By.UNKNOWN),
    "hard_bounce": (Touch.BOUNCED, By.MACHINE),
    "soft_bounce": (Touch.BOUNCED, By.MACHINE),
    "spam": (Touch.COMPLAINED, By.PERSON),
    "unsubscribe": (Touch.UNSUBSCRIBED, By.PERSON),
}


def hear(body: bytes) -> kit.Heard:
    """Whom Brevo's event is about, and what became of a mail. Raises ValueError where the body is no event."""
    addresses: dict[str, None] = {}
    odd: dict[str, None] = {}
    facts = Facts()
    for event in kit.events(body, "Brevo"):
        kind, who = str(event.get("event", "")), event.get("email")
        if kind not in RECORD and kind not in TOUCHES:
            odd[kind or "an event without a name"] = None
            continue
        addresses.update({str(one): None for one in (who if isinstance(who, list) else [who]) if one})
        if kind in TOUCHES and isinstance(who, str):
            facts.touchpoints.append(touched(kind, who, event))
    if not addresses and not odd:
        raise ValueError("an event without an address")
    return kit.Heard(addresses=list(addresses), facts=facts, odd=list(odd))


def touched(kind: str, who: str, event: kit.Event) -> Touchpoint:
    touch, by = TOUCHES[kind]
    at = int(event.get("ts_event") or event.get("ts") or 0) * 1000
    campaign, link = str(event.get("camp_id") or ""), str(event.get("URL") or "")
    detail = link or (kind.replace("_", " ") if touch is Touch.BOUNCED else "")
    key = f"hook {kind} {campaign} {link}".strip()
    return Touchpoint(key, who, touch, at, Channel.EMAIL, Way.IN, by, campaign, detail)


HOOKS = kit.Hooks(
    rules=(kit.SecretInAddress(),),
    types=("application/json",),
    asks="the secret in the hook's address",
    hear=hear,
    greets=True,
)
SHELF = kit.HookShelf(
    "/webhooks",
    "webhooks",
    "url",
    lambda address, secret: {
        "url": f"{address}?secret={secret}",
        "description": "Regulars",
        "events": EVENTS,
        "type": "marketing",
    },
    lambda hook: set(EVENTS) <= set(hook.get("events") or ()),
    query=(("type", "marketing"),),
)


class Brevo(kit.Declared):
    """Contacts of one account at Brevo."""

    name: ClassVar[str] = "brevo"
    title: ClassVar[str] = "Brevo"
    base_url: ClassVar[str] = "https://api.brevo.com/v3"
    sign_ins = (
        kit.by_key("api_key", "API key", "from SMTP & API › API keys", lambda key: kit.KeyHeader(key, "api-key")),
    )
    limits = kit.Limits(
        (kit.Window(10, 1.0, air=0.04), kit.Window(36_000, 3600.0), kit.Window(100, 3600.0, REST)),
        at_once=5,
        reset="x-sib-ratelimit-reset",
        lanes=(("/account", REST), ("/webhooks", REST)),
    )
    refusals = kit.Refusals(
        codes={"duplicate_parameter": "exists", "not_enough_credits": "cap"}, words={"SMS": "phone"}
    )
    me = kit.Me(
        "/account",
        "email",
        "companyName",
        ("It may read and write contacts, lists and attributes, and make webhooks: Brevo's keys are all alike.",),
    )
    people = pages(
        "/contacts",
        "contacts",
        1000,
        stamp="modifiedAt",
        since=kit.Since("modifiedSince", 60_000, before=1000),
        query=(("sort", "asc"),),
        total="count",
        operation="list contacts",
    )
    one = kit.One("/contacts/{id}", update="PUT", make="/contacts", erase="DELETE")
    together = kit.Together("/contacts/batch", "contacts", "failureIds", 100, ids=int)
    leaves: ClassVar[Mapping[str, Any]] = {"emailBlacklisted": True}
    says = (
        kit.Says("emailBlacklisted", "Brevo: blacklisted ({why})", why="why", when="left", unless=("why", BOUNCED)),
        kit.Says("why", "Brevo: blacklisted ({value})", (BOUNCED,), ConsentState.UNDELIVERABLE),
        kit.Says("listUnsubscribed", "Brevo: left list {value}"),
    )
    created: ClassVar[str] = "createdAt"
    batch: ClassVar[int] = 100
    exact_stamp: ClassVar[bool] = False
    mails: ClassVar[bool] = True
    lists: ClassVar[bool] = True
    clears: ClassVar[Any] = ""
    own_fields = kit.OwnFields(
        kit.Collection("/contacts/attributes", "attributes", kit.Whole(), "name"),
        "attributes.",
        {"text": Kind.TEXT, "date": Kind.DATE, "float": Kind.NUMBER, "boolean": Kind.FLAG},
        counts=lambda one: one.get("category", "normal") == "normal",  # a category is a choice by number
        whole=True,
    )
    table = FieldTable(
        (
            both("email", "email", Kind.EMAIL, label="E-mail"),
            both("given_name", "attributes.FIRSTNAME", Kind.NAME, label="First name"),
            both("family_name", "attributes.LASTNAME", Kind.NAME, label="Last name"),
            both("phone", "attributes.SMS", Kind.PHONE, reads=number, fits=number_fits, label="Mobile phone"),
        )
    )
    feeds = (
        kit.Feed(
            kit.Stream("lists", "Lists, and who is on them"),
            pages(LISTS, "lists", 50),
            listing,
            members,
            kit.Hanging(
                "members",
                "id",
                pages(f"{LISTS}/{{id}}/contacts", "contacts", 500, query=(("sort", "asc"),), operation="list members"),
                keeps="id",
            ),
        ),
    )
    hooks: ClassVar[kit.Hooks | None] = HOOKS
    shelf: ClassVar[kit.HookShelf | None] = SHELF
    cannot: ClassVar[Mapping[str, str]] = {
        "archive": "deletes for good: put contacts away there",
        "quiet": "has no contacts that may not be mailed: without recorded consent nobody is made",
        "own_key": "has each address once: creates are found by it",
        "tags": "has lists instead",
        "mobile": "has one number, SMS, which is the phone",
        **dict.fromkeys(
            ("company", "job_title", "website", "address", "birthday", "language"),
            "has no such attribute unless the account has one of its own",
        ),
        **dict.fromkeys(("lifecycle", "stage"), "knows no stages of contacts"),
        "role": "knows no roles",
        "owner": "knows no owners of contacts",
        "vip": "knows no such mark",
        "permissions": "knows one permission, that of being mailed",
        "name": "keeps first and last name apart",
        "handle": "knows nobody by a handle",
    }

    def _dressed(self, bodies: list[bytes]) -> list[bytes]:
        """With the reason why no campaign goes somewhere, which only a contact read alone tells."""
        contacts = [msgspec.json.decode(body, type=dict[str, Any]) for body in bodies]
        silent = [one for one in contacts if one.get("emailBlacklisted") and "statistics" not in one]
        found = dict(zip(map(id, silent), kit.spread(silent, self._statistics, self.limits.at_once), strict=True))
        reasons = [found.get(id(one)) or why(one.get("statistics")) for one in contacts]
        kept = [{name: one[name] for name in KEPT if one.get(name) is not None} for one in contacts]
        return [
            msgspec.json.encode(one | reason if one.get("emailBlacklisted") else one)
            for one, reason in zip(kept, reasons, strict=True)
        ]

    def _statistics(self, contact: Mapping[str, Any]) -> dict[str, str]:
        """What became of mails to one contact; nothing where the contact left meanwhile."""
        response = self._http.request("GET", self._path(str(contact["id"])), operation="read contact")
        if response.status in self.refusals.gone:
            return {}
        return why(self._typed(response, dict[str, Any]).get("statistics"))

    def _subscribed(self, body: Mapping[str, Any]) -> bool | None:
        return not body.get("emailBlacklisted")

    def _spelled(self, change: kit.Change) -> dict[str, Any]:
        """A new address of a contact that is there is an attribute; a new contact's stands beside them."""
        body = super()._spelled(change)
        if change.remote_id and "email" in body:
            body.setdefault("attributes", {})["EMAIL"] = body.pop("email")
        return body

    # -- lists --------------------------------------------------------------------------------------------------

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> kit.Listed:
        """Ours lie in a folder of their own. Nobody is subscribed by being put on a list."""
        known = listing or self._called(pages(LISTS, "lists", 50), title)
        if not known:
            folder = self._called(pages(FOLDERS, "folders", 50), FOLDER) or self._made_at(FOLDERS, {"name": FOLDER})
            known = self._made_at(LISTS, {"name": title, "folderId": int(folder)})
        wanted = dict.fromkeys(add)
        refused = self._moved(known, "add", list(wanted))
        self._moved(known, "remove", [one for one in dict.fromkeys(remove) if one not in wanted])
        return kit.Listed(known, {one: why for one, why in refused.items() if not self._on(known, one)})

    def _moved(self, listing: str, way: str, ids: Sequence[str]) -> dict[str, str]:
        """Put records on a list or take them off; those that it would not take, and why."""
        path, name = f"{LISTS}/{listing}/contacts/{way}", f"{way} members"

        def send(batch: Sequence[kit.Change]) -> Sequence[kit.Outcome]:
            body = msgspec.json.encode({"ids": [int(one.remote_id) for one in batch]})
            response = self._http.request("POST", path, json=body, idempotent=True, operation=name)
            if not response.ok:
                raise kit.RefusedWhole(self._http.explain(response))
            failed = set(map(str, kit.Envelope(response.body).value("contacts.failure") or ()))
            taken = {False: kit.Result.APPLIED, True: kit.Result.REFUSED}
            return [kit.Outcome(taken[one.remote_id in failed], one.remote_id, reason=REFUSED) for one in batch]

        done = kit.in_batches([kit.Change(one) for one in ids], AT_ONCE, send, lambda change: change.remote_id)
        return {one.remote_id: one.reason for one in done if one.result is not kit.Result.APPLIED}

    def _on(self, listing: str, remote_id: str) -> bool:
        raw = self._read(remote_id)
        return raw is not None and int(listing) in (self._records.body(raw).get("listIds") or ())
