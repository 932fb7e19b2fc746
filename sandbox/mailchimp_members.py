"""The members of an audience over the API: list, read, create, update, archive, erase, tag."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import orjson

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_rules import (
    forgotten,
    invalid,
    member_exists,
    not_found,
    refuse_address,
)
from sandbox.mailchimp_select import PAGE, SELECT, Selection, flag, page_of, selection, shifted
from sandbox.mailchimp_state import LISTED, PARTS, Audience, Member, iso, key_of, seconds, show_member
from sandbox.platform import Answer, Call, Stop, Unknown

Json = dict[str, Any]

MEMBERS: Final = "/3.0/lists/<list_id>/members"
MEMBER: Final = f"{MEMBERS}/<subscriber_hash>"
WRITABLE: Final = frozenset(
    {
        "email_address",
        "email_type",
        "status",
        "merge_fields",
        "interests",
        "language",
        "vip",
        "location",
        "marketing_permissions",
        "ip_signup",
        "timestamp_signup",
        "ip_opt",
        "timestamp_opt",
        "tags",
    }
)
SHOWN: Final = frozenset({*PARTS, "_links"})
ON_CREATE: Final = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
ON_PATCH: Final = ("subscribed", "unsubscribed", "cleaned", "pending")
SORTS: Final = ("timestamp_opt", "timestamp_signup", "last_changed")
WINDOWS: Final = (
    ("since_timestamp_opt", "timestamp_opt", 1),
    ("before_timestamp_opt", "timestamp_opt", -1),
    ("since_last_changed", "last_changed", 1),
    ("before_last_changed", "last_changed", -1),
    ("unsubscribed_since", "left_at", 1),
)
FILTERS: Final = ("status", "unique_email_id", "vip_only", "sort_field", "sort_dir", *(w[0] for w in WINDOWS))
CACHED_SELECTIONS: Final = 4


class Members:
    """The handlers of the member paths."""

    def __init__(self, core: MailchimpCore) -> None:
        self.core = core
        core.route("GET", MEMBERS, self.page, query=(*PAGE, *FILTERS), listing=True)
        core.route("POST", MEMBERS, self.create, query=("skip_merge_validation",), write=True)
        core.route("GET", MEMBER, self.read, query=SELECT)
        core.route("PUT", MEMBER, self.put, query=("skip_merge_validation",), write=True)
        core.route("PATCH", MEMBER, self.patch, query=("skip_merge_validation",), write=True)
        core.route("DELETE", MEMBER, self.archive, write=True)
        core.route("POST", f"{MEMBER}/actions/delete-permanent", self.erase, write=True)
        core.route("GET", f"{MEMBER}/tags", self.list_tags, query=PAGE)
        core.route("POST", f"{MEMBER}/tags", self.write_tags, write=True)

    # -- reading -------------------------------------------------------------------------------------

    def page(self, call: Call) -> Answer:
        """A page of members; encoded members are kept, so that a large pull costs little."""
        audience = self.core.audience(call)
        chosen = selection(call, ("members", "list_id", "total_items", "_links"), "members", SHOWN)
        offset, count = page_of(call)
        found = self._found(audience, call)
        offset = shifted(call, offset)
        parts: list[bytes] = []
        if chosen.wants("members"):
            page = found[offset : offset + count]
            parts.append(b'"members":[%b]' % b",".join(self._encoded(audience, page, chosen)))
        if chosen.wants("list_id"):
            parts.append(b'"list_id":%b' % orjson.dumps(audience.id))
        if chosen.wants("total_items"):
            parts.append(b'"total_items":%d' % len(found))
        return Answer(200, b"{%b}" % b",".join(parts))

    def _encoded(self, audience: Audience, page: list[Member], chosen: Selection) -> list[bytes]:
        key = (audience.id, chosen.text)
        known = self.core.encoded.get(key)
        if known is None:
            while len(self.core.encoded) >= CACHED_SELECTIONS:
                self.core.encoded.pop(next(iter(self.core.encoded)))
            known = self.core.encoded[key] = {}
        inner = chosen.within("members")
        wanted = PARTS if inner.exclude or not inner.tree else inner.tree
        whole = wanted is inner.tree and not any(inner.tree.values())  # nothing is cut out of the parts
        encoded = []
        for member in page:
            text = known.get(member.contact_id)
            if text is None:
                shown = show_member(audience, member, wanted)
                text = orjson.dumps(shown if whole else inner.cut(shown))
                known[member.contact_id] = text
            encoded.append(text)
        return encoded

    def _found(self, audience: Audience, call: Call) -> list[Member]:
        """All members that the filters let through, in order."""
        question = tuple(call.one(name) for name in FILTERS)
        key = (audience.id, audience.version, question)
        found = self.core.listings.get(key)
        if found is None:
            if len(self.core.listings) >= 8:
                self.core.listings.clear()
            found = self.core.listings[key] = self._asked(audience, call)
        return found

    def _asked(self, audience: Audience, call: Call) -> list[Member]:
        status = call.one("status")
        if status and status not in LISTED:
            raise Stop(invalid([("status", "Value must be one of: " + ", ".join(LISTED))]))
        if call.one("unsubscribed_since") and status != "unsubscribed":  # facts, Reading
            raise Stop(invalid([("unsubscribed_since", "Only with the status unsubscribed.")]))
        found = list(audience.members.values())
        if status:
            found = [m for m in found if m.status == status]
        elif not self.core.switches.archived_listed:
            found = [m for m in found if m.status != "archived"]
        if flag(call, "vip_only"):
            found = [m for m in found if m.vip]
        if unique := call.one("unique_email_id"):
            found = [m for m in found if m.unique_email_id == unique]
        inclusive = self.core.switches.since_inclusive
        for name, stamp, side in WINDOWS:
            if not call.one(name):
                continue
            edge, read = _moment(name, call.one(name)), attrgetter(stamp)
            if side > 0:
                edge -= inclusive
                found = [m for m in found if read(m) > edge]
            else:
                found = [m for m in found if 0 < read(m) < edge]
        return _sorted(found, call)

    def read(self, call: Call) -> Answer:
        chosen = selection(call, SHOWN)
        audience, member = self.core.member(call)
        return Answer(200, chosen.cut(show_member(audience, member)))

    # -- writing -------------------------------------------------------------------------------------

    def create(self, call: Call) -> Answer:
        """``POST /members``: facts, Members: needs address and status, 400 for a known address."""
        audience = self.core.audience(call)
        body = self.core.body(call, WRITABLE)
        missing = [
            (name, "This value should not be blank.") for name in ("email_address", "status") if not body.get(name)
        ]
        if missing:
            raise Stop(invalid(missing))
        address = body["email_address"]
        known = audience.find(key_of(str(address)))
        if known is not None and not self._returns(known):
            raise Stop(member_exists(address))
        tags = body.pop("tags", [])
        member = known or self._newcomer(audience, address, call.now)
        return self._write(audience, member, body, call, new=True, tags=tags)

    def put(self, call: Call) -> Answer:
        """Create or update. ``status_if_new`` counts only on creation, ``status`` always (facts, Members)."""
        audience = self.core.audience(call)
        body = self.core.body(call, WRITABLE | {"status_if_new"})
        reference = call.args["subscriber_hash"]
        member = audience.find(reference)
        if_new = body.pop("status_if_new", None)
        if if_new is not None and if_new not in ON_CREATE:
            raise Stop(invalid([("status_if_new", "Value must be one of: " + ", ".join(ON_CREATE))]))
        tags = body.pop("tags", [])  # "on update it is ignored (?)"
        if member is not None and not self._returns(member):
            return self._write(audience, member, body, call, new=False)
        address = body.get("email_address")
        if not address or (not if_new and not body.get("status")):
            missing = ("email_address", "status_if_new")
            raise Stop(invalid([(n, "This value should not be blank.") for n in missing if not body.get(n)]))
        if reference.lower() not in (key_of(address), address.lower()):
            raise Stop(invalid([("email_address", "The subscriber hash is not that of this address.")]))
        body.setdefault("status", if_new)
        member = member or self._newcomer(audience, address, call.now)
        return self._write(audience, member, body, call, new=True, tags=tags)

    def patch(self, call: Call) -> Answer:
        """Change a known member, its address included."""
        audience, member = self.core.member(call)
        body = self.core.body(call, WRITABLE)
        body.pop("tags", None)  # ignored on update (?)
        if body.get("status") is not None and body["status"] not in ON_PATCH:
            raise Stop(invalid([("status", "Value must be one of: " + ", ".join(ON_PATCH))]))
        return self._write(audience, member, body, call, new=False)

    def _returns(self, member: Member) -> bool:
        """Whether an archived member counts as new (a switch: the facts do not say)."""
        return member.status == "archived" and self.core.switches.archived_is_new

    def _newcomer(self, audience: Audience, address: str, now: datetime) -> Member:
        refusal = refuse_address(address, self.core.switches)
        if refusal is None and key_of(address) in audience.forgotten:
            refusal = forgotten(address)  # facts, Consent
        if refusal is not None:
            raise Stop(refusal)
        return self.core.new_member(audience, address, now)

    def _write(
        self, audience: Audience, member: Member, body: Json, call: Call, *, new: bool, tags: object = ()
    ) -> Answer:
        """All or nothing: the change is made on a copy, which then takes the member's place."""
        status = body.get("status")
        if status is not None and status not in ON_CREATE:
            raise Stop(invalid([("status", "Value must be one of: " + ", ".join(ON_CREATE))]))
        draft = draft_of(member)
        skip = flag(call, "skip_merge_validation") or (not new and "merge_fields" not in body)
        core = self.core
        if errors := core.write_details(audience, draft, body):
            raise Stop(invalid(errors))
        if errors := core.write_merge(audience, draft, body.get("merge_fields", {}), call.now, skip_required=skip):
            raise Stop(invalid(errors, "Your merge fields were invalid."))
        changes = len(core.state.status_changes)
        refusal = core.set_status(audience, draft, status, call.now, "api") if status else None
        address = body.get("email_address")
        if refusal is None and address and member.contact_id in audience.keys and address != member.email:
            refusal = core.change_address(audience, draft, address)
        if refusal is not None:
            del core.state.status_changes[changes:]
            raise Stop(refusal)
        if body.get("timestamp_opt"):  # the caller's evidence counts, not the moment of the call
            core.write_details(audience, draft, {"timestamp_opt": body["timestamp_opt"]})
        self.settle(audience, member, draft, call.now)
        if new and tags:  # "only adds names"
            core.write_tags(audience, draft, {str(name): True for name in names_of(tags)}, call.now)
        return Answer(200, show_member(audience, draft))

    def settle(self, audience: Audience, member: Member, draft: Member, now: datetime) -> None:
        """Put *draft* in the place of *member*; a write that changes nothing may leave the stamp alone (?)."""
        unchanged = draft == member and member.contact_id in audience.keys
        audience.add(draft)
        moves = not unchanged or self.core.switches.unchanged_touches
        self.core.touched(audience, draft, now if moves else None)

    def archive(self, call: Call) -> Answer:
        """Facts, Members: ``DELETE`` archives."""
        audience, member = self.core.member(call)
        if member.status == "archived":
            return not_found()
        self.core.set_status(audience, member, "archived", call.now, "api")
        self.core.touched(audience, member, call.now)
        return Answer(204)

    def erase(self, call: Call) -> Answer:
        """Facts, Members: erases, and the address can never be imported again by the API."""
        audience, member = self.core.member(call)
        self.core.forget(audience, member)
        return Answer(204)

    # -- tags ----------------------------------------------------------------------------------------

    def list_tags(self, call: Call) -> Answer:
        audience, member = self.core.member(call)
        offset, count = page_of(call)
        tags = [
            {"id": id, "name": audience.tags[id].name, "date_added": iso(added)} for id, added in member.tags.items()
        ]
        chosen = selection(call, ("tags", "total_items", "_links"))
        return Answer(200, chosen.cut({"tags": tags[offset : offset + count], "total_items": len(tags)}))

    def write_tags(self, call: Call) -> Answer:
        """Facts, Members: 204; the effect is not immediate; unknown active tags are created."""
        audience, member = self.core.member(call)
        body = self.core.body(call, ("tags", "is_syncing"))
        wanted: dict[str, bool] = {}
        for given in body.get("tags") or ():
            self.core.only(given, ("name", "status"), "tags")
            if not given.get("name") or given.get("status") not in ("active", "inactive"):
                raise Stop(invalid([("tags", "A tag needs a name and the status active or inactive.")]))
            wanted[given["name"]] = given["status"] == "active"
        if "tags" not in body:
            raise Stop(invalid([("tags", "This value should not be blank.")]))
        delay = self.core.switches.tag_delay
        if delay:
            self.core.after(delay, call.now, "tags", audience.id, member.contact_id, wanted)
        else:
            self.core.write_tags(audience, member, wanted, call.now)
        return Answer(204)


def draft_of(member: Member) -> Member:
    draft = copy(member)
    draft.merge, draft.tags = dict(member.merge), dict(member.tags)
    draft.interests, draft.permissions = dict(member.interests), dict(member.permissions)
    return draft


def names_of(tags: object) -> list[object]:
    if not isinstance(tags, list) or any(not isinstance(name, str) for name in tags):
        raise Unknown("tags that are no list of names")
    return tags


def _moment(name: str, text: str) -> int:
    try:
        return seconds(text)
    except ValueError:
        raise Stop(invalid([(name, "This value is not a valid datetime.")])) from None


def _sorted(found: list[Member], call: Call) -> list[Member]:
    field, direction = call.one("sort_field"), call.one("sort_dir", "ASC").upper()
    if direction not in ("ASC", "DESC"):
        raise Stop(invalid([("sort_dir", "Value must be one of: ASC, DESC")]))
    if not field:
        return found
    if field not in SORTS:
        raise Stop(invalid([("sort_field", "Value must be one of: " + ", ".join(SORTS))]))
    return sorted(found, key=attrgetter(field), reverse=direction == "DESC")
