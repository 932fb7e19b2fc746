"""The laws hold where drains of different connections overlap: whatever one comes to know while another waits for its
platform is heeded, and nothing of it is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Later
from sync import dues
from sync.store import schema as t
from tests.laws import histories as told
from tests.laws.histories import JUDGES, History, breaches, histories, quiet
from tests.laws.liar import Row
from tests.laws.overlap import Overlapping
from tests.laws.world import World
from tests.laws.world_streams import Op


def judged(history: History, seed: int, monkeypatch: pytest.MonkeyPatch, seen: Counter[str]) -> dict[str, list[str]]:
    """What *history* breaks when its runs overlap as *seed* has it."""
    worlds: list[Overlapping] = []

    def of(history: History) -> World:
        world = Overlapping(
            seed=seed,
            platforms=history.platforms,
            rewrites=history.rewrites,
            create=history.create,
            trust=history.trust,
            streams=history.streams,
        )
        worlds.append(world)
        return world

    with monkeypatch.context() as patch:
        patch.setattr(told, "of", of)
        found = breaches(history)
    seen["overlapped"] += worlds[0].deepest > 1
    seen["turned away"] += worlds[0].clashes > 0
    return found


def played(examples: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """So many histories; how many of them overlapped."""
    seen: Counter[str] = Counter()

    @quiet(examples)
    @given(history=histories(), seed=st.integers(0, 1 << 30))
    def play(history: History, seed: int) -> None:
        found = judged(history, seed, monkeypatch, seen)

        assert found == {}

    play()
    return seen


def test_the_laws_hold_where_drains_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every law, in a dozen histories."""
    seen = played(12, monkeypatch)

    assert seen["overlapped"] > 6
    assert seen["turned away"] > 0


@pytest.fixture
def world() -> Iterator[Overlapping]:
    """Two platforms in agreement; drains happen where a test says."""
    made = Overlapping()
    made.chance = 0.0
    made.begin()
    yield made
    made.close()


def of(world: Overlapping, here: str, email: str) -> Row:
    """Somebody's record at a platform."""
    liar = next(liar for liar in world.liars if liar.here == here)
    rows: list[Row] = [row for row in liar.state.rows.values() if row.email.lower() == email]
    return rows[0]


def on_both(world: Overlapping) -> list[str]:
    """Who has a record on both sides."""
    here, there = ({row.email.lower() for row in liar.state.rows.values()} for liar in world.liars)
    return sorted(here & there)


def carried(world: Overlapping) -> None:
    """Drain whatever is due until nothing is."""
    for _ in range(10):
        with world.database.read() as conn:
            due = [one.connection for one in dues.known(conn).values() if one.carries()]
        if not due:
            return
        for name in due:
            world.drains[name].hear([name])
    raise AssertionError("it never came to an end")


def test_what_is_planned_while_a_write_is_under_way_is_not_lost(world: Overlapping) -> None:
    """Edited again while the first edit goes across: the second one arrives as well."""
    who = on_both(world)[0]
    world.liars[1].edit(of(world, "b", who).id, given_name="First")
    world.drains["b"].sync(["b"])

    def again() -> None:
        world.liars[1].edit(of(world, "b", who).id, given_name="Second")
        world.drains["b"].sync(["b"])

    world.during = again
    world.drains["a"].hear(["a"])
    carried(world)

    assert of(world, "b", who).fields["given_name"] == "Second"
    assert of(world, "a", who).fields["given_name"] == "Second"


def test_what_is_learnt_between_plan_and_write_is_heeded(world: Overlapping, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that is not the chosen one any more when its turn comes is never sent."""
    first, second = on_both(world)[:2]
    for who in (first, second):
        world.liars[1].edit(of(world, "b", who).id, given_name="Old")
    world.drains["b"].sync(["b"])
    monkeypatch.setattr(world.liars[0], "batch", 1)  # the second leaves after the first

    def meanwhile() -> None:
        for who in (first, second):
            world.liars[1].edit(of(world, "b", who).id, given_name="New")
        world.drains["b"].sync(["b"])

    world.during = meanwhile
    balance = world.drains["a"].hear(["a"])
    carried(world)
    sent = [row["row"] for row in world.rows(t.write) if row["connection"] == "a" and '"Old","newest"' in row["row"]]

    assert balance.connections["a"].moved == 1
    assert len(sent) == 1
    assert {of(world, "a", who).fields["given_name"] for who in (first, second)} == {"New"}


def test_what_a_broken_off_look_showed_does_not_travel(world: Overlapping) -> None:
    """Before the guards have seen the whole of it; when they have, it does."""
    first, second = on_both(world)[:2]
    b, looks = world.liars[1], [0]
    b.page_size = 1
    for who in (first, second):
        b.edit(of(world, "b", who).id, given_name="Early")

    def breaks_off() -> None:
        looks[0] += 1
        if looks[0] == 2:
            raise Later("broke off after the first page", platform="b")

    b.looked = breaks_off
    failed = world.drains["b"].sync(["b"])
    world.drains["a"].sync(["a"])
    early = [of(world, "a", who).fields["given_name"] for who in (first, second)]
    b.looked = lambda: None
    world.drains["b"].sync(["b"])
    carried(world)

    assert list(failed.failures) == ["b"]
    assert "Early" not in early
    assert [of(world, "a", who).fields["given_name"] for who in (first, second)] == ["Early", "Early"]


def test_who_was_made_and_who_was_found_get_ids_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one batch of creates one was made, and another was there already, because somebody else was at it, too: both
    got the same id once."""
    rewrites = ((2, "city", "lower"), (2, "family_name", "trim"), (1, "city", "trim"))
    ops = (Op("lie", 3, 8, 1, 1), Op("stranger", 2, 11, 5, 9))
    history = History(ops, 3, True, rewrites, trust=True, streams=True)

    assert judged(history, 4699, monkeypatch, Counter()) == {}


@pytest.mark.long
def test_the_laws_hold_where_drains_overlap_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every law, in a thousand histories."""
    seen = played(1000, monkeypatch)
    print(f"1000 histories, {seen['overlapped']} of them with overlapping drains, laws: {', '.join(JUDGES)}")

    assert seen["overlapped"] > 800
