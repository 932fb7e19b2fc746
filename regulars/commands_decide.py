"""Commands by which a person decides: settle, release, leave alone, join, split, lead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from mapping.claims import Record
from regulars import show
from regulars.organizations_decided import join_organizations, split_organization
from regulars.session import Json, Session, session
from regulars.trouble import Waiting, WrongUse, listed
from regulars.words import count, label
from regulars.workspace import Workspace, now, one_field, one_person, workspace
from sync import decide, queries
from sync.lease import WHOLE_STORE, lease
from sync.store.records import load_cases

Who = Annotated[str, typer.Argument(metavar="WHO", help="A person: id, e-mail address or name.")]
_PATIENCE = 5.0


@contextmanager
def deciding(business: Workspace) -> Iterator[None]:
    """Nobody else is at work on the business meanwhile; what was decided shows at once."""
    business.names()
    with lease(business.database, WHOLE_STORE, wait=_PATIENCE):
        try:
            yield
        except decide.NothingToDecide as error:
            raise Waiting(str(error)) from None
        business.refresh()


def settle(
    field: Annotated[str, typer.Argument(help="The field, as `regulars conflicts` names it.")],
    prefer: Annotated[str, typer.Option(help="The connection whose values are kept.")],
    who: Annotated[str | None, typer.Option(help="Only for this person.")] = None,
    json: Json = False,
) -> None:
    """Settle the open conflicts of one field: the values of one side are kept. The next sync carries them over."""
    here = session(json)
    with workspace(here) as business, deciding(business):
        business.names([prefer])
        with business.read() as conn:
            people = None if who is None else [one_person(conn, who).id]
            open_ = [name for kind, name, _ in queries.finding_counts(conn) if kind == "conflict"]
        name = meant(field, open_, business)
        number = decide.settle(business.database, name, prefer, now(), people)
        field_label = label(name, business.labels)

        def lines(_: object) -> None:
            here.say(f"Settled: {escape(field_label)} of {count(number, 'person', 'people')} is what {prefer} shows.")
            here.say("The next [strong]regulars sync[/] carries it over.")

        here.emit({"field": name, "prefer": prefer, "settled": number}, lines)


def meant(field: str, open_: Sequence[str], business: Workspace) -> str:
    """Our name of a field, given as such or as its label. Raises WrongUse."""
    otherwise = f"Open conflicts are in {listed(open_, 'and')}." if open_ else ""
    known = dict.fromkeys((*business.kinds, *open_))
    return one_field(field, known, business.labels, f'There is no field "{field}".', otherwise)


def release(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The connection; without it, all of them.")
    ] = None,
    who: Annotated[str | None, typer.Option(help="Release what is held at this person instead.")] = None,
    field: Annotated[str | None, typer.Option(help="With --who: only this field.")] = None,
    json: Json = False,
) -> None:
    """Let a connection go on that a guard stopped, or what is held at one person."""
    here = session(json)
    if field and not who:
        raise WrongUse("--field goes with --who.", fix="`regulars release --who WHO --field phone`")
    with workspace(here) as business, deciding(business):
        if who is not None:
            _release_person(here, business, who, field)
            return
        released = [
            stop
            for one in business.names([name] if name else ())
            for stop in decide.release_connection(business.database, one, now())
        ]

        def lines(_: object) -> None:
            for stop in released:
                here.say(f"Released [name]{escape(stop.connection)}[/]: {escape(stop.text)}.")
            here.say("The next [strong]regulars sync[/] goes on." if released else "Nothing was stopped.")

        here.emit({"released": [asdict(stop) for stop in released]}, lines)


def _release_person(here: Session, business: Workspace, who: str, field: str | None) -> None:
    with business.read() as conn:
        person = one_person(conn, who)
    name = None if field is None else meant(field, (), business)
    number = decide.release_person(business.database, person.id, name, now())
    here.emit(
        {"person": person.id, "released": number},
        lambda _: here.say(f"Released {count(number, 'thing')} held at {escape(_named(person))}."),
    )


def leave_alone(
    who: Who,
    off: Annotated[bool, typer.Option("--off", help="Take it back: they are written to again.")] = False,
    json: Json = False,
) -> None:
    """Write nothing more to this person's records, or take that back. An opt-out still reaches them everywhere."""
    here = session(json)
    with workspace(here) as business, deciding(business):
        with business.read() as conn:
            person = one_person(conn, who)
        if not off:
            since = "from now on" if decide.leave_alone(business.database, person.id, now()) else "already"
            text = f"{_named(person)} is left alone {since}. `regulars leave-alone {person.id} --off` takes it back."
        elif decide.leave_alone_no_more(business.database, person.id):
            text = f"{_named(person)} is not left alone any more. The next sync writes what is missing."
        else:
            text = f"{_named(person)} was not left alone."
        here.emit({"person": person.id, "left_alone": not off}, lambda _: here.say(escape(text)))


def join(
    who: Annotated[list[str], typer.Argument(metavar="WHO WHO...", help="Two or more people: id, address or name.")],
    organization: Annotated[
        bool, typer.Option("--organization", help="They are organisations: name, domain or id.")
    ] = False,
    json: Json = False,
) -> None:
    """Say that these are one person, or one organisation."""
    here = session(json)
    with workspace(here) as business, deciding(business):
        if organization:
            join_organizations(here, business, who)
            return
        with business.read() as conn:
            people = list({line.id: line for line in (one_person(conn, one) for one in who)}.values())
        if len(people) < 2:
            raise WrongUse("These are one person already.", fix="Give two different people.")
        decide.join(business.database, [line.id for line in people], now())
        names = listed([_named(line) for line in people], "and")
        here.emit({"joined": [line.id for line in people]}, lambda _: here.say(f"{escape(names)} are one person now."))


def split(
    who: Who,
    remote_ids: Annotated[
        list[str], typer.Argument(metavar="REMOTE_ID...", help="Records of theirs, as `person` lists them.")
    ],
    organization: Annotated[
        bool, typer.Option("--organization", help="WHO is an organisation, and the ids are those of its companies.")
    ] = False,
    json: Json = False,
) -> None:
    """Say that these records belong to somebody else, or these companies to another organisation."""
    here = session(json)
    with workspace(here) as business:
        if organization:
            with deciding(business):
                split_organization(here, business, who, remote_ids)
            return
        with deciding(business):
            person, apart = _records(business, who, remote_ids)
            with business.read() as conn:
                records = load_cases(conn, [person.id])[0].records
            decide.split(business.database, person.id, apart, now())
        people = _now(business, records)
        verb = "is" if len(apart) == 1 else "are"

        def lines(_: object) -> None:
            here.say(escape(f"{count(len(apart), 'record')} of {_named(person)} {verb} somebody else's now."))
            made = show.table(here.out, "name", "e-mail", "id!", "records")
            for one in people:
                theirs = ", ".join(f"{record['connection']} {record['remote_id']}" for record in one["records"])
                made.add_row(escape(one["name"]) or "[soft]-[/]", escape(one["email"]), one["id"], escape(theirs))
            here.out.print(made)

        here.emit({"person": person.id, "apart": remote_ids, "people": people}, lines)


def _now(business: Workspace, records: Sequence[Record]) -> list[dict[str, Any]]:
    """The people to whom these records belong now, each with theirs."""
    with business.read() as conn:
        holders = queries.holders(conn, [record.id for record in records])
    people: dict[str, dict[str, Any]] = {}
    for record in records:
        line = holders.get(record.id)
        if line is not None:
            one = people.setdefault(line.id, {"id": line.id, "name": line.name, "email": line.email, "records": []})
            one["records"].append({"connection": record.connection, "remote_id": record.remote_id})
    return list(people.values())


def lead(
    who: Who,
    remote_id: Annotated[str, typer.Argument(metavar="REMOTE_ID", help="The record that receives their values.")],
    json: Json = False,
) -> None:
    """Choose which of a person's records on one platform receives their values."""
    here = session(json)
    with workspace(here) as business, deciding(business):
        person, records = _records(business, who, [remote_id])
        decide.choose_lead(business.database, records[0], now())
        text = f"Record {remote_id} leads for {_named(person)} from now on."
        here.emit({"person": person.id, "lead": remote_id}, lambda _: here.say(escape(text)))


def _records(business: Workspace, who: str, remote_ids: Sequence[str]) -> tuple[queries.PersonLine, list[int]]:
    """A person, and our ids of some of their records. Raises WrongUse for a record that is not theirs."""
    with business.read() as conn:
        person = one_person(conn, who)
        theirs = {record.remote_id: record for record in load_cases(conn, [person.id])[0].records}
    for remote_id in remote_ids:
        if remote_id not in theirs:
            known = listed([f"{r.connection} {r.remote_id}" for r in theirs.values()], "and")
            raise WrongUse(f"{_named(person)} has no record {remote_id}.", fix=f"Theirs are {known}.")
    return person, [theirs[remote_id].id for remote_id in remote_ids]


def _named(line: queries.PersonLine) -> str:
    return line.name or line.email or line.id
