"""The engine: one run from pull to push. Each step is safe to be killed in, and to be run again.

recover → pull → resolve → fold and plan → guard → push        (the last three again while anything moves)
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

from sqlalchemy import delete, update

from mapping.decisions import Policies
from mapping.model import MARKETING, Companies, Millis, RecordState
from sync import carry, decide, dues, erasures, events, runs
from sync.attend import attend
from sync.audience import MANY, Audiences
from sync.balance import Balance, ConnectionBalance
from sync.guard import Stop
from sync.lease import WHOLE_STORE, lease, leases
from sync.look import look
from sync.organizations import work_out_all
from sync.overtake import Overtake
from sync.people import Spool, finding_counts, fold_and_plan, fold_only
from sync.push import mark_all
from sync.resolve import Identity, people_count, resolve
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_RESOLVE
from sync.undo import decide_undo
from sync.wired import Progress, Run, Silent, Wired, Works, wall_clock
from sync.writes import Write

_CHOSEN = ("apply", "undo", "task", "erase")
"""Runs that carry out what somebody chose, and nothing else that is due."""


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for garbage rarely meanwhile: a run's objects hold no cycles, and looking through them took a fifth of its
    time. Runs on several threads share the setting: the last one to end puts it back."""
    with _RARELY:
        yield


class _Rarely:
    """Collects rarely while anybody is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = gc.get_threshold()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = gc.get_threshold()
                gc.set_threshold(100_000, 50, 100)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                gc.set_threshold(*self._before)


_RARELY = _Rarely()


class Engine:
    """Keeps the given connections in agreement through one store."""

    def __init__(
        self,
        database: Database,
        connections: Sequence[Wired],
        policies: Policies,
        *,
        now: Callable[[], Millis] = wall_clock,
        progress: Progress = Silent(),  # noqa: B008 - it has no state
        fresh_for: Millis = 60_000,
        identity: Identity = Identity(),  # noqa: B008 - frozen
        audiences: Audiences = Audiences(),  # noqa: B008 - frozen
        wait: float = 0.0,
        full_every: Millis = 0,
    ) -> None:
        self.database = database
        self.now = now
        self.identity = identity
        self.audiences = audiences
        self._wait = wait
        named = {wired.name: wired for wired in connections}
        self._works = Works(database, named, policies, now, progress, fresh_for)
        self._works.full_every = full_every

    @property
    def connections(self) -> dict[str, Wired]:
        return self._works.connections

    @property
    def policies(self) -> Policies:
        return self._works.policies

    # ---- runs ------------------------------------------------------------------------------------------------

    def sync(
        self, names: Sequence[str] = (), *, dry_run: bool = False, pull_only: bool = False, full: bool = False
    ) -> Balance:
        """One run, over all connections or those in *names*. *dry_run* pulls and plans, and neither writes an intent
        nor makes a write call; *pull_only* leaves it at knowing."""
        carries = not (dry_run or pull_only)
        with self._run("dry run" if dry_run else "sync", names, full=full, carries=carries) as run:
            with closing(carry.plan(self._works, run, dry_run=dry_run or pull_only)) as spool:
                if pull_only:
                    return self._end(run)
                run.balance.plan_hash, run.balance.planned = spool.hash, spool.count
                if dry_run:
                    carry.rehearse(self._works, run, spool)
                else:
                    carry.carry_out(self._works, run, spool, self.identity)
            return self._end(run)

    def hear(self, names: Sequence[str] = ()) -> Balance:
        """One run for those alone whom the inbox names: look at them again, then people, segments, plan and push. Of
        *names* alone, where they are given: nothing is pushed to the others, to whom it is owed then."""
        with self._run("hear", names, hear=True, carries=True) as run:
            with closing(carry.plan(self._works, run, dry_run=False)) as spool:
                run.balance.plan_hash, run.balance.planned = spool.hash, spool.count
                carry.carry_out(self._works, run, spool, self.identity)
            return self._end(run)

    def plan(self, names: Sequence[str] = ()) -> tuple[Spool, Balance]:
        """Everything that a run would write now, after looking. The caller closes the spool."""
        with self._run("plan", names) as run:
            spool = carry.plan(self._works, run, dry_run=True)
            run.balance.plan_hash, run.balance.planned = spool.hash, spool.count
            carry.rehearse(self._works, run, spool)
            return spool, self._end(run)

    def apply(self, writes: Iterable[Write]) -> Balance:
        """Carry out exactly these writes; one that a plan made now would not contain is refused as moved."""
        with self._run("apply") as run, closing(Spool()) as chosen:
            wanted = {(w.connection, w.kind, w.record, w.person): w for w in writes}
            with closing(carry.plan(self._works, run, dry_run=True)) as current:
                for write in current:
                    if wanted.get((write.connection, write.kind, write.record, write.person)) == write:
                        chosen.add(write)
            if chosen.count < len(wanted):
                left = len(wanted) - chosen.count
                what = "write" if left == 1 else "writes"
                run.balance.notes.append(f"{left:,} {what} left out: what they rest on has moved.")
            self._once(run, chosen)
            return self._end(run)

    def task(self, write: Write) -> Balance:
        """Put down a task that a person asked for, as a run of its own."""
        with self._run("task", [write.connection]) as run, closing(Spool()) as chosen:
            chosen.add(write)
            self._once(run, chosen)
            return self._end(run)

    def erase(self, person: str) -> int:
        """Forget somebody here, at once and for good; the next run has them erased wherever we may. Returns the number
        of the erasure."""
        with self._lease(), self.database.overwriting() as conn:
            return erasures.ask(conn, person, self.now())

    def carry_erasures(self) -> Balance:
        """A run that does nothing but erase who asked for it and is still somewhere."""
        with self._run("erase") as run, closing(Spool()) as chosen:
            for write in erasures.planned(self.database, {w.name for w in self.connections.values() if w.may_erase}):
                chosen.add(write)
            self._once(run, chosen)
            return self._end(run)

    def undo(self, run_id: int) -> Balance:
        """Take back what *run_id* wrote, as a run of its own. Raises `sync.runs.NoSuchRun`."""
        with self._run("undo", undoes=run_id) as run, closing(Spool()) as chosen:
            decided = decide_undo(self.database, run_id, run.id, run.revision, self.now())
            run.balance.notes.extend(decided.notes)
            for write in decided.writes:
                chosen.add(write)
            with closing(carry.plan(self._works, run, dry_run=False)) as current:
                for write in current:
                    if write.record in decided.records:
                        chosen.add(write)
            self._once(run, chosen)
            return self._end(run)

    def _once(self, run: Run, chosen: Spool) -> None:
        """Carry out a chosen part of the plan and nothing else; afterwards what is held is listed."""
        run.balance.plan_hash, run.balance.planned = chosen.hash, chosen.count
        carry.carry_out(self._works, run, chosen, self.identity, rounds=1)
        carry.plan(self._works, run, dry_run=True).close()

    # ---- what people decide ----------------------------------------------------------------------------------

    def settle(self, name: str, prefer: str, people: Sequence[str] | None = None) -> int:
        """Settle the open conflicts in a field; returns how many people it concerned."""
        with self._lease():
            return decide.settle(self.database, name, prefer, self.now(), people)

    def release(self, connection: str) -> list[Stop]:
        """Let a stopped connection go on with the next run."""
        with self._lease():
            return decide.release_connection(self.database, connection, self.now())

    def release_person(self, person: str, name: str | None = None) -> int:
        """Let go of what is held, contested or refused at one person."""
        with self._lease():
            return decide.release_person(self.database, person, name, self.now())

    def leave_alone(self, person: str) -> None:
        """Write nothing to this person's records; opt-outs still reach them."""
        with self._lease():
            decide.leave_alone(self.database, person, self.now())

    def join(self, people: Sequence[str]) -> None:
        """These are one person; takes effect at once, writes nothing."""
        with self._lease():
            decide.join(self.database, people, self.now())
            resolve(self.database, runs.last_revision(self.database), self.identity)

    def split(self, person: str, apart: Sequence[int]) -> None:
        """These records are not that person; takes effect at once, writes nothing."""
        with self._lease():
            decide.split(self.database, person, apart, self.now())
            resolve(self.database, runs.last_revision(self.database), self.identity)

    def rebuild(self) -> int:
        """Work out everybody again from what we know; returns how many people there are."""
        with self._lease():
            with self.database.write() as conn:
                for table in (t.person, t.relationship, t.finding):
                    conn.execute(delete(table))
                conn.execute(
                    update(t.record).where(t.record.c.state != RecordState.ERASED.value).values(mark=MARK_RESOLVE)
                )
            resolve(self.database, runs.last_revision(self.database), self.identity)
            revision = runs.last_revision(self.database)
            work_out_all(self.database, revision)
            self.audiences.judge_organizations(self.database, revision, self.now())
            if self.audiences.segments:
                self.audiences.judge(self.database, fold_only(self.database, self.policies, MANY), revision, self.now())
            fold_and_plan(self.database, self._works.targets(), self.policies, settle_marks=False).close()
            with self.database.read() as conn:
                return people_count(conn)

    # ---- a run's frame ---------------------------------------------------------------------------------------

    @contextmanager
    def _lease(self, names: Sequence[str] = ()) -> Iterator[None]:
        """The leases of *names*, beside others who hold those of others; else the whole store's."""
        works = self._works
        works.beside = bool(names) and not self.connections.keys() <= set(names)
        if works.beside:
            taken = leases(self.database, names, wait=self._wait)
        else:
            taken = lease(self.database, WHOLE_STORE, wait=self._wait)
        with taken as works.lease, _few_collections():
            yield
        works.lease = None

    @contextmanager
    def _run(
        self,
        kind: str,
        names: Sequence[str] = (),
        *,
        full: bool = False,
        undoes: int = 0,
        hear: bool = False,
        carries: bool = False,
    ) -> Iterator[Run]:
        """A run that has looked at the chosen connections. One that *carries* sends whatever is due there."""
        works = self._works
        with self._lease(names):
            with works.people():
                run = self._begin(kind, names, undoes=undoes, carries=carries)
            overtake = Overtake(works, run, self.identity)
            if carries or kind in _CHOSEN:
                run.overtake = overtake
            if hear:
                attend(works, run, self.identity)
            else:
                look(works, run, self.identity, full=full)
            if any(one.streams for one in run.balance.connections.values()):
                with works.people():
                    self.audiences.judge_organizations(self.database, works.revision(run), self.now())
            works.folded.clear()
            if self.audiences.shown:
                with works.people():
                    sales, revision = run.balance.sales, works.revision(run)
                    self.audiences.judge_first(self.database, self.policies, revision, self.now(), everybody=sales)
            overtake.about_to_plan()
            yield run

    def _begin(self, kind: str, names: Sequence[str], *, undoes: int, carries: bool) -> Run:
        """Open a run, and mark everybody where the rules are others than they were."""
        run_id, revision = runs.begin(self.database, kind, self.now(), undoes=undoes)
        named = self.connections.values()
        runs.register(self.database, [(wired.name, wired.platform or wired.connector.name) for wired in named])
        balance = Balance(run=run_id, kind=kind, revision=revision, dry_run=kind in ("dry run", "plan"))
        balance.connections = {name: ConnectionBalance() for name in self.connections}
        run = Run(run_id, revision, balance, chosen=frozenset(names or self.connections), carries=carries)
        with self.database.write() as conn:
            run.taken_over = dues.begin(conn, run.chosen, run_id, carries=carries)
        if runs.rules_changed(self.database, self._rules()):
            with self.database.write() as conn:
                mark_all(conn)
        return run

    def _rules(self) -> str:
        """What the plan depends on besides records: a change of it concerns everybody."""
        wired = [
            (w.name, w.direction, w.create, w.connector.fields.fingerprint(), *sorted(w.tags.items()), *sorted(w.lists))
            + ((w.companies,) if w.companies is not Companies.NONE else ())
            + (w.connector.purposes if w.connector.purposes != (MARKETING,) else ())
            for w in self.connections.values()
        ]
        return repr((sorted(wired), sorted(self.policies.fields.items()), self.policies.region))

    def _end(self, run: Run) -> Balance:
        balance, works = run.balance, self._works
        for name in run.chosen:
            balance.connections[name].calls = dict(self.connections[name].connector.calls())
        with works.people():
            if self.audiences.segments and not self.audiences.shown:
                everybody = balance.sales or run.taken_over
                revision, at = works.revision(run), self.now()
                self.audiences.judge(self.database, works.folded, revision, at, everybody=everybody)
            with self.database.write() as conn:
                balance.people = people_count(conn)
                balance.findings = finding_counts(conn)
                balance.conflicts = balance.findings.get("conflict", 0)
                if not balance.stops and not balance.dry_run and balance.kind != "hear":
                    conn.execute(delete(t.release).where(t.release.c.connection.in_(sorted(run.chosen))))
                if run.carries:
                    dues.end(conn, run.ends(self.now()))
            balance.seconds = runs.end(self.database, run.id, balance, self.now())
            events.derive(self.database, self.now())
        return balance
