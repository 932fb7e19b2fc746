"""What happens to the records of one object type, whoever asks: the API or a person.

No HTTP here. Each operation either happens whole or raises `Refusal` and changes nothing. What only contacts do
(addresses, consent, stages of the lifecycle) is `hubspot_portal`, what only deals and tickets do is
`hubspot_pipelines`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sandbox.hubspot_kinds import Kind
from sandbox.hubspot_rules import Refusal, Switches, accept, invalid, missing
from sandbox.hubspot_state import (
    API,
    AUTOMATION,
    IMPORT,
    MAILBOX,
    MERGE,
    PERSON,
    Change,
    Doc,
    HubSpotState,
    Origin,
    Record,
    Shelf,
    Version,
)


class Records:
    """The rules of the product over one `Shelf`."""

    def __init__(self, kind: Kind, whole: HubSpotState, shelf: Shelf, switches: Switches) -> None:
        self.kind = kind
        self.whole = whole
        self.state = shelf
        self.switches = switches
        self.version = 0  # moves with every change; search keeps its caches by it
        self.rewritten: Callable[[str, str, bool], str] = lambda name, value, by_person: value
        self.rewrite: Callable[[Record, Mapping[str, str], int, Origin], None] = lambda *_: None
        self.index: Callable[[Record, int, Doc | None], None] = lambda *_: None
        self.linked: Callable[[int, str], Collection[int]] = lambda *_: ()
        self.joined: Callable[[Sequence[int], int], None] = lambda *_: None  # associations follow a merge
        self.parted: Callable[[int], None] = lambda *_: None  # and go with what is erased
        self.tell: Callable[[Change], None] = lambda *_: None
        self._order: list[int] = []
        self._order_version = -1

    def bind(self, whole: HubSpotState, shelf: Shelf) -> None:
        """Work on another state from now on."""
        self.whole, self.state = whole, shelf
        self.version += 1

    # -- finding ---------------------------------------------------------------------------------

    def find(self, key: str, id_property: str = "hs_object_id") -> Record | None:
        """The living record with this id (or merged-away id) or unique value."""
        state = self.state
        if id_property in ("", "hs_object_id"):
            number = int(key) if key.isascii() and key.isdigit() and len(key) < 19 else 0
            number = state.alias.get(number, number)  # facts: Errors and merges, ids become aliases
            record = state.records.get(number)
        else:
            self.demand_unique(id_property)
            record = state.records.get(state.unique.get(id_property, {}).get(key, 0))
        return record if record is not None and record.archived is None else None

    def require(self, key: str, id_property: str = "hs_object_id") -> Record:
        record = self.find(key, id_property)
        if record is None:
            raise missing(f"Object not found. {key[:100]} does not name a {self.kind.singular}.")
        return record

    def demand_unique(self, name: str) -> None:
        prop = self.state.properties.get(name)
        if prop is None or not prop.unique:
            raise Refusal(400, "VALIDATION_ERROR", f"Property '{name}' is not a unique identifier property")

    def page(self, start: int, limit: int, archived: bool) -> tuple[Sequence[Record], int | None]:
        """Up to *limit* records from id *start* on, and the id where the next page starts."""
        records = self.state.records
        if self._order_version != self.version:
            self._order_version = self.version
            self._order = sorted(records)
        page: list[Record] = []
        for position in range(bisect_left(self._order, start), len(self._order)):
            record = records[self._order[position]]
            if (record.archived is not None) is not archived:
                continue
            if len(page) == limit:
                return page, record.id
            page.append(record)
        return page, None

    # -- writing ---------------------------------------------------------------------------------

    def clean(self, given: Mapping[str, Any], origin: Origin) -> dict[str, str]:
        """The values as they will be kept; raises for unknown, read-only and ill-formed ones."""
        kept = {}
        for name, value in given.items():
            prop = self.state.properties.get(name)
            if prop is None or prop.archived:
                raise invalid("PROPERTY_DOESNT_EXIST", name, f'Property \\"{name}\\" does not exist')
            if prop.read_only:
                raise invalid("READ_ONLY_VALUE", name, f'\\"{name}\\" is a read only property')
            if not isinstance(value, str):  # facts: Reading, property values are always strings
                message = f"Invalid input JSON: the value of property {name} must be a string"
                raise Refusal(400, "VALIDATION_ERROR", message)
            if name == "hubspot_owner_id" and value and value not in map(str, self.whole.owners):
                raise invalid("INVALID_OWNER_ID", name, f"Owner {value[:40]} does not exist")
            kept[name] = self.rewritten(name, accept(prop, value), origin.by_person)
        return kept

    def check_create(self, given: Mapping[str, Any], origin: Origin = API) -> dict[str, str]:
        """The properties that a create would set; raises what it would be refused for."""
        props = {name: value for name, value in self.clean(given, origin).items() if value}
        self.complete(props)
        self.refuse_taken(props, None)
        return props

    def complete(self, props: dict[str, str]) -> None:
        """Raise for what a new record lacks; a subclass also fills in what follows from the rest."""
        kind = self.kind
        lacking = [name for name in kind.needs if not props.get(name)]
        if lacking:
            message = f"Error creating {kind.singular.upper()}. Some required properties were not set."
            raise Refusal(
                400, "VALIDATION_ERROR", message, code="REQUIRED_FIELD_MISSING", context={"properties": lacking}
            )
        if kind.needs_one and not any(props.get(name) for name in kind.needs_one):
            message = f"At least one of the following properties is required: {', '.join(kind.needs_one)}"
            raise Refusal(400, "VALIDATION_ERROR", message)

    def create(self, given: Mapping[str, Any], now: int, origin: Origin = API) -> Record:
        props = self.check_create(given, origin)
        record = Record(self.state.next_id, {}, now, now, origin)
        self.state.next_id += 1
        self.state.records[record.id] = record
        self.index(record, now, None)
        record.props = props
        self.keys(record, {}, props)
        self.born(record)
        self.rewrite(record, props, now, origin)
        self.version += 1
        self.tell(Change("creation", record.id, now, dict(record.props), origin))
        return record

    def born(self, record: Record) -> None:
        """What a subclass adds to a new record."""

    def check_update(self, record: Record, given: Mapping[str, Any], origin: Origin = API) -> dict[str, str]:
        """The properties that an update would set; raises what it would be refused for."""
        wanted = self.clean(given, origin)
        self.refuse_taken(wanted, record)
        self.adjust(record, wanted)
        return wanted

    def adjust(self, record: Record, wanted: dict[str, str]) -> None:
        """What a subclass makes of the values of an update."""

    def update(self, record: Record, given: Mapping[str, Any], now: int, origin: Origin = API) -> None:
        wanted = self.check_update(record, given, origin)
        self.put(record, wanted, now, origin)
        self.rewrite(record, wanted, now, origin)

    def put(self, record: Record, wanted: Mapping[str, str], now: int, origin: Origin) -> None:
        """Put values that are known to be good, with history, stamp and index."""
        props = record.props
        changed = {name: value for name, value in wanted.items() if props.get(name, "") != value}
        if not changed and not (self.switches.unchanged_bumps and wanted):
            return
        self.index(record, now, Doc(dict(props), record.modified, record.merged))
        if record.history is None:
            record.history = {}
        for name, value in changed.items():
            before = record.versions(name)
            record.history[name] = [Version(value, now, origin.type, origin.id), *before]
        self.keys(record, props, changed)
        props.update(changed)
        record.modified = max(now, record.modified)
        self.version += 1
        self.tell(Change("propertyChange", record.id, now, changed, origin))

    def touch(self, record: Record, now: int) -> None:
        """Move the modification stamp alone."""
        self.index(record, now, Doc(dict(record.props), record.modified, record.merged))
        record.modified = max(now, record.modified)
        self.version += 1

    def rewrite_now(self, record: Record, changes: Mapping[str, str], now: int) -> None:
        """The platform itself changes values, unasked (a slow rewrite)."""
        self.put(record, changes, now, AUTOMATION)

    def refuse_taken(self, props: Mapping[str, str], own: Record | None) -> None:
        """Unique values belong to one record (facts: Writing)."""
        for name, values in self.state.unique.items():
            holder = values.get(props.get(name, ""), 0)
            if holder and (own is None or holder != own.id):
                message = (
                    f"Cannot set PropertyValueCoordinates{{objectTypeId={self.kind.type_id}, propertyName={name}, "
                    f"value={props[name]}}} on {own.id if own else 'a new object'}. {holder} already has that value."
                )
                raise Refusal(400, "VALIDATION_ERROR", message, code="CONFLICTING_UNIQUE_VALUE")

    def keys(self, record: Record, before: Mapping[str, str], changed: Mapping[str, str]) -> None:
        """Keep the look-ups by unique value."""
        for name, values in self.state.unique.items():
            if name in changed:
                values.pop(before.get(name, ""), None)
                if changed[name]:
                    values[changed[name]] = record.id

    def forget_keys(self, record: Record) -> None:
        for name, values in self.state.unique.items():
            values.pop(record.props.get(name, ""), None)

    # -- leaving ---------------------------------------------------------------------------------

    def archive(self, record: Record, now: int, origin: Origin | None = None) -> None:
        """Deleting archives (facts: Writing); addresses and unique values become free."""
        self.index(record, now, Doc(dict(record.props), record.modified, record.merged))
        self.forget_keys(record)
        record.archived = now
        record.modified = max(now, record.modified)
        self.version += 1
        self.tell(Change("deletion", record.id, now, origin=origin))

    def erase(self, record: Record) -> None:
        """gdpr-delete is permanent (facts: Writing)."""
        state = self.state
        self.parted(record.id)
        self.forget_keys(record)
        del state.records[record.id]
        state.stale.pop(record.id, None)
        for old in [old for old, kept in state.alias.items() if kept == record.id]:
            del state.alias[old]
        self.version += 1
        self.tell(Change("privacyDeletion", record.id))

    def merge(self, keep: Record, lose: Record, now: int, origin: Origin = MERGE) -> Record:
        """Keep one record; the other's id becomes an alias (facts: Errors and merges)."""
        if keep.id == lose.id:
            raise Refusal(400, "VALIDATION_ERROR", f"Cannot merge a {self.kind.singular} with itself")
        filled = self.gained(keep, lose)
        chained = lose.merged
        self.archive(lose, now, origin)
        survivor = self._successor(keep, now) if self.switches.merge_makes_new_id else keep
        gone = [lose.id] + ([keep.id] if survivor is not keep else [])
        survivor.merged = tuple(dict.fromkeys((*keep.merged, *gone, *chained)))
        # leaves out chained merges (facts: Errors and merges, 3p)
        if (calculated := "hs_calculated_merged_vids") in self.state.properties:
            filled[calculated] = ";".join(filter(None, (survivor.props.get(calculated, ""), *map(str, gone))))
        for old in gone:
            self.state.records.pop(old, None)  # listing and search no longer return the merged-away ids
            self.state.stale.pop(old, None)
            self.state.alias[old] = survivor.id
        for old, kept in list(self.state.alias.items()):
            if kept in gone:
                self.state.alias[old] = survivor.id
        self.joined(gone, survivor.id)
        self.put(survivor, filled, now, origin)
        self.tell(Change("merge", survivor.id, now, filled, origin, keep.id, lose.id))
        return survivor

    def gained(self, keep: Record, lose: Record) -> dict[str, str]:
        """What a merge fills in from the record that goes."""
        return {name: value for name, value in lose.props.items() if value and not keep.props.get(name)}

    def _successor(self, keep: Record, now: int) -> Record:
        """The record with a new id that a merge makes since 2025 (?)."""
        self.forget_keys(keep)
        made = Record(self.state.next_id, {}, keep.created, now, keep.origin, history=keep.history)
        self.state.next_id += 1
        self.state.records[made.id] = made
        self.index(made, now, None)
        made.props = dict(keep.props)
        self.keys(made, {}, made.props)
        return made

    # -- filling ---------------------------------------------------------------------------------

    def load(self, records: Iterable[Mapping[str, Any]], now: int) -> list[int]:
        """Take in many records at once, unchecked: ``{"properties": {...}, ...}``.

        A record may carry ``id``, ``createdate``, ``lastmodifieddate`` (milliseconds), ``source`` (who made it), and
        ``additional_emails`` where it is a contact.
        """
        state, ids = self.state, []
        origins = {origin.type: origin for origin in (API, AUTOMATION, MAILBOX, PERSON)}
        known = state.properties
        seen_names: set[str] = set()
        pool: dict[str, str] = {}  # equal values are kept once: a town has few cities and many people
        for given in records:
            props = {n: pool.setdefault(v, v) for n, v in given["properties"].items() if v}
            if props.keys() - seen_names:
                strange = [name for name in props if name not in known]
                if strange:
                    raise ValueError(f"define these properties first: {', '.join(strange)}")
                seen_names.update(props)
            number = int(given.get("id", state.next_id))
            created = int(given.get("createdate", now))
            origin = origins.get(given.get("source", ""), IMPORT)
            record = Record(number, props, created, int(given.get("lastmodifieddate", created)), origin)
            self.take_in(record, given)
            ids.append(number)
        state.records = dict(sorted(state.records.items()))
        self.version += 1
        return ids

    def take_in(self, record: Record, given: Mapping[str, Any]) -> None:
        state = self.state
        if record.id in state.records:
            raise ValueError(f"{self.kind.singular} {record.id} is already there")
        state.records[record.id] = record
        state.next_id = max(state.next_id, record.id + 1)
        for name, values in state.unique.items():
            if name in record.props:
                values[record.props[name]] = record.id
