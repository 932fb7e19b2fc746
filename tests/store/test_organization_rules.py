"""Roles that rules give to organisations: begun and ended by what platforms show and what was sold."""

from __future__ import annotations

import json

from sqlalchemy import select

from mapping.facts import Deal, DealState, Facts
from mapping.rules import Moment
from mapping.rules_read import read_rule
from sync import roles_decide
from sync.filing import file_facts
from sync.filing_companies import organization_id
from sync.organizations import work_out, work_out_all
from sync.roles_organizations import judge_organizations
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database
from tests.store.parties import NOW, people, told
from tests.store.test_organizations import SHOP, tell

AHORN, BIRKE = organization_id("crm", "9"), organization_id("crm", "10")
MILL = {"name": "Ahorn GmbH", "domain": "ahorn.example", "industry": "Mills"}
SUPPLIERS = read_rule({"any": [{"field": "industry", "in": ["mills", "dairy"]}]})
BUYERS = read_rule({"all": [{"bought": "sum", "at_least": 100, "currency": "EUR", "within": "90d"}]})
DAY = 86_400_000


def sell(database: Database, organization: str, amount: int, at: int) -> None:
    """A won deal with an organisation."""
    with database.write() as conn:
        item = (500, "crm", "deals", "d1")
        bulk.insert_ignore(conn, t.item, ("id", "connection", "stream", "remote_id"), [item])
        deal = Deal("d1", "Order", DealState.WON, amount, "EUR", "won", at, at, organizations=(organization,))
        file_facts(conn, "crm", [(500, Facts(deals=[deal]))], at)


def asked(database: Database, organization: str) -> str | None:
    """The role that rules about people see at an organisation."""
    with database.read() as conn:
        fields = conn.execute(select(t.organization.c.fields).where(t.organization.c.id == organization)).scalar_one()
        role: str | None = json.loads(fields).get("role")
        return role


def test_a_rule_begins_and_ends_a_role_with_what_a_platform_shows(database: Database) -> None:
    """
    From the day on which it is first seen to hold, until it holds no more or is taken out; both dates are kept.
    """
    people(database, {})
    tell(database, "crm", ("9", MILL), ("10", {"name": "Birke"}))
    tell(database, "shop", SHOP, item=200)
    work_out(database, 4)
    first = judge_organizations(database, {"supplier": SUPPLIERS}, Moment(NOW + 1), 5)
    again = judge_organizations(database, {"supplier": SUPPLIERS}, Moment(NOW + 2), 6)
    seen, asks, other = told(database, AHORN), asked(database, AHORN), told(database, BIRKE)
    work_out_all(database, 6)
    rebuilt = told(database, AHORN)
    tell(database, "crm", ("9", {**MILL, "industry": "Retail"}))
    work_out(database, 7)
    ended = judge_organizations(database, {"supplier": SUPPLIERS}, Moment(NOW + 9), 7)

    assert (first, again, ended) == (1, 0, 1)
    assert seen == rebuilt == [("supplier", "rule", NOW + 1, None)]
    assert (asks, other) == ("supplier", [])
    assert told(database, AHORN) == [("supplier", "rule", NOW + 1, NOW + 9)]
    assert judge_organizations(database, {}, Moment(NOW + 10), 8) == 0


def test_what_was_sold_counts_for_as_long_as_it_is_recent(database: Database) -> None:
    """
    A sale makes a customer, and time alone ends that.
    """
    people(database, {})
    tell(database, "crm", ("9", MILL))
    sell(database, "9", 12_000, NOW)
    work_out(database, 4)
    judge_organizations(database, {"customer": BUYERS}, Moment(NOW + DAY), 5)
    buys = told(database, AHORN)
    judge_organizations(database, {"customer": BUYERS}, Moment(NOW + 91 * DAY), 6)

    assert buys == [("customer", "rule", NOW + DAY, None)]
    assert told(database, AHORN) == [("customer", "rule", NOW + DAY, NOW + 91 * DAY)]


def test_platforms_and_people_count_before_a_rule(database: Database) -> None:
    """
    The rule asks what the platform shows, never what a rule gave, so it cannot rest on itself; a word goes first.
    """
    people(database, {})
    tell(database, "crm", ("9", {**MILL, "role": "customer"}))
    work_out(database, 4)
    rules = {"supplier": SUPPLIERS, "partner": read_rule({"field": "role", "is": "supplier"})}
    judge_organizations(database, rules, Moment(NOW + 1), 5)
    by_rule = asked(database, AHORN), sorted(row[0] for row in told(database, AHORN))
    roles_decide.end_role(database, AHORN, "supplier", NOW + 9, ends=NOW + 5)
    work_out(database, 6)
    judge_organizations(database, rules, Moment(NOW + 10), 7)

    assert by_rule == ("customer", ["customer", "supplier"])
    assert ("supplier", "rule", NOW + 1, NOW + 5) in told(database, AHORN)
    assert [row[0] for row in told(database, AHORN) if row[3] is None] == ["customer"]
