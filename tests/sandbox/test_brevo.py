"""The Brevo emulator, driven by the vendor's own SDK over a real socket, and its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from brevo import Brevo
from brevo.contacts import (
    AddContactToListRequestBodyIds,
    UpdateBatchContactsRequestContactsItem,
)
from brevo.core.api_error import ApiError

from sandbox.brevo import BrevoSandbox
from sandbox.clock import SimClock
from sandbox.server import serving
from tests.described import SPECS, brevo


@pytest.fixture
def box() -> BrevoSandbox:
    """An empty account, without limits."""
    return BrevoSandbox(quotas=False)


@pytest.fixture
def sdk(box: BrevoSandbox) -> Iterator[Brevo]:
    """The vendor's SDK over a socket, with every call held against the vendor's description where it is there."""
    described = brevo(box.app) if SPECS.is_dir() else None
    with serving(box, app=described or box.app) as address:
        yield Brevo(api_key="sandbox-brevo-demo", base_url=address, max_retries=0)
    if described is not None:
        print(described.report())
        assert described.violations == []


def test_the_vendors_sdk_works_with_contacts(box: BrevoSandbox, sdk: Brevo) -> None:
    """Made, listed, read, changed alone and together, deleted: each answer fits the SDK's own types."""
    made = sdk.contacts.create_contact(email="ada@example.org", attributes={"FIRSTNAME": "Ada"})
    sdk.contacts.create_contact(email="bo@example.org")
    assert made is not None
    sdk.contacts.update_contact(made.id, attributes={"LASTNAME": "Berg", "EMAIL": "ada@example.com"})
    item = UpdateBatchContactsRequestContactsItem(id=made.id, attributes={"SMS": "+49 30 1234567"})
    sdk.contacts.update_batch_contacts(contacts=[item])
    listed = sdk.contacts.get_contacts(limit=10, sort="asc")
    one = sdk.contacts.get_contact_info("ada@example.com")
    sdk.contacts.delete_contact("bo@example.org")

    assert [contact.email for contact in listed.contacts] == ["ada@example.com", "bo@example.org"]
    assert box.contact("ada@example.com").attributes == {
        "FIRSTNAME": "Ada",
        "LASTNAME": "Berg",
        "SMS": "+49301234567",
    }
    assert one.id == made.id
    assert len(box.state.contacts) == 1


def test_the_vendors_sdk_works_with_lists_and_webhooks(box: BrevoSandbox, sdk: Brevo) -> None:
    """A list in a folder, filled; a webhook made and seen."""
    made = sdk.contacts.create_contact(email="ada@example.org")
    folder = sdk.contacts.create_folder(name="Bakery")
    listing = sdk.contacts.create_list(folder_id=folder.id, name="Weekly")
    assert made is not None
    sdk.contacts.add_contact_to_list(listing.id, request=AddContactToListRequestBodyIds(ids=[made.id]))
    sdk.webhooks.create_webhook(url="https://hooks.bakery.example", events=["opened"], type="marketing")

    hooks = sdk.webhooks.get_webhooks(type="marketing")
    lists = sdk.contacts.get_lists(limit=10)

    assert box.contact("ada@example.org").lists == [listing.id]
    assert [one.name for one in lists.lists or ()] == ["Weekly"]
    assert len(hooks.webhooks) == 1


def test_what_it_does_not_know_it_refuses(box: BrevoSandbox, sdk: Brevo) -> None:
    """A parameter that is newer than the description is answered 501, and noted."""
    client = box.app.test_client()
    headers = {"api-key": "sandbox-brevo-demo"}

    answers = [
        client.get("/contacts?filter=x", headers=headers),
        client.post("/contacts", headers=headers, json={"email": "a@example.org", "ext_id": "1"}),
        client.get("/senders", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [501, 501, 501]
    assert len(box.refused) == 3


def test_the_vendors_sdk_sees_errors(sdk: Brevo) -> None:
    """A contact that is not there, and an address that is there already."""
    sdk.contacts.create_contact(email="ada@example.org")

    with pytest.raises(ApiError) as twice:
        sdk.contacts.create_contact(email="ADA@example.org")
    with pytest.raises(ApiError) as missing:
        sdk.contacts.get_contact_info("nobody@example.org")

    assert (twice.value.status_code, missing.value.status_code) == (400, 404)


def test_contacts_and_the_rest_have_limits_of_their_own() -> None:
    """Ten a second for contacts; what is left and when it opens again stands in the answer."""
    clock = SimClock(step=timedelta(0))
    client = BrevoSandbox(clock=clock, rest=2).app.test_client()
    headers = {"api-key": "sandbox-brevo-demo"}

    contacts = [client.get("/contacts", headers=headers) for _ in range(11)]
    rest = [client.get("/account", headers=headers).status_code for _ in range(3)]
    clock.advance(1.1)
    after = client.get("/contacts", headers=headers).status_code

    assert [answer.status_code for answer in contacts] == [200] * 10 + [429]
    assert contacts[-1].headers["x-sib-ratelimit-reset"] == "2"
    assert rest == [200, 200, 429]
    assert after == 200
