"""`regulars erase`: somebody asks to be forgotten. Here at once, everywhere else until each platform has confirmed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from regulars import show
from regulars.commands_decide import deciding
from regulars.commands_sync import watched
from regulars.session import Json, Session, Yes, session
from regulars.trouble import CONNECTION_FAILED, DONE, WAITING, Waiting, WrongUse, listed
from regulars.words import count, when
from regulars.workspace import Workspace, one_person, workspace
from sync import erasures
from sync.erasures import Erasing
from sync.queries import PersonLine
from sync.store.records import load_cases


def erase(
    who: Annotated[str | None, typer.Argument(metavar="[WHO]", help="An id, an address or a name.")] = None,
    lift: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Let in again somebody who was erased and has come back.")
    ] = None,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Erase a person for good: here at once, and wherever Regulars may write. Without WHO, list who was."""
    here = session(json)
    if who and lift:
        raise WrongUse("Either WHO is erased, or --lift lets somebody in again.", fix="Leave one of them out.")
    with workspace(here) as business:
        if lift:
            _lift(here, business, lift)
        elif who:
            _erase(here, business, who, yes=yes)
        else:
            _list(here, business)


def _erase(here: Session, business: Workspace, who: str, *, yes: bool) -> None:
    business.names()
    with business.read() as conn:
        person = one_person(conn, who)
        (case,) = load_cases(conn, [person.id])
    there = Counter(record.connection for record in case.records)
    with watched(here, business) as engine:
        able = {name for name, wired in engine.connections.items() if wired.may_erase}
        _agreed(here, person, there, able, yes=yes)
        number = engine.erase(person.id)
        balance = engine.carry_erasures()
    with business.read() as conn:
        (found,) = [one for one in erasures.all_erasures(conn) if one.id == number]
    code = DONE if found.done else CONNECTION_FAILED if balance.failures else WAITING

    def lines(_: object) -> None:
        here.say("Forgotten here; what is left are counts, and a mark that keeps them out.")
        gone = there - Counter(found.waiting)
        for name, number in sorted(gone.items()):
            here.say(f"[good]Erased at {escape(name)}[/]: {count(number, 'record')}.")
        for line in _waiting(found, able):
            here.say(line)
        for line in show.trouble_lines(balance):
            here.say(line)
        here.say("Backups, exports and plans that were saved before are yours to delete.")

    here.emit({**_document(found), "run": balance.run, "failures": balance.failures, "exit": code}, lines)
    raise typer.Exit(code)


def _agreed(here: Session, person: PersonLine, there: Counter[str], able: set[str], *, yes: bool) -> None:
    """Say what will happen, and go on only where a person agrees. Raises Waiting."""
    name = person.name or person.email or person.id
    if not here.json:
        here.say(f"[strong]{escape(name)}[/] {escape(person.email if person.name else '')}".rstrip())
        made = show.table(here.out, "where!", "records>", "what happens")
        for connection, number in sorted(there.items()):
            what = "erased there for good" if connection in able else "you erase it there; Regulars looks whether it is"
            made.add_row(f"[name]{escape(connection)}[/]", str(number), what)
        made.add_row("here", "", "all values, touchpoints, consent and history of them are removed at once")
        here.out.print(made)
    if yes:
        return
    if not here.may_ask:
        raise Waiting("Nobody was erased: nobody is here to be asked.", fix="Add --yes if it is to be done.")
    if not typer.confirm(f"This cannot be undone. Erase {name}?", default=False):
        raise Waiting("Nobody was erased.")


def _waiting(found: Erasing, able: set[str]) -> Sequence[str]:
    """What is still to happen, and who does it."""
    said = []
    for name, number in sorted(found.waiting.items()):
        records = count(number, "record")
        if name in able:
            said.append(f"[warn]Not yet erased at {escape(name)}[/]: {records}. Each sync tries again.")
        else:
            said.append(
                f"[warn]To be erased at {escape(name)} by you[/]: {records}. Each sync looks whether it is done."
            )
    return said


def _list(here: Session, business: Workspace) -> None:
    with business.read() as conn:
        found = erasures.all_erasures(conn)

    def lines(_: object) -> None:
        if not found:
            here.say("Nobody was erased.")
            return
        made = show.table(here.out, "asked", "at", "records>", "where it waits", "done")
        for one in found:
            where = listed([f"{name} ({number})" for name, number in sorted(one.waiting.items())], "and")
            done = when(one.done, business.timezone) if one.done else "[warn]not yet[/]"
            asked = when(one.at, business.timezone)
            made.add_row(asked, escape(one.source or "Regulars"), str(one.records), escape(where), done)
        here.out.print(made)
        for line in still_known(found):
            here.say(line)

    here.emit({"erasures": [_document(one) for one in found]}, lines)


def still_known(found: Sequence[Erasing]) -> list[str]:
    """People whom a platform erased because they asked there, and whom others still know: you decide."""
    return [
        f"[warn]Erased at {escape(one.source)}, still known at {escape(listed(one.known, 'and'))}:[/]"
        f" `regulars erase {one.person}` erases them there, too."
        for one in found
        if one.known
    ]


def _lift(here: Session, business: Workspace, address: str) -> None:
    if "@" not in address:
        raise WrongUse(f'"{address}" is no address.', fix="Give the e-mail address under which they came back.")
    with deciding(business), business.database.write() as conn:
        lifted = erasures.lift(conn, address)
    if not lifted:
        raise Waiting("Nobody of that address was erased.")
    here.emit(
        {"address": address, "lifted": True},
        lambda _: here.say("They may come in again, with the next full sync: [strong]regulars sync --full[/]"),
    )


def _document(one: Erasing) -> dict[str, Any]:
    where = {"waiting": one.waiting, "source": one.source, "still_known": list(one.known)}
    return {"id": one.id, "at": one.at, "done": one.done, "records": one.records, **where}
