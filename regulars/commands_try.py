"""The command that shows what Regulars finds in exported files, before any credential: try."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import phonenumbers
import typer
from rich.markup import escape

from regulars import try_examples, try_files, try_found, try_show
from regulars.commands_sync import exit_code
from regulars.progress import Bars, Lines
from regulars.session import Json, Session, session
from regulars.trouble import DONE, WAITING, WrongUse, nearest
from regulars.try_rehearsal import rehearsed


def try_(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="Exports of HubSpot and Mailchimp: CSV, or the ZIP.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help='What a renamed column is, as in "E-Mail=email"; "-": nothing.')
    ] = None,
    form: Annotated[
        list[str] | None, typer.Option("--as", help='Which export a file is, as in "people.csv=hubspot".')
    ] = None,
    country: Annotated[str, typer.Option(help="Two letters: how to read phone numbers without a prefix.")] = "",
    example: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Put two made-up exports in this folder, to try it on.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what Regulars finds in exported files and what a first sync would do. Writes nothing, asks no platform."""
    here = session(json)
    if example is not None:
        _put_example(here, example)
        return
    if not files:
        fix = "As in `regulars try contacts.csv audience.zip`; --example DIR makes two to play with."
        raise WrongUse("Which files?", fix=fix)
    if country and country not in phonenumbers.SUPPORTED_REGIONS:
        raise WrongUse(
            f'"{country}" is no country in two capital letters.',
            fix=nearest(country.upper(), phonenumbers.SUPPORTED_REGIONS),
        )
    said, forms = try_files.renamed(column or ()), try_files.stated(form or ())
    layouts, skipped = try_files.layouts(here, [here.path(file) for file in files], said, forms)
    progress = Bars(here.err) if here.err.is_terminal and not here.json else Lines(here.err, silent=True)
    with rehearsed(layouts, country, progress) as trial:
        if trial.balance.failures:
            raise WrongUse("; ".join(trial.balance.failures.values()))
        document = {**try_found.document(trial), "skipped": skipped}
        unreadable = any(one["unreadable"] for one in document["files"])
        code = exit_code(trial.balance) or (WAITING if unreadable else DONE)
        here.emit({**document, "exit": code}, lambda _: try_show.found(here, trial, document, country))
    raise typer.Exit(code)


def _put_example(here: Session, folder: Path) -> None:
    """Two made-up exports, the only thing that this command ever writes."""
    paths = [str(folder / path.name) for path in try_examples.put(here.path(folder))]

    def lines(_: object) -> None:
        here.say(f"Two made-up exports lie in {escape(str(folder))}. Look what is in them:")
        here.say(f"  [strong]regulars try {escape(' '.join(paths))}[/]")

    here.emit({"files": paths}, lines)
