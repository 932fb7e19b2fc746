"""HubSpot's search over one object type: filters, one sort rule, offsets, the 10,000-result cap, the late index.

Facts: Reading (page sizes, cap, body length, filter counts, operators, archived records do not show up, search
lags, ``associations.contact`` as a pseudo property). Ties between equal sort values come in no promised order;
`Switches.ties` has both settings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import orjson

from sandbox.hubspot_kinds import kind_of
from sandbox.hubspot_records import Records
from sandbox.hubspot_rules import Refusal, moment
from sandbox.hubspot_state import Record
from sandbox.platform import Unknown

PAGE = 10
PAGE_MAX = 200
CAP = 10_000
BODY_MAX = 3_000
GROUPS_MAX = 5
FILTERS_MAX = 6
FILTERS_TOTAL = 18
COMPARISONS = ("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN")
OPERATORS = frozenset(
    (*COMPARISONS, "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN")
)
ASSOCIATED = "associations."

Test = Callable[[Record], bool]


@dataclass(frozen=True, slots=True)
class Sort:
    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One page of ids, the size of the whole result, and the offset of the next page (or ``None``)."""

    records: list[Record]
    total: int
    after: int | None


def bad(message: str) -> Refusal:
    return Refusal(400, "VALIDATION_ERROR", message)


class Search:
    """Answers search bodies over `Records`; remembers the last results until they change."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self._version = -1
        self._results: dict[bytes, list[Record]] = {}
        self._by_time: list[Record] = []
        self._times: list[int] = []

    def find(self, body: Mapping[str, Any]) -> Found:
        limit = _whole(body.get("limit", PAGE), "limit")
        after = _whole(body.get("after") or 0, "after")
        if not 1 <= limit <= PAGE_MAX:
            raise bad(f"limit must be between 1 and {PAGE_MAX}")
        if after + limit > CAP:  # facts: Reading, paging past that gives 400
            raise bad(f"Cannot page past {CAP} results")
        records = self._result(body)
        end = after + limit
        following = end if end < min(len(records), CAP) else None
        return Found(records[after:end], len(records), following)

    def forget(self) -> None:
        self._version = -1

    def _result(self, body: Mapping[str, Any]) -> list[Record]:
        if self._version != self.records.version:
            self._version = self.records.version
            self._results.clear()
            self._by_time = []
        groups, query, sorts = (
            body.get("filterGroups") or [],
            body.get("query") or "",
            body.get("sorts") or [],
        )
        key = orjson.dumps([groups, query, sorts])
        if key not in self._results:
            self._results[key] = self._evaluate(groups, query, sorts)
        return self._results[key]

    def _evaluate(self, groups: Any, query: str, sorts: Any) -> list[Record]:
        tests = self._groups(groups)
        sort = self._sort(sorts)
        records = self._candidates(groups)
        if tests:
            records = [record for record in records if any(test(record) for test in tests)]
        if query:
            words = query.lower().split()
            records = [record for record in records if _mentions(record, words, self.records.kind.searched)]
        return self._sorted(records, sort)

    # -- the index -------------------------------------------------------------------------------

    def _candidates(self, groups: Any) -> list[Record]:
        """All that search can see; where every group asks for a modification time, only those after it."""
        if not self._by_time:
            self._by_time = sorted(self._visible(), key=lambda record: (record.modified, record.id))
            self._times = [record.modified for record in self._by_time]
        floors = [_floor(group) for group in groups]
        known = [floor for floor in floors if floor is not None]
        if not known or len(known) < len(floors):
            return self._by_time
        return self._by_time[bisect_left(self._times, min(known)) :]

    def _visible(self) -> list[Record]:
        """Living records, as the index shows them: it lags (facts: Reading)."""
        state = self.records.state
        if not state.stale:
            return [record for record in state.records.values() if record.archived is None]
        seen = []
        for record in state.records.values():
            if record.id not in state.stale:
                if record.archived is None:
                    seen.append(record)
                continue
            doc = state.stale[record.id][0]
            if doc is not None:
                old = Record(record.id, doc.props, record.created, doc.modified, record.origin)
                old.merged = doc.merged
                seen.append(old)
        return seen

    # -- sorting ---------------------------------------------------------------------------------

    def _sort(self, sorts: Any) -> Sort:
        if len(sorts) > 1:
            raise bad("Only one sort rule is supported")  # facts: Reading, (?)
        if not sorts:
            return Sort(self.records.kind.created, descending=False)
        rule = sorts[0]
        if isinstance(rule, str):
            rule = orjson.loads(rule) if rule.startswith("{") else {"propertyName": rule}
        if set(rule) - {"propertyName", "direction"} or "propertyName" not in rule:
            raise bad("A sort rule has a propertyName and a direction")
        name, direction = str(rule["propertyName"]), str(rule.get("direction", "ASCENDING")).upper()
        if name.startswith("-"):
            name, direction = name[1:], "DESCENDING"
        if direction not in ("ASCENDING", "DESCENDING"):
            raise bad(f"There is no sort direction {direction}")
        self._known(name)
        return Sort(name, direction == "DESCENDING")

    def _sorted(self, records: list[Record], sort: Sort) -> list[Record]:
        by_id = self.records.switches.ties == "id"
        value = self._key(sort.name)

        def key(record: Record) -> Any:
            tie = record.id if by_id else crc32(b"%d" % record.id)
            found = value(record)
            return (found is not None, found if found is not None else 0, tie)

        return sorted(records, key=key, reverse=sort.descending)

    def _key(self, name: str) -> Callable[[Record], Any]:
        match name:
            case "lastmodifieddate" | "hs_lastmodifieddate":
                return lambda record: record.modified
            case "createdate" | "hs_createdate":
                return lambda record: record.created
            case "hs_object_id":
                return lambda record: record.id
        kind = self.records.state.properties[name].type
        return lambda record: _typed(record.read(name), kind)

    # -- filters ---------------------------------------------------------------------------------

    def _groups(self, groups: Any) -> list[Test]:
        if len(groups) > GROUPS_MAX:
            raise bad(f"There can be at most {GROUPS_MAX} filter groups")
        if any(len(group.get("filters", ())) > FILTERS_MAX for group in groups):
            raise bad(f"There can be at most {FILTERS_MAX} filters in a group")
        if sum(len(group.get("filters", ())) for group in groups) > FILTERS_TOTAL:
            raise bad(f"There can be at most {FILTERS_TOTAL} filters in all")
        return [self._group([self._filter(each) for each in group.get("filters", ())]) for group in groups]

    @staticmethod
    def _group(tests: list[Test]) -> Test:
        return lambda record: all(test(record) for test in tests)

    def _known(self, name: str) -> None:
        if name not in self.records.state.properties:
            raise bad(f"There was a problem with the request: property {name} does not exist")

    def _filter(self, given: Mapping[str, Any]) -> Test:
        name, operator = given.get("propertyName", ""), given.get("operator", "")
        if name.startswith(ASSOCIATED):
            return self._associated(name.removeprefix(ASSOCIATED), operator, given)
        self._known(name)
        if operator not in OPERATORS:
            raise bad(f"There is no operator {operator}")
        kind = self.records.state.properties[name].type
        match operator:
            case "HAS_PROPERTY":
                return lambda record: bool(record.read(name))
            case "NOT_HAS_PROPERTY":
                return lambda record: not record.read(name)
            case "IN" | "NOT_IN":
                return _membership(name, given, kind, operator == "IN")
            case "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN":
                return _token(name, given, operator == "CONTAINS_TOKEN")
        return _comparison(name, operator, given, kind, self._key(name))

    def _associated(self, name: str, operator: str, given: Mapping[str, Any]) -> Test:
        """``associations.contact`` works as a pseudo property (facts: Reading)."""
        other, linked = kind_of(name).name, self.records.linked
        if operator == "EQ":
            asked = {str(given.get("value"))}
        elif operator == "IN":
            asked = {str(value) for value in given.get("values") or ()}
        else:
            raise Unknown(f"the operator {operator} on {ASSOCIATED}{name}")
        numbers = {int(one) for one in asked if one.isdigit()}
        return lambda record: any(to in numbers for to in linked(record.id, other))


def _comparison(name: str, operator: str, given: Mapping[str, Any], kind: str, key: Callable[..., Any]) -> Test:
    low = _needed(given, "value", name, kind)
    match operator:
        case "EQ":
            return lambda record: bool(key(record) == low)
        case "NEQ":
            return lambda record: (value := key(record)) is not None and bool(value != low)
        case "LT":
            return lambda record: (value := key(record)) is not None and bool(value < low)
        case "LTE":
            return lambda record: (value := key(record)) is not None and bool(value <= low)
        case "GT":
            return lambda record: (value := key(record)) is not None and bool(value > low)
        case "GTE":
            return lambda record: (value := key(record)) is not None and bool(value >= low)
    high = _needed(given, "highValue", name, kind)
    return lambda record: (value := key(record)) is not None and bool(low <= value <= high)


def _membership(name: str, given: Mapping[str, Any], kind: str, wanted: bool) -> Test:
    values = given.get("values")
    if not isinstance(values, list) or not values:
        raise bad(f"The operator on {name} needs values")
    texts = {str(value) for value in values}
    if kind == "string" and any(text != text.lower() for text in texts):
        raise bad(f"Values of IN for the text property {name} must be lowercase")  # facts: Reading, (?)

    def test(record: Record) -> bool:
        value = record.read(name)
        return value is not None and bool(value) and (value.lower() in texts or value in texts) is wanted

    return test


def _token(name: str, given: Mapping[str, Any], wanted: bool) -> Test:
    asked = str(given.get("value", "")).lower().strip("*")
    if not asked:
        raise bad(f"The operator on {name} needs a value")
    return lambda record: (asked in (record.read(name) or "").lower()) is wanted


def _needed(given: Mapping[str, Any], member: str, name: str, kind: str) -> Any:
    text = given.get(member)
    value = _typed(text, kind) if isinstance(text, str) else None
    if value is None:
        raise bad(f"The filter on {name} needs a {member} of type {kind}")
    return value


def _typed(text: str | None, kind: str) -> Any:
    """A value as search compares it: numbers and times by size, the rest as lower-case text."""
    if not text:
        return None
    if kind in ("date", "datetime"):
        return moment(text)
    if kind == "number":
        try:
            return float(text)
        except ValueError:
            return None
    return text.lower()


def _floor(group: Mapping[str, Any]) -> int | None:
    """The earliest modification time that a group can match."""
    for each in group.get("filters", ()):
        stamped = each.get("propertyName") in ("lastmodifieddate", "hs_lastmodifieddate")
        if stamped and each.get("operator") in ("GT", "GTE", "EQ", "BETWEEN"):
            return moment(str(each.get("value", "")))
    return None


def _mentions(record: Record, words: list[str], searched: tuple[str, ...]) -> bool:
    text = " ".join(record.props.get(name, "") for name in searched).lower()
    return all(word in text for word in words)


def _whole(value: Any, name: str) -> int:
    text = str(value)
    if not text.isascii() or not text.isdigit():
        raise bad(f"{name} must be a whole number")
    return int(text)
