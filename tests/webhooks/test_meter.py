"""What webhooks lost, a look at everything finds, counts, and lets the next look come sooner."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sync import inbox, meter
from sync.engine import Engine
from sync.inbox import Mail
from sync.meter import Reading, Total, interval
from sync.store import schema as t
from tests.conftest import emptied
from tests.laws.sandboxed import Sandboxed, one_at_a_time
from tests.webhooks.deliver import contact_event, hubspot, mailchimp


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """A store of each kind."""
    return None if request.param == "sqlite" else emptied(request.getfixturevalue("postgres"))


def opened(folder: Path, url: str | None, *, both: bool = False, streams: tuple[str, ...] = ()) -> Iterator[Sandboxed]:
    """The town in agreement, with a HubSpot that tells by itself; with *both* a Mailchimp too."""
    folder.mkdir(exist_ok=True)
    world = Sandboxed(folder, url, second=False)
    world.populate()
    with one_at_a_time():
        world.until_quiet()
        world.sim.advance(120)
        wired = [
            replace(one, hears=both or one.name == "hubspot", streams=streams if one.name == "mailchimp" else ())
            for one in world.engine.connections.values()
        ]
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
            assert meter.totals(conn) == {"hubspot": Total(1, 0, 0)}
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
            assert meter.totals(conn) == {"hubspot": Total(1, len(lost), 0)}
        assert world.picture() == perfect


CROWD = 40
LOST, DOUBLED = 0.1, 0.1


@dataclass
class Rounds:
    """Edits in rounds at both platforms, and what became of their deliveries. `untold` are the records whose last
    change no delivery told, as a model of its own knows it."""

    world: Sandboxed
    dice: random.Random
    perfect: bool
    untold: set[str] = field(default_factory=set)
    sent: int = 0

    def play(self, number: int) -> None:
        """Half of the crowd is edited, even ones at HubSpot and odd ones at Mailchimp; then what was told is heard."""
        edited = random.Random(number).sample(range(CROWD), CROWD // 2)
        mails = []
        for one in edited:
            address = f"crowd{one}@example.org"
            self.untold.add(address)
            self.sent += 1
            if one % 2:
                self.world.mailchimp.human_update(address, {"LNAME": f"Round{number}"})
                body, _ = mailchimp("profile", 0.0, email=address, id=f"{one}", web_id=f"{self.sent}")
                mails.append((address, "mailchimp", body))
            else:
                contact = self.world.contact_id(address)
                self.world.hubspot.human_update(contact, {"lastname": f"Round{number}"})
                event = contact_event("propertyChange", contact, eventId=self.sent)
                mails.append((address, "hubspot", hubspot([event], 0.0)[0]))
        if not self.perfect:
            mails = [mail for mail in mails if self.dice.random() >= LOST]
            mails += [mail for mail in mails if self.dice.random() < DOUBLED]
            self.dice.shuffle(mails)
        with self.world.database.durable() as conn:
            at = self.world.clock()
            inbox.file(conn, [Mail(connection, inbox.key_of(body), at, body) for _, connection, body in mails])
        self.untold -= {address for address, _, _ in mails}
        self.world.engine.hear()
        self.world.sim.advance(120)


@pytest.mark.parametrize("seed", range(2))
def test_a_tenth_lost_a_tenth_doubled_and_all_shuffled(tmp_path: Path, url: str | None, seed: int) -> None:
    """Three rounds at both platforms: after one look both hold what perfect delivery gives, and the meter equals the
    number of records whose last change arrived only by it, platform by platform."""
    pictures, counted = [], {}
    for name, perfect in (("perfect", True), ("bad", False)):
        for world in opened(tmp_path / name, None if perfect else url, both=True):
            for one in range(CROWD):
                world.hubspot.human_create({"email": f"crowd{one}@example.org", "lastname": "Dean"})
                world.mailchimp.human_subscribe(f"crowd{one}@example.org", {"LNAME": "Dean"})
            world.until_quiet()
            world.sim.advance(120)
            with world.database.read() as conn:
                before = meter.totals(conn)
            rounds = Rounds(world, random.Random(seed), perfect)
            for number in range(3):
                rounds.play(number)
            world.sync()
            with world.database.read() as conn:
                after = meter.totals(conn)
            counted[name] = {one: after[one].unheard - before[one].unheard for one in after}
            untold = [int(address[5:].partition("@")[0]) for address in rounds.untold]
            expected = {"hubspot": sum(not n % 2 for n in untold), "mailchimp": sum(n % 2 for n in untold)}
            assert counted[name] == expected
            assert world.sync().planned == 0
            pictures.append(world.picture())

    assert counted["perfect"] == {"hubspot": 0, "mailchimp": 0}
    assert sum(counted["bad"].values()) > 0
    assert pictures[0] == pictures[1]


def test_what_only_a_delivery_tells_is_compared_and_counted(tmp_path: Path, url: str | None) -> None:
    """Who left or was cleaned without a word of ours: told by a delivery, shown by the member or by the campaign's
    report, it is known why; where only the lost delivery said it, that is counted."""
    for world in opened(tmp_path, url, both=True, streams=("activity",)):
        box = world.mailchimp
        campaign = box.human_send_campaign("Bread")["id"]
        box.human_bounce("ada@example.org", campaign_id=campaign)
        box.human_bounce("ida@example.org")
        box.human_complain("hal@example.org")
        box.human_unsubscribe("max@example.org")
        body, _ = mailchimp("cleaned", 0.0, email="hal@example.org", campaign_id="", reason="abuse")
        with world.database.durable() as conn:
            inbox.file(conn, [Mail("mailchimp", "1", world.clock(), body)])
        world.engine.hear()
        world.sim.advance(120)

        world.sync()

        with world.database.read() as conn:
            total = meter.totals(conn)["mailchimp"]
        evidence = [row["evidence"] for row in world.rows(t.consent) if row["address"] == "max@example.org"]
        assert (total.unheard, total.unexplained) == (3, 1)
        assert any(text.startswith("Mailchimp: unsubscribed: ") for text in evidence)


def test_the_next_look_follows_the_meter() -> None:
    """Twice as long after each quiet look, a quarter after one that found something, never beyond its bounds."""

    def told(*unheard: int) -> float:
        return interval(60.0, [Reading("hubspot", 100 - n, 9, one) for n, one in enumerate(unheard)])

    assert [told(), told(0), told(0, 0), told(0, 3, 0), told(2, 0, 0)] == [60.0, 120.0, 240.0, 120.0, 15.0]
    assert told(*[0] * 50) == 60.0 * 16
