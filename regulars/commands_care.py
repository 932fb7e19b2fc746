"""Commands that look after the business itself: doctor and rebuild."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import typer
from rich.markup import escape
from sqlalchemy import text as sql

from connectors.errors import Failure
from regulars import wiring
from regulars.commands_sync import watched
from regulars.session import Json, session
from regulars.show import QUOTA
from regulars.trouble import CONNECTION_FAILED, DONE, WAITING, WRONG_USE, Trouble, listed
from regulars.words import count, when, zone
from regulars.workspace import Workspace, now, workspace
from sync import queries
from sync.store.errors import StoreError

_MARKS = {"good": "[good]✓[/]", "warn": "[warn]![/]", "bad": "[bad]✗[/]"}
_LEAST_FREE = 500_000_000
_FIRST_DAY = 1_704_067_200_000  # 2024-01-01: a clock before this is wrong


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: `state` is good, warn or bad; `fix` says what to do."""

    what: str
    state: str
    text: str
    fix: str = ""
    code: int = DONE


def doctor(json: Json = False) -> None:
    """Check configuration, store, key, credentials, quota and clock, and say what to do."""
    here = session(json)
    checks: list[Check] = []
    with workspace(here) as business:
        checks.append(Check("configuration", "good", "regulars.toml says what it should."))
        checks.extend(_safely(_fields, business))
        checks.extend(_safely(_store, business))
        if all(check.state != "bad" for check in checks):  # what follows rests on the store
            for check in (_key, _clock, _disk):
                checks.extend(_safely(check, business))
            for name in business.config.connections:
                checks.extend(_connection(business, name))
        if not business.config.connections:
            checks.append(
                Check("connections", "warn", "There is none yet.", "Run `regulars connect PLATFORM`.", WAITING)
            )
    code = max((check.code for check in checks), default=DONE)

    def lines(_: object) -> None:
        for check in checks:
            fix = f" [strong]{escape(check.fix)}[/]" if check.fix else ""
            here.say(f"{_MARKS[check.state]} [soft]{escape(check.what):<14}[/] {escape(check.text)}{fix}")

    here.emit({"checks": [asdict(check) for check in checks], "exit": code}, lines)
    raise typer.Exit(code)


def _safely(check: Callable[[Workspace], Iterator[Check]], business: Workspace) -> Iterator[Check]:
    what = check.__name__.strip("_")
    try:
        yield from check(business)
    except Trouble as trouble:
        yield Check(what, "bad", trouble.text, trouble.fix, WRONG_USE)
    except StoreError as error:
        yield Check(what, "bad", str(error), "", WRONG_USE)


def _fields(business: Workspace) -> Iterator[Check]:
    known = len(business.kinds)
    if known:
        yield Check("fields", "good", f"{count(known, 'field')} over all connections.")


def _store(business: Workspace) -> Iterator[Check]:
    database = business.database
    if database.is_sqlite:
        with database.read() as conn:
            said = conn.execute(sql("PRAGMA quick_check(1)")).scalar()
        if said != "ok":
            yield Check("store", "bad", f"{database.where} is damaged: {said}.", "Put back a backup of it.", WRONG_USE)
            return
    with database.read() as conn:
        glance = queries.status(conn)
        lines = queries.connections(conn)
    yield Check("store", "good", f"{database.where}: {glance.records:,} records, {glance.people:,} people.")
    last = glance.last_run
    if last is not None and not last.ended:
        began = when(last.started, business.timezone)
        yield Check("runs", "warn", f"Run {last.id} of {began} was broken off.", "Run `regulars sync`.", WAITING)
    for line in lines:
        for stop in line.stopped:
            fix = f"If that is right: `regulars release {line.name}`."
            yield Check(line.name, "warn", f"stopped: {stop['text']}.", fix, WAITING)


def _key(business: Workspace) -> Iterator[Check]:
    for name in business.config.connections:
        if business.vault.get(name):
            yield Check("key", "good", "The stored credentials can be opened.")
            return


def _clock(business: Workspace) -> Iterator[Check]:
    with business.read() as conn:
        last = queries.status(conn).last_run
    if now() < _FIRST_DAY or (last is not None and last.started > now() + 60_000):
        text = f"This machine says {when(now())} UTC, which lies before what was seen already."
        yield Check("clock", "bad", text, "Set the clock; newest-wins depends on it.", WRONG_USE)
    else:
        yield Check("clock", "good", f"It is {when(now(), business.timezone)} ({business.timezone}).")
    if zone(business.timezone) is None:
        yield Check("clock", "warn", f"This machine does not know {business.timezone}; times are shown in UTC.")


def _disk(business: Workspace) -> Iterator[Check]:
    free = shutil.disk_usage(business.folder).free
    if free < _LEAST_FREE:
        yield Check("disk", "warn", f"Only {free // 1_000_000:,} MB are free.", "Free some space.", WAITING)


def _connection(business: Workspace, name: str) -> Iterator[Check]:
    """Open one connection and look at its account, rights, fields and quota."""
    try:
        connector = business.open(name)
        account = connector.check(rights=True)
        remote = connector.remote_fields()
    except Trouble as trouble:
        yield Check(name, "bad", trouble.text, trouble.fix, trouble.code)
        return
    except (Failure, StoreError) as error:
        yield Check(name, "bad", str(error), "", CONNECTION_FAILED)
        return
    yield Check(name, "good", f"opens {account.name or account.id}.")
    with business.read() as conn:
        known = {line.name: line for line in queries.connections(conn)}
    before = known[name].account if name in known else ""
    if before and before != account.id:
        fix = f"Connect the right account, or `regulars release {name}`."
        yield Check(name, "bad", f"it opened account {before} until now, and {account.id} today.", fix, WAITING)
    writes = business.config.connections[name].direction.value != "read"
    fix = f"Widen the credential, then `regulars connect {business.config.connections[name].platform} --name {name}`."
    for said in account.may_not:
        yield Check(name, "warn", said, fix if writes else "", WAITING if writes else DONE)
    for said in account.lacks:  # a stream that was chosen is wanted whatever may be written
        yield Check(name, "warn", said, fix, WAITING)
    there = {one.remote for one in remote} | {one.row.name for one in remote if one.row is not None}
    missing = [row.name for row in connector.fields if not {row.name, row.remote} & there]
    if missing:
        fix = f"Make them there, or take them out of connections.{name}.fields."
        yield Check(name, "warn", f"the account has no {listed(missing, 'and no')}.", fix, WAITING)
    left = connector.calls().get(QUOTA)
    if left is not None:
        low = left < 1000
        yield Check(
            name, "warn" if low else "good", f"{left:,} calls are left today.", "Wait until tomorrow." if low else ""
        )


def rebuild(json: Json = False) -> None:
    """Work out everybody again from what is known: the same people, with the same ids."""
    here = session(json)
    with workspace(here) as business:
        wiring.tables(business.config)
        with watched(here, business) as engine:
            number = engine.rebuild()
        here.emit(
            {"people": number}, lambda _: here.say(f"[good]✓[/] {count(number, 'person', 'people')}, worked out again.")
        )
