"""What people decided, carried from one store to another: by name, once, and overruling nothing that is newer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from mapping.claims import Claim
from mapping.decisions import Decision, DecisionKind, Reference
from sync.store import records
from sync.store import schema as t
from sync.store.database import Database
from tests.cli import facts
from tests.cli.facts import AT, DAY
from tests.cli.shop import Shop

PEOPLE = [
    ("p_1", "hubspot", "1", {"email": "one@a.example", "given_name": "Ada", "phone": "030 1"}),
    ("p_2", "mailchimp", "m1", {"email": "two@a.example", "given_name": "Ada", "phone": "030 2"}),
    ("p_3", "hubspot", "3", {"email": "three@a.example", "given_name": "Bo"}),
    ("p_4", "hubspot", "4", {"email": "four@a.example", "given_name": "Cy"}),
]
EVERYTHING = [
    Decision(DecisionKind.SAME, 1, AT, 0, other=2),
    Decision(DecisionKind.NOT_SAME, 3, AT + 1, 0, other=4),
    Decision(DecisionKind.KEEP, 1, AT + 2, 0, "phone", "030 1"),
    Decision(DecisionKind.HOLD, 2, AT + 3, 0, "phone", "030 2", rejects=Reference(1, "phone", 0)),
    Decision(DecisionKind.LEAD, 3, AT + 4, 0),
    Decision(DecisionKind.LEAVE_ALONE, 4, AT + 5, 0),
    Decision(DecisionKind.RELEASE, 3, AT + 6, 0, "phone"),
]


def shop_with(folder: Path, order: Sequence[int] = (0, 1, 2, 3)) -> Shop:
    """A business with the four people; *order* is the one in which their records got our ids."""
    folder.mkdir()
    shop = Shop(folder)
    with facts.opened(shop) as database:
        facts.people(database, [PEOPLE[place] for place in order])
    return shop


def decide(shop: Shop, decisions: Sequence[Decision]) -> None:
    with facts.opened(shop) as database, database.write() as conn:
        records.add_decisions(conn, decisions)


def decided(database: Database) -> list[tuple[Any, ...]]:
    """The standing decisions, told by connection and remote id."""
    with database.read() as conn:
        known = {row.id: (row.connection, row.remote_id) for row in conn.execute(select(t.record))}
        rows = conn.execute(select(t.decision).where(t.decision.c.lifted.is_(False)).order_by(t.decision.c.at)).all()
    told = []
    for row in rows:
        named = frozenset(known[one] for one in (row.record, row.other) if one)
        rejects = known[json.loads(row.rejects)[0]] if row.rejects else None
        told.append((row.kind, named, row.name, json.loads(row.value), row.at, rejects))
    return told


def all_of(shop: Shop) -> list[tuple[Any, ...]]:
    with facts.opened(shop) as database:
        return decided(database)


def bring(shop: Shop, *rows: Any, options: Sequence[str] = ()) -> Any:
    """Import rows, told as JSON."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return shop.run("import", "decisions", "-", "--json", *options, stdin="\n".join(lines) + "\n").json


def row(decision: str, connection: str = "hubspot", remote_id: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "decision": decision,
        "connection": connection,
        "remote_id": remote_id,
        "at": "2026-01-01T00:00:00Z",
        **more,
    }


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Shop, Shop]:
    """Two businesses that know the same people under other ids of ours."""
    return shop_with(tmp_path / "a"), shop_with(tmp_path / "b", (3, 1, 2, 0))


def test_every_kind_of_decision_survives_the_way(pair: tuple[Shop, Shop]) -> None:
    """
    Same, not same, keep, hold, lead, leave alone and release stand there as they stand here.
    """
    here, there = pair
    decide(here, EVERYTHING)
    assert here.run("export", "decisions", "--out", "said.jsonl").code == 0
    answer = there.run("import", "decisions", str(here.folder / "said.jsonl"))

    assert answer.code == 0, answer.out + answer.err
    assert "7 rows: 7 taken, 0 here already, 0 refused." in answer.out
    assert all_of(there) == all_of(here)
    assert len(all_of(there)) == len(EVERYTHING)


def test_nothing_of_ours_is_in_the_file(pair: tuple[Shop, Shop]) -> None:
    """
    Records are named by connection and remote id; times are ISO, in UTC.
    """
    here, _ = pair
    decide(here, EVERYTHING)
    lines = [json.loads(line) for line in here.run("export", "decisions").out.splitlines()]

    assert [line["decision"] for line in lines] == [one.kind.value for one in EVERYTHING]
    assert lines[0] == row("same", other={"connection": "mailchimp", "remote_id": "m1"})
    assert lines[3]["rejects"] == {"connection": "hubspot", "remote_id": "1", "field": "phone", "value": "030 1"}
    assert lines[2]["value"] == "030 1"


def test_twice_is_once(pair: tuple[Shop, Shop]) -> None:
    """
    A second import finds everything here already and changes nothing; so does one at home.
    """
    here, there = pair
    decide(here, EVERYTHING)
    text = here.run("export", "decisions").out
    for shop in (there, there, here):
        told = bring(shop, *text.splitlines())
        again = bring(shop, *text.splitlines())

        assert told["taken"] + told["already_there"] == again["already_there"] == 7
        assert told["refused"] == again["refused"] == []
        assert all_of(shop) == all_of(here)
    assert there.run("export", "decisions").out == text


def test_what_was_taken_back_here_stays_taken_back(pair: tuple[Shop, Shop]) -> None:
    """
    A decision that somebody lifted here does not come back with the file that it once came from.
    """
    _, there = pair
    said = row("leave_alone")
    assert bring(there, said)["taken"] == 1
    assert there.run("release", "--who", "p_1").code == 0

    assert bring(there, said)["already_there"] == 1
    assert [one[0] for one in all_of(there)] == ["release"]


def test_it_takes_effect(pair: tuple[Shop, Shop]) -> None:
    """
    People who were said to be one are one, at once; and nobody else is touched.
    """
    _, there = pair
    told = bring(there, row("same", other={"connection": "mailchimp", "remote_id": "m1"}))

    assert told["by_kind"] == {"same": 1}
    assert len(there.run("people", "--json").json["people"]) == 3
    assert len(there.run("person", "one@a.example", "--json").json["records"]) == 2


def test_a_dry_run_says_the_same_and_writes_nothing(pair: tuple[Shop, Shop]) -> None:
    """
    The numbers are those of the real import; the store stays as it is.
    """
    here, there = pair
    decide(here, EVERYTHING)
    lines = [*here.run("export", "decisions").out.splitlines(), json.dumps(row("lead", remote_id="99"))]
    tried = bring(there, *lines, options=["--dry-run"])

    assert all_of(there) == []
    assert {**tried, "dry_run": False} == bring(there, *lines)
    assert tried["taken"] == 7


BAD = (
    ("nonsense", "JSON object"),
    ("[1]", "JSON object"),
    ('{"decision": "same"', "JSON object"),
    (row("marry"), "none of same, not_same"),
    ({"decision": "lead", "connection": "hubspot", "remote_id": "1"}, "at is missing"),
    (row("lead", who="Ada"), "who is no key"),
    ({**row("lead"), "remote_id": 1}, "remote_id"),
    (row("lead", connection="pipedrive"), 'no connection "pipedrive"'),
    (row("lead", remote_id="99"), 'hubspot has no record "99"'),
    (row("same", other={"connection": "shop", "remote_id": "1"}), 'no connection "shop"'),
    (row("same", other={"connection": "hubspot", "remote_id": "77"}), 'no record "77"'),
    (row("same", other={"connection": "hubspot", "remote_id": "1"}), "one record twice"),
    (row("same"), 'needs "other"'),
    (row("lead", other={"connection": "hubspot", "remote_id": "3"}), 'takes no "other"'),
    (row("keep", value="x"), 'needs a "field"'),
    (row("keep", field="shoe_size", value="x"), 'no field "shoe_size"'),
    (row("hold", field="phone", value="x"), 'needs what it "rejects"'),
    (row("keep", field="phone"), "whole field"),
    (row("keep", field="tags\x1fvip", value="x"), "whole field"),
    (row("keep", field="phone", value=["030"]), '"value" is none'),
    (row("keep", field="score", value=True), '"value" is none'),
    (row("keep", field="hobbies", value=[1]), '"value" is none'),
    (row("lead", value="x"), '"value" is none'),
    (row("lead", remote_id="1\x00"), "no name has"),
    (row("hold"), "would put a record away"),
    (
        row("hold", field="phone", rejects={"connection": "hubspot", "remote_id": "1", "field": "phone", "value": "9"}),
        "nothing to hold",
    ),
    ({**row("lead"), "at": "2026-01-01T00:00:00"}, "time zone"),
    ({**row("lead"), "at": "yesterday"}, '"at"'),
    ({**row("lead"), "at": "2999-01-01T00:00:00Z"}, "future"),
)


@pytest.mark.parametrize(("bad", "reason"), BAD, ids=lambda one: one if isinstance(one, str) else "")
def test_a_bad_row_is_refused_alone_with_its_number_and_reason(pair: tuple[Shop, Shop], bad: Any, reason: str) -> None:
    """
    The rows around it are taken all the same; blank lines count as rows and mean nothing.
    """
    _, there = pair
    told = bring(there, row("lead"), "", bad, row("leave_alone", remote_id="3"))

    assert (told["read"], told["taken"], len(told["refused"])) == (3, 2, 1)
    assert told["refused"][0]["row"] == 3
    assert reason in told["refused"][0]["reason"]


def test_what_was_decided_here_later_stands(pair: tuple[Shop, Shop]) -> None:
    """
    An older word from elsewhere does not overrule a newer one of people here.
    """
    _, there = pair
    later = [
        Decision(DecisionKind.KEEP, 4, AT + DAY, 0, "phone", "030 9"),
        Decision(DecisionKind.NOT_SAME, 2, AT + DAY, 0, other=4),
        Decision(DecisionKind.RELEASE, 1, AT + DAY, 0),
    ]
    decide(there, later)
    told = bring(
        there,
        row("keep", field="phone", value="030 1"),
        row("same", other={"connection": "mailchimp", "remote_id": "m1"}),
        row("leave_alone", remote_id="4"),
    )

    assert [one["reason"] for one in told["refused"]] == ["somebody decided otherwise here later"] * 3
    assert len(all_of(there)) == 3


def test_of_two_words_about_one_thing_the_later_counts_in_any_order(pair: tuple[Shop, Shop]) -> None:
    """
    The order of the rows is not trusted: the times are.
    """
    older, newer = row("keep", field="phone", value="1"), row("keep", field="phone", value="2")
    newer["at"] = "2026-01-02T00:00:00Z"
    for shop, rows in zip(pair, ((older, newer), (newer, older)), strict=True):
        bring(shop, *rows)

        assert shop.run("person", "p_1", "--json").json["values"]["phone"]["value"] == "2"


def test_a_field_that_was_edited_since_is_not_overruled(pair: tuple[Shop, Shop]) -> None:
    """
    Whoever edited the value after the decision has the last word.
    """
    _, there = pair
    with facts.opened(there) as database, database.write() as conn:
        known = records.by_id(conn, [4])[4]
        known.known["phone"] = "030 7"
        known.claims["phone"] = Claim("030 7", AT + DAY, 1)
        records.save(conn, [records.to_row(known, None, 0)], new=False)
    told = bring(there, row("keep", field="phone", value="030 1"))

    assert told["refused"] == [{"row": 1, "reason": "phone was edited at hubspot after this was decided"}]


def test_a_release_lets_go_of_what_was_held_before_it(pair: tuple[Shop, Shop]) -> None:
    """
    At that record, and no later word is touched.
    """
    _, there = pair
    later = row("leave_alone", remote_id="3")
    later["at"] = "2026-01-05T00:00:00Z"
    release = {**row("release", remote_id="4"), "at": "2026-01-03T00:00:00Z"}
    told = bring(there, row("leave_alone", remote_id="4"), later, release)

    assert told["taken"] == 3
    assert [one[0] for one in all_of(there)] == ["release", "leave_alone"]


def test_a_file_that_is_not_there_says_so(pair: tuple[Shop, Shop]) -> None:
    """
    A missing file or a folder ends in a sentence.
    """
    here, _ = pair
    for name, said in (("nothing.jsonl", "cannot be read"), (".", "is a folder")):
        answer = here.run("import", "decisions", name)

        assert (answer.code, said in answer.err) == (2, True)


def test_people_read_what_was_refused(pair: tuple[Shop, Shop]) -> None:
    """
    Row numbers with reasons, exit code 1; the first ones where there are many.
    """
    here, _ = pair
    text = "\n".join(json.dumps(row("lead", remote_id=str(n))) for n in range(100, 130))
    answer = here.run("import", "decisions", "-", stdin=text)

    assert answer.code == 1
    assert "30 rows: 0 taken, 0 here already, 30 refused." in answer.out
    assert 'Row 20: hubspot has no record "119" that we know.' in answer.out
    assert "Row 21" not in answer.out
    assert "10 more with --json." in answer.out
