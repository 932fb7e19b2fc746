"""Companies and tasks in a plan, and what to look at where nobody knows whether one was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from mapping.model import WriteKind
from regulars.words import RULES
from sync.uncertain import Uncertain
from sync.writes import Write

DEEDS = frozenset({WriteKind.COMPANY, WriteKind.TIE, WriteKind.COMPANY_AWAY, WriteKind.TASK})

Row = tuple[str, str, str, str]
"""What is written, what stands there before and after, and why."""


def deed_row(write: Write) -> Row:
    """One such write as a row of a plan."""
    name, rule = escape(write.purpose), str(write.settings[0].rule)
    why = escape(RULES.get(rule, rule))
    if write.kind is WriteKind.COMPANY:
        return "[good]new company[/]", "[soft]not there[/]", name, why
    if write.kind is WriteKind.COMPANY_AWAY:
        return "[warn]put away[/]", f"company {name}", "[warn]archived[/]", f"{why} [warn](cannot be undone by us)[/]"
    if write.kind is WriteKind.TIE:
        put = bool(write.settings[0].after) or write.settings[0].before is None
        before, after = ("[soft]no company[/]", name) if put else (name, "[soft]no company[/]")
        return "works at", before, after, why
    said = {setting.name: setting.after or setting.before for setting in write.settings}
    text = escape(str(said["subject"]))
    if write.takes_task:
        return "[warn]task[/]", text, "[warn]taken away[/]", f"{why} [warn](cannot be undone by us)[/]"
    return "[good]new task[/]", "[soft]not there[/]", text, why


def perhaps(one: Uncertain, titles: Mapping[str, str]) -> str:
    """What nobody knows about one write, and what the person should look at."""
    write, where = one.write, titles.get(one.write.connection, one.write.connection)
    if write.kind is WriteKind.COMPANY:
        lost = f'the company "{write.purpose}" may be at {where} already; the answer to making it was lost'
        return f"{lost}. The next sync reads all companies there and settles it."
    who, subject = one.who or write.address, write.settings[0].after
    lost = f'the task "{subject}" for {who} may be at {where} already; the answer to making it was lost'
    look = f"Look at the tasks of {who} at {where}. If it is there: `regulars release --who {one.person or who}`"
    return f"{lost}, and it is not sent again by itself. {look}. If not: the same `regulars task` with --again."


def uncertain_document(one: Uncertain, titles: Mapping[str, str]) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "run": one.run,
        "connection": one.write.connection,
        "kind": one.write.kind.value,
        "person": one.person or None,
        "what": one.write.purpose or one.write.settings[0].after,
        "reason": one.reason,
        "look": perhaps(one, titles),
    }
