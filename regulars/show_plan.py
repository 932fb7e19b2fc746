"""A plan for people: per person and field before → after, why, and whether it can be undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape

from mapping.model import MARKETING, WriteKind
from regulars import show
from regulars.show_deeds import DEEDS, deed_row
from regulars.words import BLANK, CUT, KINDS, RULES, label, shown
from sync.queries import PersonLine
from sync.writes import Write

FEW = 40
USUAL = ("opt_out", "update", "create", "archive", "list")
"""Kinds of writes that a summary always counts; others where there are some."""
FINAL = (WriteKind.OPT_OUT, WriteKind.ERASE, WriteKind.ARCHIVE, WriteKind.COMPANY_AWAY)


def plan_document(
    writes: Iterable[Write], hash_: str, count: int, counts: Mapping[tuple[str, WriteKind], int]
) -> dict[str, Any]:
    """A plan as JSON."""
    return {
        "hash": hash_,
        "count": count,
        "counts": [
            {"connection": connection, "kind": kind.value, "count": number}
            for (connection, kind), number in sorted(counts.items())
        ],
        "writes": [write_document(write) for write in writes],
    }


def write_document(write: Write) -> dict[str, Any]:
    """One write as JSON, its settings by name."""
    document: dict[str, Any] = msgspec.to_builtins(write)
    document["settings"] = [
        {"name": s.name, "before": s.before, "after": s.after, "rule": str(s.rule)} for s in write.settings
    ]
    document["reversible"] = write.reversible
    return document


def plan_table(
    console: Console,
    writes: Iterable[Write],
    people: Mapping[str, PersonLine],
    labels: Mapping[str, str],
    few: int = 0,
) -> int:
    """Show writes, the first *few* rows (0: all); returns how many rows were shown."""
    cut = CUT if console.is_terminal else 0
    made = show.table(console, "person", "where!", "what!", "before", "after", "why")
    last, rows = "", 0
    for write, row in islice(_rows(writes, labels, cut), few or None):
        who = _who(write, people) if write.person != last else ""
        last, rows = write.person, rows + 1
        made.add_row(who, f"[name]{escape(write.connection)}[/]", *row)
    if rows:
        console.print(made)
    return rows


def _who(write: Write, people: Mapping[str, PersonLine]) -> str:
    line = people.get(write.person)
    name = line.name if line else ""
    address = write.address or (line.email if line else "")
    return escape(shown(name or address or write.person, 28))


def _rows(writes: Iterable[Write], labels: Mapping[str, str], cut: int) -> Iterator[tuple[Write, tuple[str, ...]]]:
    for write in writes:
        if write.kind is WriteKind.OPT_OUT:
            why = f"{escape(write.why)} [warn](cannot be undone)[/]"
            what = "opt-out" if write.purpose == MARKETING else f"opt-out of {escape(write.purpose)}"
            yield write, (f"[warn]{what}[/]", "mailed", "[warn]not mailed[/]", why)
        elif write.kind is WriteKind.ARCHIVE:
            why = f"{escape(write.why)} [warn](cannot be undone by us)[/]"
            yield write, ("[warn]put away[/]", "there", "[warn]archived[/]", why)
        elif write.kind is WriteKind.ERASE:
            yield (
                write,
                (
                    "[warn]erased[/]",
                    "there",
                    "[warn]erased for good[/]",
                    f"{escape(write.why)} [warn](cannot be undone)[/]",
                ),
            )
        elif write.kind is WriteKind.LIST:
            words = ("[soft]not on it[/]", "on it") if write.settings[0].after else ("on it", "[soft]not on it[/]")
            rule = str(write.settings[0].rule)
            yield write, (f"list {escape(write.purpose)}", *words, escape(RULES.get(rule, rule)))
        elif write.kind in DEEDS:
            yield write, deed_row(write)
        elif write.kind is WriteKind.CREATE:
            state = "new, subscribed" if write.subscribed else "new"
            yield (
                write,
                ("[good]new record[/]", "[soft]not there[/]", f"{state}: {escape(write.address)}", escape(write.why)),
            )
        if write.kind in (WriteKind.UPDATE, WriteKind.CREATE):
            for setting in write.settings:
                before = shown(setting.before, cut)
                before = f"[soft]{BLANK}[/]" if before == BLANK else f"[before]{escape(before)}[/]"
                after = f"[after]{escape(shown(setting.after, cut))}[/]"
                rule = RULES.get(str(setting.rule), str(setting.rule))
                yield write, (escape(label(setting.name, labels)), before, after, escape(rule))


def plan_summary(console: Console, counts: Mapping[tuple[str, WriteKind], int], hash_: str) -> None:
    """How many writes go where, and what they may cost."""
    names = sorted({connection for connection, _ in counts})
    kinds = [kind for kind in KINDS if kind in USUAL or any(WriteKind(kind) is found for _, found in counts)]
    made = show.table(console, "write to", *(f"{KINDS[kind]}>" for kind in kinds))
    for name in names:
        numbers = Counter({kind.value: total for (connection, kind), total in counts.items() if connection == name})
        made.add_row(f"[name]{escape(name)}[/]", *(show.number(numbers[kind]) for kind in kinds))
    console.print(made)
    creates = sum(total for (_, kind), total in counts.items() if kind is WriteKind.CREATE)
    show.bill_line(console, creates)
    final = sum(total for (_, kind), total in counts.items() if kind in FINAL)
    if final:
        console.print(f"[warn]{final:,} cannot be undone[/] (opt-outs and archivings).")
    console.print(f"[soft]plan {hash_}[/]")
