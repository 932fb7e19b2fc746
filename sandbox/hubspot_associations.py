"""The endpoints of associations, v4 and date version 2026-03.

Facts: Associations (shape, batch sizes, pages of 500 per record, limits that an admin set) and Limits (they do not
count against the ten seconds). Docs: "Associations v4". From users' answers (3p): a record without associations is
an error ``crm.associations.NO_ASSOCIATIONS_FOUND`` in a 207; ids are numbers, although described as texts.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_batches import partial_error, spoilt_by_fault
from sandbox.hubspot_kinds import kind_of
from sandbox.hubspot_rules import Refusal
from sandbox.hubspot_search import bad
from sandbox.hubspot_shapes import ObjectShapes, whole_number
from sandbox.hubspot_state import Pair, Spec, ms, stamp
from sandbox.platform import Answer, Call

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

READ_MAX = 1_000
WRITE_MAX = 2_000  # 3p
PAGE = 500
MANY = ("/crm/v4/associations/<object>/<other>", "/crm/associations/2026-03/<object>/<other>")
ONE = ("/crm/v4/objects/<object>/<id>/associations", "/crm/objects/2026-03/<object>/<id>/associations")


def _reading(call: Call) -> tuple[str, ...]:
    return (*kind_of(call.args["object"]).read, *kind_of(call.args["other"]).read)


def _writing(call: Call) -> tuple[str, ...]:
    return (*kind_of(call.args["object"]).write, *kind_of(call.args["other"]).write)


class AssociationsApi(ObjectShapes):
    """Handlers over the box's `Joins`."""

    page_size = PAGE

    def __init__(self, box: HubSpotSandbox) -> None:
        super().__init__(box)
        reads = {"scopes": _reading, "exempt": True}
        writes = {"scopes": _writing, "exempt": True, "write": True}
        for base in MANY:
            self.add("POST", base + "/batch/read", self.batch_read, listing=True, **reads)
            self.add("POST", base + "/batch/associate/default", self.batch_default, batch=True, **writes)
            self.add("POST", base + "/batch/create", self.batch_create, batch=True, **writes)
            self.add("POST", base + "/batch/archive", self.batch_archive, **writes)
            self.add("POST", base + "/batch/labels/archive", self.batch_unlabel, **writes)
            self.add("GET", base + "/labels", self.labels, **reads)
            self.add("POST", base + "/labels", self.create_label, **writes)
        for base in ONE:
            default = base + "/default/<other>/<to>"
            self.add("GET", base + "/<other>", self.page, query={"after", "limit"}, listing=True, **reads)
            self.add("PUT", base + "/<other>/<to>", self.associate, **writes)
            self.add("DELETE", base + "/<other>/<to>", self.part, **writes)
            self.add("PUT", default, self.associate_default, **writes)

    # -- reading ---------------------------------------------------------------------------------

    def batch_read(self, call: Call) -> Answer:
        pair, results, failed = self._pair(call), [], []
        one, other = self._names(call)
        for given in self._inputs(call, ("id", "after"), READ_MAX):
            id = str(given.get("id", ""))
            record = self.box.records[pair[0]].find(id)
            found = self.box.joined(pair, record.id) if record is not None else {}
            if record is not None and found:
                page, paging = self._page(call, pair, record.id, str(given.get("after") or ""), self.page_size)
                results.append({"from": {"id": id}, "to": page, **paging})
            elif self.box.switches.no_associations == "207":
                failed.append(
                    {
                        "status": "error",
                        "category": "OBJECT_NOT_FOUND",
                        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                        "message": f"No {other} is associated with {one} {id[:40]}.",
                        "context": {"fromObjectId": [id], "fromObjectType": [one], "toObjectType": [other]},
                        "links": {},
                        "errors": [],
                    }
                )
        return self._multi(call, 200, results, failed)

    def page(self, call: Call) -> Answer:
        limit = whole_number(call.one("limit", str(PAGE)), "limit")
        if not 1 <= limit <= PAGE:
            raise bad(f"limit must be between 1 and {PAGE}")
        pair = self._pair(call)
        record = self.box.records[pair[0]].require(call.args["id"])
        page, paging = self._page(call, pair, record.id, call.one("after"), min(limit, self.page_size))
        return Answer(200, {"results": page, **paging})

    def _page(self, call: Call, pair: Pair, id: int, after: str, limit: int) -> tuple[list[Any], dict[str, Any]]:
        """One page of what a record is joined to, in the order of ids."""
        start = _place(after)
        found = self.box.joined(pair, id)
        rest = sorted(to for to in found if to >= start)
        page, rest = rest[:limit], rest[limit:]
        lines = [{"toObjectId": self._id(to), "associationTypes": self._types(pair, found[to])} for to in page]
        if not rest:
            return lines, {}
        following = rest[0]
        if call.fault is not None:
            match call.fault.args.get("how", "repeat"):
                case "repeat":
                    following = page[-1]
                case "skip":
                    following += 1
                case "remove":
                    self.box.joins.part(pair, id, page[0])
                case _:
                    pass  # ordered by id: what is added or moved shifts no page
        return lines, {"paging": {"next": {"after": _cursor(following)}}}

    @property
    def _observed(self) -> bool:
        return self.box.switches.association_answers == "observed"

    def _types(self, pair: Pair, specs: frozenset[Spec]) -> list[dict[str, Any]]:
        labels = self.box.joins.labels(pair)
        return [self._named(spec, labels[spec]) for spec in sorted(specs)]

    def _id(self, id: int) -> str | int:
        return id if self._observed else str(id)

    def _named(self, spec: Spec, label: str | None) -> dict[str, Any]:
        """The unlabelled type has no label: null in answers, which the description does not allow (3p)."""
        found: dict[str, Any] = {"category": spec.category, "typeId": spec.id}
        return {**found, "label": label} if label is not None or self._observed else found

    # -- labels ----------------------------------------------------------------------------------

    def labels(self, call: Call) -> Answer:
        pair = self._pair(call)
        self.box.joins.unlabelled(pair)
        found = self.box.joins.labels(pair)
        return Answer(200, {"results": [self._named(spec, label) for spec, label in found.items()]})

    def create_label(self, call: Call) -> Answer:
        body = self.box.body(call, ("name", "label", "inverseLabel"))
        for name in ("name", "label"):
            if not isinstance(body.get(name), str) or not body[name]:
                raise bad(f"Invalid input JSON: {name} is required")
        made = self.box.joins.add_label(self._pair(call), body["label"], body.get("inverseLabel") or body["label"])
        return Answer(200, {"results": [self._named(spec, label) for spec, label in made]})

    # -- writing ---------------------------------------------------------------------------------

    def batch_default(self, call: Call) -> Answer:
        """The numbered path is described without a 207: what failed stands in ``errors`` of the 200."""
        pair = self._pair(call)

        def act(given: Mapping[str, Any]) -> list[dict[str, Any]]:
            one, other = self._ends(call, pair, given)
            self.box.joins.join(pair, one, other)
            return self._default(pair, one, other)

        results, failed = self._each(call, ("from", "to"), act)
        return self._multi(call, 200, results, failed, 200 if _numbered(call) else 207)

    def _default(self, pair: Pair, one: int, other: int) -> list[dict[str, Any]]:
        """Both directions, each with its own type."""
        joins, found = self.box.joins, []
        for way, start, end in ((pair, one, other), (pair[::-1], other, one)):
            spec = joins.unlabelled(way)
            about = {"associationCategory": spec.category, "associationTypeId": spec.id}
            found.append({"from": {"id": str(start)}, "to": {"id": str(end)}, "associationSpec": about})
        return found

    def batch_create(self, call: Call) -> Answer:
        pair = self._pair(call)

        def act(given: Mapping[str, Any]) -> list[dict[str, Any]]:
            one, other = self._ends(call, pair, given)
            return [self._label(pair, one, other, given.get("types") or ())]

        results, failed = self._each(call, ("from", "to", "types"), act)
        return self._multi(call, 201, results, failed)

    def _label(self, pair: Pair, one: int, other: int, types: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        specs = self._specs(pair, types)
        self.box.joins.join(pair, one, other, specs)
        known = self.box.joins.labels(pair)
        kinds = kind_of(pair[0]), kind_of(pair[1])
        return {
            "fromObjectTypeId": kinds[0].type_id,
            "fromObjectId": self._id(one),
            "toObjectTypeId": kinds[1].type_id,
            "toObjectId": self._id(other),
            "labels": [label for spec in specs if (label := known[spec])],
        }

    def batch_archive(self, call: Call) -> Answer:
        """All that joins these records; what is not joined is no error."""
        pair = self._pair(call)
        for given in self._inputs(call, ("from", "to"), WRITE_MAX):
            ends = given.get("to")
            for to in ends if isinstance(ends, list) else [ends]:
                self._part(pair, {"from": given.get("from"), "to": to}, None)
        return Answer(204)

    def batch_unlabel(self, call: Call) -> Answer:
        pair = self._pair(call)
        for given in self._inputs(call, ("from", "to", "types"), WRITE_MAX):
            self._part(pair, given, self._specs(pair, given.get("types") or ()))
        return Answer(204)

    def associate_default(self, call: Call) -> Answer:
        pair = self._pair(call)
        one, other = self._ends(call, pair, {"from": {"id": call.args["id"]}, "to": {"id": call.args["to"]}})
        self.box.joins.join(pair, one, other)
        return self._multi(call, 200, self._default(pair, one, other), [])

    def associate(self, call: Call) -> Answer:
        pair, types = self._pair(call), self.box.body(call)
        if not isinstance(types, list):
            raise bad("Invalid input JSON: the body must be a list of association types")
        one, other = self._ends(call, pair, {"from": {"id": call.args["id"]}, "to": {"id": call.args["to"]}})
        return Answer(201 if _numbered(call) else 200, self._label(pair, one, other, types))

    def part(self, call: Call) -> Answer:
        self._part(self._pair(call), {"from": {"id": call.args["id"]}, "to": {"id": call.args["to"]}}, None)
        return Answer(204)

    # -- parts -----------------------------------------------------------------------------------

    def _names(self, call: Call) -> tuple[str, str]:
        return kind_of(call.args["object"]).singular, kind_of(call.args["other"]).singular

    def _pair(self, call: Call) -> Pair:
        return kind_of(call.args["object"]).name, kind_of(call.args["other"]).name

    def _specs(self, pair: Pair, types: Sequence[Mapping[str, Any]]) -> list[Spec]:
        if not types:
            raise bad("Invalid input JSON: types must not be empty")
        return [self.box.joins.known(pair, self.spec(one)) for one in types]

    def _ends(self, call: Call, pair: Pair, given: Mapping[str, Any]) -> tuple[int, int]:
        ends = [self.box.records[name].require(_end(given, place)).id for name, place in zip(pair, PLACES, strict=True)]
        return ends[0], ends[1]

    def _part(self, pair: Pair, given: Mapping[str, Any], specs: Sequence[Spec] | None) -> None:
        one = self.box.records[pair[0]].find(_end(given, "from"))
        other = self.box.records[pair[1]].find(_end(given, "to"))
        if one is not None and other is not None:
            self.box.joins.part(pair, one.id, other.id, specs)

    def _inputs(self, call: Call, known: Sequence[str], most: int) -> list[Mapping[str, Any]]:
        inputs = self.box.body(call, ("inputs",)).get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(given, dict) for given in inputs):
            raise bad("Invalid input JSON: inputs must be a list of objects")
        if len(inputs) > most:
            raise bad(f"The maximum number of inputs supported in a batch request is {most}")
        for given in inputs:
            self.box.only(given, known, f"an input of {call.template}")
        return inputs

    def _each(
        self, call: Call, known: Sequence[str], act: Callable[[Mapping[str, Any]], list[dict[str, Any]]]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        results, failed = [], []
        for position, given in enumerate(self._inputs(call, known, WRITE_MAX)):
            try:
                if (spoilt := spoilt_by_fault(call, position)) is not None:
                    raise spoilt
                results += act(given)
            except Refusal as refusal:
                error = partial_error(refusal, [], None)
                error["context"] = {place: [_end(given, place)] for place in PLACES}
                failed.append(error)
        return results, failed

    def _multi(self, call: Call, status: int, results: list[Any], failed: list[Any], partly: int = 207) -> Answer:
        at = stamp(ms(call.now))
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
        if not failed:
            return Answer(status, body)
        return Answer(partly, {**body, "numErrors": len(failed), "errors": failed})


PLACES = ("from", "to")


def _numbered(call: Call) -> bool:
    """Some codes differ between the descriptions of v4 and of 2026-03."""
    return call.path.startswith("/crm/v4")


def _end(given: Mapping[str, Any], place: str) -> str:
    end = given.get(place)
    return str(end.get("id", "")) if isinstance(end, dict) else ""


def _cursor(id: int) -> str:
    return urlsafe_b64encode(b"to-%d" % id).decode()


def _place(after: str) -> int:
    if not after:
        return 0
    try:
        return int(urlsafe_b64decode(after).decode().removeprefix("to-"))
    except ValueError:
        raise bad(f"after {after[:40]} is no cursor of this page") from None
