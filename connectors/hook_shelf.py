"""Where a platform keeps its webhooks, as a value: listed, made and put away by its API.

Of most platforms a secret can be set and never be seen again. So a hook whose secret we have is left alone where it is
all right, and any other one at our address is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.errors import MaybeSent
from connectors.hooks import HookUp
from connectors.http import Http, Response
from connectors.paths import Envelope, dig


@dataclass(frozen=True, slots=True)
class HookShelf:
    """*path* lists them (at *items*, with *query*) and makes one; below it with its id one is put away.

    *made* is the body that makes one for an address and a secret; *right* says whether one that is there tells all that
    is needed. *told* adds the secret to the address, where the platform has no better place for it.
    """

    path: str
    items: str
    url: str
    made: Callable[[str, str], Mapping[str, Any]]
    right: Callable[[Mapping[str, Any]], bool]
    id: str = "id"
    made_id: str = "id"
    query: Sequence[tuple[str, Any]] = ()

    def up(self, http: Http, title: str, address: str, spare: str, *, known: bool) -> HookUp:
        """See that there is one at *address*. Raises ValueError with the platform's own words where it refuses."""
        there = self._at(http, title, address)
        if known and len(there) == 1 and self.right(there[0]):
            return HookUp(str(dig(there[0], self.id)))
        for one in there:
            self._drop(http, title, str(dig(one, self.id)))
        return HookUp(self._make(http, title, address, spare), spare, new=True)

    def _at(self, http: Http, title: str, address: str) -> list[Mapping[str, Any]]:
        answer = http.request("GET", self.path, query=self.query, operation="list webhooks")
        if answer.status == 404:  # there are none
            return []
        response = _good(http, answer, title, "list")
        found = Envelope(response.body).value(self.items) or []
        return [one for one in found if str(dig(one, self.url) or "").partition("?")[0] == address]

    def _drop(self, http: Http, title: str, identity: str) -> None:
        response = http.request("DELETE", f"{self.path}/{identity}", idempotent=True, operation="delete webhook")
        if response.status != 404:
            _good(http, response, title, "put away")

    def _make(self, http: Http, title: str, address: str, secret: str) -> str:
        body = msgspec.json.encode(self.made(address, secret))
        try:
            response = http.request("POST", self.path, json=body, idempotent=False, operation="make webhook")
        except MaybeSent:  # it may be there: then there would be two
            for one in self._at(http, title, address):
                self._drop(http, title, str(dig(one, self.id)))
            response = http.request("POST", self.path, json=body, idempotent=False, operation="make webhook")
        return str(Envelope(_good(http, response, title, "make").body).value(self.made_id))


def _good(http: Http, response: Response, title: str, what: str) -> Response:
    if not response.ok:
        raise ValueError(f"{title} would not {what} the webhook: {http.explain(response)}")
    return response
