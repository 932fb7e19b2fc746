"""Mailchimp's webhooks: which events a change makes, how they are worded, signed and tried again.

Docs: the guide "Webhooks" (form-encoded bodies, ten seconds, retries over 75 minutes, signatures), the older guide
"About Webhooks" (events, sources, the check by GET) with its examples of each event, the release note of 2021-04-05
(three retries, 410), and facts: Webhooks.

Documented and kept: one event a request, ``application/x-www-form-urlencoded`` with bracket keys; the fields of the
examples; ``unsubscribe`` with ``action`` unsub or delete and ``reason`` manual or abuse; ``cleaned`` with ``reason``
hard or abuse; a ``profile`` event beside each ``upemail``; ``campaign`` whatever the sources say; sources ``user``,
``admin``, ``api``; ``X-Mailchimp-Signature: t=…,v1=…`` over ``{t}.{raw body}``; three more attempts within 75 minutes;
410 switches a hook off for good. No events for tags and segments.

Not documented, so a choice of this file (`Habits` where both settings make sense): the zone of ``fired_at``; how a
complaint is told; what an archived contact makes; the source of bounces and complaints; the single waits; after how
many failures a hook is switched off ("at Mailchimp's discretion") and whether it is still listed then; that details
which the body does not show (language, VIP, permissions) make no ``profile`` event, and that pending and transactional
contacts make none either until they subscribe; ``web_id`` (3p); a comma between the names of interests, nothing said of
names that hold one; that an unsubscribe without a campaign has no ``campaign_id``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import orjson

from sandbox.mailchimp_engaged import MailchimpEngaged
from sandbox.mailchimp_state import Audience, Member, Picture
from sandbox.platform import Answer, Call, Route
from sandbox.webhooks import Json, Letter, Mailroom, merged_headers
from sandbox.webhooks_wire import Sealed

if TYPE_CHECKING:
    from sandbox.mailchimp_webhooks_api import Hooks

AGENT: Final = {"User-Agent": "MailChimp.com"}  # (3p), like that of the validator
VALIDATOR: Final = {"User-Agent": "MailChimp.com WebHook Validator"}
MINUTES: Final = (5, 20, 50)  # three waits, 75 minutes in all; (?) but for number and sum
GONE: Final = 410
SOURCES: Final[Mapping[str, str]] = {"person": "user", "admin": "admin", "api": "api", "batch": "api"}
QUIET: Final = frozenset({"pending", "transactional", "archived"})

_SOURCE: ContextVar[str] = ContextVar("where a change comes from", default="user")


@dataclass
class Habits:
    """What the documents leave open."""

    check: str = "GET"  # how an address is checked when a hook is made: GET, POST (empty, 3p), or not at all
    signed: bool = True  # whether hooks that are made now are signed; older ones are not
    zone: str = "UTC"  # of fired_at; facts: UTC (?)
    complaint: str = "cleaned"  # or "unsubscribe": the guide has a reason "abuse" for both
    archive_tells: bool = True  # an archived subscriber is told as unsubscribe, action delete
    cleaned_source: str = "user"  # bounces and complaints come from nobody's hand
    failures: int = 5  # letters in a row that never got through, after which a hook is switched off
    off_listed: bool = True  # whether a hook that is switched off still shows in the API


class MailchimpMailroom(Mailroom):
    """The webhooks of all audiences of one account."""

    patience = 10.0
    box: MailchimpHooked

    def __init__(self, box: MailchimpHooked) -> None:
        super().__init__(box)
        self.habits = Habits()

    # -- what happened -----------------------------------------------------------------------------

    def remember(self, audience: Audience) -> None:
        """Take a picture of each member, to tell later what changed."""
        pictures = {member.contact_id: _picture(audience, member) for member in audience.members.values()}
        self.box.state.pictures[audience.id] = pictures

    def changed(self, audience: Audience, member: Member) -> None:
        """A member was made, changed or (no longer in the audience) erased."""
        if not audience.webhooks:
            return
        pictures = self.box.state.pictures.setdefault(audience.id, {})
        before = pictures.get(member.contact_id)
        if member.contact_id not in audience.keys:
            pictures.pop(member.contact_id, None)
            if before is not None and before.status == "subscribed":
                self._tell(audience, "unsubscribe", self._left(audience, member, "delete"), self._source("admin"))
            return
        after = pictures[member.contact_id] = _picture(audience, member)
        if before is None or before.status != after.status:
            self._moved(audience, member, before.status if before is not None else "")
        if before is None or after.status in QUIET:
            return
        moved = before.email != after.email
        if moved:
            about = {"new_id": member.unique_email_id, "new_email": member.email, "old_email": before.email}
            self._tell(audience, "upemail", {"list_id": audience.id, **about}, self._source("user"))
        if moved or (before.details != after.details and before.status == after.status):
            self._tell(audience, "profile", _profile(audience, member), self._source("user"))

    def _moved(self, audience: Audience, member: Member, before: str) -> None:
        """The subscription of *member* changed."""
        changes = self.box.state.status_changes
        source = SOURCES.get(changes[-1].by if changes else "", self.habits.cleaned_source)
        match member.status:
            case "subscribed":
                about = {**_profile(audience, member), "ip_signup": member.ip_signup}
                self._tell(audience, "subscribe", about, source)
            case "cleaned" if member.left_by != "complaint" or self.habits.complaint == "cleaned":
                reason = "abuse" if member.left_by == "complaint" else "hard"
                about = {"list_id": audience.id, "reason": reason, "email": member.email}
                self._tell(audience, "cleaned", {**about, **self._campaign(member, "abuse", "bounce")}, source)
            case "cleaned":
                self._tell(audience, "unsubscribe", self._left(audience, member, "unsub", "abuse"), source)
            case "unsubscribed" if before == "subscribed":
                self._tell(audience, "unsubscribe", self._left(audience, member, "unsub"), source)
            case "archived" if before == "subscribed" and self.habits.archive_tells:
                self._tell(audience, "unsubscribe", self._left(audience, member, "delete"), source)

    def _left(self, audience: Audience, member: Member, action: str, reason: str = "manual") -> Json:
        about = {"action": action, "reason": reason, **_profile(audience, member)}
        return {**about, **(self._campaign(member, "unsub", "abuse") if action == "unsub" else {})}

    def _campaign(self, member: Member, *kinds: str) -> Json:
        """The campaign in which *member* has just done this, if it was in one."""
        for campaign in reversed(self.box.state.campaigns.values()):
            told = campaign.told.get(member.contact_id)
            if told and told[-1].kind in kinds and member.left_at - told[-1].at <= 1:
                return {"campaign_id": campaign.id}
        return {}

    def sent(self, campaign_id: str) -> None:
        """A campaign went out."""
        campaign = self.box.state.campaigns[campaign_id]
        about = {"id": campaign.id, "subject": campaign.subject, "status": "sent", "reason": ""}
        audience = self.box.state.audiences[campaign.list_id]
        self._tell(audience, "campaign", {**about, "list_id": audience.id}, None)

    def _source(self, by_hand: str) -> str:
        source = _SOURCE.get()
        return source if source == "api" else by_hand

    def _tell(self, audience: Audience, kind: str, about: Json, source: str | None) -> None:
        """File an event for each hook that wants it; *source* ``None``: whatever the hook's sources are."""
        if not audience.webhooks:
            return
        now = self.box.clock()
        fired = now.astimezone(UTC if self.habits.zone == "UTC" else ZoneInfo(self.habits.zone))
        event = {"type": kind, "fired_at": f"{fired:%Y-%m-%d %H:%M:%S}", "data": about}
        for hook in audience.webhooks.values():
            if hook["events"][kind] and not hook["off"] and (source is None or hook["sources"][source]):
                self.tell(f"{audience.id} {hook['id']}", event, now)

    # -- one request -------------------------------------------------------------------------------

    def hook(self, key: str) -> Json | None:
        list_id, _, id = key.partition(" ")
        audience = self.box.state.audiences.get(list_id)
        found = audience.webhooks.get(id) if audience is not None else None
        return found if found is not None and not found["off"] else None

    def address(self, hook: str) -> str | None:
        found = self.hook(hook)
        return str(found["url"]) if found is not None else None

    def seal(self, letter: Letter, now: datetime) -> Sealed:
        hook = self.hook(letter.hook) or {}
        return self._sealed(letter.url, letter.events[0], now, hook.get("signing_secret", ""))

    def _sealed(self, url: str, event: Json, now: datetime, secret: str) -> Sealed:
        body = urlencode(list(_flat(event))).encode()
        plain = {**AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        return Sealed(url, merged_headers(plain, signature(secret, now, body) if secret else {}), body)

    def forge(self, letter: Letter, how: str, now: datetime) -> Sealed:
        """For a hook without signature, *wrong_secret* and *unsigned* miss the secret in its address."""
        true = self.seal(letter, now)
        signed = any(name == "X-Mailchimp-Signature" for name in true.headers)
        plain = {name: value for name, value in true.headers.items() if name != "X-Mailchimp-Signature"}
        match how:
            case "wrong_secret" if signed:
                return Sealed(true.url, {**plain, **signature("not the secret", now, true.body)}, true.body)
            case "unsigned" if signed:
                return Sealed(true.url, plain, true.body)
            case "wrong_secret" | "unsigned" | "altered" if not signed:
                return Sealed(_guessed(true.url), plain, true.body)
            case "altered":
                return Sealed(true.url, true.headers, true.body + b"&data%5Bemail%5D=somebody.else%40post.example")
        raise ValueError(f"no such forgery: {how}")

    def check(self, url: str) -> bool:
        """Whether the address answers as a hook's has to when it is registered."""
        if not self.habits.check:
            return True
        return self.wire.send(Sealed(url, VALIDATOR, b"", self.habits.check), self.patience) == 200

    def wait(self, attempt: int) -> timedelta | None:
        return timedelta(minutes=MINUTES[attempt]) if attempt < len(MINUTES) else None

    def refused(self, letter: Letter, status: int | None) -> bool:
        if status == GONE and (hook := self.hook(letter.hook)) is not None:
            hook["off"] = True
        return status == GONE

    def heard(self, letter: Letter) -> None:
        if (hook := self.hook(letter.hook)) is not None:
            hook["failures"] = 0

    def given_up(self, letter: Letter) -> None:
        if (hook := self.hook(letter.hook)) is not None:
            hook["failures"] += 1
            hook["off"] = hook["failures"] >= self.habits.failures


class MailchimpHooked(MailchimpEngaged):
    """The part of the emulator that notices what its webhooks have to tell."""

    mailroom: MailchimpMailroom
    hooks: Hooks

    def _handle(self, route: Route, call: Call) -> Answer:
        token = _SOURCE.set("api")
        try:
            return super()._handle(route, call)
        finally:
            _SOURCE.reset(token)

    def touched(self, audience: Audience, member: Member, now: datetime | None) -> None:
        super().touched(audience, member, now)
        self.mailroom.changed(audience, member)

    def load(self, records: Iterable[Mapping[str, object]], list_id: str | None = None) -> int:
        count = super().load(records, list_id)
        audience = self.list_of(list_id)
        if audience.webhooks:
            self.mailroom.remember(audience)
        return count

    def human_add_webhook(
        self,
        url: str,
        events: Iterable[str] = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail"),
        sources: Iterable[str] = ("user", "admin"),
        *,
        list_id: str | None = None,
    ) -> Json:
        """Set up a hook in the product, which shows the signing secret this once."""
        if not self.mailroom.check(url):
            raise ValueError(f"the product cannot reach {url}")
        chosen = dict.fromkeys(events, True), dict.fromkeys(sources, True)
        hook = self.hooks.add(self.list_of(list_id), url, *chosen)
        return {"id": hook["id"], "signing_secret": hook["signing_secret"]}

    def human_drop_webhook(self, id: str, *, list_id: str | None = None) -> None:
        del self.list_of(list_id).webhooks[id]

    def human_send_campaign(self, *given: Any, **named: Any) -> Json:
        """As above; hooks are told when it is out."""
        sent = super().human_send_campaign(*given, **named)
        self.mailroom.sent(sent["id"])
        return sent


def signature(secret: str, now: datetime, body: bytes) -> dict[str, str]:
    """``X-Mailchimp-Signature`` (facts: Webhooks, Signature)."""
    stamp = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Mailchimp-Signature": f"t={stamp},v1={digest}"}


def _picture(audience: Audience, member: Member) -> Picture:
    details = orjson.dumps([_merges(audience, member), member.email_type], option=orjson.OPT_SORT_KEYS)
    return Picture(member.email, member.status, hashlib.blake2b(details, digest_size=8).digest())


def _profile(audience: Audience, member: Member) -> Json:
    return {
        "id": member.unique_email_id,
        "list_id": audience.id,
        "email": member.email,
        "email_type": member.email_type,
        "ip_opt": member.ip_opt,
        "web_id": member.web_id,
        "merges": {"EMAIL": member.email, **_merges(audience, member)},
    }


def _merges(audience: Audience, member: Member) -> Json:
    values = {known.tag: member.merge.get(known.tag, "") for known in audience.merge_fields}
    if not audience.categories:
        return values
    names = {id: name for category in audience.categories.values() for id, name in category.interests.items()}
    chosen = ",".join(name for id, name in names.items() if member.interests.get(id))
    return {**values, "INTERESTS": chosen}


def _flat(event: Json, prefix: str = "") -> Iterator[tuple[str, str]]:
    """``data[merges][FNAME]`` and the like, as forms of nested values are written."""
    for name, value in event.items():
        key = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, dict):
            yield from _flat(value, key)
        else:
            yield key, str(value)


def _guessed(url: str) -> str:
    """The address without what only the owner of the hook knows: its query and the last part of its path."""
    parts = urlsplit(url)
    path = parts.path if parts.query else parts.path.rpartition("/")[0] + "/guessed"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))
