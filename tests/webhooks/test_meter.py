"""What webhooks lost, a look at everything finds, counts, and lets the next look come sooner."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync import inbox, meter
from sync.engine import Engine
from sync.inbox import Mail
from sync.meter import Reading, interval
from tests.conftest import emptied
from tests.laws.sandboxed import Sandboxed, one_at_a_time
from tests.webhooks.deliver import contact_event, hubspot


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """A store of each kind."""
    return None if request.param == "sqlite" else emptied(request.getfixturevalue("postgres"))


def opened(folder: Path, url: str | None) -> Iterator[Sandboxed]:
    """The town in agreement, with a HubSpot that tells by itself."""
    folder.mkdir(exist_ok=True)
    world = Sandboxed(folder, url, second=False)
    world.populate()
    with one_at_a_time():
        world.until_quiet()
        world.sim.advance(120)
        wired = [replace(one, hears=one.name == "hubspot") for one in world.engine.connections.values()]
        world.engine = Engine(world.database, wired, world.policies, now=world.clock, fresh_for=world.fresh_for)
        yield world
    world.close()


def edit(world: Sandboxed) -> list[str]:
    """Everybody's contact is edited by hand; returns who was told of, as often as HubSpot tells."""
    live = [str(one.id) for one in world.hubspot.state.contacts.values() if one.archived is None]
    for number, contact in enumerate(live):
        world.hubspot.human_update(contact, {"lastname": f"Newname{number}"})
    return live


def deliver(world: Sandboxed, contacts: list[str]) -> None:
    bodies = [hubspot([contact_event("propertyChange", one, eventId=n)], 0.0)[0] for n, one in enumerate(contacts)]
    with world.database.durable() as conn:
        inbox.file(conn, [Mail("hubspot", inbox.key_of(body), world.clock(), body) for body in bodies])


@pytest.mark.parametrize("seed", range(3))
def test_lost_doubled_and_shuffled_ends_like_perfect(tmp_path: Path, url: str | None, seed: int) -> None:
    """One look later the platforms hold what perfect delivery gives, and the meter counts those that only it found."""
    dice = random.Random(seed)
    for world in opened(tmp_path / "perfect", None):
        deliver(world, edit(world))
        world.engine.hear()
        world.sim.advance(120)
        assert world.sync().planned == 0
        with world.database.read() as conn:
            assert meter.totals(conn) == {"hubspot": (1, 0)}
        perfect = world.picture()
    for world in opened(tmp_path / "bad", url):
        told = edit(world)
        lost = [one for one in told if dice.random() < 0.2] or told[:1]
        heard = [one for one in told if one not in lost]
        heard += [one for one in heard if dice.random() < 0.1]
        dice.shuffle(heard)
        deliver(world, heard)
        world.engine.hear()
        world.sim.advance(120)
        world.sync()
        with world.database.read() as conn:
            assert meter.totals(conn) == {"hubspot": (1, len(lost))}
        assert world.picture() == perfect


def test_the_next_look_follows_the_meter() -> None:
    """Twice as long after each quiet look, a quarter after one that found something, never beyond its bounds."""

    def told(*unheard: int) -> float:
        return interval(60.0, [Reading("hubspot", 100 - n, 9, one) for n, one in enumerate(unheard)])

    assert [told(), told(0), told(0, 0), told(0, 3, 0), told(2, 0, 0)] == [60.0, 120.0, 240.0, 120.0, 15.0]
    assert told(*[0] * 50) == 60.0 * 16
