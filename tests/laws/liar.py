"""A platform that lies: an in-memory platform with a connector, for histories by the thousand.

It rewrites what it is told (at once or later), loses answers before and after the effect, is busy, refuses, and
numbers its modification stamps so that no two edits share one. It knows nothing of Regulars but the connector's
contract, and counts what it is asked to do.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import (
    Account,
    Change,
    Connector,
    Cursor,
    Listed,
    Outcome,
    Page,
    Raw,
    RemoteField,
    Result,
    Stream,
    StreamPage,
)
from connectors.errors import Later, MaybeSent
from mapping.facts import By, Channel, Facts, Listing, Touch, Touchpoint, Way
from mapping.fields import FieldTable, both, reads
from mapping.model import ConsentSeen, ConsentState, RecordState, Seen
from mapping.values import Kind

TABLE = FieldTable(
    (
        both("email", "email", Kind.EMAIL),
        both("given_name", "given_name", Kind.NAME),
        both("family_name", "family_name", Kind.NAME),
        both("phone", "phone", Kind.PHONE),
        both("city", "city"),
        both("tags", "tags", Kind.SET),
        reads("stage", "stage"),
    )
)

CALLS, OPENS, LISTS = Stream("calls", "Calls"), Stream("opens", "Opened", events=True), Stream("lists", "Lists")
STREAMS = (CALLS, OPENS, LISTS)

REWRITES: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "cut": lambda text: text[:6],
    "squeeze": lambda text: text.replace(" ", ""),
}


@dataclass(slots=True)
class Row:
    """One record there."""

    id: str
    email: str
    fields: dict[str, Any]
    modified: int
    created: int
    optin: bool = True
    granted: int = 0
    gone: bool = False
    archived: bool = False
    key: str = ""


@dataclass(slots=True)
class Call:
    """Somebody called somebody, or more than one; deleted ones are told as gone."""

    id: str
    who: tuple[str, ...]
    at: int
    modified: int
    gone: bool = False


@dataclass(slots=True)
class Opened:
    """A newsletter was opened, by address. Never changes."""

    key: str
    address: str
    at: int


@dataclass
class LiarState:
    """Everything the platform knows; copied for comparison."""

    rows: dict[str, Row] = field(default_factory=dict)
    next: int = 1
    pending_rewrites: list[tuple[str, str]] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    opens: list[Opened] = field(default_factory=list)
    lists: dict[str, tuple[str, set[str]]] = field(default_factory=dict)  # id → title, records


class Clock:
    """Milliseconds that only move on when asked, or by one with each look."""

    def __init__(self) -> None:
        self.at = 1_700_000_000_000

    def __call__(self) -> int:
        self.at += 1
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += int(seconds * 1000)


class Liar(Connector):
    """The platform and its connector in one."""

    name = "liar"
    title = "Liar"
    table = TABLE
    batch = 3
    by_member = "tags"
    streams = STREAMS
    lists = True

    def __init__(
        self, name: str, clock: Clock, *, mails: bool = False, rewrites: Mapping[str, str] | None = None
    ) -> None:
        self.here = name
        self.clock = clock
        self.fields = TABLE
        self.mails = mails  # type: ignore[misc]
        self.rewrites = dict(rewrites or {})
        self.late = False  # rewrite minutes later instead of at once
        self.state = LiarState()
        self.faults: list[str] = []
        self.seen: Counter[str] = Counter()
        self.made: Counter[str] = Counter()
        self.step: Callable[[str], None] = lambda what: None
        self.page_size = 2
        self.backwards = False  # lists the newest first
        self.account = f"account-{name}"
        self.turned_on: list[str] = []  # records whose subscription a write of ours turned on
        self.hidden: set[str] = set()  # live records that listings leave out
        self.breaks_midway = False  # the next stream of more than one page breaks off after its first

    # ---- people --------------------------------------------------------------------------------------------

    def add(self, email: str, **fields: Any) -> str:
        now, identity = self.clock(), f"{self.here}{self.state.next}"
        self.state.next += 1
        self.state.rows[identity] = Row(identity, email, {k: v for k, v in fields.items() if v}, now, now)
        return identity

    def edit(self, identity: str, **fields: Any) -> None:
        row = self.state.rows[identity]
        for name, value in fields.items():
            if name == "email":
                row.email = value
            elif value:
                row.fields[name] = value
            else:
                row.fields.pop(name, None)
        row.modified = self.clock()

    def leave(self, identity: str) -> None:
        row = self.state.rows[identity]
        row.optin, row.modified = False, self.clock()

    def come_back(self, identity: str) -> None:
        row = self.state.rows[identity]
        row.optin, row.modified = True, self.clock()
        row.granted = row.modified

    def delete(self, identity: str) -> None:
        self.state.rows[identity].gone = True

    def settle_rewrites(self) -> None:
        """What a slow platform does to our values minutes later."""
        for identity, name in self.state.pending_rewrites:
            row = self.state.rows.get(identity)
            if row is not None and isinstance(row.fields.get(name), str):
                after = self._rewritten(name, row.fields[name])
                if after != row.fields[name]:
                    row.fields[name], row.modified = after, self.clock()
        self.state.pending_rewrites.clear()

    # ---- what they tell beside -----------------------------------------------------------------------------

    def call(self, *who: str) -> None:
        """Somebody of the business calls these."""
        now, identity = self.clock(), f"{self.here}-call{len(self.state.calls) + 1}"
        self.state.calls[identity] = Call(identity, who, now, now)

    def change_call(self, identity: str, *who: str) -> None:
        """It was at another time, with others."""
        call = self.state.calls[identity]
        call.who, call.at = who, call.at + 1
        call.modified = self.clock()

    def delete_call(self, identity: str) -> None:
        call = self.state.calls[identity]
        call.gone, call.modified = True, self.clock()

    def open(self, address: str, *, late: bool = False) -> None:
        """Somebody opens a newsletter; one that is told *late* was opened long before."""
        at = self.clock() - (500_000 if late else 0)
        self.state.opens.append(Opened(f"mail{len(self.state.opens) + 1}", address, at))

    # ---- the connector -------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> Account:
        return Account(self.account, self.here)

    def remote_fields(self) -> Sequence[RemoteField]:
        return [RemoteField(row.remote, row.name, row.kind.value, row=row) for row in self.table]

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        since = 0 if full or cursor is None else int(cursor["since"])
        start = int(cursor["offset"]) if cursor and cursor.get("offset") and bool(cursor.get("full")) == full else 0
        upto = max((row.modified for row in self.state.rows.values()), default=0)
        shown = [r for r in sorted(self.state.rows.values(), key=lambda r: r.id) if not r.gone and r.modified >= since]
        shown = [row for row in shown if row.id not in self.hidden]
        if self.backwards:
            shown.reverse()
        while True:
            self._fault(reading=True)
            part = shown[start : start + self.page_size]
            start += self.page_size
            last = start >= len(shown)
            cursor = {"since": upto, "offset": 0} if last else {"since": since, "offset": start, "full": full}
            yield Page([self._raw(row) for row in part], cursor, len(shown), last, last and full)
            if last:
                return

    def decode(self, raw: Raw) -> Seen:
        row = json.loads(raw.body)
        fields = {name: value for name, value in row["fields"].items() if self.fields.get(name)}
        state = ConsentState.WITHDRAWN
        consent = () if row["optin"] else (ConsentSeen(row["email"], state, at=row["modified"], evidence="left"),)
        if row["archived"]:
            consent = ()
        elif row["optin"] and row["granted"]:
            granted = ConsentSeen(row["email"], ConsentState.GRANTED, at=row["granted"], evidence="form", explicit=True)
            consent = (granted,)
        return Seen(
            row["id"],
            {"email": row["email"], **fields},
            (row["email"],),
            str(row["modified"]),
            row["modified"],
            row["created"],
            RecordState.ARCHIVED if row["archived"] else RecordState.LIVE,
            consent,
            row["optin"] and not row["archived"],
        )

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        self._fault(reading=True)
        rows = {i: self.state.rows.get(i) for i in remote_ids}
        return {i: None if row is None or row.gone else self._raw(row) for i, row in rows.items()}

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        found = {}
        for row in self.state.rows.values():
            if not row.gone and row.key in keys and row.key:
                found[row.key] = self._raw(row)
            if not row.gone and row.email in addresses:
                found[row.email] = self._raw(row)
        return found

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._write("update", changes, self._update)

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._write("create", changes, self._create)

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        return self._write("opt_out", changes, self._opt_out)

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._write("archive", changes, self._archive)

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        """Calls that changed, opens from the last one on (it is told twice), all lists."""
        if name == OPENS.name:
            yield from self._opens(0 if cursor is None or full else max(0, int(cursor["at"]) - 1))
            return
        since = 0 if full or cursor is None or name == LISTS.name else int(cursor["since"])
        start = int(cursor.get("offset", 0)) if cursor is not None and not full else 0
        upto = max((call.modified for call in self.state.calls.values()), default=0)
        calls = [call for call in self.state.calls.values() if call.modified >= since]
        shown: list[Any] = calls if name == CALLS.name else list(self.state.lists.items())
        while True:
            self._stream_fault(start)
            part, start = shown[start : start + self.page_size], start + self.page_size
            last = start >= len(shown)
            place = {"since": upto, "offset": 0} if last else {"since": since, "offset": start}
            if name == CALLS.name:
                items = [self._raw_call(call) for call in part if not call.gone]
                yield StreamPage(place, items, gone=[call.id for call in part if call.gone], last=last)
            else:
                yield StreamPage(place, [self._raw_list(*one) for one in part], last=last)
            if last:
                return

    def _opens(self, start: int) -> Iterator[StreamPage]:
        while True:
            self._stream_fault(start)
            part, start = self.state.opens[start : start + self.page_size], start + self.page_size
            facts = Facts(
                touchpoints=[
                    Touchpoint(one.key, one.address, Touch.OPENED, one.at, way=Way.IN, by=By.PERSON) for one in part
                ]
            )
            last = start >= len(self.state.opens)
            yield StreamPage({"at": min(start, len(self.state.opens))}, facts=facts, last=last)
            if last:
                return

    def _stream_fault(self, start: int) -> None:
        if start and self.breaks_midway:
            self.breaks_midway = False
            self.seen["midway"] += 1
            raise Later("broke off between two pages", platform=self.here)
        self._fault(reading=True)

    def _raw_call(self, call: Call) -> Raw:
        return Raw.of(call.id, json.dumps({"who": call.who, "at": call.at}).encode())

    def _raw_list(self, identity: str, shown: tuple[str, set[str]]) -> Raw:
        return Raw.of(identity, json.dumps({"title": shown[0], "who": sorted(shown[1])}).encode())

    def facts(self, name: str, item: Raw) -> Facts:
        body = json.loads(item.body)
        if name == LISTS.name:
            return Facts(listings=[Listing(item.remote_id, body["title"], tuple(body["who"]), "static")])
        called, phone = Touch.CALLED, Channel.PHONE
        return Facts(
            touchpoints=[
                Touchpoint(item.remote_id, who, called, body["at"], phone, Way.OUT, By.PERSON) for who in body["who"]
            ]
        )

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        fault = self._fault(reading=False)
        self.step(f"{self.here} list before")
        self.made["list"] += len(add) + len(remove)
        refused = {}
        if fault in ("refuse", "partial"):
            refused = dict.fromkeys([*add, *remove][: None if fault == "refuse" else 1], "invalid")
        refused |= {i: "not there any more" for i in (*add, *remove) if self.state.rows[i].gone}
        known = [identity for identity, (called, _) in self.state.lists.items() if called == title]
        identity = listing or next(iter(known), f"{self.here}-list{len(self.state.lists) + 1}")
        _, there = self.state.lists.setdefault(identity, (title, set()))
        there |= set(add) - refused.keys()
        there -= set(remove) - refused.keys()
        self.step(f"{self.here} list after")
        if fault == "lost_answer":
            raise MaybeSent("the answer was lost", platform=self.here)
        return Listed(identity, refused)

    # ---- what it does --------------------------------------------------------------------------------------

    def _write(self, what: str, changes: Sequence[Change], one: Callable[[Change], Outcome]) -> Sequence[Outcome]:
        fault = self._fault(reading=False)
        self.step(f"{self.here} {what} before")
        self.made[what] += len(changes)
        if fault == "refuse":
            return [Outcome(Result.REFUSED, c.remote_id, reason="invalid", code="invalid") for c in changes]
        if fault == "partial":
            rest = [one(change) for change in changes[1:]]
            return [Outcome(Result.LATER, changes[0].remote_id, reason="busy"), *rest]
        outcomes = [one(change) for change in changes]
        self.step(f"{self.here} {what} after")
        if fault == "lost_answer":
            raise MaybeSent("the answer was lost", platform=self.here)
        if fault == "answer_twice":
            return [one(change) for change in changes]
        return outcomes

    def _update(self, change: Change) -> Outcome:
        row = self.state.rows.get(change.remote_id)
        if row is None or row.gone or row.archived:
            return Outcome(Result.GONE, change.remote_id, reason="not there any more")
        if change.email is not None and any(
            other.email.lower() == change.email.lower() for other in self.state.rows.values() if other is not row
        ):
            return Outcome(Result.REFUSED, change.remote_id, reason="address is taken", code="exists")
        if change.subscribed and not row.optin:
            row.optin = True
            self.turned_on.append(row.id)
        self._set(row, change)
        return Outcome(Result.APPLIED, row.id, self.decode(self._raw(row)))

    def _create(self, change: Change) -> Outcome:
        for row in self.state.rows.values():
            if row.key == change.key and change.key:
                self._set(row, change)
                return Outcome(Result.APPLIED, row.id, self.decode(self._raw(row)))
            if row.email.lower() == change.address.lower() and not row.gone:
                return Outcome(Result.REFUSED, row.id, raw=self._raw(row), reason="exists", code="exists")
        identity = self.add(change.address)
        row = self.state.rows[identity]
        row.key, row.optin = change.key, change.subscribed or not self.mails
        self._set(row, change)
        return Outcome(Result.APPLIED, identity, self.decode(self._raw(row)))

    def _opt_out(self, change: Change) -> Outcome:
        row = self.state.rows.get(change.remote_id)
        if row is None or row.gone:
            return Outcome(Result.GONE, change.remote_id, reason="not there any more")
        row.optin, row.modified = False, self.clock()
        return Outcome(Result.APPLIED, row.id, self.decode(self._raw(row)))

    def _archive(self, change: Change) -> Outcome:
        row = self.state.rows.get(change.remote_id)
        if row is None or row.gone:
            return Outcome(Result.GONE, change.remote_id)
        row.archived, row.modified = True, self.clock()
        return Outcome(Result.APPLIED, row.id)

    def _set(self, row: Row, change: Change) -> None:
        for name, value in change.values.items():
            if value in (None, ""):
                row.fields.pop(name, None)
                continue
            if self.late and isinstance(value, str) and name in self.rewrites:
                self.state.pending_rewrites.append((row.id, name))
                row.fields[name] = value
            else:
                row.fields[name] = self._rewritten(name, value) if isinstance(value, str) else sorted(value)
        tags = (set(row.fields.get("tags", ())) | set(change.tags_on)) - set(change.tags_off)
        if tags:
            row.fields["tags"] = sorted(tags)
        else:
            row.fields.pop("tags", None)
        if change.email is not None:
            row.email = change.email
        row.modified = self.clock()

    def _rewritten(self, name: str, value: str) -> str:
        rule = self.rewrites.get(name)
        return REWRITES[rule](value) if rule else value

    def _fault(self, *, reading: bool) -> str:
        """The next fault, where it fits; faults about answers wait for a write."""
        if not self.faults:
            return ""
        kind = self.faults[0]
        if kind in ("lost_answer", "answer_twice", "refuse", "partial") and reading:
            return ""
        self.faults.pop(0)
        self.seen[kind] += 1
        if kind == "busy":
            raise Later("busy", platform=self.here)
        if kind == "lost_request":
            if reading:
                raise Later("no answer", platform=self.here)
            raise MaybeSent("no answer", platform=self.here)
        return kind

    def _raw(self, row: Row) -> Raw:
        body = json.dumps(
            {
                "id": row.id,
                "email": row.email,
                "fields": row.fields,
                "modified": row.modified,
                "created": row.created,
                "optin": row.optin,
                "granted": row.granted,
                "archived": row.archived,
            },
            sort_keys=True,
        ).encode()
        return Raw.of(row.id, body)

    def picture(self) -> dict[str, Any]:
        """What the platform shows, without stamps: for comparing two ends of one history."""
        rows = copy.deepcopy(self.state.rows)
        return {i: (r.email, r.fields, r.optin, r.gone, r.archived) for i, r in rows.items()}

    def listed(self) -> dict[str, list[str]]:
        """Who is on which list, by title; a list of nobody is left out."""
        return {title: sorted(who) for title, who in self.state.lists.values() if who}
