"""Parts that the object endpoints share: parameters taken apart, records put together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.hubspot_kinds import KINDS, Kind, kind_of
from sandbox.hubspot_links import HUBSPOT, LABELS, USER
from sandbox.hubspot_records import Records
from sandbox.hubspot_rules import missing
from sandbox.hubspot_search import bad
from sandbox.hubspot_state import Property, Record, Spec, Version, stamp
from sandbox.platform import Answer, Call, Unknown

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

# contacts under their own templates, so that counters and faults can tell them apart; all others under one
BASES = (
    "/crm/v3/objects/contacts",
    "/crm/objects/2026-03/contacts",
    "/crm/v3/objects/<object>",
    "/crm/objects/2026-03/<object>",
)

Join = tuple[Kind, int, list[Spec]]  # what a create is to be associated with


def reading(call: Call) -> tuple[str, ...]:
    """The scopes for reading the object type that the path names."""
    return kind_of(call.args.get("object", "contacts")).read


def writing(call: Call) -> tuple[str, ...]:
    """The scopes for writing it. Docs: answers to surveys can only be read."""
    kind = kind_of(call.args.get("object", "contacts"))
    if kind.read_only:
        raise Unknown(f"writing {kind.name}")
    return kind.write


class ObjectShapes:
    """What handlers of objects need, single or in batches."""

    def __init__(self, box: HubSpotSandbox) -> None:
        self.box = box

    def add(self, method: str, path: str, handler: Callable[[Call], Answer], **more: Any) -> None:
        self.box.route(method, path, self.box.saying(handler), named="object", **more)

    def records(self, call: Call) -> Records:
        """The records of the object type that the path names."""
        return self.box.records[kind_of(call.args.get("object", "contacts")).name]

    @staticmethod
    def archived(records: Records, key: str) -> Record:
        record = records.state.records.get(int(key) if key.isdigit() else 0)
        if record is None or record.archived is None:
            raise missing(f"Object not found. {key[:100]} does not name an archived {records.kind.singular}.")
        return record

    @staticmethod
    def shown(records: Records, names: Collection[str], history: Collection[str]) -> Shown:
        kind = records.kind
        return shown(names, records.state.properties, history, always=kind.always, default=kind.default)

    def render(self, record: Record, show: Shown) -> dict[str, Any]:
        return render(record, show, self.box.switches.cleared_reads_as)

    def written(
        self, records: Records, record: Record, written: Mapping[str, Any], given: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The answer to a write: what was written, as it now stands; the trace id is echoed (facts: Writing)."""
        found = self.render(record, self.shown(records, [*written], ()))
        if given and "objectWriteTraceId" in given:
            found["objectWriteTraceId"] = given["objectWriteTraceId"]
        return found

    # -- associations beside a record ------------------------------------------------------------

    def joins(self, records: Records, given: Mapping[str, Any]) -> list[Join]:
        """The ``associations`` of a create, checked; the description gives numbers that point from the new record."""
        found: list[Join] = []
        for each in given.get("associations") or ():
            self.box.only(each, ("to", "types"), "an association of a create")
            specs = [self.spec(one) for one in each.get("types") or ()]
            if not specs:
                raise bad("Invalid input JSON: an association needs types")
            to = str((each.get("to") or {}).get("id", ""))
            kind = self._aim(records.kind, specs)
            found.append((kind, self.box.records[kind.name].require(to).id, specs))
        return found

    def _aim(self, kind: Kind, specs: Sequence[Spec]) -> Kind:
        """The object type that these types lead to from *kind*: a create does not name it."""
        for other in KINDS:
            pair = (kind.name, other.name)
            if specs[0] in self.box.joins.labels(pair):
                for spec in specs:
                    self.box.joins.known(pair, spec)
                return other
        raise bad(f"{specs[0].category} association type {specs[0].id} does not lead from {kind.name}")

    def spec(self, given: Mapping[str, Any]) -> Spec:
        self.box.only(given, ("associationCategory", "associationTypeId"), "an association type")
        category, number = given.get("associationCategory"), given.get("associationTypeId")
        if category not in (HUBSPOT, USER) or not isinstance(number, int):
            raise bad("Invalid input JSON: an association type has a category and a number")
        return Spec(category, number)

    def join(self, records: Records, record: Record, joins: Sequence[Join]) -> None:
        for kind, to, specs in joins:
            self.box.joins.join((records.kind.name, kind.name), record.id, to, specs)

    def associations(self, records: Records, record: Record, asked: Sequence[str]) -> dict[str, Any]:
        """What v3 shows beside a record: one line per type; ``contact_to_company`` is the primary one (3p)."""
        found = {}
        for name in asked:
            kind = kind_of(name)
            pair = (records.kind.name, kind.name)
            both = len(LABELS.get(pair, ())) > 1
            lines = [
                {"id": str(to), "type": self._type(records.kind, kind, spec, both=both)}
                for to, specs in sorted(self.box.joined(pair, record.id).items())
                for spec in sorted(specs)
            ]
            if lines:
                found[kind.name] = {"results": lines}
        return {"associations": found} if found else {}

    def _type(self, one: Kind, other: Kind, spec: Spec, *, both: bool) -> str:
        name = f"{one.singular}_to_{other.singular}"
        label = self.box.joins.labels((one.name, other.name)).get(spec)
        if spec.category == USER:
            return f"{(label or '').lower().replace(' ', '_')}"
        return f"{name}_unlabeled" if label is None and both else name


def properties_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    given = body.get("properties")
    if not isinstance(given, dict):
        raise bad("Invalid input JSON: properties must be an object")
    return given


def whole_number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise bad(f"{name} must be a whole number")
    return int(text)


def flag(call: Call, name: str) -> bool:
    text = call.one(name, "false").lower()  # the vendor's SDK writes False (facts: SDKs)
    if text not in ("true", "false"):
        raise bad(f"{name} must be true or false")
    return text == "true"


class Shown(NamedTuple):
    """Which parts of a record an answer carries."""

    names: tuple[str, ...]
    history: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()  # those of the names that are no stored values


def shown(
    asked: Collection[str],
    known: Mapping[str, Property],
    history: Collection[str] = (),
    *,
    always: Collection[str],
    default: Collection[str],
) -> Shown:
    """Requested properties plus those that *always* come; unknown names are left out, as HubSpot does (?)."""
    names = dict.fromkeys((*asked, *always) if asked or history else default)
    names.update(dict.fromkeys(history))
    chosen = tuple(name for name in names if name in known)
    return Shown(chosen, tuple(n for n in history if n in known), tuple(n for n in chosen if n in DERIVED))


def render(contact: Record, show: Shown, cleared: str | None = None) -> dict[str, Any]:
    """The record as JSON. Requested but unset properties are null (facts: Reading, 3p)."""
    props = contact.props
    values: dict[str, str | None] = {name: props.get(name) or None for name in show.names}
    for name in show.derived:
        values[name] = contact.read(name)
    if cleared is not None:
        values.update({name: cleared for name in show.names if props.get(name) == ""})
    record: dict[str, Any] = {
        "id": str(contact.id),
        "properties": values,
        "createdAt": stamp(contact.created),
        "updatedAt": stamp(contact.modified),
        "archived": contact.archived is not None,
    }
    if contact.archived is not None:
        record["archivedAt"] = stamp(contact.archived)
    if show.history:
        record["propertiesWithHistory"] = {
            name: [_version(version) for version in contact.versions(name)] for name in show.history
        }
    return record


DERIVED = (
    "hs_object_id",
    "createdate",
    "lastmodifieddate",
    "hs_createdate",
    "hs_lastmodifieddate",
    "hs_object_source",
    "hs_merged_object_ids",
    "hs_calculated_merged_vids",
)


def _version(version: Version) -> dict[str, Any]:
    return {
        "value": version.value,
        "timestamp": stamp(version.at),
        "sourceType": version.source_type,
        "sourceId": version.source_id,
    }
