"""Orders of the shops that report to Mailchimp, as deals: a paid order is won.

Orders have neither a stamp to ask from nor a promised order. While they fit one page, each pull reads them all; beyond
that a pull goes past the first page only where their number changed, or when it is a full one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from connectors.base import Cursor, Raw, StreamPage
from connectors.codecs import millis
from connectors.http import Http
from connectors.mailchimp_paging import MOST_BACKS, PAGE_SIZE, typed
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
        offset = cursor["offset"] if cursor is not None and begun else 0
        last, backs, begun_at = cursor["tail"] if cursor is not None and begun else "", 0, offset
        while True:
            items, refused, keys, total = self._page(offset, stores)
            if last and offset and last not in keys and backs < MOST_BACKS:
                offset, backs = max(0, offset - (PAGE_SIZE - 1)), backs + 1
                continue
            if len(keys) < PAGE_SIZE or (total == known and not offset):
                done: Cursor = {"do": "done", "total": total}
                complete = len(keys) < PAGE_SIZE and begun_at == 0 and not refused
                yield StreamPage(done, items, total=total, last=True, complete=complete, refused=refused)
                return
            offset, last = offset + PAGE_SIZE - 1, keys[-1]
            here = {"do": "go", "offset": offset, "tail": last, "total": known}
            yield StreamPage(here, items, total=total, refused=refused)

    def _stores(self) -> frozenset[str]:
        fields = ["total_items", "stores.id", "stores.list_id"]
        found = typed(self.http, self.api.stores(fields=fields, count=PAGE_SIZE), _Stores)
        return frozenset(one.id for one in found.stores if not self.audience or one.list_id == self.audience)

    def _page(self, offset: int, stores: frozenset[str]) -> tuple[list[Raw], list[tuple[str, str]], list[str], int]:
        response = self.api.orders(exclude_fields=list(_LEFT_OUT), count=PAGE_SIZE, offset=offset)
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
        return items, refused, keys, page.total_items
