"""Organisations in the store: one over platforms, worked out again at any time, and as people decided."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select, update

from mapping.facts import Facts, Organization, Tie
from sync import roles_decide
from sync.filing import file_facts, forget_items
from sync.filing_companies import organization_id
from sync.organizations import companies_of, find, lines, work_out, work_out_all
from sync.queries_export import What, export
from sync.queries_facts import people_facts
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database
from tests.store.parties import NOW, people, told


def tell(
    database: Database, connection: str, *told_: tuple[str, dict[str, Any]], item: int = 100, now: int = NOW
) -> None:
    """Companies as a platform tells them, with the person of the first record in each."""
    with database.write() as conn:
        some = []
        for number, (remote_id, fields) in enumerate(told_, item):
            bulk.insert_ignore(
                conn,
                t.item,
                ("id", "connection", "stream", "remote_id"),
                [(number, connection, "companies", remote_id)],
            )
            ties = [Tie("1", remote_id, primary=True)] if connection == "crm" else []
            some.append((number, Facts(organizations=[Organization(remote_id, fields, 0, now)], ties=ties)))
        file_facts(conn, connection, some, now)


AHORN = ("9", {"name": "Ahorn GmbH", "domain": "www.ahorn.example", "role": "supplier", "stage": "retention"})
SHOP = ("s", {"name": "Ahorn", "website": "https://ahorn.example/", "city": "Ulm"})


def organizations(database: Database) -> list[tuple[Any, ...]]:
    """Every organisation as it is exported: name, domain, city, role, people, companies."""
    with database.read() as conn:
        found = export(What.ORGANIZATIONS, {})
        names = [heading.name for heading in found.headings]
        rows = [dict(zip(names, row, strict=True)) for batch in found.batches(conn) for row in batch]
        assert found.count(conn) == len(rows)
    keys = ("name", "domain", "city", "role", "people", "companies")
    return sorted((tuple(row[key] for key in keys) for row in rows), key=str)


def test_one_organisation_of_two_platforms_is_one_everywhere(database: Database) -> None:
    """
    Export, person and rules see the whole; its id is that of the company that was met first, in either order.
    """
    (ada,) = people(database, {})
    tell(database, "crm", AHORN)
    work_out(database, 4)
    tell(database, "shop", SHOP, item=200)
    work_out(database, 5)
    with database.read() as conn:
        (belongs,) = people_facts(conn, [ada])[ada].organizations
        fields = [json.loads(text) for text in conn.execute(select(t.organization.c.fields)).scalars()]

    assert organizations(database) == [("Ahorn GmbH", "ahorn.example", "Ulm", "supplier", [ada], ["crm 9", "shop s"])]
    assert belongs.organization == organization_id("crm", "9")
    assert belongs.connection == "crm, shop"
    assert [(one.role, one.origin, one.until) for one in belongs.roles] == [("supplier", "crm", None)]
    assert [one["city"] for one in fields] == ["Ulm", "Ulm"]
    assert work_out(database, 6) == 0


def test_working_out_again_gives_the_same(database: Database) -> None:
    """
    Organisations are derived: whatever is thrown away comes back with the same ids.
    """
    people(database, {})
    tell(database, "crm", AHORN, ("10", {"name": "Birke", "domain": "birke.example"}))
    tell(database, "shop", SHOP, item=200)
    work_out(database, 4)
    before = organizations(database), told(database, organization_id("crm", "9"))
    with database.write() as conn:
        conn.execute(t.relationship.delete())
        conn.execute(update(t.organization).values(whole="", fields="{}"))

    assert work_out_all(database, 9) == 3
    assert (organizations(database), told(database, organization_id("crm", "9"))) == before


def test_joining_and_splitting_organisations_is_a_word_that_stays(database: Database) -> None:
    """
    A person's word parts what shares a domain, joins what shares nothing, and outlives the next news.
    """
    people(database, {})
    tell(database, "crm", AHORN, ("10", {"name": "Birke"}))
    tell(database, "shop", SHOP, item=200)
    work_out(database, 4)
    ahorn, birke, shop = organization_id("crm", "9"), organization_id("crm", "10"), organization_id("shop", "s")
    roles_decide.split_organization(database, ahorn, [shop], NOW)
    work_out(database, 5)
    parted = [row[5] for row in organizations(database)]
    roles_decide.join_organizations(database, [ahorn, birke], NOW + 1)
    work_out(database, 5)
    tell(database, "shop", ("s", {**SHOP[1], "city": "Bonn"}), item=200)
    work_out(database, 6)
    with database.read() as conn:
        named = [line.companies for line in find(conn, "birke")], lines(conn, [birke])[birke].id

    assert parted == [["crm 9"], ["shop s"], ["crm 10"]]
    assert [row[5] for row in organizations(database)] == [["shop s"], ["crm 10", "crm 9"]]
    assert named == ([(("crm", "10"), ("crm", "9"))], birke)


def test_a_word_about_an_organisation_goes_before_its_platforms_and_keeps_their_past(database: Database) -> None:
    """
    What the platform said until then is history, and rules ask for what stands now.
    """
    people(database, {})
    tell(database, "crm", AHORN, now=NOW)
    work_out(database, 4)
    ahorn = organization_id("crm", "9")
    tell(database, "crm", ("9", {**AHORN[1], "role": "customer"}), now=NOW + 5)
    work_out(database, 5)
    by_field = told(database, ahorn)
    roles_decide.say_role(database, ahorn, "partner", NOW + 9, begins=NOW + 7)
    roles_decide.end_role(database, ahorn, "customer", NOW + 9, ends=NOW + 8)
    work_out(database, 5)
    with database.read() as conn:
        asked = json.loads(conn.execute(select(t.organization.c.fields)).scalar_one())

    assert by_field == [("customer", "field", NOW + 5, None), ("supplier", "field", NOW, NOW + 5)]
    assert told(database, ahorn) == [
        ("partner", "decision", NOW + 7, None),
        ("customer", "field", NOW + 5, NOW + 8),
        ("supplier", "field", NOW, NOW + 5),
    ]
    assert asked["role"] == "partner"
    assert roles_decide.take_back(database, ahorn, "partner", NOW + 11) == 1


def test_a_company_that_is_gone_leaves_the_rest_of_its_organisation(database: Database) -> None:
    """
    The other company stands alone afterwards, under its own id.
    """
    people(database, {})
    tell(database, "crm", AHORN)
    tell(database, "shop", SHOP, item=200)
    work_out(database, 4)
    with database.write() as conn:
        forget_items(conn, [100], NOW, ended=True)
    work_out(database, 5)
    with database.read() as conn:
        alone = companies_of(conn, organization_id("shop", "s"))

    assert alone == [organization_id("shop", "s")]
    assert told(database, organization_id("crm", "9")) == []
    assert organizations(database) == [("Ahorn", "ahorn.example", "Ulm", None, [], ["shop s"])]
