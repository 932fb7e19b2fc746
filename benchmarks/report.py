"""The figures as one table, the goals beside them, and the largest costs."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.goals import FORMULAS, Verdict, least_requests, verdicts
from benchmarks.measured import Measured
from benchmarks.parts import goal_table
from benchmarks.street import PROPERTIES, Facts

LARGEST = 3
STATED = 100_000
COLUMNS = ["records", "per CPU s", "ratio", "per s", "CPU s", "rounds", "MB", "MB at 1/10", "requests", "least", "over"]
TITLES = {
    "pull hubspot": "HubSpot: pull into the store",
    "sdk hubspot": "  loop of the typed SDK",
    "raw hubspot": "  raw JSON into SQLite",
    "pull mailchimp": "Mailchimp: pull into the store",
    "sdk mailchimp": "  loop of the SDK",
    "raw mailchimp": "  raw JSON into SQLite",
    "first sync": "First full sync, both ways",
    "re-read": "Full re-read, nothing changed",
    "no change": "Incremental, nothing changed",
    "1 % changed": "1 % changed on each side",
    "echoes": "The run after one that wrote",
}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured: by step, one entry per round."""

    records: int
    facts: Facts
    store: str
    found: Mapping[str, list[Measured]]
    tenth: Mapping[str, list[Measured]]
    costs: Mapping[str, list[tuple[str, float]]]
    wrong: list[str]

    @property
    def medians(self) -> dict[str, Measured]:
        return {step: _median(self.found[step]) for step in TITLES if self.found.get(step)}

    @property
    def verdicts(self) -> list[Verdict]:
        """Empty where anything is wrong: half a run meets no goal."""
        if self.wrong or any(step not in self.medians for step in TITLES):
            return []
        return verdicts(self.medians, {step: _median(rounds) for step, rounds in self.tenth.items()}, self.facts)

    def to_json(self) -> dict[str, Any]:
        return {
            "records": self.records,
            "facts": msgspec.to_builtins(self.facts),
            "store": self.store,
            "machine": machine(),
            "rounds": msgspec.to_builtins(self.found),
            "tenth": msgspec.to_builtins(self.tenth),
            "least_requests": {step: least_requests(one, self.facts) for step, one in self.medians.items()},
            "costs": self.costs,
            "wrong": self.wrong,
            "goals": msgspec.to_builtins(self.verdicts),
        }


def _median(rounds: list[Measured]) -> Measured:
    """The round of the median CPU time, with the largest memory of all rounds."""
    middle = sorted(rounds, key=lambda one: one.cpu)[(len(rounds) - 1) // 2]
    return msgspec.structs.replace(middle, peak=max(one.peak for one in rounds))


def print_report(report: Report) -> None:
    """Print to standard output: a table, the goals, the costs, and what is wrong with the run."""
    console = Console(width=150, highlight=False, soft_wrap=True)
    console.print(_table(report))
    console.print(_explained(report))
    if report.costs:
        console.print(_cost_table(report))
    for fault in report.wrong:
        console.print(f"[bold red]WRONG[/] {fault}")
    if report.wrong:
        console.print("[bold red]This run is not whole: its figures mean nothing, and no goal is judged.[/]")
        return
    stated = "" if report.records >= STATED else f"{STATED:,} records a side"
    console.print(goal_table(report.verdicts, stated))


def _table(report: Report) -> Table:
    title = f"{report.records:,} contacts of {PROPERTIES} properties, {report.records:,} members, {report.store}"
    table = Table(title=f"{title}; {machine()}", title_justify="left")
    table.add_column("")
    for name in (
        "records",
        "per CPU s",
        "ratio",
        "per s",
        "CPU s",
        "rounds",
        "MB",
        "MB at 1/10",
        "requests",
        "least",
        "over",
    ):
        table.add_column(name, justify="right")
    medians = report.medians
    for step, one in medians.items():
        made, least = sum(one.done.requests.values()), least_requests(one, report.facts)
        tenth = report.tenth.get(step)
        table.add_row(
            TITLES[step],
            f"{one.done.records:,}",
            f"{one.done.records / one.cpu:,.0f}",
            _ratio(medians, step),
            f"{one.done.records / one.wall:,.0f}",
            f"{one.cpu:.2f}",
            str(len(report.found[step])),
            f"{one.peak:.0f}",
            f"{_median(tenth).peak:.0f}" if tenth else "",
            f"{made:,}",
            f"{least:,}",
            f"{made / least - 1:+.1%}",
        )
    return table


def _ratio(medians: Mapping[str, Measured], step: str) -> str:
    """How a bare loop's records per CPU second compare with our pull's."""
    kind, _, name = step.partition(" ")
    ours = medians.get(f"pull {name}")
    if kind not in ("pull", "sdk", "raw") or ours is None:
        return ""
    one = medians[step]
    return f"{(one.done.records / one.cpu) / (ours.done.records / ours.cpu):.2f}"


def _explained(report: Report) -> str:
    if not report.found:
        return "Nothing was measured."
    start_up = statistics.median(one.start_up for rounds in report.found.values() for one in rounds)
    written = report.medians.get("first sync")
    lines = [
        f"CPU: our process alone, all its threads, median of the rounds; {start_up:.1f} CPU s of loading not counted.",
        "MB: the process's peak, all of it, the highest of the rounds.",
        f"Least requests: HubSpot's pull {FORMULAS['pull hubspot']}; Mailchimp's {FORMULAS['pull mailchimp']};",
        f"  a run {FORMULAS['run']}.",
    ]
    if written:
        keys = ("planned", "applied", "moved", "refused_writes", "opt_outs")
        for name in ("hubspot", "mailchimp"):
            said = ", ".join(f"{key} {written.done.counts[f'{name}.{key}']:,}" for key in keys)
            lines.append(f"First sync wrote to {name}: {said}.")
        lines.append(
            f"It found {written.done.counts['people']:,} people (by the town's own truth {report.facts.people:,}) and"
            f" {written.done.counts['conflicts']:,} conflicts."
        )
    return "\n".join(lines)


def _cost_table(report: Report) -> Table:
    size = report.records // 10 if report.tenth else report.records
    table = Table(
        "", f"The {LARGEST} largest costs, own CPU time by module (of a profiled run with {size:,} records a side)"
    )
    for step, costs in report.costs.items():
        table.add_row(TITLES[step], "; ".join(f"{name} {share:.0%}" for name, share in costs[:LARGEST]))
    return table


def machine() -> str:
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
