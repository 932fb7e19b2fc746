"""every_write_can_be_undone, order_does_not_matter: laws about pairs of worlds."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mapping.model import WriteKind
from sync.store import schema as t
from tests.laws.histories import History, histories, of, quiet
from tests.laws.world import World

QUIET = quiet(25)
EVENTS = ("edit", "edit", "edit", "clear", "tag", "add", "leave", "move", "settle")


def undoing_leaves(history: History) -> list[str]:
    """What is not as it was after a run was taken back: fields that a person did not touch, and the next plan."""
    world = of(history)
    try:
        world.begin()
        world.play(history.ops)
        before, listed = [liar.picture() for liar in world.liars], [liar.listed() for liar in world.liars]
        done = world.sync()
        applied = [row for row in world.rows(t.write) if row["run"] == done.run and row["state"] == "applied"]
        if not any(row["kind"] != WriteKind.OPT_OUT for row in applied):
            return []
        world.engine.undo(done.run)
        wrong = _differences(before, [liar.picture() for liar in world.liars])
        wrong += [
            f"on lists are {liar.listed()}, before {was}"
            for liar, was in zip(world.liars, listed, strict=True)
            if liar.listed() != was
        ]
        after = world.sync(dry_run=True)
        return wrong + ([f"the plan after an undo has {after.planned} writes"] if after.planned else [])
    finally:
        world.close()


def _differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """What an undo did not bring back. Opt-outs stand, and what a create made is put away, not removed."""
    wrong = []
    for left, right in zip(before, after, strict=True):
        for identity, (email, fields, _, gone, archived) in right.items():
            if identity not in left:
                wrong += [] if archived or gone else [f"{identity} was created and is still there"]
            elif (email, fields) != left[identity][:2]:
                wrong.append(f"{identity} shows {email} {fields}, before {left[identity][:2]}")
    return wrong


@QUIET
@given(history=histories(EVENTS, rewrites=((0, "phone", "trim"),)))
def test_every_write_can_be_undone(history: History) -> None:
    """Undo brings back what stood there, and the plan right after is empty."""
    assert undoing_leaves(history) == []


def order_matters(history: History, first: int, second: int, backwards: bool) -> list[str]:
    """What differs when pages have another size and connections another order."""
    ends = []
    for size, turned in ((first, False), (second, backwards)):
        world = World(platforms=history.platforms, create=False, trust=history.trust, streams=history.streams)
        try:
            for liar in world.liars:
                liar.page_size = size
                liar.backwards = turned
            if turned:
                connections = world.engine.connections
                backward = list(reversed(connections.items()))
                connections.clear()
                connections.update(backward)
            world.begin()
            world.play(history.ops)
            world.settle(3)
            there = [(liar.picture(), liar.listed()) for liar in world.liars]
            ends.append((there, world.people_by_remote(), world.values_by_remote()))
        finally:
            world.close()
    return (
        []
        if ends[0] == ends[1]
        else [f"{left} became {right}" for left, right in zip(*ends, strict=True) if left != right]
    )


@QUIET
@given(
    history=histories(("edit", "edit", "clear", "add", "leave", "tag", "sync")),
    first=st.integers(1, 4),
    second=st.integers(1, 4),
    backwards=st.booleans(),
)
def test_order_does_not_matter(history: History, first: int, second: int, backwards: bool) -> None:
    """Pages and connections in any order give the same people and the same values."""
    assert order_matters(history, first, second, backwards) == []
