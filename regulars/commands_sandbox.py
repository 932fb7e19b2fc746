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

from regulars import show, wiring
from regulars.session import Json, Session, session
from regulars.trouble import WrongUse, listed, nearest

if TYPE_CHECKING:
    from regulars.street import Street


def sandbox(
    people: Annotated[int, typer.Option(min=1, max=2_000_000, help="How many people live in the town.")] = 300,
    contacts: Annotated[int | None, typer.Option(min=1, help="Exactly so many HubSpot contacts.")] = None,
    members: Annotated[int | None, typer.Option(min=1, help="Exactly so many Mailchimp members.")] = None,
    workshops: Annotated[
        bool, typer.Option("--workshops", help="Give Mailchimp a second audience, of people some of whom are in both.")
    ] = False,
    also: Annotated[
        str | None, typer.Option(help="Further platforms that know some of the people, as in pipedrive,brevo.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same town.")] = 1,
    port: Annotated[
        int, typer.Option(min=0, max=65_534, help="HubSpot's port; the others take the next ones. 0: free ones.")
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
        wanted = _further(also, list(lane.OTHERS))
        street = lane.build(
            people,
            seed,
            contacts=contacts,
            members=members,
            quotas=not no_quotas,
            workshops=workshops,
            lately=(contacts or people) <= lane.LIVELY,
            also=wanted,
        )
    if truth is not None:
        here.path(truth).write_bytes(street.truth)
    ports = [port + place if port else 0 for place in range(len(street.emulators))]
    signal.signal(signal.SIGTERM, _interrupt)
    with lane.open_street(street, ports, state) as addresses:
        try:
            _tell(here, street, addresses, state)
            threading.Event().wait()
        except KeyboardInterrupt:
            here.say("\nThe sandbox is closed." + ("" if state is None else f" Its state is kept in {state}."))


def _further(also: str | None, known: list[str]) -> list[str]:
    """The further platforms that were asked for. Raises WrongUse."""
    names = [name.strip() for name in (also or "").split(",") if name.strip()]
    for name in names:
        if name not in known:
            fix = nearest(name, known) or f"There are {listed(known, 'and')}."
            raise WrongUse(f'"{name}" cannot be rehearsed beside the others.', fix=fix)
    return list(dict.fromkeys(names))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _tell(here: Session, street: Street, addresses: list[str], state: Path | None) -> None:
    from regulars.street import OTHERS  # noqa: PLC0415 - as above

    hubspot, mailchimp, *others = addresses
    further = list(zip(street.others, others, strict=True))
    document = {
        "hubspot": {"base_url": hubspot, "credential": street.token},
        "mailchimp": {"base_url": mailchimp, "credential": street.key},
        **{name: {"base_url": where, "credential": OTHERS[name].credential} for name, where in further},
        "people": street.people,
        "seed": street.seed,
        "state": None if state is None else str(state),
    }

    def lines(_: object) -> None:
        here.say(f"[strong]A town of {street.people:,} people[/] (seed {street.seed}), on this machine only.\n")
        rows = [("HubSpot", f"{hubspot}   credential [name]{street.token}[/]")]
        rows.append(("Mailchimp", f"{mailchimp}   credential [name]{street.key}[/]"))
        for name, where in further:
            rows.append((wiring.platform(name).title, f"{where}   credential [name]{OTHERS[name].credential}[/]"))
        show.facts(here.out, rows)
        here.say("\nIn another terminal, in a folder of its own:")
        here.say("  regulars init")
        here.say(f"  HUBSPOT_TOKEN={street.token} regulars connect hubspot --base-url {hubspot}")
        here.say(f"  MAILCHIMP_API_KEY={street.key} regulars connect mailchimp --base-url {mailchimp}")
        for name, where in further:
            one = OTHERS[name]
            given = " ".join(f"{part}={value}" for part, value in one.environment.items())
            streams = f" --streams {one.streams}" if one.streams else ""
            here.say(f"  {given} regulars connect {name} --base-url {where}{streams}")
        here.say("\n[soft]Ctrl-C ends it.[/]")

    here.emit(document, lines)
