"""Postbird: a made-up platform that turns pages in every way there is, and a connector for it of a few lines."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Flask, jsonify, request

from connectors.auth import KeyQuery
from connectors.base import Change, Outcome, Result, Settings
from connectors.declared import Declared
from connectors.declared_values import Me, One
from connectors.http import Verdict, WsgiTransport
from connectors.limits import Limits
from connectors.pace import Window
from connectors.pagers import Cursored, GraphConnection, NextLink, Numbered, Offset, Pager, Posted, Whole
from connectors.readings import Refusals, When
from connectors.signing_in import by_key
from connectors.walk import Collection, Since
from mapping.fields import FieldTable, both
from mapping.values import Kind

BASE = "http://127.0.0.1:9"
KEY = "sandbox-postbird-key"
SIZE = 10
SINCE = Since("changed_since", 60_000)


class Bird:
    """The platform: people by number, and what it was asked."""

    def __init__(self, count: int = 25) -> None:
        self.people: dict[int, dict[str, Any]] = {
            n: {"uid": n, "address": f"p{n}@example.org", "first": f"Name {n}", "changed": f"2026-01-01T00:00:{n:02}Z"}
            for n in range(1, count + 1)
        }
        self.stuck = False  # gives the same page for ever
        self.asked: list[str] = []
        self.app = Flask("postbird")
        for path, method in (
            ("/whole", self.whole), ("/cursor", self.cursor), ("/offset", self.offset), ("/page", self.page),
            ("/link", self.link), ("/graph", self.graph), ("/search", self.search),
        ):  # fmt: skip
            verbs = ["POST"] if path in ("/graph", "/search") else ["GET"]
            self.app.add_url_rule(path, view_func=self.noted(method), endpoint=path, methods=verbs)
        self.app.add_url_rule("/people/<int:uid>", view_func=self.one, methods=["GET", "PATCH"])
        self.app.add_url_rule("/me", view_func=lambda: {"id": 7, "name": "The Bakery"})

    def noted(self, method: Any) -> Any:
        def view() -> Any:
            self.asked.append(request.full_path)
            if request.args.get("key") != KEY:
                return jsonify(error="who?"), 401
            return method()

        return view

    def _since(self) -> list[dict[str, Any]]:
        body = request.get_json(silent=True) or {}
        since = request.args.get("changed_since") or body.get("changed_since") or ""
        return [one for one in self.people.values() if one["changed"] >= since]

    def _part(self, start: int) -> list[dict[str, Any]]:
        return self._since()[0 if self.stuck else start :][:SIZE]

    def whole(self) -> Any:
        return jsonify(self._since())

    def cursor(self) -> Any:
        start = int(request.args.get("after", "0"))
        following = start + SIZE if start + SIZE < len(self._since()) or self.stuck else None
        return {"data": {"items": self._part(start)}, "meta": {"next": str(SIZE if self.stuck else following or "")}}

    def offset(self) -> Any:
        return {"people": self._part(int(request.args["offset"])), "count": len(self._since())}

    def page(self) -> Any:
        return {"people": self._part((int(request.args["page"]) - 1) * SIZE)}

    def link(self) -> Any:
        start = int(request.args.get("from", "0"))
        following = f"{BASE}/link?from={start + SIZE}" if start + SIZE < len(self._since()) else None
        return {"people": self._part(start), "links": {"next": f"{BASE}/link?from=0" if self.stuck else following}}

    def graph(self) -> Any:
        asked = request.get_json()
        start = int(asked["variables"]["after"] or "0")
        info = {"hasNextPage": self.stuck or start + SIZE < 25, "endCursor": str(start if self.stuck else start + SIZE)}
        return {"data": {"people": {"nodes": self._part(start), "pageInfo": info}}}

    def search(self) -> Any:
        asked = request.get_json()
        start = int(asked["paging"].get("after", "0"))
        following = str(start + SIZE) if self.stuck or start + SIZE < len(self._since()) else None
        return {"people": self._part(start), "next": "0" if self.stuck and start else following}

    def one(self, uid: int) -> Any:
        found = self.people.get(uid)
        if found is None:
            return jsonify(error={"code": "none"}), 404
        if request.method == "PATCH":
            given = request.get_json()
            if given.get("first") == "too much":
                return {"error": {"code": "spent", "message": "no more today"}}
            if given.get("first") == "":
                return jsonify(error={"code": "blank", "message": f"first of {found['address']} is blank"}), 422
            found.update(given)
        return jsonify(found)


def collection(path: str, items: str, pager: Pager, **more: Any) -> Collection:
    return Collection(path, items, pager, id="uid", stamp="changed", since=SINCE, **more)


WAYS: dict[str, Collection] = {
    "whole": collection("/whole", "", Whole()),
    "cursor": collection("/cursor", "data.items", Cursored("after", "meta.next", ("limit", SIZE))),
    "offset": collection("/offset", "people", Offset("offset", ("limit", SIZE))),
    "offset with total": collection("/offset", "people", Offset("offset", ("limit", SIZE), "count")),
    "page": collection("/page", "people", Numbered("page", ("limit", SIZE))),
    "link": collection("/link", "people", NextLink("links.next", ("limit", SIZE))),
    "graph": collection("/graph", "data.people.nodes", GraphConnection("data.people", SIZE), body={"query": "{…}"}),
    "posted": collection("/search", "people", Posted(Cursored("after", "next", ("size", SIZE)), "paging"), body={}),
}


class Postbird(Declared):
    """Postbird's people."""

    name: ClassVar[str] = "postbird"
    title: ClassVar[str] = "Postbird"
    base_url: ClassVar[str] = "https://api.postbird.example"
    sign_ins = (by_key("key", "Key", "from its settings", lambda key: KeyQuery(key, "key")),)
    limits = Limits((Window(100, 1.0),))
    readings = (When(200, Verdict.SPENT, at="error.code", among=("spent",)),)
    refusals = Refusals(code="error.code", codes={"blank": "invalid"})
    me = Me("/me", "id", "name")
    one = One("/people/{id}")
    table = FieldTable((both("email", "address", Kind.EMAIL), both("given_name", "first", Kind.NAME)))
    clears: ClassVar[str] = ""
    people = WAYS["cursor"]

    def opt_out(self, changes: Any, purpose: str) -> list[Outcome]:
        return [Outcome(Result.REFUSED, change.remote_id) for change in changes]


def open_postbird(bird: Bird, way: str = "cursor", **outside: Any) -> Postbird:
    """The connector, with its people listed that *way*."""
    kind = type("Postbird", (Postbird,), {"people": WAYS[way], "__doc__": Postbird.__doc__})
    outside.setdefault("sleep", lambda _: None)
    made = kind({"key": KEY}, Settings(base_url=BASE), transport=WsgiTransport(bird.app), **outside)
    assert isinstance(made, Postbird)
    return made


def change(uid: int, first: str | None) -> Change:
    return Change(str(uid), {"given_name": first}, address=f"p{uid}@example.org")
