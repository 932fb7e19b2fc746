"""What somebody is to the business, said by a person: stored, shown, explained, ended, taken back and carried along."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mapping.claims import Claim
from sync.store import records
from tests.cli import facts
from tests.cli.facts import AT, DAY
from tests.cli.shop import Shop
from tests.cli.somebody import PEOPLE, fold


@pytest.fixture
def known(shop: Shop) -> Shop:
    """A business that knows Ada, a customer at HubSpot, and Bo, of whom no platform says anything."""
    with facts.opened(shop) as database:
        facts.people(database, PEOPLE)
    fold(shop)
    return shop


def roles(shop: Shop, who: str) -> list[tuple[str, str | None, str]]:
    """What somebody is and was: role, stage and who says so."""
    found = shop.run("person", who, "--json").json["roles"]
    return [(one["role"], one["stage"], one["source"]) for one in found]


def said(shop: Shop, *words: str) -> Any:
    answer = shop.run("role", *words, "--json")
    assert answer.code == 0, answer.err
    return answer.json


def test_a_word_stands_beside_what_platforms_say_and_shows_with_its_dates(known: Shop) -> None:
    """
    `role` adds a role, `person` shows each with its first day and who says it.
    """
    told = said(known, "Ada", "supplier", "--from", "2024-02-01", "--stage", "onboarding")
    shown = known.run("person", "Ada").out

    assert told["person"] == "p_ada"
    assert told["spells"][0]["from"] == 1_706_742_000_000, "midnight in Berlin"
    assert roles(known, "Ada") == [("customer", "retention", "field"), ("supplier", "onboarding", "decision")]
    assert any(
        line.split() == ["supplier", "onboarding", "2024-02-01", "you", "said", "so"] for line in shown.splitlines()
    )
    assert any(line.split()[:3] == ["customer", "retention", "2026-01-01"] for line in shown.splitlines())


def test_a_role_that_a_platform_shows_ends_when_a_person_says_so(known: Shop) -> None:
    """
    What was stays as history, with its last day; taking the word back brings the platform's back.
    """
    said(known, "Ada", "customer", "--to", "2026-01-31")
    ended = known.run("person", "Ada", "--json").json["roles"]
    off = said(known, "Ada", "customer", "--off")

    assert [(one["role"], one["source"], one["to"]) for one in ended] == [("customer", "field", 1_769_900_400_000)]
    assert off["said"] == "1 word about customer taken back."
    assert roles(known, "Ada") == [("customer", "retention", "field")]
    assert "nobody has said anything of customer" in said(known, "Ada", "customer", "--off")["said"]


def test_ending_and_beginning_again_keeps_both_times(known: Shop) -> None:
    """
    Bo was a partner for a year, is one again, and no date is lost.
    """
    said(known, "Bo", "partner", "--from", "2023-01-01", "--to", "2023-12-31")
    said(known, "Bo", "partner", "--from", "2025-06-01")
    words = known.run("why", "Bo", "role")
    document = known.run("why", "Bo", "role", "--json").json

    assert [(one["from"], one["to"]) for one in known.run("person", "Bo", "--json").json["roles"]] == [
        (1_748_728_800_000, None),
        (1_672_527_600_000, 1_704_063_600_000),
    ]
    assert "you said partner from 2023-01-01 to 2023-12-31" in words.out
    assert "you said partner from 2025-06-01" in words.out
    assert [one["taken_back"] for one in document["said"]] == [False, False]
    assert document["platforms"] is None


def test_a_stage_that_is_said_begins_now_and_the_stage_before_stays(known: Shop) -> None:
    """
    Saying only the role again leaves its beginning; saying a new stage begins a new spell.
    """
    said(known, "Ada", "customer")
    same = known.run("person", "Ada", "--json").json["roles"]
    said(known, "Ada", "customer", "--stage", "advocacy")

    assert [(one["from"], one["stage"], one["owner"], one["source"]) for one in same] == [
        (AT, "retention", "Mira", "decision")
    ]
    assert roles(known, "Ada") == [("customer", "advocacy", "decision"), ("customer", "retention", "decision")]


def test_why_tells_the_words_and_the_platforms_answer(known: Shop) -> None:
    """
    `why WHO role` lists what was said, and then what each record shows of the field.
    """
    said(known, "Ada", "customer", "--end")
    shown = known.run("why", "Ada", "role").out
    in_short = known.run("why", "Ada").out

    assert "What Ada is to you" in shown
    assert "you said customer no more after" in shown
    assert "Role of Ada" in shown
    assert "customer (stood there when first seen)" in shown
    assert "you said what they are to you: customer no more after" in in_short


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["Ada", "suplier"], '"suplier" is no role. Did you mean "supplier"?'),
        (["Ada", "king"], '"king" is no role. There are customer, prospect, supplier'),
        (["Ada", "customer", "--stage", "advocate"], 'Did you mean "advocacy"?'),
        (["Ada", "customer", "--from", "2026-02-01", "--to", "2026-01-01"], "--to 2026-01-01 lies before --from"),
        (["Ada", "customer", "--from", "2026-02-30"], '--from: "2026-02-30" is no day. Write it as 2026-01-31.'),
        (["Ada", "customer", "--from", "3026-01-01"], "--from 3026-01-01 lies in the future."),
        (["Ada", "customer", "--from", "1812-01-01"], "is too long ago"),
        (["Ada", "customer", "--off", "--end"], "--off takes back what you said"),
        (["Ada", "customer", "--end", "--stage", "lapsed"], "--end says that a role is over, and --stage"),
        (["Ada", "customer", "--stage", "lapsed", "--to", "2026-02-01"], "Give --from as well."),
        (["Adda Lovelace", "customer"], 'Nobody is known as "Adda Lovelace".'),
        (["Ahorn", "customer", "--organization"], 'No organisation is known as "Ahorn".'),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_wrong_use_names_what_was_meant(known: Shop, words: Sequence[str], error: str) -> None:
    """
    Unknown words name the nearest, dates their order, people the way to look.
    """
    answer = known.run("role", *words)

    assert answer.code == 2
    assert error in answer.err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["Bo", "customer", "--end"], "They are no customer now"),
        (["Ada", "customer", "--to", "2020-01-01"], "an end cannot lie before the beginning"),
    ],
)
def test_what_does_not_stand_cannot_end(known: Shop, words: Sequence[str], error: str) -> None:
    """
    Nothing is written down, and the answer says why.
    """
    answer = known.run("role", *words)

    assert answer.code == 1
    assert error in answer.err
    assert known.run("why", words[0], "role", "--json").json["said"] == []


def test_words_are_carried_to_another_store_once(tmp_path: Path) -> None:
    """
    Export and import bring every word, the taking back among them; twice changes nothing more.
    """
    here, there = (Shop(tmp_path / name) for name in ("here", "there"))
    for shop in (here, there):
        shop.folder.mkdir()
        with facts.opened(shop) as database:
            facts.people(database, PEOPLE if shop is here else PEOPLE[::-1])
        fold(shop)
    said(here, "Ada", "customer", "--to", "2026-01-31")
    said(here, "Bo", "partner", "--from", "2023-01-01", "--to", "2023-12-31", "--stage", "advocacy")
    said(here, "Bo", "supplier", "--from", "2024-01-01")
    said(here, "Bo", "supplier", "--off")
    assert here.run("export", "decisions", "--out", "said.jsonl").code == 0
    lines = [json.loads(line) for line in (here.folder / "said.jsonl").read_text("utf-8").splitlines()]
    first = there.run("import", "decisions", str(here.folder / "said.jsonl"), "--json").json
    again = there.run("import", "decisions", str(here.folder / "said.jsonl"), "--json").json

    assert lines[1]["role"] == {
        "role": "partner",
        "stage": "advocacy",
        "from": "2022-12-31T23:00:00Z",
        "to": "2023-12-31T23:00:00Z",
    }
    assert {key for line in lines for key in line} == {"decision", "connection", "remote_id", "at", "role"}
    assert (first["taken"], again["taken"], again["already_there"]) == (4, 0, 4)
    for who in ("p_ada", "p_bo"):
        assert there.run("person", who, "--json").json["roles"] == here.run("person", who, "--json").json["roles"]


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ({"role": "king", "from": "2024-01-01T00:00:00Z"}, '"role.role" is none of customer, prospect, supplier'),
        ({"role": "customer"}, 'a role needs "from" or "to", or "off" and neither'),
        ({"role": "customer", "off": True, "to": "2024-01-01T00:00:00Z"}, 'a role needs "from" or "to"'),
        ({"role": "customer", "from": "2024-01-01T00:00:00"}, "need a time zone"),
        ({"role": "customer", "from": "2024-02-01T00:00:00Z", "to": "2024-01-01T00:00:00Z"}, '"to" lies before "from"'),
        ({"role": "customer", "from": "1960-01-01T00:00:00Z"}, "lie in 1970 or later"),
        (None, '"role" needs a "role"'),
    ],
    ids=str,
)
def test_a_row_that_is_no_word_is_refused(known: Shop, role: Any, reason: str) -> None:
    """
    The reason names what was expected, and nothing is taken.
    """
    row = {"decision": "role", "connection": "hubspot", "remote_id": "1", "at": "2026-01-02T00:00:00Z"}
    line = json.dumps(row if role is None else {**row, "role": role})
    told = known.run("import", "decisions", "-", "--json", stdin=line + "\n").json

    assert told["taken"] == 0
    assert reason in told["refused"][0]["reason"]
    assert roles(known, "Ada") == [("customer", "retention", "field")]


def test_changes_that_platforms_told_are_history(known: Shop) -> None:
    """
    The journal keeps what a record showed before, and `person` shows it with both dates.
    """
    with facts.opened(known) as database, database.write() as conn:
        record = records.by_id(conn, [1])[1]
        record.claims["role"] = Claim("customer", AT + 9 * DAY, 7, was="prospect")
        records.save(conn, [records.to_row(record, None, 1)], new=False)
    with facts.opened(known) as database:
        facts.insert(
            database,
            journal=[
                {
                    "at": AT + 4 * DAY,
                    "revision": 6,
                    "record": 1,
                    "name": "role",
                    "before": '"supplier"',
                    "after": '"prospect"',
                },
                {
                    "at": AT + 12 * DAY,
                    "revision": 7,
                    "record": 1,
                    "name": "role",
                    "before": '"prospect"',
                    "after": '"customer"',
                },
            ],
        )
    fold(known)

    assert [(one["role"], one["from"], one["to"]) for one in known.run("person", "Ada", "--json").json["roles"]] == [
        ("customer", AT, None),
        ("prospect", AT + 4 * DAY, AT + 9 * DAY),
        ("supplier", AT, AT + 4 * DAY),
    ]
