"""`regulars notices`: who is told that something needs them, and what there is to tell."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.prompt import Prompt

from regulars import show
from regulars.notice_words import sentence
from regulars.noticing import MAIL, VARIABLES, Channel, keep_password, new_secret, open_channels, test
from regulars.session import Json, Session, session
from regulars.trouble import CONNECTION_FAILED, DONE, WAITING, WrongUse
from regulars.words import when
from regulars.workspace import Workspace, workspace
from sync import notices as kept
from sync.notices_due import Matter


def notices(
    send_test: Annotated[bool, typer.Option("--test", help="Send a test to everybody who is told.")] = False,
    password: Annotated[
        bool, typer.Option("--password", help="Keep the mail server's password: asked for, or read from stdin.")
    ] = False,
    secret: Annotated[
        bool, typer.Option("--new-secret", help="Make the secret that signs the webhook, and show it this once.")
    ] = False,
    json: Json = False,
) -> None:
    """Show who is told by mail or webhook that something needs them, and what there is to tell."""
    here = session(json)
    if send_test + password + secret > 1:
        raise WrongUse("One thing at a time: --test, --password or --new-secret.")
    with workspace(here) as business:
        if password:
            keep_password(business, _asked(here))
        if secret:
            made = new_secret(business)
            here.note(f"The webhook's secret, shown this once: {made}")
        if send_test:
            _test(here, business)
        _show(here, business)


def _asked(here: Session) -> str:
    if here.may_ask:
        return Prompt.ask("The mail server's password (hidden)", password=True, console=here.out).strip()
    return sys.stdin.read().strip()


def _test(here: Session, business: Workspace) -> None:
    """Send a test, and end."""
    found = test(business)
    if not found:
        raise WrongUse("Nobody is told yet.", fix="Say who in regulars.toml: [notices.mail] or [notices.webhook].")
    code = CONNECTION_FAILED if any(found.values()) else DONE

    def lines(_: object) -> None:
        for name, wrong in found.items():
            mark = f"[bad]✗[/] {name}: {escape(wrong)}." if wrong else f"[good]✓[/] {name}: a test has left."
            here.say(mark)
            if wrong and name == MAIL and "password" in wrong:
                here.say(f"`regulars notices --password` keeps another, or set {VARIABLES[MAIL]}.")

    here.emit({"sent": {name: wrong or None for name, wrong in found.items()}, "exit": code}, lines)
    raise typer.Exit(code)


def _show(here: Session, business: Workspace) -> None:
    with business.read() as conn:
        view, _ = kept.look(conn, list(business.config.connections), business.database.now())
        told, fares = kept.told(conn), kept.channels(conn)
    channels = open_channels(business)
    standing = sorted((one for one in view.matters.values() if not one.ended), key=lambda one: one.since)
    documents = {
        "told": [_channel(name, one, fares.get(name, kept.Channel())) for name, one in channels.items()],
        "stands": [_matter(one, business.timezone, told) for one in standing],
    }

    def lines(_: object) -> None:
        if not channels:
            here.say("Nobody is told. Say who in regulars.toml: \\[notices.mail] or \\[notices.webhook].")
        for name, one in channels.items():
            note = fares[name].note if name in fares else ""
            here.say(f"By {name} to {escape(one.where)}." + (f" [bad]It failed: {escape(note)}.[/]" if note else ""))
        _table(here, business, standing, told)

    here.emit(documents, lines)
    raise typer.Exit(WAITING if standing else DONE)


def _table(here: Session, business: Workspace, standing: list[Matter], told: dict[str, Any]) -> None:
    if not standing:
        here.say("Nothing needs anybody.")
        return
    made = show.table(here.out, "since!", "told!", "what")
    for one in standing:
        last = max((times.get(one.name, 0) for times in told.values()), default=0)
        text = escape(sentence(one, business.timezone))
        made.add_row(when(one.since, business.timezone), when(last, business.timezone) if last else "not yet", text)
    here.out.print(made)


def _channel(name: str, one: Channel, fares: kept.Channel) -> dict[str, Any]:
    return {"by": name, "to": one.where, "failures": fares.failures, "note": fares.note or None}


def _matter(one: Matter, timezone: str, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "subject": one.subject,
        "since": one.since,
        "counts": dict(one.counts),
        "text": sentence(one, timezone),
        "told": {name: times[one.name] for name, times in told.items() if one.name in times},
    }
