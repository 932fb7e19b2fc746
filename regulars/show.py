"""Tables: calm in a terminal, plain text in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from regulars.words import FINDINGS, LISTED, count, label, seconds
from sync.balance import Balance, ConnectionBalance

QUOTA = "quota_left"


def table(console: Console, *columns: str, title: str = "") -> Table:
    """An empty table. A column that ends in `>` is aligned to the right; one that ends in `!` never wraps."""
    style = box.SIMPLE_HEAD if console.is_terminal else None
    made = Table(
        box=style, title=title or None, title_justify="left", title_style="bold", pad_edge=False, header_style="soft"
    )
    for column in columns:
        right, stiff = column.endswith(">"), column.endswith("!")
        made.add_column(column.rstrip(">!"), justify="right" if right else "left", no_wrap=right or stiff)
    return made


def number(value: int, style: str = "") -> str:
    """A count: grey where it is nothing."""
    text = f"{value:,}"
    if not value:
        return f"[soft]{text}[/]"
    return f"[{style}]{text}[/]" if style else text


def facts(console: Console, rows: Iterable[tuple[str, str]]) -> None:
    """Pairs of a word and what is to be said of it, aligned."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="soft", no_wrap=True)
    grid.add_column()
    for word, text in rows:
        grid.add_row(word, text)
    console.print(grid)


def balance_table(console: Console, balance: Balance) -> None:
    """What one run saw, planned and did."""
    _pulled(console, balance.connections)
    _heard(console, balance.connections)
    _written(console, balance.connections, dry_run=balance.dry_run)
    parts = [f"[strong]{count(balance.people, 'person', 'people')}[/]"]
    if balance.recovered:
        parts.append(f"{count(balance.recovered, 'write')} of a broken-off run read back")
    if balance.conflicts:
        parts.append(f"[warn]{count(balance.conflicts, 'conflict')}[/]")
    if not balance.planned:
        parts.append("nothing to write")
    parts.append(f"[soft]{seconds(balance.seconds)}[/]")
    console.print(" · ".join(parts))
    if balance.dry_run:
        console.print("[soft]A dry run: nothing was written.[/]")
        bill_line(console, sum(part.creates for part in balance.connections.values()))


def bill_line(console: Console, creates: int) -> None:
    """What making records may cost."""
    if creates:
        console.print(f"[warn]{count(creates, 'new record')}[/]: platforms may bill for contacts.")


def _pulled(console: Console, parts: Mapping[str, ConnectionBalance]) -> None:
    if any(part.pulled or part.refused or part.gone for part in parts.values()):
        _counts(console, "read from", _READ, parts)


def _heard(console: Console, parts: Mapping[str, ConnectionBalance]) -> None:
    """What was read beside the records, where there was any."""
    rows = [(name, *one) for name, part in parts.items() for one in part.streams.items()]
    if not any(told.read or told.gone or told.failure for *_, told in rows):
        return
    made = table(console, "heard from", "what", "read>", "new>", "changed>", "filed>", "waiting>", "unreadable>", "")
    for name, stream, told in rows:
        counts = (told.read, told.new, told.changed, told.facts)
        shown = [number(one) for one in counts] + [number(told.stray, "warn"), number(told.refused, "bad")]
        made.add_row(f"[name]{escape(name)}[/]", escape(stream), *shown, f"[bad]{escape(told.failure)}[/]")
    console.print(made)


def calls(part: ConnectionBalance) -> int:
    """How many calls a run made to one platform."""
    return sum(made for name, made in part.calls.items() if name != QUOTA)


def _written(console: Console, parts: Mapping[str, ConnectionBalance], *, dry_run: bool) -> None:
    if any(part.planned for part in parts.values()):
        _counts(console, "write to", _REHEARSED if dry_run else _WRITTEN, parts)


_Counts = Mapping[str, tuple[Callable[[ConnectionBalance], int], str]]

_READ: _Counts = {
    "records": (lambda part: part.pulled, ""),
    "new": (lambda part: part.new, "good"),
    "changed": (lambda part: part.changed, ""),
    "as before": (lambda part: part.unchanged, ""),
    "gone": (lambda part: part.gone, "warn"),
    "unreadable": (lambda part: part.refused, "bad"),
    "calls": (calls, ""),
}
_WRITTEN: _Counts = {
    "planned": (lambda part: part.planned, ""),
    "written": (lambda part: part.applied, "good"),
    "opt-outs": (lambda part: part.opt_outs, ""),
    "new there": (lambda part: part.creates, ""),
    "held": (lambda part: part.held, "warn"),
    "refused": (lambda part: part.refused_writes, "bad"),
    "later": (lambda part: part.pending + part.moved + part.uncertain, "warn"),
}
_REHEARSED: _Counts = {
    "planned": (lambda part: part.planned, ""),
    "would write": (lambda part: part.would_write, "good"),
    "opt-outs": (lambda part: part.opt_outs, ""),
    "new there": (lambda part: part.creates, ""),
    "held": (lambda part: part.held, "warn"),
    "later": (lambda part: part.pending, "warn"),
}


def _counts(console: Console, first: str, counts: _Counts, parts: Mapping[str, ConnectionBalance]) -> None:
    """A row of counts for each connection."""
    made = table(console, first, *(f"{word}>" for word in counts))
    for name, part in parts.items():
        made.add_row(f"[name]{escape(name)}[/]", *(number(total(part), style) for total, style in counts.values()))
    console.print(made)


def trouble_lines(balance: Balance) -> list[str]:
    """What stopped or failed, a sentence each, and what to do."""
    lines = []
    for stop in balance.stops:
        lines.append(
            f"[warn]{escape(stop.connection)} stopped before anything was written:[/] {escape(stop.text)}."
            f" If that is right: [strong]regulars release {escape(stop.connection)}[/]"
        )
    for name, text in balance.failures.items():
        lines.append(f"[bad]{escape(name)} failed:[/] {escape(text)}")
    return lines


def next_lines(balance: Balance) -> list[str]:
    """What to do next, where anything is to be done."""
    lines = []
    if balance.dry_run and balance.planned:
        lines.append("See each change: [strong]regulars plan[/]")
    if balance.conflicts:
        lines.append("See the conflicts: [strong]regulars conflicts[/]")
    if balance.findings.get("duplicate"):
        lines.append("See second records of one person: [strong]regulars duplicates[/]")
    if any(part.refused or part.refused_writes for part in balance.connections.values()):
        lines.append("See what was refused: [strong]regulars status[/]")
    if any(part.uncertain for part in balance.connections.values()):
        lines.append("An answer was lost. See where to look: [strong]regulars status[/]")
    return lines


def finding_table(console: Console, counts: Sequence[tuple[str, str, int]], labels: Mapping[str, str]) -> None:
    """How many findings there are, by kind and field."""
    made = table(console, "what", "field", "count>")
    for kind, name, total in counts:
        made.add_row(escape(FINDINGS.get(kind, kind)), escape(label(name, labels)) or "[soft]-[/]", number(total))
    console.print(made)
    kinds = {kind for kind, *_ in counts}
    lists = {"conflicts": {"conflict"}, "duplicates": {"duplicate"}, "held": set(LISTED)}
    hints = [f"[strong]regulars {command}[/]" for command, listed in lists.items() if kinds & listed]
    if hints:
        console.print(f"[soft]See who and why:[/] {', '.join(hints)}")
