"""`regulars task`: something to do for a person, put down where the business keeps its tasks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any

import typer
from rich.markup import escape

from connectors.base import Connector
from mapping.claims import Record
from mapping.leads import lead
from mapping.model import Direction, RecordState, WriteKind
from regulars import show, wiring
from regulars.commands_decide import Who
from regulars.commands_sync import watched
from regulars.session import Json, Session, Yes, session
from regulars.show_deeds import perhaps, uncertain_document
from regulars.show_plan import plan_table, write_document
from regulars.trouble import CONNECTION_FAILED, DONE, WAITING, Waiting, WrongUse, listed, nearest
from regulars.words import when, zone
from regulars.workspace import Workspace, now, one_person, workspace
from sync import queries
from sync.balance import Balance
from sync.store.records import load_cases
from sync.uncertain import looked_at, same_task, uncertain
from sync.writes import ASKED, Setting, Write

MORNING = time(8)
"""When a task is due whose hour nobody named."""
LONGEST = 250
"""Characters of a subject. HubSpot names no limit; a longer one is a note."""


def task(
    who: Who,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help='What is to be done: "Call about the order".')],
    due: Annotated[
        str | None, typer.Option(metavar="DATE", help="When: 2026-12-01, or 2026-12-01 14:30. Otherwise tomorrow.")
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="EMAIL", help="Whose task it is: a user's address.")] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="More about it.")] = None,
    to: Annotated[
        str | None, typer.Option(metavar="CONNECTION", help="Where; not needed if only one keeps tasks.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also where such a task may be there already; you looked, and it is not.")
    ] = False,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Put down a task for a person, after asking. It is made once at most: where the answer is lost, you are told."""
    here = session(json)
    words = _words(subject)
    with workspace(here) as business:
        at = _due(due, zone(business.timezone) or UTC)
        place = _place(business, to)
        with business.read() as conn:
            person = one_person(conn, who)
            (case,) = load_cases(conn, [person.id])
        record = lead(case.records, case.decisions).get(place)
        name = person.name or person.email or person.id
        if record is None or record.state is not RecordState.LIVE:
            raise WrongUse(f"{name} has no record at {place}, and a task hangs on one.")
        number = _owner(business.open(place), owner) if owner else ""
        write = _write(person.id, record, words, at, number, (note or "").strip())
        _not_twice(business, write, again=again)
        _agreed(here, business, write, yes=yes)
        if again:
            with business.database.write() as conn:
                looked_at(conn, [record.id])
        with watched(here, business) as engine:
            balance = engine.task(write)
        _tell(here, business, balance, place)


def _tell(here: Session, business: Workspace, balance: Balance, place: str) -> None:
    """Say what became of the task, and end with the exit code of that."""
    part = balance.connections[place]
    code = DONE if part.applied else CONNECTION_FAILED if balance.failures else WAITING
    with business.read() as conn:
        unsure = [one for one in uncertain(conn) if one.run == balance.run]
        reasons = [line.reason for line in queries.writes(conn, run=balance.run) if line.state == "refused"]

    def lines(_: object) -> None:
        if part.applied:
            here.say(f"Put down at {escape(place)}. [strong]regulars undo {balance.run}[/] takes it back.")
        for one in unsure:
            text = perhaps(one, business.titles)
            here.say(f"[warn]{escape(text[0].upper() + text[1:])}[/]")
        for reason in reasons:
            here.say(f"[bad]Refused by {escape(place)}:[/] {escape(reason)}")
        for line in show.trouble_lines(balance):
            here.say(line)

    told = [uncertain_document(one, business.titles) for one in unsure]
    here.emit({**balance.to_json(), "uncertain": told, "exit": code}, lines)
    raise typer.Exit(code)


def _words(subject: str) -> str:
    words = " ".join(subject.split())
    if not words:
        raise WrongUse("A task needs words.", fix='As in: regulars task WHO "Call about the order"')
    if len(words) > LONGEST:
        text = f"These are {len(words)} characters, and what is to be done may have {LONGEST}."
        raise WrongUse(text, fix="Put the rest into --note.")
    return words


def _due(said: str | None, where: tzinfo) -> int:
    """When a task is due, in milliseconds: tomorrow morning where nothing is said."""
    today = datetime.fromtimestamp(now() / 1000, where).date()
    try:
        if said is None:
            at = datetime.combine(today + timedelta(days=1), MORNING, where)
        elif len(said.strip()) == len("2026-12-01"):
            at = datetime.combine(date.fromisoformat(said.strip()), MORNING, where)
        else:
            at = datetime.fromisoformat(said.strip())
            at = at if at.tzinfo is not None else at.replace(tzinfo=where)
        millis = round(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        text = f'"{said}" is no day.'
        raise WrongUse(text, fix="Write it as 2026-12-01, or with an hour as 2026-12-01 14:30.") from None
    if at.astimezone(where).date() < today:
        raise WrongUse(f"{said} has passed.", fix="Name a day that is still to come.")
    return millis


def _place(business: Workspace, to: str | None) -> str:
    """The connection where the task is put down. Raises WrongUse."""
    chosen = business.names([to] if to else ())
    able = [name for name in chosen if _connector(business, name).tasks]
    if not able:
        title = listed([_connector(business, name).title for name in chosen], "and")
        raise WrongUse(f"{title} cannot keep tasks for people.", fix="HubSpot can: `regulars connect hubspot`.")
    if len(able) > 1:
        raise WrongUse(f"Tasks can be kept at {listed(able, 'and')}.", fix=f"Say which: --to {able[0]}.")
    (name,) = able
    if business.config.connections[name].direction is Direction.READ:
        fix = f"Allow it with `regulars connect {business.config.connections[name].platform} --direction fill`."
        raise WrongUse(f"{name} is only read, so nothing is written there.", fix=fix)
    return name


def _connector(business: Workspace, name: str) -> type[Connector]:
    return wiring.platform(business.config.connections[name].platform, f"connections.{name}.platform").connector


def _owner(connector: Connector, address: str) -> str:
    """The number of the user with this address. Raises WrongUse."""
    users = {user.detail.casefold(): user for user in connector.deeds.owners() if user.detail}
    found = users.get(address.strip().casefold())
    if found is None:
        known = [user.detail for user in users.values()]
        hint = nearest(address, known) or (f"There are {listed(known[:10], 'and')}." if known else "There are none.")
        raise WrongUse(f"{connector.title} has no user {address}.", fix=hint)
    return found.id


def _write(person: str, record: Record, subject: str, due: int, owner: str, note: str) -> Write:
    said: dict[str, Any] = {"subject": subject, "due": due, "owner": owner, "note": note}
    settings = tuple(Setting(name, None, value, ASKED) for name, value in said.items() if value)
    address = record.addresses[0] if record.addresses else ""
    ids = (record.connection, person, record.id, record.remote_id, address)
    return Write(WriteKind.TASK, *ids, settings, why="asked for by a person")


def _not_twice(business: Workspace, write: Write, *, again: bool) -> None:
    """A task of these words whose answer was lost is looked for by a person first. Raises Waiting."""
    with business.read() as conn:
        known = same_task(conn, write)
    if known and not again:
        text = perhaps(known[-1], business.titles)
        raise Waiting(text[0].upper() + text[1:])


def _agreed(here: Session, business: Workspace, write: Write, *, yes: bool) -> None:
    """Show the task, and go on only where a person agrees. Raises Waiting."""
    if not here.json:
        with business.read() as conn:
            people = queries.names(conn, [write.person])
        plan_table(here.out, [write], people, business.labels)
        said = {setting.name: setting.after for setting in write.settings}
        here.say(f"Due {when(said['due'], business.timezone)}, in {escape(business.timezone)}.")
        if said.get("note"):
            here.say(f"Note: {escape(said['note'])}")
    if yes:
        return
    if not here.may_ask:
        if here.json:
            here.emit({"writes": [write_document(write)], "written": False, "exit": WAITING}, lambda _: None)
            raise typer.Exit(WAITING)
        raise Waiting("Nothing was written: nobody is here to be asked.", fix="Add --yes to put it down.")
    if not typer.confirm(f"Put this task down at {write.connection}?", default=True):
        raise Waiting("Nothing was written.")
