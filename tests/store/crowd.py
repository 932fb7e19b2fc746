"""Small random crowds and rules about them, made to meet at the edges: few words, and times around each window."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import Connection, Table, delete, insert

from mapping.facts import By, Channel, Touch, Way
from mapping.model import ConsentState
from mapping.rules import (
    DAY,
    EMAIL,
    All,
    Anniversary,
    Bought,
    Consented,
    Either,
    FieldTest,
    InSegment,
    Listed,
    Measure,
    Moment,
    Not,
    Related,
    Rule,
    Said,
    Test,
    TestKind,
    Top,
    Touched,
    Unanswered,
    Window,
)
from sync.store import schema as t

NOW = 1_772_366_400_000 - 3_600_000  # 2026-03-01 11:00 UTC
BERLIN = Moment(NOW, ZoneInfo("Europe/Berlin"))
TABLES = (
    t.person,
    t.record,
    t.identifier,
    t.relationship,
    t.touchpoint,
    t.deal,
    t.deal_party,
    t.feedback,
    t.consent,
    t.listing,
    t.listed,
    t.organization,
    t.tie,
    t.segment,
    t.member,
    t.turn,
    t.passage,
)

SPANS = (DAY, 2 * DAY, 7 * DAY)
times = st.one_of(
    st.sampled_from([0, NOW, NOW + 1, NOW + DAY, BERLIN.start(BERLIN.today), BERLIN.start(BERLIN.today) - 1]),
    st.builds(lambda span, off: NOW - span + off, st.sampled_from(SPANS), st.integers(-1, 1)),
    st.integers(NOW - 9 * DAY, NOW + DAY),
    st.builds(lambda years, days: NOW - years * 365 * DAY + days * DAY, st.integers(1, 3), st.integers(-3, 3)),
)
days = st.one_of(
    st.builds(lambda n: (BERLIN.today + timedelta(days=n)).isoformat(), st.integers(-9, 9)),
    st.sampled_from(["2024-02-29", "2025-03-01", "1990-02-28", "2026-03-01"]),
)
words = st.sampled_from(["Ada", "ada", "ÉMILE", "émile", "", "5", "true", "a\x00b", "x_%'\"", "03-01", "02-29", "2-9"])
values = st.one_of(
    words,
    days,
    st.builds(lambda day: day + "T10:00:00", days),
    st.integers(-3, 6),
    st.sampled_from([0.5, 5.0, True, False]),
    st.lists(st.sampled_from(["vip", "VIP", "cake", "5"]), max_size=2, unique=True),
    st.lists(st.integers(4, 6), max_size=2),
    st.fixed_dictionaries({"city": st.just("Ulm")}),
)
NAMES = ("city", "born", "two words")
KINDS = (Touch.OPENED, Touch.CLICKED, Touch.WROTE)
documents = st.dictionaries(st.sampled_from(NAMES), values, max_size=3)


@dataclass
class Crowd:
    """Rows by table."""

    rows: dict[str, list[dict[str, Any]]]

    def fill(self, conn: Connection, *, facts_only: bool = False) -> None:
        """Put them into an emptied store; with *facts_only* what is known of segments stays."""
        for table in TABLES:
            if not facts_only or table.name not in ("segment", "member", "turn", "passage"):
                conn.execute(delete(table))
        for table in TABLES:
            if self.rows.get(table.name):
                conn.execute(insert(table), self.rows[table.name])


def _distinct(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = [column.name for column in table.primary_key]
    return list({tuple(row[key] for key in keys): row for row in rows}.values())


@st.composite
def crowds(draw: Callable[..., Any]) -> Crowd:
    """A few people with one or two records, and facts about them."""
    people = [f"p_{number}" for number in range(draw(st.integers(1, 5)))]
    owners = [*people, *draw(st.lists(st.sampled_from([*people, None]), max_size=4))]
    ids = list(range(1, len(owners) + 1))
    record = st.sampled_from(ids)
    made: dict[str, list[dict[str, Any]]] = {
        "person": [
            {
                "id": person,
                "fields": json.dumps(draw(documents), ensure_ascii=False),
                "email": draw(st.sampled_from(["", "A@x.example", "b@Émil.example"])),
            }
            for person in people
        ],
        "record": [
            {"id": id_, "connection": "c", "remote_id": str(id_), "person": owner, "founder": f"f{id_}", "first": 1}
            for id_, owner in zip(ids, owners, strict=True)
        ],
    }

    def facts(table: Table, most: int, **columns: st.SearchStrategy[Any]) -> None:
        rows = draw(st.lists(st.fixed_dictionaries(columns), max_size=most))
        made[table.name] = _distinct(table, rows)

    address = st.sampled_from(["a@example.org", "b@example.org", "c@example.org"])
    facts(t.identifier, 6, kind=st.sampled_from(["email", "email", "phone"]), value=address, record=record)
    facts(
        t.relationship,
        4,
        person=st.sampled_from(people),
        role=st.sampled_from(["customer", "supplier"]),
        stage=st.sampled_from(["", "retention"]),
        since=times,
        until=st.sampled_from([None, None, NOW]),
    )
    facts(
        t.touchpoint,
        12,
        record=record,
        at=times,
        kind=st.sampled_from(KINDS),
        key=st.sampled_from("ab"),
        channel=st.sampled_from(["email", "phone"]),
        way=st.sampled_from(["in", "out", ""]),
        by=st.sampled_from(["person", "machine", "unknown"]),
    )
    facts(
        t.deal,
        5,
        id=st.integers(1, 6),
        connection=st.just("c"),
        remote_id=st.just("d"),
        state=st.sampled_from(["won", "won", "open"]),
        amount=st.sampled_from([0, 100, 100, 250, -50]),
        currency=st.sampled_from(["EUR", "USD", ""]),
        closed=times,
    )
    party = {"record": record, "deal": st.integers(1, 6), "organization": st.sampled_from(["", "o1"])}
    facts(t.deal_party, 8, **party)
    facts(
        t.feedback,
        4,
        record=record,
        at=times,
        key=st.sampled_from("ab"),
        kind=st.sampled_from(["nps", "NPS", "csat"]),
        score=st.sampled_from([1.0, 9.0, 9.5]),
    )
    facts(
        t.consent,
        8,
        id=st.integers(1, 50),
        address=address,
        purpose=st.sampled_from(["marketing", "news"]),
        state=st.sampled_from([state.value for state in ConsentState]),
        at=times,
        explicit=st.booleans(),
    )
    listing = {"id": st.integers(1, 3), "connection": st.sampled_from("cd"), "remote_id": st.just("l")}
    facts(t.listing, 3, **listing, title=st.sampled_from(["VIP", "vip", "Ümlaut"]))
    facts(t.listed, 5, record=record, listing=st.integers(1, 4))
    made["organization"] = [
        {
            "id": f"o{number}",
            "item": number,
            "connection": "c",
            "remote_id": str(number),
            "name": draw(words).replace("\x00", ""),
            "domain": draw(st.sampled_from(["", "example.com"])),
            "fields": json.dumps(draw(documents)),
        }
        for number in range(2)
    ]
    tie = {"organization": st.sampled_from(["o0", "o1", "o2"]), "record": record, "label": st.just("")}
    facts(t.tie, 4, **tie, item=st.just(1), until=st.sampled_from([None, None, NOW]))
    return Crowd(made)


# ---- rules ---------------------------------------------------------------------------------------------------------

windows = st.one_of(
    st.just(Window()),
    st.builds(
        Window,
        within=st.sampled_from([None, *SPANS]),
        older=st.sampled_from([0, 0, DAY]),
        after=st.one_of(st.just(""), days),
        before=st.one_of(st.just(""), days),
    ),
)
some = st.sampled_from([None, 1, 2, 7])
date_tests = st.builds(
    Test, st.just(TestKind.DATE), after=st.one_of(st.just(""), days), before=st.just(""), past=some, ahead=st.none()
) | st.builds(Test, st.just(TestKind.DATE), before=st.one_of(st.just(""), days), older=some, ahead=some)
tests = st.one_of(
    st.builds(
        lambda one: Test(TestKind.IS, tuple(one)),
        st.lists(st.sampled_from(["ada", "", "5", "true", "Émile", "a\ufffdb", 5, 0.5, True, False]), max_size=3),
    ),
    st.builds(lambda part: Test(TestKind.CONTAINS, (part,)), st.sampled_from(["a", "vip", "5", "%", "'", "Émi"])),
    st.just(Test(TestKind.EMPTY)),
    st.builds(Test, st.just(TestKind.NUMBER), least=st.sampled_from([None, 0, 0.5]), most=st.sampled_from([None, 5])),
    date_tests,
)
counts = {"least": st.integers(0, 3), "most": st.sampled_from([None, None, 0, 1, 2])}
amounts = st.sampled_from([None, 0, 100, 200, -10])
kinds = st.lists(st.sampled_from(KINDS), max_size=2, unique=True).map(tuple)
currencies = st.sampled_from(["", "EUR"])
leaves: st.SearchStrategy[Rule] = st.one_of(
    st.builds(FieldTest, st.sampled_from([*NAMES, EMAIL]), tests),
    st.builds(FieldTest, st.sampled_from([*NAMES, "name", "domain"]), tests, st.just(True)),
    st.builds(
        Related,
        st.sampled_from([(), ("customer",), ("customer", "supplier")]),
        st.sampled_from([(), ("retention",)]),
        windows,
    ),
    st.builds(
        Touched,
        kinds,
        st.sampled_from([(), (Channel.EMAIL,)]),
        st.sampled_from([None, By.PERSON]),
        st.sampled_from([None, Way.IN]),
        windows,
        **counts,
    ),
    st.builds(Touched, window=windows, **counts),
    st.builds(Unanswered, st.just(KINDS), windows),
    st.builds(Bought, window=windows, currency=currencies, **counts),
    st.builds(Bought, st.sampled_from([Measure.SUM, Measure.AVERAGE]), amounts, amounts, currencies, windows),
    st.builds(Top, st.sampled_from([100, 333, 500, 1000]), currencies, windows),
    st.builds(
        Said,
        st.sampled_from([(), ("nps",)]),
        st.sampled_from([None, 9]),
        st.sampled_from([None, 9]),
        windows,
        **counts,
    ),
    st.builds(Consented, st.sampled_from(list(ConsentState)), st.sampled_from(["marketing", "news"]), windows),
    st.builds(
        Anniversary,
        st.sampled_from([*NAMES, "signed_up", "first_purchase"]),
        st.sampled_from([1, 3, 366]),
        st.sampled_from([None, 1, 2]),
    ),
    st.builds(Listed, st.sampled_from(["vip", "Ümlaut"]), st.sampled_from(["", "c"])),
)
rules: st.SearchStrategy[Rule] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: All(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda parts: Either(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(Not, inner),
        st.builds(lambda rule: InSegment("other", rule), inner),
    ),
    max_leaves=5,
)
TODAY: date = BERLIN.today
