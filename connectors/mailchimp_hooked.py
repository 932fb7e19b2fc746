"""The webhook of one audience as a setting of Mailchimp: looked at, made, put right."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import msgspec

from connectors.asking import made_anew
from connectors.hooks import HookUp
from connectors.http import Response
from connectors.mailchimp_members import Members
from connectors.mailchimp_paging import typed

EVENTS = dict.fromkeys(("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"), True)
SOURCES = {"user": True, "admin": True, "api": False}
"""Whose changes are told: not those made over the API, or our own writes would come back."""


class _Hook(msgspec.Struct):
    id: str
    url: str = ""
    events: dict[str, bool] = {}
    sources: dict[str, bool] = {}
    signing_secret: str = ""


class _Hooks(msgspec.Struct):
    webhooks: list[_Hook] = []


@dataclass(slots=True)
class Hooked:
    """Keeps the webhook of one audience."""

    members: Members

    def up(self, address: str, spare: str, *, known: bool) -> HookUp:
        """A hook at *address* that tells what we need: the one that is there where its secret is *known*, or a new one.

        Mailchimp shows a hook's signing secret once. An account whose hooks sign nothing gets *spare* into the address.
        Raises ValueError with Mailchimp's own words where it refuses.
        """
        there = [one for one in self._listed() if one.url.partition("?")[0] == address]
        if known and len(there) == 1:
            return self._put_right(there[0])
        for one in there:
            self.members.lists.delete_list_webhook(self.members.audience, one.id)
        made = self._made(address)
        if made.signing_secret:
            return HookUp(made.id, made.signing_secret, new=True)
        self._change(made.id, {"url": f"{address}?secret={spare}"})
        return HookUp(made.id, spare, new=True)

    def _listed(self) -> list[_Hook]:
        response = self.members.lists.get_list_webhooks(self.members.audience)
        return typed(self.members.http, response, _Hooks).webhooks

    def _put_right(self, hook: _Hook) -> HookUp:
        right = all(hook.events.get(name) for name in EVENTS)
        right = right and all(hook.sources.get(name, False) is told for name, told in SOURCES.items())
        if not right:
            self._change(hook.id, {"events": EVENTS, "sources": SOURCES})
        return HookUp(hook.id, righted=not right)

    def _made(self, address: str) -> _Hook:
        body = msgspec.json.encode({"url": address, "events": EVENTS, "sources": SOURCES})

        def clear() -> None:
            """A hook whose secret was in the answer that was lost is of no use."""
            for one in self._listed():
                if one.url == address:
                    self.members.lists.delete_list_webhook(self.members.audience, one.id)

        make = partial(self.members.lists.create_list_webhook, self.members.audience, body)
        return typed(self.members.http, self._good(made_anew(make, clear), "make the webhook"), _Hook)

    def _change(self, hook: str, body: object) -> None:
        response = self.members.lists.update_list_webhook(self.members.audience, hook, msgspec.json.encode(body))
        self._good(response, "change the webhook")

    def _good(self, response: Response, what: str) -> Response:
        if not response.ok:
            raise ValueError(f"Mailchimp would not {what}: {self.members.http.explain(response)}")
        return response
