"""Orders of the shops that report to Mailchimp, as deals: a paid order is won.

Orders have neither a stamp to ask from nor a promised order. While they fit one page, each pull reads them all; beyond
that a pull goes past the first page only where their number changed, or when it is a full one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any, NamedTuple

import msgspec

from connectors.asking import turned
from connectors.base import Cursor, Raw, StreamPage
from connectors.codecs import millis
from connectors.http import Http
from connectors.mailchimp_paging import PAGE_SIZE, typed
from connectors.moving import Spot
from mapping.facts import Deal, DealState, Facts
from mapping.money import places

WON = frozenset({"paid", "partially_refunded"})
LOST = frozenset({"cancelled", "canceled", "refunded", "voided"})
# What is heavy and not needed; a list of what is wanted would have to name what not every shop sends.
_LEFT_OUT = (
    *("_links", "orders._links", "orders.discount_total", "orders.tax_total", "orders.shipping_total"),
    *(f"orders.customer.{name}" for name in ("first_name", "last_name", "address", "orders_count", "total_spent")),
    *(f"orders.lines.{name}" for name in ("id", "product_id", "product_variant_id", "quantity", "price", "discount")),
)


class _Store(msgspec.Struct):
    id: str
    list_id: str = ""


class _Stores(msgspec.Struct):
    stores: list[_Store]
    total_items: int = 0


class _Line(msgspec.Struct):
    product_title: str = ""


class _Customer(msgspec.Struct):
    email_address: str = ""


class _Order(msgspec.Struct):
    id: str
    store_id: str = ""
    customer: _Customer = msgspec.field(default_factory=_Customer)
    campaign_id: str = ""
    financial_status: str = ""
    fulfillment_status: str = ""
    currency_code: str = ""
    order_total: Decimal = Decimal(0)
    processed_at_foreign: str = ""
    updated_at_foreign: str = ""
    cancelled_at_foreign: str = ""
    lines: list[_Line] = []

    @property
    def key(self) -> str:
        """An order's id is its shop's own."""
        return f"{self.store_id}/{self.id}"


class _Orders(msgspec.Struct):
    orders: list[msgspec.Raw]
    total_items: int = 0


class _Page(NamedTuple):
    items: list[Raw]
    refused: list[tuple[str, str]]
    keys: list[str]
    total: int


_order = msgspec.json.Decoder(_Order)


def order_facts(raw: Raw) -> Facts:
    """What an order says. Raises ValueError where it is none."""
    try:
        order = _order.decode(raw.body)
    except msgspec.DecodeError as error:
        raise ValueError(f"{raw.remote_id} is no order: {error}") from error
    state = _state(order)
    opened, updated = millis(order.processed_at_foreign), millis(order.updated_at_foreign)
    closed = {
        DealState.WON: opened,
        DealState.LOST: millis(order.cancelled_at_foreign) or updated,
        DealState.OPEN: 0,
    }[state]
    amount = order.order_total.scaleb(places(order.currency_code)).to_integral_value(ROUND_HALF_UP)
    titles = ", ".join(line.product_title for line in order.lines if line.product_title)
    who = (order.customer.email_address,) if order.customer.email_address else ()
    deal = Deal(
        order.key,
        titles[:200] or f"Order {order.id}",
        state,
        int(amount),
        order.currency_code,
        order.financial_status or order.fulfillment_status,
        opened,
        closed,
        "",
        who,
    )
    return Facts(deals=[deal])


def _state(order: _Order) -> DealState:
    status = order.financial_status.lower()
    if order.cancelled_at_foreign or status in LOST:
        return DealState.LOST
    return DealState.WON if status in WON else DealState.OPEN


@dataclass(slots=True)
class Orders:
    """Reads the orders of the shops of one audience."""

    http: Http
    api: Any
    audience: str

    def pages(self, cursor: Cursor | None, *, full: bool) -> Iterator[StreamPage]:
        stores = self._stores()
        if not stores:
            yield StreamPage({"do": "done", "total": 0}, last=True, complete=True)
            return
        begun = cursor is not None and cursor["do"] != "done"
        known = cursor["total"] if cursor is not None and not full else -1
        at = Spot(cursor["offset"], [cursor["tail"]]) if cursor is not None and begun else Spot()
        whole = at.offset == 0

        def onward(spot: Spot, page: _Page) -> Spot | None:
            known_already = page.total == known and not spot.offset
            return None if known_already else spot.turn(page.keys, len(page.keys), PAGE_SIZE)

        ask = partial(self._page, stores)
        for page, after in turned(at, ask, onward, partial(self.http.misread, "list orders")):
            items, refused, keys, total = page
            if after is not None:
                here = {"do": "go", "offset": after.offset, "tail": after.tail[-1], "total": known}
                yield StreamPage(here, items, total=total, refused=refused)
                continue
            complete = whole and len(keys) < PAGE_SIZE and not refused
            yield StreamPage(
                {"do": "done", "total": total}, items, total=total, last=True, complete=complete, refused=refused
            )

    def _stores(self) -> frozenset[str]:
        fields = ["total_items", "stores.id", "stores.list_id"]
        found = typed(self.http, self.api.stores(fields=fields, count=PAGE_SIZE), _Stores)
        return frozenset(one.id for one in found.stores if not self.audience or one.list_id == self.audience)

    def _page(self, stores: frozenset[str], at: Spot) -> _Page:
        response = self.api.orders(exclude_fields=list(_LEFT_OUT), count=PAGE_SIZE, offset=at.offset)
        page = typed(self.http, response, _Orders)
        items, refused, keys = [], [], []
        for body in page.orders:
            try:
                order = _order.decode(body)
            except msgspec.DecodeError as error:
                refused.append(("", f"an entry of the orders is no order: {error}"))
                keys.append("")
                continue
            keys.append(order.key)
            if order.store_id in stores:
                items.append(Raw.of(order.key, msgspec.json.encode(order)))
        return _Page(items, refused, keys, page.total_items)
