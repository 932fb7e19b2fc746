"""Streams into the tables of facts: a small platform whose objects change and whose events only come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from connectors.base import Cursor, Raw, Stream, StreamPage
from connectors.errors import ConnectionFailure
from mapping.facts import (
    By,
    Channel,
    Deal,
    DealState,
    Facts,
    Feedback,
    Listing,
    Organization,
    Tie,
    Touch,
    Touchpoint,
    Way,
)
from mapping.fields import FieldTable
from mapping.model import Seen
from sync.pull import Pulled, Puller
from sync.store import schema as t
from sync.store.database import Database
from sync.streams import StreamPuller, due

OBJECTS, EVENTS = Stream("things", "Things"), Stream("opens", "Mail opened", events=True)


class Desk:
    """A platform with objects (each a JSON text) and events, two to a page. It knows no records of its own."""

    title = "Desk"
    fields = FieldTable(())
    exact_stamp = True

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.archived: list[str] = []
        self.opened: list[tuple[str, int]] = []
        self.breaks_after = -1
        self.asked = 0
        self.whole: list[bool] = []  # of each pull, whether everything was asked for

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        start = 0 if cursor is None else int(cursor["at"])
        self.whole.append(full)
        rows: Sequence[Any] = self.opened if name == EVENTS.name else sorted(self.objects.items())
        if name == OBJECTS.name and (cursor is None or cursor.get("done")):
            start = 0
        while True:
            if self.breaks_after == 0:
                raise ConnectionFailure("the line is dead", platform=self.title)
            self.breaks_after -= 1
            self.asked += 1
            part, start = rows[start : start + 2], start + 2
            last = start >= len(rows)
            place = {"at": min(start, len(rows)), "done": last}
            if name == EVENTS.name:
                touches = [
                    Touchpoint(f"{who} {at}", who, Touch.OPENED, at, by=By.MACHINE, way=Way.IN) for who, at in part
                ]
                yield StreamPage(place, facts=Facts(touchpoints=touches), total=len(rows), last=last)
            else:
                items = [Raw.of(key, json.dumps(body).encode()) for key, body in part]
                gone = self.archived if last else []
                yield StreamPage(place, items, gone=gone, total=len(rows), last=last, complete=last)
            if last:
                return

    def facts(self, name: str, item: Raw) -> Facts:
        body = json.loads(item.body)
        if "broken" in body:
            raise ValueError("has no name")
        who = body.get("who", [])
        found = Facts()
        match body["is"]:
            case "company":
                found.organizations = [Organization(item.remote_id, {"name": body["name"], "domain": "Ulm.example"})]
                found.ties = [Tie(one, item.remote_id, "works there", primary=True) for one in who]
            case "call":
                found.touchpoints = [
                    Touchpoint(item.remote_id, one, Touch.CALLED, body["at"], Channel.PHONE, Way.OUT, By.PERSON)
                    for one in who
                ]
            case "deal":
                found.deals = [Deal(item.remote_id, body["name"], DealState.WON, body["sum"], "EUR", who=tuple(who))]
            case "word":
                found.feedback = [Feedback(item.remote_id, one, "nps", body["score"], 5) for one in who]
            case "list":
                found.listings = [Listing(item.remote_id, body["name"], tuple(who), "static")]
        return found


class Office:
    """A store with two records, and the stream puller over the desk."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.desk = Desk()
        self.time = 1000
        self.puller = StreamPuller(database, "desk", self.desk, self.now)  # type: ignore[arg-type]
        with database.write() as conn:
            conn.execute(t.connection.insert().values(name="desk", platform="desk"))
        self.know("1", "ada@example.org")
        self.know("2", "bo@example.org")

    def now(self) -> int:
        return self.time

    def know(self, remote_id: str, address: str) -> None:
        """File a record, with its address as an identifier."""
        puller = Puller(self.database, "desk", _Decodes(address), 1, self.now)  # type: ignore[arg-type]
        with self.database.write() as conn:
            [record] = puller.store(conn, [Raw.of(remote_id, b"{}")], Pulled())
            conn.execute(t.identifier.insert().values(kind="email", value=address, record=record))

    def rows(self, table: Any, *names: str) -> list[tuple[Any, ...]]:
        with self.database.read() as conn:
            return sorted((tuple(row) for row in conn.execute(select(*(table.c[name] for name in names)))), key=str)


class _Decodes:
    """The part of a connector that a record of one address needs."""

    fields = FieldTable(())
    exact_stamp = True
    by_member = ""

    def __init__(self, address: str) -> None:
        self.address = address

    def decode(self, raw: Raw) -> Seen:
        return Seen(raw.remote_id, {"email": self.address}, (self.address,))


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def test_what_does_not_change_costs_a_look(office: Office) -> None:
    """Objects are filed once, replaced when they change, and left alone when they do not."""
    office.desk.objects = {
        "c1": {"is": "company", "name": "Berg", "who": ["1", "2"]},
        "k1": {"is": "call", "at": 7, "who": ["1"]},
        "d1": {"is": "deal", "name": "Cake", "sum": 1200, "who": ["1"]},
        "w1": {"is": "word", "score": 9, "who": ["2"]},
    }
    first = office.puller.pull(OBJECTS)
    second = office.puller.pull(OBJECTS)
    office.desk.objects["k1"]["at"] = 8
    third = office.puller.pull(OBJECTS)

    assert (first.read, first.new, first.changed, first.facts, first.stray) == (4, 4, 0, 5, 0)
    assert (second.read, second.new, second.changed, second.facts) == (4, 0, 0, 0)
    assert (third.new, third.changed) == (0, 1)
    assert office.rows(t.touchpoint, "record", "at", "kind", "by") == [(1, 8, "called", "person")]
    assert office.rows(t.organization, "name", "domain") == [("Berg", "ulm.example")]
    assert office.rows(t.deal, "title", "amount", "state") == [("Cake", 1200, "won")]
    assert office.rows(t.deal_party, "record", "organization") == [(1, "")]
    assert office.rows(t.feedback, "record", "kind", "score") == [(2, "nps", 9.0)]


def test_events_only_come(office: Office) -> None:
    """The same event twice is one; a person may be named by address."""
    office.desk.opened = [("ada@example.org", 1), ("ADA@example.org", 2), ("2", 3), ("ada@example.org", 1)]
    first = office.puller.pull(EVENTS)
    office.desk.opened.append(("2", 9))
    second = office.puller.pull(EVENTS)

    assert (first.read, first.facts) == (4, 3)
    assert (second.read, second.facts) == (1, 1)
    assert office.rows(t.touchpoint, "record", "at") == [(1, 1), (1, 2), (2, 3), (2, 9)]


def test_strays_come_home(office: Office) -> None:
    """What names a stranger waits, and is filed when the record arrives; nothing is lost meanwhile."""
    office.desk.objects = {"k1": {"is": "call", "at": 7, "who": ["1", "3"]}}
    office.desk.opened = [("cy@example.org", 4)]
    told = office.puller.pull(OBJECTS), office.puller.pull(EVENTS)
    before = office.rows(t.touchpoint, "record", "at")
    waiting = office.puller.bring_home()
    office.know("3", "cy@example.org")
    home = office.puller.bring_home()

    assert [one.stray for one in told] == [1, 1]
    assert before == [(1, 7)]
    assert (waiting, home, office.puller.bring_home()) == (0, 2, 0)
    assert office.rows(t.touchpoint, "record", "at") == [(1, 7), (3, 4), (3, 7)]


def test_a_broken_line_goes_on_where_it_broke(office: Office) -> None:
    """What was read is kept, the failure is told, and the next pull reads the rest."""
    office.desk.opened = [("1", at) for at in range(1, 8)]
    office.desk.breaks_after = 2
    broken = office.puller.pull(EVENTS)
    office.desk.breaks_after, office.desk.asked = -1, 0
    whole = office.puller.pull(EVENTS)

    assert (broken.read, "the line is dead" in broken.failure) == (4, True)
    assert (whole.read, whole.failure, office.desk.asked) == (3, "", 2)
    assert len(office.rows(t.touchpoint, "at")) == 7


def test_who_left_a_list_or_a_company(office: Office) -> None:
    """Lists keep since when somebody is on them; a tie that is gone was one until today."""
    office.desk.objects = {
        "c1": {"is": "company", "name": "Berg", "who": ["1", "2"]},
        "l1": {"is": "list", "name": "Regulars", "who": ["1", "2"]},
    }
    office.puller.pull(OBJECTS)
    office.time = 2000
    office.desk.objects["c1"]["who"] = ["2"]
    office.desk.objects["l1"]["who"] = ["2"]
    office.puller.pull(OBJECTS)

    assert office.rows(t.listed, "record", "since") == [(2, 1000)]
    assert office.rows(t.tie, "record", "since", "until") == [(1, 1000, 2000), (2, 1000, None)]


def test_gone_is_what_the_platform_calls_gone(office: Office) -> None:
    """An object that a listing leaves out stays; one that it names as archived takes its facts along."""
    office.desk.objects = {
        "d1": {"is": "deal", "name": "Cake", "sum": 5, "who": ["1"]},
        "k1": {"is": "call", "at": 7, "who": ["1"]},
    }
    office.puller.pull(OBJECTS)
    del office.desk.objects["k1"]
    left_out = office.puller.pull(OBJECTS, full=True)
    office.desk.archived = ["d1", "unknown"]
    archived = office.puller.pull(OBJECTS, full=True)

    assert (left_out.gone, archived.gone) == (0, 1)
    assert office.rows(t.touchpoint, "at") == [(7,)]
    assert (office.rows(t.deal, "id"), office.rows(t.deal_party, "deal")) == ([], [])


def test_one_bad_object_never_stops_the_rest(office: Office) -> None:
    """It is refused with its reason, and read again when it changes."""
    office.desk.objects = {"a": {"broken": 1}, "k1": {"is": "call", "at": 7, "who": ["1"]}}
    told = office.puller.pull(OBJECTS)

    assert (told.read, told.new, told.refused) == (2, 1, 1)
    assert office.rows(t.refusal, "remote_id", "reason") == [("things a", "has no name")]


@pytest.mark.parametrize(
    ("full_at", "now", "every", "expected"),
    [
        (1000, 1999, 1000, False),
        (1000, 2000, 1000, True),
        (0, 5000, 1000, True),
        (1000, 500, 1000, False),
        (1000, 9_999_999, 0, False),
    ],
    ids=["too early", "just now", "never yet", "a clock put back", "never wanted"],
)
def test_when_a_stream_is_read_whole_again(full_at: int, now: int, every: int, expected: bool) -> None:
    """By the time of the last full pull alone."""
    assert due(full_at, now, every) is expected


def test_objects_are_read_whole_now_and_then_and_events_never(office: Office) -> None:
    """A change that moves no stamp is seen by then at the latest; what never changes is not read twice."""
    office.puller.full_every = 1000
    office.desk.objects = {"k1": {"is": "call", "at": 7, "who": ["1"]}}
    office.desk.opened = [("1", 5)]
    for office.time in (1000, 1999, 2000, 2999, 3000):
        office.puller.pull(OBJECTS)
    objects, office.desk.whole = office.desk.whole, []
    for office.time in (1000, 9000):
        office.puller.pull(EVENTS)

    assert objects == [True, False, True, False, True]
    assert office.desk.whole == [True, False]
    assert office.rows(t.stream, "name", "full_at", "pulled_at") == [("opens", 1000, 9000), ("things", 3000, 3000)]


def test_a_full_pull_that_broke_off_counts_from_its_beginning(office: Office) -> None:
    """It goes on as a full one where it broke off, and an ordinary one that broke off gives way to it."""
    office.puller.full_every = 1000
    office.desk.objects = {f"k{n}": {"is": "call", "at": n, "who": ["1"]} for n in range(5)}
    office.desk.breaks_after = 1
    broken = office.puller.pull(OBJECTS)
    office.time, office.desk.breaks_after, office.desk.asked = 1400, -1, 0
    rest = office.puller.pull(OBJECTS)
    asked, full_at = office.desk.asked, office.rows(t.stream, "full_at")
    office.time, office.desk.breaks_after = 1500, 1
    office.puller.pull(OBJECTS)
    office.time, office.desk.breaks_after = 2000, -1
    office.puller.pull(OBJECTS)

    assert (broken.read, rest.read, asked) == (2, 3, 2)
    assert full_at == [(1000,)]
    assert office.desk.whole == [True, True, False, True]
    assert office.rows(t.stream, "full_at") == [(2000,)]
