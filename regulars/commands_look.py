"""Commands that look: people, person, why, status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from regulars import person_documents, show, show_person
from regulars.commands_roles import ROLES, why_role
from regulars.commands_segments import why_member
from regulars.commands_subscriptions import notice
from regulars.config import ConnectionConfig
from regulars.session import Json, Session, session
from regulars.show_deeds import uncertain_document
from regulars.trouble import DONE, WAITING, WrongUse, listed
from regulars.wiring import platform
from regulars.words import ago, count, when
from regulars.workspace import Workspace, now, one_field, one_person, workspace
from sync import erasures, hook_state, meter, queries
from sync.queries_facts import people_facts
from sync.uncertain import uncertain
from sync.why import Answer, explain
from webhooks import outgoing

Who = Annotated[str, typer.Argument(metavar="WHO", help="A person: id, e-mail address or name.")]


def people(
    query: Annotated[
        list[str] | None, typer.Argument(metavar="[QUERY]", help="Part of a name, address or value.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 30,
    offset: Annotated[int, typer.Option(min=0, help="How many to skip.")] = 0,
    json: Json = False,
) -> None:
    """Look for people."""
    here = session(json)
    with workspace(here) as business:
        with business.read() as conn:
            total, found = queries.people(conn, " ".join(query or ()), limit, offset)

        def lines(_: object) -> None:
            if not found:
                here.say("Nobody was found." if query else "There is nobody yet. `regulars sync` reads your platforms.")
                return
            made = show.table(here.out, "name", "e-mail", "id!", "records>")
            for line in found:
                made.add_row(
                    escape(line.name) or "[soft]-[/]", escape(line.email), f"[soft]{line.id}[/]", str(line.records)
                )
            here.out.print(made)
            more = total - offset - len(found)
            here.say(
                f"[soft]{count(total, 'person', 'people')}"
                + (f", {more:,} more with --offset" if more > 0 else "")
                + "[/]"
            )

        here.emit({"total": total, "people": [asdict(line) for line in found]}, lines)


def _answer(business: Workspace, who: str) -> tuple[queries.PersonLine, Answer]:
    with business.read() as conn:
        line = one_person(conn, who)
        answer = explain(conn, line.id, business.policies)
    if answer is None:
        raise WrongUse(f"{line.name or line.id} has no record any more.", fix="`regulars rebuild` mends the list.")
    return line, answer


def person(who: Who, json: Json = False) -> None:
    """Show one person: values and where they come from, records, consent, facts, what is open, recent writes."""
    here = session(json)
    with workspace(here) as business:
        line, answer = _answer(business, who)
        with business.read() as conn:
            facts = people_facts(conn, [line.id])[line.id]
        document = person_documents.person_document(line, answer, facts)
        here.emit(document, lambda _: show_person.person(here, line, answer, facts, business.labels, business.timezone))


def why(
    who: Who,
    field: Annotated[
        str | None, typer.Argument(metavar="[FIELD]", help="The field; without it, everything in short.")
    ] = None,
    segment: Annotated[
        str, typer.Option(metavar="NAME", help="Why they are in this segment, or what would have to change.")
    ] = "",
    json: Json = False,
) -> None:
    """Explain a person: why each value is what it is, why their records are one person, why they may be mailed."""
    here = session(json)
    with workspace(here) as business:
        if segment:
            why_member(here, business, who, segment)
            return
        line, answer = _answer(business, who)
        if field is None:
            document = person_documents.why_document(line, answer)
            here.emit(document, lambda _: show_person.why(here, line, answer, business.labels, business.timezone))
            return
        if field.casefold() in ROLES:
            why_role(here, business, line, answer)
            return
        name = _field(field, answer, business)
        part = answer.fields[name]
        here.emit(
            person_documents.field_document(part, answer),
            lambda _: show_person.why_field(here, line, answer, part, business.labels, business.timezone),
        )


def _field(field: str, answer: Answer, business: Workspace) -> str:
    text = f'Nothing is known of "{field}" for this person.'
    return one_field(field, answer.fields, business.labels, text, f"They have {listed(answer.fields, 'and')}.")


def status(json: Json = False) -> None:
    """The business at a glance: connections, people, what waits for you, the last run."""
    here = session(json)
    with workspace(here) as business:
        with business.read() as conn:
            glance, lines_ = queries.status(conn), queries.connections(conn)
            refused = queries.refusals(conn)
            counts = queries.finding_counts(conn)
            unsure, lost, hooks = uncertain(conn), meter.totals(conn), hook_state.stands(conn)
            erased = [one for one in erasures.all_erasures(conn) if one.known or not one.done]
            unheard = [one for one in outgoing.all_of(conn) if not one.active]
            last = glance.last_run
            refused_writes = [w for w in queries.writes(conn, run=last.id) if w.state == "refused"] if last else []
        document = {
            "business": business.config.business.name,
            "people": glance.people,
            "records": glance.records,
            "waiting": {"to_resolve_or_plan": glance.unresolved, "maybe_sent": glance.maybe_sent},
            "findings": [{"kind": kind, "field": name, "count": total} for kind, name, total in counts],
            "connections": [{**asdict(line), "credential": _holder(business, line.name)} for line in lines_],
            "unreadable": [{"connection": c, "remote_id": r, "reason": why_} for c, r, why_ in refused],
            "refused_writes": [asdict(line) for line in refused_writes],
            "uncertain": [uncertain_document(one, business.titles) for one in unsure],
            "webhooks": {name: total._asdict() for name, total in lost.items()},
            "hooks": [stand._asdict() for stand in hooks.values()],
            "erasures": [one._asdict() for one in erased],
            "disabled_subscriptions": [{"id": one.id, "url": one.url, "note": one.note} for one in unheard],
            "last_run": None if last is None else asdict(last),
        }
        here.emit(document, lambda _: _status(here, business, document, glance, lines_, counts))
        stopped = bool(unsure or unheard or erased) or any(line.stopped for line in lines_)
        waits = stopped or any(glance.findings.get(kind) for kind in ("conflict", "contested", "review"))
        raise typer.Exit(WAITING if waits else DONE)


def _holder(business: Workspace, name: str) -> str:
    """The connection whose credential opens *name*."""
    part = business.config.connections.get(name)
    return "" if part is None else part.credential or name


def _together(connections: Mapping[str, ConnectionConfig]) -> Iterator[tuple[str, ConnectionConfig]]:
    """The connections, each followed by those that its credential opens too."""
    for name, part in connections.items():
        if not part.credential:
            yield name, part
            yield from ((other, one) for other, one in connections.items() if one.credential == name)


def _status(
    here: Session,
    business: Workspace,
    document: dict[str, Any],
    glance: queries.Status,
    lines: list[queries.ConnectionLine],
    counts: list[tuple[str, str, int]],
) -> None:
    here.say(f"[strong]{escape(business.config.business.name)}[/] · {count(glance.people, 'person', 'people')}\n")
    made = show.table(here.out, "connection", "direction", "account", "records>", "unreadable>", "last read")
    known = {line.name: line for line in lines}
    for name, part in _together(business.config.connections):
        line = known.get(name)
        made.add_row(
            f"[soft]{'└ ' if part.credential else ''}[/][name]{escape(name)}[/]",
            part.direction.value,
            escape(line.account_name if line else "") or "[soft]not opened yet[/]",
            show.number(line.records if line else 0),
            show.number(line.refused if line else 0, "bad"),
            ago(line.pulled_at, now()) if line else "never",
        )
    here.out.print(made)
    for line in lines:
        for stop in line.stopped:
            here.say(f"[warn]{escape(line.name)} is stopped:[/] {escape(stop['text'])}. `regulars release {line.name}`")
    if counts:
        show.finding_table(here.out, counts, business.labels)
    for one in document["unreadable"][:10]:
        which = f"{one['connection']} {one['remote_id']}: {one['reason']}"
        here.say(f"[bad]Could not be read:[/] {escape(which)}")
    for one in document["refused_writes"][:10]:
        here.say(f"[bad]Refused by {escape(one['connection'])}:[/] {escape(one['reason'])}")
    for one in document["disabled_subscriptions"]:
        here.say(notice(one["id"], one["note"]))
    for one in document["erasures"]:
        where = " and ".join(one["known"] or sorted(one["waiting"]))
        here.say(f"[warn]Asked to be erased, still at {escape(where)}.[/] `regulars erase` lists them.")
    for one in document["uncertain"]:
        here.say(f"[warn]Perhaps written:[/] {escape(one['look'])}")
    _webhooks(here, business, document["webhooks"])
    _hooks(here, document["hooks"])
    if glance.maybe_sent:
        here.say(f"{count(glance.maybe_sent, 'write')} of a broken-off run will be read back by the next sync.")
    last = glance.last_run
    if last is not None:
        state = "" if last.ended else " [warn](broken off: run it again)[/]"
        here.say(f"[soft]Last run: {last.id}, {last.kind}, {when(last.started, business.timezone)}[/]{state}")


def _webhooks(here: Session, business: Workspace, told: Mapping[str, dict[str, Any]]) -> None:
    """How well the platforms tell by themselves."""
    for name, one in told.items():
        looks, unheard = count(one["looks"], "look"), count(one["unheard"], "change")
        here.say(f"[soft]{escape(name)} tells by itself; {looks} at everything found {unheard} not told.[/]")
        part = business.config.connections.get(name)
        hooks = platform(part.platform).connector.hooks if part is not None else None
        if one["unexplained"] and hooks is not None:
            people = count(one["unexplained"], "person", "people")
            here.say(f"[warn]{escape(name)}: of {people} nobody can tell {hooks.alone};[/] a lost delivery did.")


def _hooks(here: Session, stands: Sequence[dict[str, Any]]) -> None:
    """How the platforms' settings for that were kept in order."""
    for one in stands:
        if one["mended"]:
            since = f"last {ago(one['mended_at'], now())}"
            here.say(f"[soft]{escape(one['connection'])}: its webhook was put right {one['mended']}×, {since}.[/]")
        if one["trouble"]:
            here.say(f"[warn]{escape(one['connection'])}: its webhook cannot be kept.[/] {escape(one['trouble'])}")
