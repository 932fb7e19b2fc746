"""`regulars webhooks` and `regulars inbox`: how platforms reach us, and what they told."""

from __future__ import annotations

import secrets as random_secrets
import sys
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.prompt import Prompt

from connectors.signing import agreed_token
from regulars import show
from regulars.session import Json, Session, session
from regulars.trouble import DONE, WAITING, WrongUse, listed
from regulars.webhook_doors import PARTS, Reach, reaches
from regulars.webhook_setup import keep, set_up
from regulars.webhook_waiting import Came, Waiting
from regulars.words import count, when
from regulars.workspace import Workspace, hook_secret, workspace
from sync import inbox
from sync.inbox import Filed

SHORTEST = 12
HOST = "127.0.0.1"


def webhooks(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A connection.")] = None,
    setup: Annotated[bool, typer.Option("--setup", help="Set it up there, or show what to click.")] = False,
    secret: Annotated[bool, typer.Option("--secret", help="Keep its secret: asked for, or read from stdin.")] = False,
    new_secret: Annotated[
        bool, typer.Option("--new-secret", help="Make a secret up, for a hook that signs nothing.")
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for a test delivery after --setup by hand.")
    ] = 300.0,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where to listen meanwhile, as `serve` would.")] = 8460,
    forget_former: Annotated[bool, typer.Option("--forget-former", help="The secret before this one ends.")] = False,
    json: Json = False,
) -> None:
    """Show how each platform reaches `regulars serve`, and keep the secrets that prove it is them."""
    here, came = session(json), True
    with workspace(here) as business:
        found = {one.name: one for one in reaches(business)}
        if name is None:
            if setup or secret or new_secret or forget_former:
                raise WrongUse("Whose secret?", fix="As in `regulars webhooks hubspot --secret`.")
        elif name not in found:
            known = listed(list(found), "and") or "none"
            raise WrongUse(f'No platform calls "{name}".', fix=f"Connections that can be called: {known}.")
        elif setup:
            came = _set_up(here, business, found[name], wait, port)
        elif secret or new_secret:
            _keep(here, business, found[name], made_up=new_secret)
        elif forget_former:
            _forget_former(business, name)
        told = [one for one in reaches(business) if name in (None, one.name)]
        here.emit([_document(one) for one in told], lambda _: _lines(here, told))
        raise typer.Exit(DONE if came and all(one.proven and one.address for one in told) else WAITING)


def _set_up(here: Session, business: Workspace, reach: Reach, wait: float, port: int) -> bool:
    """At the platform, where its API does it; else what to click, and then wait until something comes. Whether nothing
    is left to do."""
    if not reach.address:
        fix = 'Say in regulars.toml where: [webhooks] public_url = "https://...".'
        raise WrongUse("The platforms have no address to call.", fix=fix)
    if reach.hooks.by_hand:
        token = _agreed(here, business, reach) if reach.hooks.challenge is not None else ""
        for number, step in enumerate(reach.hooks.by_hand, 1):
            here.note(f"{number}. {escape(step.format(address=reach.address, name=reach.name, token=token))}")
        if not business.webhook_secrets(reach.name) and here.may_ask:
            _keep(here, business, reach, made_up=False)
        return not wait or _came(here, Waiting(business, reach, here.note).wait(wait, HOST, port), reach)
    try:
        done = set_up(business, reach.name, business.open(reach.name), reach.address)
    except ValueError as error:
        raise WrongUse(f"{error}.", fix="It checks the address at once: `regulars serve` has to run there.") from None
    here.note(f"{reach.title} calls {reach.address}" + (" from now on." if done.new else ", as before."))
    return True


def _agreed(here: Session, business: Workspace, reach: Reach) -> str:
    """The token by which the platform and we know each other before anything is delivered. It follows from the secret,
    which is asked for first."""
    if not business.webhook_secrets(reach.name):
        if not here.may_ask:
            fix = f"Keep it first, with `regulars webhooks {reach.name} --secret`: it is {reach.hooks.asks}."
            raise WrongUse(f"Setting up {reach.title} takes the secret.", fix=fix)
        _keep(here, business, reach, made_up=False)
    return agreed_token(business.webhook_secrets(reach.name)[0])


def _came(here: Session, how: Came, reach: Reach) -> bool:
    """Say how waiting ended."""
    if how is Came.PROVEN:
        here.note(f"[good]It works:[/] a delivery of {reach.title} came, and is proven.")
    elif how is Came.DOUBTED:
        keep = f"`regulars webhooks {reach.name} --secret` keeps the right one"
        here.note(f"[bad]What came was not proven.[/] The secret is another: {keep}.")
    else:
        here.note(f"[warn]Nothing came.[/] Send a test from {reach.title}, and see that {reach.address} leads here.")
    return how is Came.PROVEN


def _keep(here: Session, business: Workspace, reach: Reach, *, made_up: bool) -> None:
    """Keep a new secret; the one before it stays valid until it is forgotten."""
    if made_up:
        value = random_secrets.token_urlsafe(32)
        here.note(f"Put it into the hook's address: ?secret={value}")
    elif here.may_ask:
        value = Prompt.ask(f"{reach.title}: {reach.hooks.asks} (hidden)", password=True, console=here.out).strip()
    else:
        value = sys.stdin.read().strip()
    if len(value) < SHORTEST:
        raise WrongUse(f"A secret has at least {SHORTEST} characters.", fix=f"It is {reach.hooks.asks}.")
    keep(business, reach.name, value)


def _forget_former(business: Workspace, name: str) -> None:
    known = business.webhook_secrets(name)
    if not known:
        raise WrongUse(f"{name} has no secret.", fix=f"Keep one with `regulars webhooks {name} --secret`.")
    business.vault.put(hook_secret(name), dict(zip(PARTS, (known[0], ""), strict=True)))


def _document(one: Reach) -> dict[str, Any]:
    return {
        "connection": one.name,
        "address": one.address or None,
        "secret": one.proven,
        "former_secret": one.changing,
        "content_types": list(one.hooks.types),
    }


def _lines(here: Session, told: list[Reach]) -> None:
    if not told:
        here.say("No connected platform calls by itself; `regulars serve` looks at all of them in turn.")
        return
    made = show.table(here.out, "connection", "address", "secret")
    for one in told:
        state = "[warn]two, while one is changed[/]" if one.changing else "kept" if one.proven else "[bad]missing[/]"
        made.add_row(f"[name]{escape(one.name)}[/]", escape(one.address or "(no public_url yet)"), state)
    here.out.print(made)
    for one in told:
        if not one.address:
            here.say('Say in regulars.toml where you are reached: \\[webhooks] public_url = "https://..."')
            break
    for one in told:
        if not one.proven:
            here.say(f"Then `regulars webhooks {one.name} --secret` with {one.hooks.asks}.")


def inbox_(
    delivery: Annotated[int | None, typer.Argument(metavar="[ID]", help="One delivery, whole.")] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Let that delivery wait again.")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Only those that could not be read.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    json: Json = False,
) -> None:
    """Show what the platforms told: waiting, done and refused."""
    here = session(json)
    with workspace(here) as business:
        if delivery is None:
            if replay:
                raise WrongUse("Which delivery?", fix="As in `regulars inbox 12 --replay`.")
            _list(here, business, limit, 0 if waiting else 2 if refused else None)
            return
        with business.read() as conn:
            found = inbox.one(conn, delivery)
        if found is None:
            raise WrongUse(f"There is no delivery {delivery}.", fix="`regulars inbox` lists them.")
        if replay:
            with business.database.write() as conn:
                inbox.replay(conn, [delivery])
            here.emit({"id": delivery, "state": "waiting"}, lambda _: here.say(f"Delivery {delivery} waits again."))
            return
        here.emit(_filed(found, whole=True), lambda _: _one(here, business, found))


def _list(here: Session, business: Workspace, limit: int, state: int | None) -> None:
    with business.read() as conn:
        counts, found = inbox.counts(conn), inbox.newest(conn, limit, state=state)

    def lines(_: object) -> None:
        if not found:
            here.say("Nothing was told yet." if not counts else "None.")
            return
        made = show.table(here.out, "id!", "connection", "came", "state", "note")
        for one in found:
            style = {"waiting": "warn", "refused": "bad"}.get(one.state, "good")
            moment = when(one.at, business.timezone)
            made.add_row(str(one.id), escape(one.connection), moment, f"[{style}]{one.state}[/]", escape(one.note[:60]))
        here.out.print(made)
        for name, by in sorted(counts.items()):
            here.say(f"[name]{escape(name)}[/]: " + ", ".join(count(n, state, state) for state, n in by.items()))

    here.emit({"counts": counts, "deliveries": [_filed(one) for one in found]}, lines)


def _one(here: Session, business: Workspace, found: Filed) -> None:
    done = when(found.done_at, business.timezone) if found.done_at else "-"
    rows = [("connection", found.connection), ("came", when(found.at, business.timezone)), ("state", found.state)]
    rows += [("done", done), ("run", str(found.run or "-")), ("note", found.note or "-")]
    show.facts(here.out, [(name, escape(text)) for name, text in rows])
    here.say(escape(found.body.decode("utf-8", "replace")))


def _filed(one: Filed, *, whole: bool = False) -> dict[str, Any]:
    document = {**one._asdict(), "body": one.body.decode("utf-8", "replace")}
    if not whole:
        del document["body"]
    return document
