"""A small world on the real connectors and the sandbox's emulators, in this process.

The same store, engine and connectors as a business has, joined to HubSpot and to two audiences of Mailchimp without a
socket, on a clock that a test moves. Every durable step is counted (`Steps`): each commit, and each remote call,
before it and after its effect; the process may die at any of them. `snapshot` and `restore` take the whole world
back, so that every step of a run can be tried from the same start.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url

import connectors.batches
from connectors import Settings, platform
from connectors.base import Connector
from connectors.codecs import read_choices
from connectors.http import Response, Transport, WsgiTransport
from mapping.decisions import Policies
from mapping.fields import Field, FieldTable, Way
from mapping.model import Create, Direction
from mapping.values import Kind
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import LIST, MailchimpSandbox
from sandbox.platform import Rewrite
from sync.balance import Balance
from sync.engine import Engine
from sync.guard import Limits
from sync.store import schema as t
from sync.store.database import Database, open_database
from sync.wired import Wired
from tests.laws.liar import Clock
from tests.laws.world import NO_BRAKES, Killed, World

BASE = "http://127.0.0.1:9"
TOKEN = "sandbox-hubspot-demo"
KEY = "sandbox-mailchimp-demo-us0"
NEWS = "f6e7d8c9b0"
"""The second audience: people who are subscribed here by their own act are made there."""
SIGNED_UP = "2024-05-05T10:00:00+00:00"
GRANTED = {
    "timestamp_signup": SIGNED_UP,
    "ip_signup": "203.0.113.7",
    "timestamp_opt": SIGNED_UP,
    "ip_opt": "203.0.113.7",
}

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Wrap = Callable[[Wsgi, str], Wsgi]
Carrier = Callable[[Wsgi], Transport]


class Millis(Clock):
    """The sandbox's clock as the engine reads it."""

    def __init__(self, sim: SimClock) -> None:
        super().__init__()
        self.sim = sim

    def __call__(self) -> int:
        return int(self.sim().timestamp() * 1000)

    def advance(self, seconds: float) -> None:
        self.sim.advance(seconds)


class Steps:
    """Numbers the durable steps of a process, and lets it die at one; a dead process does nothing any more.

    *watch* is called at each step with its number.
    """

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.stop_at = 0
        self.dead = False
        self.watch: Callable[[int], None] | None = None
        self._lock = threading.Lock()

    def __call__(self, what: str) -> None:
        with self._lock:
            if self.dead:
                raise Killed(what)
            self.passed.append(what)
            if self.watch is not None:
                self.watch(len(self.passed))
            if len(self.passed) == self.stop_at:
                self.dead = True
                raise Killed(what)

    def begin(self, stop_at: int = 0, watch: Callable[[int], None] | None = None) -> None:
        """Another process, which dies at step *stop_at* of its own."""
        self.passed, self.stop_at, self.dead, self.watch = [], stop_at, False, watch


class Stepping:
    """Carries calls into the emulator. A step before each, and one after its effect and before its answer is seen."""

    def __init__(self, app: Wsgi, steps: Steps) -> None:
        self._inner = WsgiTransport(app)
        self._steps = steps

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        what = f"{method} {url.partition('?')[0].removeprefix(BASE)}"
        self._steps(f"before {what}")
        answer = self._inner.send(method, url, headers, body, timeout)
        self._steps(f"after {what}")
        return answer

    def close(self) -> None:
        self._inner.close()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Calls that a connector makes side by side come one after the other, so that steps have the same numbers."""
    with patch.object(connectors.batches, "ThreadPoolExecutor", lambda max_workers: ThreadPoolExecutor(1)):
        yield


@dataclass
class Place:
    """One connection, as a business would configure it."""

    name: str
    platform: str
    credential: dict[str, str]
    settings: Settings
    direction: Direction = Direction.BOTH
    create: Create = Create.NONE
    limits: Limits = NO_BRAKES


HUBSPOT_TABLE = platform("hubspot").connector.table.choose(
    None,
    (
        Field("bread", "favourite_bread", label="Bread"),
        Field("tags", "interests", Kind.SET, Way.READS, read_choices, label="Interests"),
    ),
)
MAILCHIMP_TABLE = platform("mailchimp").connector.table.choose(None, (Field("bread", "merge_fields.BREAD"),))


def places(*, second: bool = True) -> list[Place]:
    """HubSpot with our key, where everybody is made; the audience; and with *second* another one, likewise."""
    hubspot = Place(
        "hubspot",
        "hubspot",
        {"token": TOKEN},
        Settings(base_url=BASE, own_key=True, fields=HUBSPOT_TABLE),
        create=Create.EVERYONE,
    )
    mailchimp = Place(
        "mailchimp", "mailchimp", {"api_key": KEY}, Settings(base_url=BASE, audience=LIST, fields=MAILCHIMP_TABLE)
    )
    news = replace(mailchimp, name="news", settings=replace(mailchimp.settings, audience=NEWS), create=Create.EVERYONE)
    return [hubspot, mailchimp, news] if second else [hubspot, mailchimp]


@dataclass(frozen=True)
class Snapshot:
    """Everything at one moment."""

    hubspot: bytes
    mailchimp: bytes
    store: Any
    now: datetime
    runs: tuple[int, ...]
    undone: int

    @property
    def state(self) -> int:
        """Equal for moments between which nothing that lasts has happened; the clock does not count."""
        return hash((self.hubspot, self.mailchimp, repr(self.store)))


class Sandboxed(World):
    """Emulators, store and engine. `restart` is a new process on the same store."""

    def __init__(
        self,
        folder: Path,
        url: str | None = None,
        *,
        second: bool = True,
        wrap: Wrap = lambda app, name: app,
        fresh_for: int = 60_000,
        **facts: Any,
    ) -> None:
        self.sim = SimClock()
        self.clock = Millis(self.sim)
        self.hubspot = HubSpotSandbox(clock=self.sim, quotas=False, **facts)
        self.mailchimp = MailchimpSandbox(clock=self.sim, quotas=False)
        self.mailchimp.add_audience("News", NEWS)
        self.mailchimp.add_merge_field("COMPANY", "Company", "text", list_id=NEWS)
        self.mailchimp.add_merge_field("BREAD", "Favourite bread", "text", list_id=NEWS)
        self.hubspot.define("favourite_bread")
        choices = [{"label": word, "value": word, "displayOrder": 0, "hidden": False} for word in ("vip", "cake")]
        self.hubspot.define("interests", "enumeration", "checkbox", options=choices)
        self.hubspot.rewrites = {"phone": Rewrite("phone"), "favourite_bread": Rewrite("upper")}
        self.mailchimp.rewrites = {"COMPANY": Rewrite("cut:9")}
        self.apps: dict[str, Wsgi] = {
            "hubspot": wrap(self.hubspot.app, "hubspot"),
            "mailchimp": wrap(self.mailchimp.app, "mailchimp"),
        }
        self.places = places(second=second)
        self.liars = []
        self.undone = 0
        self.policies = Policies(kinds={row.name: row.kind for table in TABLES for row in table}, region="DE")
        self.seen, self.runs, self.balances = Counter(), [], []
        self.withdrawn, self.unseen, self.granted = {}, {}, {}
        self.taken_off = set()
        self.rehearsal_wrote, self.believed_gone = [], []
        self.fresh_for = fresh_for
        self.folder, self.url = folder, url
        self.walked = Steps()
        self.commits = 0
        self.carrier: Carrier = lambda app: Stepping(app, self.walked)
        self.open: dict[str, Connector] = {}
        self.database = self._database()
        self._connect("hubspot").add_own_key()
        self.engine = self._engine()

    # ---- processes -----------------------------------------------------------------------------------------

    def _database(self) -> Database:
        database = open_database(self.url, self.folder, now=self.clock)
        for name in ("write", "durable"):
            setattr(database, name, self._stepping(getattr(database, name), name))

        @event.listens_for(database.engine, "commit")
        def committed(conn: Connection) -> None:
            self.commits += not conn.get_execution_options().get("postgresql_readonly")

        return database

    def _stepping(
        self, begin: Callable[[], AbstractContextManager[Connection]], name: str
    ) -> Callable[[], AbstractContextManager[Connection]]:
        @contextmanager
        def stepping() -> Iterator[Connection]:
            with begin() as conn:
                yield conn
                self.walked(f"before commit ({name})")
            self.walked(f"after commit ({name})")

        return stepping

    def _connect(self, name: str) -> Connector:
        place = next(place for place in self.places if place.name == name)
        connector: Connector = platform(place.platform).connector(
            place.credential,
            place.settings,
            transport=self.carrier(self.apps[place.platform]),
            clock=lambda: self.sim().timestamp(),
            sleep=self.sim.sleep,
        )
        self.open[name] = connector
        return connector

    def _engine(self) -> Engine:
        wired = [
            Wired(place.name, self._connect(place.name), place.direction, place.create, place.limits, place.platform)
            for place in self.places
        ]
        return Engine(self.database, wired, self.policies, now=self.clock, fresh_for=self.fresh_for)

    def restart(self) -> None:
        """A new process on the same store: whatever was not committed is gone, and connectors know nothing."""
        self.database.close()  # its connections; it opens new ones when asked
        self.walked.begin()
        self.engine = self._engine()

    # ---- taking everything back ----------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self.hubspot.snapshot(),
            self.mailchimp.snapshot(),
            self._dump(),
            self.sim.now,
            tuple(self.runs),
            self.undone,
        )

    def restore(self, kept: Snapshot) -> None:
        """The world as it was at the snapshot, in a new process."""
        self.hubspot.restore(kept.hubspot)
        self.mailchimp.restore(kept.mailchimp)
        for emulator in (self.hubspot, self.mailchimp):
            emulator.faults.clear()
        self.sim.now = kept.now
        self.runs, self.undone = list(kept.runs), kept.undone
        self.database.close()
        self._load(kept.store)
        self.restart()

    def _dump(self) -> Any:
        if self.database.path is not None:
            with closing(sqlite3.connect(self.database.path)) as file:
                return file.serialize()
        with closing(self._server()) as conn, conn.cursor() as cursor:
            rows: dict[str, bytes] = {}
            for name in self._tables(conn):
                with cursor.copy(f'COPY "{name}" TO STDOUT') as copy:
                    rows[name] = b"".join(bytes(part) for part in copy)
            return rows

    def _load(self, kept: Any) -> None:
        path = self.database.path
        if path is not None:
            for beside in ("-wal", "-shm"):
                path.with_name(path.name + beside).unlink(missing_ok=True)
            path.write_bytes(kept)
            return
        with closing(self._server()) as conn, conn.transaction(), conn.cursor() as cursor:
            for name, text in kept.items():  # small tables are emptied faster so than by TRUNCATE
                cursor.execute(f'DELETE FROM "{name}"')
                with cursor.copy(f'COPY "{name}" FROM STDIN') as copy:
                    copy.write(text)
                if name in _COUNTED:
                    query = f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), coalesce(max(id), 0) + 1, false)"
                    cursor.execute(f'{query} FROM "{name}"')

    def _server(self) -> psycopg.Connection[Any]:
        url = make_url(self.url or "").set(drivername="postgresql")
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    def _tables(self, conn: psycopg.Connection[Any]) -> list[str]:
        found = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [name for (name,) in found if name != "alembic_version"]

    # ---- looking -------------------------------------------------------------------------------------------

    def picture(self) -> dict[str, list[Any]]:
        """What both platforms hold, without time stamps, histories and their own ids: contacts, members, consent."""
        return {
            "contacts": sorted(self._contacts(), key=repr),
            "members": sorted(self._members(), key=repr),
            "preferences": sorted(self._preferences(), key=repr),
        }

    def _contacts(self) -> Iterator[Any]:
        for contact in self.hubspot.state.contacts.values():
            shown = {name: text for name, text in contact.props.items() if text}
            yield shown.get("email", ""), shown, contact.archived is not None, len(contact.merged)

    def _preferences(self) -> Iterator[Any]:
        for address, said in self.hubspot.state.consents.items():
            yield address, {kind: consent.state for kind, consent in said.items()}

    def _members(self) -> Iterator[Any]:
        for audience in self.mailchimp.state.audiences.values():
            for member in audience.members.values():
                tags = sorted(audience.tags[number].name for number in member.tags)
                merge = {tag: value for tag, value in member.merge.items() if value}
                yield audience.id, member.email, member.status, merge, tags, member.language, member.permissions
            yield audience.id, "forgotten", sorted(audience.forgotten)

    def remembered(self) -> dict[str, list[Any]]:
        """What the store makes of it: everybody's values and records, what waits for a person, and the people's ids."""
        found = self.rows(t.person)
        who = {row["id"]: row["email"] for row in found}
        records = [(row["connection"], who[row["person"]], row["state"]) for row in self.records()]
        findings = [(who[f["person"]], f["kind"], f["connection"], f["name"]) for f in self.rows(t.finding)]
        return {
            "people": sorted((row["email"], row["name"], row["fields"]) for row in found),
            "records": sorted(records),
            "findings": sorted(findings),
            "open": [row["id"] for row in self.rows(t.write) if row["state"] == "intended"],
            "ids": sorted(who),
        }

    def calls(self) -> int:
        """How many calls the platforms have counted."""
        return self.hubspot.calls.total() + self.mailchimp.calls.total()

    def write_calls(self, platform_name: str) -> int:
        """How many calls that write a platform has counted."""
        box = self.hubspot if platform_name == "hubspot" else self.mailchimp
        return box.writes.total()

    # ---- running -------------------------------------------------------------------------------------------

    def sync(self, *, full: bool = False, dry_run: bool = False) -> Balance:
        balance = self.engine.sync(full=full, dry_run=dry_run)
        self.balances.append(balance)
        self.runs.append(balance.run)
        return balance

    def until_quiet(self, most: int = 3) -> list[Balance]:
        """Run until a run plans nothing, *most* times at the most."""
        done: list[Balance] = []
        while len(done) < most and (not done or done[-1].planned):
            done.append(self.sync())
        return done

    # ---- people --------------------------------------------------------------------------------------------

    def populate(self) -> None:
        """Some people on each side; see `TOWN` for who shows which case."""
        created = int(datetime.fromisoformat("2023-03-03T09:00:00+00:00").timestamp() * 1000)
        contacts, members = [], []
        for number, one in enumerate(TOWN):
            if one.contact is not None:
                contacts.append(
                    {
                        "id": str(101 + number),
                        "properties": {"email": one.email, **one.contact},
                        "additional_emails": one.others,
                        "createdate": created + number,
                        "lastmodifieddate": created + number,
                    }
                )
            for address in (one.email, *one.others) if one.member is not None else ():
                member = {"email_address": address, "status": one.status, "merge_fields": one.member, **_STAMPS}
                members.append({**member, "tags": one.tags, **(GRANTED if one.granted else {})})
        self.hubspot.load(contacts)
        self.mailchimp.load(members)
        for one in TOWN:
            if one.out:
                self.hubspot.human_opt_out(one.email)

    def contact_id(self, email: str) -> str:
        """The id of the contact of that address."""
        return str(self.hubspot.state.by_email[email])


TABLES: Sequence[FieldTable] = (HUBSPOT_TABLE, MAILCHIMP_TABLE)
_STAMPS = {"timestamp_signup": "2023-04-04T09:00:00+00:00", "last_changed": "2024-06-06T09:00:00+00:00"}
_COUNTED = {name for name, table in t.metadata.tables.items() if "id" in table.c and table.c.id.autoincrement is True}


@dataclass(frozen=True)
class Somebody:
    """One person of the town, and what either side shows of them; None where they are not there."""

    email: str
    contact: dict[str, str] | None = None
    member: dict[str, Any] | None = None
    others: tuple[str, ...] = ()
    status: str = "subscribed"
    granted: bool = False
    out: bool = False
    tags: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


def _contact(first: str, last: str, **more: str) -> dict[str, str]:
    return {"firstname": first, "lastname": last, **more}


def _member(first: str, last: str, **more: Any) -> dict[str, Any]:
    return {"FNAME": first, "LNAME": last, **more}


_HOME = {"address": "Lange Gasse 1", "city": "Ulm", "state": "BW", "zip": "89073", "country": "DE"}

TOWN = (
    # blanks filled both ways, and a tag that comes from a choice at HubSpot
    Somebody(
        "ada@example.org",
        _contact("Ada", "Berg", phone="030 123456", company="Berg OHG", interests="vip"),
        _member("Ada", "Berg", BREAD="Rye", BIRTHDAY="03/07"),
        tags=("cake",),
        granted=True,
    ),
    # a whole postal address, which is one value
    Somebody("bob@example.org", _contact("Bob", "Tal", **_HOME), _member("Bob", "")),
    # first meeting: they differ, and a person settles it
    Somebody(
        "cy@example.org", _contact("Cy", "Wald", phone="030 111111"), _member("Cyrus", "Wald", PHONE="030 222222")
    ),
    Somebody("di@example.org", _contact("Di", "Feld"), _member("Di", "Feld-See", COMPANY="See GmbH")),
    # opt-outs either way
    Somebody("eve@example.org", _contact("Eve", "Hof"), _member("Eve", "Hof"), status="unsubscribed"),
    Somebody("fay@example.org", _contact("Fay", "Au"), _member("Fay", "Au"), out=True, granted=True),
    Somebody("gus@example.org", _contact("Gus", "Born"), out=True),
    # made at HubSpot, with our key there; and who left is not made
    Somebody("hal@example.org", None, _member("Hal", "Kamp", PHONE="030 333333"), granted=True),
    Somebody("ida@example.org", None, _member("Ida", "Loh", BREAD="Wheat")),
    Somebody("jon@example.org", None, _member("Jon", "Moor"), status="unsubscribed"),
    # two members of one person, and one contact
    Somebody(
        "kim@example.org", _contact("Kim", "Ried"), _member("Kim", "Ried", COMPANY="Ried KG"), others=("k@example.org",)
    ),
    # who changes their address later
    Somebody("lea@example.org", _contact("Lea", "Sand", phone="030 444444"), _member("Lea", "Sand"), granted=True),
    # agreed already; on one side only; a mailbox that is gone
    Somebody("max@example.org", _contact("Max", "Turm"), _member("Max", "Turm"), granted=True),
    Somebody("nia@example.org", _contact("Nia", "Ufer", phone="030 555555")),
    Somebody("oli@example.org", _contact("Oli", "Weg"), _member("Oli", "", COMPANY="Weg AG"), status="cleaned"),
)


@dataclass(frozen=True)
class Chapter:
    """A part of the story: what people do, and then the run that carries it over."""

    name: str
    people: Callable[[Sandboxed], object]
    run: Callable[[Sandboxed], Balance]


def _later(world: Sandboxed) -> None:
    """Ten minutes later people have settled, edited, left, moved and tagged."""
    world.sim.advance(600)
    world.engine.settle("phone", "hubspot")
    world.engine.settle("given_name", "mailchimp")
    world.engine.settle("family_name", "mailchimp")
    hubspot, mailchimp = world.hubspot, world.mailchimp
    hubspot.human_update(world.contact_id("ada@example.org"), {"company": "Berg & Tal", "jobtitle": "Baker"})
    hubspot.human_update(world.contact_id("bob@example.org"), {"interests": "vip;cake"})
    hubspot.human_update(world.contact_id("hal@example.org"), {"phone": "030 666666"})
    hubspot.human_update(world.contact_id("kim@example.org"), {"company": ""})
    hubspot.human_opt_out("nia@example.org")
    mailchimp.human_update("bob@example.org", {"FNAME": "Robert"})
    mailchimp.human_update("ida@example.org", {"BREAD": "", "PHONE": "030 777777"})
    mailchimp.human_change_address("lea@example.org", "lea@example.com")
    mailchimp.human_unsubscribe("max@example.org")
    mailchimp.human_untag("ada@example.org", "cake")
    mailchimp.human_subscribe("pat@example.org", {"FNAME": "Pat"})
    world.sim.advance(600)


def _busy(world: Sandboxed) -> Balance:
    balance = world.sync()
    world.undone = balance.run
    return balance


STORY = (
    Chapter("first sync", lambda world: world.sim.advance(60), lambda world: world.sync()),
    Chapter("busy day", _later, _busy),
    Chapter("undo", lambda world: world.sim.advance(600), lambda world: world.engine.undo(world.undone)),
)
