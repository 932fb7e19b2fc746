"""The receiver at 16 connections, on SQLite and on PostgreSQL, beside the bare limit in turn.

Server and platforms are processes of their own. Every round begins with an empty inbox, and is worth something only if
every delivery was answered with 200 and lies in the store.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from rich.table import Table

from benchmarks.child import Broken, say
from benchmarks.goals import Verdict
from benchmarks.parts import Part
from benchmarks.receiver_child import Held, Ports
from benchmarks.receiver_child import Order as ServerOrder
from benchmarks.receiver_load import CONNECTIONS, WARM, Heard
from benchmarks.receiver_load import Order as LoadOrder
from benchmarks.stores import NAMES, opened
from benchmarks.talking import talking

DELIVERIES = {"hubspot": 2_500, "mailchimp": 4_000}
APPS = ("bare", "whole")
RATE, LATE = 0.8, 2.0
_WHAT = {"hubspot": "HubSpot, 100 events", "mailchimp": "Mailchimp, a form"}


class Round(msgspec.Struct):
    """What was measured of one app in one round with so many deliveries."""

    number: int
    heard: Heard
    held: Held


Rounds = dict[str, list[Round]]


def measure_receiver(share: float, rounds: int, seed: int, folder: Path, database: str) -> Part:
    """*share*: which part of the usual number of deliveries; *database* is what REGULARS_DATABASE said."""
    part = Part("Receiver", stated="" if share >= 1 else f"{DELIVERIES['hubspot']:,} deliveries a round")
    found: dict[tuple[str, str], Rounds] = {}
    for store in NAMES:
        with opened(store, database, "receiver") as (url, absent):
            if absent:
                part.notes.append(f"The receiver was not measured on {NAMES[store]}: {absent}")
                continue
            (folder / store).mkdir(parents=True)
            try:
                for platform, one in _on_store(store, ServerOrder(url, str(folder / store)), share, rounds, seed):
                    found[store, platform] = one
                    wrong = [(app, fault) for app in APPS for each in one[app] for fault in _faults(each)]
                    part.wrong += [f"{platform} on {NAMES[store]}, {app}: {fault}" for app, fault in wrong]
            except Broken as broken:
                part.wrong.append(f"receiver on {NAMES[store]}: {broken}")
    part.figures = {f"{platform} {store}": msgspec.to_builtins(one) for (store, platform), one in found.items()}
    if found:
        part.tables.append(_table(found))
        part.notes.append(_EXPLAINED)
    for (store, platform), one in found.items():
        part.goals += _goals(f"{_WHAT[platform]} on {NAMES[store]}", one)
    return part


def _on_store(store: str, order: ServerOrder, share: float, rounds: int, seed: int) -> Iterator[tuple[str, Rounds]]:
    """Each platform's rounds, both apps in turn, the one that begins changing from round to round."""
    with talking("benchmarks.receiver_child") as server, talking("benchmarks.receiver_load") as load:
        ports = msgspec.to_builtins(server.ask(order, Ports))
        for platform, usual in DELIVERIES.items():
            found: Rounds = {app: [] for app in APPS}
            number = max(2 * WARM, int(usual * share))
            for turn in range(rounds):
                say(f"receiver: {number:,} deliveries of {platform}, {NAMES[store]}, round {turn + 1} …")
                for app in APPS if turn % 2 == 0 else reversed(APPS):
                    heard = load.ask(LoadOrder(platform, ports[app], number, seed + turn), Heard)
                    found[app].append(Round(number, heard, server.ask(order, Held)))
            yield platform, found


def _faults(one: Round) -> list[str]:
    wrong = []
    if one.heard.statuses != {200: one.number}:
        wrong.append(f"answers {one.heard.statuses}, must be {one.number} of 200")
    if one.held.waiting != one.number:
        wrong.append(f"{one.held.waiting} in the store, must be {one.number}")
    return wrong


def _middle(rounds: Sequence[Round], name: str) -> float:
    return statistics.median(float(getattr(one.heard, name)) for one in rounds)


def _ratio(found: Rounds, name: str) -> float:
    """Ours beside the bare limit: the median over the rounds, each compared with its neighbour."""
    pairs = zip(found["whole"], found["bare"], strict=True)
    return statistics.median(float(getattr(ours.heard, name) / getattr(bare.heard, name)) for ours, bare in pairs)


def _goals(what: str, found: Rounds) -> list[Verdict]:
    rate, late = _ratio(found, "rate"), _ratio(found, "p99")
    return [
        Verdict(f"{what}: at least {RATE:.0%} of the bare rate", f"{rate:.0%}", rate >= RATE),
        Verdict(f"{what}: at most {LATE:g} times the bare p99", f"{late:.2f} times", late <= LATE),
    ]


def _table(found: dict[tuple[str, str], Rounds]) -> Table:
    table = Table(title=f"The receiver at {CONNECTIONS} connections", title_justify="left")
    table.add_column("")
    for name in ("bytes", "", "deliveries/s", "of bare", "p50, ms", "p99, ms", "times bare", "CPU ms each", "MB"):
        table.add_column(name, justify="right")
    for (store, platform), one in found.items():
        for app in reversed(APPS):
            rounds = one[app]
            cpu = statistics.median(each.held.cpu / each.held.waiting for each in rounds)
            table.add_row(
                f"{_WHAT[platform]}, {NAMES[store]}" if app == "whole" else "",
                f"{rounds[0].heard.size:,}" if app == "whole" else "",
                {"whole": "receiver", "bare": "bare limit"}[app],
                f"{_middle(rounds, 'rate'):,.0f}",
                f"{_ratio(one, 'rate'):.0%}" if app == "whole" else "",
                f"{_middle(rounds, 'p50') * 1000:.1f}",
                f"{_middle(rounds, 'p99') * 1000:.1f}",
                f"{_ratio(one, 'p99'):.2f}" if app == "whole" else "",
                f"{cpu * 1000:.2f}",
                f"{max(each.held.peak for each in rounds):.0f}",
            )
    return table


_EXPLAINED = (
    "Medians of the rounds; ratios are medians of each round beside its neighbour. The bare limit is the same server,"
    " store and group commit, without a check of the signature or a look at the body.\n"
    "CPU: the server's process; the platforms send from another process on the same machine. Every"
    " delivery is on disk before it is answered."
)
