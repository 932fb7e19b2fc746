"""Commands that carry out of the store and into it: export, import."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.markup import escape
from rich.prompt import Confirm

from regulars import show, wiring
from regulars.commands_decide import deciding
from regulars.export_files import Format, pyarrow, whole, write_all, writer
from regulars.progress import Bars, Lines
from regulars.session import Json, Session, Yes, session
from regulars.trouble import DONE, WAITING, WrongUse
from regulars.words import DECISIONS, count
from regulars.workspace import Workspace, now, workspace
from sync import portable, portable_in
from sync.queries_export import What
from sync.queries_export import export as table_of

LONG = 20_000
"""From so many rows on, a bar shows how far an export is."""

_SHOWN = 20


class Exported(StrEnum):
    """What can be exported."""

    PEOPLE = "people"
    TOUCHPOINTS = "touchpoints"
    CONSENT = "consent"
    SEGMENTS = "segments"
    ORGANIZATIONS = "organizations"
    DEALS = "deals"
    DECISIONS = "decisions"


class Brought(StrEnum):
    """What can be imported."""

    DECISIONS = "decisions"


def export(
    what: Annotated[Exported, typer.Argument(help="What to export.")],
    format: Annotated[
        Format | None, typer.Option("--format", "-f", help="Else what the file's name says, else csv.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; - or none is standard output.")] = None,
    bom: Annotated[bool, typer.Option("--bom", help="CSV: begin with a byte order mark, for Excel.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Write what the store knows as CSV, JSON Lines or Parquet. Credentials are never in it."""
    here = session(json)
    file = None if out is None or str(out) == "-" else here.path(out)
    kind = _format(what, format, file)
    _possible(here, kind, file, bom=bom)
    with workspace(here) as business:
        if file is not None:
            _may_replace(here, file, yes=yes)
        misfits: Counter[str] = Counter()
        with _opened(file) as stream:
            columns, rows = _write(here, business, what, kind, stream, bom=bom, misfits=misfits)
        for name, number in misfits.items():
            here.note(f"[warn]{count(number, 'value')} of {escape(name)} did not fit the column and were left out.[/]")
        if file is None:
            return
        told = {"exported": what.value, "format": kind.value, "rows": rows, "columns": columns, "file": str(file)}
        here.emit(told, lambda _: here.say(f"[good]✓[/] {_rows(what, rows)} in {escape(str(file))}"))


def _rows(what: Exported, number: int) -> str:
    one = {Exported.PEOPLE: "person", Exported.CONSENT: "line of consent", Exported.SEGMENTS: "membership"}
    many = {Exported.PEOPLE: "people", Exported.CONSENT: "lines of consent"}
    return count(number, one.get(what, what.value.removesuffix("s")), many.get(what, ""))


def _format(what: Exported, wanted: Format | None, file: Path | None) -> Format:
    """The format that was asked for, or that the file's name says. Raises WrongUse."""
    suffix = file.suffix.lower().removeprefix(".") if file is not None else ""
    named = Format(suffix) if suffix in list(Format) else None
    if what is Exported.DECISIONS:
        if wanted not in (None, Format.JSONL):
            raise WrongUse("Decisions are exported as jsonl only.", fix="`regulars import decisions` reads it.")
        return Format.JSONL
    return wanted or named or Format.CSV


def _possible(here: Session, kind: Format, file: Path | None, *, bom: bool) -> None:
    """Raises WrongUse for what does not go together."""
    if bom and kind is not Format.CSV:
        raise WrongUse(f"--bom is for csv, and this is {kind.value}.", fix="Leave it out.")
    if file is None and kind is Format.PARQUET:
        raise WrongUse("Parquet is no text for standard output.", fix="Name a file with --out.")
    if file is None and here.json:
        raise WrongUse("--json tells about a file that was written.", fix="Name it with --out, or leave --json out.")
    if kind is Format.PARQUET:
        pyarrow()


def _may_replace(here: Session, file: Path, *, yes: bool) -> None:
    """Raises WrongUse where the file is there and nobody said that it may go."""
    if file.is_dir():
        raise WrongUse(f"{file} is a folder.", fix="Name a file with --out.")
    if not file.exists() or yes:
        return
    if not here.may_ask:
        raise WrongUse(f"{file} is there already.", fix="Choose another name, or overwrite it with --yes.")
    if not Confirm.ask(f"{escape(str(file))} is there already. Overwrite it?", default=False, console=here.out):
        raise typer.Exit(WAITING)


def _opened(file: Path | None) -> AbstractContextManager[IO[bytes]]:
    return whole(file) if file is not None else _standard_output()


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    sys.stdout.flush()
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def _write(
    here: Session,
    business: Workspace,
    what: Exported,
    kind: Format,
    stream: IO[bytes],
    *,
    bom: bool,
    misfits: Counter[str],
) -> tuple[list[str], int]:
    """Write all rows as of one moment of the store; returns the columns and how many rows there were."""
    with business.read() as conn:
        if what is Exported.DECISIONS:
            rows = 0
            for lines in portable.export(conn):
                stream.writelines(line + b"\n" for line in lines)
                rows += len(lines)
            return [], rows
        table = table_of(What(what.value), business.kinds, wiring.organization_kinds(business.config))
        total = table.count(conn)
        out = writer(kind, table.headings, stream, bom=bom, misfits=misfits)
        with _watch(here, what, total) as tell:
            rows = write_all(out, table.batches(conn), tell)
        return [heading.name for heading in table.headings], rows


@contextmanager
def _watch(here: Session, what: Exported, total: int) -> Iterator[Callable[[int], None]]:
    """A bar beside the answer, on a terminal and where it takes a while."""
    if total < LONG:
        yield lambda _: None
        return
    with Bars(here.err) if here.err.is_terminal else Lines(here.err, silent=here.json) as bars:
        step = f"export_{what.value}"
        bars.begin("", step, total)
        yield lambda number: bars.advance("", step, number)
        bars.end("", step)


# ---- import --------------------------------------------------------------------------------------------------------


def import_(
    what: Annotated[Brought, typer.Argument(help="What to import.")],
    file: Annotated[Path, typer.Argument(help="What `regulars export decisions` wrote; - is standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken, and take nothing.")] = False,
    json: Json = False,
) -> None:
    """Take over decisions from another store. Doing it twice changes nothing more; the next sync acts on them."""
    here = session(json)
    assert what is Brought.DECISIONS
    with _lines(here, file) as lines, workspace(here) as business:
        known, fields = business.names(), business.kinds
        with nullcontext() if dry_run else deciding(business):
            told = portable_in.bring_in(business.database, lines, known, fields, now(), dry_run=dry_run)
    document = {
        "read": told.read,
        "taken": sum(told.taken.values()),
        "by_kind": dict(told.taken),
        "already_there": told.there,
        "refused": [{"row": one.row, "reason": one.reason} for one in told.refused],
        "dry_run": dry_run,
    }
    here.emit(document, lambda _: _say_imported(here, told, dry_run=dry_run))
    raise typer.Exit(WAITING if told.refused else DONE)


@contextmanager
def _lines(here: Session, file: Path) -> Iterator[IO[bytes]]:
    """The rows of a file or of standard input. Raises WrongUse where there is no such file."""
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    path = here.path(file)
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        fix = "Give the file that `regulars export decisions --out` wrote."
        raise WrongUse(f"{path} cannot be read: {error.strerror}.", fix=fix) from None
    if path.is_dir():
        os.close(handle)
        raise WrongUse(f"{path} is a folder.", fix="Give a file.")
    with os.fdopen(handle, "rb") as opened:
        yield opened


def _say_imported(here: Session, told: portable_in.Imported, *, dry_run: bool) -> None:
    taken = sum(told.taken.values())
    verb = "would be taken" if dry_run else "taken"
    rest = f"{told.there:,} here already, {len(told.refused):,} refused."
    here.say(f"{count(told.read, 'row')}: {taken:,} {verb}, {rest}")
    if told.taken:
        made = show.table(here.out, "decision", "what", "rows>")
        for kind, number in sorted(told.taken.items()):
            made.add_row(f"[name]{kind}[/]", escape(DECISIONS.get(kind, "")), show.number(number, "good"))
        here.out.print(made)
    for one in told.refused[:_SHOWN]:
        here.say(f"[warn]Row {one.row}:[/] {escape(one.reason)}.")
    if len(told.refused) > _SHOWN:
        here.say(f"[soft]{len(told.refused) - _SHOWN:,} more with --json.[/]")
    if taken and not dry_run:
        here.say("The next [strong]regulars sync[/] acts on them.")
