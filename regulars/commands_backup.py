"""`regulars backup`: a copy of the store, also while it is in use."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from regulars.session import Json, session
from regulars.trouble import Trouble, WrongUse
from regulars.workspace import now, workspace
from sync.store.upgrade import copy_to


def backup(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; else beside the store, named by the moment.")
    ] = None,
    json: Json = False,
) -> None:
    """Copy the store, complete and consistent, while anything may go on."""
    here = session(json)
    with workspace(here) as business:
        database = business.database
        if database.path is None:
            fix = "`pg_dump --format=custom` copies a PostgreSQL database."
            raise WrongUse(f"{database.where} is no file.", fix=fix)
        moment = datetime.fromtimestamp(now() / 1000, UTC).strftime("%Y-%m-%dT%H%M%SZ")
        target = here.path(file) if file else database.path.with_name(f"{database.path.name}.{moment}.backup")
        if target.exists():
            raise WrongUse(f"{target} is there already.", fix="Name another file, or remove it first.")
        try:
            copy_to(database, target)
        except (OSError, sqlite3.Error) as error:
            raise Trouble(f"{target} could not be written: {error}.", fix="Nothing was changed.") from None
        size = target.stat().st_size

    def lines(_: object) -> None:
        here.say(f"[good]✓[/] {escape(str(target))} has all of it, {size:,} bytes.")
        here.say("Keep the key of the credentials too: REGULARS_KEY, the system's keyring or regulars.key.")

    here.emit({"file": str(target), "bytes": size}, lines)
