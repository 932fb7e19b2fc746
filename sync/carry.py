"""Carry out: plan, guard and push, and plan again what moved meanwhile, a few times."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.errors import Failure
from mapping.model import WriteKind
from sync import erasures, runs
from sync.audience import MANY
from sync.guard import Stop, before_push, unreleased
from sync.people import Spool, fold_and_plan
from sync.push import Interrupted, Pusher
from sync.recover import recover
from sync.resolve import Identity, resolve
from sync.wired import Run, Wired, Works

ROUNDS = 4


def plan(works: Works, *, dry_run: bool) -> Spool:
    """Fold everybody who changed, and say what must be written. The caller closes the spool."""
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
        if wired.name in run.blocked:
            continue
        counts = {kind: spool.counts[wired.name, kind] for kind in WriteKind}
        total = run.records.get(wired.name) or runs.live_records(works.database, wired.name)
        stops += before_push(wired.name, counts, total, spool.overwrites[wired.name], wired.limits)
    run.stop(works.database, unreleased(stops, runs.released(works.database)))


def carry_out(works: Works, run: Run, spool: Spool, identity: Identity, *, rounds: int = ROUNDS) -> None:
    """Guard and push *spool*; then plan again, while anything moves."""
    guard(works, run, spool)
    for turn in range(rounds):
        moved = [push(works, run, wired, spool, again=turn > 0) for wired in works.connections.values()]
        resolve(works.database, run.revision, identity)
        if not any(moved) or turn == rounds - 1:
            return
        following = plan(works, dry_run=False)
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


def push(works: Works, run: Run, wired: Wired, spool: Spool, *, again: bool) -> bool:
    """Send one connection's writes; whether anything happened there that may call for another plan."""
    balance = run.balance.connections[wired.name]
    count = sum(spool.counts[wired.name, kind] for kind in WriteKind)
    if again:  # what waited is in this plan anew
        balance.planned -= balance.pending + balance.held
        balance.pending = balance.held = 0
    balance.planned += count
    if wired.name in run.blocked or wired.name not in run.pullers or not count:
        _waits(run, wired.name, count)
        return False
    pusher = works.pusher(run, wired)
    works.progress.begin(wired.name, "push", count)
    try:
        for kind in WriteKind:
            pusher.push(spool.of(wired.name, kind), kind)
    except Interrupted as broken:
        run.balance.failures[wired.name] = str(broken)
        run.blocked.add(wired.name)
    works.progress.end(wired.name, "push")
    if pusher.counts.lost and wired.name not in run.blocked:
        _read_back(run, wired, pusher)
    done = pusher.counts
    balance.applied += done.applied
    balance.refused_writes += done.refused
    balance.moved += done.moved
    balance.uncertain += done.uncertain
    balance.pending += count - done.applied - done.refused - done.moved - done.uncertain
    balance.opt_outs += done.by_kind[WriteKind.OPT_OUT]
    balance.creates += done.by_kind[WriteKind.CREATE]
    if not again:
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
        run.balance.failures[wired.name] = str(failure)
        run.blocked.add(wired.name)
