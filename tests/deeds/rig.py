"""One HubSpot account in this process, its engine, and a line that may break before a call arrives or after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from connectors import Settings, platform
from connectors.base import Connector
from connectors.http import Response, WsgiTransport
from mapping.decisions import Policies
from mapping.model import WORKS_AT, Companies, Direction, WriteKind
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sync import queries
from sync.balance import Balance
from sync.engine import Engine
from sync.guard import Limits
from sync.store import schema as t
from sync.store.database import Database
from sync.store.records import load_cases
from sync.wired import Wired
from sync.writes import ASKED, Setting, Write
from tests.laws.world import NO_BRAKES, Killed

BASE = "http://127.0.0.1:9"
TOKEN = "sandbox-hubspot-demo"
TASKS, CREATE, ASSOCIATE = "/objects/tasks", "/companies/batch/create", "/batch/associate/default"


@dataclass
class Line:
    """Carries calls into the emulator; dies, once, `before` or `after` a call whose path ends so."""

    inner: WsgiTransport
    path: str = ""
    when: str = ""
    sent: list[str] = field(default_factory=list)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        hit = bool(self.path) and url.partition("?")[0].endswith(self.path)
        if hit and self.when == "before":
            self._die()
        self.sent.append(f"{method} {url.partition('?')[0].removeprefix(BASE)}")
        answer = self.inner.send(method, url, headers, body, timeout)
        if hit and self.when == "after":
            self._die()
        return answer

    def _die(self) -> None:
        self.path = ""
        raise Killed

    def close(self) -> None:
        self.inner.close()


class Rig:
    """An account with a few people, and whatever a business would run on it."""

    def __init__(self, database: Database, mode: Companies = Companies.NONE, limits: Limits = NO_BRAKES) -> None:
        self.sim = SimClock()
        self.box = HubSpotSandbox(clock=self.sim, quotas=False)
        self.line = Line(WsgiTransport(self.box.app))
        self.database, self.mode, self.limits = database, mode, limits
        self.direction = Direction.BOTH

    def connector(self) -> Connector:
        opened: Connector = platform("hubspot").connector(
            {"token": TOKEN},
            Settings(base_url=BASE, streams=("companies",)),
            transport=self.line,
            clock=lambda: self.sim().timestamp(),
            sleep=self.sim.sleep,
        )
        return opened

    def now(self) -> int:
        return int(self.sim().timestamp() * 1000)

    def engine(self) -> Engine:
        """A new process."""
        connector = self.connector()
        wired = Wired(
            "crm",
            connector,
            self.direction,
            limits=self.limits,
            platform="hubspot",
            streams=("companies",),
            companies=self.mode,
        )
        kinds = {row.name: row.kind for row in connector.fields}
        return Engine(self.database, [wired], Policies(kinds=kinds, region="DE"), now=self.now)

    def sync(self, **more: Any) -> Balance:
        """A run some minutes later, whose sums must close."""
        self.sim.advance(300)
        balance = self.engine().sync(**more)
        assert balance.closes()
        return balance

    def plan(self) -> list[Write]:
        """What a run would write."""
        self.sim.advance(300)
        spool, _ = self.engine().plan()
        writes = list(spool)
        spool.close()
        return writes

    # ---- what people do ------------------------------------------------------------------------------------

    def contact(self, name: str, company: str = "", email: str = "") -> str:
        address = email or f"{name.lower()}@gmail.com"
        return self.box.human_create({"firstname": name, "email": address, **({"company": company} if company else {})})

    def company(self, name: str, domain: str = "") -> str:
        return self.box.human_create_object("companies", {"name": name, **({"domain": domain} if domain else {})})

    # ---- what stands there ---------------------------------------------------------------------------------

    def companies(self) -> dict[str, str]:
        """The living companies there, by number."""
        found = self.box.records["companies"].state.records
        return {str(one.id): one.props.get("name", "") for one in found.values() if one.archived is None}

    def at(self, contact: str) -> list[str]:
        """The companies that a contact belongs to there."""
        living = self.companies()
        return [str(to) for to in self.box.joined(("contacts", "companies"), int(contact)) if str(to) in living]

    def tasks(self) -> dict[str, str]:
        """The subjects of the tasks there."""
        found = self.box.records["tasks"].state.records
        return {str(one.id): one.props["hs_task_subject"] for one in found.values() if one.archived is None}

    # ---- what we know --------------------------------------------------------------------------------------

    def found(self) -> list[str]:
        """What is left alone about companies, and why."""
        with self.database.read() as conn:
            return [f"{one.kind}: {one.detail}" for one in queries.findings(conn, name=WORKS_AT)]

    def states(self, kind: WriteKind) -> list[str]:
        """How the writes of a kind ended, oldest first."""
        query = select(t.write.c.state).where(t.write.c.kind == kind.value).order_by(t.write.c.id)
        with self.database.read() as conn:
            return list(conn.execute(query).scalars())

    def task(self, contact: str, subject: str = "Call back", **more: Any) -> Write:
        """A task as the command would ask for it."""
        with self.database.read() as conn:
            query = select(t.record.c.person).where(t.record.c.remote_id == contact)
            (case,) = load_cases(conn, [conn.execute(query).scalar_one()])
        record = case.records[0]
        said = {"subject": subject, "due": self.now() + 86_400_000, **more}
        settings = tuple(Setting(name, None, value, ASKED) for name, value in said.items())
        return Write(WriteKind.TASK, "crm", case.id, record.id, contact, record.addresses[0], settings)
