"""What others hear: each thing that happens once, with one id, whoever is killed meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.mailchimp import LIST
from sync import events
from sync.events_kinds import KINDS, sample
from sync.store import schema as t
from sync.store import schema_events as e
from tests.conftest import emptied
from tests.laws.sandboxed import Sandboxed, one_at_a_time
from tests.laws.streamed import CALL, Streamed
from tests.laws.world import Killed
from tests.webhooks.listening import Ear, listen, vault_of
from webhooks import outgoing

ANN = "ada@example.org"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else emptied(request.getfixturevalue("postgres"))


@pytest.fixture
def world(url: str | None, tmp_path: Path) -> Iterator[Sandboxed]:
    """The town with all of its streams and segments, in agreement."""
    opened = Streamed(tmp_path, url, second=False)
    opened.populate()
    with one_at_a_time():
        opened.until_quiet()
        opened.sim.advance(120)
        yield opened
    opened.close()


def person_of(world: Sandboxed, address: str) -> str:
    return next(str(row["id"]) for row in world.rows(t.person) if row["email"] == address)


def happen(world: Sandboxed) -> None:
    """Somebody new, an edit, a call, somebody who leaves; then a run."""
    world.hubspot.human_create({"email": "zoe@example.org", "firstname": "Zoe"})
    world.hubspot.human_update(world.contact_id(ANN), {"lastname": "Newname"})
    stamp = world.sim().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    world.hubspot.human_create_object(
        "calls", {**CALL, "hs_timestamp": stamp}, {"contacts": [world.contact_id("bob@example.org")]}
    )
    world.mailchimp.human_unsubscribe(subscribed(world))


def subscribed(world: Sandboxed) -> str:
    members = world.mailchimp.state.audiences[LIST].members.values()
    return next(one.email for one in members if one.status == "subscribed" and one.email != ANN)


def test_what_happens_is_told_once(world: Sandboxed, tmp_path: Path) -> None:
    """Nothing of the past; then one event for each thing, none again by a second run, and no values but our fields."""
    ear = Ear()
    _, sender = listen(world.database, tmp_path, ear, *KINDS)
    ann, left = person_of(world, ANN), subscribed(world)
    happen(world)

    world.engine.sync()
    sender.send()
    once = len(ear.hears)
    told = {kind: ear.told(kind) for kind in KINDS}
    world.engine.sync()
    sender.send()

    assert [one["email"] for one in told["person.created"]] == ["zoe@example.org"]
    assert [one["changed"] for one in told["person.updated"] if one["person"] == ann] == [["family_name"]]
    assert [(one["address"], one["state"]) for one in told["consent.changed"]] == [(left, "withdrawn")]
    assert [(one["person"], one["kind"]) for one in told["touchpoint.recorded"] if one["kind"] == "called"] == [
        (person_of(world, "bob@example.org"), "called")
    ]
    assert ("called", person_of(world, "bob@example.org")) in {
        (one["segment"], one["person"]) for one in told["segment.entered"]
    }
    assert [(one["kind"], one["failed"]) for one in told["run.finished"]] == [("sync", [])]
    assert {one["type"] for one in ear.hears[once:]} == {"run.finished"}
    assert max(Counter(one["id"] for one in ear.hears).values()) == 1


def test_merges_are_told_with_both_ids(world: Sandboxed, tmp_path: Path) -> None:
    """Two contacts merged there are one person here: the id that ends is told with the one that stays."""
    ear = Ear()
    _, sender = listen(world.database, tmp_path, ear, "person.merged", "person.created")
    known = {str(row["id"]) for row in world.rows(t.person)}
    keep, lose = world.contact_id(ANN), world.contact_id("bob@example.org")
    world.hubspot.human_merge(keep, lose)

    world.engine.sync(full=True)
    sender.send()

    ended = known - {str(row["id"]) for row in world.rows(t.person)}
    assert len(ended) == 1
    assert [one["merged"] for one in ear.told("person.merged")] == list(ended)
    assert ear.told("person.merged")[0]["person"] == person_of(world, ANN)
    assert ear.told("person.created") == []


def test_a_guard_is_told_once(world: Sandboxed, tmp_path: Path) -> None:
    """A connection that a guard stops is told when it stops, not at each run while it stays so."""
    ear = Ear()
    _, sender = listen(world.database, tmp_path, ear, "guard.stopped")
    stop = '[{"connection":"mailchimp","brake":"deletes","size":9,"text":"9 of 10 are gone"}]'
    with world.database.write() as conn:
        conn.execute(t.connection.update().where(t.connection.c.name == "mailchimp").values(stopped=stop))

    world.engine.sync()
    world.engine.sync()
    sender.send()

    told = {"connection": "mailchimp", "brake": "deletes", "text": "9 of 10 are gone", "size": 9}
    assert ear.told("guard.stopped") == [told]


def test_what_waits_for_a_person_is_told(world: Sandboxed, tmp_path: Path) -> None:
    """A finding that asks for a decision is told once while it stands, and again when it comes back."""
    ear = Ear()
    _, sender = listen(world.database, tmp_path, ear, "review.requested")
    ann = person_of(world, ANN)
    row = {"person": ann, "kind": "review", "connection": "hubspot", "record": 1, "name": "phone", "detail": "secret"}

    for there in (True, True, False, True):
        with world.database.write() as conn:
            conn.execute(t.finding.delete().where(t.finding.c.person == ann))
            conn.execute(t.finding.insert().values(**row)) if there else None
            conn.execute(e.stirred.insert().values(person=ann))
        events.derive(world.database, world.clock())
    sender.send()

    assert (
        ear.told("review.requested")
        == [{"person": ann, "kind": "review", "connection": "hubspot", "field": "phone"}] * 2
    )
    assert len({one["id"] for one in ear.hears}) == 2


def test_nobody_listens_nothing_is_kept(world: Sandboxed) -> None:
    """Without a subscription no event is derived and nothing is noted."""
    happen(world)
    world.engine.sync()

    assert not any(world.rows(table) for table in (e.event, e.delivery, e.stirred, e.stirred_touch, e.told))


def test_who_comes_back_is_not_told_the_past(world: Sandboxed, tmp_path: Path) -> None:
    """After a time in which nobody listened, what happened meanwhile is no news, and new news has new ids."""
    ear = Ear()
    first, sender = listen(world.database, tmp_path, ear, "person.updated")
    world.hubspot.human_update(world.contact_id(ANN), {"lastname": "One"})
    world.engine.sync()
    sender.send()
    outgoing.remove(world.database, vault_of(world.database, tmp_path), first.id)
    world.hubspot.human_update(world.contact_id(ANN), {"lastname": "Two"})
    world.engine.sync()
    _, sender = listen(world.database, tmp_path, ear, "person.updated")
    world.hubspot.human_update(world.contact_id(ANN), {"lastname": "Three"})
    world.engine.sync()
    sender.send()

    assert [one["fields"]["family_name"] for one in ear.told("person.updated")] == ["One", "Three"]
    assert len({one["id"] for one in ear.hears}) == 2


def test_old_events_are_forgotten(world: Sandboxed, tmp_path: Path) -> None:
    """Delivered ones with their deliveries and attempts; one that still waits stays."""
    ear = Ear(answers=[500])
    listen(world.database, tmp_path, ear, "run.finished")
    world.engine.sync()
    with world.database.write() as conn:
        kept = events.forget(conn, world.clock() + 1)
        conn.execute(e.delivery.update().values(state=e.DELIVERED))
        gone = events.forget(conn, world.clock() + 1)

    assert kept == 0
    assert gone >= 1
    assert not any(world.rows(table) for table in (e.event, e.delivery, e.attempt))


def test_samples_look_like_events(world: Sandboxed, tmp_path: Path) -> None:
    """What the documents show of each kind has the very names that real ones have."""
    ear = Ear()
    _, sender = listen(world.database, tmp_path, ear, *KINDS)
    happen(world)
    world.engine.sync()
    sender.send()

    found = {one["type"]: one for one in ear.hears}
    assert {"person.created", "segment.entered", "consent.changed", "touchpoint.recorded", "run.finished"} <= set(found)
    for kind, one in found.items():
        assert (set(sample(kind)), set(sample(kind)["data"])) == (set(one), set(one["data"])), kind


def test_killed_anywhere_everything_is_told_with_one_id(
    url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at each durable step from the run's end to the last note, and run again: the same events with the same
    ids; more than once only what was answered and not noted."""
    world = Streamed(tmp_path, url, second=False)
    world.populate()
    with one_at_a_time():
        world.until_quiet()
        world.sim.advance(120)
        ear = Ear()
        _, sender = listen(world.database, tmp_path, ear, "person.created", "person.updated", "consent.changed")
        happen(world)
        with monkeypatch.context() as patch:
            patch.setattr(events, "derive", lambda *_: 0)
            world.engine.sync()
        kept = world.snapshot()
        ear.before, ear.after = lambda: world.walked("before telling"), lambda: world.walked("after telling")

        def work() -> None:
            events.derive(world.database, world.clock())
            while sender.send():
                pass

        world.walked.begin()
        work()
        steps, right, again = len(world.walked.passed), sorted(one["id"] for one in ear.hears), 0
        for stop_at in range(1, steps + 1):
            world.restore(kept)
            ear.hears.clear()
            world.walked.begin(stop_at)
            with pytest.raises(Killed):
                work()
            world.walked.begin()
            work()
            heard = Counter(one["id"] for one in ear.hears)
            assert sorted(heard) == right
            again += sum(heard.values()) - len(right)
    world.close()

    assert len(right) > 2
    assert again == 2 * len(right)  # killed before the answer was seen, and before its note was kept
