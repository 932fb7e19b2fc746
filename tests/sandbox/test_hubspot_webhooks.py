"""HubSpot's webhooks: set up by the vendor's SDK, and verified by it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.utils.signature import Signature
from hubspot.webhooks import (
    ApiException,
    BatchInputSubscriptionBatchUpdateRequest,
    SettingsChangeRequest,
    SubscriptionBatchUpdateRequest,
    SubscriptionCreateRequest,
    SubscriptionPatchRequest,
    ThrottlingSettings,
)

from sandbox.hubspot import HubSpotSandbox
from sandbox.hubspot_webhooks import APP_ID
from sandbox.hubspot_webhooks_api import DEVELOPER_KEY
from sandbox.platform import SimClock
from sandbox.server import serving
from tests import described
from tests.sandbox.inprocess import call
from tests.sandbox.webhooks_listener import Listener, listening

Json = dict[str, Any]
HOOKS = f"/webhooks/v3/{APP_ID}"
KEYED = f"?hapikey={DEVELOPER_KEY}"
TODAY = f"/webhooks/2026-03/{APP_ID}"


@pytest.fixture
def box() -> HubSpotSandbox:
    return HubSpotSandbox(clock=SimClock(), quotas=False)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


# -- setting up ------------------------------------------------------------------------------------


@described.needs_specs
def test_the_vendors_sdk_sets_webhooks_up() -> None:
    """
    Settings and subscriptions are made, read, changed and deleted by `hubspot-api-client`, all as described.
    """
    box = HubSpotSandbox(quotas=False)
    checked = described.hubspot(box.app)
    with serving(box, app=checked) as url:
        client = HubSpot(api_key=DEVELOPER_KEY, host=url)
        settings, hooks = client.webhooks.settings_api, client.webhooks.subscriptions_api
        with pytest.raises(ApiException) as nothing_yet:
            settings.get_all(APP_ID)
        wanted = SettingsChangeRequest(ThrottlingSettings(max_concurrent_requests=10), "https://hooks.example/hubspot")
        settings.configure(APP_ID, wanted)
        made = hooks.create(APP_ID, SubscriptionCreateRequest(event_type="contact.creation"))
        email = SubscriptionCreateRequest(event_type="contact.propertyChange", property_name="email", active=True)
        followed = hooks.create(APP_ID, email)
        inputs = [SubscriptionBatchUpdateRequest(id=int(id), active=True) for id in (made.id, "999")]
        batch = hooks.update_batch(APP_ID, BatchInputSubscriptionBatchUpdateRequest(inputs=inputs))
        paused = hooks.update(int(followed.id), APP_ID, SubscriptionPatchRequest(active=False))
        listed = hooks.get_all(APP_ID).results
        hooks.archive(int(followed.id), APP_ID)
        left = hooks.get_by_id(int(made.id), APP_ID)
        found = settings.get_all(APP_ID)
        settings.clear(APP_ID)
    print(checked.report())

    assert nothing_yet.value.status == 404
    assert (found.target_url, found.throttling.max_concurrent_requests) == ("https://hooks.example/hubspot", 10)
    assert (made.active, followed.active, paused.active, left.active) == (False, True, False, True)
    assert [one.id for one in batch.results] == [made.id]
    assert batch.errors[0].context == {"ids": ["999"]}
    assert [(one.event_type, one.property_name) for one in listed] == [
        ("contact.creation", None),
        ("contact.propertyChange", "email"),
    ]
    assert list(box.state.hooks) == [int(made.id)]
    assert box.state.hook_settings is None
    assert checked.violations == []
    assert box.refused == []


@described.needs_specs
def test_the_date_version_takes_a_token(box: HubSpotSandbox) -> None:
    """
    The newer paths are opened by a bearer token, and answer as described.
    """
    checked = described.hubspot(box.app)
    wanted = {"targetUrl": "https://hooks.example/", "throttling": {"maxConcurrentRequests": 10}}
    set_up = call(checked, "PUT", TODAY + "/settings", wanted)
    made = call(checked, "POST", TODAY + "/subscriptions", {"eventType": "deal.creation", "active": True})
    listed = call(checked, "GET", TODAY + "/subscriptions")

    assert (set_up.status_code, made.status_code) == (200, 201)
    assert [one["id"] for one in listed.json["results"]] == [made.json["id"]]
    assert checked.violations == []
    assert call(checked, "GET", TODAY + "/settings", token="sandbox-stranger").status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("settings", {"targetUrl": "https://hooks.example/", "throttling": {"maxConcurrentRequests": 5}}, 400),
        ("settings", {"targetUrl": "http://hooks.example/", "throttling": {"maxConcurrentRequests": 10}}, 400),
        ("settings", {"targetUrl": "https://hooks.example/"}, 400),
        ("subscriptions", {"eventType": "contact.propertyChange"}, 400),
        ("subscriptions", {"eventType": "contact.creation", "propertyName": "email"}, 400),
        ("subscriptions", {"eventType": "deal.propertyChange", "propertyName": "hs_lastmodifieddate"}, 400),
        ("subscriptions", {"eventType": "object.creation"}, 400),
        ("subscriptions", {"eventType": "contact.creation", "active": "yes"}, 400),
        ("subscriptions/batch/update", {"inputs": [101]}, 400),
        ("subscriptions/batch/update", {"inputs": [{"id": 101, "active": True}]}, 207),
        ("subscriptions", {"eventType": "product.creation"}, 501),
        ("subscriptions", {"eventType": "contact.creation", "colour": "red"}, 501),
    ],
)
def test_what_makes_no_sense_is_refused(box: HubSpotSandbox, path: str, body: Json, status: int) -> None:
    """
    The limits that the guide names hold, and what the sandbox does not know is said to be so.
    """
    method = "PUT" if path == "settings" else "POST"
    assert call(box, method, f"{HOOKS}/{path}{KEYED}", body).status_code == status
    assert box.state.hooks == {}


def test_subscriptions_in_a_batch(box: HubSpotSandbox) -> None:
    """
    Several are switched at once; a state that is none is refused for each alone.
    """
    ids = box.human_set_webhooks("http://127.0.0.1:1/", ["contact.creation", "contact.deletion"])
    inputs = [{"id": id, "active": False} for id in ids]
    done = call(box, "POST", f"{HOOKS}/subscriptions/batch/update{KEYED}", {"inputs": inputs})
    wrong = call(box, "PATCH", f"{HOOKS}/subscriptions/{ids[0]}{KEYED}", {"active": "off"})

    assert (done.status_code, [one["active"] for one in done.json["results"]]) == (200, [False, False])
    assert wrong.status_code == 400
    assert not any(hook.active for hook in box.state.hooks.values())


def test_the_developers_key_and_the_app(box: HubSpotSandbox) -> None:
    """
    Another key, another app and a 1,001st subscription are refused, the last in the guide's own words.
    """
    body = {"eventType": "contact.creation"}
    codes = [call(box, "POST", f"{HOOKS}/subscriptions{KEYED}", body).status_code for _ in range(1000)]
    full = call(box, "POST", f"{HOOKS}/subscriptions{KEYED}", body)

    assert set(codes) == {201}
    assert full.status_code == 400
    assert "maximum number allowed per application (1000)" in full.json["message"]
    assert call(box, "GET", f"{HOOKS}/subscriptions?hapikey=other").status_code == 401
    assert call(box, "GET", f"{HOOKS}/subscriptions").status_code == 401
    assert call(box, "GET", f"/webhooks/v3/1/subscriptions{KEYED}").status_code == 404


# -- signatures ------------------------------------------------------------------------------------


def test_the_vendors_sdk_accepts_the_signatures(listener: Listener) -> None:
    """
    v3 and v1 come with each request, and `hubspot.utils.signature.Signature` takes both, and v2 where it is asked for.
    """
    box = HubSpotSandbox(quotas=False)
    target = f"{listener.url}/hooks/hubspot?connection=crm&x=1"
    box.human_set_webhooks(target, ["contact.creation"])
    box.human_create({"email": "ada@post.example", "firstname": "Ådä"})
    box.postman.step()
    box.mailroom.habits.signatures = ("v2",)
    box.human_create({"email": "bob@post.example"})
    box.postman.step()
    first, second = listener.posts
    both = {"client_secret": box.client_secret, "http_uri": target, "http_method": "POST"}
    stamp = first.headers["X-HubSpot-Request-Timestamp"]

    assert Signature.is_valid(
        first.headers["X-HubSpot-Signature-v3"],
        request_body=first.body.decode(),
        signature_version="v3",
        timestamp=stamp,
        **both,
    )
    old = first.headers["X-HubSpot-Signature"]
    assert Signature.is_valid(old, request_body=first.body.decode(), signature_version="v1", **both)
    assert first.headers["X-HubSpot-Signature-Version"] == "v1"
    workflow = second.headers["X-HubSpot-Signature"]
    assert Signature.is_valid(workflow, request_body=second.body.decode(), signature_version="v2", **both)
    assert second.headers["X-HubSpot-Signature-Version"] == "v2"
    assert second.headers["X-HubSpot-Signature-v3"] is None


def test_the_guides_own_example_of_a_signature(box: HubSpotSandbox) -> None:
    """
    The v1 hash that HubSpot publishes for its example comes out.
    """
    body = (
        b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":'
        b'"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
    )
    secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
    headers = box.mailroom._headers("https://www.example.com/webhook_uri", body, datetime.now(UTC), secret)

    assert headers["X-HubSpot-Signature"] == "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"


def test_some_characters_are_decoded_before_signing(box: HubSpotSandbox, listener: Listener) -> None:
    """
    The v3 signature covers ``%40`` and its like as characters, and leaves other percent-encoding as it is.
    """
    box.human_set_webhooks(f"{listener.url}/h?to=a%40b%2fc%20d%26e", ["contact.creation"])
    box.human_create({"email": "ada@post.example"})
    box.postman.step()
    (heard,) = listener.posts
    source = f"POST{listener.url}/h?to=a@b/c%20d%26e".encode() + heard.body
    source += heard.headers["X-HubSpot-Request-Timestamp"].encode()
    expected = hmac.new(box.client_secret.encode(), source, hashlib.sha256).digest()

    assert heard.headers["X-HubSpot-Signature-v3"] == base64.b64encode(expected).decode()
