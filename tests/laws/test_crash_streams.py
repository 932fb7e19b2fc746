"""nothing_is_doubled, with every stream on and segments shown as tags and lists: a run that dies at any durable step
and is run again leaves the same tags, lists and facts as one that did not, and has set nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mapping.model import ON_LIST
from sync.store import schema as t
from tests.conftest import emptied
from tests.laws.sandboxed import Chapter, one_at_a_time
from tests.laws.streamed import FULL_STORY, TITLES, Streamed
from tests.laws.test_crash import READING, Told, killed, told

KILLS = {True: (5, 3), False: (3, 2)}
"""Quick runs kill a chapter's process so often right after a write took effect, and so often anywhere: on SQLite, and
on PostgreSQL. `long` does at each step on SQLite, and at one in `SOME` on PostgreSQL."""
SOME = 7


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Streamed]:
    """The whole town before its first sync, on SQLite and on PostgreSQL in turn."""
    url = None if request.param == "sqlite" else emptied(request.getfixturevalue("postgres"))
    opened = Streamed(tmp_path, url)
    opened.populate()
    with one_at_a_time():
        yield opened
    opened.close()


BADGED = ("tags", ON_LIST)
WROTE = ("after POST", "after PATCH", "after PUT", "after DELETE")
CHAPTERS = pytest.mark.parametrize("chapter", FULL_STORY, ids=lambda chapter: chapter.name.replace(" ", "_"))

BADGES: dict[str, dict[str, dict[str, str]]] = {
    # Ada and Di were called together, Nia alone, Lea and Max together; Nia writes no letters, Di did not opt in.
    "first sync": {
        "called": {"hubspot": "ada di lea max nia", "mailchimp": "ada di lea max", "news": "ada lea max"},
        "readers": {"hubspot": "hal max", "mailchimp": "hal max"},
        "near": {"hubspot": "ada bob", "mailchimp": "ada bob"},
        "buyers": {"hubspot": "di ida kim", "mailchimp": "di ida k"},
    },
    # Ada's call is deleted, Nia's was with Gus; Max is taken off by hand, Eve's tag was put on by hand. Quin waits.
    "busy day": {
        "called": {"hubspot": "bob gus hal lea", "mailchimp": "bob eve hal lea max", "news": "hal lea max"},
        "readers": {"hubspot": "bob cy max", "mailchimp": "bob cy max"},
        "near": {"hubspot": "ada cy nia", "mailchimp": "cy"},
        "buyers": {"hubspot": "bob cy hal ida", "mailchimp": "bob cy hal ida", "news": "hal"},
    },
    # As it was before, but for what people did by hand, and for Quin, who is known by now.
    "undo": {
        "called": {"hubspot": "ada di lea nia quin", "mailchimp": "ada di eve lea max", "news": "ada lea max"},
        "readers": {"hubspot": "hal max", "mailchimp": "hal max"},
        "near": {"hubspot": "ada bob", "mailchimp": "bob"},
        "buyers": {"hubspot": "di ida kim", "mailchimp": "di ida k", "news": ""},
    },
}
"""Who shows which segment where when each chapter is told, by hand from what happens in it."""


def who_shows(world: Streamed) -> dict[str, dict[str, str]]:
    """Who shows which segment at which place, by the first parts of their addresses."""
    found = {name: world.badges()[title] for name, title in TITLES.items()}
    return {
        name: {place: " ".join(email.partition("@")[0] for email in emails) for place, emails in where.items()}
        for name, where in found.items()
    }


def steps_of(one: Told, after_writes: int, anywhere: int) -> list[int]:
    """So many steps of a chapter, evenly spread: right after a write took effect, and of all."""
    numbered = list(enumerate(one.steps, 1))
    wrote = [number for number, what in numbered if what.startswith(WROTE) and not what.endswith(READING)]
    return sorted({*_spread(wrote, after_writes), *_spread([number for number, _ in numbered], anywhere)})


def _spread(numbers: Sequence[int], many: int) -> list[int]:
    return [numbers[len(numbers) * (2 * place + 1) // (2 * many)] for place in range(many)]


def test_nothing_is_doubled_with_streams_on(world: Streamed) -> None:
    """Stopped at a durable step and run again: the same people, consent, tags, lists and facts, and each value set as
    often as in the uninterrupted run; and those tags and lists are the ones that the story asks for."""
    found, empty = list[str](), ["stored passages"]  # who is in a segment at its first evaluation did not enter it
    for chapter in FULL_STORY:
        one = told(world, chapter, story=(chapter,))
        end, shown = world.snapshot(), who_shows(world)
        steps = steps_of(one, *KILLS[world.database.is_sqlite])
        print(
            f"\n{chapter.name}, all streams on: {len(one.steps)} durable steps, {one.seen} by the count of store and "
            f"platforms; killed at {', '.join(map(str, steps))}"
        )
        found += [text for step in steps for text in killed(world, one, step)]
        world.restore(end)

        assert shown == BADGES[chapter.name]
        assert one.seen == len(one.steps)
        assert [kind for kind, lines in one.store.items() if kind.startswith("stored") and not lines] == empty
        empty = []
    assert found == []


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_who_leaves_a_segment_keeps_the_subscription(world: Streamed) -> None:
    """Four leave segments on the busy day and stay subscribed; two leave the newsletter by its link, and nobody else is
    taken off or put back. What people did to badges is listed, and what we did to them is nobody's edit."""
    for chapter in FULL_STORY[:2]:
        told(world, chapter, story=(chapter,))
    before, after = BADGES["first sync"], BADGES["busy day"]
    left = {
        who for name in TITLES for who in set(before[name]["mailchimp"].split()) - set(after[name]["mailchimp"].split())
    }
    status = {member.email.partition("@")[0]: member.status for member in world.members()}

    assert left == {"ada", "bob", "di", "hal", "k"}
    assert {who: status[who] for who in left} == {
        **dict.fromkeys(("ada", "bob", "di", "hal"), "subscribed"),
        "k": "cleaned",  # by the complaint
    }
    assert {who for who, one in status.items() if one == "unsubscribed"} == {"cy", "eve", "fay", "jon", "max"}
    assert [
        (f["connection"], f["name"], f["detail"]) for f in world.rows(t.finding) if f["name"].startswith(BADGED)
    ] == [
        ("mailchimp", "tags", f"{TITLES['near']!r} was taken off there by hand"),
        ("hubspot", ON_LIST + TITLES["called"], "was taken off the list there by hand"),
    ]
    assert sorted(line["because"] for line in world.rows(t.journal) if line["name"].startswith(BADGED)) == [
        "edited at hubspot",  # a choice
        "edited at mailchimp",  # Ada's own tag, and her badge
    ]
    assert (world.hubspot.refused, world.mailchimp.refused, world.mailchimp.resubscribed) == ([], [], [])


@pytest.mark.long
@CHAPTERS
def test_nothing_is_doubled_with_streams_on_by_a_kill_at_any_step(world: Streamed, chapter: Chapter) -> None:
    """The same at every step."""
    one = told(world, chapter, story=FULL_STORY)
    steps = range(1, len(one.steps) + 1, 1 if world.database.is_sqlite else SOME)
    found = [text for step in steps for text in killed(world, one, step)]
    print(f"\n{chapter.name}, all streams on: killed at {len(steps)} of {len(one.steps)} durable steps")

    assert found == []
