"""Roles in the store: rules begin and end them, and people's words go before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from mapping.decisions import Decision, DecisionKind, Policies
from mapping.roles import Word
from mapping.rules import DAY, Moment, Rule
from mapping.rules_read import read_rule
from sync import roles_decide
from sync.audience import Audiences
from sync.people import fold_only
from sync.resolve import resolve
from sync.roles_rules import judge_roles
from sync.segment import Segment
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database
from tests.store.parties import NOW, people, told

CITY = {"supplier": read_rule({"field": "city", "is": "ulm"})}
RECENT = {"customer": read_rule({"bought": "count", "at_least": 1, "within": "10d"})}


def change(database: Database, record: int, **fields: Any) -> None:
    """Another value at a record, and its person worked out again."""
    with database.write() as conn:
        one = records.by_id(conn, [record])[record]
        one.known = {**one.known, **fields}
        records.save(conn, [records.to_row(one, None, 1)], new=False)
    fold_only(database, Policies(), 100)


def judge(database: Database, rules: dict[str, Rule], now: int, some: Sequence[str] | None = None) -> list[str] | None:
    return judge_roles(database, rules, Policies(), Moment(now), some)


def test_a_rule_begins_a_role_ends_it_and_begins_it_again(database: Database) -> None:
    """
    Each time has both its dates, whether everybody is judged or only who changed.
    """
    ada, bo = people(database, {"city": "Ulm"}, {"city": "Bonn"})
    judge(database, CITY, NOW)
    change(database, 1, city="Bonn")
    change(database, 2, city="Ulm")
    moved = judge(database, CITY, NOW + 5, [ada, bo])
    change(database, 1, city="Ulm")
    judge(database, CITY, NOW + 9, None)

    assert moved == sorted([ada, bo])
    assert told(database, ada) == [("supplier", "rule", NOW + 9, None), ("supplier", "rule", NOW, NOW + 5)]
    assert told(database, bo) == [("supplier", "rule", NOW + 5, None)]


def test_judging_a_few_and_judging_all_leave_the_same(database: Database) -> None:
    """
    Nobody moves when those who were judged alone are judged with everybody.
    """
    ids = people(database, {"city": "Ulm"}, {"city": "Bonn"}, {"city": "ulm"})
    judge(database, CITY, NOW, [])
    first = [told(database, one) for one in ids]
    for number, city in enumerate(("Bonn", "Ulm", "Ulm"), 1):
        change(database, number, city=city)
    judge(database, CITY, NOW + 1, ids)
    after = [told(database, one) for one in ids]
    everybody = judge(database, CITY, NOW + 2, None)

    assert [len(one) for one in first] == [1, 0, 1]
    assert everybody is None
    assert [told(database, one) for one in ids] == after


def test_time_alone_ends_a_role(database: Database) -> None:
    """
    "Bought within ten days" ends on the eleventh, and nobody had to change for it.
    """
    (ada,) = people(database, {})
    with database.write() as conn:
        columns = ("id", "connection", "remote_id", "state", "amount", "currency", "closed")
        bulk.insert(conn, t.deal, columns, [(7, "crm", "7", "won", 100, "EUR", NOW - 8 * DAY)])
        bulk.insert(conn, t.deal_party, ("record", "deal", "organization"), [(1, 7, "")])
    judge(database, RECENT, NOW, None)
    judge(database, RECENT, NOW + DAY, [])
    stands = told(database, ada)
    moved = judge(database, RECENT, NOW + 3 * DAY, [])

    assert stands == [("customer", "rule", NOW, None)]
    assert moved == [ada]
    assert told(database, ada) == [("customer", "rule", NOW, NOW + 3 * DAY)]


def test_a_rule_that_is_taken_out_ends_its_role_and_one_that_changes_is_judged_anew(database: Database) -> None:
    """
    What it gave stays as history.
    """
    ada, bo = people(database, {"city": "Ulm"}, {"city": "Bonn"})
    judge(database, CITY, NOW, None)
    judge(database, {"supplier": read_rule({"field": "city", "is": "bonn"})}, NOW + 1, [])
    changed = told(database, ada), told(database, bo)
    judge(database, {}, NOW + 2, [])

    assert changed == ([("supplier", "rule", NOW, NOW + 1)], [("supplier", "rule", NOW + 1, None)])
    assert told(database, bo) == [("supplier", "rule", NOW + 1, NOW + 2)]
    assert judge(database, {}, NOW + 3, [ada]) == [ada]


def test_a_field_goes_before_a_rule_and_a_word_before_both(database: Database) -> None:
    """
    The platform's customer is one since the platform says it; a person's end holds whatever the rule finds.
    """
    (ada,) = people(database, {"city": "Ulm", "role": "customer"})
    rules = {"customer": CITY["supplier"]}
    judge(database, rules, NOW, None)
    by_field = told(database, ada)
    roles_decide.end_role(database, ada, "customer", NOW + 3, ends=NOW + 2)
    fold_only(database, Policies(), 100)
    ended = told(database, ada)
    change(database, 1, city="Bonn")
    judge(database, rules, NOW + 4, [ada])
    change(database, 1, city="Ulm")
    judge(database, rules, NOW + 5, [ada])

    assert by_field == [("customer", "field", NOW - 100 * DAY, None)]
    assert ended == [("customer", "field", NOW - 100 * DAY, NOW + 2)]
    assert told(database, ada) == ended


def test_spells_of_rules_follow_the_records_of_people_who_are_joined(database: Database) -> None:
    """
    Joined, the role stands since either had it; split again, each has what was theirs.
    """
    ada, bo = people(database, {"city": "Bonn"}, {"city": "Ulm"})
    judge(database, CITY, NOW, None)
    with database.write() as conn:
        records.add_decisions(conn, [Decision(DecisionKind.SAME, 1, NOW, 1, other=2)])
        records.mark(conn, [1, 2], 2)
    resolve(database, 2)
    change(database, 1, city="Ulm")
    judge(database, CITY, NOW + 5, [ada])
    joined = told(database, ada)
    with database.write() as conn:
        records.add_decisions(conn, [Decision(DecisionKind.NOT_SAME, 1, NOW, 1, other=2)])
        records.mark(conn, [1, 2], 2)
    resolve(database, 3)
    fold_only(database, Policies(), 100)
    judge(database, CITY, NOW + 7, [ada, bo])

    assert joined == [("supplier", "rule", NOW, None)]
    assert told(database, ada) == [("supplier", "rule", NOW + 7, None)]
    assert told(database, bo) == [("supplier", "rule", NOW, None)]


def test_segments_see_the_roles_that_rules_give_in_the_same_run(database: Database) -> None:
    """
    Who becomes a supplier by a rule is in the segment of suppliers at once, and out of it when it ends.
    """
    (ada,) = people(database, {"city": "Ulm"})
    segments = {"suppliers": Segment("suppliers", "", read_rule({"role": "supplier"}))}
    audiences = Audiences(segments, roles=CITY)
    members = select(t.member.c.person).where(t.member.c.segment == "suppliers")
    audiences.judge(database, [ada], 1, NOW)
    with database.read() as conn:
        came = list(conn.execute(members).scalars())
    change(database, 1, city="Bonn")
    audiences.judge(database, [ada], 2, NOW + 1)
    with database.read() as conn:
        left = list(conn.execute(members).scalars())

    assert (came, left) == ([ada], [])


def test_a_word_is_written_down_and_never_changed(database: Database) -> None:
    """
    Ending and taking back add decisions; what was said before stays as it was.
    """
    (ada,) = people(database, {})
    roles_decide.say_role(database, ada, "partner", NOW)
    fold_only(database, Policies(), 100)
    roles_decide.end_role(database, ada, "partner", NOW + 1, ends=NOW + 1)
    roles_decide.take_back(database, ada, "partner", NOW + 2)
    with database.read() as conn:
        rows = conn.execute(select(t.decision.c.value, t.decision.c.lifted).order_by(t.decision.c.id)).all()

    assert [(json.loads(value), lifted) for value, lifted in rows] == [
        (Word("partner", NOW, begins=NOW).value(), False),
        (Word("partner", NOW + 1, ends=NOW + 1).value(), False),
        (Word("partner", NOW + 2, off=True).value(), False),
    ]
