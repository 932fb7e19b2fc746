"""Killed at any moment, under load: every delivery that was answered ends in the other platform, once.

The receiver and the workers are processes of their own (on SQLite one of them is both, on PostgreSQL there are two
workers), killed without warning and started again while two senders deliver as platforms do: again and again until they
are answered. Nothing looks at everything by itself meanwhile, so what arrives has come through the inbox.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from regulars import street
from regulars.workspace import now
from sync import dues
from sync.store.database import open_database
from tests.cli.shop import Shop
from tests.cli.staying import address
from tests.conftest import emptied
from tests.webhooks.deliver import (
    HUBSPOT_SECRET,
    MAILCHIMP_SECRET,
    PUBLIC,
    contact_event,
    hubspot,
    mailchimp,
)

PATIENCE = 120.0


@dataclass
class Process:
    """A command that is started again whenever it was killed."""

    shop: Shop
    command: tuple[str, ...]
    running: subprocess.Popen[str] | None = None
    said: str = ""

    def start(self) -> None:
        environment = dict(os.environ)
        self.running = subprocess.Popen(
            [sys.executable, "-u", "-m", "regulars", "-C", str(self.shop.folder), *self.command],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self.running.stdout is not None
        self.said = self.running.stdout.readline()
        threading.Thread(target=self.running.stdout.read, daemon=True).start()

    def kill(self) -> None:
        assert self.running is not None
        self.running.kill()
        self.running.wait()


@dataclass
class Load:
    """People edit and leave, and the platforms tell; each delivery is repeated until it is answered."""

    shop: Shop
    receiver: Process
    seed: int
    names: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    answered: int = 0
    ending: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, people: list[tuple[str, str]]) -> None:
        """Until it ends: somebody of *people* (address, contact's id) changes, now and then one of them leaves."""
        dice, number = random.Random(self.seed), 0
        assert self.shop.street is not None
        while not self.ending.is_set() and people:
            number += 1
            who, contact = dice.choice(people)
            if dice.random() < 0.04:
                people.remove((who, contact))
                self.shop.street.mailchimp.human_unsubscribe(who)
                self.left.add(who)
                body = mailchimp("unsubscribe", 0.0, email=who, id=who, action="unsub", reason="manual")[0]
                self._deliver("mailchimp", partial(_as_mailchimp, body))
            else:
                name = f"Name{self.seed}x{number}"
                self.shop.street.hubspot.human_update(contact, {"lastname": name})
                self.names[who] = name
                event = [contact_event("propertyChange", contact, eventId=number * 10 + self.seed)]
                self._deliver("hubspot", partial(_as_hubspot, event))
            time.sleep(dice.uniform(0.0, 0.05))

    def _deliver(self, to: str, made: Callable[[], tuple[bytes, dict[str, str]]]) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < end, "never answered"
            body, headers = made()
            try:
                at = address(self.receiver.said)
                request = urllib.request.Request(f"{at}/webhooks/{to}", body, headers)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    assert answer.status == 200
            except (OSError, AssertionError):
                time.sleep(0.05)
                continue
            with self._lock:
                self.answered += 1
            return


def _as_hubspot(event: list[dict[str, object]]) -> tuple[bytes, dict[str, str]]:
    return hubspot(event, time.time())


def _as_mailchimp(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The same body again, stamped and signed anew."""
    stamp = int(time.time())
    right = hmac.new(MAILCHIMP_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    kind = "application/x-www-form-urlencoded"
    return body, {"Content-Type": kind, "X-Mailchimp-Signature": f"t={stamp},v1={right}"}


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A town in agreement whose platforms may call, on SQLite and on PostgreSQL in turn."""
    monkeypatch.setenv("REGULARS_NO_KEYRING", "1")
    if request.param == "postgresql":
        monkeypatch.setenv("REGULARS_DATABASE", emptied(request.getfixturevalue("postgres")))
    made = street.build(60, 4, quotas=False)
    with street.open_street(made, [0, 0]) as (hubspot_at, mailchimp_at):
        opened = Shop(tmp_path, hubspot_at, mailchimp_at, made)
        opened.open()
        with (tmp_path / "regulars.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[webhooks]\npublic_url = "{PUBLIC}"\nevery = "7d"\n')
        for name, secret in (("hubspot", HUBSPOT_SECRET), ("mailchimp", MAILCHIMP_SECRET)):
            assert "kept" in opened.run("webhooks", name, "--secret", stdin=secret + "\n").out
        assert opened.run("sync").code in (0, 1)
        yield opened


def test_no_answered_delivery_is_lost_or_doubled(shop: Shop) -> None:
    """A few kills; the next test is the same with many."""
    loads = killed(shop, kills=2, seed=1)

    assert sum(load.answered for load in loads) > 0
    assert wrong(shop, loads) == []


@pytest.mark.long
def test_no_answered_delivery_is_lost_or_doubled_in_a_hundred_kills_a_store(shop: Shop) -> None:
    """At random moments, receiver and workers in turn."""
    loads = killed(shop, kills=100, seed=2)

    assert sum(load.answered for load in loads) > 100
    assert wrong(shop, loads) == []


def killed(shop: Shop, *, kills: int, seed: int) -> list[Load]:
    """Deliver and kill, then let whoever is left finish; what was delivered."""
    dice = random.Random(seed)
    on_server = "REGULARS_DATABASE" in os.environ
    receiver = Process(shop, ("serve", "--port", "0", "--no-worker") if on_server else ("serve", "--port", "0"))
    workers = [Process(shop, ("worker",)) for _ in range(2)] if on_server else []
    for process in (receiver, *workers):
        process.start()
    people = _both_sides(shop)
    loads = [Load(shop, receiver, number) for number in range(2)]
    threads = [
        threading.Thread(target=load.run, args=(people[number::2],), daemon=True) for number, load in enumerate(loads)
    ]
    for thread in threads:
        thread.start()
    died: Counter[str] = Counter()
    for _ in range(kills):
        time.sleep(dice.uniform(0.02, 0.6))
        victim = dice.choice([receiver, *workers])
        victim.kill()
        victim.start()
        died[" ".join(victim.command[:1])] += 1
    for load in loads:
        load.ending.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    _until(lambda: _nothing_is_due(shop))
    for process in (receiver, *workers):
        process.kill()

    print(f"{kills} kills: {dict(died)}; {sum(load.answered for load in loads)} deliveries answered")
    return loads


def _nothing_is_due(shop: Shop) -> bool:
    """No mail waits, nothing is owed to any platform, and no run is open or was left open."""
    with open_database(os.environ.get("REGULARS_DATABASE"), shop.folder, now=now) as store, store.read() as conn:
        return not any(one.carries() or one.must_look for one in dues.known(conn).values())


def wrong(shop: Shop, loads: list[Load]) -> list[str]:
    """Where what the platforms show, and what was filed, differs from what people did."""
    assert shop.street is not None
    names = {who: name for load in loads for who, name in load.names.items()}
    left = {who for load in loads for who in load.left}
    members, consents = _members(shop), shop.street.hubspot.state.consents
    found = [
        f"{who} is {members[who].merge['LNAME']}, not {name}"
        for who, name in names.items()
        if members[who].merge["LNAME"] != name and _one_and_one(shop, who)
    ]
    for who in left:
        if not any(one.state == "UNSUBSCRIBED" for one in consents.get(who, {}).values()):
            found.append(f"{who} left, and HubSpot does not know")
    counts = shop.run("inbox", "--json").json["counts"]
    done, answered = sum(by["done"] for by in counts.values()), sum(load.answered for load in loads)
    if done != answered:
        found.append(f"{done} deliveries done, {answered} answered")
    again = shop.run("sync", "--full", "--json").json
    moved = sum(one["new"] + one["changed"] + one["gone"] for one in again["connections"].values())
    if again["planned"] or moved:
        found.append(f"a look at everything finds {moved} changes and plans {again['planned']} writes")
    touches = shop.run("export", "touchpoints", "--format", "jsonl").out.splitlines()
    if len([line for line in touches if '"unsubscribed"' in line]) != len(left):
        found.append(f"{len(left)} left, and that is not how often it was noted")
    return found


def _one_and_one(shop: Shop, who: str) -> bool:
    """Whether Regulars counts them as one person with one record on each side: then an edit goes across."""
    records = shop.run("person", who, "--json").json["records"]
    return sorted(one["connection"] for one in records) == ["hubspot", "mailchimp"]


def _members(shop: Shop) -> dict[str, Any]:
    assert shop.street is not None
    return {m.email: m for a in shop.street.mailchimp.state.audiences.values() for m in a.members.values()}


def _both_sides(shop: Shop) -> list[tuple[str, str]]:
    """Everybody subscribed who is on both sides, once each: address and contact's id."""
    assert shop.street is not None
    state = shop.street.hubspot.state
    found: dict[str, str] = {}
    for who, member in _members(shop).items():
        if (
            member.status == "subscribed"
            and who in state.by_email
            and who == state.contacts[state.by_email[who]].props["email"]
        ):
            found[who] = str(state.by_email[who])
    return list(found.items())


def _until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end, "it never came to an end"
        time.sleep(0.1)
