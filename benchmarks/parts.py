"""A part of the benchmark that stands beside the full syncs: its table, its goals, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.goals import Verdict


@dataclass
class Part:
    """What one part found. *stated* says for which size its goals are meant, where this run is smaller."""

    name: str
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    goals: list[Verdict] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stated: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        goals = [] if self.wrong else msgspec.to_builtins(self.goals)
        return {**self.figures, "wrong": self.wrong, "goals": goals}


def print_part(part: Part) -> None:
    """Print to standard output."""
    console = Console(width=150, highlight=False, soft_wrap=True)
    for table in part.tables:
        console.print(table)
    for note in part.notes:
        console.print(note)
    for fault in part.wrong:
        console.print(f"[bold red]WRONG[/] {fault}")
    if part.wrong:
        console.print(f"[bold red]{part.name}: not whole, so these figures mean nothing and no goal is judged.[/]")
    elif part.goals:
        console.print(goal_table(part.goals, part.stated))


def goal_table(goals: Sequence[Verdict], stated: str) -> Table:
    hint = f" (stated for {stated}: this run only hints)" if stated else ""
    table = Table("Goal", "Found", "", title=f"Goals{hint}", title_justify="left")
    for verdict in goals:
        table.add_row(verdict.goal, verdict.found, "[green]met[/]" if verdict.met else "[red]not met[/]")
    return table
