"""The command by which a person says what somebody is to the business: role."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape
from sqlalchemy import Connection

from mapping.decisions import DecisionKind
from mapping.model import Millis, Role, Stage
from mapping.roles import Spell, words
from mapping.rules_words import say
from regulars import person_documents, show_person, show_roles
from regulars.commands_decide import deciding
from regulars.organizations_decided import called, one_organization
from regulars.session import Json, Session, session
from regulars.trouble import WrongUse, listed, nearest
from regulars.words import count, zone
from regulars.workspace import Workspace, now, one_person, workspace
from sync import roles_decide
from sync.queries import PersonLine
from sync.roles import spells
from sync.why import Answer

ROLES = ("role", "roles")
"""What `regulars why` takes for the question why somebody has the roles that they have."""


def role(
    who: Annotated[str, typer.Argument(metavar="WHO", help="A person: id, e-mail address or name.")],
    role: Annotated[str, typer.Argument(metavar="ROLE", help=f"{listed(one.value for one in Role)}.")],
    stage: Annotated[str, typer.Option(help=f"How far it has come: {listed(one.value for one in Stage)}.")] = "",
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day, such as 2026-01-31.")] = "",
    until: Annotated[str, typer.Option("--to", metavar="DATE", help="The last day.")] = "",
    end: Annotated[bool, typer.Option("--end", help="It has ended: today, or on the day of --to.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Take back what you said of this role.")] = False,
    organization: Annotated[
        bool, typer.Option("--organization", help="WHO is an organisation: name, domain or id.")
    ] = False,
    json: Json = False,
) -> None:
    """Say what a person or an organisation is to you, and since when. It goes before what platforms and rules say."""
    here = session(json)
    word = _word(role, [one.value for one in Role], "role")
    reached = _word(stage, [one.value for one in Stage], "stage") if stage else ""
    _together(end=end, off=off, since=since, until=until, stage=stage)
    with workspace(here) as business:
        begins, ends = _span(business, since, until)
        with deciding(business):
            with business.read() as conn:
                party, name = _party(conn, who, organization=organization)
            text = _decide(business, party, word, reached, begins, ends, end=end, off=off)
        with business.read() as conn:
            found = spells(conn, party)
        theirs = [one for one in found if one.role == word]
        document = {
            "organization" if organization else "person": party,
            "role": word,
            "said": text,
            "spells": [show_roles.document(one) for one in theirs],
        }

        def lines(_: object) -> None:
            here.say(escape(f"{name}: {text}"))
            show_roles.table(here, theirs, business.timezone)
            here.say(f"[soft]{escape(_way_back(who, word, theirs, organization=organization, off=off))}[/]")

        here.emit(document, lines)


def _word(given: str, known: list[str], what: str) -> str:
    """A word that is known. Raises WrongUse."""
    if given.casefold() in known:
        return given.casefold()
    hint = nearest(given.casefold(), known) or f"There are {listed(known, 'and')}."
    raise WrongUse(f'"{given}" is no {what}.', fix=hint)


def _together(*, end: bool, off: bool, since: str, until: str, stage: str) -> None:
    """Raises WrongUse for options that contradict each other."""
    if off and (end or since or until or stage):
        raise WrongUse(
            "--off takes back what you said, and goes with nothing else.", fix="Leave the other options out."
        )
    if end and (since or stage):
        also = "--from" if since else "--stage"
        raise WrongUse(f"--end says that a role is over, and {also} that it began.", fix="Say one after the other.")
    if stage and until and not since:
        raise WrongUse("--stage says how far a role has come, and --to that it is over.", fix="Give --from as well.")


def _span(business: Workspace, since: str, until: str) -> tuple[Millis | None, Millis | None]:
    """The times that two days mean: from the beginning of the first to the end of the last. Raises WrongUse."""
    first, last = (_day(given, option) for given, option in ((since, "--from"), (until, "--to")))
    if first is not None and last is not None and last < first:
        raise WrongUse(f"--to {last} lies before --from {first}.", fix="Give the first day with --from.")
    where = zone(business.timezone) or UTC
    today = datetime.fromtimestamp(now() / 1000, where).date()
    for day, option in ((first, "--from"), (last, "--to")):
        if day is not None and day > today:
            raise WrongUse(f"{option} {day} lies in the future.", fix="Say it when the day has come.")

    def start(day: date) -> Millis:
        return int(datetime(day.year, day.month, day.day, tzinfo=where).timestamp() * 1000)

    ends = None if last is None else min(start(last + timedelta(days=1)), now())
    return None if first is None else start(first), ends


def _day(given: str, option: str) -> date | None:
    if not given:
        return None
    try:
        day = date.fromisoformat(given.strip())
    except ValueError:
        raise WrongUse(f'{option}: "{given}" is no day.', fix="Write it as 2026-01-31.") from None
    if day.year < 1970:
        raise WrongUse(f"{option}: {day} is too long ago.", fix="The first day that can be kept is 1970-01-02.")
    return day


def _party(conn: Connection, who: str, *, organization: bool) -> tuple[str, str]:
    """The id and the name of whom *who* means. Raises WrongUse where it is nobody or several."""
    if not organization:
        person = one_person(conn, who)
        return person.id, person.name or person.email or person.id
    line = one_organization(conn, who)
    return line.id, called(line)


def _decide(
    business: Workspace,
    party: str,
    role: str,
    stage: str,
    begins: Millis | None,
    ends: Millis | None,
    *,
    end: bool,
    off: bool,
) -> str:
    """Write it down; returns it in words."""
    database, at = business.database, now()
    if off:
        there = roles_decide.take_back(database, party, role, at)
        return f"{count(there, 'word')} about {role} taken back." if there else f"nobody has said anything of {role}."
    if end or (ends is not None and begins is None):
        roles_decide.end_role(database, party, role, at, ends=at if ends is None else ends)
        return f"{role} no more."
    roles_decide.say_role(database, party, role, at, stage=stage, begins=begins, ends=ends)
    return f"{role}{f' in {stage}' if stage else ''}."


def _way_back(who: str, role: str, theirs: list[Spell], *, organization: bool, off: bool) -> str:
    if off:
        return "What platforms and rules say counts again." if theirs else "Nobody else says so."
    option = " --organization" if organization else ""
    return f'`regulars role{option} "{who}" {role} --off` takes it back.'


def why_role(here: Session, business: Workspace, line: PersonLine, answer: Answer) -> None:
    """Why a person has the roles that they have: what is said of each, in the order in which it counts."""
    rules = {role: say(rule) for role, rule in business.audiences.roles.items()}
    said, field = words(answer.case.decisions), answer.fields.get("role")
    if field is not None:  # what was said of roles stands above, in words
        field = replace(field, decisions=tuple(one for one in field.decisions if one.kind is not DecisionKind.ROLE))
    document = {
        "field": "role",
        "roles": [show_roles.document(one) for one in answer.roles],
        "said": [show_roles.word_document(one) for one in said],
        "rules": rules,
        "platforms": None if field is None else person_documents.field_document(field, answer),
    }

    def lines(_: object) -> None:
        here.say(f"[strong]{escape(f'What {line.name or line.email or line.id} is to you')}[/]")
        if not answer.roles:
            here.say("Nothing: no platform, no rule and nobody has said what they are.")
        show_roles.table(here, answer.roles, business.timezone)
        show_roles.reasons(here, said, rules, business.timezone)
        if field is not None:
            show_person.why_field(here, line, answer, field, business.labels, business.timezone)

    here.emit(document, lines)
