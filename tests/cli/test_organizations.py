"""Organisations over platforms, as people see and decide them: shown, joined, split, given a role, carried along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mapping.facts import Facts, Organization, Tie
from sync.filing import file_facts
from sync.filing_companies import organization_id
from sync.organizations import work_out
from tests.cli import facts
from tests.cli.facts import AT
from tests.cli.shop import Shop
from tests.cli.somebody import PEOPLE, fold

AHORN, AHORN_SHOP, BIRKE = (
    organization_id(*place) for place in (("hubspot", "9"), ("mailchimp", "s"), ("hubspot", "10"))
)


def filled(shop: Shop) -> Shop:
    """Ada works at Ahorn, which both platforms know; Birke is another company."""
    with facts.opened(shop) as database:
        facts.people(database, PEOPLE)
        with database.write() as conn:
            companies = [
                Organization("9", {"name": "Ahorn GmbH", "domain": "ahorn.example", "role": "customer"}, 0, AT),
                Organization("10", {"name": "Birke", "city": "Bonn"}, 0, AT),
            ]
            file_facts(conn, "hubspot", [(101, Facts(organizations=companies, ties=[Tie("1", "9")]))], AT)
            more = Organization("s", {"name": "Ahorn", "website": "https://www.ahorn.example", "city": "Ulm"}, 0, AT)
            file_facts(conn, "mailchimp", [(102, Facts(organizations=[more]))], AT)
        work_out(database, 1)
    fold(shop)
    return shop


@pytest.fixture
def known(shop: Shop) -> Shop:
    """A business with three companies that are two organisations."""
    return filled(shop)


def exported(shop: Shop) -> dict[str, Any]:
    """The organisations of an export, by id."""
    lines = shop.run("export", "organizations", "--format", "jsonl").out.splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def test_an_organisation_of_two_platforms_is_shown_as_one(known: Shop) -> None:
    """
    `person` names it once, with both platforms and what it is; the export has it once, with both companies.
    """
    shown = known.run("person", "Ada")
    (belongs,) = known.run("person", "Ada", "--json").json["organizations"]
    rows = exported(known)

    assert "Belongs to Ahorn GmbH (ahorn.example, hubspot, mailchimp): customer from 2026-01-01, hubspot" in shown.out
    assert belongs["fields"] == {
        "city": "Ulm",
        "domain": "ahorn.example",
        "name": "Ahorn GmbH",
        "role": "customer",
        "website": "https://www.ahorn.example",
    }
    assert set(rows) == {AHORN, BIRKE}
    assert rows[AHORN]["companies"] == ["hubspot 9", "mailchimp s"]
    assert rows[AHORN]["people"] == ["p_ada"]


def test_a_role_of_an_organisation_is_said_ended_and_taken_back(known: Shop) -> None:
    """
    The same words as for people, with --organization; a name, a domain or an id says which.
    """
    said = known.run("role", "--organization", "ahorn gmbh", "supplier", "--from", "2024-02-01", "--json").json
    known.run("role", "--organization", "ahorn.example", "customer", "--end")
    (belongs,) = known.run("person", "Ada", "--json").json["organizations"]
    role = exported(known)[AHORN]["role"]
    off = known.run("role", "--organization", AHORN, "supplier", "--off")

    assert said["organization"] == AHORN
    assert [(one["role"], one["source"], one["to"] is None) for one in belongs["roles"]] == [
        ("supplier", "decision", True),
        ("customer", "field", False),
    ]
    assert role == "supplier"
    assert "1 word about supplier taken back" in off.out


def test_organisations_are_split_and_joined_by_a_word(known: Shop) -> None:
    """
    Both take effect at once, name what they did, and refuse what cannot be meant.
    """
    split = known.run("split", "--organization", "Ahorn GmbH", "s")
    parted = exported(known)
    joined = known.run("join", "--organization", AHORN, "Birke")

    assert (split.code, joined.code) == (0, 0)
    assert "1 company of Ahorn GmbH is another organisation now." in split.out
    assert "Ahorn GmbH and Birke are one organisation now." in joined.out
    assert set(parted) == {AHORN, AHORN_SHOP, BIRKE}
    assert {id_: row["companies"] for id_, row in exported(known).items()} == {
        BIRKE: ["hubspot 10", "hubspot 9"],
        AHORN_SHOP: ["mailchimp s"],
    }
    for words, error in (
        (["join", "--organization", BIRKE, "Birke"], "These are one organisation already."),
        (["split", "--organization", "Birke", "77"], "has no company 77. Its companies are hubspot 10 and hubspot 9."),
        (["join", "--organization", "Ahorn", "Brike"], 'No organisation is known as "Brike". Did you mean "Birke"?'),
    ):
        answer = known.run(*words)
        assert answer.code == 2
        assert error in answer.err


def test_what_was_decided_about_organisations_is_carried_to_another_store(tmp_path: Path) -> None:
    """
    Words and joins name companies by connection and id; twice changes nothing more, unknown companies are refused.
    """
    here, there = (Shop(tmp_path / name) for name in ("here", "there"))
    for shop in (here, there):
        shop.folder.mkdir()
        filled(shop)
    here.run("role", "--organization", "Birke", "partner", "--from", "2024-02-01")
    here.run("join", "--organization", "Ahorn GmbH", "Birke")
    assert here.run("export", "decisions", "--out", "said.jsonl").code == 0
    text = (here.folder / "said.jsonl").read_text("utf-8")
    strange = json.dumps({**json.loads(text.splitlines()[0]), "remote_id": "77"})
    first = there.run("import", "decisions", "-", "--json", stdin=text + strange + "\n").json
    again = there.run("import", "decisions", "-", "--json", stdin=text).json

    assert [json.loads(line)["decision"] for line in text.splitlines()] == ["role", "same", "same"]
    assert all(json.loads(line)["organization"] for line in text.splitlines())
    assert (first["taken"], first["refused"][0]["reason"]) == (3, 'hubspot has no company "77" that we know')
    assert (again["taken"], again["already_there"]) == (0, 3)
    assert exported(there) == exported(here)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"decision": "leave_alone"}, '"leave_alone" is not decided about an organisation'),
        ({"decision": "same"}, '"same" needs "other" record'),
        ({"decision": "same", "other": {"connection": "hubspot", "remote_id": "9"}}, "it names one company twice"),
        ({"decision": "same", "other": {"connection": "hubspot", "remote_id": "10"}, "field": "phone"}, '"field" and'),
    ],
)
def test_a_row_about_an_organisation_that_makes_no_sense_is_refused(known: Shop, row: Any, reason: str) -> None:
    """
    The reason says what was expected.
    """
    whole = {"connection": "hubspot", "remote_id": "9", "at": "2026-01-02T00:00:00Z", "organization": True, **row}
    told = known.run("import", "decisions", "-", "--json", stdin=json.dumps(whole) + "\n").json

    assert told["taken"] == 0
    assert reason in told["refused"][0]["reason"]
