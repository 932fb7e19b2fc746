"""How Mailchimp's listings are read whole, and its answers as what they are documented to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from connectors.http import Http, Response
from connectors.moving import rows
from connectors.over_http import decoded

S = TypeVar("S")
T = TypeVar("T")
PAGE_SIZE = 1000


def typed(http: Http, response: Response, shape: type[S]) -> S:
    """A good answer of that shape; Misread where it is none."""
    return decoded(http, msgspec.json.Decoder(shape), response, named(shape))


def named(shape: type) -> str:
    """What an answer of that shape is called in messages."""
    return shape.__name__.strip("_")


def whole(
    http: Http,
    call: Callable[..., Response],
    shape: type[S],
    listed: Callable[[S], Sequence[T]],
    key: Callable[[T], str],
    *,
    deletable: bool = False,
) -> Iterator[T]:
    """All rows of a listing, each once; none where what they belong to is *deletable* and was deleted since."""

    def ask(offset: int) -> Sequence[T]:
        response = call(count=PAGE_SIZE, offset=offset)
        return () if deletable and response.status == 404 else listed(typed(http, response, shape))

    return rows(ask, key, PAGE_SIZE, partial(http.misread, named(shape)))
