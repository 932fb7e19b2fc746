"""Whoever leaves goes before everything else: before other mail, other writes, and the rest of a spent quota."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mapping.model import WriteKind
from sandbox.hubspot import Limits
from sandbox.mailchimp import LIST
from sync import inbox, pull
from sync.inbox import Mail
from sync.store import schema as t
from tests.conftest import emptied
from tests.laws.sandboxed import Sandboxed, Wsgi, one_at_a_time
from tests.webhooks.deliver import contact_event, hubspot, mailchimp

CROWD = 40
WINDOW = 10.0
CALLS = 24
"""What the rehearsed account allows in ten seconds."""

LEAVE = "POST /communication-preferences/2026-03/statuses/batch/unsubscribe-all"


@dataclass
class Log:
    """Every call to either platform, with its time and its status; `at` does something before a call that it names."""

    now: Callable[[], float] = lambda: 0.0
    calls: list[tuple[float, str, int]] = field(default_factory=list)
    at: dict[tuple[str, int], Callable[[], None]] = field(default_factory=dict)

    def wrap(self, app: Wsgi, name: str) -> Wsgi:
        def logged(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            key = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            nth = sum(call == key for _, call, _ in self.calls)
            self.at.pop((key, nth), lambda: None)()

            def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                self.calls.append((self.now(), key, int(status.split(maxsplit=1)[0])))
                return start(status, headers, *more)

            return app(environ, started)

        return logged

    def times(self, key: str) -> list[float]:
        return [at for at, call, _ in self.calls if call == key]

    def statuses(self) -> set[int]:
        return {status for _, _, status in self.calls}


@dataclass
class Scene:
    """The town and a crowd that is on both sides, with HubSpot's limits small and kept."""

    world: Sandboxed
    log: Log

    def bulk(self) -> None:
        """Everybody of the crowd gets another name at Mailchimp: as many single writes to HubSpot."""
        for number in range(CROWD):
            self.world.mailchimp.human_update(crowd(number), {"LNAME": f"Newname{number}"})
        self.world.open["hubspot"].batch = 1  # type: ignore[misc]

    def reserve(self) -> None:
        """Another thread takes the next place in line for an ordinary call to HubSpot."""
        pace = self.world.open["hubspot"].pace
        assert pace is not None
        pace._reserve("", first=False)

    def leave(self, address: str) -> None:
        """Somebody leaves at Mailchimp, and Mailchimp tells."""
        self.world.mailchimp.human_unsubscribe(address)
        body, _ = mailchimp("unsubscribe", 0.0, email=address, id=address, action="unsub", reason="manual")
        self.tell("mailchimp", body)

    def tell(self, connection: str, *bodies: bytes) -> None:
        """File deliveries as the receiver does."""
        hooks = self.world.open[connection].hooks
        assert hooks is not None
        with self.world.database.durable() as conn:
            mails = [
                Mail(connection, inbox.key_of(body), self.world.clock(), body, hooks.may_withdraw(body))
                for body in bodies
            ]
            inbox.file(conn, mails)

    def out(self, address: str) -> bool:
        """Whether HubSpot holds a withdrawal of that address."""
        return any(said.state == "UNSUBSCRIBED" for said in self.world.hubspot.state.consents.get(address, {}).values())


def _seconds(world: Sandboxed) -> float:
    return world.sim.now.timestamp()


def crowd(number: int) -> str:
    return f"crowd{number}@example.org"


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """On SQLite and on PostgreSQL in turn."""
    url = None if request.param == "sqlite" else emptied(request.getfixturevalue("postgres"))
    log = Log()
    world = Sandboxed(tmp_path, url, second=False, wrap=log.wrap)
    log.now = partial(_seconds, world)
    world.populate()
    for number in range(CROWD):
        world.hubspot.human_create({"email": crowd(number), "firstname": "Crow", "lastname": "Dean"})
        world.mailchimp.human_subscribe(crowd(number), {"FNAME": "Crow", "LNAME": "Dean"})
    with one_at_a_time():
        world.until_quiet()
        world.sim.advance(120)
        world.hubspot.limiter.limits = Limits(ten_seconds=CALLS)
        world.hubspot.quotas = True
        log.calls.clear()
        yield Scene(world, log)
    world.close()


def test_an_opt_out_leaves_while_a_bulk_goes_on(scene: Scene) -> None:
    """In the midst of a push that uses all that ordinary calls may, and with as many in line, somebody leaves: the
    opt-out is out within a second, the bulk goes on after it, and the platform's limit is never passed."""
    scene.bulk()
    told: list[float] = []

    def leave() -> None:
        for _ in range(CALLS):
            scene.reserve()
        scene.leave("max@example.org")
        told.append(scene.log.now())

    scene.log.at["POST /crm/v3/objects/contacts/batch/update", 15] = leave

    balance = scene.world.sync()

    updates, left = scene.log.times("POST /crm/v3/objects/contacts/batch/update"), scene.log.times(LEAVE)
    assert scene.out("max@example.org")
    assert left[0] - told[0] < 1.0
    assert min(updates) < told[0] < left[0] < max(updates)
    assert len(updates) >= CROWD
    assert updates[-1] - updates[0] > WINDOW
    assert scene.log.statuses() <= {200, 201, 207}
    assert balance.closes()
    assert scene.world.sync().planned == 0


def test_who_leaves_in_a_bulk_is_not_written_as_they_were(scene: Scene) -> None:
    """What the plan under way knows of who leaves is not sent any more; it is planned anew, and everything agrees."""
    scene.bulk()
    last = crowd(CROWD - 1)
    scene.log.at["POST /crm/v3/objects/contacts/batch/update", 5] = lambda: scene.leave(last)

    balance = scene.world.sync()

    assert scene.out(last)
    assert balance.closes()
    assert balance.connections["hubspot"].opt_outs == 1
    contact = scene.world.hubspot.state.contacts[int(scene.world.contact_id(last))]
    assert contact.props["lastname"] == f"Newname{CROWD - 1}"
    assert scene.world.sync().planned == 0


UPDATE = "POST /crm/v3/objects/contacts/batch/update"


def test_who_leaves_while_a_plan_is_applied_is_not_held_up(scene: Scene) -> None:
    """A plan that was looked over is carried out as it was, but for whoever leaves meanwhile: they are out at once."""
    scene.bulk()
    engine = scene.world.engine
    spool, _ = engine.plan()
    with closing(spool):
        writes = list(spool)
    scene.log.at[UPDATE, 5] = lambda: scene.leave("max@example.org")

    balance = engine.apply(writes)

    order = [call for _, call, _ in scene.log.calls]
    assert scene.out("max@example.org")
    assert order.index(LEAVE) < max(place for place, call in enumerate(order) if call == UPDATE)
    assert (balance.connections["hubspot"].opt_outs, balance.connections["hubspot"].applied) == (1, CROWD + 1)
    assert balance.closes()
    assert scene.world.sync().planned == 0


def test_who_leaves_while_a_run_is_undone_is_not_held_up(scene: Scene) -> None:
    """And nothing that the run had written brings them back."""
    scene.bulk()
    run = scene.world.sync().run
    scene.log.calls.clear()
    scene.log.at[UPDATE, 5] = lambda: scene.leave("max@example.org")

    balance = scene.world.engine.undo(run)

    order = [call for _, call, _ in scene.log.calls]
    assert scene.out("max@example.org")
    assert order.index(LEAVE) < max(place for place, call in enumerate(order) if call == UPDATE)
    assert balance.closes()


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_run_that_only_looks_writes_nothing_whoever_leaves(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, dry_run: bool
) -> None:
    """Their opt-out is in the plan of the next run."""
    monkeypatch.setattr(pull, "WORTH", 1)
    scene.log.at[f"GET /3.0/lists/{LIST}/members", 0] = lambda: scene.leave("max@example.org")

    looked = scene.world.engine.sync(full=True, dry_run=dry_run, pull_only=not dry_run)

    assert not scene.out("max@example.org")
    assert looked.connections["hubspot"].applied == 0
    assert scene.world.sync().connections["hubspot"].opt_outs == 1
    assert scene.out("max@example.org")


def test_who_leaves_is_heard_between_the_pages_of_a_pull(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading of everybody does not hold them up: the opt-out is out before the next page is asked for."""
    monkeypatch.setattr(pull, "WORTH", 1)
    listing = f"GET /3.0/lists/{LIST}/members"
    scene.log.at[listing, 0] = lambda: scene.leave("max@example.org")

    balance = scene.world.sync(full=True)

    order = [call for _, call, _ in scene.log.calls]
    pages = [place for place, call in enumerate(order) if call == listing]
    assert scene.out("max@example.org")
    assert pages[0] < order.index(LEAVE) < pages[1]
    assert balance.closes()
    assert balance.connections["hubspot"].opt_outs == 1
    assert scene.world.sync().planned == 0


def test_opt_outs_leave_before_other_writes_anywhere(scene: Scene) -> None:
    """One run with writes to both platforms: the last opt-out is out before the first other write."""
    world = scene.world
    scene.bulk()
    world.mailchimp.human_unsubscribe("max@example.org")
    world.hubspot.human_opt_out("ada@example.org")
    world.hubspot.human_update(world.contact_id("bob@example.org"), {"lastname": "Newname"})

    run = world.sync().run

    rows = [row for row in world.rows(t.write) if row["run"] == run]
    writes = [row["kind"] for row in sorted(rows, key=lambda row: row["id"])]
    leading = writes.count(WriteKind.OPT_OUT.value)
    assert leading == 2
    assert writes[:leading] == [WriteKind.OPT_OUT.value] * leading


def test_mail_of_who_leaves_is_heard_first(scene: Scene) -> None:
    """Six hundred other deliveries came before: the one of who left is looked at before any of them, and its opt-out
    is out before the rest is looked at."""
    world = scene.world
    ids = [world.contact_id(crowd(number)) for number in range(CROWD)]
    bodies = [hubspot([contact_event("propertyChange", ids[n % CROWD], eventId=n)], 0.0)[0] for n in range(600)]
    scene.tell("hubspot", *bodies)
    scene.leave("max@example.org")
    out = hubspot([contact_event("propertyChange", ids[0], propertyName="hs_email_optout", propertyValue="true")], 0.0)
    world.hubspot.human_opt_out(crowd(0))
    scene.tell("hubspot", out[0])

    world.engine.hear()

    calls = [call for _, call, _ in scene.log.calls]
    reads = [place for place, call in enumerate(calls) if call == "POST /crm/v3/objects/contacts/batch/read"]
    assert scene.out("max@example.org")
    member = next(m for m in world.mailchimp.state.audiences[LIST].members.values() if m.email == crowd(0))
    assert member.status == "unsubscribed"
    assert sum(place < calls.index(LEAVE) for place in reads) == 2  # of who left, and before the write
    assert len(reads) > 2
    with world.database.read() as conn:
        assert inbox.counts(conn)["hubspot"]["waiting"] == 100


def test_a_nearly_spent_day_is_for_opt_outs(scene: Scene) -> None:
    """Where a twentieth of the day is left, ordinary calls end with a sentence and nothing is lost; who leaves is
    still told to HubSpot, by a run that hears and by one that looks at everything; the next day the rest follows."""
    world = scene.world
    world.hubspot.limiter.limits = Limits(ten_seconds=1000, daily=200)
    world.sync()
    scene.bulk()
    world.hubspot.limiter._used = 175

    spent = world.sync()
    stopped = world.hubspot.limiter._used
    scene.leave("max@example.org")
    heard = world.engine.hear()
    world.mailchimp.human_unsubscribe("bob@example.org")
    world.sim.advance(5)
    looked = world.sync()
    used = world.hubspot.limiter._used
    world.sim.advance(86_400)
    world.sync()

    assert "calls of today are left, and kept for people who leave" in spent.failures["hubspot"]
    assert spent.connections["hubspot"].applied > 0
    assert spent.connections["hubspot"].pending > 0
    assert (stopped, used < 200) == (190, True)
    assert (heard.connections["hubspot"].opt_outs, looked.connections["hubspot"].opt_outs) == (1, 1)
    assert scene.out("max@example.org")
    assert scene.out("bob@example.org")
    assert all(balance.closes() for balance in (spent, heard, looked))
    assert scene.log.statuses() <= {200, 201, 207}
    assert world.sync().planned == 0
