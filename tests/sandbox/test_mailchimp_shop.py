"""Stores and orders of the emulated Mailchimp, over the vendor's SDK and its description."""

from __future__ import annotations

import pytest

from sandbox.mailchimp_state import key_of
from tests.sandbox.mailchimp_caller import ADA, MEMBERS, Caller
from tests.sandbox.mailchimp_served import every, town_served

EVE = "eve@post.example"


@pytest.fixture
def call() -> Caller:
    made = Caller()
    made.box.human_subscribe(EVE)
    made.box.human_open_store("shop", "The shop")
    return made


def test_orders_are_read() -> None:
    """
    The SDK lists stores and orders, all pages, of the account and of one store.
    """
    with town_served(people=60, campaigns=1) as served:
        client, box = served.client(), served.sandbox
        box.human_open_store("shop", "The shop")
        emails = [m.email for m in box.list_of(None).members.values() if m.status == "subscribed"][:3]
        made = [box.human_order(email, 12.5, campaign_id=served.past.campaigns[0].id) for email in (*emails, *emails)]
        listed = every(client.ecommerce.orders, "orders", count=2)
        one = client.ecommerce.get_order("shop", made[0]["id"])

        assert [store["id"] for store in client.ecommerce.stores()["stores"]] == ["shop"]
        assert client.ecommerce.get_store("shop")["currency_code"] == "EUR"
        assert [order["id"] for order in listed] == [order["id"] for order in made]
        assert one == listed[0]
        assert (one["customer"]["orders_count"], one["customer"]["total_spent"]) == (2, 25.0)
        assert client.ecommerce.get_store_orders("shop", count=1)["total_items"] == 6


def test_filters_and_the_unknown(call: Caller) -> None:
    """
    By campaign, by customer, with and without a campaign behind them; strange ids are not found.
    """
    campaign = call.box.human_send_campaign("Brotpost")["id"]
    call.box.human_order(ADA, 5.0, campaign_id=campaign)
    call.box.human_order(EVE, 7.0)
    ada = call.read()["contact_id"]

    def totals(query: str) -> list[float]:
        return [order["order_total"] for order in call("GET", f"/ecommerce/orders?{query}").json["orders"]]

    assert totals(f"campaign_id={campaign}") == totals("has_outreach=true") == totals(f"customer_id={ada}") == [5.0]
    assert totals("has_outreach=false") == [7.0]
    for path in ("stores/none", "stores/none/orders", "stores/shop/orders/none"):
        assert call.title(call("GET", f"/ecommerce/{path}")) == (404, "Resource Not Found")


def test_the_erased_stay_unnamed(call: Caller) -> None:
    """
    An order outlives the member who is deleted for good, without name and address.
    """
    call.box.human_order(ADA, 5.0)
    call("POST", f"{MEMBERS}/{key_of(ADA)}/actions/delete-permanent")
    customer = call("GET", "/ecommerce/orders").json["orders"][0]["customer"]

    assert (customer["email_address"], customer["first_name"], customer["opt_in_status"]) == ("", "", False)
