"""Badges: the tags and lists of segments. Pure tables; every row is a situation of one person at `news`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mapping.claims import MEMBER, Claim, ClaimKind, Pair, Record
from mapping.consent import Fact
from mapping.decisions import Decision, DecisionKind, Reference
from mapping.model import MARKETING, ON_LIST, ConsentState, Direction, RecordState, WriteKind
from mapping.sets import members_at, union
from mapping.survivorship import fold
from sync.badges import plan_badges
from sync.plan import plan_person
from sync.writes import Case, Target, Write
from tests.heart.build import record, rules, target

QUIET, LOYAL = "Regulars: Gone quiet", "Regulars: Loyal"
TAGS = {"quiet": QUIET, "loyal": LOYAL}


def badged(direction: Direction = Direction.BOTH, **more: Any) -> dict[str, Target]:
    """A target whose segments are shown as tags, unless it is said otherwise."""
    return {"news": replace(target(direction=direction), **({"tags": TAGS} | more))}


def planned(case: Case, targets: dict[str, Target] | None = None) -> list[str]:
    """What the whole plan of one person writes and lists, as lines."""
    there = targets or badged()
    writes, findings = plan_person(case, fold(case.records, case.decisions, rules()), there, rules())
    writes, more = plan_badges(case, there, writes)
    lines = [_line(write) for write in writes]
    return lines + [f"{finding.name}: {finding.kind}" for finding in (*findings, *more)]


def _line(write: Write) -> str:
    told = ", ".join(f"{s.name}: {s.before} -> {s.after} ({s.rule})" for s in write.settings)
    return f"{write.kind} {told}"


def at_news(*tags: str, **more: Any) -> Record:
    return record("news", {"tags": sorted(tags)} if tags else {}, **more)


def tag(name: str, *, on: bool, seen: int = 2) -> dict[str, Claim]:
    """Somebody put this tag there, or took it off."""
    kind = ClaimKind.EDIT if on else ClaimKind.CLEAR
    return {f"tags{MEMBER}{name}": Claim(True if on else None, 200, seen, kind)}


def hold(name: str, value: Any, revision: int = 5) -> Decision:
    return Decision(DecisionKind.HOLD, 2, 500, revision, name, value, 0, Reference(2, "segment", 1))


IN, OUT = frozenset({"quiet"}), frozenset[str]()


@pytest.mark.parametrize(
    ("one", "segments", "decisions", "expected"),
    [
        pytest.param(at_news(), IN, [], [f"update tags: None -> ['{QUIET}'] (segment)"], id="comes-in"),
        pytest.param(at_news(QUIET), IN, [], [], id="stays"),
        pytest.param(at_news(QUIET), OUT, [], [f"update tags: ['{QUIET}'] -> [] (segment)"], id="leaves"),
        pytest.param(
            at_news("vip"), IN, [], [f"update tags: ['vip'] -> ['{QUIET}', 'vip'] (segment)"], id="others-stay"
        ),
        pytest.param(
            at_news("Regulars: Old one"),
            OUT,
            [],
            ["update tags: ['Regulars: Old one'] -> [] (segment)"],
            id="a-segment-that-is-no-more",
        ),
        pytest.param(at_news(claims=tag(QUIET, on=False)), IN, [], ["tags: held"], id="taken-off-by-hand"),
        pytest.param(at_news(LOYAL, claims=tag(LOYAL, on=True)), OUT, [], [], id="put-on-by-hand"),
        pytest.param(at_news(QUIET), IN, [hold("tags", [])], [f"update tags: ['{QUIET}'] -> [] (undo)"], id="undone"),
        pytest.param(at_news(), IN, [hold("tags", [])], [], id="undone-and-held"),
        pytest.param(at_news(refused={"tags": [QUIET]}), IN, [], ["tags: refused"], id="refused"),
        pytest.param(at_news(), IN, [Decision(DecisionKind.LEAVE_ALONE, 2, 1, 1)], [], id="left-alone"),
        pytest.param(at_news(state=RecordState.GONE), IN, [], [], id="gone"),
    ],
)
def test_tags(one: Record, segments: frozenset[str], decisions: list[Decision], expected: list[str]) -> None:
    """A badge comes and goes with the membership; what people did to it stands; other tags are nobody's business."""
    assert planned(Case("p_ada", [one], decisions, segments=segments)) == expected


def test_badges_are_not_written_where_we_only_read() -> None:
    """Direction read writes nothing."""
    assert planned(Case("p_ada", [at_news()], segments=IN), badged(Direction.READ)) == []


def test_badges_do_not_travel_as_tags() -> None:
    """A badge at one platform says nothing about another; ordinary tags are shared as ever."""
    one, two = record("crm", {"tags": ["vip"]}), at_news(QUIET)

    chosen = union("tags", [one, two], [(r, c) for r in (one, two) for n, c in r.all_claims() if n == "tags"])

    assert chosen is not None
    assert chosen.members == ["vip"]
    assert members_at(two, "tags", chosen.members) == [QUIET, "vip"]
    assert members_at(at_news(QUIET, pairs={"tags": Pair([QUIET], [QUIET])}), "tags", []) == [QUIET]


def test_tags_and_badges_are_one_write() -> None:
    """What the other side's tags and the segments ask for goes in one call."""
    case = Case("p_ada", [record("crm", {"tags": ["vip"]}), at_news("bread")], segments=IN)

    assert planned(case) == [f"update tags: ['bread'] -> ['{QUIET}', 'bread', 'vip'] (union)"]


LIST = "Regulars: Gone quiet"
NAME = ON_LIST + LIST
OFF = f"list {NAME}: True -> None"


def on_list(**more: Any) -> Record:
    """A record that we put on the list."""
    return record("news", {NAME: True}, **more)


@pytest.mark.parametrize(
    ("one", "segments", "listed", "decisions", "expected"),
    [
        pytest.param(at_news(), IN, [], [], [f"list {NAME}: None -> True (segment)"], id="comes-in"),
        pytest.param(at_news(), OUT, [], [], [], id="was-never-in"),
        pytest.param(on_list(), IN, [LIST], [], [], id="stays"),
        pytest.param(on_list(), OUT, [LIST], [], [f"{OFF} (segment)"], id="leaves"),
        pytest.param(on_list(), IN, [], [], [f"{NAME}: held"], id="taken-off-by-hand"),
        pytest.param(on_list(), OUT, [], [], [], id="taken-off-and-left"),
        pytest.param(on_list(), IN, [LIST], [hold(NAME, None)], [f"{OFF} (undo)"], id="undone"),
        pytest.param(at_news(), IN, [], [hold(NAME, None)], [], id="undone-and-held"),
        pytest.param(at_news(refused={NAME: True}), IN, [], [], [f"{NAME}: refused"], id="refused"),
    ],
)  # fmt: skip
def test_lists(
    one: Record, segments: frozenset[str], listed: list[str], decisions: list[Decision], expected: list[str]
) -> None:
    """The same for static lists, of which we know who is on them."""
    there = badged(tags={}, lists={"quiet": LIST}, sees_lists=True)

    assert planned(Case("p_ada", [one], decisions, segments=segments, listed={2: frozenset(listed)}), there) == expected


def _consent(state: ConsentState, at: int = 100) -> Fact:
    return Fact("ada@example.org", MARKETING, state, at, explicit=True, record=2, evidence="a form")


GRANTED, LEFT = _consent(ConsentState.GRANTED), _consent(ConsentState.WITHDRAWN, 200)


@pytest.mark.parametrize(
    ("one", "consent", "decisions", "expected"),
    [
        pytest.param(at_news(), [GRANTED], [], [f"list {NAME}: None -> True (segment)"], id="allowed"),
        pytest.param(at_news(), [], [], [f"{NAME}: held"], id="never-asked"),
        pytest.param(at_news(), [GRANTED, LEFT], [], [f"{NAME}: held"], id="left"),
        pytest.param(on_list(), [GRANTED, LEFT], [], [f"{OFF} (segment)", f"{NAME}: held"], id="left-and-is-on-it"),
        pytest.param(on_list(), [GRANTED], [], [], id="stays"),
        pytest.param(at_news(), [LEFT], [hold(NAME, True)], [f"{NAME}: held"], id="an-undo-brings-nobody-back"),
    ],
)  # fmt: skip
def test_lists_that_need_consent(
    one: Record, consent: list[Fact], decisions: list[Decision], expected: list[str]
) -> None:
    """Neither a segment nor an undo puts somebody on them who has not allowed it, or does so no more."""
    there = badged(tags={}, lists={"quiet": LIST}, lists_need_consent=True)
    case = Case("p_ada", [replace(one, addresses=("ada@example.org",))], decisions, consent, segments=IN)
    writes, findings = plan_badges(case, there, [])

    assert [_line(write) for write in writes] + [f"{each.name}: {each.kind}" for each in findings] == expected


def test_lists_are_writes_of_their_own() -> None:
    """Nobody's fields are touched by a membership."""
    there = badged(tags={}, lists={"quiet": LIST})
    writes, _ = plan_badges(Case("p_ada", [at_news()], segments=IN), there, [])

    assert [(write.kind, write.purpose, write.reversible) for write in writes] == [(WriteKind.LIST, LIST, True)]
