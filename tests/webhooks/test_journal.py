"""A platform that cannot call us is read on in its journal, into the same inbox, and nothing is skipped or doubled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import Settings, platform
from connectors.base import Connector
from connectors.hubspot_hooks import hear
from sandbox.hubspot_journal import DAYS_KEPT
from sandbox.mailchimp import LIST
from sync import inbox, journals
from sync.store import schema as t
from sync.store.database import Database
from tests.conftest import emptied
from tests.described import Described, needs_specs
from tests.laws.sandboxed import BASE, Sandboxed, Stepping, one_at_a_time

SPECS = tuple(f"hubspot/2026-03/webhooks-journal-{part}.json" for part in ("journal", "subscriptions"))
SWITCHES: list[dict[str, Any]] = [
    {},
    {"journal_end": "same", "journal_properties": "include", "journal_merge": "ids", "merge_makes_new_id": True},
]


class Killed(BaseException):
    """The process dies."""


def signed_in(world: Sandboxed, app: Any = None) -> Connector:
    """HubSpot, signed in by OAuth with an app of one's own."""
    grant = world.hubspot.oauth._issue("sandbox-refresh-1", frozenset(), world.sim())
    credential = {**grant, "client_id": world.hubspot.client_id, "client_secret": world.hubspot.client_secret}
    made: Connector = platform("hubspot").connector(
        {name: str(value) for name, value in credential.items()},
        Settings(base_url=BASE, streams=("companies", "deals"), own_key=True),
        transport=Stepping(app or world.hubspot.app, world.walked),
        clock=lambda: world.sim().timestamp(),
        sleep=world.sim.sleep,
    )
    world.hubspot.state.tokens[credential["access_token"]] = world.hubspot.state.tokens["sandbox-hubspot-demo"]
    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """A store of each kind."""
    return None if request.param == "sqlite" else emptied(request.getfixturevalue("postgres"))


@pytest.fixture(params=SWITCHES, ids=["one reading", "the other"])
def world(request: pytest.FixtureRequest, tmp_path: Path, url: str | None) -> Iterator[Sandboxed]:
    """The town in agreement, on both stores, and with each reading of what HubSpot's documents leave open."""
    opened = Sandboxed(tmp_path, url, second=False, **request.param)
    opened.populate()
    with one_at_a_time():
        opened.until_quiet()
        opened.sim.advance(120)
        yield opened
    opened.close()


def read(world: Sandboxed, connector: Connector, database: Database | None = None) -> int:
    """Read the journal on, as `serve` does."""
    assert connector.journal is not None
    assert connector.hooks is not None
    return journals.read_on(database or world.database, "hubspot", connector.journal, connector.hooks.may_withdraw)


def publish(world: Sandboxed) -> None:
    """Somebody else reads the journal: what happened until now becomes an entry."""
    world.hubspot.journal.publish(int(world.sim().timestamp() * 1000))


def waiting(world: Sandboxed) -> list[bytes]:
    with world.database.read() as conn:
        return [one.body for one in inbox.waiting(conn, "hubspot", 1_000)]


def member(world: Sandboxed, address: str) -> Any:
    return next(one for one in world.mailchimp.state.audiences[LIST].members.values() if one.email == address)


@needs_specs
def test_what_happened_is_carried_on(world: Sandboxed) -> None:
    """Edits, an opt-out, a merge and an erasure come by the journal and go where webhooks would have led them; every
    call and answer is as HubSpot describes it, and nothing new costs one call."""
    described = Described(world.hubspot.app, SPECS)
    connector = signed_in(world, described)
    first = read(world, connector)
    world.hubspot.human_update(world.contact_id("lea@example.org"), {"lastname": "Newname"})
    world.hubspot.human_opt_out("max@example.org")
    keep, lose = world.contact_id("bob@example.org"), world.contact_id("cy@example.org")
    erased = world.contact_id("hal@example.org")
    world.hubspot.human_erase(erased)
    world.hubspot.human_merge(keep, lose)
    found = read(world, connector)
    bodies = waiting(world)
    before = world.hubspot.calls.total()
    again = read(world, connector)
    calls = world.hubspot.calls.total() - before

    world.engine.hear()

    assert (first, found, again, calls) == (0, 1, 0, 1)
    assert keep in hear(bodies[0]).records
    assert member(world, "lea@example.org").merge["LNAME"] == "Newname"
    assert member(world, "max@example.org").status == "unsubscribed"
    states = {row["remote_id"]: row["state"] for row in world.rows(t.record) if row["connection"] == "hubspot"}
    assert states[lose] == "merged"
    assert erased not in states  # forgotten here as well, by whatever name
    # An empty 204 is in HubSpot's guide and in none of its descriptions.
    assert [one for one in described.violations if "answered 204" not in one] == []
    assert any("journal" in key for key in described.counts)
    assert world.sync().planned == 0


def test_who_left_goes_first(world: Sandboxed) -> None:
    """An entry of the journal that may tell of an opt-out is heard before other mail; another is not."""
    connector = signed_in(world)
    read(world, connector)
    world.hubspot.human_update(world.contact_id("lea@example.org"), {"lastname": "Newname"})
    read(world, connector)
    world.hubspot.human_opt_out("max@example.org")
    read(world, connector)

    with world.database.read() as conn:
        first = [hear(one.body).records for one in inbox.waiting_first(conn, "hubspot", 9)]
    assert first == [[world.contact_id("max@example.org")]]


def test_killed_at_any_step_nothing_is_skipped_or_doubled(world: Sandboxed) -> None:
    """A reader that dies before or after any call or commit, and another after it: each entry is filed once."""
    connector = signed_in(world)
    read(world, connector)
    contacts = [world.contact_id(f"{name}@example.org") for name in ("lea", "max", "bob")]
    for contact in contacts:
        world.hubspot.human_update(contact, {"lastname": f"New{contact}"})
        publish(world)
    step = 0
    while True:
        step += 1
        world.walked.begin(step)
        try:
            read(world, connector)
        except BaseException:  # noqa: BLE001 - killed
            world.walked.begin()
            continue
        break

    world.walked.begin()
    told = [one for body in waiting(world) for one in hear(body).records]
    assert step > 3
    assert told == contacts


def test_two_readers_file_each_entry_once(world: Sandboxed) -> None:
    """Two processes that read the same journal at once: one of them is ahead, and the other leaves it alone."""
    connector = signed_in(world)
    read(world, connector)
    contacts = [world.contact_id(f"{name}@example.org") for name in ("lea", "max", "bob")]
    for contact in contacts:
        world.hubspot.human_update(contact, {"lastname": f"New{contact}"})
        publish(world)
    readers = [threading.Thread(target=read, args=(world, signed_in(world))) for _ in range(2)]
    for one in readers:
        one.start()
    for one in readers:
        one.join(30.0)

    told = [one for body in waiting(world) for one in hear(body).records]
    assert told == contacts


def test_a_place_that_was_lost_begins_anew(world: Sandboxed) -> None:
    """After longer than the journal reaches back, reading begins at its start; the rest is found by looking."""
    connector = signed_in(world)
    read(world, connector)
    world.hubspot.human_update(world.contact_id("lea@example.org"), {"lastname": "Newname"})
    read(world, connector)
    world.sim.advance(DAYS_KEPT / 1000 + 60)
    world.hubspot.human_update(world.contact_id("max@example.org"), {"lastname": "Newname"})

    found, again = read(world, connector), read(world, connector)

    assert (found, again) == (1, 0)
    assert hear(waiting(world)[-1]).records == [world.contact_id("max@example.org")]


@pytest.mark.parametrize("fault", ["error_before", "lost_answer", "rate_limit", "html"])
def test_faults_on_the_way_lose_nothing(world: Sandboxed, fault: str) -> None:
    """A journal or a file that fails a few times is read all the same."""
    connector = signed_in(world)
    read(world, connector)
    world.hubspot.human_update(world.contact_id("lea@example.org"), {"lastname": "Newname"})
    world.hubspot.faults.add(fault, path="/webhooks-journal/*", times=2)
    world.hubspot.faults.add(fault, path="/journal-files/*", times=2)

    assert read(world, connector) == 1
    assert hear(waiting(world)[0]).records == [world.contact_id("lea@example.org")]


def test_only_an_app_has_a_journal(world: Sandboxed) -> None:
    """A key of one account opens no journal; an app's token opens nothing else, and both without their scopes less."""
    plain = world.open["hubspot"]
    connector = signed_in(world)
    read(world, connector)
    app = next(token for token in world.hubspot.state.tokens if token.startswith("sandbox-app-"))
    key = {"Authorization": f"Bearer {app}"}
    client = world.hubspot.app.test_client()

    def status(path: str, headers: dict[str, str]) -> int:
        return client.get(path, headers=headers).status_code

    latest, plain_key = "/webhooks-journal/journal/2026-03/latest", {"Authorization": "Bearer sandbox-hubspot-demo"}
    assert plain.journal is None
    assert (status("/crm/v3/properties/contacts", key), status(latest, plain_key)) == (403, 403)
    assert (status(f"{latest}?portal=1", key), status("/webhooks-journal/snapshots/2026-03/crm", key)) == (501, 501)
