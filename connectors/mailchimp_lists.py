"""Filling the static segments of one Mailchimp audience.

Membership is all that this changes: nobody is subscribed, unsubscribed or created by it, and all of it may be said
twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.base import Listed
from connectors.errors import MaybeSent
from connectors.http import Http, Response
from connectors.mailchimp_paging import typed
from connectors.mailchimp_segments import INTEREST, STATIC, Segment, segments

AT_MOST = 500


class _Trouble(msgspec.Struct):
    email_addresses: list[str] = []
    error: str = ""


class _Filled(msgspec.Struct):
    errors: list[_Trouble] = []


@dataclass(slots=True)
class Lists:
    """Fills the static segments of one audience."""

    http: Http
    api: Any
    audience: str

    def put(self, title: str, listing: str, add: Mapping[str, str], remove: Mapping[str, str]) -> Listed:
        """Put on and take off; *add* and *remove* map addresses to the records that they are of."""
        everybody = [*add.values(), *remove.values()]
        if not listing or listing.startswith(INTEREST):
            listing, why = self._made(title)
            if not listing:
                return Listed("", dict.fromkeys(everybody, why))
        adds, removes = list(add), list(remove)
        refused: dict[str, str] = {}
        for start in range(0, max(len(adds), len(removes)), AT_MOST):
            on = {one: add[one] for one in adds[start : start + AT_MOST]}
            off = {one: remove[one] for one in removes[start : start + AT_MOST]}
            found = self._fill(listing, on, off)
            if found is None:
                return Listed("", dict.fromkeys(everybody, "Mailchimp has no such list any more"))
            refused |= found
        return Listed(listing, refused)

    def _fill(self, listing: str, on: Mapping[str, str], off: Mapping[str, str]) -> dict[str, str] | None:
        """One call; whom it refused and why, or None where the list is gone."""
        asked = {"members_to_add": list(on), "members_to_remove": list(off)}
        body = msgspec.json.encode({name: some for name, some in asked.items() if some})
        response = self.api.batch_segment_members(body, self.audience, listing)
        if response.status == 404:
            return None
        if not response.ok:
            return dict.fromkeys([*on.values(), *off.values()], self.http.explain(response))
        records = {one.lower(): record for one, record in {**off, **on}.items()}
        wanted = {one.lower() for one in on}
        refused: dict[str, str] = {}
        for trouble in typed(self.http, response, _Filled).errors:
            why = self.http.redact(trouble.error)
            for address in map(str.lower, trouble.email_addresses):
                if address in wanted or not _absent(trouble.error):
                    refused[records.get(address, address)] = why
        return refused

    def _made(self, title: str) -> tuple[str, str]:
        """The static segment of that name, made where there is none; or why it cannot be."""
        if found := self._named(title):
            return found, ""
        body = msgspec.json.encode({"name": title, "static_segment": []})
        try:
            response: Response = self.api.create_segment(self.audience, body)
        except MaybeSent:
            if found := self._named(title):
                return found, ""
            raise
        if response.ok:
            return str(typed(self.http, response, Segment).id), ""
        return self._named(title), self.http.explain(response)

    def _named(self, title: str) -> str:
        known = segments(self.http, self.api, self.audience, ("id", "name", "type"), {})
        return next((str(one.id) for one in known if one.type == STATIC and one.name == title), "")


def _absent(error: str) -> bool:
    """Whether an error says that somebody is no member: all that a removal wants."""
    return "not on" in error or "not in" in error
