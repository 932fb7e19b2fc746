"""A rule means the same to one person and to the database, and judging a few leaves what judging all would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select

from mapping.rules import DAY, Moment, Rule, Top, by_the_day, conditions
from mapping.rules_read import read_rule
from sync import dues
from sync.audience import Audiences
from sync.segment import Segment, is_member
from sync.segment_load import load_subjects
from sync.segment_run import evaluate, next_due
from sync.segment_sql import Compiler
from sync.segment_sql_turns import turns_of
from sync.segment_turns import next_turn
from sync.segment_whole import EVERYBODY, Whole
from sync.store import schema as t
from sync.store.database import Database
from tests.store.crowd import BERLIN, NOW, Crowd, crowds, rules

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def thresholds_of(conn: Connection, rule: Rule, moment: Moment) -> dict[Top, int | None]:
    compiler = Compiler(conn.dialect, moment)
    tops = [one for one in conditions(rule) if isinstance(one, Top)]
    found = {top: conn.execute(compiler.threshold(top)).scalar() for top in tops}
    return {top: None if need is None else int(need) for top, need in found.items()}


@quick
@given(crowd=crowds(), asked=st.lists(rules, min_size=4, max_size=4))
def test_one_person_and_the_database_agree(database: Database, crowd: Crowd, asked: list[Rule]) -> None:
    """
    For every rule the people that the SELECT gives are those for whom it holds one by one, and their turns are the
    same.
    """
    with database.write() as conn:
        crowd.fill(conn)
    with database.write() as conn:  # for the tables that a run fills on its way
        everybody = list(conn.execute(select(t.person.c.id)).scalars())
        subjects = load_subjects(conn, everybody)
        for rule in asked:
            thresholds = thresholds_of(conn, rule, BERLIN)
            compiler = Compiler(conn.dialect, BERLIN)
            chosen = list(conn.execute(compiler.people(rule)).scalars())
            segment = Segment("s", "", rule)
            filled = Whole(conn, [segment], BERLIN).choose(segment)
            in_a_run = list(conn.execute(select(filled.c.person)).scalars())
            expected = {who for who, one in subjects.items() if is_member(rule, one, BERLIN, thresholds)}
            turns = turns_of(compiler, rule)
            turning = {} if turns is None else {row.person: row.at for row in conn.execute(turns)}
            ones = {who: next_turn(rule, one, BERLIN, thresholds) for who, one in subjects.items()}

            assert sorted(chosen) == sorted(in_a_run) == sorted(expected), rule
            assert turning == {who: turn for who, turn in ones.items() if turn is not None}, rule


def stored(conn: Connection) -> tuple[set[tuple[str, str]], set[tuple[str, str, int]]]:
    """Who is in what, and whose turn is when."""
    members = {tuple(row) for row in conn.execute(select(t.member.c.segment, t.member.c.person))}
    turns = {tuple(row) for row in conn.execute(select(t.turn.c.segment, t.turn.c.person, t.turn.c.at))}
    return members, turns


def in_full(database: Database, segments: Mapping[str, Segment], moment: Moment) -> Any:
    """What judging everybody leaves, and nothing of it kept."""
    with database.read() as conn:
        before = stored(conn)
    evaluate(database, segments, moment, 9)
    with database.read() as conn:
        after = stored(conn)
    return before, after


unranked = rules.filter(lambda rule: not any(isinstance(one, Top) for one in conditions(rule)))
steps = st.sampled_from([1, DAY - 1, DAY, DAY + 1, 2 * DAY, 7 * DAY, 13 * 3_600_000])


@settings(quick, max_examples=30)
@given(first=crowds(), then=crowds(), asked=st.lists(unranked, min_size=3, max_size=3), later=steps)
def test_judging_a_few_leaves_what_judging_all_would(
    database: Database, first: Crowd, then: Crowd, asked: list[Rule], later: int
) -> None:
    """
    When only time has passed, those whose turn has come are enough; when facts changed, those whom they concern.
    """
    segments = {f"s{number}": Segment(f"s{number}", "", rule) for number, rule in enumerate(asked)}
    with database.write() as conn:
        first.fill(conn)
    evaluate(database, segments, BERLIN, 1)
    passed = Moment(NOW + later, BERLIN.zone)
    evaluate(database, segments, passed, 2, people=[])
    after_time, all_then = in_full(database, segments, passed)

    assert after_time[0] == all_then[0]

    changed = {row["id"] for crowd in (first, then) for row in crowd.rows["person"]}
    with database.write() as conn:
        then.fill(conn, facts_only=True)
    evaluate(database, segments, passed, 3, people=changed)
    after_news, everybody = in_full(database, segments, passed)

    assert after_news == everybody


@settings(quick, max_examples=40)
@given(crowd=crowds(), rule=unranked, more=st.integers(1, 9 * DAY))
def test_nothing_changes_before_its_turn(database: Database, crowd: Crowd, rule: Rule, more: int) -> None:
    """
    At any moment before the next turn of a person, and of the day, the answer is still the same.
    """
    with database.write() as conn:
        crowd.fill(conn)
    with database.read() as conn:
        subjects = load_subjects(conn, [row["id"] for row in crowd.rows["person"]])
    for subject in subjects.values():
        turn = next_turn(rule, subject, BERLIN, {})
        until = min(turn or BERLIN.midnight, BERLIN.midnight if by_the_day(rule) else NOW + more + 1)
        then = Moment(max(NOW, min(NOW + more, until - 1)), BERLIN.zone)

        assert is_member(rule, subject, then, {}) == is_member(rule, subject, BERLIN, {})


def people_of(conn: Connection, ids: list[str]) -> None:
    """People who are customers since today, with one record each."""
    rows = [{"id": who, "fields": "{}"} for who in ids]
    conn.execute(insert(t.person), rows)
    record = {"connection": "c", "founder": "f", "first": 1}
    records = [{"id": n, "remote_id": who, "person": who, **record} for n, who in enumerate(ids, 1)]
    conn.execute(insert(t.record), records)


def sale(conn: Connection, deal: int, record: int, amount: int, closed: int = NOW) -> None:
    row = {"id": deal, "connection": "c", "remote_id": "r", "state": "won", "amount": amount, "closed": closed}
    conn.execute(insert(t.deal), row)
    conn.execute(insert(t.deal_party), {"record": record, "deal": deal})


def members(database: Database, segment: str) -> set[str]:
    with database.read() as conn:
        return set(conn.execute(select(t.member.c.person).where(t.member.c.segment == segment)).scalars())


def passages(database: Database) -> list[tuple[str, bool, int, int]]:
    with database.read() as conn:
        c = t.passage.c
        return [tuple(row) for row in conn.execute(select(c.person, c.entered, c.at, c.revision).order_by(c.id))]


BUYERS = {"buyers": Segment("buyers", "Buyers", read_rule({"bought": True, "within": "7d"}))}


def test_entering_and_leaving_are_written_down_with_their_run(database: Database) -> None:
    """
    Who is in a segment when it is first judged did not enter it; later comers and leavers did, once each.
    """
    with database.write() as conn:
        people_of(conn, ["p_1", "p_2"])
        sale(conn, 1, 1, 100)
    first = evaluate(database, BUYERS, BERLIN, 1)
    with database.write() as conn:
        sale(conn, 2, 2, 100)
    second = evaluate(database, BUYERS, BERLIN, 2, people=["p_2"])
    late = Moment(NOW + 7 * DAY, BERLIN.zone)
    third = evaluate(database, BUYERS, late, 3, people=[])
    again = evaluate(database, BUYERS, late, 4)

    assert (first.entered, second.entered, third.left, again.left) == (
        {"buyers": 0},
        {"buyers": 1},
        {"buyers": 2},
        {"buyers": 0},
    )
    assert passages(database) == [
        ("p_2", True, NOW, 2),
        ("p_1", False, late.now, 3),
        ("p_2", False, late.now, 3),
    ]
    assert members(database, "buyers") == set()


def test_the_next_turn_is_known(database: Database) -> None:
    """
    A purchase leaves a window of seven days after seven days; then nothing more will happen by itself.
    """
    with database.write() as conn:
        people_of(conn, ["p_1"])
        sale(conn, 1, 1, 100, NOW - DAY)
    evaluate(database, BUYERS, BERLIN, 1)
    with database.read() as conn:
        turn = next_due(conn)
    evaluate(database, BUYERS, Moment(NOW + 6 * DAY, BERLIN.zone), 2, people=[])
    with database.read() as conn:
        after = next_due(conn)

    assert (turn, after) == (NOW + 6 * DAY, None)


def test_a_changed_rule_is_judged_for_everybody_and_a_dropped_segment_loses_its_members(database: Database) -> None:
    """
    Even where nobody changed.
    """
    with database.write() as conn:
        people_of(conn, ["p_1", "p_2"])
        sale(conn, 1, 1, 100)
    evaluate(database, BUYERS, BERLIN, 1)
    others = {"buyers": Segment("buyers", "", read_rule({"bought": True, "never": True}))}
    evaluate(database, others, BERLIN, 2, people=[])
    turned = members(database, "buyers")
    evaluate(database, {}, BERLIN, 3, people=[])

    assert turned == {"p_2"}
    assert members(database, "buyers") == set()


def test_what_happened_in_a_segment_outlives_it(database: Database) -> None:
    """
    Who came and went is history: it stays when the segment goes, and its members do not count as leaving.
    """
    with database.write() as conn:
        people_of(conn, ["p_1", "p_2"])
    evaluate(database, BUYERS, BERLIN, 1)
    with database.write() as conn:
        sale(conn, 1, 1, 100)
    evaluate(database, BUYERS, BERLIN, 2, people=["p_1"])
    evaluate(database, {}, BERLIN, 3, people=[])
    gone = members(database, "buyers")
    evaluate(database, BUYERS, BERLIN, 4, people=[])

    assert (gone, members(database, "buyers")) == (set(), {"p_1"})
    assert passages(database) == [("p_1", True, NOW, 2)]


@pytest.mark.parametrize("ended", [None, NOW])
def test_after_a_run_that_broke_off_everybody_is_judged(database: Database, ended: int | None) -> None:
    """
    It may have folded people and not come to judging them; after a whole run those who changed are enough.
    """
    audiences = Audiences(BUYERS, BERLIN.zone)
    with database.write() as conn:
        people_of(conn, ["p_1"])
    evaluate(database, BUYERS, BERLIN, 1)
    with database.write() as conn:
        sale(conn, 1, 1, 100)
        runs = [{"kind": "sync", "revision": 2, "started": NOW, "ended": end} for end in (ended, None)]
        conn.execute(insert(t.run), runs)
        first, second = conn.execute(select(t.run.c.id).order_by(t.run.c.id)).scalars()
        dues.begin(conn, ["crm"], first, carries=True)
        broken_off = dues.begin(conn, ["crm"], second, carries=True)
    audiences.judge(database, [], 2, NOW, everybody=broken_off)

    assert members(database, "buyers") == (set() if ended else {"p_1"})


def test_somebody_who_is_no_longer_there_leaves(database: Database) -> None:
    """
    An id that was given up, as when two people turn out to be one.
    """
    with database.write() as conn:
        people_of(conn, ["p_1"])
        sale(conn, 1, 1, 100)
    evaluate(database, BUYERS, BERLIN, 1)
    with database.write() as conn:
        conn.execute(delete(t.person))
    evaluate(database, BUYERS, BERLIN, 2, people=["p_1"])

    assert members(database, "buyers") == set()
    assert passages(database) == [("p_1", False, NOW, 2)]


def test_the_best_are_counted_anew_when_a_day_begins(database: Database) -> None:
    """
    In between, somebody who changed is judged by the threshold of the day.
    """
    best = {"best": Segment("best", "", read_rule({"bought": "top", "share": "50%"}))}
    with database.write() as conn:
        people_of(conn, ["p_1", "p_2", "p_3", "p_4", "p_5"])
        for number in (1, 2, 3, 4):
            sale(conn, number, number, number * 100)
    evaluate(database, best, BERLIN, 1)
    first = members(database, "best")
    with database.write() as conn:
        sale(conn, 5, 5, 1000)
        sale(conn, 6, 2, 250)
    evaluate(database, best, BERLIN, 2, people=["p_5", "p_2"])
    same_day = members(database, "best")
    evaluate(database, best, Moment(BERLIN.midnight, BERLIN.zone), 3, people=[])
    next_day = members(database, "best")

    assert first == {"p_3", "p_4"}
    assert same_day == {"p_2", "p_3", "p_4", "p_5"}
    assert next_day == {"p_2", "p_4", "p_5"}, "of five buyers the best three: 1000, 450 and 400"
    with database.read() as conn:
        day = conn.execute(select(t.turn.c.at).where(t.turn.c.person == EVERYBODY)).scalar()
    assert day == Moment(BERLIN.midnight, BERLIN.zone).midnight
