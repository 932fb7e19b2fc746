"""Who is in a list: reading members page by page, adding, removing.

Facts: Lists (`MANUAL` and `SNAPSHOT` accept membership writes, bare arrays of ids, the spelling of
``recordsIdsAdded``, unknown ids are no error, 250 a page, 100,000 for what moves everybody).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_kinds import kind_of
from sandbox.hubspot_lists import BASES, READ, WRITE, ListShapes
from sandbox.hubspot_rules import missing
from sandbox.hubspot_search import bad
from sandbox.hubspot_shapes import whole_number
from sandbox.hubspot_state import CrmList, ms, stamp
from sandbox.platform import Answer, Call

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

PAGE, PAGE_MAX = 100, 250
EVERYBODY = 100_000

Place = tuple[int, int]  # what a page is ordered by, and the record


class MembersApi(ListShapes):
    """Handlers of memberships."""

    def __init__(self, box: HubSpotSandbox) -> None:
        super().__init__(box)
        paged: dict[str, Any] = {"query": {"after", "before", "limit"}, "listing": True, "scopes": READ}
        writes: dict[str, Any] = {"write": True, "scopes": WRITE}
        for base in BASES:
            members = base + "/<list>/memberships"
            self.add("GET", members, self.page, **paged)
            self.add("GET", members + "/join-order", self.page_by_time, **paged)
            self.add("PUT", members + "/add", self.put_in, **writes)
            self.add("PUT", members + "/remove", self.take_out, **writes)
            self.add("PUT", members + "/add-and-remove", self.both, **writes)
            self.add("PUT", members + "/add-from/<source>", self.put_in_from, **writes)
            self.add("DELETE", members, self.empty, **writes)
            self.add("GET", base + "/records/<object>/<id>/memberships", self.lists_of, scopes=READ)

    # -- reading ---------------------------------------------------------------------------------

    def page(self, call: Call) -> Answer:
        """Members in the order of their ids."""
        one = self.known(call)
        return self._page(call, one, {(id, id): at for id, at in self.members(one).items()})

    def page_by_time(self, call: Call) -> Answer:
        """Members in the order in which they joined."""
        one = self.known(call)
        return self._page(call, one, {(at, id): at for id, at in self.members(one).items()})

    def _page(self, call: Call, one: CrmList, members: dict[Place, int]) -> Answer:
        limit = whole_number(call.one("limit", str(PAGE)), "limit")
        if not 1 <= limit <= PAGE_MAX:
            raise bad(f"limit must be between 1 and {PAGE_MAX}")
        order = sorted(members)
        if before := call.one("before"):
            held = [place for place in order if place < _place(before)]
            chosen, rest = held[-limit:], []
        else:
            start = _place(call.one("after"))
            held = [place for place in order if place >= start]
            chosen, rest = held[:limit], held[limit:]
        results = [{"recordId": str(id), "membershipTimestamp": stamp(members[at, id])} for at, id in chosen]
        answer: dict[str, Any] = {"total": len(order), "results": results}
        paging: dict[str, Any] = {}
        if rest:
            paging["next"] = {"after": _cursor(self._shift(call, one, chosen, rest[0]))}
        if chosen and chosen[0] != order[0]:
            paging["prev"] = {"before": _cursor(chosen[0])}
        if paging:
            answer["paging"] = paging
        return Answer(200, answer)

    def _shift(self, call: Call, one: CrmList, page: Sequence[Place], following: Place) -> Place:
        """Let the list move under its reader."""
        if call.fault is None:
            return following
        match call.fault.args.get("how", "repeat"):
            case "repeat":
                return page[-1]
            case "skip":
                return following[0], following[1] + 1
            case "remove":
                self.remove(one, [page[0][1]], ms(call.now))
            case "move":
                self.remove(one, [page[0][1]], ms(call.now))
                self.insert(one, [page[0][1]], ms(call.now))
            case _:
                strangers = (id for id, record in self.records(one).state.records.items() if record.archived is None)
                self.insert(one, [id for id in strangers if id not in one.members][:1], ms(call.now))
        return following

    def lists_of(self, call: Call) -> Answer:
        kind = kind_of(call.args["object"])
        record = self.box.records[kind.name].require(call.args["id"])
        found = []
        for one in self.living():
            if one.type_id == kind.type_id and (at := self.members(one).get(record.id)) is not None:
                first = one.first_joined.get(record.id, at)
                found.append(
                    {
                        "listId": str(one.id),
                        "listVersion": one.version,
                        "firstAddedTimestamp": stamp(first),
                        "lastAddedTimestamp": stamp(at),
                    }
                )
        return Answer(200, {"results": found, "total": len(found)})

    # -- changing --------------------------------------------------------------------------------

    def put_in(self, call: Call) -> Answer:
        one = self._writable(call)
        ids, lost = self._ids(one, self.box.body(call))
        return _changed(self.insert(one, ids, ms(call.now)), [], lost)

    def take_out(self, call: Call) -> Answer:
        one = self._writable(call)
        ids, lost = self._ids(one, self.box.body(call))
        return _changed([], self.remove(one, ids, ms(call.now)), lost)

    def both(self, call: Call) -> Answer:
        one = self._writable(call)
        body = self.box.body(call, ("recordIdsToAdd", "recordIdsToRemove"))
        there, lost = self._ids(one, body.get("recordIdsToAdd") or [])
        gone, strange = self._ids(one, body.get("recordIdsToRemove") or [])
        added = self.insert(one, there, ms(call.now))
        return _changed(added, self.remove(one, gone, ms(call.now)), [*lost, *strange])

    def put_in_from(self, call: Call) -> Answer:
        one, source = self._writable(call), self.find(call.args["source"])
        if source is None or source.deleted is not None or source.type_id != one.type_id:
            raise missing(f"List does not exist with ID {call.args['source'][:40]}.")
        members = self.members(source)
        _refuse_everybody(members)
        self.insert(one, members, ms(call.now))
        return Answer(204)

    def empty(self, call: Call) -> Answer:
        one = self._writable(call)
        _refuse_everybody(one.members)
        self.remove(one, list(one.members), ms(call.now))
        return Answer(204)

    def _writable(self, call: Call) -> CrmList:
        one = self.known(call)
        if one.processing == "DYNAMIC":
            raise bad(f"List {one.id} is DYNAMIC: its memberships cannot be changed")
        return one

    def _ids(self, one: CrmList, given: Any) -> tuple[list[int], list[str]]:
        """The records named, and the names that no record has: those are no error (facts: Lists)."""
        if not isinstance(given, list) or not all(isinstance(id, str) for id in given):
            raise bad("Invalid input JSON: record ids must be a list of texts")
        records, found, lost = self.records(one), dict[int, None](), []
        for id in given:
            record = records.find(id)
            if record is None:
                lost.append(id)
            else:
                found[record.id] = None
        return list(found), lost

    @staticmethod
    def insert(one: CrmList, ids: Iterable[int], now: int) -> list[int]:
        """Put records into the list, and say which were not in it."""
        added = [id for id in ids if id not in one.members]
        one.changes += 1
        for id in added:
            one.members[id] = now
            one.first_joined.setdefault(id, now)
        return added

    def remove(self, one: CrmList, ids: Iterable[int], now: int) -> list[int]:
        """Take records out of the list, also where they stand under an id that a merge took away."""
        alias, gone = self.records(one).state.alias, set(ids)
        one.changes += 1
        held = {old: alias.get(old, old) for old in one.members}
        removed = dict.fromkeys(kept for kept in held.values() if kept in gone)
        for old, kept in held.items():
            if kept in gone:
                del one.members[old]
        return list(removed)


def _refuse_everybody(members: dict[int, int]) -> None:
    if len(members) >= EVERYBODY:
        raise bad(f"This works only for lists with fewer than {EVERYBODY} members")


def _changed(added: Sequence[int], removed: Sequence[int], lost: Sequence[str]) -> Answer:
    """The vendor's spelling of the three members (facts: Lists)."""
    found = {
        "recordsIdsAdded": [str(id) for id in added],
        "recordIdsRemoved": [str(id) for id in removed],
        "recordIdsMissing": list(lost),
    }
    return Answer(200, found)


def _cursor(place: Place) -> str:
    return urlsafe_b64encode(b"%d-%d" % place).decode()


def _place(cursor: str) -> Place:
    if not cursor:
        return (0, 0)
    try:
        first, _, second = urlsafe_b64decode(cursor).decode().partition("-")
        return int(first), int(second)
    except ValueError:
        raise bad(f"{cursor[:40]} is no cursor of this list") from None
