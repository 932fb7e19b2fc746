"""How soon a change shows: a person edited in the sandbox's HubSpot, until the sandbox's Mailchimp shows it.

Sandbox and `regulars serve` are processes of their own, as a person would start them; nothing else happens meanwhile,
and nothing is looked at by itself. The time runs from just before the edit is asked for, over webhook, inbox, reading
again, plan, guards and write, to the first answer of Mailchimp's API that shows the new name.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any

from rich.table import Table
from sqlalchemy import select

from benchmarks.child import Broken, say
from benchmarks.goals import Verdict
from benchmarks.parts import Part
from benchmarks.street import ROOT
from regulars.street import HUBSPOT_TOKEN, MAILCHIMP_KEY
from regulars.workspace import hook_secret
from sandbox.mailchimp import LIST
from sandbox.server import free_port
from sync.store import schema as t
from sync.store.database import open_database
from sync.vault import variable

EDITS = 60
PEOPLE = 300
LATE = 1.0
WANTED = 50
_PATIENCE = 30.0
_DIFFERENT = 20
"""People who are edited, in turn."""
_QUIET = 0.3, 0.8
"""Seconds between two edits, at random, so that they meet the worker at any point of its rounds."""
_LOOK = 0.004
"""Seconds between two looks at Mailchimp."""
_SECRET = "sandbox-secret"  # that of the rehearsed HubSpot app
_HOOKS = {"events": ["contact.creation"], "properties": {"contact": ["firstname", "lastname"]}}
_CONNECT = ["--direction", "both", "--create", "none", "--fields", "given_name,family_name"]


@dataclass
class Shop:
    """A business in a folder, and where its platforms are rehearsed."""

    folder: Path
    hubspot: str = ""
    mailchimp: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-u", "-m", "regulars", "-C", str(self.folder), *arguments]

    def run(self, *arguments: str, fine: tuple[int, ...] = (0,)) -> str:
        """Run a command; what it said on its standard output. Raises Broken."""
        done = subprocess.run(
            self.command(*arguments), cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in fine:
            raise Broken(f"regulars {' '.join(arguments[:2])} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    @contextmanager
    def staying(self, *arguments: str, until: int) -> Iterator[list[str]]:
        """A command that stays meanwhile, and the addresses of which it tells. Raises Broken where it tells of none."""
        process = subprocess.Popen(
            self.command(*arguments), cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            found: list[str] = []
            while len(found) < until:
                line = process.stdout.readline()
                if not line:
                    raise Broken(f"regulars {arguments[0]} did not come up")
                found += re.findall(r"http://[\d.]+:\d+", line)
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def measure_visible(edits: int, seed: int, folder: Path) -> Part:
    """Edit *edits* times, each time when all is quiet."""
    part = Part("Change to visible", stated="" if edits >= WANTED else f"{WANTED} edits")
    folder.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
    shop = Shop(folder, environment={**kept, "REGULARS_NO_KEYRING": "1"})
    say(f"change to visible: {edits} edits …")
    try:
        with ExitStack() as open_:
            people = _opened(shop, seed, open_)
            times = [_edited(shop, people[n % len(people)], f"Edited{n}", seed + n) for n in range(edits)]
    except Broken as broken:
        part.wrong.append(f"change to visible: {broken}")
        return part
    part.figures = {"edits": edits, "seconds": times}
    late = sorted(times)[len(times) * 95 // 100]
    middle = statistics.median(times)
    table = Table(title="Edited in HubSpot until Mailchimp shows it", title_justify="left")
    for name in ("edits", "p50, ms", "p95, ms", "fastest", "slowest"):
        table.add_column(name, justify="right")
    table.add_row(str(edits), *(f"{1000 * one:.0f}" for one in (middle, late, min(times), max(times))))
    part.tables.append(table)
    part.notes.append(f"Over the sandbox with {PEOPLE} people, SQLite, unloaded; one edit at a time.")
    part.goals.append(Verdict("change to visible: p95 below 1 s", f"{late:.2f} s", late < LATE))
    return part


def _opened(shop: Shop, seed: int, open_: ExitStack) -> list[tuple[str, str]]:
    """Platforms and `regulars serve`, at work until *open_* ends; people on both sides, as address and contact's id."""
    box = ["sandbox", "--people", str(PEOPLE), "--seed", str(seed), "--port", "0", "--no-quotas"]
    shop.hubspot, shop.mailchimp = open_.enter_context(shop.staying(*box, until=2))
    port = free_port()
    shop.environment |= {
        "HUBSPOT_TOKEN": HUBSPOT_TOKEN,
        "MAILCHIMP_API_KEY": MAILCHIMP_KEY,
        variable(hook_secret("hubspot"), "secret"): _SECRET,
    }
    shop.run("init", "--name", "Backhaus", "--country", "DE", "--timezone", "Europe/Berlin")
    for name, address in (("hubspot", shop.hubspot), ("mailchimp", shop.mailchimp)):
        shop.run("connect", name, "--base-url", address, *_CONNECT)
    with (shop.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[webhooks]\npublic_url = "http://127.0.0.1:{port}"\nevery = "1d"\n')
    shop.run("sync", fine=(0, 1))
    (address,) = open_.enter_context(shop.staying("serve", "--port", str(port), until=1))
    shop.run("webhooks", "mailchimp", "--setup")
    _human(shop, "set_webhooks", {"url": f"{address}/webhooks/hubspot", **_HOOKS})
    people = _on_both_sides(shop)
    if not people:
        raise Broken("nobody is on both sides")
    _edited(shop, people[-1], "Warm", seed)
    return people


def _on_both_sides(shop: Shop) -> list[tuple[str, str]]:
    """Who is subscribed, and by Regulars' store one person with one record on each side."""
    with open_database(None, shop.folder, now=lambda: 0) as database, database.read() as conn:
        rows = conn.execute(select(t.record.c.person, t.record.c.connection, t.record.c.remote_id)).all()
    people: dict[str, list[tuple[str, str]]] = {}
    for person, connection, remote_id in rows:
        people.setdefault(person, []).append((connection, remote_id))
    pairs = {
        both["mailchimp"]: both["hubspot"] for ties in people.values() if len(ties) == len(both := dict(ties)) == 2
    }
    found = [
        (str(row["email_address"]), pairs[row["contact_id"]])
        for row in _state(shop.mailchimp)
        if row["kind"] == "member" and row["status"] == "subscribed" and row["contact_id"] in pairs
    ]
    return found[:_DIFFERENT]


def _edited(shop: Shop, whom: tuple[str, str], name: str, seed: int) -> float:
    """Seconds from an edit in HubSpot until Mailchimp shows it; afterwards it is waited until all is quiet."""
    who, contact = whom
    began = time.perf_counter()
    _human(shop, "update", {"id": contact, "props": {"lastname": name}})
    while _last_name(shop, who) != name:
        if time.perf_counter() - began > _PATIENCE:
            raise Broken(f"an edit did not come within {_PATIENCE:.0f} s")
        time.sleep(_LOOK)
    seconds = time.perf_counter() - began
    time.sleep(random.Random(seed).uniform(*_QUIET))
    return seconds


def _last_name(shop: Shop, who: str) -> str:
    """What Mailchimp's API shows."""
    member = md5(who.lower().encode(), usedforsecurity=False).hexdigest()
    url = f"{shop.mailchimp}/3.0/lists/{LIST}/members/{member}?fields=merge_fields"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {MAILCHIMP_KEY}"})
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
        return str(json.load(answer)["merge_fields"]["LNAME"])


def _human(shop: Shop, action: str, arguments: Mapping[str, Any]) -> None:
    """Somebody does something in HubSpot."""
    body = json.dumps({"action": action, "arguments": arguments}).encode()
    request = urllib.request.Request(f"{shop.hubspot}/_sandbox/edit", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
        answer.read()


def _state(address: str) -> Iterator[dict[str, Any]]:
    with urllib.request.urlopen(f"{address}/_sandbox/state", timeout=_PATIENCE) as answer:
        yield from map(json.loads, answer)
