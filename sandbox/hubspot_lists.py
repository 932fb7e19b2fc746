"""Lists (called segments in the product): their definitions. Their members are `hubspot_members`.

Facts: Lists. Docs: "Lists": `MANUAL` and `SNAPSHOT` take members over the API, `DYNAMIC` has filters; a name occurs
once in a portal (``ILS.DUPLICATE_LIST_NAMES``, 3p); a deleted list can be restored for 90 days.
Filters are kept and shown, and not evaluated: what is in a `DYNAMIC` list is put there by `human_fill_list`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_kinds import Kind, kind_of
from sandbox.hubspot_records import Records
from sandbox.hubspot_rules import Refusal, missing
from sandbox.hubspot_search import bad
from sandbox.hubspot_shapes import flag
from sandbox.hubspot_state import CrmList, ms, stamp
from sandbox.platform import Answer, Call, Unknown

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

BASES = ("/crm/v3/lists", "/crm/lists/2026-03")
READ, WRITE = ("crm.lists.read",), ("crm.lists.write",)
TYPES = ("MANUAL", "SNAPSHOT", "DYNAMIC")
RESTORABLE = 90 * 86_400_000
SEARCH_PAGE, SEARCH_MAX, LOOKUP_MAX = 20, 500, 10_000
LEGACY = 1_000_000  # the number of a list in the old API lies so far from its own; idmapping tells
SORTS: Mapping[str, Callable[[CrmList], Any]] = {
    "HS_LIST_ID": lambda one: one.id,
    "HS_LIST_NAME": lambda one: one.name.lower(),
    "HS_CREATEDATE": lambda one: one.created,
    "HS_LASTMODIFIEDDATE": lambda one: one.updated,
}


class ListShapes:
    """What handlers of lists need."""

    def __init__(self, box: HubSpotSandbox) -> None:
        self.box = box
        self._members: dict[int, tuple[tuple[int, int], dict[int, int]]] = {}  # until list or records change

    def add(self, method: str, path: str, handler: Callable[[Call], Answer], **more: Any) -> None:
        self.box.route(method, path, self.box.saying(handler), **more)

    def known(self, call: Call) -> CrmList:
        """The list that the path names; a deleted one is not found."""
        found = self.find(call.args["list"])
        if found is None or found.deleted is not None:
            raise missing(f"List does not exist with ID {call.args['list'][:40]}.")
        return found

    def find(self, id: str) -> CrmList | None:
        found: CrmList | None = self.box.state.lists.get(int(id) if id.isdigit() else 0)
        return found

    def records(self, one: CrmList) -> Records:
        return self.box.records[kind_of(one.type_id).name]

    def members(self, one: CrmList) -> dict[int, int]:
        """Who is in the list and since when; deleted records are not, merged ones are under the new id."""
        records = self.records(one)
        as_of = (records.version, one.changes)
        known = self._members.get(one.id)
        if known is not None and known[0] == as_of:
            return known[1]
        state, found = records.state, dict[int, int]()
        for id, joined in one.members.items():
            kept = state.alias.get(id, id)
            record = state.records.get(kept)
            if record is not None and record.archived is None:
                found[kept] = min(joined, found.get(kept, joined))
        self._members[one.id] = as_of, found
        return found

    def living(self) -> list[CrmList]:
        return [one for one in self.box.state.lists.values() if one.deleted is None]

    def show(self, one: CrmList, *, filters: bool) -> dict[str, Any]:
        found: dict[str, Any] = {
            "listId": str(one.id),
            "listVersion": one.version,
            "name": one.name,
            "objectTypeId": one.type_id,
            "processingType": one.processing,
            "processingStatus": "COMPLETE",
            "createdAt": stamp(one.created),
            "updatedAt": stamp(one.updated),
            "filtersUpdatedAt": stamp(one.created),
            "createdById": one.by,
            "updatedById": one.by,
            "size": len(self.members(one)),
        }
        if filters and one.filters is not None:
            found["filterBranch"] = one.filters
        return found


class ListsApi(ListShapes):
    """Handlers of definitions."""

    def __init__(self, box: HubSpotSandbox) -> None:
        super().__init__(box)
        one_of = {"includeFilters"}
        for base in BASES:
            # the SDK's numbered path ends in a slash, the vendor's present text has none
            for path in (base, base + "/") if base == BASES[0] else (base,):
                self.add("POST", path, self.create, write=True, scopes=WRITE)
                self.add("GET", path, self.several, query={"listIds", *one_of}, scopes=READ)
            self.add("POST", base + "/search", self.search, scopes=READ)
            self.add("GET", base + "/<list>", self.read, query=one_of, scopes=READ)
            self.add("DELETE", base + "/<list>", self.delete, write=True, scopes=WRITE)
            self.add("PUT", base + "/<list>/restore", self.restore, write=True, scopes=WRITE)
            renaming = {"listName", *one_of}
            self.add("PUT", base + "/<list>/update-list-name", self.rename, query=renaming, write=True, scopes=WRITE)
            by_name = base + "/object-type-id/<object>/name/<name>"
            self.add("GET", by_name, self.by_name, query=one_of, scopes=READ)
            self.add("GET", base + "/idmapping", self.old_id, query={"legacyListId"}, scopes=READ)
            self.add("POST", base + "/idmapping", self.old_ids, scopes=READ)

    # -- making ----------------------------------------------------------------------------------

    def create(self, call: Call) -> Answer:
        body = self.box.body(call, ("name", "objectTypeId", "processingType", "filterBranch", "customProperties"))
        name, type_id, processing = (body.get(key) for key in ("name", "objectTypeId", "processingType"))
        if not (isinstance(name, str) and name.strip() and isinstance(type_id, str)):
            raise bad("Invalid input JSON: name and objectTypeId are required")
        if processing not in TYPES:
            raise bad(f"processingType must be one of {', '.join(TYPES)}")
        filters = body.get("filterBranch")
        if processing == "DYNAMIC" and filters is None:
            raise bad("A DYNAMIC list needs a filterBranch")
        made = self.make(name, kind_of(type_id), str(processing), ms(call.now), filters=filters, by="9001")
        made.custom = dict(body.get("customProperties") or {})
        return Answer(200, {"list": self.show(made, filters=True)})

    def make(self, name: str, kind: Kind, processing: str, now: int, **more: Any) -> CrmList:
        """A new list; its name must be free."""
        self._free(name)
        state = self.box.state
        made = CrmList(state.next_list, name, kind.type_id, processing, now, now, **more)
        state.lists[made.id] = made
        state.next_list += 1
        return made

    def _free(self, name: str) -> None:
        if any(one.name == name for one in self.living()):
            text = f"A list with the name {name[:100]} already exists."
            raise Refusal(400, "VALIDATION_ERROR", text, sub="ILS.DUPLICATE_LIST_NAMES")

    def rename(self, call: Call) -> Answer:
        one, name = self.known(call), call.one("listName")
        if not name:
            raise bad("listName is required")
        if name != one.name:
            self._free(name)
            one.name, one.updated, one.version = name, ms(call.now), one.version + 1
        return Answer(200, {"updatedList": self.show(one, filters=flag(call, "includeFilters"))})

    def delete(self, call: Call) -> Answer:
        self.known(call).deleted = ms(call.now)
        return Answer(204)

    def restore(self, call: Call) -> Answer:
        """Deleted lists can be restored for 90 days (facts: Lists)."""
        one = self.find(call.args["list"])
        if one is None or (one.deleted is not None and ms(call.now) - one.deleted > RESTORABLE):
            raise missing(f"List does not exist with ID {call.args['list'][:40]}.")
        one.deleted = None
        return Answer(204)

    # -- finding ---------------------------------------------------------------------------------

    def read(self, call: Call) -> Answer:
        return Answer(200, {"list": self.show(self.known(call), filters=flag(call, "includeFilters"))})

    def several(self, call: Call) -> Answer:
        wanted = (self.find(id) for id in call.many("listIds"))
        found = [one for one in wanted if one is not None and one.deleted is None]
        return Answer(200, {"lists": [self.show(one, filters=flag(call, "includeFilters")) for one in found]})

    def by_name(self, call: Call) -> Answer:
        type_id = kind_of(call.args["object"]).type_id
        for one in self.living():
            if one.name == call.args["name"] and one.type_id == type_id:
                return Answer(200, {"list": self.show(one, filters=flag(call, "includeFilters"))})
        raise missing(f"List does not exist with name {call.args['name'][:100]}.")

    def search(self, call: Call) -> Answer:
        known = ("query", "listIds", "processingTypes", "additionalProperties", "offset", "count", "sort")
        body = self.box.body(call, known)
        offset, count = int(body.get("offset") or 0), int(body.get("count") or SEARCH_PAGE)
        if not 1 <= count <= SEARCH_MAX or offset < 0:
            raise bad(f"count must be between 1 and {SEARCH_MAX}")
        found = self.living()
        if query := str(body.get("query") or "").lower():
            found = [one for one in found if query in one.name.lower()]
        if ids := body.get("listIds"):
            found = [one for one in found if str(one.id) in ids]
        if types := body.get("processingTypes"):
            found = [one for one in found if one.processing in types]
        found = self._sorted(found, str(body.get("sort") or "HS_LIST_ID"))
        page = found[offset : offset + count]
        more = offset + len(page) < len(found)
        shown = [self._found(one, body.get("additionalProperties") or ()) for one in page]
        return Answer(200, {"lists": shown, "offset": offset + len(page), "hasMore": more, "total": len(found)})

    @staticmethod
    def _sorted(lists: list[CrmList], sort: str) -> list[CrmList]:
        key = SORTS.get(sort.removeprefix("-"))
        if key is None:
            raise Unknown(f"the sort {sort[:40]} of lists")
        return sorted(lists, key=key, reverse=sort.startswith("-"))

    def _found(self, one: CrmList, extra: Iterable[str]) -> dict[str, Any]:
        """A line of the search; sizes and the like come only where asked for."""
        shown = self.show(one, filters=False)
        about = {"hs_list_size": str(shown.pop("size")), "hs_list_reference_count": "0", **one.custom}
        del shown["filtersUpdatedAt"]
        return {**shown, "additionalProperties": {name: about[name] for name in extra if name in about}}

    # -- numbers of the old API --------------------------------------------------------------------

    def old_id(self, call: Call) -> Answer:
        old = call.one("legacyListId")
        one = self._by_old(old)
        if one is None:
            raise missing(f"No list has the legacy id {old[:40]}.")
        return Answer(200, {"listId": str(one.id), "legacyListId": old})

    def old_ids(self, call: Call) -> Answer:
        """``idmapping`` translates up to 10,000 per call (facts: Lists)."""
        asked = self.box.body(call)
        if not isinstance(asked, list) or len(asked) > LOOKUP_MAX:
            raise bad(f"The body must be a list of up to {LOOKUP_MAX} legacy list ids")
        known = {str(old): one for old in asked if (one := self._by_old(str(old))) is not None}
        mapping = [{"listId": str(one.id), "legacyListId": old} for old, one in known.items()]
        lost = [str(old) for old in asked if str(old) not in known]
        return Answer(200, {"legacyListIdsToIdsMapping": mapping, "missingLegacyListIds": lost})

    def _by_old(self, old: str) -> CrmList | None:
        one = self.find(str(int(old) - LEGACY)) if old.isdigit() and int(old) > LEGACY else None
        return one if one is not None and one.deleted is None else None

    def dump(self) -> Iterator[dict[str, Any]]:
        for one in self.box.state.lists.values():
            yield {
                "kind": "list",
                **self.show(one, filters=True),
                "deleted": one.deleted is not None,
                "members": {str(id): stamp(at) for id, at in sorted(self.members(one).items())},
            }
