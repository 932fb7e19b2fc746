"""Stores and orders over the API, to be read: shops write them, and people order in them (`human_order`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sandbox.mailchimp_core import MailchimpCore
from sandbox.mailchimp_deeds import Order, Store
from sandbox.mailchimp_listing import listing, single
from sandbox.mailchimp_rules import not_found
from sandbox.mailchimp_select import PAGE, SELECT, flag
from sandbox.mailchimp_state import iso
from sandbox.platform import Answer, Call, Stop

Json = dict[str, Any]

STORE: Final = "/3.0/ecommerce/stores/<store_id>"
FILTERS: Final = ("campaign_id", "customer_id", "has_outreach", "outreach_id")
STORES: Final[Mapping[str, Callable[[Store], Any]]] = {
    "id": lambda s: s.id,
    "list_id": lambda s: s.list_id,
    "list_is_active": lambda s: True,
    "name": lambda s: s.name,
    "platform": lambda s: "Till",
    "domain": lambda s: f"{s.id}.bakery.example",
    "is_syncing": lambda s: False,
    "currency_code": lambda s: s.currency,
    "created_at": lambda s: iso(s.created),
    "updated_at": lambda s: iso(s.created),
}


class Shop:
    """The handlers of the e-commerce paths."""

    def __init__(self, core: MailchimpCore) -> None:
        self.core = core
        core.route("GET", "/3.0/ecommerce/stores", self.stores, query=PAGE, listing=True)
        core.route("GET", STORE, self.store, query=SELECT)
        core.route("GET", "/3.0/ecommerce/orders", self.orders, query=(*PAGE, *FILTERS), listing=True)
        core.route("GET", f"{STORE}/orders", self.orders_of_store, query=(*PAGE, *FILTERS), listing=True)
        core.route("GET", f"{STORE}/orders/<order_id>", self.order, query=SELECT)

    def stores(self, call: Call) -> Answer:
        return listing(call, "stores", list(self.core.state.stores.values()), STORES)

    def store(self, call: Call) -> Answer:
        return single(call, self._store(call), STORES)

    def orders(self, call: Call) -> Answer:
        """The orders of all stores."""
        found = [order for store in self.core.state.stores.values() for order in store.orders]
        return listing(call, "orders", _asked(call, found), self._parts())

    def orders_of_store(self, call: Call) -> Answer:
        store = self._store(call)
        return listing(call, "orders", _asked(call, store.orders), self._parts(), store_id=store.id)

    def order(self, call: Call) -> Answer:
        for order in self._store(call).orders:
            if order.id == call.args["order_id"]:
                return single(call, order, self._parts())
        raise Stop(not_found())

    def _store(self, call: Call) -> Store:
        found = self.core.state.stores.get(call.args["store_id"])
        if found is None:
            raise Stop(not_found())
        return found

    def _parts(self) -> Mapping[str, Callable[[Order], Any]]:
        return {
            "id": lambda o: o.id,
            "store_id": lambda o: o.store,
            "customer": self._customer,
            "campaign_id": lambda o: o.campaign,
            "financial_status": lambda o: "paid",
            "fulfillment_status": lambda o: "shipped",
            "currency_code": lambda o: self.core.state.stores[o.store].currency,
            "order_total": lambda o: o.total,
            "discount_total": lambda o: 0,
            "tax_total": lambda o: 0,
            "shipping_total": lambda o: 0,
            "processed_at_foreign": lambda o: iso(o.at),
            "updated_at_foreign": lambda o: iso(o.at),
            "lines": lambda o: [
                {
                    "id": f"{o.id}-1",
                    "product_id": "bread",
                    "product_title": o.what,
                    "product_variant_id": "bread",
                    "product_variant_title": o.what,
                    "quantity": 1,
                    "price": o.total,
                    "discount": 0,
                }
            ],
        }

    def _customer(self, order: Order) -> Json:
        """The buyer with all that they ever bought in this store; somebody erased has neither name nor address."""
        store = self.core.state.stores[order.store]
        audience = self.core.state.audiences[store.list_id]
        member = audience.find(order.contact_id)
        theirs = [one for one in store.orders if one.contact_id == order.contact_id]
        return {
            "id": order.contact_id,
            "email_address": member.email if member else "",
            "opt_in_status": member is not None and member.status == "subscribed",
            "first_name": str(member.merge.get("FNAME", "")) if member else "",
            "last_name": str(member.merge.get("LNAME", "")) if member else "",
            "orders_count": len(theirs),
            "total_spent": round(sum(one.total for one in theirs), 2),
            "created_at": iso(theirs[0].at),
            "updated_at": iso(theirs[-1].at),
        }


def _asked(call: Call, found: list[Order]) -> list[Order]:
    if campaign := call.one("campaign_id") or call.one("outreach_id"):
        found = [order for order in found if order.campaign == campaign]
    if customer := call.one("customer_id"):
        found = [order for order in found if order.contact_id == customer]
    if call.one("has_outreach"):
        wanted = flag(call, "has_outreach")
        found = [order for order in found if bool(order.campaign) == wanted]
    return found
