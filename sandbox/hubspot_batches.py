"""Objects in batches of 100: read, create, update, upsert, archive, and their partial answers.

Facts: Reading (batch read, ids that are missing) and Writing (207, trace ids, upsert by a unique property).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_records import Records
from sandbox.hubspot_rules import Refusal
from sandbox.hubspot_search import bad
from sandbox.hubspot_shapes import BASES, ObjectShapes, flag, properties_of, reading, writing
from sandbox.hubspot_state import Record, ms, stamp
from sandbox.platform import Answer, Call

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

BATCH_MAX = 100

Act = Callable[[Mapping[str, Any]], dict[str, Any]]


class BatchesApi(ObjectShapes):
    """Handlers under ``.../batch`` of each object type."""

    def __init__(self, box: HubSpotSandbox) -> None:
        super().__init__(box)
        for base in BASES:
            self._add_routes(base + "/batch/")

    def _add_routes(self, base: str) -> None:
        self.add("POST", base + "read", self.batch_read, query={"archived"}, batch=True, scopes=reading)
        self.add("POST", base + "create", self.batch_create, write=True, batch=True, scopes=writing)
        self.add("POST", base + "update", self.batch_update, write=True, batch=True, scopes=writing)
        self.add("POST", base + "upsert", self.batch_upsert, write=True, batch=True, scopes=writing)
        self.add("POST", base + "archive", self.batch_archive, write=True, scopes=writing)

    def batch_read(self, call: Call) -> Answer:
        body = self.box.body(call, ("inputs", "properties", "propertiesWithHistory", "idProperty"))
        inputs = self._inputs(call, body, ("id",))
        records = self.records(call)
        id_property = body.get("idProperty") or "hs_object_id"
        show = self.shown(records, body.get("properties") or (), body.get("propertiesWithHistory") or ())
        archived, seen = flag(call, "archived"), set[int]()
        results, lost, failed = [], [], []
        for position, given in enumerate(inputs):
            if (spoilt := spoilt_by_fault(call, position)) is not None:
                failed.append(partial_error(spoilt, [given["id"]], None))
                continue
            key = given["id"]
            record = self._archived_or_none(records, key) if archived else records.find(key, id_property)
            if record is None:
                lost.append(key)
            elif record.id not in seen:
                seen.add(record.id)
                results.append(self.render(record, show))
        if lost and self.box.switches.missing_in_batch_read == "207":  # facts: Reading, not as 404 (?)
            name = records.kind.singular.upper()
            text = f"Could not get some {name} objects, they may be deleted or not exist. Check that ids are valid."
            failed.append(partial_error(Refusal(404, "OBJECT_NOT_FOUND", text), lost, None))
        return self._multi(call, 200, results, failed)

    def _archived_or_none(self, records: Records, key: str) -> Record | None:
        try:
            return self.archived(records, key)
        except Refusal:
            return None

    def batch_create(self, call: Call) -> Answer:
        body = self.box.body(call, ("inputs",))
        inputs = self._inputs(call, body, ("properties", "associations", "objectWriteTraceId"))
        records, now = self.records(call), ms(call.now)

        def act(given: Mapping[str, Any]) -> dict[str, Any]:
            joins = self.joins(records, given)
            record = records.create(properties_of(given), now)
            self.join(records, record, joins)
            return self.written(records, record, record.props, given)

        def check(given: Mapping[str, Any]) -> dict[str, str]:
            self.joins(records, given)
            return records.check_create(properties_of(given))

        return self._batch(call, 201, inputs, act, check)

    def batch_update(self, call: Call) -> Answer:
        body = self.box.body(call, ("inputs",))
        inputs = self._inputs(call, body, ("id", "properties", "idProperty", "objectWriteTraceId"))
        self._refuse_doubles([(given.get("idProperty", ""), given["id"]) for given in inputs])
        records, now = self.records(call), ms(call.now)

        def find(given: Mapping[str, Any]) -> Record:
            return records.require(given["id"], given.get("idProperty", "hs_object_id"))

        def act(given: Mapping[str, Any]) -> dict[str, Any]:
            record = find(given)
            records.update(record, properties_of(given), now)
            return self.written(records, record, given["properties"], given)

        def check(given: Mapping[str, Any]) -> dict[str, str]:
            return records.check_update(find(given), properties_of(given))

        return self._batch(call, 200, inputs, act, check)

    def batch_upsert(self, call: Call) -> Answer:
        body = self.box.body(call, ("inputs",))
        inputs = self._inputs(call, body, ("id", "properties", "idProperty", "objectWriteTraceId"))
        self._refuse_doubles([(given.get("idProperty", ""), given["id"]) for given in inputs])
        records, now = self.records(call), ms(call.now)
        for name in {str(given.get("idProperty", "")) for given in inputs}:
            records.demand_unique(name)

        def wanted(given: Mapping[str, Any]) -> dict[str, Any]:
            return {given["idProperty"]: given["id"], **properties_of(given)}

        def act(given: Mapping[str, Any]) -> dict[str, Any]:
            record = records.find(given["id"], given["idProperty"])
            if record is None:
                made = records.create(wanted(given), now)
                return {**self.written(records, made, made.props, given), "new": True}
            records.update(record, properties_of(given), now)
            return {**self.written(records, record, wanted(given), given), "new": False}

        def check(given: Mapping[str, Any]) -> dict[str, str]:
            record = records.find(given["id"], given["idProperty"])
            if record is None:
                return records.check_create(wanted(given))
            return records.check_update(record, properties_of(given))

        # with `email` the vendor does not support partial upserts (facts: Writing): all or nothing
        whole = any(given["idProperty"] == "email" for given in inputs)
        return self._batch(call, 200, inputs, act, check, whole=whole)

    def batch_archive(self, call: Call) -> Answer:
        body = self.box.body(call, ("inputs",))
        records = self.records(call)
        for given in self._inputs(call, body, ("id",)):
            record = records.find(given["id"])
            if record is not None:
                records.archive(record, ms(call.now))
        return Answer(204)

    def _inputs(self, call: Call, body: Mapping[str, Any], known: Collection[str]) -> Sequence[Mapping[str, Any]]:
        inputs = body.get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(given, dict) for given in inputs):
            raise bad("Invalid input JSON: inputs must be a list of objects")
        if len(inputs) > BATCH_MAX:
            name = self.records(call).kind.name
            raise bad(f"The maximum number of inputs supported in a batch request for {name} is {BATCH_MAX}")
        for given in inputs:
            self.box.only(given, known, f"an input of {call.template}")
            if "id" in known and not isinstance(given.get("id"), str):
                raise bad("Invalid input JSON: each input needs an id, which is a string")
            if "properties" in known and not isinstance(given.get("properties"), dict):
                raise bad("Invalid input JSON: each input needs properties")
        return inputs

    def _refuse_doubles(self, keys: Sequence[tuple[str, str]]) -> None:
        """Duplicate ids in one batch are refused (facts: Writing, (?))."""
        if self.box.switches.duplicate_ids == "refuse" and len(set(keys)) < len(keys):
            doubles = sorted({key for _, key in keys if keys.count((_, key)) > 1})
            raise bad(f"Duplicate IDs found in batch input: [{', '.join(doubles)}]. IDs must be unique")

    def _batch(
        self,
        call: Call,
        status: int,
        inputs: Sequence[Mapping[str, Any]],
        act: Act,
        check: Callable[[Mapping[str, Any]], dict[str, str]],
        *,
        whole: bool = False,
    ) -> Answer:
        """Carry out each input; refused ones end in a 207, or refuse the batch where *whole*."""
        if whole or self.box.switches.batch_errors == "whole":
            self._check_all(call, inputs, check)
        results, failed = [], []
        for position, given in enumerate(inputs):
            try:
                if (spoilt := spoilt_by_fault(call, position)) is not None:
                    raise spoilt
                results.append(act(given))
            except Refusal as refusal:
                ids = [given["id"]] if "id" in given else []
                failed.append(partial_error(refusal, ids, given.get("objectWriteTraceId")))
        return self._multi(call, status, results, failed)

    def _check_all(self, call: Call, inputs: Sequence[Mapping[str, Any]], check: Callable[..., dict[str, str]]) -> None:
        """Raise what the first bad input would be refused for, before any has its effect."""
        emails: set[str] = set()
        for position, given in enumerate(inputs):
            if (spoilt := spoilt_by_fault(call, position)) is not None:
                raise spoilt
            email = check(given).get("email", "")
            if email and email in emails:
                raise Refusal(409, "CONFLICT", f"Contact already exists. {email} is given twice in this batch")
            emails.add(email)

    def _multi(self, call: Call, status: int, results: list[dict[str, Any]], failed: list[dict[str, Any]]) -> Answer:
        if self.box.switches.batch_order == "reversed":
            results.reverse()
        at = stamp(ms(call.now))
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
        if not failed:
            return Answer(status, body)
        body["numErrors"] = len(failed)
        body["errors"] = failed
        return Answer(207, body)


def spoilt_by_fault(call: Call, position: int) -> Refusal | None:
    """What the fault `partial` does to the input at *position*."""
    if call.fault is None or not call.has_fault("partial"):
        return None
    if (position + 1) % int(call.fault.args.get("every", 2)):
        return None
    category = str(call.fault.args.get("category", "VALIDATION_ERROR"))
    return Refusal(400, category, str(call.fault.args.get("message", "This input could not be carried out")))


def partial_error(refusal: Refusal, ids: Sequence[str], trace: str | None) -> dict[str, Any]:
    """An entry of a 207's ``errors``: inputs are named in `context.ids` (facts: Writing)."""
    context: dict[str, Any] = {}
    if ids:
        context["ids"] = list(ids)
    if trace is not None:
        context["objectWriteTraceId"] = [trace]
    return {
        "status": "error",
        "category": refusal.category,
        "message": refusal.message,
        "context": context,
        "links": {},
        "errors": refusal.details(),
    }
