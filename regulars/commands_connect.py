"""`regulars connect`: open a platform, look at it, choose, and keep the credential encrypted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.base import Account, Platform
from mapping.model import Companies, Create, Direction
from regulars import allowing, audiences, connecting, wiring
from regulars.audiences import Place
from regulars.config import ConnectionConfig, check_name
from regulars.connect_steps import Steps, Wishes
from regulars.session import Json, Session, session
from regulars.trouble import WrongUse
from regulars.workspace import Workspace, credential_parts, workspace
from sync import queries


def connect(
    platform: Annotated[str, typer.Argument(help="Which one; `regulars platforms` lists them.")],
    name: Annotated[
        str | None, typer.Option(help="What to call the connection; the platform's name otherwise.")
    ] = None,
    credential_file: Annotated[
        Path | None, typer.Option(help="Read the credential from this file; - is stdin.")
    ] = None,
    oauth: Annotated[
        bool, typer.Option("--oauth", help="Allow an app of your own in the browser, or give tokens that you have.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="With --oauth: open the browser here, or show the address.")
    ] = True,
    port: Annotated[
        int, typer.Option(min=1024, max=65535, help="With --oauth: the port of the redirect address on this machine.")
    ] = allowing.PORT,
    audience: Annotated[
        list[str] | None, typer.Option(help='An audience, by name or id, or "all". May be repeated.')
    ] = None,
    fields: Annotated[str | None, typer.Option(help='Our names with commas, or "all".')] = None,
    custom: Annotated[
        list[str] | None, typer.Option(help="A field of your own: our_name=there. May be repeated.")
    ] = None,
    streams: Annotated[
        str | None, typer.Option(help='What to read beside people: names with commas, "all" or "none".')
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option(help="An export, or a folder whose newest one is read. May be repeated.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help='What a renamed column is, as in "E-Mail=email"; "-": nothing.')
    ] = None,
    whole: Annotated[
        bool | None, typer.Option(help="Each export holds everybody: who is missing from a newer one is gone.")
    ] = None,
    direction: Annotated[Direction | None, typer.Option(help="What may be written there.")] = None,
    create: Annotated[Create | None, typer.Option(help="Who may be created there.")] = None,
    companies: Annotated[
        Companies | None, typer.Option(help="Put people to the companies that they work for there, or make those too.")
    ] = None,
    own_key: Annotated[bool | None, typer.Option(help="Make a field there that carries our key.")] = None,
    base_url: Annotated[str | None, typer.Option(help="The sandbox's address, in place of the platform's.")] = None,
    json: Json = False,
) -> None:
    """Open a platform: checks the credential, shows what it may do, lets you choose, and keeps it encrypted."""
    here = session(json)
    entry = wiring.platform(platform)
    named, name = name is not None, name or entry.name
    try:
        check_name(name)
    except ValueError as error:
        raise WrongUse(f"{error}.") from None
    wishes = Wishes(fields, custom or (), streams, direction, create, companies, own_key, whole)
    with workspace(here) as business:
        before = business.config.connections.get(name)
        if before is not None and before.platform != entry.name:
            raise WrongUse(f"{name} is a connection to {before.platform}.", fix="Choose another --name.")
        key = credential_file
        if key is not None and str(key) != "-":
            key = here.path(key)
        files = connecting.files(here, entry, file or (), column or (), before)
        kept = partial(_kept, business, entry, name, before if audience else None)
        allow = partial(allowing.allowed, here, entry, base=base_url or "", browser=browser, port=port)
        may_allow = entry.app is not None and here.may_ask
        secret = connecting.credential(here, entry, key, oauth, kept, allow if may_allow else None)
        first = Steps(here, business, entry, Place(name, None, before), secret)
        first.values |= files
        first.whole(whole)
        if base_url is not None:
            first.values["base_url"] = base_url
        if streams is not None:
            first.streams(streams)
        account = first.look()
        chosen = audiences.choose(here, entry, account, audience or (), str(first.values.get("audience", "")))
        found = audiences.places(entry, business.config.connections, name, chosen, named=named)
        if before is not None and name not in {place.name for place in found}:
            _same_account(business, name, account)
        steps = _steps(first, found)
        document = _carry_out(here, business, steps, wishes)
        here.emit(document, lambda _: None)


def _kept(business: Workspace, entry: Platform, name: str, before: ConnectionConfig | None) -> Mapping[str, str]:
    """The credential that opens *name* already, for one more of the account's audiences."""
    if before is None:
        return {}
    return business.vault.get(before.credential or name, credential_parts(entry))


def _same_account(business: Workspace, name: str, account: Account) -> None:
    """A further audience shares the credential of the first, which must open the same account. Raises WrongUse."""
    with business.read() as conn:
        known = {line.name: line for line in queries.connections(conn)}
    line = known.get(name)
    if line is not None and line.account and line.account.partition("/")[0] != account.id.partition("/")[0]:
        text = f"This credential opens {account.name or account.id}, and {name} is {line.account_name or line.account}."
        raise WrongUse(text, fix="Choose another --name for another account.")


def _steps(first: Steps, found: Sequence[Place]) -> list[Steps]:
    """What is to be set up: *first* itself where it is one of the places, and the others on its credential."""
    here, business, entry = first.here, first.business, first.entry
    holder = first.holder if first.before is not None else found[0].name
    steps = []
    for place in found:
        step = Steps(here, business, entry, place, first.secret)
        step.account = first.account
        shared = ("base_url", "files", "columns", "whole") if place.name == first.name else ("base_url",)
        step.values |= {key: first.values[key] for key in shared if key in first.values}
        if place.before is None and place.name != holder:
            step.values["credential"] = holder
        steps.append(step)
    return steps


def _carry_out(here: Session, business: Workspace, steps: Sequence[Steps], wishes: Wishes) -> dict[str, Any]:
    """Choose for each, then store all; returns what was done, for the first with the others beside it."""
    offered = [step.offered() for step in steps]
    names = frozenset(name for found in offered for name in connecting.names_of(found))
    for step, found in zip(steps, offered, strict=True):
        step.choose(wishes, found, names - connecting.names_of(found))
    for holder in dict.fromkeys(step.holder for step in steps):
        if steps[0].secret:
            business.vault.put(holder, steps[0].secret)
    for step in sorted(steps, key=lambda step: step.holder != step.name):  # whoever is referred to comes first
        step.keep()
    here.say("Next: [strong]regulars sync --dry-run[/], then [strong]regulars sync[/]")
    return {**steps[0].document(), "also": [step.document() for step in steps[1:]]}
