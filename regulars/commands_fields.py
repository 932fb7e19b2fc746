"""`regulars fields`: what a platform has, what of it is carried, and what could be."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.prompt import Confirm

from mapping.fields import Way
from mapping.values import Kind
from regulars import show
from regulars.config import FILE
from regulars.fields_companies import PREFIX, CompanyDesk
from regulars.fields_desk import Desk, Wanted
from regulars.session import Json, Session, Yes, session
from regulars.trouble import Waiting, WrongUse
from regulars.words import count
from regulars.workspace import workspace

_WAYS = {Way.BOTH: "both ways", Way.READS: "read only", Way.WRITES: "written only"}


def fields(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection, as in regulars.toml.")],
    map_: Annotated[
        str | None, typer.Option("--map", metavar="REMOTE=NAME", help="Carry this field of theirs under our name.")
    ] = None,
    add: Annotated[
        str | None, typer.Option("--add", metavar="LABEL", help="Make a field of this name there, and carry it.")
    ] = None,
    reads: Annotated[bool, typer.Option("--reads", help="With --map: only read it, never write it.")] = False,
    type_: Annotated[
        Kind | None,
        typer.Option(
            "--type", help="With --map: what it holds, if not what the platform says. With --add: text otherwise."
        ),
    ] = None,
    tag: Annotated[str, typer.Option("--tag", help="With --add: the platform's short name of it.")] = "",
    as_: Annotated[str, typer.Option("--as", metavar="NAME", help="With --add: our name of it.")] = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """List a platform's fields: which are carried and how, and which could be. --map carries one more; --add makes it
    there first."""
    here = session(json)
    example = f"`regulars fields {connection} --map favourite_bread=bread`"
    if map_ is not None and add is not None:
        raise WrongUse("--map carries a field that is there, and --add makes one.", fix="Give one of them.")
    if map_ is None and (reads or (type_ is not None and add is None)):
        raise WrongUse("--reads and --type go with --map.", fix=example)
    if add is None and (tag or as_):
        fix = f'`regulars fields {connection} --add "Favourite bread" --tag BREAD --as bread`'
        raise WrongUse("--tag and --as go with --add.", fix=fix)
    with workspace(here) as business:
        business.names([connection])
        connector = business.open(connection)
        desk, companies = Desk(business, connection, connector), CompanyDesk(business, connection, connector)
        if add is not None:
            wanted = desk.wanted(add, kind=type_ or Kind.TEXT, tag=tag, name=as_)
            _ask(here, desk, wanted, yes)
            made = desk.add(wanted)
            here.emit(made, lambda _: _added(here, connection, made))
        elif map_ is not None and map_.startswith(PREFIX):
            of_companies = companies.map(map_, type_)
            here.emit(of_companies, lambda _: _mapped(here, connection, of_companies))
        elif map_ is not None:
            mapped = desk.map(map_, reads=reads, kind=type_)
            here.emit(mapped, lambda _: _mapped(here, connection, mapped))
        else:
            document = {**desk.document(), "companies": companies.document()}
            here.emit(document, lambda _: _show(here, connection, document))


def _ask(here: Session, desk: Desk, wanted: Wanted, yes: bool) -> None:
    """Show what would be made, and let a person say yes. Raises Waiting, or WrongUse where there is nobody to ask."""
    if wanted.there:
        return
    one = wanted.remote
    here.say(f"A field [strong]{escape(one.label)}[/] will be made at {desk.name}, for everybody there:")
    here.say(
        f"  {escape(one.remote)}, of the type {one.type}, not asked for on forms. Here it is [name]{wanted.name}[/]."
    )
    if yes:
        return
    if not here.may_ask:
        raise WrongUse("Nothing was made: nobody was asked.", fix="Add --yes.")
    if not Confirm.ask("Make it?", default=True, console=here.out):
        raise Waiting("Nothing was made.")


# ---- for people ----------------------------------------------------------------------------------------------------


def _show(here: Session, connection: str, document: dict[str, Any]) -> None:
    found = document["fields"]
    carried = [one for one in found if one["mapped"]]
    made = show.table(here.out, "there!", "what", "type", "here", "way")
    for one in carried:
        for row in one["mapped"]:
            way = _WAYS[Way(row["way"])]
            made.add_row(
                escape(one["remote"]), escape(one["label"]), escape(one["type"]), f"[name]{escape(row['name'])}[/]", way
            )
    if carried:
        here.out.print(made)
    ready = [one for one in found if one["could_be"] and not one["could_be"]["custom"]]
    own = [one for one in found if one["could_be"] and one["could_be"]["custom"]]
    if ready:
        here.say(f"\nCould be carried by a line in [strong]{escape(f'[connections.{connection}]')}[/] of {FILE}:")
        _lines(here, ready)
    if own:
        section = escape(f"[connections.{connection}.custom]")
        if document["custom_inline"]:
            section = f"{escape(f'[connections.{connection}]')}[/], within the braces of [strong]custom"
        here.say(f"\nCould be carried by a line in [strong]{section}[/] of {FILE}:")
        _lines(here, own)
    first = (own or ready or [None])[0]
    if first is not None:
        example = f"{first['remote']}={first['could_be']['name']}"
        here.say(f"Or let Regulars write it: [strong]regulars fields {connection} --map {escape(example)}[/]")
    rest = len(found) - len(carried) - len(ready) - len(own)
    if rest:
        here.say(f"[soft]{count(rest, 'field')} more of types that Regulars cannot carry; --json lists them.[/]")
    _companies(here, connection, document["companies"])


def _companies(here: Session, connection: str, found: list[dict[str, Any]]) -> None:
    """Fields of companies: those that are carried beside the usual ones, and those that could be."""
    carried = [one for one in found if one["mapped"]]
    if carried:
        here.say("\nOf companies, beside the usual ones:")
        made = show.table(here.out, "there!", "what", "type", "here", "way")
        for one in carried:
            name = f"[name]{escape(one['mapped'])}[/]"
            made.add_row(escape(one["remote"]), escape(one["label"]), escape(one["type"]), name, "read only")
        here.out.print(made)
    free = [one for one in found if one["could_be"]]
    if free:
        section = escape(f"[connections.{connection}.organization]")
        here.say(f"\nOf companies could be read by a line in [strong]{section}[/] of {FILE}:")
        made = show.table(here.out, "there!", "what", "type", "line")
        for one in free:
            line = f"[name]{escape(one['could_be']['line'])}[/]"
            made.add_row(escape(one["remote"]), escape(one["label"]), escape(one["type"]), line)
        here.out.print(made)


def _lines(here: Session, found: list[dict[str, Any]]) -> None:
    made = show.table(here.out, "there!", "what", "type", "way", "line")
    for one in found:
        offer = one["could_be"]
        way = _WAYS[Way(offer["way"])]
        made.add_row(
            escape(one["remote"]), escape(one["label"]), escape(one["type"]), way, f"[name]{escape(offer['line'])}[/]"
        )
    here.out.print(made)


def _added(here: Session, connection: str, done: dict[str, Any]) -> None:
    said = "was made" if done["made"] else "is there already"
    here.say(f"[good]✓[/] {escape(done['label'])} {said}.")
    _mapped(here, connection, done)


def _mapped(here: Session, connection: str, done: dict[str, Any]) -> None:
    row = done["mapped"]
    way = _WAYS[Way(row["way"])]
    here.say(
        f"[good]✓[/] {escape(row['remote'])} of {connection} is [name]{row['name']}[/] now ({row['type']}, {way})."
    )
    if done["asked"] == "both" and row["way"] == "reads":
        here.say("[soft]It can only be read there.[/]")
    if done["with_a_value"]:
        said = "reads" if row["way"] == "reads" else "reads, and comes back as it is"
        here.say(f"Tried on {count(done['looked_at'], 'record')}: each of {done['with_a_value']:,} values {said}.")
    else:
        here.say(f"[warn]None of the first {count(done['looked_at'], 'record')} has a value there to try it on.[/]")
    here.say("Next: [strong]regulars sync --dry-run[/]")
