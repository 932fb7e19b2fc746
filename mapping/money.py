"""Amounts: counted in a currency's smallest unit, shown in its larger one."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from babel.numbers import get_currency_precision


@lru_cache(maxsize=512)
def places(currency: str) -> int:
    """How many decimal places a currency has; two where it is unknown. Source: Unicode CLDR."""
    return get_currency_precision(currency.upper())


def major(amount: int, currency: str) -> Decimal:
    """The exact amount in the currency's larger unit: 1250 EUR is 12.50, 1250 JPY is 1250."""
    return Decimal(amount).scaleb(-places(currency))
