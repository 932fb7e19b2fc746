"""`regulars platforms`: which platforms there are, how far each may be relied on, and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from connectors import CATALOGUE
from connectors.base import Platform
from connectors.checked import CHECKED
from connectors.levels import ASIDE, KEPT, PROMISES, level
from regulars import show, wiring
from regulars.session import Json, Session, session
from regulars.words import count


def platforms(
    name: Annotated[str | None, typer.Argument(metavar="[PLATFORM]", help="One of them, in full.")] = None,
    json: Json = False,
) -> None:
    """List the platforms that can be connected, with what was checked of each."""
    here = session(json)
    if name is not None:
        entry = wiring.platform(name)
        one = document(entry)
        here.emit(one, lambda _: _one(here, entry, one))
        return
    found = [document(entry) for entry in CATALOGUE]
    here.emit(found, lambda _: _all(here, found))


def document(entry: Platform) -> dict[str, Any]:
    """What is known of one platform."""
    connector, outcomes = entry.connector, CHECKED.get(entry.name, {})
    reached = level(outcomes)
    return {
        "name": entry.name,
        "title": entry.title,
        "level": None if reached is None else reached.value,
        "writes": not connector.reads_only,
        "webhooks": connector.hooks is not None,
        "segments": segments(entry),
        "streams": [stream.name for stream in connector.streams],
        "promises": [
            {"name": one.name, "level": one.level.value, "text": one.text, "outcome": outcomes.get(one.name, "")}
            for one in PROMISES
        ],
        "cannot": dict(connector.cannot),
    }


def segments(entry: Platform) -> list[str]:
    """As what a segment can be shown there."""
    return ["tag"] * bool(entry.connector.by_member) + ["list"] * entry.connector.lists


def _all(here: Session, found: Sequence[Mapping[str, Any]]) -> None:
    made = show.table(here.out, "platform!", "", "level", "", "segments", "streams")
    for one in found:
        ways = "both ways" if one["writes"] else "[soft]read only[/]"
        ways += ", tells by itself" if one["webhooks"] else ""
        streams = str(len(one["streams"]) or "")
        shown = " or ".join(one["segments"])
        made.add_row(f"[name]{one['name']}[/]", escape(one["title"]), one["level"] or "none", ways, shown, streams)
    here.out.print(made)
    here.say("[soft]`regulars platforms NAME` says what was checked of one, and what it cannot do.[/]")


def _one(here: Session, entry: Platform, found: Mapping[str, Any]) -> None:
    here.say(f"[strong]{escape(entry.title)}[/]: {found['level'] or 'no level'}\n")
    for one in found["promises"]:
        mark = (
            "[good]✓[/]"
            if one["outcome"] == KEPT
            else "[soft]–[/]"
            if one["outcome"].startswith(ASIDE)
            else "[bad]✗[/]"
        )
        why = (
            ""
            if one["outcome"] == KEPT
            else f" [soft]({escape(one['outcome'].partition(': ')[2] or 'not checked')})[/]"
        )
        here.say(f"  {mark} {one['level']:<6} {escape(one['text'])}{why}")
    if found["cannot"]:
        here.say(f"\nIt cannot, or has not ({count(len(found['cannot']), 'thing')}):")
        for word, why in found["cannot"].items():
            here.say(f"  [name]{word}[/] {escape(why)}")
