"""Static segments, which are the same thing as tags (facts, Members): listed, made, filled, renamed, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_listing import Shelf, choice, listing, moment, single
from sandbox.mailchimp_rules import invalid, not_found
from sandbox.mailchimp_select import PAGE, SELECT, flag
from sandbox.mailchimp_state import IN_BATCH, Audience, Member, Tag, iso, key_of, show_in_batch, show_in_segment
from sandbox.platform import Answer, Call, Stop

Json = dict[str, Any]

AT_MOST: Final = 500  # facts, Segments: "500 each"
SEGMENTS: Final = "/3.0/lists/<list_id>/segments"
SEGMENT: Final = f"{SEGMENTS}/<segment_id>"
MEMBERS: Final = f"{SEGMENT}/members"
INCLUDE: Final = ("include_cleaned", "include_transactional", "include_unsubscribed")
WINDOWS: Final = ("since_created_at", "before_created_at", "since_updated_at", "before_updated_at")
KINDS: Final = ("static", "saved", "fuzzy")
KEPT: Final = 400_000
LISTED: Final = frozenset(IN_BATCH) - {"tags", "tags_count"}


class Segments:
    """The handlers of the segment paths and of tag search."""

    def __init__(self, core: MailchimpCore) -> None:
        self.core = core
        self._shelf: Shelf[Member] = core.shelf(KEPT)
        core.route("GET", SEGMENTS, self.page, query=(*PAGE, "type", *WINDOWS, *INCLUDE), listing=True)
        core.route("POST", SEGMENTS, self.create, write=True)
        core.route("GET", SEGMENT, self.read, query=(*SELECT, *INCLUDE))
        core.route("POST", SEGMENT, self.change, write=True, batch=True)
        core.route("PATCH", SEGMENT, self.rename, write=True)
        core.route("DELETE", SEGMENT, self.drop, write=True)
        core.route("GET", MEMBERS, self.members, query=(*PAGE, *INCLUDE), listing=True)
        core.route("POST", MEMBERS, self.add_member, write=True)
        core.route("DELETE", f"{MEMBERS}/<subscriber_hash>", self.remove_member, write=True)
        core.route("GET", "/3.0/lists/<list_id>/tag-search", self.search, query=("name",))

    # -- segments ----------------------------------------------------------------------------------------

    def page(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        found = list(audience.tags.values()) if choice(call, "type", KINDS) in ("", "static") else []
        inclusive = self.core.switches.since_inclusive
        for name in ("created", "updated"):
            if edge := moment(call, f"since_{name}_at"):
                found = [tag for tag in found if getattr(tag, name) > edge - inclusive]
            if edge := moment(call, f"before_{name}_at"):
                found = [tag for tag in found if getattr(tag, name) < edge]
        return listing(call, "segments", found, self._parts(call, audience), list_id=audience.id)

    def create(self, call: Call) -> Answer:
        """A static segment from a list of addresses; those that are no members are ignored."""
        audience = self.core.audience(call)
        body = self.core.body(call, ("name", "static_segment"))
        name = body.get("name")
        if not name or not isinstance(body.get("static_segment"), list):
            raise Stop(invalid([("name", "A static segment needs a name and static_segment.")]))
        self._free(audience, name)
        tag = audience.tag(name, int(call.now.timestamp()))
        for address in body["static_segment"][:AT_MOST]:
            self._put(audience, tag, address, call.now, on=True)
        audience.version += 1
        return single(call, tag, self._parts(call, audience))

    def read(self, call: Call) -> Answer:
        audience, tag = self._segment(call)
        return single(call, tag, self._parts(call, audience))

    def rename(self, call: Call) -> Answer:
        """Another name, or other members: *static_segment* replaces them all (the description)."""
        audience, tag = self._segment(call)
        body = self.core.body(call, ("name", "static_segment"))
        name, wanted = body.get("name"), body.get("static_segment")
        if not name or not isinstance(wanted, list | None):
            raise Stop(invalid([("name", "This value should not be blank.")]))
        if name != tag.name:
            self._free(audience, name)
            del audience.tag_ids[tag.name]
            tag.name = name
            audience.tag_ids[name] = tag.id
            self.core.restored()  # each member shows the new name
        if wanted is not None:
            inside = {m.email for m in audience.members.values() if tag.id in m.tags}
            keys = {key_of(str(address)) for address in wanted}
            for address in sorted(inside):
                if key_of(address) not in keys:
                    self._put(audience, tag, address, call.now, on=False)
            for address in wanted[:AT_MOST]:
                self._put(audience, tag, str(address), call.now, on=True)
        tag.updated = int(call.now.timestamp())
        audience.version += 1
        return single(call, tag, self._parts(call, audience))

    def drop(self, call: Call) -> Answer:
        """The segment goes, and with it the tag of its members; nobody's subscription changes."""
        audience, tag = self._segment(call)
        for member in audience.members.values():
            if member.tags.pop(tag.id, None) is not None:
                self.core.touched(audience, member, call.now if self.core.switches.tags_touch else None)
        del audience.tags[tag.id], audience.tag_ids[tag.name]
        audience.version += 1
        return Answer(204)

    def search(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        start = call.one("name").lower()
        found = [tag for tag in audience.tags.values() if tag.name.lower().startswith(start)]
        shown = [{"id": tag.id, "name": tag.name} for tag in found]
        return Answer(200, {"tags": shown, "total_items": len(shown)})

    # -- members -----------------------------------------------------------------------------------------

    def change(self, call: Call) -> Answer:
        """Add and remove up to 500 members each; 200 even if none of them is on the list."""
        audience, tag = self._segment(call)
        body = self.core.body(call, ("members_to_add", "members_to_remove"))
        every = int(call.fault.args.get("every", 2)) if call.fault is not None else 0
        sides: dict[bool, list[Json]] = {True: [], False: []}
        missing: list[str] = []
        failed: list[str] = []
        for on, name in ((True, "members_to_add"), (False, "members_to_remove")):
            addresses = body.get(name) or []
            if len(addresses) > AT_MOST:
                raise Stop(invalid([(name, f"Schema describes maximum {AT_MOST} items")]))
            for position, address in enumerate(addresses, start=1):
                if every and position % every == 0:
                    failed.append(address)
                elif (member := self._put(audience, tag, address, call.now, on=on)) is None:
                    missing.append(address)
                else:
                    sides[on].append(show_in_batch(audience, member))
        why = ((missing, "Email address is not on the list"), (failed, "An internal error has occurred."))
        answer = {
            "members_added": sides[True],
            "members_removed": sides[False],
            "errors": [{"email_addresses": some, "error": error} for some, error in why if some],
            "total_added": len(sides[True]),
            "total_removed": len(sides[False]),
            "error_count": len(missing) + len(failed),
        }
        return Answer(200, answer)

    def members(self, call: Call) -> Answer:
        audience, tag = self._segment(call)
        listed = _listed(call)

        def compute() -> list[Member]:
            return [m for m in audience.members.values() if tag.id in m.tags and m.status in listed]

        found = self._shelf.get((audience.id, audience.version, tag.id, listed), compute)
        parts = {name: part for name, part in self._member_parts(audience).items() if name in LISTED}
        return listing(call, "members", found, parts)

    def add_member(self, call: Call) -> Answer:
        audience, tag = self._segment(call)
        address = self.core.body(call, ("email_address",)).get("email_address")
        member = self._put(audience, tag, str(address or ""), call.now, on=True)
        if member is None:
            raise Stop(invalid([("email_address", "Email address is not on the list")]))
        return Answer(200, show_in_segment(audience, member))

    def remove_member(self, call: Call) -> Answer:
        audience, tag = self._segment(call)
        _, member = self.core.member(call)
        if tag.id not in member.tags:
            raise Stop(not_found())
        self._put(audience, tag, member.email, call.now, on=False)
        return Answer(204)

    # -- shared ------------------------------------------------------------------------------------------

    def _put(self, audience: Audience, tag: Tag, address: str, now: datetime, *, on: bool) -> Member | None:
        member = audience.members.get(key_of(address))
        if member is None or member.status == "archived":
            return None
        if on != (tag.id in member.tags) and self.core.switches.members_update_segment:
            tag.updated = int(now.timestamp())
        self.core.write_tags(audience, member, {tag.name: on}, now)
        return member

    def _free(self, audience: Audience, name: str) -> None:
        if name in audience.tag_ids:
            raise Stop(invalid([("name", "Sorry, that tag already exists.")]))

    def _segment(self, call: Call) -> tuple[Audience, Tag]:
        audience = self.core.audience(call)
        text = call.args["segment_id"]
        tag = audience.tags.get(int(text)) if text.isdigit() else None
        if tag is None:
            raise Stop(not_found())
        return audience, tag

    def _parts(self, call: Call, audience: Audience) -> Mapping[str, Callable[[Tag], Any]]:
        listed = _listed(call)
        counted: list[dict[int, int]] = []

        def size(tag: Tag) -> int:
            if not counted:  # only where a caller wants to see it
                counted.append(_sizes(audience, listed))
            return counted[0].get(tag.id, 0)

        return {
            "id": lambda t: t.id,
            "name": lambda t: t.name,
            "member_count": size,
            "type": lambda t: "static",
            "created_at": lambda t: iso(t.created),
            "updated_at": lambda t: iso(t.updated),
            "list_id": lambda t: audience.id,
        }

    def _member_parts(self, audience: Audience) -> Mapping[str, Callable[[Member], Any]]:
        def bound(part: Callable[[Audience, Member], Any]) -> Callable[[Member], Any]:
            return lambda member: part(audience, member)

        return {name: bound(part) for name, part in IN_BATCH.items()}


def _listed(call: Call) -> frozenset[str]:
    """The statuses that a segment counts and lists: subscribed, and those that the caller includes."""
    return frozenset({"subscribed", *(name.removeprefix("include_") for name in INCLUDE if flag(call, name))})


def _sizes(audience: Audience, listed: frozenset[str]) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for member in audience.members.values():
        if member.status in listed:
            for id in member.tags:
                sizes[id] = sizes.get(id, 0) + 1
    return sizes
