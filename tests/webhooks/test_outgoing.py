"""Telling: tried for three days, ended by 410, disabled after steady failure, never within our own walls."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.http_transport import Lost, NotSent, SocketTransport
from mapping.model import Millis
from sync import events
from sync.events_kinds import Event
from sync.store import schema as t
from sync.store.database import Database, open_database
from sync.store.schema_events import told
from tests.webhooks.listening import HOOK, Ear, listen, vault_of
from webhooks import outgoing, outgoing_desk
from webhooks.outgoing_address import BadAddress, check_address
from webhooks.outgoing_schedule import SPREAD, WAITS, Said, asked_wait, meaning, next_attempt, rest

HOUR: Millis = 3_600_000
KIND = "run.finished"


class Clock:
    """The store's time, moved by hand."""

    def __init__(self) -> None:
        self.at: Millis = 1_790_000_000_000

    def __call__(self) -> Millis:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_url: str | None, tmp_path: Path, clock: Clock) -> Iterator[Database]:
    with open_database(store_url, tmp_path, now=clock) as database:
        yield database


def happened(store: Database, *numbers: int) -> None:
    """So many runs ended."""
    with store.write() as conn:
        events.file(conn, [Event(KIND, (number,), {"run": number}) for number in numbers], store.now())


def states(store: Database) -> list[tuple[str, list[int]]]:
    with store.read() as conn:
        lines = outgoing_desk.newest(conn, 99)
    return [(line.state, [tried.status for tried in line.attempts]) for line in reversed(lines)]


# ---- the schedule ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, Said.TAKEN), (204, Said.TAKEN), (410, Said.GONE), (0, Said.AGAIN), (301, Said.AGAIN), (307, Said.AGAIN)]
    + [(code, Said.AGAIN) for code in (400, 401, 404, 429, 500, 503)],
)
def test_what_an_answer_means(status: int, said: Said) -> None:
    """2xx takes it, 410 ends the subscription, all else is tried again; a redirect is no success."""
    assert meaning(status) is said


def test_tried_for_three_days() -> None:
    """Quickly at first, then ever more rarely, for about three days; then no more."""
    now, times = 0, []
    for attempts in range(1, len(WAITS) + 1):
        at = next_attempt(attempts, now, "a")
        assert at is not None
        wait = WAITS[attempts - 1]
        assert wait <= at - now <= wait * (1 + SPREAD)
        now = at
        times.append(at)

    assert times[0] < 6_000
    assert 71 * HOUR < times[-1] < 80 * HOUR
    assert next_attempt(len(WAITS) + 1, now, "a") is None


def test_waits_are_spread_and_asked_for() -> None:
    """Two that failed together do not come back together; a listener may ask for a longer wait, within a day."""
    assert len({next_attempt(3, 0, name) for name in "abcdefgh"}) > 4
    assert next_attempt(3, 0, "a") == next_attempt(3, 0, "a")
    assert next_attempt(1, 0, "a", asked_wait("600")) == 600_000
    assert next_attempt(1, 0, "a", asked_wait("9999999")) == 24 * HOUR
    assert [asked_wait(text) for text in ("", "soon", "-1", "9" * 30)] == [0, 0, 0, 0]


def test_a_failing_listener_rests() -> None:
    """After a few failures in a row nothing else is tried there for a while, longer each time, never for hours."""
    rests = [rest(failures) for failures in range(1, 40)]

    assert rests[:2] == [0, 0]
    assert rests[2] > 0
    assert rests == sorted(rests)
    assert rests[-1] <= HOUR


# ---- sending -----------------------------------------------------------------------------------------------------


def test_each_hears_what_it_asked_for(store: Database, tmp_path: Path) -> None:
    """Two listeners, each told of its own kinds only, signed with its own secret, in the order of the events."""
    ear = Ear()
    listen(store, tmp_path, ear, KIND)
    _, sender = listen(store, tmp_path, ear, "guard.stopped", url="https://other.example.org/")
    happened(store, 1, 2, 3)

    assert sender.send() == 3
    assert [one["data"]["run"] for one in ear.hears] == [1, 2, 3]
    assert not sender.is_due()


def test_failures_are_tried_again(store: Database, clock: Clock, tmp_path: Path) -> None:
    """A lost connection, a 500, a redirect and a 404 are noted and tried again in their time, with the same id."""
    ear = Ear(answers=[Lost("reset"), 500, 302, 404, 200])
    _, sender = listen(store, tmp_path, ear, KIND)
    happened(store, 1)
    for wait in (0, *WAITS[:4]):
        assert sender.send() == 0 or wait == 0
        clock.at += int(wait * (1 + SPREAD)) + 1
        if wait:
            assert sender.send() == 1

    assert states(store) == [("delivered", [0, 500, 302, 404, 200])]
    assert len({one["id"] for one in ear.hears}) == 1


def test_410_ends_the_subscription(store: Database, tmp_path: Path) -> None:
    """The listener is gone: nothing more is sent, what waited is given up, the attempts stay listed."""
    ear = Ear(answers=[410])
    _, sender = listen(store, tmp_path, ear, KIND)
    happened(store, 1, 2)

    assert sender.send() == 1
    assert not sender.is_due()
    with store.read() as conn:
        assert outgoing.all_of(conn) == []
    assert states(store) == [("given up", [410]), ("given up", [])]


def test_steady_failure_disables_and_resuming_tells_what_waited(store: Database, clock: Clock, tmp_path: Path) -> None:
    """After three days in which nothing got through the subscription is disabled, with the reason; nothing more is
    collected for it; resumed, it is told what waited."""
    ear = Ear(answers=[NotSent("the connection was refused")] * 99)
    made, sender = listen(store, tmp_path, ear, KIND)
    happened(store, 1)
    for wait in (0, *WAITS):
        clock.at += int(wait * (1 + SPREAD)) + 1
        if wait == WAITS[-1] and len(ear.hears) == len(WAITS):
            happened(store, 2)
        sender.send()
    with store.read() as conn:
        found = outgoing.one(conn, made.id)
    assert found is not None
    assert (found.active, "refused" in found.note) == (False, True)
    assert states(store)[0] == ("given up", [0] * (len(WAITS) + 1))
    happened(store, 3)
    assert not sender.is_due()

    ear.answers.clear()
    ear.hears.clear()
    with store.write() as conn:
        assert outgoing.resume(conn, made.id, clock.at)
    sender.send()
    assert [one["data"]["run"] for one in ear.hears] == [2]


def test_one_bad_event_disables_nobody(store: Database, clock: Clock, tmp_path: Path) -> None:
    """An event that its listener never takes is given up after its time; whoever takes the others goes on."""
    made, sender = listen(store, tmp_path, ear := Ear(), KIND)
    happened(store, 1)
    for number, wait in enumerate((0, *WAITS), 2):
        clock.at += int(wait * (1 + SPREAD)) + 1
        happened(store, number)
        ear.answers[:] = [400, 200]
        sender.send()

    with store.read() as conn:
        found = outgoing.one(conn, made.id)
    assert found is not None
    assert found.active
    assert states(store)[0] == ("given up", [400] * (len(WAITS) + 1))
    assert {state for state, _ in states(store)[1:]} == {"delivered"}


def test_replayed_with_the_same_id(store: Database, tmp_path: Path) -> None:
    """Once more when asked, with the same id; nothing that went to somebody who is gone."""
    ear = Ear()
    made, sender = listen(store, tmp_path, ear, KIND)
    happened(store, 1)
    sender.send()
    with store.write() as conn:
        assert outgoing_desk.replay(conn, 1, store.now())
        assert not outgoing_desk.replay(conn, 77, store.now())
    sender.send()
    outgoing.remove(store, vault_of(store, tmp_path), made.id)

    with store.write() as conn:
        assert not outgoing_desk.replay(conn, 1, store.now())
    assert [one["id"] for one in ear.hears] == [ear.hears[0]["id"]] * 2
    assert states(store) == [("delivered", [204, 204])]


def test_events_are_filed_once(store: Database, tmp_path: Path) -> None:
    """The same event derived again has the same id, and is neither filed nor told again."""
    ear = Ear()
    _, sender = listen(store, tmp_path, ear, KIND)
    happened(store, 1)
    happened(store, 1)
    sender.send()

    assert len(ear.hears) == 1


def test_a_slow_listener_does_not_hold_up_the_others(store: Database, tmp_path: Path) -> None:
    """Who takes seconds for each is told a few at a time; then it is the others' turn, and nothing is lost."""
    seconds = [0.0]
    ear = Ear(after=lambda: seconds.__setitem__(0, seconds[0] + 4.0))
    _, sender = listen(store, tmp_path, ear, KIND)
    sender.clock = lambda: seconds[0]
    happened(store, *range(5))

    assert [sender.send(), sender.send(), sender.send()] == [3, 2, 0]
    assert [one["data"]["run"] for one in ear.hears] == [0, 1, 2, 3, 4]


def test_many_may_begin_at_once(store: Database, tmp_path: Path) -> None:
    """Several subscribe at the same moment, where nobody listened: all of them do."""
    vault = vault_of(store, tmp_path)
    vault.put("other", {"secret": "so that the key is there"})
    with store.write() as conn:
        conn.execute(t.person.insert().values(id="p_1", name="Ann", email="ann@example.org"))

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: outgoing.add(store, vault, HOOK, [KIND], local=False), range(6)))

    with store.read() as conn:
        assert {one.id for one, _ in done} == {one.id for one in outgoing.all_of(conn)}
        assert [tuple(row) for row in conn.execute(select(told.c.person, told.c.number))] == [("p_1", 0)]


# ---- where nothing goes ------------------------------------------------------------------------------------------

PRIVATE = (
    "https://127.0.0.1/",
    "https://localhost/",
    "https://localhost./hook",
    "https://a.localhost/",
    "https://10.1.2.3/",
    "https://192.168.0.9:8443/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[fe80::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://0.0.0.0/",
    "https://printer.local/",
    "http://example.org/",
)


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_are_refused(url: str) -> None:
    """Loopback, private, link-local and unencrypted ones, in each way of writing them; allowed if we are told so."""
    with pytest.raises(BadAddress):
        check_address(url, local=False)
    assert check_address(url, local=True) == url


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "ftp://example.org/", "https://", "https://a b/", "https://user:pw@example.org/",
        "https://example.org/#part", "https://example.org:99999/", "https://[::1", "https://exämple.org/",
        "https://example.org/\n", "file:///etc/passwd", "https://example.org/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    """Not even where private ones are allowed."""
    with pytest.raises(BadAddress):
        check_address(url, local=True)


@contextmanager
def listening_here() -> Iterator[tuple[int, list[bytes]]]:
    """A socket on this machine that remembers what comes, and redirects."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    came = caller.recv(65_536)
                    heard.append(came)
                    if came:
                        caller.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 9999999\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_name_that_leads_to_us_gets_nothing(store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Public by its look, private by its name server, today or only by tomorrow: the connection itself is looked at."""
    with listening_here() as (port, heard):
        real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more))
        url = f"https://listener.example.org:{port}/"
        _, sender = listen(store, tmp_path, Ear(), KIND, url=url)
        sender.transport = SocketTransport(bodies=False)
        happened(store, 1)
        sender.send()
        sender.transport.close()

    assert b"".join(heard) == b""
    with store.read() as conn:
        (line,) = outgoing_desk.newest(conn, 1)
    assert line.state == "waiting"
    assert "private address 127.0.0.1" in line.attempts[0].note


def test_redirects_are_not_followed(store: Database, tmp_path: Path) -> None:
    """Not even where private addresses are allowed: one request, noted as a failure; no body is waited for."""
    with listening_here() as (port, heard):
        vault = vault_of(store, tmp_path)
        url = f"http://127.0.0.1:{port}/hook"
        _, secret = outgoing.add(store, vault, url, [KIND], local=True)
        _, sender = listen(store, tmp_path, Ear(), "guard.stopped")
        sender.transport, sender.local = SocketTransport(local=True, bodies=False), True
        happened(store, 1)
        sender.send()
        sender.transport.close()

    assert len(heard) == 1
    assert secret.encode() not in heard[0]
    assert states(store) == [("waiting", [302])]


def test_what_was_allowed_before_is_looked_at_again(store: Database, tmp_path: Path) -> None:
    """A private address that was added while it was allowed is not called once it is not."""
    vault, ear = vault_of(store, tmp_path), Ear()
    outgoing.add(store, vault, "http://10.0.0.1/", [KIND], local=True)
    _, sender = listen(store, tmp_path, ear, "guard.stopped")
    happened(store, 1)
    sender.send()

    assert ear.hears == []
    assert states(store) == [("waiting", [0])]


def test_only_what_can_be_told_is_subscribed_to(store: Database, tmp_path: Path) -> None:
    """An unknown event, none, and more listeners than there may be are refused, and nothing is left of them."""
    vault = vault_of(store, tmp_path)
    for kinds in ([], ["person.exploded"], [KIND, "x"]):
        with pytest.raises(outgoing.Refused, match="event"):
            outgoing.add(store, vault, HOOK, kinds, local=False)
    with store.read() as conn:
        assert outgoing.all_of(conn) == []
