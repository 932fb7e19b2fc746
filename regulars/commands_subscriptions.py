"""`regulars subscriptions`, `deliveries` and `api-key`: who hears of what happens here, and how telling them went."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape

from regulars import show
from regulars.session import Json, Session, session
from regulars.telling import sender
from regulars.trouble import DONE, WAITING, WrongUse, listed, nearest
from regulars.words import count, when
from regulars.workspace import Workspace, workspace
from sync.events_kinds import KINDS
from sync.store.schema_events import GIVEN_UP
from sync.store.schema_events import WAITING as STILL_WAITING
from webhooks import api_keys, outgoing, outgoing_desk
from webhooks.outgoing import Subscription
from webhooks.outgoing_address import BadAddress
from webhooks.outgoing_desk import Line


def subscriptions(
    add: Annotated[str, typer.Option(metavar="URL", help="Tell this address from now on.")] = "",
    events: Annotated[str, typer.Option(metavar="A,B", help="Of which events, divided by commas; or `all`.")] = "",
    remove: Annotated[str, typer.Option(metavar="ID", help="Tell it no longer.")] = "",
    resume: Annotated[str, typer.Option(metavar="ID", help="Tell one again that was disabled.")] = "",
    json: Json = False,
) -> None:
    """Show who hears of what happens here; add and remove them."""
    here = session(json)
    if sum(map(bool, (add, remove, resume))) > 1:
        raise WrongUse("One thing at a time: --add, --remove or --resume.")
    with workspace(here) as business:
        secret = ""
        if add:
            made, secret = _add(business, add, events)
            here.note(f"{made.id} listens. Its secret, shown this once: {secret}")
        elif remove:
            if not outgoing.remove(business.database, business.vault, remove):
                raise _unknown(business, remove)
        elif resume:
            with business.database.durable() as conn:
                found = outgoing.resume(conn, resume, business.database.now())
            if not found:
                raise _unknown(business, resume)
        elif events:
            raise WrongUse("Who shall hear of them?", fix="As in `regulars subscriptions --add URL --events A,B`.")
        with business.read() as conn:
            told, counts = outgoing.all_of(conn), outgoing_desk.counts(conn)
        documents = [_document(one, counts.get(one.id, {})) for one in told]
        if secret:
            documents[-1]["secret"] = secret
        here.emit(documents, lambda _: _lines(here, business, told, counts))
        raise typer.Exit(DONE if all(one.active for one in told) else WAITING)


def _add(business: Workspace, url: str, events: str) -> tuple[Subscription, str]:
    kinds = [part.strip() for part in events.split(",") if part.strip()]
    if not kinds:
        raise WrongUse("Of which events?", fix=f"--events all, or some of {', '.join(KINDS)}.")
    wanted = list(KINDS) if kinds == ["all"] else kinds
    for kind in wanted:
        if kind not in KINDS:
            raise WrongUse(f'There is no event "{kind}".', fix=nearest(kind, KINDS) or f"There are {', '.join(KINDS)}.")
    local = business.config.webhooks.private_listeners
    try:
        return outgoing.add(business.database, business.vault, url, wanted, local=local)
    except BadAddress as error:
        fix = "For programs in your own network say private_listeners = true in regulars.toml, in [webhooks]."
        raise WrongUse(f'"{url}" cannot be told: {error}.', fix="" if local else fix) from None
    except outgoing.Refused as error:
        raise WrongUse(f"Not added: {error}.") from None


def _unknown(business: Workspace, identity: str) -> WrongUse:
    with business.read() as conn:
        known = [one.id for one in outgoing.all_of(conn)]
    hint = nearest(identity, known) or (f"There are {listed(known, 'and')}." if known else "There is none.")
    return WrongUse(f'There is no subscription "{identity}".', fix=hint)


def _document(one: Subscription, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "events": list(one.kinds),
        "made": one.made,
        "made_by": one.made_by,
        "state": "active" if one.active else "disabled",
        "note": one.note,
        "failing_since": one.failing_since or None,
        "deliveries": counts,
    }


def _lines(here: Session, business: Workspace, told: list[Subscription], counts: dict[str, dict[str, int]]) -> None:
    if not told:
        here.say("Nobody listens. `regulars subscriptions --add URL --events A,B`, or the API, changes that.")
        return
    made = show.table(here.out, "id!", "address", "events", "state", "waiting>", "delivered>")
    for one in told:
        state = "[bad]disabled[/]" if not one.active else "[warn]failing[/]" if one.failing_since else "[good]active[/]"
        kinds = "all" if len(one.kinds) == len(KINDS) else ", ".join(one.kinds)
        by = counts.get(one.id, {})
        waits, done = str(by.get("waiting", 0)), str(by.get("delivered", 0))
        made.add_row(one.id, escape(one.url), escape(kinds), state, waits, done)
    here.out.print(made)
    for one in told:
        if not one.active:
            here.say(notice(one.id, one.note))
        elif one.failing_since:
            since = when(one.failing_since, business.timezone)
            here.say(f"[warn]{escape(one.id)}[/] takes nothing since {since}; it is tried again for three days.")


def notice(identity: str, note: str) -> str:
    """What to know of a subscription that was disabled."""
    return f"[warn]{escape(identity)} is told nothing:[/] {escape(note)}. `regulars subscriptions --resume {identity}`"


def deliveries(
    replay: Annotated[int | None, typer.Option(metavar="ID", help="Deliver this one once more.")] = None,
    to: Annotated[str, typer.Option(metavar="ID", help="Only to this subscription.")] = "",
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
    send: Annotated[bool, typer.Option("--send", help="Send now what is due, without `regulars serve`.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    json: Json = False,
) -> None:
    """Show what was told to others, and each attempt."""
    here = session(json)
    with workspace(here) as business:
        if replay is not None:
            with business.database.durable() as conn:
                found = outgoing_desk.replay(conn, replay, business.database.now())
            if not found:
                raise WrongUse(
                    f"There is no delivery {replay} to somebody who listens.", fix="`regulars deliveries` lists them."
                )
        if send:
            _send(business)
        states = [state for state, chosen in ((STILL_WAITING, waiting), (GIVEN_UP, failed)) if chosen]
        with business.read() as conn:
            lines = outgoing_desk.newest(conn, limit, to, states)
        here.emit([_delivery(one) for one in lines], lambda _: _table(here, business, lines))


def _send(business: Workspace) -> None:
    """Everything that is due now, once."""
    found = sender(business)
    try:
        while found.send():
            pass
    finally:
        found.transport.close()


def _delivery(one: Line) -> dict[str, Any]:
    return {**one._asdict(), "attempts": [tried._asdict() for tried in one.attempts]}


def _table(here: Session, business: Workspace, lines: list[Line]) -> None:
    if not lines:
        here.say("Nothing was told yet.")
        return
    made = show.table(here.out, "id!", "event", "to", "state", "attempts")
    for one in lines:
        style = {"waiting": "warn", "given up": "bad"}.get(one.state, "good")
        tries = [f"{when(tried.at, business.timezone)} {tried.note}" for tried in one.attempts]
        if one.state == "waiting":
            tries.append(f"next {when(one.due, business.timezone)}")
        text = escape("\n".join(tries))
        made.add_row(str(one.id), escape(one.kind), escape(one.subscription), f"[{style}]{one.state}[/]", text)
    here.out.print(made)


def api_key(
    new: Annotated[str, typer.Option(metavar="NAME", help="Make a key; the name is for you.")] = "",
    scopes: Annotated[
        str, typer.Option(metavar="A,B", help="What it may: subscriptions, read.")
    ] = "subscriptions,read",
    end: Annotated[str, typer.Option(metavar="NAME", help="This key is valid no longer.")] = "",
    json: Json = False,
) -> None:
    """Show the keys of the API, make and end them. A key is shown once, when it is made."""
    here = session(json)
    if new and end:
        raise WrongUse("One thing at a time: --new or --end.")
    with workspace(here) as business:
        text = ""
        with business.database.durable() as conn:
            if new:
                asked = [part.strip() for part in scopes.split(",") if part.strip()]
                try:
                    _, text = api_keys.new(conn, new, asked, business.database.now())
                except ValueError as error:
                    raise WrongUse(f"No key was made: {error}.") from None
            elif end and not api_keys.end(conn, end):
                known = [one.name for one in api_keys.all_of(conn)]
                raise WrongUse(f'There is no key "{end}".', fix=nearest(end, known) or "`regulars api-key` lists them.")
            keys = api_keys.all_of(conn)
        if text:
            here.note(f"The key, shown this once: {text}")
        documents = [{"name": one.name, "scopes": list(one.scopes), "made": one.made} for one in keys]
        if text:
            next(one for one in documents if one["name"] == new)["key"] = text

        def lines(_: object) -> None:
            if not keys:
                here.say("There is no key yet. `regulars api-key --new NAME` makes one.")
                return
            made = show.table(here.out, "name", "may", "made")
            for one in keys:
                made.add_row(escape(one.name), ", ".join(one.scopes), when(one.made, business.timezone))
            here.out.print(made)
            here.say(f"[soft]{count(len(keys), 'key')}[/]")

        here.emit(documents, lines)
