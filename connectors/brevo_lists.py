"""Brevo's lists: who is on them, and a segment of ours as one. Nobody is subscribed by being put on a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.base import Listed
from connectors.http import Http, Response
from connectors.pagers import Offset
from connectors.walk import Collection, Walk

LISTS = "/contacts/lists"
AT_ONCE = 150
FOLDER = "Regulars"
"""A list lies in a folder; ours in one of this name."""


class _Made(msgspec.Struct):
    id: int


class _Named(msgspec.Struct):
    id: int
    name: str = ""


class _Moved(msgspec.Struct):
    success: list[Any] = []
    failure: list[Any] = []


class _Answer(msgspec.Struct):
    contacts: _Moved


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of one account."""

    http: Http
    typed: Callable[[Response, Any], Any]
    walk: Callable[[Collection], Walk]

    def filled(self, bodies: list[bytes]) -> list[bytes]:
        """Lists with everybody on them, without what counts by itself."""
        found = []
        for body in bodies:
            one = msgspec.json.decode(body, type=_Named)
            found.append(msgspec.json.encode({"id": one.id, "name": one.name, "members": self._members(one.id)}))
        return found

    def _members(self, listing: int) -> list[int]:
        pager = Offset("offset", ("limit", 500), "count")
        path, order = f"{LISTS}/{listing}/contacts", (("sort", "asc"),)
        members = Collection(path, "contacts", pager, query=order, operation="list members")
        pages = self.walk(members).pages(None)
        return list(dict.fromkeys(int(raw.remote_id) for page in pages for raw in page.records))

    def put(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        """See `Connector.put_on_list`."""
        known = listing or self._found(LISTS, "lists", title) or self._made(title)
        wanted = dict.fromkeys(add)
        refused = self._move(known, "add", list(wanted))
        self._move(known, "remove", [one for one in dict.fromkeys(remove) if one not in wanted])
        return Listed(known, refused)

    def _found(self, path: str, items: str, title: str) -> str:
        """The id of the list or folder of that name; nothing where there is none."""
        pager = Offset("offset", ("limit", 50), "count")
        for page in self.walk(Collection(path, items, pager)).pages(None):
            for raw in page.records:
                if msgspec.json.decode(raw.body, type=_Named).name.casefold() == title.casefold():
                    return raw.remote_id
        return ""

    def _made(self, title: str) -> str:
        folder = self._found("/contacts/folders", "folders", FOLDER)
        folder = folder or self._post("/contacts/folders", {"name": FOLDER}, "make folder")
        return self._post(LISTS, {"name": title, "folderId": int(folder)}, "make list")

    def _post(self, path: str, body: dict[str, Any], operation: str) -> str:
        response = self.http.request("POST", path, json=msgspec.json.encode(body), operation=operation)
        return str(self.typed(response, _Made).id)

    def _move(self, listing: str, way: str, ids: Sequence[str]) -> dict[str, str]:
        """Put records on a list or take them off; those that it would not take. A call of which nothing was taken is
        refused whole: it is asked again for each."""
        refused: dict[str, str] = {}
        for start in range(0, len(ids), AT_ONCE):
            part = ids[start : start + AT_ONCE]
            body = msgspec.json.encode({"ids": [int(one) for one in part]})
            path = f"{LISTS}/{listing}/contacts/{way}"
            response = self.http.request("POST", path, json=body, idempotent=True, operation=f"{way} members")
            if response.ok:
                failed = {str(one) for one in self.typed(response, _Answer).contacts.failure}
                refused |= {one: "Brevo did not take this contact" for one in part if one in failed}
            elif len(part) > 1:
                for one in part:
                    refused |= self._move(listing, way, [one])
            elif way == "add" and not self._on(listing, part[0]):
                refused[part[0]] = self.http.explain(response)
        return refused

    def _on(self, listing: str, remote_id: str) -> bool:
        """Whether somebody is on a list: who is there already is refused as well."""
        response = self.http.request("GET", f"/contacts/{remote_id}", operation="read contact")
        if response.status == 404:
            return False
        return int(listing) in (self.typed(response, dict[str, Any]).get("listIds") or ())
