"""The endpoints of one object type after another: listing, single reads and writes, search, merge, gdpr-delete.

Facts: Reading and Writing. Bodies and answers are shaped after the vendor's description. Contacts, companies,
deals, tickets and the activities share them; only contacts can be erased.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_records import Records
from sandbox.hubspot_search import BODY_MAX, bad
from sandbox.hubspot_shapes import BASES, ObjectShapes, flag, properties_of, reading, whole_number, writing
from sandbox.hubspot_state import PERSON, Record, ms, stamp
from sandbox.platform import Answer, Call, Fault, Unknown

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

LIST_PAGE, LIST_MAX, HISTORY_MAX = 10, 100, 50


class ObjectsApi(ObjectShapes):
    """Handlers over the box's `Records`."""

    def __init__(self, box: HubSpotSandbox) -> None:
        super().__init__(box)
        for base in BASES:
            self._add_routes(base)

    def _add_routes(self, base: str) -> None:
        reads = {"properties", "propertiesWithHistory", "associations", "archived"}
        self.add("GET", base, self.list_page, query={"limit", "after", *reads}, listing=True, scopes=reading)
        self.add("POST", base, self.create, write=True, scopes=writing)
        self.add("GET", base + "/<id>", self.read, query={"idProperty", *reads}, scopes=reading)
        self.add("PATCH", base + "/<id>", self.update, query={"idProperty"}, write=True, scopes=writing)
        self.add("DELETE", base + "/<id>", self.archive, write=True, scopes=writing)
        self.add("POST", base + "/search", self.search, listing=True, search=True, scopes=reading)
        self.add("POST", base + "/merge", self.merge, write=True, scopes=writing)
        if base.endswith("/contacts"):
            self.add("POST", base + "/gdpr-delete", self.gdpr_delete, write=True, scopes=writing)

    # -- one at a time ---------------------------------------------------------------------------

    def read(self, call: Call) -> Answer:
        records = self.records(call)
        show = self.shown(records, call.many("properties"), call.many("propertiesWithHistory"))
        key, id_property = call.args["id"], call.one("idProperty", "hs_object_id")
        record = self.archived(records, key) if flag(call, "archived") else records.require(key, id_property)
        beside = self.associations(records, record, call.many("associations"))
        return Answer(200, {**self.render(record, show), **beside})

    def create(self, call: Call) -> Answer:
        records = self.records(call)
        body = self.box.body(call, ("properties", "associations"))
        joins = self.joins(records, body)
        record = records.create(properties_of(body), ms(call.now))
        self.join(records, record, joins)
        return Answer(201, self.written(records, record, record.props))

    def update(self, call: Call) -> Answer:
        records = self.records(call)
        given = properties_of(self.box.body(call, ("properties",)))
        record = records.require(call.args["id"], call.one("idProperty", "hs_object_id"))
        records.update(record, given, ms(call.now))
        return Answer(200, self.written(records, record, given))

    def archive(self, call: Call) -> Answer:
        records = self.records(call)
        record = records.find(call.args["id"])
        if record is not None:
            records.archive(record, ms(call.now))
        return Answer(204)

    def merge(self, call: Call) -> Answer:
        records = self.records(call)
        if records.kind.activity:
            raise Unknown(f"merging {records.kind.name}")
        body = self.box.body(call, ("primaryObjectId", "objectIdToMerge"))
        keep = records.require(str(body.get("primaryObjectId", "")))
        lose = records.require(str(body.get("objectIdToMerge", "")))
        kept = records.merge(keep, lose, ms(call.now))
        return Answer(200, self.render(kept, self.shown(records, ["hs_merged_object_ids", "email"], ())))

    def gdpr_delete(self, call: Call) -> Answer:
        """Permanent; an address that no contact has is put on the blocklist (facts: Writing)."""
        body = self.box.body(call, ("objectId", "idProperty"))
        key, id_property = str(body.get("objectId", "")), str(body.get("idProperty") or "hs_object_id")
        contact = self.box.portal.find(key, id_property)
        if contact is None and id_property == "email":
            self.box.state.blocked.add(key.strip().lower())
            return Answer(204)
        self.box.portal.erase(contact or self.archived(self.box.portal, key))
        return Answer(204)

    # -- listing ---------------------------------------------------------------------------------

    def list_page(self, call: Call) -> Answer:
        records = self.records(call)
        history = call.many("propertiesWithHistory")
        limit = whole_number(call.one("limit", str(LIST_PAGE)), "limit")
        most = HISTORY_MAX if history else LIST_MAX
        if not 1 <= limit <= most:  # facts: Reading, 100; 50 with propertiesWithHistory
            raise bad(f"limit must be between 1 and {most}")
        archived = flag(call, "archived")
        start = whole_number(call.one("after") or "0", "after")
        page, following = records.page(start, limit, archived)
        show = self.shown(records, call.many("properties"), history)
        beside = call.many("associations")
        results = [self.render(one, show) for one in page]
        if beside:
            for one, shown in zip(page, results, strict=True):
                shown.update(self.associations(records, one, beside))
        answer: dict[str, Any] = {"results": results}
        if following is not None:  # the last page has no `paging`
            if call.fault is not None:
                following = self._shift(records, call.fault, page, following, ms(call.now))
            answer["paging"] = {"next": {"after": str(following)}}
        return Answer(200, answer)

    def _shift(self, records: Records, fault: Fault, page: Sequence[Record], following: int, now: int) -> int:
        """Let the set move under a listing, by what a person does or by a cursor that is one off."""
        match fault.args.get("how", "repeat"):
            case "repeat":
                return page[-1].id
            case "skip":
                return following + 1
            case how:
                self._stir(records, str(how), page, now)
        return following

    @staticmethod
    def _stir(records: Records, how: str, page: Sequence[Record], now: int) -> None:
        state, kind = records.state, records.kind
        if how == "insert":
            email = f"inserted.{now}.{state.next_id}@sandbox.example"
            records.create(kind.minimal or {"email": email}, now, PERSON)
        elif how == "remove":
            records.archive(state.records[page[0].id], now)
        elif how == "move":
            records.update(state.records[page[0].id], {kind.spare: f"moved {now}"}, now, PERSON)
        else:
            raise Unknown(f"the page shift {how}")

    def search(self, call: Call) -> Answer:
        if len(call.raw.decode("utf-8", "replace")) > BODY_MAX:  # facts: Reading, 3,000 characters
            raise bad(f"The request body is longer than {BODY_MAX} characters")
        records = self.records(call)
        body = self.box.body(call, ("filterGroups", "query", "sorts", "properties", "limit", "after"))
        for group in body.get("filterGroups") or ():
            self.box.only(group, ("filters",), "a filter group")
            for each in group.get("filters", ()):
                self.box.only(each, ("propertyName", "operator", "value", "highValue", "values"), "a filter")
        found = self.box.searches[records.kind.name].find(body)
        show = self.shown(records, body.get("properties") or (), ())
        results = [self.render(record, show) for record in found.records]
        answer: dict[str, Any] = {"total": found.total, "results": results}
        if found.after is not None:
            after = found.after
            if call.fault is not None:
                how = call.fault.args.get("how", "repeat")
                after += {"repeat": -1, "skip": 1}.get(how, 0)
                if how not in ("repeat", "skip"):
                    self._stir(records, how, found.records, ms(call.now))
            answer["paging"] = {"next": {"after": str(after)}}
        return Answer(200, answer)


def dump(records: Records) -> Iterator[dict[str, Any]]:
    """The records as plain lines."""
    for record in records.state.records.values():
        yield {
            "kind": records.kind.singular,
            "id": str(record.id),
            "properties": {name: value for name, value in record.props.items() if value},
            "createdAt": stamp(record.created),
            "updatedAt": stamp(record.modified),
            "archived": record.archived is not None,
            "merged": [str(old) for old in record.merged],
        }
