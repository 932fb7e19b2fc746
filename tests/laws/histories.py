"""Histories: perturbations of an agreed state, played to their end and judged by every law.

`played` keeps nothing between histories. A law is a function from a finished history to what broke it, so the same
judge serves the law's test, its mutant and the long run's table.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from mapping.decisions import DecisionKind
from mapping.model import BADGE, ON_LIST
from sync.balance import Balance
from sync.store import schema as t
from sync.writes import SEGMENT
from tests.laws.liar import REWRITES
from tests.laws.world import FIELDS, World
from tests.laws.world_streams import Op

KINDS = (
    *("edit",) * 7,
    *("clear", "tag", "tag", "add", "delete", "leave", "come_back", "tick_on", "move", "fault", "lose", "lose", "late"),
    *(
        "minutes",
        "sync",
        "sync",
        "rehearse",
        "hide",
        "kill",
        "kill",
        "meanwhile",
        "undo",
        "undo",
        "settle",
        "split",
        "join",
        "join",
        "erase",
        "return",
    ),
)
STREAM_KINDS = (
    *("call", "call", "change_call", "delete_call", "open", "open", "open", "stranger", "stranger"),
    *("badge_off", "badge_on", "list_off", "midway", "lie", "lie", "lie"),
)
"""What else happens where streams are on."""


def quiet(examples: int, *, same_each_time: bool = True) -> settings:
    """Hypothesis as the laws use it: the same histories each time, and a failure shown as found (a history takes a
    third of a second, so shrinking one would take minutes)."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=same_each_time,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


@dataclass(frozen=True, slots=True)
class History:
    """What a world is like, and what happens in it."""

    ops: tuple[Op, ...]
    platforms: int = 2
    create: bool = False
    rewrites: tuple[tuple[int, str, str], ...] = ()
    trust: bool = False
    streams: bool = False


def _op(kinds: Sequence[str]) -> st.SearchStrategy[Op]:
    small = st.integers(0, 11)
    return st.builds(Op, st.sampled_from(kinds), small, small, small, small)


def histories(
    kinds: Sequence[str] = KINDS,
    rewrites: tuple[tuple[int, str, str], ...] = (),
    most: int = 12,
    *,
    streams: bool | None = None,
) -> st.SearchStrategy[History]:
    """Histories of the given kinds of event, on platforms that rewrite by *rewrites* or as they please. Streams are on
    in one of three, and there as much again happens beside the records; with *streams* they are on or off in each, and
    just *kinds* happen."""
    rewrite = st.tuples(st.integers(0, 2), st.sampled_from(FIELDS), st.sampled_from(sorted(REWRITES)))

    def of(happens: Sequence[str], on: bool) -> st.SearchStrategy[History]:
        return st.builds(
            History,
            st.lists(_op(happens), min_size=2, max_size=most).map(tuple),
            st.sampled_from((2, 2, 3)),
            st.booleans(),
            st.just(rewrites) if rewrites else st.lists(rewrite, max_size=3).map(tuple),
            st.booleans(),
            st.just(on),
        )

    if streams is not None:
        return of(kinds, streams)
    without, beside = of(kinds, False), of((*kinds, *STREAM_KINDS, *STREAM_KINDS), True)
    return st.sampled_from((False, False, True)).flatmap(lambda on: beside if on else without)


def thrown(chance: int) -> History:
    """A history by dice: each event is as likely as it stands in the lists, whatever came before. Hypothesis likes to
    repeat itself, and of what it draws many lack the same things."""
    dice = random.Random(chance)
    streams = dice.random() < 1 / 3
    kinds = (*KINDS, *STREAM_KINDS, *STREAM_KINDS) if streams else KINDS
    rewrites = [
        (dice.randrange(3), dice.choice(FIELDS), dice.choice(sorted(REWRITES))) for _ in range(dice.randint(0, 3))
    ]
    return History(
        tuple(Op(dice.choice(kinds), *(dice.randrange(12) for _ in range(4))) for _ in range(dice.randint(2, 12))),
        dice.choice((2, 2, 3)),
        dice.random() < 0.5,
        tuple(rewrites),
        dice.random() < 0.5,
        streams,
    )


@dataclass
class Played:
    """A history at its end: settled, one run more, rebuilt, and looked at from all sides."""

    world: World
    last: Balance
    before_rebuild: list[dict[str, Any]]
    after_rebuild: list[dict[str, Any]]
    members: Sequence[list[dict[str, Any]]] = ([], [])  # of segments, before and after the rebuild
    early: Sequence[str] = ()  # facts that were lost after one quiet look, before everything was read again
    breaches: dict[str, list[str]] = field(default_factory=dict)


def of(history: History) -> World:
    """The world that a history happens in."""
    return World(
        platforms=history.platforms,
        rewrites=history.rewrites,
        create=history.create,
        trust=history.trust,
        streams=history.streams,
    )


@contextmanager
def played(history: History) -> Iterator[Played]:
    """Play *history* and settle; the world is closed at the end of the block."""
    world = of(history)
    try:
        world.begin()
        world.play(history.ops)
        early = lost_early(world) if world.streams else []
        world.settle(3)
        last = world.sync()
        before, members = world.rows(t.person), world.rows(t.member)
        world.engine.rebuild()
        yield Played(world, last, before, world.rows(t.person), (members, world.rows(t.member)), early)
    finally:
        world.close()


def lost_early(world: World) -> list[str]:
    """What is lost after a run that reads only what is new: a full one may find again what others lose."""
    world.calm()
    world.sync()
    return world.lost_facts()


# ---- the laws, as judges ---------------------------------------------------------------------------------------


def nothing_is_lost(end: Played) -> list[str]:
    """Balances close, intents end, every record is in the store, what we overwrote is written down, and every call and
    open is filed, or waits for who did it."""
    world = end.world
    wrong = [f"balance of run {one.run} does not close" for one in world.balances if not one.closes()]
    writes = world.rows(t.write)
    wrong += [f"write {write['id']} never ended" for write in writes if write["state"] == "intended"]
    stored = {(record["connection"], record["remote_id"]) for record in world.rows(t.record)}
    stored |= {(refused["connection"], refused["remote_id"]) for refused in world.rows(t.refusal)}  # kept out
    for liar in world.liars:  # one that came and went between two looks nobody could have seen
        there = ((liar.here, i) for i, row in liar.state.rows.items() if not row.gone)
        wrong += [f"{key} is not stored" for key in there if key not in stored]
    lines = {(line["record"], line["name"], line["after"]) for line in world.rows(t.journal)}
    for record in world.rows(t.document):
        for name, claim in msgspec.json.decode(record["memory"])[9].items():
            if claim[3] in ("edit", "clear") and "\x1f" not in name:
                line = (record["record"], name, msgspec.json.encode(claim[0]).decode())
                wrong += [] if line in lines else [f"no line in the journal for {line}"]
    return [*wrong, *world.still_known(), *(world.lost_facts() if world.streams else []), *end.early]


def nothing_is_doubled(end: Played) -> list[str]:
    """No platform has two records that we made for one person, or two lists of one name; no event counts twice."""
    wrong = end.world.doubled_facts() if end.world.streams else []
    for liar in end.world.liars:
        keys = Counter(row.key for row in liar.state.rows.values() if row.key and not row.gone)
        wrong += [f"{liar.here} has {count} records made for {key}" for key, count in keys.items() if count > 1]
        rows = [row for row in liar.state.rows.values() if not row.gone]
        addresses = Counter(row.email.lower() for row in rows)
        ours = {row.email.lower() for row in rows if row.key}
        wrong += [f"{liar.here} has {a} {n} times" for a, n in addresses.items() if n > 1 and a in ours]
    return wrong


def it_settles(end: Played) -> list[str]:
    """Three runs after the last event the plan is empty."""
    return [f"{end.last.planned} writes still planned"] if end.last.planned else []


def it_agrees(end: Played) -> list[str]:
    """Every linked field shows the chosen value's image, or is listed; every badge and list what segments say, or what
    people did there."""
    return end.world.disagreements() + (end.world.wrong_badges() if end.world.streams else [])


def derived_is_derived(end: Played) -> list[str]:
    """A rebuild gives the same people, with the same ids and values, in the same segments."""
    wrong = [f"{row} became another member" for row in end.members[0] if row not in end.members[1]]
    wrong += [f"{row} is a member now" for row in end.members[1] if row not in end.members[0]]
    left = {row["id"]: row for row in end.before_rebuild}
    right = {row["id"]: row for row in end.after_rebuild}
    return wrong + [f"{i}: {left.get(i)} became {right.get(i)}" for i in {*left, *right} if left.get(i) != right.get(i)]


def withdrawn_stays_withdrawn(end: Played) -> list[str]:
    """Nobody who left is mailed, and no write of ours turned a subscription on."""
    world = end.world
    on = [f"{liar.here} {i} was turned on by us" for liar in world.liars for i in liar.turned_on]
    return world.mailed_although_left() + on


def blank_never_wipes(end: Played) -> list[str]:
    """No write but an undo puts nothing where something stood; badges are ours, and go."""
    wrong = []
    for write in end.world.rows(t.write):
        for name, before, after, rule, _ in msgspec.json.decode(write["row"])["settings"]:
            ours = rule == SEGMENT and (name.startswith(ON_LIST) or all(tag.startswith(BADGE) for tag in before or ()))
            if before not in (None, []) and after in (None, "", []) and rule not in ("undo", "union") and not ours:
                wrong.append(f"write {write['id']} wiped {name} ({before!r})")
    return wrong


def absence_needs_proof(end: Played) -> list[str]:
    """At no time did a record count as gone that its platform still had."""
    return end.world.believed_gone


def every_write_was_planned(end: Played) -> list[str]:
    """Every change that reached a platform was a row of a plan, and a rehearsal writes nothing."""
    world = end.world
    intents = Counter((write["connection"], write["kind"]) for write in world.rows(t.write))
    wrong = []
    for liar in world.liars:
        wrong += [
            f"{liar.here} was asked for {count} of {kind}, planned {intents[liar.here, kind]}"
            for kind, count in liar.made.items()
            if count > intents[liar.here, kind]
        ]
    return wrong + world.rehearsal_wrote


def why_has_an_answer(end: Played) -> list[str]:
    """Each value of a person and each write rests on a record that is there, and says by which rule; each opt-out on
    somebody's own; each membership on touchpoints."""
    world = end.world
    records = {row["id"] for row in world.rows(t.record)}
    wrong = []
    for write in world.rows(t.write):
        row = msgspec.json.decode(write["row"])
        wrong += [] if row["why"] else [f"write {write['id']} has no reason"]
        for name, _, _, rule, source in row["settings"]:
            if not rule or source is None or source[0] not in records:
                wrong.append(f"write {write['id']}: {name} rests on {source}")
    if world.streams:
        members, should = {(row["segment"], row["person"]) for row in world.rows(t.member)}, world.should_be_in()
        wrong += [f"{one} is a member, nobody knows why" for one in members - should]
        wrong += [f"{one} is no member, nobody knows why" for one in should - members]
    return wrong + world.unexplained() + world.opted_out_for_nothing()


def people_overrule_machines(end: Played) -> list[str]:
    """What people kept apart is apart, what they joined is one, unless a later word says otherwise; and the badge that
    they took off stays off."""
    person = {row["id"]: row["person"] for row in end.world.records()}
    said: dict[tuple[int, int], str] = {}
    for row in sorted(end.world.rows(t.decision), key=lambda row: row["id"]):
        if row["kind"] in (DecisionKind.SAME, DecisionKind.NOT_SAME) and not row["lifted"]:
            said[min(row["record"], row["other"]), max(row["record"], row["other"])] = row["kind"]
    wrong = [
        f"{pair} are one, and were split"
        for pair, kind in said.items()
        if kind == DecisionKind.NOT_SAME and person[pair[0]] == person[pair[1]]
    ]
    return wrong + end.world.badges_that_came_back()


JUDGES: dict[str, Callable[[Played], list[str]]] = {
    judge.__name__: judge
    for judge in (
        nothing_is_lost,
        nothing_is_doubled,
        it_settles,
        it_agrees,
        derived_is_derived,
        withdrawn_stays_withdrawn,
        blank_never_wipes,
        absence_needs_proof,
        every_write_was_planned,
        why_has_an_answer,
        people_overrule_machines,
    )
}


def breaches(
    history: History, laws: Sequence[str] = tuple(JUDGES), observed: Counter[str] | None = None
) -> dict[str, list[str]]:
    """What *history* breaks, by law. *observed* counts the events and faults that occurred, one per history, and
    their pairs."""
    with played(history) as end:
        found = {law: JUDGES[law](end) for law in laws}
        if observed is not None:
            _observe(end.world, observed)
    return {law: wrong for law, wrong in found.items() if wrong}


PAIRS = (
    ("conflict", "killed"),
    ("join", "undone"),
    ("clear", "lost_answer"),
    ("edit", "lost_answer"),
    ("leave", "killed"),
    ("split", "undone"),
    ("late", "killed"),
    ("move", "lost_answer"),
    ("hide", "edit"),
    ("meanwhile", "fault"),
    ("erased", "killed"),
    ("erased", "lost_answer"),
    ("erased", "undone"),
    ("lie", "killed"),
    ("call", "undone"),
    ("badge taken off", "undone"),
)


def _observe(world: World, observed: Counter[str]) -> None:
    """Count what this history had in it, and which pairs of things met in it."""
    seen = set(world.seen) | {kind for liar in world.liars for kind in liar.seen}
    if any(balance.conflicts for balance in world.balances):
        seen.add("conflict")
    observed.update(seen)
    observed.update(f"{one} x {two}" for one, two in PAIRS if one in seen and two in seen)
