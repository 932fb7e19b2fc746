"""A small world for histories: a few people on platforms that lie, kept in agreement by the real engine.

A history is a list of `Op`; playing it drives people, platforms and runs. The world keeps its own account of what
people did (`withdrawn`, `touched`), so that the laws are checked against it and not against the engine's word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from mapping.decisions import Policies, Policy
from mapping.model import Create, Direction, RecordState, WriteKind
from mapping.survivorship import Rule, fold
from mapping.values import Kind, canonical, same
from sync.audience import Audiences
from sync.balance import Balance
from sync.decide import NothingToDecide
from sync.engine import Engine
from sync.guard import Limit, Limits
from sync.runs import NoSuchRun, all_stops
from sync.store import schema as t
from sync.store.database import Database, open_database
from sync.store.records import load_cases
from sync.wired import Wired
from tests.laws.liar import REWRITES, TABLE, Clock, Liar
from tests.laws.liar_streams import STREAMS
from tests.laws.world_streams import SEGMENTS, Op, StreamedWorld, shown

NAMES = ("a", "b", "c")
FIELDS = ("given_name", "family_name", "phone", "city")
VALUES = {
    "given_name": ("Ada", "ada", "Adelheid von Winter", "  Ada ", "Bo"),
    "family_name": ("Berg", "Berg-Tal", "BERG", "Ø"),
    "phone": ("030 123456", "+49 30 123456", "+49 30 999999", "call me"),
    "city": ("Berlin", "Ulm an der Donau", "ulm", "Köln"),
}
TAGS = ("vip", "bread", "cake")
PEOPLE = ("ada@example.org", "bo@example.org", "cy@example.org", "di@example.org")
KINDS_OF_FAULT = ("lost_answer", "lost_request", "busy", "answer_twice", "partial", "refuse")
NO_BRAKES = Limits(*(Limit(1.0, 10_000) for _ in range(5)))


class Killed(BaseException):
    """The process died here."""


class World(StreamedWorld):
    """Platforms, store and engine of one history."""

    streams = False

    def __init__(
        self,
        *,
        platforms: int = 2,
        rewrites: Iterable[tuple[int, str, str]] = (),
        create: bool = False,
        trust: bool = False,
        streams: bool = False,
        url: str = "sqlite://",
        folder: Path = Path(),
    ) -> None:
        self.clock = Clock()
        self.liars = [Liar(name, self.clock, mails=name == "b") for name in NAMES[:platforms]]
        for place, name, rule in rewrites:
            self.liars[place % platforms].rewrites[name] = rule
        self.create = create
        self.streams = streams
        self.put_on: set[tuple[str, str, str]] = set()  # (platform, record, badge) that somebody put on by hand
        self.taken_off: set[tuple[str, str, str]] = set()  # and took off, after a run had seen it
        self.left_by_hand: set[tuple[str, str]] = set()  # (platform, record) whose owner ever left there
        self.left_ever: set[str] = set()  # addresses under which somebody ever left
        self.policies = Policies(
            fields={"city": Policy(trust=NAMES[:platforms])} if trust else {},
            kinds={row.name: row.kind for row in TABLE},
            region="DE",
        )
        self.database: Database = open_database(url, folder, now=self.clock)
        self.seen: Counter[str] = Counter()
        self.erased: dict[str, int] = {}  # address → when its owner asked to be erased
        self.erased_there: dict[tuple[str, str], int] = {}  # (platform, address of an erased record there) → when
        self.erased_rows: set[tuple[str, str]] = set()  # (platform, record) that was theirs then
        self.returned: set[tuple[str, str]] = set()  # (platform, record) of somebody who was erased, made since
        self.withdrawn: dict[str, int] = {}  # address → when its owner left, where a run has seen it
        self.unseen: dict[tuple[str, str], int] = {}  # (platform, record) → left, and no run has looked since
        self.granted: dict[str, int] = {}
        self.runs: list[int] = []
        self.rehearsal_wrote: list[str] = []
        self.believed_gone: list[str] = []
        self.balances: list[Balance] = []
        self.steps = 0
        self.kill_at = 0
        self.during: Callable[[], None] | None = None
        for liar in self.liars:
            liar.step = self._step
        self.engine = self._engine()

    def _engine(self) -> Engine:
        create = Create.EVERYONE if self.create else Create.NONE
        wired = [
            Wired(liar.here, liar, Direction.BOTH, create if liar.here == "a" else Create.NONE, NO_BRAKES)
            for liar in self.liars
        ]
        if not self.streams:
            return Engine(self.database, wired, self.policies, now=self.clock)
        names = tuple(stream.name for stream in STREAMS)
        wired = [
            replace(one, streams=names, tags=shown(one.name, "tag"), lists=shown(one.name, "list")) for one in wired
        ]
        return Engine(self.database, wired, self.policies, now=self.clock, audiences=Audiences(SEGMENTS))

    def close(self) -> None:
        self.database.close()

    # ---- steps ---------------------------------------------------------------------------------------------

    def _step(self, what: str) -> None:
        """A durable step: a process may die here, and people may act meanwhile."""
        self.steps += 1
        if self.during is not None:
            act, self.during = self.during, None
            act()
        if self.kill_at and self.steps == self.kill_at:
            self.kill_at = 0
            raise Killed(what)

    def sync(self, *, full: bool = False, dry_run: bool = False) -> Balance:
        left, self.unseen = self.unseen, {}
        balance = self.engine.sync(full=full, dry_run=dry_run)
        self._notice(left, balance)
        self.balances.append(balance)
        there = {(liar.here, i) for liar in self.liars for i, row in liar.state.rows.items() if not row.gone}
        gone = {(row["connection"], row["remote_id"]) for row in self.rows(t.record) if row["state"] == "gone"}
        self.believed_gone += [f"run {balance.run}: {key} is there" for key in sorted(gone & there)]
        if not dry_run:
            self.runs.append(balance.run)
        return balance

    def _notice(self, left: dict[tuple[str, str], int], balance: Balance) -> None:
        """Withdrawals that were there when a run looked count from now on."""
        for (here, identity), at in left.items():
            if here in balance.failures:
                self.unseen.setdefault((here, identity), at)
            else:
                row = next(liar for liar in self.liars if liar.here == here).state.rows[identity]
                self.withdrawn[row.email.lower()] = at

    def calm(self) -> None:
        """People and faults stop; what platforms do late, they do now."""
        self.during, self.kill_at = None, 0
        for liar in self.liars:
            liar.faults.clear()
            liar.hidden.clear()
            liar.lies.clear()
            liar.late = liar.breaks_midway = False
            liar.settle_rewrites()

    def settle(self, runs: int = 3) -> list[Balance]:
        """Run until it should have settled: at most *runs* runs after a person has let go what guards stopped, and one
        more that must plan nothing."""
        self.calm()
        balances: list[Balance] = []
        for _ in range(1 + len(self.liars)):  # each may turn out to be emptied
            self._release()
            balances = [self.sync(full=turn == 0) for turn in range(runs)]
            if not any(balance.stops for balance in balances):
                break
        return balances

    def _release(self) -> None:
        """A person lets every stopped connection go on."""
        for liar in self.liars:
            if all_stops(self.database, liar.here):
                self.engine.release(liar.here)
                self.seen["released"] += 1

    # ---- what happens --------------------------------------------------------------------------------------

    def begin(self) -> None:
        """An agreed state: people on some platforms, conflicts settled."""
        for place, liar in enumerate(self.liars):
            for number, email in enumerate(PEOPLE):
                if (number + place) % 4:
                    shown = email.upper() if (number + place) % 3 == 0 else email
                    liar.add(shown, given_name=VALUES["given_name"][number % 2 * 4], city=VALUES["city"][place % 2])
            if self.streams:
                liar.call(f"{liar.here}1")
                liar.open(liar.state.rows[f"{liar.here}2"].email)
                liar.open(liar.state.rows[f"{liar.here}2"].email)
        self.sync()
        for name in FIELDS:
            self._decide("settle", lambda name=name: self.engine.settle(name, "a"))  # type: ignore[misc]
        self.settle(2)
        self.seen.clear()

    def play(self, history: Iterable[Op]) -> None:
        for op in history:
            self.seen[op.kind] += 1
            getattr(self, "_" + op.kind)(op)

    def _liar(self, op: Op) -> Liar:
        return self.liars[op.place % len(self.liars)]

    def _row(self, op: Op) -> tuple[Liar, str] | None:
        liar = self._liar(op)
        rows = [identity for identity, row in sorted(liar.state.rows.items()) if not row.gone and not row.archived]
        return (liar, rows[op.person % len(rows)]) if rows else None

    def _edit(self, op: Op) -> None:
        found = self._row(op)
        if found:
            name = FIELDS[op.name % len(FIELDS)]
            found[0].edit(found[1], **{name: VALUES[name][op.value % len(VALUES[name])]})

    def _clear(self, op: Op) -> None:
        found = self._row(op)
        if found:
            found[0].edit(found[1], **{FIELDS[op.name % len(FIELDS)]: ""})

    def _tag(self, op: Op) -> None:
        found = self._row(op)
        if found:
            tags = set(found[0].state.rows[found[1]].fields.get("tags", ())) ^ {TAGS[op.value % len(TAGS)]}
            found[0].edit(found[1], tags=sorted(tags))

    def _add(self, op: Op) -> None:
        email, liar = f"new{op.person}@example.org", self._liar(op)
        if not any(row.email.lower() == email for row in liar.state.rows.values()):
            name = FIELDS[op.name % len(FIELDS)]
            liar.add(email, **{name: VALUES[name][op.value % len(VALUES[name])]})

    def _delete(self, op: Op) -> None:
        found = self._row(op)
        if found:
            self.unseen.pop((found[0].here, found[1]), None)  # nobody could know any more
            found[0].delete(found[1])

    def _leave(self, op: Op) -> None:
        found = self._row(op)
        if found:
            found[0].leave(found[1])
            self.left_by_hand.add((found[0].here, found[1]))
            self.left_ever.add(canonical(Kind.EMAIL, found[0].state.rows[found[1]].email) or "")
            self.unseen[found[0].here, found[1]] = found[0].state.rows[found[1]].modified

    def _come_back(self, op: Op) -> None:
        found = self._row(op)
        if found and not found[0].state.rows[found[1]].optin:
            self.unseen.pop((found[0].here, found[1]), None)  # nobody could know that they had left
            found[0].come_back(found[1])
            row = found[0].state.rows[found[1]]
            self.granted[row.email.lower()] = row.modified

    def _tick_on(self, op: Op) -> None:
        """Somebody ticks "subscribed" without any evidence of the person's own act."""
        found = self._row(op)
        if found:
            self.unseen.pop((found[0].here, found[1]), None)  # nobody could know
            found[0].state.rows[found[1]].optin = True
            found[0].state.rows[found[1]].modified = self.clock()

    def _move(self, op: Op) -> None:
        found = self._row(op)
        email = f"moved{op.value % 3}@example.org"
        if found and not any(row.email == email for row in found[0].state.rows.values()):
            found[0].edit(found[1], email=email)
            if not found[0].state.rows[found[1]].optin:
                self.left_ever.add(canonical(Kind.EMAIL, email) or "")  # who is off stays off under a new address

    def _fault(self, op: Op) -> None:
        self._liar(op).faults.append(KINDS_OF_FAULT[op.value % len(KINDS_OF_FAULT)])

    def _lose(self, op: Op) -> None:
        """The answer to the next write is lost; the write itself is not."""
        self._liar(op).faults.append("lost_answer")

    def _late(self, op: Op) -> None:
        self._liar(op).late = op.value % 2 == 0

    def _minutes(self, op: Op) -> None:
        self.clock.advance(90 + op.value * 600)
        self._liar(op).settle_rewrites()

    def _sync(self, op: Op) -> None:
        self.sync(full=op.value % 4 == 0)

    def _rehearse(self, op: Op) -> None:
        """A dry run: what it says is what the real run then does, and it does nothing itself."""
        before = [(liar.picture(), sum(liar.made.values())) for liar in self.liars]
        said = self.sync(dry_run=True)
        if before != [(liar.picture(), sum(liar.made.values())) for liar in self.liars]:
            self.rehearsal_wrote.append(f"the rehearsal of run {said.run} wrote")
        done = self.sync()
        if not (said.failures or done.failures or said.plan_hash == done.plan_hash):
            self.rehearsal_wrote.append(f"run {done.run} did {done.planned}, rehearsed were {said.planned}")

    def _hide(self, op: Op) -> None:
        """A live record that listings leave out for a while, as pages that shift do."""
        found = self._row(op)
        if found:
            found[0].hidden.add(found[1])
            self._decide("hidden", lambda: self.sync(full=True))
            if op.value % 2:
                found[0].hidden.clear()

    def _kill(self, op: Op) -> None:
        """A run that dies at one of its steps."""
        self.kill_at = self.steps + 1 + op.value % 6
        try:
            self.sync()
        except Killed:
            self.seen["killed"] += 1
        self.kill_at = 0

    def _meanwhile(self, op: Op) -> None:
        """Somebody edits while a run is writing."""
        self.during = lambda: self._edit(op)
        self.sync()
        self.during = None

    def _undo(self, op: Op) -> None:
        if self.runs:
            run = self.runs[-1 - op.value % min(3, len(self.runs))]
            self._decide("undone", lambda: self.runs.append(self.engine.undo(run).run))

    def _settle(self, op: Op) -> None:
        name = FIELDS[op.name % len(FIELDS)]
        self._decide("settled", lambda: self.engine.settle(name, self._liar(op).here))

    def _split(self, op: Op) -> None:
        people = self.people()
        many = [person for person, records in sorted(people.items()) if len(records) > 1]
        if many:
            person = many[op.person % len(many)]
            self.engine.split(person, [people[person][op.value % len(people[person])]])

    def _join(self, op: Op) -> None:
        people = sorted(self.people())
        if len(people) > 1:
            one, two = people[op.person % len(people)], people[op.value % len(people)]
            if one != two:
                self.engine.join([one, two])

    def _erase(self, op: Op) -> None:
        """Somebody asks to be forgotten."""
        people = sorted(self.people().items())
        if not people:
            return
        person, records = people[op.person % len(people)]
        mine = [row for row in self.rows(t.record) if row["id"] in records]
        self.erased_rows |= {(row["connection"], row["remote_id"]) for row in mine}
        held = [(row["value"], row["record"]) for row in self.rows(t.identifier) if row["kind"] == "email"]
        shared = {value for value, record in held if record not in records}
        at = self.clock()
        where = {row["id"]: row["connection"] for row in mine}
        self.erased_there |= {(where[record], value): at for value, record in held if record in records}
        self.erased |= {value: at for value, record in held if record in records and value not in shared}
        self.engine.erase(person)
        self.seen["erased"] += 1

    def _return(self, op: Op) -> None:
        """Somebody who was erased is there again: signed up anew, or was imported."""
        gone, liar = sorted(self.erased), self._liar(op)
        there = {row.email.lower() for row in liar.state.rows.values() if not row.gone}
        if gone and gone[op.person % len(gone)] not in there:
            self.returned.add((liar.here, liar.add(gone[op.person % len(gone)], city=VALUES["city"][op.value % 4])))
            self.seen["returned"] += 1

    def _decide(self, what: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except (NothingToDecide, NoSuchRun):
            return
        self.seen[what] += 1

    # ---- what the store says -------------------------------------------------------------------------------

    def people(self) -> dict[str, list[int]]:
        """Person id → record ids."""
        found: dict[str, list[int]] = {}
        with self.database.read() as conn:
            known = select(t.record.c.person, t.record.c.id).where(t.record.c.person.is_not(None))
            for row in conn.execute(known.order_by(t.record.c.id)):
                found.setdefault(row.person, []).append(row.id)
        return found

    def people_by_remote(self) -> set[frozenset[tuple[str, str]]]:
        """Who is one person, by the platforms' own ids."""
        found: dict[str, set[tuple[str, str]]] = {}
        for row in self.records():
            found.setdefault(row["person"], set()).add((row["connection"], row["remote_id"]))
        return {frozenset(group) for group in found.values()}

    def values_by_remote(self) -> dict[str, str]:
        """Everybody's values, keyed by the smallest remote id of the person."""
        chosen = {row["id"]: row["fields"] for row in self.rows(t.person)}
        first: dict[str, str] = {}
        for row in self.records():
            first[row["person"]] = min(first.get(row["person"], row["remote_id"]), row["remote_id"])
        return {first[person]: fields for person, fields in chosen.items()}

    def records(self) -> list[dict[str, Any]]:
        """Rows of records that were not erased."""
        return [row for row in self.rows(t.record) if row["state"] != RecordState.ERASED]

    def rows(self, table: Any) -> list[dict[str, Any]]:
        """A table's rows as mappings."""
        with self.database.read() as conn:
            return [dict(row._mapping) for row in conn.execute(select(table))]

    def disagreements(self) -> list[str]:
        """Linked fields that show neither the chosen value, nor what their platform makes of it, nor are listed."""
        listed = {(f["person"], f["record"], f["name"]) for f in self.rows(t.finding)}
        open_fields = {(person, name) for person, _, name in listed}
        leads = {(f["person"], f["record"]) for f in self.rows(t.finding) if f["kind"] == "duplicate"}
        chosen = {row["id"]: msgspec.json.decode(row["fields"]) for row in self.rows(t.person)}
        wrong = []
        for record in self.records():
            liar = next(liar for liar in self.liars if liar.here == record["connection"])
            row = liar.state.rows[record["remote_id"]]
            if row.gone or row.archived or (record["person"], record["id"]) in leads:
                continue
            values = chosen[record["person"]]
            for name in FIELDS:
                wanted, shown = values.get(name), row.fields.get(name)
                fine = {wanted, self._image(liar, name, wanted)}
                if shown in fine or (record["person"], record["id"], name) in listed:
                    continue
                if wanted is None and (shown is None or (record["person"], name) in open_fields):
                    continue
                kind = TABLE.by_name[name].kind
                if canonical(kind, shown, "DE") == canonical(kind, wanted, "DE"):
                    continue  # equivalent at first meeting: not worth a write
                wrong.append(f"{record['person']} {liar.here} {record['remote_id']} {name}: {shown!r}, not {wanted!r}")
        return wrong

    def opted_out_for_nothing(self) -> list[str]:
        """Opt-outs of ours that name nobody who left, and records that we took off without one."""
        wrong, asked = [], set[tuple[str, str]]()
        for write in self.rows(t.write):
            if write["kind"] == WriteKind.OPT_OUT:
                row = msgspec.json.decode(write["row"])
                asked.add((write["connection"], row["remote_id"]))
                if row["why"] != "erased" and row["why"].partition(":")[0] not in self.left_ever:
                    wrong.append(f"write {write['id']} opts out, and {row['why']!r} is nobody who left")
        for liar in self.liars:
            out = {(liar.here, row.id) for row in liar.state.rows.values() if not row.optin}
            out -= self.left_by_hand | self.erased_rows
            wrong += [f"{one} is off, and nobody asked" for one in sorted(out - asked)]
        return wrong

    def _image(self, liar: Liar, name: str, value: Any) -> Any:
        rule = liar.rewrites.get(name)
        return REWRITES[rule](value) if rule and isinstance(value, str) else value

    def still_known(self) -> list[str]:
        """What is left of people who asked to be erased: their records on platforms, and their addresses anywhere in
        the store. An address that somebody has again is that one's."""
        rows = {(liar.here, identity): row for liar in self.liars for identity, row in liar.state.rows.items()}
        wrong = [f"{one} was to be erased, and is there" for one in sorted(self.erased_rows) if not rows[one].erased]
        known = {(row["connection"], row["remote_id"]) for row in self.records()}
        kept = {
            one for one in self.returned if not rows[one].gone and canonical(Kind.EMAIL, rows[one].email) in self.erased
        }
        wrong += [f"{one} was let in again" for one in sorted(kept & known)]
        again = {row.email.lower() for row in rows.values() if not row.gone}
        again |= {row["value"] for row in self.rows(t.identifier)}
        wanted = [address for address in self.erased if address not in again]
        for table in t.metadata.sorted_tables if wanted else ():
            said = " ".join(str(value) for row in self.rows(table) for value in row.values()).lower()
            wrong += [f"{address} is known in {table.name}" for address in wanted if address in said]
        return wrong

    def unexplained(self) -> list[str]:
        """Values of people for which no record's claim and no decision answers."""
        wrong = []
        for person in self.people():
            with self.database.read() as conn:
                case = load_cases(conn, [person])[0]
            chosen = fold(case.records, case.decisions, self.engine.policies).choices
            by_id = {record.id: record for record in case.records}
            for name, choice in chosen.items():
                record = by_id.get(choice.source.record)
                claim = record.claim(name) if record is not None else None
                kept = choice.rule in (Rule.KEPT, Rule.UNION)
                if record is None or not (kept or (claim is not None and same(claim.value, choice.value))):
                    wrong.append(f"{person} {name}={choice.value!r} rests on {choice.source}")
        return wrong

    def mailed_although_left(self) -> list[str]:
        """Addresses of people who left, and did not come back by their own act, that a platform would mail."""
        addresses: dict[str, set[str]] = {}
        for identifier in self.rows(t.identifier):
            if identifier["kind"] == "email":
                addresses.setdefault(str(identifier["record"]), set()).add(identifier["value"])
        refused = {f["record"] for f in self.rows(t.finding) if f["kind"] == "refused" and f["name"] == "consent"}
        wrong = []
        for group in self.people().values():
            known = set().union(*(addresses.get(str(record), set()) for record in group))
            left = max((self.withdrawn.get(address, 0) for address in known), default=0)
            if not left:
                continue
            for record in self.records():
                if record["id"] not in group or record["id"] in refused:
                    continue  # the platform would not take the opt-out, and the list says so
                liar = next(liar for liar in self.liars if liar.here == record["connection"])
                row = liar.state.rows[record["remote_id"]]
                back = self.granted.get(canonical(Kind.EMAIL, row.email) or "", 0)
                if row.optin and not row.gone and not row.archived and back <= left:
                    wrong.append(f"{row.email} at {liar.here}")
        return wrong
