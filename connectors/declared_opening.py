"""The base of a connector that is data: how its account is opened, what is there, and how a collection is fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from connectors.auth import Auth, Credential, Renewed
from connectors.base import Account, Platform, RemoteField
from connectors.batches import spread
from connectors.declared_values import Feed, Me
from connectors.errors import TooNarrow
from connectors.feed_rights import with_rights
from connectors.hook_shelf import HookShelf
from connectors.http import Response, Verdict
from connectors.limits import Limits
from connectors.over_http import OverHttp
from connectors.own_fields import OwnFields
from connectors.pace import Clock, Pace, Sleep
from connectors.pagers import Ask
from connectors.paths import dig
from connectors.readings import When, judged_by
from connectors.signing_in import SignIn, asked, environment, signed_in
from connectors.walk import Collection, Walk


class DeclaredOpening(OverHttp):
    """An account that speaks plain JSON over HTTP, by the values below."""

    base_url: ClassVar[str]
    base_from: ClassVar[str] = ""  # the part of the credential that is the account's own address, where it has one
    sign_ins: ClassVar[tuple[SignIn, ...]]
    always: ClassVar[Mapping[str, str]] = {}  # headers of every call
    limits: ClassVar[Limits] = Limits()
    readings: ClassVar[tuple[When, ...]] = ()
    me: ClassVar[Me]
    own_fields: ClassVar[OwnFields | None] = None
    feeds: ClassVar[tuple[Feed, ...]] = ()
    shelf: ClassVar[HookShelf | None] = None  # where its webhooks are set up

    @classmethod
    def entry(cls) -> Platform:
        """Its line in the catalogue."""
        app = next((way.app for way in cls.sign_ins if way.app is not None), None)
        names = environment(cls.name, cls.sign_ins)
        return Platform(cls.name, cls.title, cls, asked(cls.sign_ins), names, app=app)

    # -- how it is opened ---------------------------------------------------------------------------------------

    def _base_url(self, given: str, credential: Credential) -> str:
        return given or credential.get(self.base_from, "") or self.base_url

    def _auth(self, credential: Credential, renewed: Renewed | None) -> Auth:
        return signed_in(self.sign_ins, self.title, credential, renewed, self.settings.base_url)

    def _headers(self) -> Mapping[str, str]:
        return self.always

    def _pace(self, clock: Clock, sleep: Sleep) -> Pace:
        return self.limits.pace(clock, sleep)

    def _judge(self, response: Response) -> Verdict:
        return judged_by(self.readings)(response)

    def _after(self, response: Response, now: float) -> float:
        return self.limits.after(response, now)

    def _lane(self, path: str) -> str:
        return self.limits.lane(path)

    def _heed(self, pace: Pace, response: Response) -> None:
        self.limits.heed(pace, response)

    # -- what is there ------------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> Account:
        me, sent = self.me, None if self.me.body is None else msgspec.json.encode(self.me.body)
        method = "GET" if sent is None else "POST"
        response = self._http.request(method, me.path, json=sent, idempotent=True, operation="account")
        body = self._typed(response, dict[str, Any])
        name, audiences = str(dig(body, me.name) or ""), me.audiences.found(body) if me.audiences is not None else ()
        own_key = self._own_key_there()
        return Account(str(dig(body, me.id)), name, me.may, audiences=audiences, has_own_key=own_key)

    @cached_property
    def _audience(self) -> str:
        """Of which of the account's audiences this connection is: the one that was chosen, else the first."""
        if self.settings.audience:
            return self.settings.audience
        found = self.check().audiences
        if not found:
            raise self._http.misread("account", "it holds nothing that could be read")
        return found[0].id

    def _own_key_there(self) -> bool:
        """Whether the platform has a field that carries our key."""
        return False

    def _tried(self, account: Account, feeds: Sequence[Feed]) -> Account:
        """An account with what may be read of it, where no call tells that: each stream is tried with one entry."""
        return with_rights(account, feeds, spread(feeds, self._opens, self.limits.at_once), self.settings.streams)

    def _opens(self, feed: Feed) -> bool:
        collection = self._located(feed.collection)
        query = [*collection.pager.ask({}).query, *collection.query]
        try:
            self._good(self._http.request("GET", collection.path, query=query, operation="try rights"), "try rights")
        except TooNarrow:
            return False
        return True

    def remote_fields(self) -> Sequence[RemoteField]:
        if self.own_fields is not None:
            return self.own_fields.described(self._described, self.table)
        return [RemoteField(row.remote, row.label, row.kind, row.writable, row) for row in self.table]

    @cached_property
    def _described(self) -> list[dict[str, Any]]:
        """The account's description of its own fields, as it stands there."""
        return [] if self.own_fields is None else self._listed(self.own_fields.listing)

    def _listed(self, collection: Collection) -> list[dict[str, Any]]:
        """All entries of a collection, each once."""
        found = dict.fromkeys(raw.body for page in self._walk(collection).pages(None) for raw in page.records)
        return [msgspec.json.decode(body) for body in found]

    def _called(self, collection: Collection, title: str) -> str:
        """The id of the entry of that name; nothing where there is none."""
        known = (one for one in self._listed(collection) if str(one.get("name")).casefold() == title.casefold())
        return next((str(dig(one, collection.id)) for one in known), "")

    def _got(self, path: str, operation: str, **query: Any) -> dict[str, Any]:
        """What a GET answers."""
        return self._typed(self._http.request("GET", path, query=[*query.items()], operation=operation), dict[str, Any])

    # -- collections ---------------------------------------------------------------------------------------------

    def _walk(self, collection: Collection, dressed: Callable[[list[bytes]], list[bytes]] = list) -> Walk:
        return Walk(self._located(collection), self._fetch, self._http.misread, self._now, dressed)

    def _located(self, collection: Collection) -> Collection:
        """The collection of this account, where something in it differs by account."""
        return collection

    def _fetch(self, collection: Collection, ask: Ask) -> bytes:
        """One page of a collection."""
        name = collection.name
        if ask.url:
            self._http.guard(ask.url)
            path = ask.url.removeprefix(self._http.base_url)
            if path == ask.url:
                raise self._http.misread(name, "the next page lies at another address than the account")
            response = self._http.request("GET", path, operation=name)
        elif collection.body is not None:
            body = msgspec.json.encode(ask.body)
            path = collection.path
            response = self._http.request("POST", path, query=ask.query, json=body, idempotent=True, operation=name)
        else:
            response = self._http.request("GET", collection.path, query=ask.query, operation=name)
        return self._good(response, name).body
