"""Companies, deals, tickets and activities of the HubSpot sandbox: each has the endpoints that contacts have."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hubspot.crm.objects import (
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectBatchInputUpsert,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)

from sandbox.hubspot import HubSpotSandbox, Limits
from sandbox.platform import SimClock
from sandbox.server import serving
from tests.described import needs_specs
from tests.sandbox.hubspot_objects import OBJECTS, contact, described, find, make, new_box, objects, talking
from tests.sandbox.inprocess import TOKEN, call

SPARE = {
    "companies": "description",
    "deals": "description",
    "tickets": "content",
    "calls": "hs_call_body",
    "emails": "hs_email_subject",
    "meetings": "hs_meeting_title",
    "notes": "hs_note_body",
    "tasks": "hs_task_subject",
}
EACH = pytest.mark.parametrize("name", OBJECTS)


@pytest.fixture
def box() -> HubSpotSandbox:
    return new_box()


# -- the vendor's SDK, over a socket, described ----------------------------------------------------


@needs_specs
@EACH
def test_the_vendors_sdk_does_all_operations(name: str) -> None:
    """`hubspot-api-client`, unmodified, does for each object type what it does for contacts, as described."""
    box = HubSpotSandbox()
    box.define("our_key", object=name, unique=True)
    with talking(box) as (client, checked, _):
        basic, batch = client.crm.objects.basic_api, client.crm.objects.batch_api
        made = basic.create(name, SimplePublicObjectInputForCreate(properties=OBJECTS[name]))
        basic.update(name, made.id, SimplePublicObjectInput(properties={SPARE[name]: "two"}))
        again = basic.get_by_id(name, made.id, properties=[SPARE[name]], properties_with_history=[SPARE[name]])
        assert again.properties_with_history[SPARE[name]][0].value == "two"

        inputs = [SimplePublicObjectBatchInputForCreate(properties=OBJECTS[name]) for _ in range(3)]
        created = batch.create(name, BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
        upsert = SimplePublicObjectBatchInputUpsert(id_property="our_key", id="k1", properties=OBJECTS[name])
        asked = BatchInputSimplePublicObjectBatchInputUpsert(inputs=[upsert])
        assert [batch.upsert(name, asked).results[0].new for _ in range(2)] == [True, False]

        wanted = [SimplePublicObjectBatchInput(id=id, properties={SPARE[name]: "x"}) for id in (made.id, "999")]
        assert batch.update(name, BatchInputSimplePublicObjectBatchInput(inputs=wanted)).num_errors == 1
        ids = [SimplePublicObjectId(id=each.id) for each in created.results]
        read = BatchReadInputSimplePublicObjectId(inputs=ids, properties=[SPARE[name]], properties_with_history=[])
        assert len(batch.read(name, read).results) == 3
        batch.archive(name, BatchInputSimplePublicObjectId(inputs=ids[:1]))
        basic.archive(name, ids[1].id)

        assert len(basic.get_page(name, limit=100).results) == 3
        request = PublicObjectSearchRequest(
            filter_groups=[
                {"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1000000000000"}]}
            ],
            sorts=["hs_lastmodifieddate"],
            properties=[SPARE[name]],
            limit=200,
        )
        assert client.crm.objects.search_api.do_search(name, request).total == 3
        properties = {each.name for each in client.crm.properties.core_api.get_all(name).results}
        assert {SPARE[name], "hs_object_id", "hubspot_owner_id", "our_key"} <= properties
        assert sum(checked.counts.values()) == 13


@needs_specs
def test_the_date_version_answers_as_described() -> None:
    """The same handlers answer under 2026-03, deals and tickets also under their numbers."""
    box = new_box()
    checked = described(box)
    for name in OBJECTS:
        base = f"/crm/objects/2026-03/{name}"
        many: list[tuple[str, str, Any, int]] = [
            ("POST", base + "/batch/create", {"inputs": [{"properties": OBJECTS[name]}]}, 201),
            ("GET", f"{base}?limit=1&properties={SPARE[name]}", None, 200),
            ("GET", base + "/101", None, 200),
            ("POST", base + "/search", {"limit": 1}, 200),
            ("DELETE", base + "/101", None, 204),
            ("GET", base + "/101", None, 404),
            ("GET", base + "?archived=true", None, 200),
            ("GET", f"/crm/properties/2026-03/{name}", None, 200),
        ]
        for method, path, body, status in many:
            assert (path, call(checked, method, path, body).status_code) == (path, status)
    assert call(checked, "GET", "/crm/objects/2026-03/0-3").status_code == 200
    assert call(checked, "GET", "/crm/pipelines/2026-03/deals").status_code == 200
    print(checked.report())

    assert checked.violations == []
    assert checked.undescribed == {}


# -- what each object type asks for ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "props"),
    [
        ("companies", {"city": "Bern"}),
        ("deals", {"dealname": "Torte"}),
        ("tickets", {"subject": "Hilfe"}),
        ("notes", {"hs_note_body": "Hallo"}),
        ("tasks", {"hs_task_subject": "Hallo"}),
    ],
)
def test_a_create_needs_its_required_properties(box: HubSpotSandbox, name: str, props: dict[str, str]) -> None:
    """Companies a name or domain, deals a name and stage, tickets subject and stage, activities hs_timestamp."""
    answer = call(box, "POST", objects(name), {"properties": props})

    assert (answer.status_code, answer.json["category"]) == (400, "VALIDATION_ERROR")
    assert box.records[name].state.records == {}


@EACH
def test_each_has_its_own_stamps_and_numbers(box: HubSpotSandbox, name: str) -> None:
    """`hs_lastmodifieddate`, not `lastmodifieddate`; ids are unique per object type only (facts: Reading)."""
    first, other = make(box, name), contact(box, "a@town.example")
    properties = call(box, "GET", objects(name, f"/{first}")).json["properties"]

    assert first == other == "101"
    assert {"hs_lastmodifieddate", "hs_object_id"} <= set(properties)
    assert "lastmodifieddate" not in properties
    refused = find(box, name, {"propertyName": "lastmodifieddate", "operator": "GTE", "value": "1"})
    assert refused.status_code == 400


@EACH
def test_who_made_a_record_can_be_asked(box: HubSpotSandbox, name: str) -> None:
    """`hs_object_source` tells the product from an integration (?)."""
    ours = make(box, name)
    theirs = box.human_create_object(name, OBJECTS[name])
    body = {"inputs": [{"id": ours}, {"id": theirs}], "properties": ["hs_object_source"]}
    found = call(box, "POST", objects(name, "/batch/read"), body).json["results"]

    assert [each["properties"]["hs_object_source"] for each in found] == ["INTEGRATION", "CRM_UI"]


@pytest.mark.parametrize(
    ("name", "prop", "value"),
    [
        ("emails", "hs_email_direction", "SIDEWAYS"),
        ("calls", "hs_call_disposition", "Connected"),
        ("meetings", "hs_meeting_outcome", "FINE"),
        ("tasks", "hs_task_status", "LATER"),
        ("deals", "amount", "viel"),
        ("companies", "industry", "Bakery"),
        ("emails", "hs_email_from_email", "a@b.example"),
        ("notes", "colour", "red"),
        ("tasks", "hubspot_owner_id", "999"),
    ],
)
def test_values_that_a_property_does_not_take(box: HubSpotSandbox, name: str, prop: str, value: str) -> None:
    """Options, numbers, owners, read-only and unknown properties are checked as for contacts."""
    answer = call(box, "POST", objects(name), {"properties": {**OBJECTS[name], prop: value}})

    assert (answer.status_code, answer.json["category"]) == (400, "VALIDATION_ERROR")


def test_pipelines_and_what_a_stage_means(box: HubSpotSandbox) -> None:
    """The default pipeline is filled in; closed stages set the calculated properties; strange ones are refused."""
    pipelines = call(box, "GET", "/crm/v3/pipelines/deals").json["results"]
    stages = {stage["id"]: stage["metadata"] for stage in pipelines[0]["stages"]}
    id = make(box, "deals", amount="12.50", deal_currency_code="EUR")
    path = objects("deals", f"/{id}")
    refused = call(box, "PATCH", path, {"properties": {"dealstage": "nowhere"}})
    call(box, "PATCH", path, {"properties": {"dealstage": "closedwon"}})
    asked = "?properties=pipeline,hs_is_closed,hs_is_closed_won,hs_deal_stage_probability,amount"
    won = call(box, "GET", path + asked).json["properties"]

    assert stages["closedwon"] == {"isClosed": "true", "probability": "1.0"}
    assert refused.status_code == 400
    assert (won["pipeline"], won["hs_is_closed"], won["hs_is_closed_won"]) == ("default", "true", "true")
    assert (won["hs_deal_stage_probability"], won["amount"]) == ("1.0", "12.50")
    ticket = make(box, "tickets")
    call(box, "PATCH", objects("tickets", f"/{ticket}"), {"properties": {"hs_pipeline_stage": "4"}})
    closed = call(box, "GET", objects("tickets", f"/{ticket}?properties=closed_date,hs_is_closed")).json["properties"]
    assert closed["hs_is_closed"] == "true"
    assert closed["closed_date"] is not None
    assert call(box, "GET", "/crm/v3/pipelines/tickets/0/stages/4").json["label"] == "Closed"
    assert call(box, "GET", "/crm/v3/pipelines/contacts").status_code == 501


def test_deals_take_no_number_for_text(box: HubSpotSandbox) -> None:
    """Property values are always strings, amounts too (facts: Reading)."""
    body = {"properties": {**OBJECTS["deals"], "amount": 12}}

    assert call(box, "POST", objects("deals"), body).status_code == 400


# -- the same misbehaviour as contacts -------------------------------------------------------------


def pages(box: HubSpotSandbox, name: str, limit: int = 2) -> list[str]:
    found: list[str] = []
    after = ""
    while True:
        page = call(box, "GET", objects(name, f"?limit={limit}" + (f"&after={after}" if after else ""))).json
        found += [each["id"] for each in page["results"]]
        if "paging" not in page:
            return found
        after = page["paging"]["next"]["after"]


@EACH
@pytest.mark.parametrize("how", ["insert", "remove", "move", "repeat", "skip"])
def test_a_listing_whose_set_moves(box: HubSpotSandbox, name: str, how: str) -> None:
    """`page_shift` acts on every object type's listing."""
    ids = [make(box, name) for _ in range(5)]
    box.faults.add("page_shift", how=how)
    seen = pages(box, name)

    expected = {
        "insert": [*ids, "106"],
        "repeat": [*ids[:2], *ids[1:]],
        "skip": [*ids[:2], *ids[3:]],
    }.get(how, ids)
    assert seen == expected


@EACH
def test_search_lags_and_archived_records_leave_it(name: str) -> None:
    """The index is late for each object type (facts: Reading)."""
    box = new_box(late_index=5)
    id = make(box, name)
    assert find(box, name).json["total"] == 0
    box.clock.advance(6)
    assert find(box, name).json["total"] == 1
    call(box, "DELETE", objects(name, f"/{id}"))
    assert find(box, name).json["total"] == 1
    box.clock.advance(6)

    assert find(box, name).json["total"] == 0
    assert [each["id"] for each in call(box, "GET", objects(name, "?archived=true")).json["results"]] == [id]


def test_search_stops_at_ten_thousand(box: HubSpotSandbox) -> None:
    """At most 10,000 results per query; a keyset goes on (facts: Reading)."""
    box.load(({"properties": {"hs_note_body": "n", "hs_timestamp": "1"}} for _ in range(10_150)), "notes")
    refused = find(box, "notes", after="9900", limit=200)
    last = {"propertyName": "hs_object_id", "operator": "GT", "value": str(100 + 10_000)}

    assert refused.status_code == 400
    assert find(box, "notes", last, sorts=["hs_object_id"]).json["total"] == 150


@EACH
def test_a_lost_answer_took_effect(name: str) -> None:
    """The create happened although its answer never came: there is no key to ask again with."""
    box = HubSpotSandbox()
    box.faults.add("lost_answer", path="*/batch/create")
    body = {"inputs": [{"properties": OBJECTS[name]}]}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with serving(box) as url, pytest.raises(requests.ConnectionError):
        requests.post(url + objects(name, "/batch/create"), json=body, headers=headers, timeout=10)

    assert len(box.records[name].state.records) == 1


def test_part_of_a_batch_fails(box: HubSpotSandbox) -> None:
    """`partial` refuses each second input with a 207."""
    box.faults.add("partial")
    inputs = [{"properties": OBJECTS["tasks"], "objectWriteTraceId": str(n)} for n in range(4)]
    answer = call(box, "POST", objects("tasks", "/batch/create"), {"inputs": inputs})

    assert (answer.status_code, answer.json["numErrors"], len(answer.json["results"])) == (207, 2, 2)


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("companies", "crm.objects.companies.read"),
        ("deals", "crm.objects.deals.read"),
        ("tickets", "crm.objects.tickets.read"),
        ("notes", "crm.objects.contacts.read"),
    ],
)
def test_each_object_type_has_its_scope(box: HubSpotSandbox, name: str, scope: str) -> None:
    """A token without it hears MISSING_SCOPES; activities open with the scopes of contacts."""
    others = [f"crm.objects.{kind}.read" for kind in ("contacts", "companies", "deals", "tickets")]
    box.allow("sandbox-without", [other for other in others if other != scope])
    box.allow("sandbox-with", [scope])
    refused = call(box, "GET", objects(name), token="sandbox-without")

    assert (refused.status_code, refused.json["category"]) == (403, "MISSING_SCOPES")
    assert scope in str(refused.json["errors"])
    assert call(box, "GET", objects(name), token="sandbox-with").status_code == 200


def test_emails_need_a_scope_besides(box: HubSpotSandbox) -> None:
    """`sales-email-read` (?)."""
    box.allow("sandbox-narrow", ["crm.objects.contacts.read"])

    assert call(box, "GET", objects("emails"), token="sandbox-narrow").status_code == 403
    assert call(box, "GET", objects("calls"), token="sandbox-narrow").status_code == 200


def test_all_searches_share_one_limit() -> None:
    """Five a second for all object types together (facts: Limits)."""
    box = HubSpotSandbox(clock=SimClock(), limits=Limits())
    statuses = [find(box, name).status_code for name in ("deals", "notes", "companies", "calls", "tasks", "deals")]

    assert statuses == [200] * 5 + [429]


def test_counters_tell_object_types_apart(box: HubSpotSandbox) -> None:
    """The counters name the object type, as they do for contacts."""
    make(box, "deals")
    make(box, "notes")
    call(box, "GET", objects("notes"))

    assert box.writes == {("POST", objects("deals")): 1, ("POST", objects("notes")): 1}
    assert box.calls["GET", objects("notes")] == 1


def test_unknown_object_types_are_refused(box: HubSpotSandbox) -> None:
    """What the sandbox has not read up on is a 501, not an empty list."""
    for path in ("/crm/v3/objects/leads", "/crm/v3/properties/products", "/crm/v3/objects/2-1234/search"):
        method = "POST" if path.endswith("search") else "GET"
        assert call(box, method, path, {} if method == "POST" else None).status_code == 501
    assert len(box.refused) == 3


# -- people ----------------------------------------------------------------------------------------


def test_people_create_edit_and_delete(box: HubSpotSandbox) -> None:
    """What a person does in the product, by name."""
    person = contact(box, "a@town.example")
    company = box.human("create_object", {"object": "companies", "props": {"name": "Café"}, "to": {"contacts": person}})
    box.human("update_object", {"object": "companies", "id": company, "props": {"name": "Café Zwei"}})
    note = box.human_create_object("notes", OBJECTS["notes"], {"contacts": [person], "companies": [company]})
    shown = call(box, "GET", objects("contacts", f"/{person}?associations=companies,notes")).json
    box.human("delete_object", {"object": "notes", "id": note})

    assert call(box, "GET", objects("companies", f"/{company}")).json["properties"]["name"] == "Café Zwei"
    assert shown["associations"]["companies"]["results"] == [
        {"id": company, "type": "contact_to_company"},
        {"id": company, "type": "contact_to_company_unlabeled"},
    ]
    assert shown["associations"]["notes"]["results"] == [{"id": note, "type": "contact_to_note"}]
    assert call(box, "GET", objects("notes", f"/{note}")).status_code == 404
    assert {line["kind"] for line in box.dump()} >= {"company", "note", "association"}


@pytest.mark.parametrize("new_id", [False, True])
def test_merged_companies(new_id: bool) -> None:
    """The other id becomes an alias, and its people stay (facts: Errors and merges)."""
    box = new_box(merge_makes_new_id=new_id)
    keep, lose = make(box, "companies", city="Bern"), make(box, "companies", city="Basel", country="Schweiz")
    people = [contact(box, f"{n}@town.example") for n in range(2)]
    box.human_associate("contacts", people[0], "companies", keep)
    box.human_associate("contacts", people[1], "companies", lose)
    kept = box.human_merge_objects("companies", keep, lose)
    merged = call(box, "GET", objects("companies", f"/{lose}?properties=city,country&associations=contacts")).json

    assert (merged["id"] == keep) is not new_id
    assert (merged["properties"]["city"], merged["properties"]["country"]) == ("Bern", "Schweiz")
    assert {each["id"] for each in merged["associations"]["contacts"]["results"]} == set(people)
    assert box.records["companies"].find(keep) is box.records["companies"].find(kept)


def test_snapshot_and_restore_bring_all_objects_back(box: HubSpotSandbox) -> None:
    """The whole portal is in a snapshot: objects, associations, lists."""
    person, company = contact(box, "a@town.example"), make(box, "companies")
    box.human_associate("contacts", person, "companies", company)
    box.human_create_list("Alle", members=[person])
    before, records = box.snapshot(), list(box.dump())
    box.human_delete_object("companies", company)
    box.human_delete_list("1")
    assert list(box.dump()) != records
    box.restore(before)

    assert list(box.dump()) == records
    assert find(box, "companies").json["total"] == 1


@pytest.mark.parametrize(
    ("method", "where"),
    [("POST", ""), ("POST", "/batch/create"), ("PATCH", "/1"), ("DELETE", "/1"), ("POST", "/merge")],
)
def test_answers_to_surveys_are_only_read(box: HubSpotSandbox, method: str, where: str) -> None:
    """As the guide of survey responses says: whoever writes one meets an endpoint that is not there."""
    box.human_create_object("feedback_submissions", {"hs_survey_type": "NPS", "hs_value": "9"})

    refused = call(box, method, objects("feedback_submissions", where), {})
    shown = call(box, "GET", objects("feedback_submissions", "?properties=hs_value")).json["results"]

    assert refused.status_code == 501
    assert [one["properties"]["hs_value"] for one in shown] == ["9"]
