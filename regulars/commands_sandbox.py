"""`regulars sandbox`: the platforms rehearsed on this machine, with a generated town of people.

Serves the emulators on loopback until interrupted. With --state their data outlives the process: it is loaded at
the start and saved whenever something was written.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regulars import show
from regulars.session import Json, Session, session
from regulars.trouble import WrongUse

if TYPE_CHECKING:
    from regulars.street import Street


def sandbox(
    people: Annotated[int, typer.Option(min=1, max=2_000_000, help="How many people live in the town.")] = 300,
    contacts: Annotated[int | None, typer.Option(min=1, help="Exactly so many HubSpot contacts.")] = None,
    members: Annotated[int | None, typer.Option(min=1, help="Exactly so many Mailchimp members.")] = None,
    workshops: Annotated[
        bool, typer.Option("--workshops", help="Give Mailchimp a second audience, of people some of whom are in both.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same town.")] = 1,
    port: Annotated[
        int, typer.Option(min=0, max=65_534, help="HubSpot's port; Mailchimp takes the next. 0: free ones.")
    ] = 4210,
    no_quotas: Annotated[bool, typer.Option("--no-quotas", help="No limits on calls.")] = False,
    state: Annotated[Path | None, typer.Option(help="Load the state from this file, and keep it there.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Write who is who to this file.")] = None,
    json: Json = False,
) -> None:
    """Rehearse: HubSpot and Mailchimp on this machine, with a generated town of people. Ctrl-C ends it."""
    from regulars import street as lane  # noqa: PLC0415 - the emulators and their town take a while to load

    here = session(json)
    if (contacts is None) != (members is None):
        raise WrongUse("--contacts and --members belong together.", fix="Give both, or --people.")
    state = None if state is None else here.path(state)
    if state is not None and state.exists():
        street = lane.load(state, quotas=not no_quotas)
    else:
        street = lane.build(
            people,
            seed,
            contacts=contacts,
            members=members,
            quotas=not no_quotas,
            workshops=workshops,
            lately=(contacts or people) <= lane.LIVELY,
        )
    if truth is not None:
        here.path(truth).write_bytes(street.truth)
    ports = [port, port + 1] if port else [0, 0]
    signal.signal(signal.SIGTERM, _interrupt)
    with lane.open_street(street, ports, state) as addresses:
        try:
            _tell(here, street, addresses, state)
            threading.Event().wait()
        except KeyboardInterrupt:
            here.say("\nThe sandbox is closed." + ("" if state is None else f" Its state is kept in {state}."))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _tell(here: Session, street: Street, addresses: list[str], state: Path | None) -> None:
    hubspot, mailchimp = addresses
    document = {
        "hubspot": {"base_url": hubspot, "credential": street.token},
        "mailchimp": {"base_url": mailchimp, "credential": street.key},
        "people": street.people,
        "seed": street.seed,
        "state": None if state is None else str(state),
    }

    def lines(_: object) -> None:
        here.say(f"[strong]A town of {street.people:,} people[/] (seed {street.seed}), on this machine only.\n")
        rows = [("HubSpot", f"{hubspot}   credential [name]{street.token}[/]")]
        rows.append(("Mailchimp", f"{mailchimp}   credential [name]{street.key}[/]"))
        show.facts(here.out, rows)
        here.say("\nIn another terminal, in a folder of its own:")
        here.say("  regulars init")
        here.say(f"  HUBSPOT_TOKEN={street.token} regulars connect hubspot --base-url {hubspot}")
        here.say(f"  MAILCHIMP_API_KEY={street.key} regulars connect mailchimp --base-url {mailchimp}")
        here.say("\n[soft]Ctrl-C ends it.[/]")

    here.emit(document, lines)
