"""Mailchimp's activity: what became of every campaign, pulled and stored, and pulled once more."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from rich.table import Table

from benchmarks.child import Broken, answer_of, say
from benchmarks.goals import MEMORY, Verdict
from benchmarks.measured import Measured, Order
from benchmarks.parts import Part
from benchmarks.street import Street
from benchmarks.told import KINDS

MEMBERS = 50_000
RECORDS = 2_000_000
STEPS = ("members", "activity", "activity again")
TITLES = {"activity": "Activity: pull into the store", "activity again": "Pulled once more, nothing new"}
AGAIN = 1
"""The fewest requests with which one hears that no campaign has news: the list of reports, if a page holds it."""


def measure_activity(members: int, records: int, seed: int, folder: Path) -> Part:
    """Build an audience with *records* of activity, pull its members, and measure what follows."""
    part = Part("Activity", stated="" if records >= RECORDS else f"{RECORDS:,} records of activity")
    say(f"building an audience of {members:,} members with {records:,} records of activity")
    found: dict[str, Measured] = {}
    with Street(members, seed, records) as street:
        addresses = street.open("activity")
        for step in STEPS:
            say(f"{step} …")
            store = f"bench_{os.getpid()}_activity"
            order = Order(step, addresses, str(folder), store, street.facts.properties)
            try:
                found[step] = answer_of("benchmarks.measure", order, folder, step.replace(" ", "_"), Measured)
            except Broken as broken:
                part.wrong.append(f"{step}: {broken}")
                return part
            part.wrong += [f"{step}: {fault}" for fault in _faults(found[step], street.facts.told, members)]
        told = street.facts.told
    part.figures = {
        "members": members,
        "told": told,
        "steps": msgspec.to_builtins({step: found[step] for step in TITLES}),
        "least_requests": {step: _least(step, told) for step in TITLES},
    }
    part.tables.append(_table(found, told, members))
    part.notes.append(
        f"{told['campaigns']:,} campaigns; touchpoints are the {told['sent']:,} times a mail was sent and the"
        f" {told['records']:,} records of what became of it. CPU: our process alone, one round.\n"
        "Least requests: the list of reports, and of each campaign the pages of who got it, opened it, did anything"
        " (clicks and bounces are told only among openings), left and complained."
    )
    part.goals = _goals(found, told)
    return part


def _least(step: str, told: dict[str, int]) -> int:
    return told["calls"] if step == "activity" else AGAIN * -(-told["campaigns"] // 1000)


def _faults(measured: Measured, told: dict[str, int], members: int) -> list[str]:
    """What is wrong with a step, so that its figures are worth nothing."""
    counts = measured.done.counts
    wrong = [*measured.done.wrong]
    if measured.step == "members":
        must = {"stored": members, "refused": 0}
    else:
        everything = told["records"] + told["sent"]
        must = {f"stored {kind}": told[kind] for kind in ("sent", *KINDS.values()) if told.get(kind)}
        must |= {"stored": everything, "campaigns": told["campaigns"], "stray": 0, "refused": 0}
        must |= {"new": everything if measured.step == "activity" else 0}
    if measured.step == "activity again":
        made, least = sum(measured.done.requests.values()), _least(measured.step, told)
        wrong += [f"{made} requests, must be {least}"] if made != least else []
    wrong += [f"{name}: {counts.get(name, 0)}, must be {count}" for name, count in must.items()
              if counts.get(name, 0) != count]  # fmt: skip
    return wrong


def _goals(found: dict[str, Measured], told: dict[str, int]) -> list[Verdict]:
    peak = max(found[step].peak for step in TITLES)
    made = sum(found["activity again"].done.requests.values())
    least = _least("activity again", told)
    return [
        Verdict(f"activity: memory below {MEMORY:.0f} MB", f"{peak:,.0f} MB", peak < MEMORY),
        Verdict("activity, nothing new: no more requests than the least", f"{made} of {least}", made <= least),
    ]


def _table(found: dict[str, Measured], told: dict[str, int], members: int) -> Table:
    title = f"Mailchimp: {told['records']:,} activity records of {members:,} members, pulled and stored"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in ("touchpoints", "per CPU s", "per s", "CPU s", "MB", "requests", "least", "over"):
        table.add_column(name, justify="right")
    for step, text in TITLES.items():
        one = found[step]
        made, least = sum(one.done.requests.values()), _least(step, told)
        stored = one.done.counts["new"]
        rates = [f"{stored / one.cpu:,.0f}", f"{stored / one.wall:,.0f}"] if stored else ["", ""]
        sizes = [f"{one.cpu:.2f}", f"{one.peak:.0f}", f"{made:,}", f"{least:,}", f"{made / least - 1:+.1%}"]
        table.add_row(text, f"{stored:,}", *rates, *sizes)
    return table
