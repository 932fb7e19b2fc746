"""The Mailchimp emulator's middle: credentials, throttling, and the one place where a member changes."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any, Final

from sandbox.mailchimp_listing import Shelf
from sandbox.mailchimp_rules import (
    GLOSSARY,
    Switches,
    forgotten,
    in_compliance,
    invalid,
    may_subscribe,
    member_exists,
    merged,
    not_found,
    problem,
    refuse_address,
)
from sandbox.mailchimp_state import (
    Audience,
    MailchimpState,
    Member,
    MergeField,
    StatusChange,
    key_of,
    seconds,
    show_member,
)
from sandbox.platform import Answer, Call, Clock, Emulator, Handler, Route, Stop, Unknown

Json = dict[str, Any]

AT_ONCE: Final = 10  # facts, Limits: "At most 10 requests at the same time per user"
LIST: Final = "a1b2c3d4e5"
VIEWER: Final = "sandbox-mailchimp-viewer-us0"
READS_ONLY: Final = frozenset({"viewer", "author"})
PLAIN: Final = ("email_type", "language", "vip", "ip_signup", "ip_opt")


class MailchimpCore(Emulator):
    """State, credentials and member changes; the paths are added by `MailchimpSandbox`."""

    name = "mailchimp"
    state: MailchimpState

    def __init__(
        self,
        account_id: str = "sandbox-account",
        *,
        api_key: str = "sandbox-mailchimp-demo-us0",
        keys: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
    ) -> None:
        super().__init__(MailchimpState(), clock=clock, quotas=quotas)
        self.account_id = account_id
        self.switches = switches or Switches()
        self.keys = {api_key: "owner", VIEWER: "viewer", **(keys or {})}
        if any(not key.startswith("sandbox-") for key in self.keys):
            raise ValueError("a credential of the sandbox starts with sandbox-")
        # Encoded members by selection and contact_id, and listings by their question; derived, so not in the state.
        self.encoded: dict[tuple[str, str], dict[str, bytes]] = {}
        self.listings: dict[tuple[object, ...], list[Member]] = {}
        self.shelves: list[Shelf[Any]] = []
        self.known: dict[str, Route] = {}
        self._answered = 0
        self.app.wsgi_app = _MethodOverride(self.app.wsgi_app)  # type: ignore[method-assign]

    def route(self, method: str, template: str, handler: Handler, *, query: Collection[str] = (), **more: Any) -> None:
        """As in `Emulator`; remembered, so that a job of ``POST /batches`` finds the operation."""
        super().route(method, template, handler, query=query, **more)
        write = bool(more.get("write"))
        self.known[f"{method} {template}"] = Route(method, template, handler, frozenset(query), write)

    def operate(self, route: Route, call: Call) -> Answer:
        """Carry out one operation of a job: it came in by the door with the job."""
        try:
            return self._handle(route, call)
        except Stop as stop:
            return stop.answer
        except Unknown as unknown:
            return self._refuse(f"{unknown} ({call.method} {call.path} in a batch)")

    # -- the door ------------------------------------------------------------------------------------

    def authenticate(self, call: Call, route: Route) -> Answer | None:
        """Basic with any user name, or Bearer (facts, Status); the rights are those of the key's user."""
        if route.traits.get("open"):
            return None
        token = self.token_of(call)
        if not token:
            return problem(401, "API Key Missing", "Your request did not include an API key.")
        role = self.keys.get(token)
        if role is None:
            detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
            return problem(401, "API Key Invalid", detail)
        if role in READS_ONLY and (route.method != "GET" or "members" in route.template):
            return problem(403, "Forbidden", "You don't have permission to access the requested resource.")
        wanted = call.headers.get("X-Trigger-Error")
        if wanted:
            if wanted not in GLOSSARY:
                raise Unknown(f"the error {wanted} in X-Trigger-Error")
            status, title = GLOSSARY[wanted]
            return problem(status, title, "This error was asked for with X-Trigger-Error.")
        return None

    def token_of(self, call: Call) -> str:
        """The API key or access token that the call carries, or nothing."""
        kind, _, token = call.headers.get("Authorization", "").partition(" ")
        return _password(token) if kind.lower() == "basic" else token

    def spend(self, call: Call, route: Route) -> Answer | None:
        """Facts, Limits: more than ten at once gives 429; there is no per-second rule and no header."""
        return self.too_many() if call.in_flight > AT_ONCE else None

    def headers(self, call: Call, route: Route) -> tuple[tuple[str, str], ...]:
        return self._request_id()

    def _request_id(self) -> tuple[tuple[str, str], ...]:
        self._answered += 1
        return (("X-Request-Id", f"sandbox-{self._answered:08d}"),)

    def too_many(self, retry_after: float | None = None) -> Answer:
        """Without a JSON body; as a 403 where the switch says so (facts, Limits)."""
        if self.switches.throttle_status == 403:
            return Answer(403, b"<html><body>Access Denied</body></html>", (("Content-Type", "text/html"),))
        extra = (("Retry-After", f"{retry_after:g}"),) if retry_after is not None else ()
        return Answer(429, None, extra)

    def broken(self, status: int = 500) -> Answer:
        if status in (502, 503, 504):  # the CDN speaks, not the API
            return Answer(status, b"<html><body>Bad Gateway</body></html>", (("Content-Type", "text/html"),))
        answer = problem(status, "Internal Server Error", "An unexpected internal error has occurred.")
        return answer._replace(headers=answer.headers + self._request_id())

    def malformed(self, message: str) -> Answer:
        return problem(400, "JSON Parse Error", f"We encountered an unspecified JSON parsing error: {message}")

    def restored(self) -> None:
        self.encoded.clear()
        self.listings.clear()
        for shelf in self.shelves:
            shelf.clear()

    def shelf(self, room: int) -> Shelf[Any]:
        """A shelf for computed lists, emptied whenever the state is replaced."""
        self.shelves.append(Shelf(room))
        return self.shelves[-1]

    def dump(self) -> Iterator[Json]:
        """Each audience, then each member in full, with who ended the subscription."""
        for audience in self.state.audiences.values():
            yield {
                "kind": "audience",
                "id": audience.id,
                "name": audience.name,
                "merge_fields": [known.tag for known in audience.merge_fields],
                "forgotten": sorted(audience.forgotten),
                "tags": sorted(audience.tag_ids),
                "notes": {id: [note.text for note in notes] for id, notes in audience.notes.items()},
                "events": {id: [event.name for event in events] for id, events in audience.events.items()},
            }
            for member in audience.members.values():
                yield {"kind": "member", **show_member(audience, member), "left_by": member.left_by}
        for campaign in self.state.campaigns.values():
            yield {
                "kind": "campaign",
                "id": campaign.id,
                "title": campaign.title,
                "sent": campaign.sent,
                "to": campaign.to,
                "told": {id: [list(deed) for deed in told] for id, told in campaign.told.items()},
            }
        for store in self.state.stores.values():
            yield {"kind": "store", "id": store.id, "orders": [[o.id, o.contact_id, o.total] for o in store.orders]}

    # -- finding ---------------------------------------------------------------------------------------

    def audience(self, call: Call) -> Audience:
        found = self.state.audiences.get(call.args["list_id"])
        if found is None:
            raise Stop(not_found())
        return found

    def member(self, call: Call) -> tuple[Audience, Member]:
        audience = self.audience(call)
        found = audience.find(call.args["subscriber_hash"])
        if found is None:
            raise Stop(not_found())
        return audience, found

    def list_of(self, list_id: str | None) -> Audience:
        """The audience of that id, or the account's first one."""
        if list_id is not None:
            return self.state.audiences[list_id]
        return next(iter(self.state.audiences.values()))

    def number(self) -> int:
        self.state.next_number += 1
        return self.state.next_number

    # -- changing ----------------------------------------------------------------------------------------

    def touched(self, audience: Audience, member: Member, now: datetime | None) -> None:
        """Note that *member* changed: forget its encoded form and, with *now*, move ``last_changed``."""
        audience.version += 1
        for encoded in self.encoded.values():
            encoded.pop(member.contact_id, None)
        if now is not None:
            member.last_changed = int(now.timestamp())

    def new_member(self, audience: Audience, address: str, now: datetime) -> Member:
        """A member that is not in the audience yet, without a status."""
        number = self.number()
        contact_id = md5(f"{audience.id} {number}".encode(), usedforsecurity=False).hexdigest()
        return Member(
            contact_id=contact_id,
            web_id=number,
            email=address,
            unique_email_id=unique_email_id(address),
            status="",
            timestamp_signup=int(now.timestamp()),
        )

    def set_status(self, audience: Audience, member: Member, status: str, now: datetime, by: str) -> Answer | None:
        """Change the subscription; the answer is Mailchimp's refusal (facts, Consent)."""
        before = member.status
        if status == before:
            return None
        machine = by in ("api", "batch")
        if machine and status == "cleaned":  # "set by Mailchimp, never by us"
            return invalid([("status", "A contact cannot be set to cleaned.")])
        if machine and before:
            allowed = may_subscribe(member, batch=by == "batch", switches=self.switches)
            if status in ("subscribed", "transactional") and not allowed:
                return in_compliance(member.email)
        if status == "archived":
            member.before_archive = before
        if status == "subscribed":
            member.timestamp_opt = int(now.timestamp())
            member.left_by = ""
        if status == "unsubscribed":
            member.left_by = "api" if machine else by
            member.left_at = int(now.timestamp())
        member.status = status
        self.state.status_changes.append(StatusChange(member.email, before, status, by))
        return None

    def change_address(self, audience: Audience, member: Member, address: str) -> Answer | None:
        """Move *member* to another address: the hash changes, ``contact_id`` stays (facts, Members)."""
        refusal = refuse_address(address, self.switches)
        if refusal is not None:
            return refusal
        key = key_of(address)
        if key != member.key:
            if key in audience.members:
                return member_exists(address)
            if key in audience.forgotten:
                return forgotten(address)
            # The listing keeps its order: the entry is replaced where it stands.
            moved = {key if old == member.key else old: one for old, one in audience.members.items()}
            audience.members = moved
            audience.keys[member.contact_id] = key
            if not self.switches.unique_email_id_stable:
                member.unique_email_id = unique_email_id(address)
        member.email = address
        return None

    def write_merge(
        self, audience: Audience, member: Member, given: object, now: datetime, *, skip_required: bool
    ) -> list[tuple[str, str]]:
        """Write merge fields by the API; returns what is wrong with them, in which case nothing is written."""
        if not isinstance(given, dict):
            return [("merge_fields", "Schema describes object, other type found instead")]
        result, errors = merged(audience, member.merge, given, self.switches, skip_required=skip_required)
        if errors:
            return errors
        for tag in given:
            if tag in result:
                result[tag] = self.rewritten(tag, result[tag])
                self.rewrite_later(tag, now, "rewrite", audience.id, member.contact_id, tag)
        member.merge = result
        return []

    def write_details(self, audience: Audience, member: Member, body: Json) -> list[tuple[str, str]]:
        """Everything of a member's body beside address, status, merge fields and tags."""
        errors: list[tuple[str, str]] = []
        for name in PLAIN:
            if name in body:
                setattr(member, name, body[name])
        for name in ("timestamp_signup", "timestamp_opt"):
            try:
                if body.get(name):
                    setattr(member, name, seconds(str(body[name])))
            except ValueError:
                errors.append((name, "This value is not a valid datetime."))
        location = body.get("location") or {}
        self.only(location, ("latitude", "longitude"), "location")
        member.latitude = location.get("latitude", member.latitude)
        member.longitude = location.get("longitude", member.longitude)
        known = set(audience.interest_ids())
        for id, chosen in (body.get("interests") or {}).items():
            if id not in known:
                errors.append((f"interests.{id}", "Invalid interest ID"))
            else:
                member.interests[id] = bool(chosen)
        for given in body.get("marketing_permissions") or ():
            self.only(given, ("marketing_permission_id", "enabled"), "marketing_permissions")
            if given.get("marketing_permission_id") not in audience.permissions:
                errors.append(("marketing_permissions", "Invalid marketing permission ID"))
            else:
                member.permissions[given["marketing_permission_id"]] = bool(given.get("enabled"))
        return errors

    def do_later(self, what: tuple[Any, ...], now: datetime) -> None:
        """Slow effects: a platform that rewrites a value, tags that take a while, jobs that get done."""
        match what:
            case ("rewrite", list_id, contact_id, tag):
                audience = self.state.audiences[list_id]
                member = audience.find(contact_id)
                if member is not None and isinstance(member.merge.get(tag), str):
                    member.merge = {**member.merge, tag: self.rewrites[tag].apply(member.merge[tag])}
                    self.touched(audience, member, now)
            case ("tags", list_id, contact_id, wanted):
                audience = self.state.audiences[list_id]
                member = audience.find(contact_id)
                if member is not None:
                    self.write_tags(audience, member, wanted, now)
            case _:
                raise Unknown(f"{what[0]} as something to do later")

    def after(self, delay: float, now: datetime, *what: Any) -> None:
        """Have `do_later` called with *what*, *delay* seconds from now."""
        self.later(now + timedelta(seconds=delay), *what)

    def forget(self, audience: Audience, member: Member) -> None:
        """Erase *member* for good; only the person can bring the address back, through a form."""
        del audience.members[member.key]
        del audience.keys[member.contact_id]
        audience.notes.pop(member.contact_id, None)
        audience.events.pop(member.contact_id, None)
        audience.forgotten.add(member.key)
        self.touched(audience, member, None)

    def write_tags(self, audience: Audience, member: Member, wanted: Mapping[str, bool], now: datetime) -> None:
        """Add the tags marked true, remove those marked false; a name that is new is made (facts, Members)."""
        stamp, changed = int(now.timestamp()), False
        for name, active in wanted.items():
            known = audience.tag_ids.get(name)
            if active:
                tag = audience.tag(name, stamp)
                changed |= tag.id not in member.tags
                member.tags.setdefault(tag.id, stamp)
            elif known is not None and known in member.tags:
                del member.tags[known]
                changed = True
        if changed:
            self.touched(audience, member, now if self.switches.tags_touch else None)


def unique_email_id(address: str) -> str:
    """ "A unique identifier for the email address across all Mailchimp lists"."""
    return md5(f"unique {address.lower()}".encode(), usedforsecurity=False).hexdigest()[:10]


def new_audience(name: str, now: int, id: str = LIST, *, permissions: bool = True) -> Audience:
    """An audience as a new account has it, with the default merge fields."""
    fields = (
        MergeField(1, "FNAME", "First Name", "text", public=True, display_order=2, options={"size": 25}),
        MergeField(2, "LNAME", "Last Name", "text", public=True, display_order=3, options={"size": 25}),
        MergeField(3, "ADDRESS", "Address", "address", display_order=4, options={"default_country": 164}),
        MergeField(4, "PHONE", "Phone Number", "phone", display_order=5, options={"phone_format": "none"}),
        MergeField(5, "BIRTHDAY", "Birthday", "birthday", display_order=6, options={"date_format": "MM/DD"}),
    )
    texts = {"9f1c2d3e4a": "Email", "7b8a9c0d1e": "Direct Mail"} if permissions else {}
    return Audience(id, name, now, permissions=texts, merge_fields=list(fields))


def _password(encoded: str) -> str:
    try:
        return b64decode(encoded, validate=True).decode().partition(":")[2]
    except (Error, UnicodeDecodeError):
        return ""


class _MethodOverride:
    """Facts, Limits: ``X-HTTP-Method-Override`` is honoured."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Json, start_response: Any) -> Any:
        wanted = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        if wanted in ("PUT", "PATCH", "DELETE", "GET") and environ["REQUEST_METHOD"] == "POST":
            environ["REQUEST_METHOD"] = wanted
        return self.app(environ, start_response)
