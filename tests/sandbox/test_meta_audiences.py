"""The emulator of custom audiences, filled by the vendor's own SDK over a real socket, and its refusals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.customaudience import CustomAudience
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from connectors.meta_audiences import hashed
from sandbox.meta_audiences import ACCOUNT, MetaAudiencesSandbox
from sandbox.meta_core import SECRET
from sandbox.server import serving

HEADERS = {"Authorization": "Bearer sandbox-meta-ads"}


@pytest.fixture
def box() -> MetaAudiencesSandbox:
    return MetaAudiencesSandbox(quotas=False)


@pytest.fixture
def sdk(box: MetaAudiencesSandbox) -> Iterator[FacebookAdsApi]:
    with serving(box) as address:
        session = FacebookSession(app_secret=SECRET, access_token="sandbox-meta-ads")
        session.GRAPH = address
        yield FacebookAdsApi(session)


def test_the_vendors_sdk_fills_an_audience_and_hashes_as_we_do(box: MetaAudiencesSandbox, sdk: FacebookAdsApi) -> None:
    """Made, listed, filled and emptied; what the SDK makes of an address is what the connector makes of it."""
    (account,) = User("me", api=sdk).get_ad_accounts(fields=["name"])
    params = {"name": "Loyal", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
    made = AdAccount(account["id"], api=sdk).create_custom_audience(params=params)
    audience = CustomAudience(made["id"], api=sdk)
    people = [" Ada@Example.org", "bo@example.org"]

    audience.add_users(schema=CustomAudience.Schema.email_hash, users=people)
    full = box.named()["Loyal"]
    audience.remove_users(schema=CustomAudience.Schema.email_hash, users=people[:1])
    (listed,) = AdAccount(account["id"], api=sdk).get_custom_audiences(fields=["name", "subtype"])

    assert account["id"] == ACCOUNT
    assert full == [hashed(person) for person in people]
    assert box.named()["Loyal"] == [hashed("bo@example.org")]
    assert (listed["name"], listed["subtype"]) == ("Loyal", "CUSTOM")


def test_the_vendors_sdk_understands_a_right_that_is_missing(box: MetaAudiencesSandbox, sdk: FacebookAdsApi) -> None:
    """Code 200, with the name of the permission."""
    box.tokens["sandbox-meta-ads"] = frozenset()

    with pytest.raises(FacebookRequestError, match="ads_management"):
        list(AdAccount(ACCOUNT, api=sdk).get_custom_audiences())


def test_it_takes_hashes_and_nothing_else(box: MetaAudiencesSandbox) -> None:
    """What is no hash is counted; other schemas, fields and kinds are unknown; more than 10,000 are refused."""
    client, path = box.app.test_client(), f"/{box.human_make('Loyal')}/users"
    right = hashlib.sha256(b"ada@example.org").hexdigest()

    def post(schema: list[str], data: list[list[str]]) -> tuple[int, dict[str, int]]:
        payload = json.dumps({"schema": schema, "data": data})
        answer = client.post(path, headers=HEADERS, data={"payload": payload})
        return answer.status_code, answer.json or {}

    mixed = post(["EMAIL_SHA256"], [[right], ["ada@example.org"]])
    other = post(["PHONE_SHA256"], [[right]])
    many = post(["EMAIL_SHA256"], [[right]] * 10_001)
    strange = client.post(f"/{ACCOUNT}/customaudiences", headers=HEADERS, data={"name": "x", "subtype": "LOOKALIKE"})

    assert (mixed[0], mixed[1]["num_received"], mixed[1]["num_invalid_entries"]) == (200, 2, 1)
    assert (other[0], many[0], strange.status_code) == (501, 400, 501)
    assert box.named() == {"Loyal": [right]}
