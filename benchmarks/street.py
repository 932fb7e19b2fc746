"""The rehearsed platforms of a benchmark, in a process of their own.

One town is built once; each *world* is a fork of it in its first state, served on two ports. So a step that writes
never spoils the platforms for the next. Who asks talks in lines of JSON: `{"open": name}` answers the addresses,
`{"close": name}` ends that world. The worlds end with this process.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from benchmarks.told import holds
from sandbox.clock import Clock
from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import MailchimpSandbox
from sandbox.platform import Emulator
from sandbox.server import serving_all
from sandbox.town import Town, build_town, populate
from sandbox.town_campaigns import campaigns_for

OVERLAP = 0.6
FEW = 1000
PROPERTIES = 30
EXTRA = "bench_"
"""Custom properties that fill each contact up to PROPERTIES values begin so."""

ROOT = Path(__file__).resolve().parent.parent


class Ahead(Clock):
    """The real time, moved ahead on demand: so nobody has to wait until a late index must have caught up."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of the town, counted from its own records and its hidden truth."""

    contacts: int
    members: int
    archived_members: int
    people: int
    properties: tuple[str, ...]
    told: dict[str, int]
    """What Mailchimp holds beside its members, where campaigns were asked for: touchpoints by kind, and the fewest
    pages that show them."""


class Street:
    """The sandbox's process, seen from ours."""

    def __init__(self, records: int, seed: int, activity: int = 0) -> None:
        """*activity*: so many records of what members did with campaigns; there are few contacts then."""
        command = [sys.executable, "-m", "benchmarks.street", str(records), str(seed), str(activity)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True)
        facts = self._answer()
        self.facts = Facts(**{**facts, "properties": tuple(facts["properties"])})

    def open(self, name: str) -> dict[str, str]:
        """A world in its first state: platform → address."""
        return cast(dict[str, str], self._ask({"open": name}))

    def close(self, name: str) -> None:
        self._ask({"close": name})

    def _ask(self, what: Mapping[str, str]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the sandbox's process ended early; its own words are above")
        return cast(dict[str, Any], json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()


def _main(records: int, seed: int, activity: int) -> None:
    clock = Ahead()
    hubspot, mailchimp = HubSpotSandbox(quotas=False, clock=clock), MailchimpSandbox(quotas=False, clock=clock)
    contacts = min(records, FEW) if activity else records
    town = build_town(contacts=contacts, members=records, overlap=OVERLAP, seed=seed)
    for name in _fill_up(town):
        hubspot.define(name)
    populate(town, hubspot, mailchimp)
    told = {}
    if activity:
        past = campaigns_for(town, activity)
        mailchimp.load_past(past)
        told = holds(past)
    _say({**_facts(town), "told": told})
    del town
    gc.collect()
    gc.freeze()  # so that the worlds share these pages for long
    worlds: dict[str, tuple[int, int]] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "open" in asked:
            worlds[asked["open"]] = _fork([hubspot, mailchimp])
        else:
            _end(*worlds.pop(asked["close"]))
            _say({})
    for world in worlds.values():
        _end(*world)


def _fill_up(town: Town) -> list[str]:
    """Give each contact custom properties until it shows PROPERTIES values; returns their names."""
    most = 0
    for number, contact in enumerate(town.contacts):
        shown = cast(dict[str, str], contact["properties"])
        lacking = PROPERTIES - len(shown)
        shown |= {f"{EXTRA}{place:02d}": f"Note {place} of {number:06d}" for place in range(lacking)}
        most = max(most, lacking)
    return [f"{EXTRA}{place:02d}" for place in range(most)]


def _facts(town: Town) -> dict[str, Any]:
    names = Counter(name for contact in town.contacts for name in cast(dict[str, str], contact["properties"]))
    short = [one for one in town.contacts if len(cast(dict[str, str], one["properties"])) != PROPERTIES]
    if short:
        raise RuntimeError(f"{len(short)} contacts have not {PROPERTIES} properties")
    return {
        "contacts": len(town.contacts),
        "members": len(town.members),
        "archived_members": sum(one["status"] == "archived" for one in town.members),
        "people": len(town.truth.groups()),
        "properties": sorted(names),
    }


def _fork(emulators: list[Emulator]) -> tuple[int, int]:
    """Serve these emulators in a fork; its process id, and the end of the pipe that keeps it alive."""
    ours_ends, alive = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ours_ends)
        return pid, alive
    os.close(alive)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with serving_all(emulators) as addresses:
        _say({emulator.name: address for emulator, address in zip(emulators, addresses, strict=True)})
        threading.Thread(target=_end_with, args=(ours_ends,), daemon=True).start()
        threading.Event().wait()
    os._exit(0)


def _end_with(pipe: int) -> None:
    os.read(pipe, 1)
    os._exit(0)


def _end(pid: int, alive: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.close(alive)
    os.waitpid(pid, 0)


def _say(what: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:4]))
