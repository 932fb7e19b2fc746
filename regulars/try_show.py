"""What a rehearsed first sync found, in tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from rich.markup import escape

from mapping.model import WriteKind
from regulars import show
from regulars.session import Session
from regulars.show_plan import plan_table
from regulars.trouble import listed
from regulars.try_found import FEW
from regulars.try_rehearsal import Rehearsal
from regulars.words import BLANK, CUT, count, shown
from sync import queries

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def found(here: Session, trial: Rehearsal, document: Mapping[str, Any], country: str) -> None:
    """Show everything, the alarming before the ordinary."""
    _files(here, document["files"])
    for name in document["skipped"]:
        here.say(f"[soft]{escape(name)} is no export of people: left out.[/]")
    _people(here, trial, document["people"])
    _mail(here, trial, document)
    _duplicates(here, trial, document["duplicates"])
    _conflicts(here, trial, document["conflicts"], country)
    _odd(here, document)
    _plan(here, trial, document["plan"])
    here.say("\n[soft]Nothing was written, here or there. To go on: regulars init, then regulars connect PLATFORM[/]")


def _title(trial: Rehearsal, name: str) -> str:
    return trial.platforms[name].title


def _files(here: Session, files: Sequence[Mapping[str, Any]]) -> None:
    made = show.table(here.out, "file", "what it is", "written in", "rows>", "repeated>", "unreadable>")
    for one in files:
        what = {"hubspot": "HubSpot contacts", "mailchimp": "Mailchimp audience"}[one["platform"]]
        made.add_row(
            escape(one["file"]),
            f"{what}, {one['kind']}" if one["kind"] else what,
            f"{one['encoding']}, {_SEPARATORS[one['separator']]}",
            show.number(one["rows"]),
            show.number(one["repeated"]),
            show.number(one["unreadable"], "bad"),
        )
    here.out.print(made)
    for one in files:
        for bad in one["unreadable_sample"]:
            here.say(f"[bad]Row {bad['row']} of {escape(one['file'])} cannot be read:[/] {escape(bad['reason'])}")
        more = one["unreadable"] - len(one["unreadable_sample"])
        if more > 0:
            here.say(f"[bad]and {count(more, 'more row')}[/] of {escape(one['file'])}")
        for note in one["notes"]:
            here.say(f"[warn]{escape(one['file'])}:[/] {escape(note)}")


def _people(here: Session, trial: Rehearsal, people: Mapping[str, Any]) -> None:
    parts = [f"\n[strong]{count(people['total'], 'person', 'people')}[/]"]
    if len(trial.platforms) > 1:
        parts.append(f"{people['in_both']:,} in both")
        parts += [f"{number:,} only in {_title(trial, name)}" for name, number in people["only"].items()]
    here.say(" · ".join(parts))


def _who(one: Mapping[str, Any]) -> tuple[str, str]:
    return escape(shown(one["name"], CUT)) if one["name"] else "[soft]-[/]", escape(shown(one["address"]))


def _heading(here: Session, text: str, number: int, sample: Sequence[object]) -> None:
    few = f" [soft](the first {len(sample)})[/]" if number > len(sample) > 0 else ""
    here.say(f"\n{text}{few}")


def _mail(here: Session, trial: Rehearsal, document: Mapping[str, Any]) -> None:
    """Who left or cannot be reached, and is still on a list."""
    left, bounced, roles = (document[name] for name in ("opted_out_but_mailed", "bounced", "role_mailboxes"))
    if left["count"]:
        _heading(here, f"[bad]Opted out, and still mailed: {left['count']:,}[/]", left["count"], left["sample"])
        made = show.table(here.out, "person", "address", "still mailed by", "because")
        for one in left["sample"]:
            made.add_row(*_who(one), f"[name]{_title(trial, one['mailed_by'])}[/]", escape(one["why"]))
        here.out.print(made)
    else:
        silent = [one["file"] for one in document["files"] if not one["says_who_left"]]
        text = "[good]Nobody who opted out is still mailed.[/]"
        if silent:
            where = escape(listed(silent, "and"))
            text = f"[warn]Whether somebody who opted out is still mailed is unknown:[/] see {where}."
        here.say(f"\n{text}")
    if bounced["addresses"]:
        text = f"Bounced: {count(bounced['addresses'], 'address', 'addresses')}, {bounced['still_mailed']} still mailed"
        _heading(here, f"[warn]{text}[/]", bounced["addresses"], bounced["sample"])
        made = show.table(here.out, "person", "address", "still mailed by")
        for one in bounced["sample"]:
            made.add_row(*_who(one), ", ".join(_title(trial, name) for name in one["mailed_by"]) or "nobody")
        here.out.print(made)
    if roles["addresses"]:
        text = ", ".join(roles["sample"]) + (", …" if roles["addresses"] > len(roles["sample"]) else "")
        here.say(
            f"\nMailboxes of an office: {roles['addresses']:,}. They link nobody, as several people may read them:"
            f" {escape(text)}"
        )


def _duplicates(here: Session, trial: Rehearsal, found: Mapping[str, Any]) -> None:
    if not found["count"]:
        return
    where = ", ".join(f"{number:,} in {_title(trial, name)}" for name, number in found["platforms"].items())
    _heading(here, f"[warn]Second records of one person: {where}[/]", found["count"], found["sample"])
    made = show.table(here.out, "person", "address", "in", "")
    for one in found["sample"]:
        made.add_row(*_who(one), f"[name]{_title(trial, one['platform'])}[/]", escape(one["why"]))
    here.out.print(made)


def _conflicts(here: Session, trial: Rehearsal, found: Sequence[Mapping[str, Any]], country: str) -> None:
    for field in found:
        text = f"{field['label']} differs: {count(field['people'], 'person', 'people')}"
        _heading(here, f"[warn]{escape(text)}[/]", field["people"], field["sample"])
        made = show.table(here.out, "person", "address", *(_title(trial, name) for name in trial.platforms))
        for one in field["sample"]:
            cut = CUT if here.terminal else 0
            values = (" / ".join(shown(value, cut) for value in one["shows"].get(name, ())) for name in trial.platforms)
            made.add_row(*_who(one), *(escape(value) or f"[soft]{BLANK}[/]" for value in values))
        here.out.print(made)
        if field["field"] in ("phone", "mobile") and not country:
            here.say("[soft]Numbers without a prefix were compared as written; --country DE reads them as German.[/]")


def _odd(here: Session, document: Mapping[str, Any]) -> None:
    odd = document["odd_values"]
    if odd["records"]:
        _heading(here, f"[warn]Values that make no sense: {odd['records']:,}[/]", odd["records"], odd["sample"])
        for one in odd["sample"]:
            here.say(f"  {escape(one['platform'])} {escape(one['id'])}: {escape(one['reason'])}")


def _plan(here: Session, trial: Rehearsal, plan: Mapping[str, Any]) -> None:
    here.say("\n[strong]What a first sync would do[/] [soft](direction fill, nobody created)[/]")
    if not plan["writes"]:
        here.say("Nothing: no blank that the other side fills, and nobody to opt out.")
        return
    made = show.table(here.out, "write to", "blanks filled>", "people>", "opt-outs>", "overwritten>", "new>")
    for name, one in plan["platforms"].items():
        made.add_row(
            f"[name]{_title(trial, name)}[/]",
            show.number(one["blanks_filled"], "good"),
            show.number(one["updates"]),
            show.number(one["opt_outs"], "warn"),
            show.number(one["values_replaced"], "bad"),
            show.number(one["creates"]),
        )
    here.out.print(made)
    few = [write for name in trial.platforms for write in islice(trial.spool.of(name, WriteKind.UPDATE), FEW)]
    with trial.database.read() as conn:
        people = queries.names(conn, (write.person for write in few))
    plan_table(here.out, few, people, trial.labels)
    for text in plan["stops"]:
        here.say(f"[warn]A guard would stop it first, and ask you:[/] {escape(text)}.")
