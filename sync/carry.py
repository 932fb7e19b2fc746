"""Carry out: plan, guard and push, and plan again what moved meanwhile, a few times.

Opt-outs leave first, at every connection, before anything else leaves at any; who leaves while the others are under
way is heard between two batches (`sync.overtake`).
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.errors import Failure
from mapping.model import WriteKind
from sync import dues, erasures, runs
from sync.audience import MANY
from sync.guard import Stop, before_push, unreleased
from sync.people import Spool, fold_and_plan
from sync.push import Interrupted, Pusher
from sync.recover import recover
from sync.resolve import Identity, resolve
from sync.wired import Run, Wired, Works

ROUNDS = 4

LEADING = (WriteKind.OPT_OUT,)
_FOLLOWING = tuple(kind for kind in WriteKind if kind not in LEADING)


def plan(works: Works, run: Run, *, dry_run: bool) -> Spool:
    """Fold everybody who changed, and say what must be written. The caller closes the spool. What is due to
    connections that this run does not hold is noted as owed to them."""
    with works.people():
        spool = _plan(works, dry_run=dry_run)
    if not dry_run:
        run.unsent = {name: spool.hash_of(name) for name in run.chosen}
        owe(works, run, spool)
    if works.beside:
        disbelieve(works, run)
    return spool


def owe(works: Works, run: Run, spool: Spool) -> None:
    """Note what this plan has for whom. A run that is killed before this is taken over, and its plan made again."""
    others = {name: spool.hash_of(name) for name in works.connections if name not in run.chosen}
    others = {name: hash for name, hash in others.items() if hash}
    if others:
        with works.database.write() as conn:
            dues.owe(conn, others, works.now())


def disbelieve(works: Works, run: Run) -> None:
    """What a connection claims does not travel while a guard holds it, or while a look at it has not been judged by
    the guards: another run may be in the middle of one, or was killed in it."""
    with works.database.read() as conn:
        unjudged = dues.unjudged(conn)
    allowed = runs.released(works.database)
    for name in works.connections:
        if name not in run.chosen:
            stopped = unreleased(runs.all_stops(works.database, name), allowed)
            run.doubted = run.doubted - {name} | ({name} if stopped or name in unjudged else set())


def _plan(works: Works, *, dry_run: bool) -> Spool:
    works.progress.begin("", "people", None)
    spool = fold_and_plan(
        works.database,
        works.targets(),
        works.policies,
        settle_marks=not dry_run,
        tell=lambda people: _folded(works, people),
    )
    works.progress.end("", "people")
    for write in erasures.planned(works.database, {w.name for w in works.connections.values() if w.may_erase}):
        spool.add(write)
    return spool


def _folded(works: Works, people: Sequence[str]) -> None:
    works.progress.advance("", "people", len(people))
    works.folded.extend(people[: max(0, MANY - len(works.folded))])


def guard(works: Works, run: Run, spool: Spool) -> None:
    """Look at the whole plan before the first call."""
    stops: list[Stop] = []
    for wired in works.connections.values():
        if wired.name in run.blocked or (works.beside and wired.name not in run.chosen):
            continue
        counts = {kind: spool.counts[wired.name, kind] for kind in WriteKind}
        total = run.records.get(wired.name) or runs.live_records(works.database, wired.name)
        stops += before_push(wired.name, counts, total, spool.overwrites[wired.name], wired.limits)
    run.stop(works.database, unreleased(stops, runs.released(works.database)))


def guard_leading(works: Works, run: Run, spool: Spool) -> None:
    """Look at the opt-outs of *spool* and those that this run has sent already, before the next leaves."""
    stops: list[Stop] = []
    for wired in works.connections.values():
        count = spool.counts[wired.name, WriteKind.OPT_OUT]
        if not count or wired.name in run.blocked - run.spent or wired.name not in run.chosen:
            continue
        counts = {WriteKind.OPT_OUT: count + run.balance.connections[wired.name].opt_outs}
        total = run.records.get(wired.name) or runs.live_records(works.database, wired.name)
        stops += before_push(wired.name, counts, total, 0, wired.limits)
    run.stop(works.database, unreleased(stops, runs.released(works.database)))


def carry_out(works: Works, run: Run, spool: Spool, identity: Identity, *, rounds: int = ROUNDS) -> None:
    """Guard and push *spool*; then plan again, while anything moves."""
    guard(works, run, spool)
    run.moved_last = False
    for turn in range(rounds):
        run.left.clear()  # whoever left meanwhile is in this plan anew
        moved = push(works, run, spool, again=turn > 0)
        with works.people():
            resolve(works.database, run.revision, identity, beside=works.beside)
        if not (moved or run.left) or turn == rounds - 1:
            run.moved_last = moved or bool(run.left)
            return
        following = plan(works, run, dry_run=False)
        if turn:
            spool.close()
        spool = following
        if not spool.count:
            spool.close()
            return
        guard(works, run, spool)


def rehearse(works: Works, run: Run, spool: Spool) -> None:
    """Guard *spool* and count what would be written; nothing is, nor is an intent made."""
    guard(works, run, spool)
    for name in works.connections:
        count = sum(spool.counts[name, kind] for kind in WriteKind)
        balance = run.balance.connections[name]
        balance.planned = count
        if name in run.blocked or name not in run.pullers:
            _waits(run, name, count)
            continue
        balance.would_write = count
        balance.opt_outs = spool.counts[name, WriteKind.OPT_OUT]
        balance.creates = spool.counts[name, WriteKind.CREATE]


def _waits(run: Run, name: str, count: int) -> None:
    """Writes that cannot leave now: for a person where a guard stopped the connection, else for the next run."""
    balance = run.balance.connections[name]
    if name in run.blocked and name not in run.balance.failures:
        balance.held += count
    else:
        balance.pending += count


def push(works: Works, run: Run, spool: Spool, *, again: bool) -> bool:
    """Send the writes of all connections, opt-outs first; whether anything happened that may call for another plan."""
    under_way = [one for wired in works.connections.values() if (one := _begun(works, run, wired, spool, again=again))]
    for kinds in (LEADING, _FOLLOWING):
        for wired, pusher in under_way:
            _send(run, wired, pusher, spool, kinds)
    moved = [_ended(works, run, wired, pusher, spool, again=again) for wired, pusher in under_way]
    return any(moved)


def push_leading(works: Works, run: Run, spool: Spool) -> None:
    """Send the opt-outs of *spool* and nothing else of it, while another plan is under way. Those to connections that
    this run does not hold are owed to them at once."""
    owe(works, run, spool)
    for wired in works.connections.values():
        count = spool.counts[wired.name, WriteKind.OPT_OUT]
        if not count:
            continue
        balance = run.balance.connections[wired.name]
        balance.planned += count
        if wired.name in run.blocked - run.spent or wired.name not in run.pullers:
            _waits(run, wired.name, count)
            continue
        pusher = works.pusher(run, wired)
        _send(run, wired, pusher, spool, LEADING)
        _settle(run, wired, pusher, count, told=True)


def _begun(works: Works, run: Run, wired: Wired, spool: Spool, *, again: bool) -> tuple[Wired, Pusher] | None:
    """What sends one connection's writes; None where there are none, or none may leave."""
    balance = run.balance.connections[wired.name]
    count = sum(spool.counts[wired.name, kind] for kind in WriteKind)
    if again:  # what waited is in this plan anew
        balance.planned -= balance.pending + balance.held
        balance.pending = balance.held = 0
    balance.planned += count
    if wired.name in run.blocked - run.spent or wired.name not in run.pullers or not count:
        _waits(run, wired.name, count)
        return None
    works.progress.begin(wired.name, "push", count)
    return wired, works.pusher(run, wired)


def _send(run: Run, wired: Wired, pusher: Pusher, spool: Spool, kinds: Sequence[WriteKind]) -> None:
    """Send the writes of these kinds, until the connection cannot go on. Where the day is spent, opt-outs can."""
    stopped = run.blocked - run.spent if kinds == LEADING else run.blocked
    if wired.name in stopped:
        return
    try:
        for kind in kinds:
            pusher.push(spool.of(wired.name, kind), kind)
    except Interrupted as broken:
        run.failed(wired.name, broken.failure)


def _ended(works: Works, run: Run, wired: Wired, pusher: Pusher, spool: Spool, *, again: bool) -> bool:
    """What became of one connection's writes; whether it may call for another plan."""
    works.progress.end(wired.name, "push")
    count = sum(spool.counts[wired.name, kind] for kind in WriteKind)
    return _settle(run, wired, pusher, count, told=again)


def _settle(run: Run, wired: Wired, pusher: Pusher, count: int, *, told: bool) -> bool:
    """Enter into the balance what became of *count* writes; what rests on a stopped connection is *told* once."""
    if pusher.counts.lost and wired.name not in run.blocked:
        _read_back(run, wired, pusher)
    balance, done = run.balance.connections[wired.name], pusher.counts
    balance.applied += done.applied
    balance.refused_writes += done.refused
    balance.moved += done.moved
    balance.uncertain += done.uncertain
    balance.pending += count - done.applied - done.refused - done.moved - done.uncertain
    balance.opt_outs += done.by_kind[WriteKind.OPT_OUT]
    balance.creates += done.by_kind[WriteKind.CREATE]
    if not told:
        run.balance.notes.extend(_rest(wired.name, total, other) for other, total in sorted(done.resting.items()))
    return bool(done.applied or done.moved or done.refused or done.lost)


def _rest(name: str, total: int, other: str) -> str:
    rests, wait = ("write", "rests"), "waits"
    if total != 1:
        rests, wait = ("writes", "rest"), "wait"
    return f"{total:,} {rests[0]} to {name} {rests[1]} on what {other} shows, and {wait} until {other} goes on."


def _read_back(run: Run, wired: Wired, pusher: Pusher) -> None:
    """Answers were lost on the way: look at once, or leave the connection alone until that works."""
    try:
        run.balance.recovered += recover(pusher)
    except Failure as failure:
        run.failed(wired.name, failure)
