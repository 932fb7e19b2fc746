"""Associations of the HubSpot sandbox: types with a direction, primary companies, labels, pages, limits."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot.crm.associations.v4 import (
    AssociationSpec,
    BatchInputPublicAssociationMultiArchive,
    BatchInputPublicAssociationMultiPost,
    BatchInputPublicDefaultAssociationMultiPost,
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicAssociationMultiArchive,
    PublicAssociationMultiPost,
    PublicDefaultAssociationMultiPost,
    PublicFetchAssociationsBatchRequest,
    PublicObjectId,
)
from hubspot.crm.associations.v4.schema import PublicAssociationDefinitionCreateRequest

from sandbox.hubspot import HubSpotSandbox, Limits
from sandbox.hubspot_associations import READ_MAX, WRITE_MAX
from sandbox.platform import SimClock
from tests.described import needs_specs
from tests.sandbox.hubspot_objects import OBJECTS, contact, described, find, make, new_box, objects, talking
from tests.sandbox.inprocess import Reply, call

MANY = "/crm/v4/associations"
PRIMARY, UNLABELLED = 1, 279


@pytest.fixture
def box() -> HubSpotSandbox:
    return new_box()


def spec(number: int, category: str = "HUBSPOT_DEFINED") -> dict[str, Any]:
    return {"associationCategory": category, "associationTypeId": number}


def ends(one: str, other: str, *types: int) -> dict[str, Any]:
    found: dict[str, Any] = {"from": {"id": one}, "to": {"id": other}}
    return {**found, "types": [spec(number) for number in types]} if types else found


def join(box: HubSpotSandbox, pair: str, *inputs: dict[str, Any]) -> Reply:
    how = "create" if "types" in inputs[0] else "associate/default"
    return call(box, "POST", f"{MANY}/{pair}/batch/{how}", {"inputs": inputs})


def joined(box: HubSpotSandbox, one: str, id: str, other: str) -> dict[str, list[int]]:
    """To whom, under which types."""
    found = call(box, "GET", f"/crm/v4/objects/{one}/{id}/associations/{other}").json["results"]
    return {each["toObjectId"]: [type["typeId"] for type in each["associationTypes"]] for each in found}


# -- the vendor's SDK, over a socket, described ----------------------------------------------------


@needs_specs
def test_the_vendors_sdk_does_all_operations() -> None:
    """`hubspot-api-client`, unmodified, reads and writes associations, and each call is as described."""
    box = HubSpotSandbox()
    people = [contact(box, f"{n}@town.example") for n in range(3)]
    firms = [box.human_create_object("companies", {"name": f"F{n}"}) for n in range(2)]
    with talking(box) as (client, checked, _):
        batch, basic = client.crm.associations.v4.batch_api, client.crm.associations.v4.basic_api

        def pair(one: str, other: str) -> dict[str, Any]:
            return {"_from": PublicObjectId(id=one), "to": PublicObjectId(id=other)}

        posts = [PublicDefaultAssociationMultiPost(**pair(person, firms[0])) for person in people[:2]]
        answer = batch.create_default("contacts", "companies", BatchInputPublicDefaultAssociationMultiPost(posts))
        assert len(answer.results) == 4  # both directions
        primary = [AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=PRIMARY)]
        labels = [PublicAssociationMultiPost(types=primary, **pair(people[0], firms[1]))]
        batch.create("contacts", "companies", BatchInputPublicAssociationMultiPost(labels))
        asked = [PublicFetchAssociationsBatchRequest(id=id) for id in people]
        found = batch.get_page("contacts", "companies", BatchInputPublicFetchAssociationsBatchRequest(asked))
        types = {
            (each._from.id, to.to_object_id): [type.type_id for type in to.association_types]
            for each in found.results
            for to in each.to
        }
        assert types == {
            (people[0], firms[0]): [UNLABELLED],
            (people[0], firms[1]): [PRIMARY, UNLABELLED],
            (people[1], firms[0]): [PRIMARY, UNLABELLED],
        }
        assert found.num_errors == 1
        batch.archive_labels("contacts", "companies", BatchInputPublicAssociationMultiPost(labels))
        gone = PublicAssociationMultiArchive(_from=PublicObjectId(id=people[1]), to=[PublicObjectId(id=firms[0])])
        batch.archive("contacts", "companies", BatchInputPublicAssociationMultiArchive([gone]))
        assert [each.to_object_id for each in basic.get_page("contacts", people[0], "companies").results] == firms
        basic.create_default("companies", firms[1], "contacts", people[2])
        basic.create("companies", firms[0], "contacts", people[2], primary_back())
        basic.archive("contacts", people[2], "companies", firms[1])
        labels_api = client.crm.associations.v4.schema.definitions_api
        wanted = PublicAssociationDefinitionCreateRequest(name="chef", label="Chefin", inverse_label="Firma der Chefin")
        labels_api.create("contacts", "companies", wanted)
        assert "Chefin" in {each.label for each in labels_api.get_all("contacts", "companies").results}
        assert sum(checked.counts.values()) == 11


def primary_back() -> list[AssociationSpec]:
    return [AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=2)]


@needs_specs
def test_the_date_version_answers_as_described(box: HubSpotSandbox) -> None:
    """The same handlers answer under 2026-03."""
    checked = described(box)
    person, firm = contact(box, "a@town.example"), make(box, "companies")
    base = "/crm/associations/2026-03/contacts/companies"
    one = f"/crm/objects/2026-03/contacts/{person}/associations"
    missing = {"inputs": [ends(person, "999")]}
    many: list[tuple[str, str, Any, int]] = [
        ("POST", base + "/batch/associate/default", {"inputs": [ends(person, firm)]}, 200),
        ("POST", base + "/batch/associate/default", missing, 207),
        ("POST", base + "/batch/create", {"inputs": [ends(person, firm, 1)]}, 201),
        ("POST", base + "/batch/create", {"inputs": [ends(person, "999", 1)]}, 207),
        ("POST", base + "/batch/read", {"inputs": [{"id": person}]}, 200),
        ("POST", base + "/batch/read", {"inputs": [{"id": "999"}]}, 207),
        ("GET", base + "/labels", None, 200),
        ("GET", one + "/companies?limit=1", None, 200),
        ("PUT", one + f"/companies/{firm}", [spec(1)], 200),
        ("PUT", one + f"/default/companies/{firm}", None, 200),
        ("POST", base + "/batch/labels/archive", {"inputs": [ends(person, firm, 1)]}, 204),
        ("DELETE", one + f"/companies/{firm}", None, 204),
        ("POST", base + "/batch/archive", {"inputs": [{"from": {"id": person}, "to": [{"id": firm}]}]}, 204),
    ]
    for method, path, body, status in many:
        assert (path, call(checked, method, path, body).status_code) == (path, status)
    print(checked.report())

    assert checked.violations == []
    assert checked.undescribed == {}


# -- types and directions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "there", "back"),
    [("deals", "contacts", 3, 4), ("tickets", "contacts", 16, 15), ("notes", "contacts", 202, 201)],
)
def test_types_have_a_direction(box: HubSpotSandbox, one: str, other: str, there: int, back: int) -> None:
    """Deal→contact is 3, contact→deal is 4; the wrong one is refused (facts: Associations)."""
    id, person = make(box, one), contact(box, "a@town.example")
    wrong = join(box, f"{one}/{other}", ends(id, person, back))
    assert (wrong.status_code, wrong.json["numErrors"]) == (207, 1)
    assert join(box, f"{one}/{other}", ends(id, person, there)).status_code == 201

    assert joined(box, one, id, other) == {person: [there]}
    assert joined(box, other, person, one) == {id: [back]}


@pytest.mark.parametrize("first", [True, False])
def test_the_primary_company(first: bool) -> None:
    """One company is the primary one; the newest that was made so takes over (first company: not in the facts)."""
    box = new_box(first_company_is_primary=first)
    person, one, two = contact(box, "a@town.example"), make(box, "companies"), make(box, "companies")
    join(box, "contacts/companies", ends(person, one), ends(person, two))
    assert joined(box, "contacts", person, "companies") == {one: [1, 279] if first else [279], two: [279]}
    join(box, "companies/contacts", ends(two, person, 2))
    assert joined(box, "contacts", person, "companies") == {one: [279], two: [1, 279]}
    assert joined(box, "companies", two, "contacts") == {person: [2, 280]}
    call(box, "POST", f"{MANY}/contacts/companies/batch/labels/archive", {"inputs": [ends(person, two, 1)]})

    assert joined(box, "contacts", person, "companies") == {one: [279], two: [279]}


def test_labels_of_the_portal_count_from_one_in_a_category_of_their_own(box: HubSpotSandbox) -> None:
    """USER_DEFINED 1 is not HUBSPOT_DEFINED 1: whoever reads the number alone takes an employee for a primary."""
    person, firm = contact(box, "a@town.example"), make(box, "companies")
    number = box.human_add_label("contacts", "companies", "Aushilfe", "Firma der Aushilfe")
    box.human_associate("contacts", person, "companies", firm, number)
    found = call(box, "GET", f"/crm/v4/objects/companies/{firm}/associations/contacts").json["results"]

    assert number == 1
    assert [(t["category"], t["typeId"], t.get("label")) for t in found[0]["associationTypes"]] == [
        ("HUBSPOT_DEFINED", 2, "Contact with Primary Company"),
        ("HUBSPOT_DEFINED", 280, None),
        ("USER_DEFINED", 2, "Firma der Aushilfe"),
    ]


def test_associations_on_a_create(box: HubSpotSandbox) -> None:
    """A create names what it is joined to; a bad association keeps it from happening."""
    person = contact(box, "a@town.example")
    body = {"properties": OBJECTS["tasks"], "associations": [{"to": {"id": person}, "types": [spec(204)]}]}
    task = call(box, "POST", objects("tasks"), body).json["id"]
    many = call(box, "POST", objects("tasks", "/batch/create"), {"inputs": [body, body]}).json["results"]
    lost = {**body, "associations": [{"to": {"id": "999"}, "types": [spec(204)]}]}
    wrong = {**body, "associations": [{"to": {"id": person}, "types": [spec(203)]}]}
    refused = [call(box, "POST", objects("tasks"), each).status_code for each in (lost, wrong)]

    assert refused == [404, 400]
    assert set(joined(box, "contacts", person, "tasks")) == {task, *(each["id"] for each in many)}
    assert find(box, "tasks").json["total"] == 3
    assert (
        find(box, "tasks", {"propertyName": "associations.contact", "operator": "EQ", "value": person}).json["total"]
        == 3
    )


# -- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", ["described", "observed"])
def test_the_shape_of_answers(answers: str) -> None:
    """Ids are texts in the description, numbers in what users see; labels are left out or null (3p)."""
    box = new_box(association_answers=answers)
    person, firm = contact(box, "a@town.example"), make(box, "companies")
    join(box, "contacts/companies", ends(person, firm))
    (found,) = call(box, "GET", f"/crm/v4/objects/contacts/{person}/associations/companies").json["results"]

    observed = answers == "observed"
    assert found["toObjectId"] == (int(firm) if observed else firm)
    assert ("label" in found["associationTypes"][1]) is observed


@pytest.mark.parametrize("none", ["207", "omit"])
def test_records_without_associations(none: str) -> None:
    """They are errors of a 207 (3p), or left out."""
    box = new_box(no_associations=none)
    person = contact(box, "a@town.example")
    answer = call(box, "POST", f"{MANY}/contacts/companies/batch/read", {"inputs": [{"id": person}]})

    if none == "omit":
        assert (answer.status_code, answer.json["results"]) == (200, [])
    else:
        assert (answer.status_code, answer.json["numErrors"]) == (207, 1)
        assert answer.json["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
        assert answer.json["errors"][0]["context"]["fromObjectId"] == [person]


@pytest.mark.parametrize(("how", "seen"), [("", 7), ("repeat", 8), ("skip", 6), ("remove", 7), ("insert", 7)])
def test_a_record_with_many_associations_comes_in_pages(box: HubSpotSandbox, how: str, seen: int) -> None:
    """Each record has its own cursor in a batch read (facts: Associations, pages of 500)."""
    assert box.associations.page_size == 500
    box.associations.page_size = 3
    firm = make(box, "companies")
    people = [contact(box, f"{n}@town.example") for n in range(7)]
    join(box, "companies/contacts", *(ends(firm, person) for person in people))
    if how:
        box.faults.add("page_shift", how=how)
    found, after = [], None
    while True:
        given = {"id": firm} if after is None else {"id": firm, "after": after}
        (page,) = call(box, "POST", f"{MANY}/companies/contacts/batch/read", {"inputs": [given]}).json["results"]
        found += [to["toObjectId"] for to in page["to"]]
        if "paging" not in page:
            break
        after = page["paging"]["next"]["after"]

    assert len(found) == seen
    assert set(found) <= set(people)


def test_sizes_of_batches(box: HubSpotSandbox) -> None:
    """1,000 to read, 2,000 to create (facts: Associations)."""
    read = {"inputs": [{"id": "1"}] * (READ_MAX + 1)}
    write = {"inputs": [ends("1", "1")] * (WRITE_MAX + 1)}

    assert call(box, "POST", f"{MANY}/deals/contacts/batch/read", read).status_code == 400
    assert call(box, "POST", f"{MANY}/deals/contacts/batch/associate/default", write).status_code == 400


def test_an_admins_limit(box: HubSpotSandbox) -> None:
    """Creating an association can fail with a limit error; the others of the batch happen (facts: Associations)."""
    person, firms = contact(box, "a@town.example"), [make(box, "companies") for _ in range(2)]
    box.human_limit_associations("contacts", "companies", 1)
    answer = join(box, "contacts/companies", *(ends(person, firm) for firm in firms))

    assert (answer.status_code, answer.json["numErrors"]) == (200, 1)
    assert answer.json["errors"][0]["context"]["to"] == [firms[1]]
    assert set(joined(box, "contacts", person, "companies")) == {firms[0]}


def test_a_partial_failure(box: HubSpotSandbox) -> None:
    """`partial` refuses each second input."""
    person, deals = contact(box, "a@town.example"), [make(box, "deals") for _ in range(4)]
    box.faults.add("partial")
    answer = join(box, "deals/contacts", *(ends(deal, person, 3) for deal in deals))

    assert (answer.status_code, answer.json["numErrors"]) == (207, 2)
    assert len(joined(box, "contacts", person, "deals")) == 2


@pytest.mark.parametrize("touches", [True, False])
def test_whether_an_association_is_a_modification(touches: bool) -> None:
    """Not in the facts, so there is a switch; by default the contact's stamp stays."""
    box = new_box(associating_touches=touches)
    person, deal = contact(box, "a@town.example"), make(box, "deals")
    before = [box.portal.require(person).modified, box.records["deals"].require(deal).modified]
    join(box, "deals/contacts", ends(deal, person))
    after = [box.portal.require(person).modified, box.records["deals"].require(deal).modified]

    assert (after != before) is touches


def test_archived_and_merged_records(box: HubSpotSandbox) -> None:
    """What is archived is not shown as joined; the survivor of a merge is joined to what the other was."""
    people = [contact(box, f"{n}@town.example") for n in range(2)]
    deal, note = make(box, "deals"), make(box, "notes")
    join(box, "deals/contacts", ends(deal, people[1]))
    join(box, "notes/contacts", ends(note, people[0]))
    box.human_merge(people[0], people[1])
    assert joined(box, "contacts", people[0], "deals") == {deal: [4]}
    box.human_delete_object("notes", note)
    assert joined(box, "contacts", people[0], "notes") == {}
    box.human_erase(people[0])

    assert joined(box, "deals", deal, "contacts") == {}
    assert [line for line in box.dump() if line["kind"] == "association"] == []


def test_associations_are_outside_the_ten_seconds() -> None:
    """They do not count against that limit (facts: Limits)."""
    box = HubSpotSandbox(clock=SimClock(), limits=Limits(ten_seconds=1))
    body = {"inputs": [{"id": "1"}]}

    assert [call(box, "POST", f"{MANY}/deals/contacts/batch/read", body).status_code for _ in range(5)] == [207] * 5


def test_scopes_of_both_ends(box: HubSpotSandbox) -> None:
    """Both object types must be open."""
    box.allow("sandbox-narrow", ["crm.objects.deals.read"])
    body = {"inputs": [{"id": "1"}]}
    refused = call(box, "POST", f"{MANY}/deals/contacts/batch/read", body, token="sandbox-narrow")

    assert (refused.status_code, "crm.objects.contacts.read" in str(refused.json)) == (403, True)
