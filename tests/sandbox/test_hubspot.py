"""The HubSpot sandbox: driven by the vendor's SDK, held against the vendor's descriptions, rule by rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hubspot import HubSpot
from hubspot.crm.contacts import (
    ApiException,
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    PublicGdprDeleteInput,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectBatchInputUpsert,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)

from sandbox.hubspot import HubSpotSandbox, Limits
from sandbox.platform import Rewrite, SimClock
from sandbox.server import serving
from tests import described
from tests.sandbox.inprocess import TOKEN, Reply, call, form

CONTACTS = "/crm/v3/objects/contacts"
TODAY = "/crm/objects/2026-03/contacts"
PREFERENCES = "/communication-preferences/2026-03"


def new_box(**facts: Any) -> HubSpotSandbox:
    return HubSpotSandbox(clock=SimClock(), quotas=False, **facts)


@pytest.fixture
def box() -> HubSpotSandbox:
    return new_box()


def create(box: HubSpotSandbox, email: str, **props: str) -> str:
    answer = call(box, "POST", CONTACTS, {"properties": {"email": email, **props}})
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def read(box: HubSpotSandbox, id: str, *names: str) -> dict[str, Any]:
    answer = call(box, "GET", f"{CONTACTS}/{id}?properties={','.join(names)}")
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json["properties"]
    return found


def search(box: HubSpotSandbox, *filters: dict[str, Any], **more: Any) -> Reply:
    body: dict[str, Any] = dict(more)
    if filters:
        body["filterGroups"] = [{"filters": list(filters)}]
    return call(box, "POST", CONTACTS + "/search", body)


# -- the vendor's SDK, over a socket, described ----------------------------------------------------


@pytest.fixture
def talk() -> Iterator[tuple[HubSpotSandbox, HubSpot, described.Described, str]]:
    box = HubSpotSandbox(quotas=True)
    box.define("regulars_key", unique=True)
    checked = described.hubspot(box.app)
    with serving(box, app=checked) as url:
        yield box, HubSpot(access_token=TOKEN, host=url), checked, url
    print(checked.report())
    assert checked.violations == []
    assert box.refused == []


@described.needs_specs
def test_the_vendors_sdk_reads_and_writes_contacts(talk: Any) -> None:
    """`hubspot-api-client`, unmodified, does all contact operations, and each is as described."""
    _, client, checked, _ = talk
    basic, batch = client.crm.contacts.basic_api, client.crm.contacts.batch_api
    made = basic.create(SimplePublicObjectInputForCreate(properties={"email": "One@Town.example", "city": "Bern"}))
    basic.update(made.id, SimplePublicObjectInput(properties={"city": "Basel"}))
    again = basic.get_by_id(made.id, properties=["email", "city"], properties_with_history=["city"])

    assert again.properties["email"] == "one@town.example"
    assert [version.value for version in again.properties_with_history["city"]] == ["Basel", "Bern"]
    with pytest.raises(ApiException) as taken:
        basic.create(SimplePublicObjectInputForCreate(properties={"email": "one@town.example"}))
    assert taken.value.status == 409
    inputs = [
        SimplePublicObjectBatchInputForCreate(properties={"email": f"{n}@town.example"}, object_write_trace_id=str(n))
        for n in range(3)
    ]
    created = batch.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    assert [each.object_write_trace_id for each in created.results] == ["0", "1", "2"]
    key = "regulars_key"
    upsert = [
        SimplePublicObjectBatchInputUpsert(id_property=key, id=name, properties={"email": email})
        for name, email in (("k1", "k1@town.example"), ("k2", "one@town.example"))
    ]
    upserted = batch.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=upsert))
    assert (upserted.num_errors, [each.new for each in upserted.results]) == (1, [True])
    wanted = [SimplePublicObjectBatchInput(id=made.id, properties={"lastname": "One"})]
    wanted.append(SimplePublicObjectBatchInput(id="999", properties={"lastname": "None"}))
    updated = batch.update(BatchInputSimplePublicObjectBatchInput(inputs=wanted))
    assert updated.errors[0].context == {"ids": ["999"]}
    ids = [SimplePublicObjectId(id=name) for name in ("one@town.example", "nobody@town.example")]
    asked = BatchReadInputSimplePublicObjectId(
        id_property="email", inputs=ids, properties=["email"], properties_with_history=[]
    )
    found = batch.read(asked)
    assert ([each.id for each in found.results], found.num_errors) == ([made.id], 1)
    _leave(client, made.id, created.results[0].id)
    assert len(basic.get_page(limit=100).results) == 3
    assert sum(checked.counts.values()) == 12


def _leave(client: HubSpot, first: str, second: str) -> None:
    """Merge, archive and erase through the SDK."""
    contacts = client.crm.contacts
    merged = contacts.basic_api.merge(PublicMergeInput(object_id_to_merge=second, primary_object_id=first))
    assert merged.properties["hs_merged_object_ids"] == second
    contacts.batch_api.archive(BatchInputSimplePublicObjectId(inputs=[SimplePublicObjectId(id="999")]))
    contacts.basic_api.purge(PublicGdprDeleteInput(object_id="2@town.example", id_property="email"))


@described.needs_specs
def test_the_vendors_sdk_searches_and_reads_what_surrounds_contacts(talk: Any) -> None:
    """Search, properties, owners and numbered preferences work through the SDK as described."""
    box, client, checked, _ = talk
    ids = box.load({"properties": {"email": f"{n}@town.example", "city": "Bern"}} for n in range(250))
    request = PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "city", "operator": "EQ", "value": "bern"}]}],
        sorts=["hs_object_id"],
        properties=["email"],
        limit=200,
    )
    page = client.crm.contacts.search_api.do_search(request)

    assert (page.total, len(page.results), page.paging.next.after) == (250, 200, "200")
    assert [each.id for each in page.results] == [str(id) for id in ids[:200]]
    assert "email" in {each.name for each in client.crm.properties.core_api.get_all("contacts").results}
    assert client.crm.properties.core_api.get_by_name("contacts", "lifecyclestage").options
    assert len(client.crm.owners.owners_api.get_page().results) == 2
    definitions = client.communication_preferences.definition_api.get_page().subscription_definitions
    body = {"emailAddress": "1@town.example", "subscriptionId": definitions[0].id}
    client.communication_preferences.status_api.unsubscribe(body)
    status = client.communication_preferences.status_api.get_email_status("1@town.example")
    assert status.subscription_statuses[0].status == "NOT_SUBSCRIBED"
    assert checked.undescribed == {}


@described.needs_specs
def test_the_date_version_answers_as_described() -> None:
    """Every operation that the sandbox has under 2026-03 is described there, and answers accordingly."""
    box = new_box()
    checked = described.hubspot(box.app)
    one = {"inputs": [{"properties": {"email": "a@town.example"}}]}
    many: list[tuple[str, str, Any, int]] = [
        ("POST", TODAY + "/batch/create", one, 201),
        ("POST", TODAY + "/batch/create", one, 207),
        ("GET", TODAY + "?limit=1&properties=email&properties=city", None, 200),
        ("GET", TODAY + "/101?propertiesWithHistory=email", None, 200),
        ("PATCH", TODAY + "/101", {"properties": {"city": "Bern"}}, 200),
        (
            "POST",
            TODAY + "/batch/read",
            {**_ids("101", "9"), "properties": [], "propertiesWithHistory": []},
            207,
        ),
        ("POST", TODAY + "/search", {"limit": 1}, 200),
        ("GET", "/crm/owners/2026-03", None, 200),
        ("GET", "/crm/properties/2026-03/contacts", None, 200),
        ("GET", "/account-info/2026-03/details", None, 200),
        ("GET", PREFERENCES + "/definitions", None, 200),
        ("POST", PREFERENCES + "/statuses/a@town.example", _status("UNSUBSCRIBED"), 200),
        ("GET", PREFERENCES + "/statuses/a@town.example?channel=EMAIL", None, 200),
        ("POST", PREFERENCES + "/statuses/batch/read?channel=EMAIL", {"inputs": ["a@town.example"]}, 200),
        (
            "POST",
            PREFERENCES + "/statuses/batch/write",
            {"inputs": [_status("SUBSCRIBED", "a@town.example")]},
            200,
        ),
        (
            "POST",
            PREFERENCES + "/statuses/batch/unsubscribe-all?channel=EMAIL&verbose=true",
            {"inputs": ["a@town.example"]},
            200,
        ),
        (
            "POST",
            PREFERENCES + "/statuses/batch/unsubscribe-all/read?channel=EMAIL",
            {"inputs": ["a@town.example"]},
            200,
        ),
        ("GET", PREFERENCES + "/statuses/a@town.example/unsubscribe-all?channel=EMAIL", None, 200),
        ("POST", PREFERENCES + "/statuses/b@town.example/unsubscribe-all?channel=EMAIL", None, 200),
        ("DELETE", TODAY + "/101", None, 204),
        ("GET", TODAY + "/101", None, 404),
        ("GET", TODAY + "?archived=true", None, 200),
    ]
    for method, path, body, status in many:
        assert (path, call(checked, method, path, body).status_code) == (path, status)
    print(checked.report())

    assert checked.violations == []
    assert checked.undescribed == {}
    assert sum(checked.counts.values()) == len(many)


def _ids(*ids: str) -> dict[str, Any]:
    return {"inputs": [{"id": id} for id in ids]}


def _status(state: str, email: str = "") -> dict[str, Any]:
    body = {"subscriptionId": 1001, "statusState": state, "channel": "EMAIL"}
    return {**body, "subscriberIdString": email} if email else body


@described.needs_specs
def test_the_validator_finds_what_is_wrong() -> None:
    """A request that the description does not allow is a violation, so zero of them means something."""
    checked = described.hubspot(new_box().app)
    call(checked, "GET", CONTACTS + "?archived=False")
    call(checked, "GET", CONTACTS + "?colour=red")
    call(checked, "POST", CONTACTS, {"properties": {"numemployees": 3, "email": "a@b.example"}})
    call(checked, "POST", CONTACTS, {"properties": {"email": "a@b.example"}, "colour": "red"})
    call(checked, "GET", "/account-info/v3/details")

    text = "\n".join(checked.violations)
    assert "query archived" in text
    assert "unknown query parameter colour" in text
    assert "3 is not of type 'string'" in text
    assert "'colour' was unexpected" in text
    assert checked.undescribed == {"GET /account-info/v3/details": 1}


# -- who may come in -------------------------------------------------------------------------------


def test_only_its_own_tokens_open_the_sandbox(box: HubSpotSandbox) -> None:
    """A real looking or unknown token gets HubSpot's 401, and cannot even be let in by mistake."""
    for token in ("pat-eu1-0000", "sandbox-unknown", ""):
        answer = call(box, "GET", CONTACTS, token=token)
        assert (answer.status_code, answer.json["category"]) == (401, "INVALID_AUTHENTICATION")
    with pytest.raises(ValueError, match="sandbox-"):
        box.allow("pat-eu1-0000")


def test_a_narrow_token_hears_which_scope_it_lacks(box: HubSpotSandbox) -> None:
    """Missing scopes give 403 MISSING_SCOPES (facts: Authentication, (?))."""
    box.allow("sandbox-narrow", ["crm.objects.contacts.read"])
    refused = call(box, "POST", CONTACTS, {"properties": {"email": "a@b.example"}}, token="sandbox-narrow")

    assert call(box, "GET", CONTACTS, token="sandbox-narrow").status_code == 200
    assert (refused.status_code, refused.json["category"]) == (403, "MISSING_SCOPES")
    assert "crm.objects.contacts.write" in str(refused.json["errors"])


def test_oauth_tokens_live_thirty_minutes(box: HubSpotSandbox) -> None:
    """A code and later the refresh token give access tokens; an old one is refused (facts: Authentication)."""
    code = box.oauth.grant()
    app = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    exchange = {**app, "grant_type": "authorization_code", "code": code, "redirect_uri": "http://localhost"}
    first = form(box, "/oauth/v1/token", exchange).json
    assert call(box, "GET", CONTACTS, token=first["access_token"]).status_code == 200
    assert form(box, "/oauth/v1/token", exchange).status_code == 400
    box.clock.advance(30 * 60)

    late = call(box, "GET", CONTACTS, token=first["access_token"])
    assert (late.status_code, late.json["category"]) == (401, "EXPIRED_AUTHENTICATION")
    refresh = {**app, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = form(box, "/oauth/v1/token", refresh).json
    assert call(box, "GET", CONTACTS, token=second["access_token"]).status_code == 200


# -- quotas ------------------------------------------------------------------------------------------


def test_the_ten_second_limit_and_its_headers() -> None:
    """Requests beyond the limit get 429 until ten seconds have passed; headers count down (facts: Limits)."""
    box = HubSpotSandbox(clock=SimClock(), limits=Limits(ten_seconds=3))
    left = [call(box, "GET", CONTACTS).headers["X-HubSpot-RateLimit-Remaining"] for _ in range(3)]
    refused = call(box, "GET", CONTACTS)

    assert left == ["2", "1", "0"]
    assert (refused.status_code, refused.json["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert refused.json["errorType"] == "RATE_LIMIT"
    box.clock.advance(10)
    answer = call(box, "GET", CONTACTS)
    assert answer.status_code == 200
    assert answer.headers["X-HubSpot-RateLimit-Daily-Remaining"] == str(625_000 - 4)


def test_search_has_a_limit_of_its_own_and_no_headers() -> None:
    """Five searches a second, outside the ten-second count (facts: Limits)."""
    box = HubSpotSandbox(clock=SimClock(), limits=Limits(ten_seconds=1))
    statuses = [search(box) for _ in range(6)]

    assert [answer.status_code for answer in statuses] == [200] * 5 + [429]
    assert statuses[5].json["policyName"] == "SECONDLY"
    assert not [name for name, _ in statuses[0].headers if name.startswith("X-HubSpot-RateLimit")]
    box.clock.advance(1)
    assert search(box).status_code == 200
    assert call(box, "GET", CONTACTS).status_code == 200


def test_the_daily_limit_lasts_until_midnight() -> None:
    """`DAILY` does not clear by waiting seconds (facts: Limits)."""
    box = HubSpotSandbox(clock=SimClock(), limits=Limits(daily=1))
    call(box, "GET", CONTACTS)
    box.clock.advance(3600)

    assert call(box, "GET", CONTACTS).json["policyName"] == "DAILY"
    box.clock.advance(24 * 3600)
    assert call(box, "GET", CONTACTS).status_code == 200


def test_oauth_apps_have_their_own_limit_and_no_daily_header() -> None:
    """110 in ten seconds for a public app (facts: Limits)."""
    box = HubSpotSandbox(clock=SimClock(), limits=Limits(oauth_ten_seconds=2))
    app = {
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "grant_type": "authorization_code",
    }
    got = form(box, "/oauth/v1/token", {**app, "code": box.oauth.grant(), "redirect_uri": "x"})
    token = got.json["access_token"]
    answers = [call(box, "GET", CONTACTS, token=token) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "2"
    assert "X-HubSpot-RateLimit-Daily" not in answers[0].headers


# -- values ------------------------------------------------------------------------------------------


def test_values_are_texts_and_an_empty_text_clears(box: HubSpotSandbox) -> None:
    """Unset and cleared properties are null when asked for (facts: Reading); numbers in JSON are refused."""
    id = create(box, "a@town.example", city="Bern")
    call(box, "PATCH", f"{CONTACTS}/{id}", {"properties": {"city": ""}})

    assert read(box, id, "city", "phone")["city"] is None
    assert read(box, id, "city", "phone")["phone"] is None
    refused = call(box, "PATCH", f"{CONTACTS}/{id}", {"properties": {"numemployees": 3}})
    assert refused.status_code == 400
    assert read(new_box_with_cleared(), "101", "city")["city"] == ""


def new_box_with_cleared() -> HubSpotSandbox:
    box = new_box(cleared_reads_as="")
    id = create(box, "a@town.example", city="Bern")
    call(box, "PATCH", f"{CONTACTS}/{id}", {"properties": {"city": ""}})
    return box


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("email", "not an address", "INVALID_EMAIL"),
        ("favourite_colour", "red", "PROPERTY_DOESNT_EXIST"),
        ("hs_email_optout", "true", "READ_ONLY_VALUE"),
        ("hs_email_optout_1001", "true", "READ_ONLY_VALUE"),
        ("numemployees", "many", "INVALID_DOUBLE"),
        ("lifecyclestage", "friend", "INVALID_OPTION"),
        ("closedate", "soon", "INVALID_DATE"),
        ("hubspot_owner_id", "77", "INVALID_OWNER_ID"),
    ],
)
def test_bad_values_are_refused_in_hubspots_words(box: HubSpotSandbox, name: str, value: str, code: str) -> None:
    """Each kind of value that a property does not take has its code, and nothing is written."""
    id = create(box, "a@town.example")
    answer = call(box, "PATCH", f"{CONTACTS}/{id}", {"properties": {"city": "Bern", name: value}})

    assert (answer.status_code, answer.json["errors"][0]["code"]) == (400, code)
    assert answer.json["errors"][0]["context"] == {"propertyName": [name]}
    assert read(box, id, "city")["city"] is None


def test_an_address_belongs_to_one_contact(box: HubSpotSandbox) -> None:
    """A second contact with an address gets 409 with the first one's id, whatever the case (facts: Writing)."""
    first = create(box, "A@Town.example")
    second = create(box, "b@town.example")
    box.human_add_email(first, "c@town.example")

    for email in ("a@town.EXAMPLE", "c@town.example"):
        answer = call(box, "PATCH", f"{CONTACTS}/{second}", {"properties": {"email": email}})
        assert (answer.status_code, answer.json["message"]) == (
            409,
            f"Contact already exists. Existing ID: {first}",
        )
    moved = call(box, "PATCH", f"{CONTACTS}/{first}", {"properties": {"email": "c@town.example"}})
    assert moved.status_code == 200
    assert read(box, first, "hs_additional_emails")["hs_additional_emails"] == "a@town.example"


def test_a_create_needs_a_name_or_an_address(box: HubSpotSandbox) -> None:
    """At least one of e-mail, first name, last name (facts: Writing)."""
    assert call(box, "POST", CONTACTS, {"properties": {"city": "Bern"}}).status_code == 400
    assert call(box, "POST", CONTACTS, {"properties": {"lastname": "Bern"}}).status_code == 201


def test_history_names_who_wrote(box: HubSpotSandbox) -> None:
    """Newest first, with time and source; a value written again makes no version."""
    id = create(box, "a@town.example", city="Bern")
    box.human_update(id, {"city": "Basel"})
    box.human_update(id, {"city": "Basel"})
    answer = call(box, "GET", f"{CONTACTS}/{id}?propertiesWithHistory=city").json
    versions = answer["propertiesWithHistory"]["city"]

    assert [(each["value"], each["sourceType"]) for each in versions] == [
        ("Basel", "CRM_UI"),
        ("Bern", "INTEGRATION"),
    ]
    assert versions[0]["timestamp"] > versions[1]["timestamp"]


@pytest.mark.parametrize("forward_only", [True, False])
def test_lifecycle_stages_move_forward(forward_only: bool) -> None:
    """A step back is ignored until the stage is cleared; as a switch, it is taken."""
    box = new_box(lifecycle_forward_only=forward_only)
    id = create(box, "a@town.example", lifecyclestage="customer")
    call(box, "PATCH", f"{CONTACTS}/{id}", {"properties": {"lifecyclestage": "lead"}})

    assert read(box, id, "lifecyclestage")["lifecyclestage"] == ("customer" if forward_only else "lead")
    for stage in ("", "lead"):
        call(box, "PATCH", f"{CONTACTS}/{id}", {"properties": {"lifecyclestage": stage}})
    assert read(box, id, "lifecyclestage")["lifecyclestage"] == "lead"


@pytest.mark.parametrize("bumps", [True, False])
def test_writing_the_same_value(bumps: bool) -> None:
    """Whether an equal value moves lastmodifieddate is a switch."""
    box = new_box(unchanged_bumps=bumps)
    id = create(box, "a@town.example", city="Bern")
    before = read(box, id)["lastmodifieddate"]
    call(box, "PATCH", f"{CONTACTS}/{id}", {"properties": {"city": "Bern"}})

    assert (read(box, id)["lastmodifieddate"] > before) is bumps


def test_the_platform_rewrites_what_it_is_given(box: HubSpotSandbox) -> None:
    """At once, in the answer to the write; or later, with a new stamp; people's values only where asked."""
    box.rewrites = {"city": Rewrite("upper"), "company": Rewrite("suffix: Ltd", delay=60)}
    made = call(box, "POST", CONTACTS, {"properties": {"email": "a@x.example", "city": "Bern", "company": "Oak"}})
    id, shown = made.json["id"], made.json["properties"]

    assert (shown["city"], shown["company"]) == ("BERN", "Oak")
    box.clock.advance(61)
    later = read(box, id, "company")
    assert later["company"] == "Oak Ltd"
    assert later["lastmodifieddate"] > shown["lastmodifieddate"]
    box.human_update(id, {"city": "Basel"})
    assert read(box, id, "city")["city"] == "Basel"


# -- batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("errors", ["207", "whole"])
def test_one_bad_input_of_a_batch(errors: str) -> None:
    """Either the rest is done and the bad ones are named, or nothing is done (switch)."""
    box = new_box(batch_errors=errors)
    create(box, "old@town.example")
    emails = ("new@town.example", "old@town.example", "no address")
    inputs = [{"properties": {"email": email}, "objectWriteTraceId": email} for email in emails]
    answer = call(box, "POST", CONTACTS + "/batch/create", {"inputs": inputs})

    if errors == "whole":
        assert (answer.status_code, len(box.state.contacts)) == (409, 1)
        return
    assert (answer.status_code, len(box.state.contacts)) == (207, 2)
    named = {error["context"]["objectWriteTraceId"][0]: error["category"] for error in answer.json["errors"]}
    assert named == {"old@town.example": "CONFLICT", "no address": "VALIDATION_ERROR"}
    assert "Existing ID: 101" in answer.json["errors"][0]["message"]


@pytest.mark.parametrize("doubles", ["refuse", "accept"])
def test_the_same_id_twice_in_a_batch(doubles: str) -> None:
    """Refused, or carried out in order (facts: Writing, (?))."""
    box = new_box(duplicate_ids=doubles)
    id = create(box, "a@town.example")
    inputs = [{"id": id, "properties": {"city": city}} for city in ("Bern", "Basel")]
    answer = call(box, "POST", CONTACTS + "/batch/update", {"inputs": inputs})

    assert answer.status_code == (400 if doubles == "refuse" else 200)
    assert read(box, id, "city")["city"] == (None if doubles == "refuse" else "Basel")


@pytest.mark.parametrize("missing", ["207", "omit"])
def test_missing_ids_of_a_batch_read(missing: str) -> None:
    """Named in the errors of a 207, or left out of a 200 (facts: Reading, (?)); never a 404."""
    box = new_box(missing_in_batch_read=missing)
    id = create(box, "a@town.example")
    answer = call(box, "POST", CONTACTS + "/batch/read", {**_ids(id, "998", "999"), "properties": ["email"]})

    assert answer.status_code == (207 if missing == "207" else 200)
    assert [each["id"] for each in answer.json["results"]] == [id]
    if missing == "207":
        assert answer.json["errors"][0]["context"]["ids"] == ["998", "999"]


@pytest.mark.parametrize("both", [True, False])
def test_batch_read_by_an_additional_address(both: bool) -> None:
    """By e-mail matches all addresses of a contact, or only the first (facts: Errors and merges, (?))."""
    box = new_box(match_additional_emails=both)
    id = create(box, "a@town.example")
    box.human_add_email(id, "b@town.example")
    body = {**_ids("b@town.example"), "idProperty": "email", "properties": ["email"]}
    answer = call(box, "POST", CONTACTS + "/batch/read", body)

    assert [each["id"] for each in answer.json["results"]] == ([id] if both else [])


def test_upsert_by_address_is_all_or_nothing_by_own_key_it_is_not(box: HubSpotSandbox) -> None:
    """With `email` there are no partial upserts; with a unique property there are (facts: Writing)."""
    box.define("own_key", unique=True)

    def upsert(id_property: str, *ids: str) -> Reply:
        inputs = [
            {"idProperty": id_property, "id": id, "properties": {"numemployees": number, "lastname": "Known"}}
            for id, number in zip(ids, ("1", "many"), strict=True)
        ]
        return call(box, "POST", CONTACTS + "/batch/upsert", {"inputs": inputs})

    assert upsert("email", "a@town.example", "b@town.example").status_code == 400
    assert len(box.state.contacts) == 0
    mixed = upsert("own_key", "k1", "k2")
    assert (mixed.status_code, mixed.json["results"][0]["new"], len(box.state.contacts)) == (207, True, 1)
    assert upsert("own_key", "k1", "k3").json["results"][0]["new"] is False
    assert upsert("city", "k1", "k3").status_code == 400


def test_a_partial_fault_refuses_an_upsert_by_address_as_a_whole(box: HubSpotSandbox) -> None:
    """What cannot be done in part is not done at all, also when the fault `partial` strikes."""
    box.faults.add("partial")
    inputs = [{"idProperty": "email", "id": f"{n}@town.example", "properties": {}} for n in range(2)]

    assert call(box, "POST", CONTACTS + "/batch/upsert", {"inputs": inputs}).status_code == 400
    assert len(box.state.contacts) == 0


@pytest.mark.parametrize("order", ["as_given", "reversed"])
def test_results_of_a_batch_carry_no_promised_order(order: str) -> None:
    """A caller has to match results by id or trace, not by place (switch)."""
    box = new_box(batch_order=order)
    inputs = [{"properties": {"email": f"{n}@town.example"}, "objectWriteTraceId": str(n)} for n in range(3)]
    results = call(box, "POST", CONTACTS + "/batch/create", {"inputs": inputs}).json["results"]

    assert [each["objectWriteTraceId"] for each in results] == (list("012") if order == "as_given" else list("210"))


def test_a_batch_takes_a_hundred(box: HubSpotSandbox) -> None:
    """101 inputs are refused (facts: Writing)."""
    inputs = [{"properties": {"email": f"{n}@town.example"}} for n in range(101)]

    assert call(box, "POST", CONTACTS + "/batch/create", {"inputs": inputs}).status_code == 400
    assert call(box, "POST", CONTACTS + "/batch/create", {"inputs": inputs[1:]}).status_code == 201


# -- listing and search ------------------------------------------------------------------------------


def pages(box: HubSpotSandbox, limit: int = 2) -> list[str]:
    seen, after = [], ""
    while True:
        answer = call(box, "GET", f"{CONTACTS}?limit={limit}" + (f"&after={after}" if after else "")).json
        seen += [each["id"] for each in answer["results"]]
        if "paging" not in answer:
            return seen
        after = answer["paging"]["next"]["after"]


def test_listing_visits_each_contact_once(box: HubSpotSandbox) -> None:
    """Pages follow a cursor, the last has no `paging`, deleted contacts are listed apart (facts: Reading)."""
    ids = [str(id) for id in box.load({"properties": {"email": f"{n}@town.example"}} for n in range(7))]
    box.human_delete(ids[3])

    assert pages(box) == ids[:3] + ids[4:]
    gone = call(box, "GET", CONTACTS + "?archived=true").json["results"]
    assert [(each["id"], each["archived"], "archivedAt" in each) for each in gone] == [(ids[3], True, True)]
    assert call(box, "GET", CONTACTS + "?limit=101").status_code == 400
    assert call(box, "GET", CONTACTS + "?limit=51&propertiesWithHistory=email").status_code == 400


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("repeat", [0, 1, 1, 2, 3, 4]),
        ("skip", [0, 1, 3, 4]),
        ("insert", [0, 1, 2, 3, 4, 5]),
        ("remove", [0, 1, 2, 3, 4]),
        ("move", [0, 1, 2, 3, 4]),
    ],
)
def test_a_listing_whose_set_moves(box: HubSpotSandbox, how: str, expected: list[int]) -> None:
    """`page_shift` repeats or hides a contact between pages, or lets a person add, delete or edit one."""
    first = box.load({"properties": {"email": f"{n}@town.example"}} for n in range(5))[0]
    box.faults.add("page_shift", how=how)

    assert [int(id) - first for id in pages(box)] == expected
    assert box.faults.seen == {"page_shift": 1}


def test_search_operators(box: HubSpotSandbox) -> None:
    """Each documented operator finds what its name says."""
    people = (("a", "Bern", "1"), ("b", "Basel", "20"), ("c", "", "3"))
    for name, city, size in people:
        create(box, f"{name}@town.example", city=city, numemployees=size)

    def found(name: str, operator: str, **more: Any) -> str:
        answer = search(box, {"propertyName": name, "operator": operator, **more}, sorts=["hs_object_id"])
        return "".join(each["properties"]["email"][0] for each in answer.json["results"])

    assert found("city", "EQ", value="bern") == "a"
    assert found("city", "NEQ", value="Bern") == "b"
    assert found("numemployees", "LT", value="20") == "ac"
    assert found("numemployees", "LTE", value="20") == "abc"
    assert found("numemployees", "GT", value="3") == "b"
    assert found("numemployees", "GTE", value="3") == "bc"
    assert found("numemployees", "BETWEEN", value="2", highValue="4") == "c"
    assert found("city", "IN", values=["bern", "basel"]) == "ab"
    assert found("city", "NOT_IN", values=["bern"]) == "b"
    assert found("city", "HAS_PROPERTY") == "ab"
    assert found("city", "NOT_HAS_PROPERTY") == "c"
    assert found("email", "CONTAINS_TOKEN", value="*town*") == "abc"
    assert found("email", "NOT_CONTAINS_TOKEN", value="a@") == "bc"


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "9900", "limit": 200},
        {"sorts": ["email", "city"]},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "HAS_PROPERTY"}] * 7}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "HAS_PROPERTY"}] * 5}] * 4},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "LIKE", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "colour", "operator": "HAS_PROPERTY"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "IN", "values": ["Bern"]}]}]},
        {"query": "x" * 3000},
    ],
)
def test_search_limits(box: HubSpotSandbox, body: dict[str, Any]) -> None:
    """Page size, 10,000 results, one sort, filter counts, operators, body length (facts: Reading)."""
    answer = call(box, "POST", CONTACTS + "/search", body)

    assert (answer.status_code, answer.json["category"]) == (400, "VALIDATION_ERROR")


def test_search_stops_at_ten_thousand_and_a_keyset_goes_on(box: HubSpotSandbox) -> None:
    """Paging ends at the cap although `total` is larger; the rest is found behind the last value seen."""
    box.load({"properties": {"email": f"{n}@town.example"}} for n in range(10_050))
    last = search(box, limit=200, after="9800", sorts=["hs_object_id"]).json

    assert (last["total"], "paging" in last) == (10_050, False)
    behind = {"propertyName": "hs_object_id", "operator": "GT", "value": last["results"][-1]["id"]}
    assert search(box, behind, limit=200).json["total"] == 50


def test_incremental_search_by_time(box: HubSpotSandbox) -> None:
    """Times are epoch milliseconds or ISO text, sorted ascending (facts: Reading)."""
    ids = [create(box, f"{n}@town.example") for n in range(3)]
    box.clock.advance(60)
    since = box.clock()
    box.human_update(ids[0], {"city": "Bern"})
    for value in (str(int(since.timestamp() * 1000)), since.isoformat()):
        changed = search(box, {"propertyName": "lastmodifieddate", "operator": "GTE", "value": value})
        assert [each["id"] for each in changed.json["results"]] == [ids[0]]
    order = search(box, sorts=[{"propertyName": "lastmodifieddate", "direction": "DESCENDING"}])
    assert order.json["results"][0]["id"] == ids[0]


def test_equal_stamps_come_in_no_promised_order() -> None:
    """Contacts of one import share a stamp; their order is by id only where the switch says so."""
    orders = {}
    for ties in ("arbitrary", "id"):
        box = new_box(ties=ties)
        box.load({"properties": {"email": f"{n}@town.example"}} for n in range(50))
        found = search(box, sorts=["lastmodifieddate"], limit=200).json["results"]
        orders[ties] = [int(each["id"]) for each in found]

    assert orders["id"] == sorted(orders["id"]) == sorted(orders["arbitrary"])
    assert orders["arbitrary"] != orders["id"]


def test_search_lags_behind_writes() -> None:
    """New, changed and deleted contacts show up in search after `late_index` seconds; reads are at once."""
    box = new_box(late_index=5.0)
    id = create(box, "a@town.example", city="Bern")

    assert search(box).json["total"] == 0
    box.clock.advance(6)
    assert search(box).json["total"] == 1
    call(box, "PATCH", f"{CONTACTS}/{id}", {"properties": {"city": "Basel"}})
    box.clock.advance(3)
    call(box, "PATCH", f"{CONTACTS}/{id}", {"properties": {"city": "Zug"}})
    assert search(box, properties=["city"]).json["results"][0]["properties"]["city"] == "Bern"
    box.clock.advance(3)
    assert search(box, properties=["city"]).json["results"][0]["properties"]["city"] == "Basel"
    assert read(box, id, "city")["city"] == "Zug"
    box.clock.advance(3)
    call(box, "DELETE", f"{CONTACTS}/{id}")
    assert search(box).json["total"] == 1
    box.clock.advance(6)
    assert search(box).json["total"] == 0


# -- merging, leaving, consent ---------------------------------------------------------------------


@pytest.mark.parametrize("new_id", [False, True])
def test_a_merge_makes_the_other_id_an_alias(new_id: bool) -> None:
    """One contact remains, blanks are filled, both addresses lead to it, old ids too (facts: merges, (?))."""
    box = new_box(merge_makes_new_id=new_id)
    keep, lose = (
        create(box, "a@town.example", city="Bern"),
        create(box, "b@town.example", phone="1", city="Zug"),
    )
    kept = box.human_merge(keep, lose)

    assert (kept == keep) is not new_id
    assert pages(box) == [kept]
    for old in (keep, lose):
        assert call(box, "GET", f"{CONTACTS}/{old}").json["id"] == kept
    shown = read(box, kept, "email", "hs_additional_emails", "phone", "city", "hs_merged_object_ids")
    assert (shown["email"], shown["hs_additional_emails"]) == ("a@town.example", "b@town.example")
    assert (shown["phone"], shown["city"]) == ("1", "Bern")
    assert shown["hs_merged_object_ids"] == (f"{lose};{keep}" if new_id else lose)


def test_chained_merges_are_only_listed_in_full_by_one_property(box: HubSpotSandbox) -> None:
    """`hs_merged_object_ids` has all aliases, `hs_calculated_merged_vids` leaves out chains (facts, 3p)."""
    a, b, c = (create(box, f"{name}@town.example") for name in "abc")
    box.human_merge(b, c)
    box.human_merge(a, b)
    shown = read(box, a, "hs_merged_object_ids", "hs_calculated_merged_vids")

    assert shown["hs_merged_object_ids"] == f"{b};{c}"
    assert shown["hs_calculated_merged_vids"] == b
    assert call(box, "GET", f"{CONTACTS}/{c}").json["id"] == a


def test_deleted_erased_and_blocked(box: HubSpotSandbox) -> None:
    """Deleting archives and frees the address; erasing is for good; an unknown address is blocked (facts)."""
    id = create(box, "a@town.example")
    call(box, "DELETE", f"{CONTACTS}/{id}")

    assert call(box, "GET", f"{CONTACTS}/{id}").status_code == 404
    assert call(box, "GET", f"{CONTACTS}/{id}?archived=true").json["archived"] is True
    again = create(box, "a@town.example")
    assert call(box, "POST", CONTACTS + "/gdpr-delete", {"objectId": again}).status_code == 204
    assert call(box, "GET", f"{CONTACTS}/{again}?archived=true").status_code == 404
    call(box, "POST", CONTACTS + "/gdpr-delete", {"objectId": "z@town.example", "idProperty": "email"})
    assert call(box, "POST", CONTACTS, {"properties": {"email": "z@town.example"}}).status_code == 400


def test_opt_outs_show_on_the_contact(box: HubSpotSandbox) -> None:
    """A person leaves one type, then all; the contact's properties and its stamp follow (facts: Consent)."""
    id = create(box, "a@town.example")
    before = read(box, id)["lastmodifieddate"]
    box.human_opt_out("A@town.example", 1001)
    shown = read(box, id, "hs_email_optout", "hs_email_optout_1001")

    assert (shown["hs_email_optout"], shown["hs_email_optout_1001"]) == (None, "true")
    assert shown["lastmodifieddate"] > before
    box.human_opt_out("a@town.example")
    assert read(box, id, "hs_email_optout")["hs_email_optout"] == "true"


@pytest.mark.parametrize("wide_on_types", [False, True])
def test_leaving_everything_and_the_single_types(wide_on_types: bool) -> None:
    """Whether "all" also sets each type's property is a switch; the preferences API says so in any case."""
    box = new_box(wide_optout_on_types=wide_on_types)
    id = create(box, "a@town.example")
    call(box, "POST", PREFERENCES + "/statuses/a@town.example/unsubscribe-all?channel=EMAIL")
    found = call(box, "GET", PREFERENCES + "/statuses/a@town.example?channel=EMAIL").json["results"]

    assert {each["status"] for each in found} == {"UNSUBSCRIBED"}
    expected = "true" if wide_on_types else None
    assert read(box, id, "hs_email_optout_1001")["hs_email_optout_1001"] == expected


def test_only_the_newer_api_re_subscribes(box: HubSpotSandbox) -> None:
    """v3 refuses somebody who opted out, 2026-03 does it (facts: Consent)."""
    create(box, "a@town.example")
    box.human_opt_out("a@town.example", 1001)
    v3 = {"emailAddress": "a@town.example", "subscriptionId": "1001"}

    assert call(box, "POST", "/communication-preferences/v3/subscribe", v3).status_code == 400
    answer = call(box, "POST", PREFERENCES + "/statuses/a@town.example", _status("SUBSCRIBED"))
    assert answer.json["results"][0]["setStatusSuccessReason"] == "RESUBSCRIBE_OCCURRED"
    assert read(box, "101", "hs_email_optout_1001")["hs_email_optout_1001"] == "false"


@pytest.mark.parametrize("privacy", [False, True])
def test_legal_basis_where_privacy_settings_are_on(privacy: bool) -> None:
    """A grant then needs its legal basis and explanation (facts: Consent)."""
    box = new_box(privacy_settings=privacy)
    bare = call(box, "POST", PREFERENCES + "/statuses/a@town.example", _status("SUBSCRIBED"))
    full = {**_status("SUBSCRIBED"), "legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "form"}

    assert bare.status_code == (400 if privacy else 200)
    assert call(box, "POST", PREFERENCES + "/statuses/a@town.example", full).status_code == 200


def test_a_bounce_is_no_opt_out(box: HubSpotSandbox) -> None:
    """A hard bounce marks the contact and leaves consent alone."""
    id = create(box, "a@town.example")
    box.human_bounce("a@town.example")
    shown = read(box, id, "hs_email_hard_bounce_reason_enum", "hs_email_optout")

    assert (shown["hs_email_hard_bounce_reason_enum"], shown["hs_email_optout"]) == (
        "MAILBOX_DOES_NOT_EXIST",
        None,
    )


def test_properties_are_made_over_the_api(box: HubSpotSandbox) -> None:
    """A unique property for our own key: made once, at most ten of them (facts: Writing)."""

    def make(name: str) -> int:
        body = {"name": name, "label": name, "type": "string", "fieldType": "text", "hasUniqueValue": True}
        path = "/crm/v3/properties/contacts"
        return call(box, "POST", path, {**body, "groupName": "contactinformation"}).status_code

    assert [make(f"key_{number}") for number in range(11)] == [201] * 10 + [400]
    assert make("key_1") == 409
    id = create(box, "a@town.example", key_1="k")
    answer = call(box, "GET", f"{CONTACTS}/k?idProperty=key_1")
    assert answer.json["id"] == id


@pytest.mark.parametrize(("how", "total"), [("repeat", 5), ("skip", 3), ("move", 4), ("remove", 3)])
def test_a_search_whose_set_moves(box: HubSpotSandbox, how: str, total: int) -> None:
    """Search pages by offset: a change before the cursor repeats or skips records."""
    box.load({"properties": {"email": f"{n}@town.example"}} for n in range(4))
    box.faults.add("page_shift", how=how)
    seen: list[str] = []
    after = "0"
    while after:
        found = search(box, limit=2, after=after, sorts=["hs_object_id"]).json
        seen += [each["id"] for each in found["results"]]
        after = found.get("paging", {}).get("next", {}).get("after", "")

    assert len(seen) == total  # sorted by id, an edit moves nobody
    assert box.faults.seen == {"page_shift": 1}


def test_over_a_socket_with_keep_alive() -> None:
    """One connection serves many calls."""
    with serving(HubSpotSandbox(quotas=False)) as url, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        answers = [session.get(url + CONTACTS, timeout=5).status_code for _ in range(20)]

    assert answers == [200] * 20
