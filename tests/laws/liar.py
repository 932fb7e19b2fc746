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
    Cursor,
    Outcome,
    Page,
    Raw,
    RemoteField,
    Result,
    Settings,
)
from connectors.errors import Later, MaybeSent
from mapping.fields import FieldTable, both, reads
from mapping.model import ConsentSeen, ConsentState, RecordState, Seen
from mapping.values import Kind
from tests.laws.liar_streams import Beside, Lie, Telling

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
    erased: bool = False
    key: str = ""


@dataclass
class LiarState(Beside):
    """Everything the platform knows; copied for comparison."""

    rows: dict[str, Row] = field(default_factory=dict)
    next: int = 1
    pending_rewrites: list[tuple[str, str]] = field(default_factory=list)


class Clock:
    """Milliseconds that only move on when asked, or by one with each look."""

    def __init__(self) -> None:
        self.at = 1_700_000_000_000

    def __call__(self) -> int:
        self.at += 1
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += int(seconds * 1000)


class Liar(Telling):
    """The platform and its connector in one."""

    name = "liar"
    title = "Liar"
    table = TABLE
    batch = 3
    by_member = "tags"
    erases = True

    def __init__(
        self, name: str, clock: Clock, *, mails: bool = False, rewrites: Mapping[str, str] | None = None
    ) -> None:
        super().__init__({}, Settings())
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
        self.lies: list[tuple[str, Lie]] = []  # stream and lie, for the next pull that can tell it
        self.looked: Callable[[], None] = lambda: None  # what happens while it is read
        self.breaks_midway = False  # the next stream of more than one page breaks off after its first
        self.lists_are_tags = mails  # type: ignore[misc]

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

    def erase(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._write("erase", changes, self._erase)

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        return self._write("opt_out", changes, self._opt_out)

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._write("archive", changes, self._archive)

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

    def _erase(self, change: Change) -> Outcome:
        row = self.state.rows.get(change.remote_id)
        if row is None or row.erased:
            return Outcome(Result.GONE, change.remote_id)
        row.gone = row.erased = True
        row.email, row.fields, row.key = "", {}, ""
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
        if reading:
            self.looked()
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
                "fields": self._with_lists(row),
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
