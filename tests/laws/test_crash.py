"""nothing_is_doubled, on the real connectors: a run that dies at any durable step, and is run again, ends like one that
did not; and so does a run in which a call that writes goes wrong in any of the ways that the sandbox knows.

A durable step is each commit, before and after it, and each remote call, before it and after its effect. What is
compared is what the platforms themselves hold then, and what the store makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import emptied
from tests.laws.mutants import CRASH_MUTANT
from tests.laws.sandboxed import STORY, Chapter, Sandboxed, Snapshot, one_at_a_time
from tests.laws.world import Killed

FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("lost_answer", {}),
    ("lost_request", {}),
    ("error_before", {}),
    ("error_after", {}),
    ("answer_twice", {}),
    ("rate_limit", {"retry_after": 1}),
    ("rate_limit", {"times": 9}),
    ("partial", {"category": "INTERNAL_ERROR"}),
    ("html", {}),
    ("html", {"status": 200}),
    ("timeout_after", {}),
)
SOME = 29
"""Quick runs kill a process at one step in so many; `long` at each, on both databases."""

READING = ("/search", "/batch/read")
HUBSPOT_PATHS = ("/crm", "/communication-preferences", "/account-info")

Picture = dict[str, list[Any]]


@dataclass(frozen=True)
class Told:
    """One chapter, told without interruption: how it began, the steps that its run took, what stood there at each of
    them (each state once, by its first step), and how it ended. `seen` is the number of steps by the count of the
    store and of the platforms."""

    chapter: Chapter
    start: Snapshot
    steps: tuple[str, ...]
    seen: int
    states: dict[int, Snapshot]
    platforms: Picture
    store: Picture


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandboxed]:
    """The town before its first sync, on SQLite and on PostgreSQL in turn."""
    url = None if request.param == "sqlite" else emptied(request.getfixturevalue("postgres"))
    opened = Sandboxed(tmp_path, url)
    opened.populate()
    with one_at_a_time():
        yield opened
    opened.close()


def told(world: Sandboxed, last: Chapter, *, story: Sequence[Chapter] = STORY, look_closely: bool = False) -> Told:
    """Tell *story* without interruption up to *last*, and with *look_closely* keep what stands at each step."""
    states: dict[int, Snapshot] = {}
    known: set[int] = set()

    def look(step: int) -> None:
        there = world.snapshot()
        if there.state not in known:
            known.add(there.state)
            states[step] = there

    for chapter in story:
        chapter.people(world)
        start = world.snapshot()
        world.restart()
        world.walked.begin(watch=look if look_closely and chapter is last else None)
        commits, calls = world.commits, world.calls()
        chapter.run(world)
        steps = tuple(world.walked.passed)
        seen = 2 * (world.commits - commits) + 2 * (world.calls() - calls)
        world.walked.watch = None
        _settle(world)
        if chapter is last:
            break
    return Told(chapter, start, steps, seen, states, world.picture(), world.remembered())


def _settle(world: Sandboxed) -> None:
    """Run until nothing is planned, three runs at the most."""
    assert world.until_quiet()[-1].planned == 0


def run_again(world: Sandboxed, one: Told, step: int) -> list[str]:
    """What differs at the end, where a run goes on from what an earlier one left behind when it died at *step*."""
    one.chapter.run(world)
    _settle(world)
    return [f"step {step}, {one.steps[step - 1]}: {text}" for text in differences(world, one)]


def found_so(world: Sandboxed, one: Told, step: int) -> list[str]:
    """The same from what stood there at *step*: a machine without power."""
    world.restore(one.states[step])
    return run_again(world, one, step)


def killed(world: Sandboxed, one: Told, step: int) -> list[str]:
    """The same from what a process leaves behind that an exception takes down at *step*."""
    world.restore(one.start)
    world.walked.begin(stop_at=step)
    with pytest.raises(Killed):
        one.chapter.run(world)
    world.restart()
    return run_again(world, one, step)


def differences(world: Sandboxed, one: Told, leave_out: str = "") -> list[str]:
    """What the platforms hold, and the store makes of it, other than at the uninterrupted end."""
    wrong = []
    for wanted, found in ((one.platforms, world.picture()), (one.store, world.remembered())):
        for kind in wanted.keys() - {leave_out}:
            wrong += [f"{kind} lack {line}" for line in wanted[kind] if line not in found[kind]]
            wrong += [f"{kind} have {line}" for line in found[kind] if line not in wanted[kind]]
            if not wrong and wanted[kind] != found[kind]:
                wrong.append(f"{kind} have something twice")
    return wrong


CHAPTERS = pytest.mark.parametrize("chapter", STORY, ids=lambda chapter: chapter.name.replace(" ", "_"))


@CHAPTERS
def test_nothing_is_doubled(world: Sandboxed, chapter: Chapter) -> None:
    """Stopped at any durable step and run again, all sides end exactly as in the uninterrupted run."""
    one = told(world, chapter, look_closely=world.database.is_sqlite)
    found = [text for step in one.states for text in found_so(world, one, step)]
    found += [text for step in range(1, len(one.steps) + 1, SOME) for text in killed(world, one, step)]
    print(
        f"\n{chapter.name}: {len(one.steps)} durable steps, {one.seen} by the count of store and platforms; "
        f"{len(one.states)} different states tried"
    )

    assert one.seen == len(one.steps)
    assert found == []


@pytest.mark.long
@CHAPTERS
def test_nothing_is_doubled_by_a_kill_at_any_step(world: Sandboxed, chapter: Chapter) -> None:
    """The same at every step on both databases, by an exception that nothing catches."""
    one = told(world, chapter)
    found = [text for step in range(1, len(one.steps) + 1) for text in killed(world, one, step)]
    print(f"\n{chapter.name}: killed at each of {len(one.steps)} durable steps")

    assert found == []


def writes_in(one: Told) -> list[tuple[str, str, int]]:
    """The calls of this chapter that write: method, path, and how many of the same came before."""
    found: list[tuple[str, str, int]] = []
    for step in one.steps:
        word, method, path = ([*step.split(" ", 2), ""])[:3]
        if word == "before" and method in ("POST", "PATCH", "PUT", "DELETE") and not path.endswith(READING):
            found.append((method, path, sum(known[:2] == (method, path) for known in found)))
    return found


def gone_wrong(
    world: Sandboxed, one: Told, call: tuple[str, str, int], kind: str, more: dict[str, Any]
) -> list[str] | None:
    """What differs at the end where *call* goes wrong in this way; None where it cannot."""
    world.restore(one.start)
    method, path, skip = call
    box = world.hubspot if path.startswith(HUBSPOT_PATHS) else world.mailchimp
    before = box.faults.seen[kind]
    box.faults.add(kind, method=method, path=path, skip=skip, **more)
    one.chapter.run(world)
    if box.faults.seen[kind] == before:
        return None
    box.faults.clear()
    _settle(world)
    # A person who is made elsewhere one run later is founded by another record.
    return [f"{kind} {more or ''} at {method} {path} ({skip}): {text}" for text in differences(world, one, "ids")]


def everything_goes_wrong(world: Sandboxed, one: Told, share: int) -> tuple[int, list[str]]:
    """How many pairs of call and fault were tried, one in *share* of all, and what differed."""
    tried, wrong = 0, []
    for place, call in enumerate(writes_in(one)):
        for turn, (kind, more) in enumerate(FAULTS):
            if (place + turn) % share == 0:
                found = gone_wrong(world, one, call, kind, more)
                tried += found is not None
                wrong += found or []
    return tried, wrong


@CHAPTERS
@pytest.mark.parametrize("share", [pytest.param(1, marks=pytest.mark.long), 9], ids=["all", "some"])
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_nothing_is_doubled_where_a_write_goes_wrong(world: Sandboxed, chapter: Chapter, share: int) -> None:
    """Each call that writes loses its answer, fails before and after its effect, is busy, is answered twice, in part,
    late or by a page: all sides end as if it had not."""
    one = told(world, chapter)
    tried, wrong = everything_goes_wrong(world, one, share)
    print(f"\n{chapter.name}: {len(writes_in(one))} calls that write, {tried} times one of {len(FAULTS)} faults")

    assert tried > 0
    assert wrong == []


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_the_mutant_of_nothing_is_doubled_dies(
    world: Sandboxed, record_property: Callable[[str, object], None]
) -> None:
    """An engine that writes its intents down when they are answered, not before they leave, ends well where nothing
    happens, and is caught by a crash."""
    with CRASH_MUTANT.broken():
        one = told(world, STORY[0], look_closely=True)
        after_writes = [step for step in one.states if one.steps[step - 1].startswith(("after POST", "after PATCH"))]
        caught = next((step for step in after_writes if found_so(world, one, step)), 0)
    died = f"dies at durable step {caught} of {len(one.steps)}"
    record_property("mutant", (CRASH_MUTANT.law, CRASH_MUTANT.wrong, died))

    assert caught > 0
