"""Commands that run the engine: sync, plan, apply, undo, runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from regulars import show
from regulars.noticing import told_of
from regulars.plan_file import read_plan, write_plan
from regulars.progress import Bars, Lines
from regulars.session import Json, Session, Yes, session
from regulars.show_deeds import perhaps
from regulars.show_plan import FEW, plan_document, plan_summary, plan_table
from regulars.trouble import CONNECTION_FAILED, DONE, WAITING, Waiting, WrongUse
from regulars.words import count, when
from regulars.workspace import Workspace, now, workspace
from sync import queries
from sync.balance import Balance
from sync.engine import Engine
from sync.lease import WHOLE_STORE, lease
from sync.people import Spool
from sync.runs import NoSuchRun
from sync.runs_thin import thin
from sync.uncertain import uncertain

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these connections.")]


@contextmanager
def watched(here: Session, business: Workspace, *, quiet: bool = False) -> Iterator[Engine]:
    """The engine, with bars in a terminal and lines in a pipe."""
    console, silent = here.err, here.json or quiet
    progress = Bars(console) if console.is_terminal and not silent else Lines(console, silent=silent)
    engine = business.engine(progress)
    if isinstance(progress, Bars):
        progress.quota = lambda name: _quota(engine, name)
    with progress:
        yield engine


def _quota(engine: Engine, name: str) -> int | None:
    """The calls that a platform still allows today, where it says."""
    wired = engine.connections.get(name)
    return None if wired is None else wired.connector.calls().get(show.QUOTA)


def finish(here: Session, balance: Balance, *, quiet: bool = False) -> None:
    """Show a balance, say what is to be done, and end with the right exit code."""

    def lines(_: object) -> None:
        if quiet:
            for line in show.trouble_lines(balance):
                here.note(line)
            return
        show.balance_table(here.out, balance)
        for line in (*map(escape, balance.notes), *show.trouble_lines(balance), *show.next_lines(balance)):
            here.say(line)

    here.emit({**balance.to_json(), "exit": exit_code(balance)}, lines)
    raise typer.Exit(exit_code(balance))


def exit_code(balance: Balance) -> int:
    """3 where a connection failed, 1 where something was refused or waits for a person, else 0."""
    if balance.failures:
        return CONNECTION_FAILED
    found = balance.findings
    waits = balance.conflicts or found.get("contested") or found.get("review")
    planned_only = (
        balance.dry_run and not balance.stops and not any(one.refused for one in balance.connections.values())
    )
    return WAITING if waits or not (balance.ok or planned_only) else DONE


def sync(
    names: Names = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and plan; write nothing.")] = False,
    pull_only: Annotated[bool, typer.Option("--pull-only", help="Read; plan and write nothing.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Read everything again, not only what changed.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what failed or was stopped.")] = False,
    json: Json = False,
) -> None:
    """Read every connection, work out who is who, and write what is missing. Can be stopped and run again."""
    here = session(json)
    with workspace(here) as business:
        chosen = business.names(names or ())
        with told_of(business, here.note), watched(here, business, quiet=quiet) as engine:
            balance = engine.sync(chosen if names else (), dry_run=dry_run, pull_only=pull_only, full=full)
            thin(business.database)
        if pull_only:
            with lease(business.database, WHOLE_STORE):
                business.refresh()  # so that `people` and `conflicts` show what was read
        finish(here, balance, quiet=quiet)


def plan(
    names: Names = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Keep the plan in this file, for `apply`.")] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="How many rows to show; 0 shows all.")] = None,
    json: Json = False,
) -> None:
    """Show what would be written: per person and field, before and after, why, and whether it can be undone."""
    here = session(json)
    with workspace(here) as business:
        chosen = business.names(names or ())
        with watched(here, business) as engine:
            spool, balance = engine.plan(chosen if names else ())
        try:
            if out is not None:
                write_plan(here.path(out), business.config.business.name, now(), spool.hash, spool.count, spool)
            code = exit_code(balance) if balance.stops or balance.failures else DONE
            few = (FEW if here.terminal else 0) if limit is None else limit
            _show_plan(here, business, spool, balance, few=few, out=out, code=code)
        finally:
            spool.close()
        raise typer.Exit(code)


def _show_plan(
    here: Session, business: Workspace, spool: Spool, balance: Balance, *, few: int, out: Path | None, code: int
) -> None:
    def lines(_: object) -> None:
        if not spool.count:
            here.say("There is nothing to write: every side shows what it should, or is listed as held.")
        else:
            _rows(here, business, spool, few)
            plan_summary(here.out, spool.counts, spool.hash)
        if out is not None:
            here.say(f"Kept in {escape(str(out))}. Carry it out with [strong]regulars apply {escape(str(out))}[/]")
        for line in show.trouble_lines(balance):
            here.say(line)

    document = {} if not here.json else plan_document(spool, spool.hash, spool.count, spool.counts)
    trouble = {"stops": [stop.text for stop in balance.stops], "failures": balance.failures, "exit": code}
    here.emit({**document, **trouble}, lines)


def _rows(here: Session, business: Workspace, spool: Spool, few: int) -> None:
    """The rows of a plan: all, or the first *few*."""
    most = few or None
    with business.read() as conn:
        people = queries.names(conn, (write.person for write in islice(spool, most)))
    shown = plan_table(here.out, islice(spool, most), people, business.labels, few)
    if few and shown >= few:
        here.say(f"[soft]The first {shown:,} rows of {count(spool.count, 'write')}; --limit 0 shows all.[/]")


def apply(
    file: Annotated[Path, typer.Argument(help="A file that `regulars plan --out` wrote.")],
    json: Json = False,
) -> None:
    """Carry out exactly the plan in FILE; what has moved since it was made is refused."""
    here = session(json)
    with workspace(here) as business:
        header, writes = read_plan(here.path(file))
        business.names()
        if header.business != business.config.business.name:
            text = f"{file} is a plan for {header.business}, and this is {business.config.business.name}."
            raise WrongUse(text, fix="Run it in the folder of that business.")
        with watched(here, business) as engine:
            balance = engine.apply(writes)
        left = len(writes) - sum(one.applied for one in balance.connections.values())
        _finish_apply(here, balance, left)


def _finish_apply(here: Session, balance: Balance, left: int) -> None:
    """A plan that left something out has refused something."""
    try:
        finish(here, balance)
    except typer.Exit as ending:
        raise typer.Exit(ending.exit_code or (WAITING if left else DONE)) from None


def undo(
    run: Annotated[int, typer.Argument(help="The number of the run, as `regulars runs` shows it.")],
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Take back what a run wrote, except what somebody changed since, and opt-outs."""
    here = session(json)
    with workspace(here) as business:
        business.names()
        with business.read() as conn:
            past = queries.run(conn, run)
        if past is None:
            raise WrongUse(f"There is no run {run}.", fix="`regulars runs` lists them.")
        if here.may_ask and not yes:
            when_ = when(past.started, business.timezone)
            if not typer.confirm(f"Take back what run {run} ({past.kind} of {when_}) wrote?", default=True):
                raise Waiting("Nothing was taken back.")
        try:
            with watched(here, business) as engine:
                balance = engine.undo(run)
        except NoSuchRun as error:
            raise WrongUse(str(error)) from None
        finish(here, balance)


def runs(
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """List past runs, newest first."""
    here = session(json)
    with workspace(here) as business:
        with business.read() as conn:
            found, unsure = queries.runs(conn, limit), uncertain(conn)
        open_ = Counter(one.run for one in unsure)
        document = [
            {
                "run": line.id,
                "kind": line.kind,
                "started": line.started,
                "ended": line.ended or None,
                "undoes": line.undoes or None,
                "plan_hash": line.plan_hash,
                "uncertain": open_[line.id],
                "balance": line.balance,
            }
            for line in found
        ]

        def lines(_: object) -> None:
            if not found:
                here.say("There was no run yet. `regulars sync` is the first.")
                return
            made = show.table(
                here.out, "run>", "what!", "when!", "read>", "planned>", "written>", "waiting>", "people>"
            )
            for line in found:
                made.add_row(str(line.id), _kind(line), when(line.started, business.timezone), *_numbers(line))
            here.out.print(made)
            for one in unsure:
                here.say(f"Run {one.run}: {perhaps(one, business.titles)}")

        here.emit(document, lines)


def _kind(line: queries.RunLine) -> str:
    words = f"undo of run {line.undoes}" if line.undoes else line.kind
    return words if line.ended else f"{words} [warn](broken off)[/]"


def _numbers(line: queries.RunLine) -> tuple[str, ...]:
    parts = list(line.balance.get("connections", {}).values())

    def total(*names: str) -> int:
        return sum(int(part.get(name, 0)) for part in parts for name in names)

    return (
        show.number(total("pulled")),
        show.number(int(line.balance.get("planned", 0))),
        show.number(total("applied"), "good"),
        show.number(total("held", "refused_writes", "pending", "uncertain"), "warn"),
        show.number(int(line.balance.get("people", 0))),
    )
