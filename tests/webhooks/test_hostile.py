"""Strangers at the door, over real sockets: whatever they send is refused, and nothing grows or is written for it."""

from __future__ import annotations

import os
import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from connectors.hubspot_hooks import HOOKS as HUBSPOT
from connectors.mailchimp_hooks import HOOKS as MAILCHIMP
from sync.store.database import Database, open_database
from sync.store.schema_inbox import inbox as table
from tests.webhooks.deliver import HUBSPOT_SECRET, MAILCHIMP_SECRET, PUBLIC, contact_event, hubspot, mailchimp
from tests.webhooks.hostile import KINDS, Sent, Strangers, over_the_wire
from webhooks.counts import Counts
from webhooks.listen import listening
from webhooks.post import Post
from webhooks.receiver import Door, create_app

NOW = 1_790_000_000.0
RECORDED = [
    *(("hubspot", hubspot([contact_event("creation", str(n))], NOW)) for n in range(1, 20)),
    *(("mailchimp", mailchimp("subscribe", NOW, email=f"p{n}@example.org")) for n in range(1, 20)),
]


class Line:
    """A connection that is kept for as long as the other side keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._line: socket.socket | None = None

    def ask(self, sent: Sent) -> int:
        """The status that is answered; 0 where it is none."""
        for line in (self._line, None):
            try:
                self._line = line or socket.create_connection(("127.0.0.1", self._port), timeout=30)
                return self._answer(self._line, sent)
            except ConnectionError:  # it was closed meanwhile; a new one tells
                self.close()
        return 0

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None

    def _answer(self, line: socket.socket, sent: Sent) -> int:
        line.sendall(sent.raw)
        if sent.hang_up:
            line.shutdown(socket.SHUT_WR)
        heard = b""
        while b"\r\n\r\n" not in heard or len(heard.partition(b"\r\n\r\n")[2]) < _length(heard):
            more = line.recv(65_536)
            if not more:
                if not heard:
                    raise ConnectionResetError
                break
            heard += more
        if sent.hang_up or b"connection: close" in heard.lower():
            self.close()
        return int(heard.split(b" ", 2)[1])


def _length(heard: bytes) -> int:
    found = re.search(rb"(?i)content-length: *(\d+)", heard.partition(b"\r\n\r\n")[0])
    return int(found[1]) if found else 0


@dataclass
class House:
    """A receiver on a socket, whose inbox holds what was recorded."""

    database: Database
    counts: Counts
    port: int

    def held(self) -> tuple[int, int]:
        """Rows in the inbox, and bytes of the store's files."""
        with self.database.read() as conn:
            rows = int(conn.execute(select(func.count()).select_from(table)).scalar_one())
        path = self.database.path
        files = [] if path is None else [path, path.with_name(path.name + "-wal")]
        return rows, sum(file.stat().st_size for file in files if file.exists())


@contextmanager
def receiving(database: Database) -> Iterator[House]:
    """Everything recorded is filed first."""
    doors = {
        "hubspot": Door("hubspot", HUBSPOT, lambda: [HUBSPOT_SECRET]),
        "mailchimp": Door("mailchimp", MAILCHIMP, lambda: [MAILCHIMP_SECRET]),
    }
    counts, post = Counts(), Post(database)
    with ExitStack() as open_:
        open_.callback(post.close)
        app = create_app(doors, post, counts, public=PUBLIC, now=lambda: NOW)
        house = House(database, counts, open_.enter_context(listening(app, "127.0.0.1", 0)))
        line = Line(house.port)
        for door, made in RECORDED:
            sent = Sent("recorded", over_the_wire(made, f"/webhooks/{door}"), frozenset({200}))
            assert line.ask(sent) == 200
        line.close()
        yield house


def besieged(house: House, seed: int, times: int) -> tuple[Counter[str], list[str]]:
    """How often each kind came, and what was answered wrongly."""
    strangers, line = Strangers(NOW, RECORDED, random.Random(seed)), Line(house.port)
    came: Counter[str] = Counter()
    wrong: list[str] = []
    for _ in range(times):
        sent = strangers.one()
        came[sent.kind] += 1
        status = line.ask(sent)
        if status not in sent.right:
            wrong.append(f"{sent.kind}: {status} for {sent.raw[:300]!r}")
    line.close()
    return came, wrong


def _megabytes() -> float:
    """What this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_strangers_are_refused_and_leave_nothing(database: Database) -> None:
    """Some hundreds, of every kind: each is answered rightly, none with 500, and the store is as before."""
    with receiving(database) as house:
        before = house.held()
        came, wrong = besieged(house, 1, 400)
        after = house.held()

    assert wrong == []
    assert set(came) == KINDS
    assert after == before
    assert after[0] == len(RECORDED)


@pytest.mark.long
def test_a_hundred_thousand_strangers_leave_nothing(tmp_path: Path) -> None:
    """The same for hours' worth of them: no 500, no row, no byte in the store; what is counted, and the memory, stay
    as they were after the first tenth."""
    with open_database(None, tmp_path, now=lambda: 0) as database, receiving(database) as house:
        before = house.held()
        came, wrong = besieged(house, 2, 10_000)
        held, kinds = _megabytes(), len(house.counts.items())
        more, wrong_too = besieged(house, 3, 90_000)
        grown, after = _megabytes() - held, house.held()
        print(f"{(came + more).total():,} strangers; {grown:+.1f} MB over the last nine tenths; {held:.0f} MB before")

    assert wrong + wrong_too == []
    assert after == before
    assert len(house.counts.items()) <= kinds + 2
    assert grown < 16
