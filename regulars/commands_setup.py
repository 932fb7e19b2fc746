"""Commands around connections: init, connections, disconnect."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

import phonenumbers
import typer
from rich.markup import escape
from rich.prompt import Confirm

from connectors import CATALOGUE
from mapping.countries import country_code
from regulars import show
from regulars.asking import ask
from regulars.config import FILE
from regulars.config_edit import new_file, remove_connection, save
from regulars.session import Json, Yes, session
from regulars.trouble import Waiting, WrongUse, listed, nearest
from regulars.words import ago
from regulars.workspace import now, workspace
from sync import queries, runs
from sync.store.errors import StoreError

_LISTED = {"platform", "direction", "create", "audience", "credential", "base_url"}


def init(
    name: Annotated[str | None, typer.Option(help="The business's name.")] = None,
    country: Annotated[
        str | None, typer.Option(help="Two letters or its name: how to read phone numbers without a prefix.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help='For dates and times, such as "Europe/Berlin".')] = None,
    json: Json = False,
) -> None:
    """Make this folder a business: writes regulars.toml."""
    here = session(json)
    path = here.folder / FILE
    if path.exists():
        raise WrongUse(
            f"{path} is there already.", fix="Edit it, or use another folder with `regulars -C FOLDER init`."
        )
    if here.may_ask:
        name = name or ask(here, "What is the business called?", _named)
        country = country or ask(here, "In which country is it? Two letters, or its name.", _a_country, _country())
        timezone = timezone or ask(here, "Time zone?", _a_timezone, _timezone())
    missing = [option for option, given in (("--name", name), ("--country", country)) if not given]
    if missing:
        raise WrongUse(
            f"{listed(missing, 'and')} is missing.", fix='As in `regulars init --name "Backhaus" --country DE`.'
        )
    text = new_file(_named(name or ""), _a_country(country or ""), _a_timezone(timezone or _timezone()))
    here.folder.mkdir(parents=True, exist_ok=True)
    save(here.folder, text)

    def lines(_: object) -> None:
        here.say(f"[good]✓[/] {escape(name or '')} lives in {escape(str(path))}.")
        first, *others = [entry.name for entry in CATALOGUE]
        here.say(f"Next, connect your platforms: [strong]regulars connect {first}[/], or {listed(others, 'or')}.")
        here.say("[soft]What each of them can do: `regulars platforms`[/]")

    here.emit({"file": str(path), "business": name, "platforms": [entry.name for entry in CATALOGUE]}, lines)


def _named(said: str) -> str:
    if not said.strip():
        raise WrongUse("A business needs a name.", fix='As in "Backhaus".')
    return said.strip()


def _a_country(said: str) -> str:
    """Two letters, from the letters or the name of a country."""
    code = country_code(said)
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise WrongUse(f'"{said}" is no country.', fix='Give its two letters, such as "DE" or "US", or its name.')
    return code


def _a_timezone(said: str) -> str:
    zones = available_timezones()
    if zones and said not in zones:
        hint = nearest(said, zones) or 'Give it as in "Europe/Berlin".'
        raise WrongUse(f'"{said}" is no time zone.', fix=hint)
    return said


def _country() -> str:
    found = re.match(r"[a-z]{2}_([A-Z]{2})", os.environ.get("LC_ALL") or os.environ.get("LANG", ""))
    return found[1] if found else ""


def _timezone() -> str:
    """This machine's time zone, where it tells."""
    given = os.environ.get("TZ", "")
    try:
        given = given or Path("/etc/timezone").read_text("utf-8").strip()
    except OSError:
        given = given or os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    return given if "/" in given else "UTC"


def connections(json: Json = False) -> None:
    """List the connections."""
    here = session(json)
    with workspace(here) as business:
        with business.read() as conn:
            known = {line.name: line for line in queries.connections(conn)}
        document = []
        for name, part in business.config.connections.items():
            line = known.get(name)
            document.append(
                {
                    "name": name,
                    **part.model_dump(mode="json", include=_LISTED),
                    "account": line.account_name if line else "",
                    "records": line.records if line else 0,
                    "read": (line.pulled_at if line else 0) or None,
                    "stopped": line.stopped if line else [],
                }
            )

        def lines(_: object) -> None:
            if not document:
                here.say("There is no connection yet. Add one with [strong]regulars connect PLATFORM[/]")
                return
            made = show.table(
                here.out, "name!", "platform", "account", "direction", "creates", "records>", "last read", ""
            )
            for one in document:
                note = "[warn]stopped[/]" if one["stopped"] else "[soft]sandbox[/]" if one["base_url"] else ""
                cells = (one["platform"], escape(one["account"]), one["direction"], one["create"])
                made.add_row(
                    f"[name]{one['name']}[/]", *cells, show.number(one["records"]), ago(one["read"] or 0, now()), note
                )
            here.out.print(made)

        here.emit(document, lines)


def disconnect(
    name: Annotated[str, typer.Argument(help="The connection.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Close a connection: forgets its credential and settings. What was read stays known."""
    here = session(json)
    with workspace(here) as business:
        business.names([name])
        if here.may_ask and not yes and not Confirm.ask(f"Close {name}?", default=False, console=here.out):
            raise Waiting("Nothing was changed.")
        heir = next((other for other, part in business.config.connections.items() if part.credential == name), "")
        if heir:
            with suppress(StoreError):  # a credential that cannot be opened any more is forgotten all the same
                business.vault.copy(name, heir)
        remove_connection(business.folder, name)
        business.vault.forget(name)
        runs.forget(business.database, name)
        text = f"[good]✓[/] {name} is closed. Nothing was changed there."
        if heir:
            text += f" Its credential is kept for {heir}."
        here.emit({"disconnected": name, "credential_kept_for": heir}, lambda _: here.say(text))
