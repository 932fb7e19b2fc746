"""Lists (segments) of the HubSpot sandbox: definitions, members, what each processing type allows."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot.crm.lists import ApiException, ListCreateRequest, ListSearchRequest, MembershipChangeRequest

from sandbox.hubspot import HubSpotSandbox
from tests.described import needs_specs
from tests.sandbox.hubspot_objects import contact, described, make, new_box, talking
from tests.sandbox.inprocess import Reply, call

LISTS = "/crm/v3/lists"


@pytest.fixture
def box() -> HubSpotSandbox:
    return new_box()


@pytest.fixture
def people(box: HubSpotSandbox) -> list[str]:
    return [contact(box, f"{n}@town.example") for n in range(5)]


def create(box: HubSpotSandbox, name: str, processing: str = "MANUAL", **more: Any) -> Reply:
    body = {"name": name, "objectTypeId": "0-1", "processingType": processing, **more}
    return call(box, "POST", LISTS + "/", body)


def made(box: HubSpotSandbox, name: str, *members: str, **more: Any) -> str:
    id = str(create(box, name, **more).json["list"]["listId"])
    if members:
        call(box, "PUT", f"{LISTS}/{id}/memberships/add", list(members))
    return id


def members(box: HubSpotSandbox, id: str, order: str = "", limit: int = 2) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        path = f"{LISTS}/{id}/memberships{order}?limit={limit}" + (f"&after={after}" if after else "")
        page = call(box, "GET", path).json
        found += [each["recordId"] for each in page["results"]]
        if "next" not in page.get("paging", {}):
            return found
        after = page["paging"]["next"]["after"]


# -- the vendor's SDK, over a socket, described ----------------------------------------------------


@needs_specs
def test_the_vendors_sdk_does_all_operations() -> None:
    """`hubspot-api-client`, unmodified, makes, fills, reads, finds, renames, deletes and restores a list."""
    box = HubSpotSandbox()
    people = [contact(box, f"{n}@town.example") for n in range(4)]
    with talking(box) as (client, checked, _):
        lists, memberships = client.crm.lists.lists_api, client.crm.lists.memberships_api
        wanted = ListCreateRequest(object_type_id="0-1", processing_type="MANUAL", name="Regulars: Stammkunden")
        id = lists.create(wanted).list.list_id
        with pytest.raises(ApiException) as taken:
            lists.create(wanted)
        assert taken.value.status == 400
        added = memberships.add(id, [*people[:3], "999"])
        assert (added.records_ids_added, added.record_ids_missing) == (people[:3], ["999"])
        change = MembershipChangeRequest(record_ids_to_add=people[3:], record_ids_to_remove=people[:1])
        changed = memberships.add_and_remove(id, change)
        assert (changed.records_ids_added, changed.record_ids_removed) == (people[3:], people[:1])
        memberships.remove(id, people[1:2])
        assert [each.record_id for each in memberships.get_page(id, limit=250).results] == people[2:]
        assert [each.record_id for each in memberships.get_page_ordered_by_added_to_list_date(id).results] == people[2:]
        assert [each.list_id for each in memberships.get_lists("0-1", people[2]).results] == [id]
        found = lists.do_search(ListSearchRequest(query="stamm", additional_properties=["hs_list_size"]))
        assert found.lists[0].additional_properties == {"hs_list_size": "2"}
        lists.update_name(id, list_name="Regulars: treu")
        assert lists.get_by_name("Regulars: treu", "0-1").list.size == 2
        lists.remove(id)
        with pytest.raises(ApiException):
            lists.get_by_id(id)
        lists.restore(id)
        assert lists.get_all(list_ids=[id]).lists[0].name == "Regulars: treu"
        assert sum(checked.counts.values()) == 15


@needs_specs
def test_the_date_version_answers_as_described(box: HubSpotSandbox, people: list[str]) -> None:
    """The same handlers answer under 2026-03, without the slash.

    That description comes from a typed package, which renames `additionalProperties` and drops `total`.
    """
    checked = described(box, "additionalProperties", "total")
    base = "/crm/lists/2026-03"
    body = {"name": "A", "objectTypeId": "0-1", "processingType": "MANUAL"}
    many: list[tuple[str, str, Any, int]] = [
        ("POST", base, body, 200),
        ("POST", base, body, 400),
        ("GET", base + "?listIds=1", None, 200),
        ("GET", base + "/1?includeFilters=true", None, 200),
        ("PUT", base + "/1/memberships/add", people, 200),
        ("GET", base + "/1/memberships?limit=2", None, 200),
        ("GET", base + "/1/memberships/join-order?limit=2", None, 200),
        ("PUT", base + "/1/memberships/remove", people[:1], 200),
        (
            "PUT",
            base + "/1/memberships/add-and-remove",
            {"recordIdsToAdd": people[:1], "recordIdsToRemove": []},
            200,
        ),
        ("GET", f"{base}/records/0-1/{people[0]}/memberships", None, 200),
        ("POST", base + "/search", {"query": "a", "listIds": [], "offset": 0, "processingTypes": []}, 200),
        ("POST", base + "/idmapping", ["1000001", "5"], 200),
        ("GET", base + "/idmapping?legacyListId=1000001", None, 200),
        ("PUT", base + "/1/update-list-name?listName=B", None, 200),
        ("DELETE", base + "/1/memberships", None, 204),
        ("DELETE", base + "/1", None, 204),
        ("GET", base + "/1", None, 404),
        ("PUT", base + "/1/restore", None, 204),
    ]
    for method, path, body_, status in many:
        assert (path, call(checked, method, path, body_).status_code) == (path, status)
    print(checked.report())

    assert checked.violations == []
    assert checked.undescribed == {}


# -- rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("processing", "status"), [("MANUAL", 200), ("SNAPSHOT", 200), ("DYNAMIC", 400)])
def test_which_lists_take_members(box: HubSpotSandbox, people: list[str], processing: str, status: int) -> None:
    """`MANUAL` and `SNAPSHOT` accept membership writes, `DYNAMIC` does not (facts: Lists)."""
    branch = {"filterBranchType": "OR", "filterBranchOperator": "OR", "filterBranches": [], "filters": []}
    id = made(box, "A", processing=processing, **({} if processing == "MANUAL" else {"filterBranch": branch}))
    answers = [
        call(box, "PUT", f"{LISTS}/{id}/memberships/add", people),
        call(box, "PUT", f"{LISTS}/{id}/memberships/remove", people[:1]),
        call(box, "PUT", f"{LISTS}/{id}/memberships/add-and-remove", {"recordIdsToAdd": [], "recordIdsToRemove": []}),
    ]
    box.human_fill_list(id, people[1:])

    assert [answer.status_code for answer in answers] == [status] * 3
    assert members(box, id) == people[1:]


def test_adding_and_removing_twice(box: HubSpotSandbox, people: list[str]) -> None:
    """Who is in already is not added again; unknown ids are no error (facts: Lists)."""
    id = made(box, "A", *people[:2])
    again = call(box, "PUT", f"{LISTS}/{id}/memberships/add", [people[0], people[2], people[2], "999", "x"]).json
    gone = call(box, "PUT", f"{LISTS}/{id}/memberships/remove", [people[4], people[0]]).json

    assert again == {"recordsIdsAdded": [people[2]], "recordIdsRemoved": [], "recordIdsMissing": ["999", "x"]}
    assert gone == {"recordsIdsAdded": [], "recordIdsRemoved": [people[0]], "recordIdsMissing": []}
    assert members(box, id) == people[1:3]


def test_the_order_of_joining(box: HubSpotSandbox, people: list[str]) -> None:
    """`memberships` goes by id, `join-order` by time."""
    id = made(box, "A")
    for person in reversed(people):
        call(box, "PUT", f"{LISTS}/{id}/memberships/add", [person])

    assert members(box, id) == people
    assert members(box, id, "/join-order") == people[::-1]


def test_sizes_of_pages(box: HubSpotSandbox, people: list[str]) -> None:
    """250 is the most; a previous page can be asked for."""
    id = made(box, "A", *people)
    page = call(box, "GET", f"{LISTS}/{id}/memberships?limit=2").json
    following = call(box, "GET", f"{LISTS}/{id}/memberships?limit=2&after={page['paging']['next']['after']}").json
    before = following["paging"]["prev"]["before"]
    back = call(box, "GET", f"{LISTS}/{id}/memberships?limit=2&before={before}").json

    assert call(box, "GET", f"{LISTS}/{id}/memberships?limit=251").status_code == 400
    assert page["total"] == 5
    assert back["results"] == page["results"]


@pytest.mark.parametrize(("how", "expected"), [("repeat", 6), ("skip", 4), ("remove", 5), ("insert", 6), ("move", 5)])
def test_a_list_that_moves_under_its_reader(box: HubSpotSandbox, people: list[str], how: str, expected: int) -> None:
    """`page_shift` acts on memberships."""
    contact(box, "late@town.example")
    id = made(box, "A", *people)
    box.faults.add("page_shift", how=how)

    assert len(members(box, id)) == expected


def test_deleted_and_merged_records(box: HubSpotSandbox, people: list[str]) -> None:
    """Archived records leave lists; the survivor of a merge stands for the one that went."""
    id = made(box, "A", people[0], people[1], people[3])
    box.human_delete(people[0])
    box.human_merge(people[2], people[3])
    call(box, "PUT", f"{LISTS}/{id}/memberships/remove", [people[1]])
    assert members(box, id) == [people[2]]
    removed = call(box, "PUT", f"{LISTS}/{id}/memberships/remove", [people[3]]).json["recordIdsRemoved"]

    assert removed == [people[2]]
    assert members(box, id) == []


def test_deleted_lists_can_be_restored_for_ninety_days(box: HubSpotSandbox, people: list[str]) -> None:
    """A deleted list is not found, and its name is free; after 90 days it is gone (facts: Lists)."""
    one, two = made(box, "A", *people), made(box, "B")
    for id in (one, two):
        call(box, "DELETE", f"{LISTS}/{id}")
    assert call(box, "PUT", f"{LISTS}/{one}/memberships/add", people).status_code == 404
    assert call(box, "PUT", f"{LISTS}/{one}/restore").status_code == 204
    assert members(box, one) == people
    box.clock.advance(91 * 86_400)

    assert call(box, "PUT", f"{LISTS}/{two}/restore").status_code == 404


def test_names_occur_once(box: HubSpotSandbox) -> None:
    """A second list of a name is refused with its own sub-category (3p)."""
    create(box, "A")
    again = create(box, "A")

    assert (again.status_code, again.json["subCategory"]) == (400, "ILS.DUPLICATE_LIST_NAMES")


def test_search_pages_and_filters(box: HubSpotSandbox) -> None:
    """By name, number and type; 20 a page unless asked otherwise."""
    ids = [made(box, f"List {n:02}") for n in range(25)]
    first = call(box, "POST", LISTS + "/search", {"query": "list"}).json
    rest = call(box, "POST", LISTS + "/search", {"query": "list", "offset": first["offset"]}).json
    found = [each["listId"] for each in (*first["lists"], *rest["lists"])]

    assert (first["hasMore"], rest["hasMore"], first["total"]) == (True, False, 25)
    assert found == ids
    assert call(box, "POST", LISTS + "/search", {"processingTypes": ["DYNAMIC"]}).json["total"] == 0
    assert call(box, "POST", LISTS + "/search", {"sort": "HS_COLOUR"}).status_code == 501


def test_lists_of_companies(box: HubSpotSandbox, people: list[str]) -> None:
    """A list holds records of one object type: the same number of another type is not in it."""
    firm = make(box, "companies")
    id = box.human_create_list("Firmen", "companies", members=[firm])

    assert firm == people[0]
    assert call(box, "GET", f"{LISTS}/records/0-2/{firm}/memberships").json["results"][0]["listId"] == id
    assert call(box, "GET", f"{LISTS}/records/0-1/{people[0]}/memberships").json["results"] == []


def test_people_keep_lists(box: HubSpotSandbox, people: list[str]) -> None:
    """What a person does with lists, by name."""
    id = box.human("create_list", {"name": "A", "members": people})
    box.human("empty_list", {"id": id, "members": people[:2]})
    box.human("rename_list", {"id": id, "name": "B"})
    assert members(box, id) == people[2:]
    box.human("delete_list", {"id": id})
    assert call(box, "GET", f"{LISTS}/{id}").status_code == 404
    box.human("restore_list", {"id": id})

    assert call(box, "GET", f"{LISTS}/{id}").json["list"]["name"] == "B"
    assert [line["kind"] for line in box.dump()][-1] == "list"


def test_lists_have_scopes_of_their_own(box: HubSpotSandbox) -> None:
    """`crm.lists.read` and `crm.lists.write`."""
    box.allow("sandbox-reader", ["crm.lists.read"])

    assert call(box, "GET", f"{LISTS}/?listIds=1", token="sandbox-reader").status_code == 200
    body = {"name": "A", "objectTypeId": "0-1", "processingType": "MANUAL"}
    assert call(box, "POST", LISTS + "/", body, token="sandbox-reader").status_code == 403
