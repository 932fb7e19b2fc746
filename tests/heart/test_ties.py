"""Ties: at which company somebody's record belongs. Pure tables; every row is a situation of one person at `crm`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mapping.claims import Pair, Record
from mapping.decisions import Decision, DecisionKind, Reference
from mapping.mailboxes import work_domain
from mapping.model import WORKS_AT, Companies, Direction, RecordState, WriteKind
from mapping.survivorship import Conflict, fold
from sync.people import Spool
from sync.ties import company_key, plan_ties
from sync.writes import Belonging, Case, Firm, Write
from tests.heart.build import record, rules, target

OST, EAST, WEST = Firm("7", "Ost", "ost.example"), Firm("8", "OST ", "east.example"), Firm("9", "West", "ost.example")
WORK, PRIVATE = ("ada@ost.example",), ("ada@gmail.com",)


def at_crm(company: str = "Ost", addresses: Sequence[str] = PRIVATE, **more: Any) -> Record:
    known = {"company": company} if company else {}
    known |= more.pop("known", {})
    return record("crm", known, addresses=tuple(addresses), **more)


def put(company: str = "7") -> dict[str, Any]:
    """What we remember of a record that we put to a company."""
    return {"known": {WORKS_AT: company}, "pairs": {WORKS_AT: Pair(company, company)}}


def hold(revision: int = 5) -> Decision:
    return Decision(DecisionKind.HOLD, 1, 500, revision, WORKS_AT, None, 0, Reference(1, "company", 1))


def planned(
    one: Record,
    here: Belonging,
    mode: Companies = Companies.ASSOCIATE,
    decisions: Sequence[Decision] = (),
    *,
    direction: Direction = Direction.BOTH,
    conflict: bool = False,
) -> list[str]:
    """What the companies of one person ask for, as lines."""
    case = Case("p_ada", [one], decisions, belonging={one.id: here})
    person = fold(case.records, case.decisions, rules())
    if conflict:
        person.conflicts["company"] = Conflict("company", ())
    targets = {"crm": replace(target("crm", direction), companies=mode)}
    writes, findings = plan_ties(case, person, targets)
    return [_line(write) for write in writes] + [f"{found.kind}: {found.detail}" for found in findings]


def _line(write: Write) -> str:
    told = ", ".join(f"{s.name}: {s.before} -> {s.after or 'new'} ({s.rule})" for s in write.settings)
    return f"{write.kind} {write.purpose.strip()} {told}"


TO_OST = "tie Ost works at: None -> 7 (only)"
OFF_OST = "tie Ost works at: 7 -> new (undo)"
CUT = "held: was taken off a company there, and is not put back"


@pytest.mark.parametrize(
    ("one", "here", "expected"),
    [
        pytest.param(at_crm(), Belonging(firms=(OST,)), [TO_OST], id="by-name"),
        pytest.param(at_crm(" oST"), Belonging(firms=(OST,)), [TO_OST], id="however-it-is-spelled"),
        pytest.param(at_crm(""), Belonging(firms=(OST,)), [], id="no-company-is-known"),
        pytest.param(at_crm("", WORK), Belonging(firms=(OST,)), [], id="an-address-alone-is-no-word"),
        pytest.param(at_crm("Ost Ltd", WORK), Belonging(firms=(OST,)), [TO_OST], id="by-the-work-address"),
        pytest.param(
            at_crm("Ost Ltd"), Belonging(firms=(OST,)), ["held: there is no company 'Ost Ltd' there"], id="by-neither"
        ),
        pytest.param(
            at_crm(), Belonging(firms=(OST, EAST)), ["held: 2 companies there may be 'Ost'"], id="two-of-one-name"
        ),
        pytest.param(at_crm("Ost", WORK), Belonging(firms=(OST, EAST)), [TO_OST], id="the-address-tells-them-apart"),
        pytest.param(
            at_crm("Nord", WORK),
            Belonging(firms=(OST, WEST)),
            ["held: 2 companies there may be 'Nord'"],
            id="two-of-one-domain",
        ),
        pytest.param(at_crm(), Belonging((WEST,), firms=(OST,)), [], id="has-one-already"),
        pytest.param(at_crm(), Belonging(cut=True, firms=(OST,)), [CUT], id="was-taken-off"),
        pytest.param(at_crm(**put()), Belonging(firms=(OST,)), [CUT], id="was-taken-off-before-we-saw-it"),
        pytest.param(at_crm("", known={WORKS_AT: "7"}), Belonging(cut=True), [], id="taken-off-and-nothing-is-known"),
        pytest.param(
            at_crm(refused={WORKS_AT: "7"}),
            Belonging(firms=(OST,)),
            ["refused: the platform would not put it to 'Ost'"],
            id="refused",
        ),
        pytest.param(at_crm(refused={WORKS_AT: "6"}), Belonging(firms=(OST,)), [TO_OST], id="another-was-refused"),
        pytest.param(at_crm(state=RecordState.GONE), Belonging(firms=(OST,)), [], id="gone"),
        pytest.param(
            at_crm(""),
            Belonging(firms=(OST,), elsewhere=(Firm("1", "Ost"),)),
            ["tie Ost works at: None -> 7 (belongs)"],
            id="another-connection-says-so",
        ),
        pytest.param(
            at_crm(""),
            Belonging(firms=(OST,), elsewhere=(Firm("1", "Ost"), Firm("2", "West"))),
            [],
            id="other-connections-name-two",
        ),
        pytest.param(
            at_crm("West"),
            Belonging(firms=(OST,), elsewhere=(Firm("1", "Ost"),)),
            ["held: there is no company 'West' there"],
            id="the-field-counts-more",
        ),
    ],
)
def test_somebody_belongs_to_the_one_company_that_fits(one: Record, here: Belonging, expected: list[str]) -> None:
    """By its name, or by a work address; whoever has one, or had one, is left as they are."""
    assert planned(one, here) == expected


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        pytest.param(Belonging(firms=(OST,)), [TO_OST], id="it-is-there"),
        pytest.param(
            Belonging(),
            ["company Ost name: None -> Ost (only)", "tie Ost works at: None -> new (only)"],
            id="it-is-not",
        ),
        pytest.param(Belonging(firms=(OST, EAST)), ["held: 2 companies there may be 'Ost'"], id="two-are-there"),
        pytest.param(
            Belonging(never={"ost": "it was made once and is gone"}),
            ["held: 'Ost' is not made there: it was made once and is gone"],
            id="it-was-made-before",
        ),
        pytest.param(Belonging(cut=True), [CUT], id="was-taken-off"),
    ],
)
def test_a_company_is_made_where_there_is_none(here: Belonging, expected: list[str]) -> None:
    """Once, and only where the connection may."""
    assert planned(at_crm(), here, Companies.CREATE) == expected


def test_a_company_is_made_with_what_another_connection_knows_of_it() -> None:
    """Its name and its domain; from a field there is only a name."""
    there = Belonging(elsewhere=(Firm("1", "Ost", "ost.example"),))

    assert planned(at_crm(""), there, Companies.CREATE) == [
        "company Ost name: None -> Ost (belongs), domain: None -> ost.example (belongs)",
        "tie Ost works at: None -> new (belongs)",
    ]


def test_nobody_is_put_anywhere_without_a_word() -> None:
    """Not by default, not where we only read, not whom people said to leave alone, not while the sides differ."""
    here, alone = Belonging(firms=(OST,)), Decision(DecisionKind.LEAVE_ALONE, 1, 1, 1)
    taken_back = Decision(DecisionKind.HOLD, 1, 500, 5, "", None)

    assert planned(at_crm(), here, Companies.NONE) == []
    assert planned(at_crm(), here, direction=Direction.READ) == []
    assert planned(at_crm(), here, decisions=[alone]) == []
    assert planned(at_crm(), here, decisions=[taken_back]) == []
    assert planned(at_crm(), here, conflict=True) == ["held: the sides differ on the company, and nobody has decided"]


@pytest.mark.parametrize(
    ("one", "here", "expected"),
    [
        pytest.param(at_crm(**put()), Belonging((OST,)), [OFF_OST], id="it-stands"),
        pytest.param(at_crm(**put()), Belonging(cut=True), [], id="somebody-took-it-off"),
        pytest.param(at_crm(**put()), Belonging((OST._replace(label="Owner"),)), [], id="somebody-named-it"),
        pytest.param(at_crm(**put()), Belonging((WEST,)), [], id="somebody-moved-it"),
        pytest.param(at_crm(), Belonging(firms=(OST,)), [], id="undone-and-held"),
    ],
)
@pytest.mark.parametrize("mode", [Companies.NONE, Companies.ASSOCIATE])
def test_an_undo_takes_off_what_we_put_there(
    one: Record, here: Belonging, expected: list[str], mode: Companies
) -> None:
    """Where it still is what we did, whatever the connection may do by now."""
    assert planned(one, here, mode, [hold()]) == expected


def test_a_company_is_planned_once_for_everybody() -> None:
    """Several people ask for it, each by their own spelling: the first is kept, the hash counts one."""
    spool = Spool()
    for name in ("Ost", "OST", " ost "):
        spool.add(Write(WriteKind.COMPANY, "crm", f"p_{name}", 1, "", "", (), purpose=name))
        spool.add(Write(WriteKind.COMPANY, "other", f"p_{name}", 1, "", "", (), purpose=name))
    kept = [(write.connection, write.purpose) for write in spool]
    spool.close()

    assert kept == [("crm", "Ost"), ("other", "Ost")]


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("Ada@OST.example", "ost.example"),
        ("ada@gmail.com", ""),
        ("ada@web.de", ""),
        ("ada", ""),
        ("", ""),
    ],
)
def test_a_free_mailbox_says_nothing_of_work(address: str, domain: str) -> None:
    """Half the town has one at the same provider."""
    assert work_domain(address) == domain


def test_companies_are_compared_by_a_plain_form() -> None:
    """Case, spaces and the form of accents aside."""
    assert company_key("  Cafe\u0301  OST ") == company_key("café ost")
    assert company_key(None) == ""


def test_what_can_be_taken_back() -> None:
    """A company, a tie and a task can; putting a company or a task away cannot."""
    task = Write(WriteKind.TASK, "crm", "p_ada")

    assert Write(WriteKind.COMPANY, "crm", "p_ada").reversible
    assert Write(WriteKind.TIE, "crm", "p_ada").reversible
    assert task.reversible
    assert not Write(WriteKind.COMPANY_AWAY, "crm", "p_ada").reversible
    assert not Write(WriteKind.TASK, "crm", "p_ada", purpose="12").reversible
