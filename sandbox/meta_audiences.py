"""Meta audiences, rehearsed: the custom audiences of an ad account, on loopback.

Docs      the vendor's guide to custom audiences of customer files (Marketing API v26.0) and its SDK; errors, usage and
          tokens are those of `sandbox.meta_core`
Emulates  the ad accounts of a system user; audiences listed and made by forms; hashes added and taken off, up to
          10,000 in a call, with how many came and which made no sense
Keys      only credentials that start with ``sandbox-`` exist here; the page's token has no `ads_management`
Not emulated
          ads, what matches which account, how large an audience is, sessions of uploads, sharing, lookalikes, other
          schemas than EMAIL_SHA256, hashing done by Meta, terms that have to be accepted, audiences of other kinds,
          deleting audiences over the API
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import orjson

from sandbox.meta_core import COMMON, MetaCore, error, no_such
from sandbox.meta_state import Json, Node
from sandbox.meta_webhooks import MetaMailroom
from sandbox.platform import Answer, Call, Clock, Stop, Unknown
from sandbox.webhooks_postman import Postman

ACCOUNT: Final = "act_230000000000001"
ADS: Final = "ads_management"
MOST: Final = 10_000
HASH: Final = re.compile(r"[0-9a-f]{64}")
MADE: Final = ("name", "subtype", "customer_file_source", "description")


class MetaAudiencesSandbox(MetaCore):
    """The ad account of a small bakery."""

    name = "meta_audiences"

    def __init__(
        self, *, token: str = "sandbox-meta-ads", clock: Clock | None = None, quotas: bool = True, most: int = 48_000
    ) -> None:
        super().__init__(token=token, clock=clock, quotas=quotas, most=most)
        self.mailroom = MetaMailroom(self)  # to which nobody ever subscribes
        self.postman = Postman(self.mailroom)
        self.tokens = {token: frozenset((ADS,)), "sandbox-meta-demo": frozenset[str]()}
        for base in ("", "/v26.0"):
            self.route("GET", f"{base}/me", self.me, query=COMMON)
            self.route("GET", f"{base}/me/adaccounts", self.accounts, query=(*COMMON, "limit", "after", "summary"))
            self.route(
                "GET", f"{base}/<account>/customaudiences", self.audiences, query=(*COMMON, "limit", "after", "summary")
            )
            self.route("POST", f"{base}/<account>/customaudiences", self.make, query=COMMON, write=True)
            self.route("POST", f"{base}/<audience>/users", self.add, query=COMMON, write=True)
            self.route("DELETE", f"{base}/<audience>/users", self.drop, query=(*COMMON, "payload"), write=True)
        user = self.state.add("User", self.clock(), {"name": "Regulars at Rye & Crumb"}, "person")
        account = self.state.add("AdAccount", self.clock(), {"name": "Rye & Crumb ads"}, ACCOUNT)
        self.state.hang(user, "adaccounts", account)

    # -- the paths -----------------------------------------------------------------------------------

    def me(self, call: Call) -> Answer:
        return Answer(200, self.show(self.state.nodes["person"], self.wanted(call.one("fields"), "User"), call))

    def accounts(self, call: Call) -> Answer:
        return self._edge(self.state.nodes["person"], "adaccounts", "AdAccount", call)

    def audiences(self, call: Call) -> Answer:
        return self._edge(self._account(call), "customaudiences", "CustomAudience", call)

    def _edge(self, node: Node, edge: str, kind: str, call: Call) -> Answer:
        arguments = {name: values[-1] for name, values in call.query.items() if name not in COMMON}
        return Answer(200, self.edge(node, edge, arguments, self.wanted(call.one("fields"), kind), call))

    def _account(self, call: Call) -> Node:
        found = self.state.nodes.get(call.args["account"])
        if found is None or found.kind != "AdAccount":
            raise Stop(no_such(call.args["account"]))
        self._allowed(call)
        return found

    def _allowed(self, call: Call) -> None:
        if ADS not in self.tokens[call.token]:
            raise Stop(error(403, 200, f"(#200) Ad account owner has NOT granted {ADS} permission"))

    def make(self, call: Call) -> Answer:
        account, body = self._account(call), self._form(call, MADE)
        if body.get("subtype") != "CUSTOM" or body.get("customer_file_source") != "USER_PROVIDED_ONLY":
            raise Unknown("an audience of anything but a file that users provided")
        if not body.get("name"):
            raise Stop(self.malformed("The parameter name is required."))
        made = self.state.add("CustomAudience", call.now, {**body, "hashes": []})
        self.state.hang(account, "customaudiences", made)
        return Answer(200, {"id": made.id})

    def add(self, call: Call) -> Answer:
        node, good, bad = self._users(call)
        node.values["hashes"] = list(dict.fromkeys([*node.values["hashes"], *good]))
        return self._received(node, good, bad)

    def drop(self, call: Call) -> Answer:
        node, good, bad = self._users(call)
        gone = set(good)
        node.values["hashes"] = [one for one in node.values["hashes"] if one not in gone]
        return self._received(node, good, bad)

    def _users(self, call: Call) -> tuple[Node, list[str], list[str]]:
        """The audience, and the hashes of a call: those that are some, and those that are not."""
        self._allowed(call)
        node = self.state.nodes.get(call.args["audience"])
        if node is None or node.kind != "CustomAudience":
            raise Stop(no_such(call.args["audience"]))
        payload = self._json(call.one("payload") or self._form(call, ("payload",))["payload"])
        self.only(payload, ("schema", "data", "is_raw"), "payload")
        if payload["schema"] not in (["EMAIL_SHA256"], "EMAIL_SHA256") or payload.get("is_raw"):
            raise Unknown(f"the schema {payload['schema']}, or addresses that are not hashed")
        if len(payload["data"]) > MOST:
            raise Stop(self.malformed(f"Param payload.data must have at most {MOST} rows"))
        alone = isinstance(payload["schema"], str)  # then each row is a text, as the vendor's SDK sends it
        given = [str(row if alone else row[0]) for row in payload["data"]]
        return node, [one for one in given if HASH.fullmatch(one)], [one for one in given if not HASH.fullmatch(one)]

    def _form(self, call: Call, known: Collection[str]) -> dict[str, str]:
        """The fields of a posted form."""
        form = {name: values[-1] for name, values in parse_qs(call.raw.decode()).items()}
        self.only(form, (*known, *COMMON), call.template)
        return form

    def _json(self, text: str) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            raise Stop(self.malformed("Param payload must be a valid JSON object")) from None

    def _received(self, node: Node, good: Collection[str], bad: Collection[str]) -> Answer:
        told: Json = {"audience_id": node.id, "session_id": "1", "num_received": len(good) + len(bad)}
        return Answer(200, {**told, "num_invalid_entries": len(bad), "invalid_entry_samples": {}})

    # -- what people do, and what stands there -------------------------------------------------------

    def load(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Nobody was there before: an audience begins empty."""
        if count := sum(1 for _ in records):
            raise Unknown(f"{count} people in audiences that nobody made")
        return 0

    def named(self) -> dict[str, list[str]]:
        """Each audience by its name, with the hashes that are on it."""
        nodes = (node for node in self.state.nodes.values() if node.kind == "CustomAudience")
        return {str(node.values["name"]): list(node.values["hashes"]) for node in nodes}

    def human_make(self, name: str, hashes: Iterable[str] = ()) -> str:
        """Somebody makes an audience in the product."""
        made = self.state.add("CustomAudience", self.clock(), {"name": name, "hashes": list(hashes)})
        self.state.hang(self.state.nodes[ACCOUNT], "customaudiences", made)
        return made.id

    def human_delete(self, identity: str) -> None:
        del self.state.nodes[identity]

    def dump(self) -> Iterator[Json]:
        for name, hashes in self.named().items():
            yield {"kind": "audience", "name": name, "hashes": hashes}
