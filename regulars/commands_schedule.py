"""`regulars schedule`: have this machine run `regulars sync` by itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape

from regulars.config import load
from regulars.config_parts import Duration
from regulars.environment import ours_only
from regulars.schedule import Job, Piece, Scheduler, job, spoken
from regulars.schedule_cron import Cron
from regulars.schedule_launchd import Launchd
from regulars.schedule_systemd import Systemd
from regulars.session import Json, Session, Yes, session
from regulars.trouble import Waiting, WrongUse, listed

SCHEDULERS: tuple[Scheduler, ...] = (Launchd(), Systemd(), Cron())
"""In the order in which they are taken where none is named: macOS's own first, then the one that catches up."""

USUAL = "15m"


def schedule(
    every: Annotated[str, typer.Option(metavar="TIME", help='How often, such as "15m", "1h" or "1d".')] = "",
    by: Annotated[
        Literal["cron", "systemd", "launchd"] | None, typer.Option("--with", help="Which scheduler; else what is here.")
    ] = None,
    print_: Annotated[bool, typer.Option("--print", help="Only show what it would be told.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take this folder's entry away.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Have this machine run `regulars sync` every so often; alone, show whether it does."""
    here = session(json)
    if remove:
        if every or print_:
            raise WrongUse("One thing at a time: --remove, or a time.")
        _remove(here, by, yes=yes)
    elif every or print_:
        _install(here, every or USUAL, by, only_show=print_, yes=yes)
    else:
        _show(here)


def _install(here: Session, every: str, by: str | None, *, only_show: bool, yes: bool) -> None:
    load(here.folder)  # a folder that is no business is not scheduled
    wanted = job(here.folder, _seconds(every))
    chosen = _chosen(by, only_show=only_show)
    pieces = chosen.pieces(wanted)
    _hidden_variables(here, refuse=not only_show)
    if only_show:
        here.emit(_document(chosen, pieces, installed=False), lambda _: _pieces(here, pieces))
        return
    before = [one for one in SCHEDULERS if one.present(wanted.folder)]
    others = [one for one in before if one is not chosen]
    if not here.json:
        _pieces(here, pieces)
        for other in others:
            here.say(f"The entry of {other.title} goes away.")
    verb = "Replace what is there" if before else "Install it"
    if here.may_ask and not yes and not typer.confirm(f"{verb}?", default=True):
        raise Waiting("Nothing was changed.")
    chosen.install(wanted)
    for other in others:
        other.remove(wanted.folder)
    here.emit(_document(chosen, pieces, installed=True), lambda _: _done(here, chosen, wanted))


def _done(here: Session, chosen: Scheduler, wanted: Job) -> None:
    here.say(f"[good]✓[/] {chosen.title} runs `regulars sync` every {spoken(wanted.every)}.")
    if chosen.title == "systemd":
        here.say("[soft]While you are logged in; `loginctl enable-linger` lets it run without.[/]")


def _remove(here: Session, by: str | None, *, yes: bool) -> None:
    found = [one for one in SCHEDULERS if by in (None, one.title) and one.present(here.folder)]
    if not found:
        here.emit({"removed": []}, lambda _: here.say("Nothing is scheduled for this folder."))
        return
    names = [one.title for one in found]
    if not here.json:
        for one in found:
            _pieces(here, one.present(here.folder))
    if here.may_ask and not yes and not typer.confirm("Take it away?", default=True):
        raise Waiting("Nothing was changed.")
    for one in found:
        one.remove(here.folder)
    told = f"[good]✓[/] {listed(names, 'and')} will not run it any more."
    here.emit({"removed": names}, lambda _: here.say(told))


def _show(here: Session) -> None:
    found = [(one, pieces) for one in SCHEDULERS if (pieces := one.present(here.folder))]

    def lines(_: object) -> None:
        for one, pieces in found:
            here.say(f"By [strong]{one.title}[/]:")
            _pieces(here, pieces)
        if not found:
            here.say(f"Nothing is scheduled for this folder. `regulars schedule --every {USUAL}` changes that.")

    here.emit([_document(one, pieces, installed=True) for one, pieces in found], lines)


def _seconds(every: str) -> int:
    try:
        return int(TypeAdapter(Duration).validate_python(every)) // 1000
    except ValidationError:
        raise WrongUse(f'"{every}" is no time.', fix="As in --every 15m, 1h or 1d.") from None


def _chosen(by: str | None, *, only_show: bool) -> Scheduler:
    """The scheduler that was named, else the first that can be used. What is only shown needs none to be there."""
    fix = "`regulars schedule --print --with cron` shows the line to put in by hand."
    if by is not None:
        chosen = next(one for one in SCHEDULERS if one.title == by)
        if not only_show and (why := chosen.absent()):
            raise WrongUse(f"{by} cannot be used: {why}.", fix=fix)
        return chosen
    reasons = []
    for one in SCHEDULERS:
        if not (why := one.absent()):
            return one
        reasons.append(why)
    if only_show:
        return SCHEDULERS[0] if sys.platform == "darwin" else SCHEDULERS[-1]
    raise WrongUse(f"Nothing here can run it by itself: {listed(reasons, 'and')}.", fix=fix)


def _hidden_variables(here: Session, *, refuse: bool) -> None:
    """What is set in this shell is not set where the entry runs: with another store it would begin from nothing."""
    names = ours_only(here.folder)
    if not names:
        return
    text = f"{listed(names, 'and')} {'is' if len(names) == 1 else 'are'} set here, and not where the entry runs."
    fix = "Write it into regulars.env in the business's folder."
    if refuse:
        raise WrongUse(text, fix=fix)
    here.note(f"[warn]{escape(text)}[/] {fix}")


def _document(one: Scheduler, pieces: Sequence[Piece], *, installed: bool) -> dict[str, Any]:
    return {"with": one.title, "installed": installed, "entries": [piece._asdict() for piece in pieces]}


def _pieces(here: Session, pieces: Sequence[Piece]) -> None:
    for piece in pieces:
        here.say(f"[soft]In {escape(piece.where)}:[/]")
        typer.echo(piece.text.rstrip("\n"))
