"""`python -m benchmarks`: measures, checks and prints everything in one run.

The sandbox runs in a process of its own, over loopback sockets, with its quotas off; every measurement in a fresh
child process. Segments are judged over a crowd that is put straight into a store, on SQLite and PostgreSQL; so is the
receiver of webhooks, beside its bare limit, and it is measured how soon a change at one platform shows at the other,
and what share of each platform's quotas a pull uses. A step whose counts are not what they must be is shown as wrong
and makes the exit code 1; goals that are not met do not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.activity import measure_activity
from benchmarks.child import Broken, answer_of, say
from benchmarks.goals import faults
from benchmarks.measured import Measured, Order
from benchmarks.options import PARTS, arguments
from benchmarks.parts import Part, print_part
from benchmarks.quotas import measure_quotas
from benchmarks.receiver import measure_receiver
from benchmarks.report import Report, machine, print_report
from benchmarks.segments import measure_segments
from benchmarks.street import Street
from benchmarks.visible import measure_visible

HOUR = 3600.0
LOOPS = ("sdk", "raw")
TENTH = 10_000  # from twice as many records on, memory is compared with a tenth of them, and profiles made there


@dataclass
class Bench:
    """One size: its street, and what was measured on it."""

    street: Street
    folder: Path
    edits: int
    profiles: Path
    found: dict[str, list[Measured]] = field(default_factory=dict)
    costs: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    number: int = 0

    def measure(
        self, step: str, addresses: Mapping[str, str], store: str, *, ahead: float = 0.0, profile: bool = False
    ) -> None:
        """Run one step in a fresh process, check it, and keep what it cost."""
        self.number += 1
        folder = self.folder / store
        folder.mkdir(parents=True, exist_ok=True)
        facts = self.street.facts
        kept = str(self.profiles / f"{step.replace(' ', '_')}.pstats")
        order = Order(
            step,
            dict(addresses),
            str(folder),
            f"bench_{os.getpid()}_{store}",
            facts.properties,
            ahead,
            kept if profile else "",
        )
        say(f"{step}{' (profiled)' if profile else ''} …")
        try:
            measured = answer_of("benchmarks.measure", order, self.folder, str(self.number), Measured)
        except Broken as broken:
            self.wrong.append(f"{step}: {broken}")
            raise
        self.wrong += [f"{step}: {fault}" for fault in faults(measured, facts, self.edits)]
        if profile:
            self.costs[step] = measured.costs
        else:
            self.found.setdefault(step, []).append(measured)

    def pulls(self, addresses: Mapping[str, str], rounds: int, *, loops: bool, profile: bool) -> None:
        """First pulls into empty stores beside the bare loops, in turn, so that a busy moment hits all alike."""
        for turn in range(rounds):
            for name in ("hubspot", "mailchimp"):
                for kind in ("pull", *(LOOPS if loops else ())):
                    self.measure(f"{kind} {name}", addresses, f"{kind}_{name}_{turn}")
        if profile:
            for name in ("hubspot", "mailchimp"):
                self.measure(f"pull {name}", addresses, f"pull_{name}_profiled", profile=True)

    def chain(self, world: str, rounds: int, seed: int, *, profile: bool = False) -> None:
        """A first full sync, and what follows it, on a world of its own."""
        addresses = self.street.open(world)
        ahead = 0.0

        def later() -> float:
            nonlocal ahead
            ahead += HOUR
            for address in addresses.values():
                _control(address, "clock", {"advance": HOUR / len(addresses)})  # both read one clock
            return ahead

        try:
            self.measure("first sync", addresses, world, profile=profile)
            self.measure("echoes", addresses, world, ahead=later())
            # What a platform refused is looked at once more by the next full listing; not measured.
            self.measure("settling re-read", addresses, world, ahead=later())
            for turn in range(rounds):
                self.measure("re-read", addresses, world, ahead=later(), profile=profile)
                # Until nothing can follow late, an incremental run looks at the last minutes again; not measured.
                self.measure("echoes", addresses, world, ahead=later())
                self.measure("no change", addresses, world, ahead=later(), profile=profile)
                _edit(addresses, self.edits, seed + turn)
                self.measure("1 % changed", addresses, world, ahead=ahead, profile=profile)
                self.measure("echoes", addresses, world, ahead=later())
        finally:
            self.street.close(world)


def _edit(addresses: Mapping[str, str], count: int, seed: int) -> None:
    """People edit *count* records on each side: half of them a field that both sides have."""
    chance = random.Random(f"edits {seed}")
    for name in ("hubspot", "mailchimp"):
        for place, row in enumerate(chance.sample(_live(addresses[name], name), count)):
            _control(
                addresses[name],
                "edit",
                {"action": "update", "arguments": _change(name, row, f"{seed}-{place}", place % 2)},
            )


def _live(address: str, name: str) -> list[str]:
    """What names each record that a person may edit, in a fixed order."""
    with urllib.request.urlopen(f"{address}/_sandbox/state", timeout=300) as answer:
        rows = map(json.loads, answer)
        if name == "hubspot":
            return sorted(row["id"] for row in rows if row["kind"] == "contact" and not row["archived"])
        return sorted(row["email_address"] for row in rows if row["kind"] == "member" and row["status"] != "archived")


def _change(name: str, row: str, mark: str, shared: int) -> dict[str, Any]:
    if name == "hubspot":
        return {"id": row, "props": {"company" if shared else "jobtitle": f"Edited {mark}"}}
    return {"email": row, "merge_fields": {"COMPANY" if shared else "BREAD": f"Edited {mark}"}}


def _control(address: str, what: str, body: Mapping[str, Any]) -> None:
    request = urllib.request.Request(f"{address}/_sandbox/{what}", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def _run(records: int, options: argparse.Namespace, folder: Path, *, measure: bool, profile: bool) -> Bench:
    """All steps at one size: *measure* in rounds and beside the bare loops, *profile* once more under a profiler."""
    say(f"building a town of {records:,} contacts and {records:,} members")
    with Street(records, options.seed) as street:
        bench = Bench(street, folder / str(records), records // 100, options.profiles or folder)
        try:
            rounds = options.rounds if measure else 1
            bench.pulls(street.open("pristine"), rounds, loops=measure, profile=profile)
            street.close("pristine")
            bench.chain("measured", rounds, options.seed)
            if profile:
                bench.chain("profiled", 1, options.seed, profile=True)
        except Broken:
            pass
        return bench


def _drop_schemas(url: str) -> None:
    """Take the schemas of this process away again."""
    import psycopg  # noqa: PLC0415 - only with --postgres

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as conn:
        rows = conn.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", (f"bench_{os.getpid()}_%",))
        for (name,) in rows.fetchall():
            conn.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(name)))


def _sync(options: argparse.Namespace, folder: Path) -> Report:
    """Pulls and full syncs at the size asked for and, where that is large, at a tenth of it."""
    small = options.records < 2 * TENTH
    profile = not options.no_profile
    whole = _run(options.records, options, folder, measure=True, profile=profile and small)
    tenth = None
    if not small:
        tenth = _run(options.records // 10, options, folder, measure=False, profile=profile)
        whole.wrong += [f"at a tenth of the records: {fault}" for fault in tenth.wrong]
    return Report(
        options.records,
        whole.street.facts,
        "PostgreSQL" if options.postgres else "SQLite",
        whole.found,
        tenth.found if tenth else {},
        tenth.costs if tenth else whole.costs,
        whole.wrong,
    )


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given, __doc__)
    wanted = options.only or PARTS
    report: Report | None = None
    parts: dict[str, Part] = {}
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as name:
        folder = Path(name)
        try:
            if "sync" in wanted:
                report = _sync(options, folder)
            if "activity" in wanted:
                parts["activity"] = measure_activity(
                    options.members, options.activity, options.seed, folder / "activity"
                )
            if "segments" in wanted:
                parts["segments"] = measure_segments(
                    options.segments_people,
                    options.rounds,
                    folder / "segments",
                    options.database,
                    options.segments_store or (),
                )
            if "receiver" in wanted:
                parts["receiver"] = measure_receiver(
                    options.deliveries, options.rounds, options.seed, folder / "receiver", options.database
                )
            if "visible" in wanted:
                parts["visible"] = measure_visible(options.edits, options.seed, folder / "visible")
            if "quotas" in wanted:
                parts["quotas"] = measure_quotas(options.quota_people, options.seed)
        finally:
            if options.postgres:
                _drop_schemas(os.environ["REGULARS_DATABASE"])
    if report is not None:
        print_report(report)
    for part in parts.values():
        print_part(part)
    if options.json:
        figures = report.to_json() if report is not None else {"machine": machine()}
        figures |= {key: part.to_json() for key, part in parts.items()}
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    return 1 if any(one.wrong for one in (report, *parts.values()) if one is not None) else 0


if __name__ == "__main__":
    sys.exit(main())
