"""Commands that list what waits for a person or was left as it is: conflicts, duplicates, held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from regulars import show
from regulars.commands_decide import meant
from regulars.session import Json, Session, session
from regulars.trouble import DONE, WAITING, WrongUse, listed, nearest
from regulars.words import CUT, LISTED, ONE, label, shown
from regulars.workspace import Workspace, workspace
from sync import queries
from sync.store.records import load_cases


def duplicates(json: Json = False) -> None:
    """List people with several records on one platform, and the merge to make there."""
    here = session(json)
    with workspace(here) as business:
        with business.read() as conn:
            found = queries.findings(conn, kinds=["duplicate"], limit=100_000)
            people = {case.id: case for case in load_cases(conn, sorted({line.person for line in found}))}
        rows: list[dict[str, Any]] = []
        for line in found:
            record = next((r for r in people[line.person].records if r.id == line.record), None)
            if record is not None:
                keep = line.detail.rpartition("; ")[2].removesuffix(" leads")
                who = {"person": line.person, "name": line.who, "email": line.email}
                rows.append({**who, "connection": line.connection, "keep": keep, "merge": record.remote_id})

        def lines(_: object) -> None:
            if not rows:
                here.say("Nobody has two records on one platform.")
                return
            made = show.table(here.out, "person", "where!", "keep", "merge into it")
            for row in rows:
                name = shown(row["name"] or row["email"], CUT)
                made.add_row(
                    escape(name), f"[name]{escape(row['connection'])}[/]", escape(row["keep"]), escape(row["merge"])
                )
            here.out.print(made)
            here.say("[soft]Merge them there; Regulars follows. `regulars lead WHO REMOTE_ID` keeps the other one.[/]")

        here.emit(rows, lines)
        raise typer.Exit(WAITING if rows else DONE)


def conflicts(
    field: Annotated[str | None, typer.Argument(metavar="[FIELD]", help="Only this field, person by person.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many people to list.")] = 20,
    json: Json = False,
) -> None:
    """List the values that differ and that nobody has decided on, by field."""
    here = session(json)
    with workspace(here) as business:
        with business.read() as conn:
            counts = [(name, total) for kind, name, total in queries.finding_counts(conn) if kind == "conflict"]
            name = meant(field, [one for one, _ in counts], business) if field else ""
            many = 1_000_000 if here.json else limit
            found = queries.findings(conn, kinds=["conflict"], name=name, limit=many)
            values = _values(conn, found) if field or here.json else {}
        document = {
            "fields": [{"field": one, "people": total} for one, total in counts if not name or one == name],
            "conflicts": [
                {
                    "field": line.name,
                    "person": line.person,
                    "name": line.who,
                    "values": values.get((line.person, line.name), {}),
                }
                for line in found
            ],
        }

        def lines(_: object) -> None:
            if not counts:
                here.say("There are no conflicts: nobody's values differ undecided.")
            elif field:
                _each(here, business, found, values)
            else:
                _by_field(here, business, counts)

        here.emit(document, lines)
        raise typer.Exit(WAITING if counts else DONE)


def _values(conn: Any, found: Sequence[queries.FindingLine]) -> dict[tuple[str, str], dict[str, Any]]:
    """What each connection shows, per person and field in conflict."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for line in found:
        wanted[line.person].add(line.name)
    values: dict[tuple[str, str], dict[str, Any]] = {}
    for case in load_cases(conn, sorted(wanted)):
        for name in wanted[case.id]:
            values[case.id, name] = {r.connection: r.known[name] for r in case.records if name in r.known}
    return values


def _by_field(here: Session, business: Workspace, counts: Sequence[tuple[str, int]]) -> None:
    made = show.table(here.out, "field", "name!", "people>")
    for name, total in counts:
        made.add_row(escape(label(name, business.labels)), f"[name]{escape(name)}[/]", show.number(total, "warn"))
    here.out.print(made)
    first, side = counts[0][0], business.names()[0]
    here.say(f"See them:    [strong]regulars conflicts {first}[/]")
    here.say(f"Settle them: [strong]regulars settle {first} --prefer {side}[/]")


def _each(
    here: Session,
    business: Workspace,
    found: Sequence[queries.FindingLine],
    values: dict[tuple[str, str], dict[str, Any]],
) -> None:
    names = business.names()
    made = show.table(here.out, "person", *names)
    cut = CUT if here.terminal else 0
    for line in found:
        shows = values.get((line.person, line.name), {})
        who = shown(line.who or line.email or line.person, cut)
        made.add_row(escape(who), *(escape(shown(shows.get(name), cut)) for name in names))
    here.out.print(made)


def held(
    what: Annotated[str | None, typer.Argument(metavar="[WHAT]", help=f"Only these: {', '.join(LISTED)}.")] = None,
    field: Annotated[str | None, typer.Option(help="Only in this field.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    json: Json = False,
) -> None:
    """List what was left as it is, person by person, and why: held, refused, contested, cleared, for review."""
    here = session(json)
    if what is not None and what not in LISTED:
        raise WrongUse(f'There is no "{what}" to list.', fix=nearest(what, LISTED) or f"There are {listed(LISTED)}.")
    with workspace(here) as business:
        kinds = [what] if what else list(LISTED)
        with business.read() as conn:
            counts = [(name, total) for kind, name, total in queries.finding_counts(conn) if kind in kinds]
            name = meant(field, [one for one, _ in counts], business) if field else ""
            found = queries.findings(conn, kinds=kinds, name=name, limit=1_000_000)
        found.sort(key=lambda line: LISTED.index(line.kind))  # what needs somebody comes first

        def lines(_: object) -> None:
            if not found:
                here.say("Nothing is held back: every side shows what it should, or is a conflict.")
                return
            _reasons(here, business, found[:limit])
            if len(found) > limit:
                here.say(f"[soft]The first {limit} of {len(found):,}; --limit shows more.[/]")
            here.say("[soft]`regulars release --who WHO` lets go of what is held at somebody.[/]")

        here.emit([_held_document(line) for line in found], lines)
        raise typer.Exit(WAITING if any(line.kind in ("contested", "review") for line in found) else DONE)


def _held_document(line: queries.FindingLine) -> dict[str, Any]:
    who = {"person": line.person, "name": line.who, "email": line.email}
    return {"what": line.kind, **who, "connection": line.connection, "field": line.name, "why": line.detail}


def _reasons(here: Session, business: Workspace, found: Sequence[queries.FindingLine]) -> None:
    made = show.table(here.out, "person", "what!", "where!", "field", "why")
    cut = CUT if here.terminal else 0
    for line in found:
        who = shown(line.who or line.email or line.person, cut)
        where = f"[name]{escape(line.connection)}[/]"
        field = label(line.name, business.labels) if line.name else "[soft]-[/]"
        made.add_row(escape(who), ONE[line.kind], where, field, escape(shown(line.detail, 2 * cut)))
    here.out.print(made)
