"""The Meta emulator's middle: credentials and permissions, usage, errors, and how nodes and edges are shown."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from sandbox.meta_fields import Wanted, parsed
from sandbox.meta_state import PAGE, Json, MetaState, Node, Switches, stamp
from sandbox.platform import Answer, Call, Clock, Emulator, Route, Stop, Unknown

SECRET: Final = "sandbox-meta-app-secret"
PERSON: Final = "sandbox-meta-person"  # a user's token, which is no page's
COMMENTS_ONLY: Final = "sandbox-meta-comments"  # a page's token with two permissions
EVERYTHING: Final = frozenset(
    (
        "pages_read_engagement",
        "pages_read_user_content",
        "pages_messaging",
        "leads_retrieval",
        "instagram_basic",
        "instagram_manage_comments",
        "instagram_manage_messages",
    )
)
KEPT: Final = timedelta(days=90)  # guide to lead ads: "for 90 days"
MESSAGES: Final = 20  # Conversations API: details of the 20 most recent messages
MOST: Final = 100
COMMON: Final = ("fields", "access_token", "appsecret_proof")

FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "Page": frozenset(("id", "name", "instagram_business_account")),
    "User": frozenset(("id", "name")),
    "LeadgenForm": frozenset(("id", "name", "status", "created_time", "leads_count", "questions", "locale")),
    "Lead": frozenset(("id", "created_time", "form_id", "field_data", "is_organic", "platform")),
    "PagePost": frozenset(("id", "message", "created_time", "from", "shares", "permalink_url")),
    "Comment": frozenset(("id", "created_time", "from", "message", "parent")),
    "UnifiedThread": frozenset(("id", "updated_time", "participants", "message_count")),
    "UnifiedMessage": frozenset(("id", "created_time", "from", "to", "message")),
    "Recommendation": frozenset(("created_time", "recommendation_type", "review_text", "reviewer", "has_review")),
    "IGUser": frozenset(("id", "username", "name")),
    "IGMedia": frozenset(
        ("id", "caption", "timestamp", "media_type", "like_count", "comments_count", "permalink", "username")
    ),
    "IGComment": frozenset(("id", "text", "timestamp", "from", "username", "like_count", "parent_id")),
    "Profile": frozenset(("id", "name", "first_name", "last_name")),
    "IGProfile": frozenset(("id", "name", "username")),
    "AdAccount": frozenset(("id", "name")),
    "CustomAudience": frozenset(("id", "name", "description", "subtype", "customer_file_source")),
}
EDGES: Final[Mapping[str, Mapping[str, str]]] = {
    "Page": {
        "leadgen_forms": "LeadgenForm",
        "published_posts": "PagePost",
        "feed": "PagePost",
        "visitor_posts": "PagePost",
        "conversations": "UnifiedThread",
        "ratings": "Recommendation",
    },
    "LeadgenForm": {"leads": "Lead"},
    "PagePost": {"comments": "Comment", "reactions": "Profile"},
    "UnifiedThread": {"messages": "UnifiedMessage"},
    "IGUser": {"media": "IGMedia"},
    "IGMedia": {"comments": "IGComment"},
    "IGComment": {"replies": "IGComment"},
    "User": {"adaccounts": "AdAccount"},
    "AdAccount": {"customaudiences": "CustomAudience"},
}
NEEDS: Final[Mapping[str, Sequence[str]]] = {
    "LeadgenForm leads": ("leads_retrieval",),
    "Page leadgen_forms": ("leads_retrieval",),
    "Page published_posts": ("pages_read_engagement",),
    "Page feed": ("pages_read_engagement", "pages_read_user_content"),
    "Page visitor_posts": ("pages_read_user_content",),
    "Page ratings": ("pages_read_user_content",),
    "Page conversations messenger": ("pages_messaging",),
    "Page conversations instagram": ("instagram_basic", "instagram_manage_messages"),
    "PagePost comments": ("pages_read_user_content",),
    "IGUser media": ("instagram_basic",),
    "IGMedia comments": ("instagram_manage_comments",),
}
USUAL: Final[Mapping[str, str]] = {  # what is shown where no fields are asked for
    "Page": "id,name",
    "Lead": "id,created_time,field_data",
    "LeadgenForm": "id,name,status,locale",
    "PagePost": "id,message,created_time",
    "Comment": "id,message,created_time,from",
    "IGMedia": "id",
    "IGComment": "id,text,timestamp",
    "Recommendation": "created_time,recommendation_type,review_text,reviewer",
}


def error(status: int, code: int, message: str, kind: str = "OAuthException", **more: Any) -> Answer:
    return Answer(status, {"error": {"message": message, "type": kind, "code": code, **more, "fbtrace_id": "sandbox"}})


def no_such(identity: str) -> Answer:
    """One answer for what is not there and for what may not be seen."""
    why = (
        f"Unsupported get request. Object with ID '{identity}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation"
    )
    return error(400, 100, why, "GraphMethodException", error_subcode=33)


class MetaCore(Emulator):
    """State, credentials and the graph; the paths are added by `MetaSandbox`."""

    name = "meta"
    state: MetaState

    def __init__(
        self,
        *,
        token: str = "sandbox-meta-demo",
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
        most: int = 48_000,
    ) -> None:
        super().__init__(MetaState(), clock=clock, quotas=quotas)
        self.switches = switches or Switches()
        narrow = frozenset(("pages_read_engagement", "pages_read_user_content"))
        self.tokens = {token: EVERYTHING, COMMENTS_ONLY: narrow, PERSON: frozenset[str]()}
        if any(not key.startswith("sandbox-") for key in self.tokens):
            raise ValueError("a credential of the sandbox starts with sandbox-")
        self.most = most
        self._starts: deque[datetime] = deque()

    # -- the door ------------------------------------------------------------------------------------

    def authenticate(self, call: Call, route: Route) -> Answer | None:
        """A Bearer or `access_token`; `appsecret_proof` is checked wherever it is given."""
        bearer = call.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        token = bearer or call.one("access_token")
        if token not in self.tokens:
            return error(401, 190, "Invalid OAuth access token - Cannot parse access token")
        call.token = token
        proof = call.one("appsecret_proof")
        right = hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
        if proof and proof != right:
            return error(400, 100, "Invalid appsecret_proof provided in the API argument", "GraphMethodException")
        if self.switches.demands_proof and not proof:
            why = "API calls from the server require an appsecret_proof argument"
            return error(400, 100, why, "GraphMethodException")
        return None

    def spend(self, call: Call, route: Route) -> Answer | None:
        """So many calls in any 24 hours (facts, Limits)."""
        while self._starts and self._starts[0] <= call.now - timedelta(days=1):
            self._starts.popleft()
        if len(self._starts) >= self.most:
            until = (self._starts[0] + timedelta(days=1) - call.now).total_seconds()
            return self._throttled(int(until // 60) + 1)
        self._starts.append(call.now)
        return None

    def headers(self, call: Call, route: Route) -> tuple[tuple[str, str], ...]:
        """Usage in per cent; a header that an answer has already is not given twice."""
        if not self.quotas:
            return ()
        used = 100 * len(self._starts) // self.most
        return (("X-App-Usage", _json({"call_count": used, "total_cputime": used // 2, "total_time": used // 3})),)

    def _throttled(self, minutes: int) -> Answer:
        usage = {"type": "pages", "call_count": 100, "total_cputime": 20, "total_time": 20}
        told = {PAGE: [{**usage, "estimated_time_to_regain_access": minutes}]}
        why = "There have been too many calls to this Page account. Wait a bit and try again."
        answer = error(400, 80001, f"(#80001) {why}", error_subcode=2446079)
        return answer._replace(headers=(("X-Business-Use-Case-Usage", _json(told)),))

    def too_many(self, retry_after: float | None = None) -> Answer:
        return self._throttled(0 if retry_after is None else -int(-retry_after // 60))

    def broken(self, status: int = 500) -> Answer:
        return error(status, 2, "An unexpected error has occurred. Please retry your request later.", is_transient=True)

    def malformed(self, message: str) -> Answer:
        return error(400, 100, f"(#100) {message}")

    # -- the graph -----------------------------------------------------------------------------------

    def node(self, identity: str, call: Call) -> Node:
        """A node that is there and may be seen; stops with the vendor's one answer for both."""
        if identity == "me":
            identity = "person" if call.token == PERSON else PAGE
        found = self.state.nodes.get(identity)
        if found is None or self._expired(found):
            raise Stop(no_such(identity))
        if found.kind in ("Profile", "IGProfile") and not found.values.get("wrote"):
            self._unknown_profile(found)
        return found

    def _unknown_profile(self, found: Node) -> None:
        """User Profile API: "User consent is required"; who only commented has not given it."""
        if found.kind == "Profile":
            raise Stop(no_such(found.id))
        raise Stop(error(403, 230, "(#230) User consent is required to access user profile"))

    def _expired(self, node: Node) -> bool:
        return node.kind == "Lead" and self.clock() - node.at >= KEPT

    def permit(self, call: Call, node: Node, edge: str, platform: str = "") -> None:
        needed = NEEDS.get(" ".join(filter(None, (node.kind, edge, platform))), ())
        missing = [one for one in needed if one not in self.tokens[call.token]]
        if missing:
            raise Stop(error(403, 200, f"(#200) Requires {missing[0]} permission to manage the object"))

    def wanted(self, text: str, kind: str) -> list[Wanted]:
        try:
            return parsed(text or USUAL.get(kind, "id"))
        except ValueError as reason:
            raise Stop(self.malformed(f"Syntax error in fields: {reason}")) from None

    def show(self, node: Node, wanted: Sequence[Wanted], call: Call) -> Json:
        """A node with what is asked for; what has no value is left out, the id is always there."""
        shown: Json = {}
        for one in wanted:
            if one.name in EDGES.get(node.kind, {}):
                self.permit(call, node, one.name)
                shown[one.name] = self.edge(node, one.name, one.arguments, one.inner, call)
                continue
            if one.name not in FIELDS[node.kind]:
                self._strange_field(node, one.name)
            value = self._value(node, one.name)
            if value is not None:
                shown[one.name] = _only(value, one.inner)
        return shown if node.kind == "Recommendation" else {**shown, "id": node.id}

    def _strange_field(self, node: Node, name: str) -> None:
        """Fields that other kinds have are refused in the vendor's words, all others are unknown to the sandbox."""
        if any(name in fields for fields in FIELDS.values()):
            why = f"(#100) Tried accessing nonexisting field ({name}) on node type ({node.kind})"
            raise Stop(error(400, 100, why))
        raise Unknown(f"field {name} of {node.kind}")

    def _value(self, node: Node, name: str) -> Any:
        match name:
            case "id":
                return node.id
            case "created_time" | "timestamp":
                return stamp(node.at)
            case "updated_time":
                return stamp(node.sorted_by)
            case "leads_count":
                return len(node.edges.get("leads", ()))
            case "comments_count":
                return sum(1 + len(self.state.nodes[one].edges.get("replies", ())) for one in self._members(node))
            case "instagram_business_account":
                return node.values.get(name) if self.switches.linked else None
            case "from" | "reviewer" if not self.switches.names and not node.values.get("ours"):
                return None
            case "participants" if not self.switches.shows_self:
                others = [one for one in node.values[name]["data"] if not one.get("ours")]
                return {"data": others}
        return node.values.get(name)

    def _members(self, node: Node) -> Sequence[str]:
        return node.edges.get("comments", ())

    def edge(
        self, node: Node, edge: str, arguments: Mapping[str, str], inner: Sequence[Wanted] | None, call: Call
    ) -> Json:
        """A page of an edge. *arguments* are those of the query, or of an expansion."""
        kind = EDGES[node.kind][edge]
        members = [self.state.nodes[one] for one in node.edges.get(edge, ()) if one in self.state.nodes]
        members = [one for one in members if not self._expired(one)]
        members = self._filtered(members, edge, arguments)
        size = self._size(edge, arguments)
        rest = self._beyond(members, arguments.get("after", ""))
        page = rest[: max(1, size - 1) if self.switches.short and size > 1 else size]
        fields = inner or self.wanted("", kind)
        shown: Json = {"data": [self.show(one, fields, call) for one in page]}
        if page:
            shown["paging"] = {"cursors": {"before": _cursor(page[0]), "after": _cursor(page[-1])}}
            if len(rest) > len(page) or len(page) == size or self.switches.trails:
                shown["paging"]["next"] = f"https://graph.facebook.com/v26.0/{node.id}/{edge}?after={_cursor(page[-1])}"
        if "summary" in arguments:
            self.only(dict.fromkeys(arguments["summary"].split(","), 1), ("total_count", "true"), "summary")
            shown["summary"] = {"total_count": node.reactions if edge == "reactions" else len(members)}
        return shown

    def _size(self, edge: str, arguments: Mapping[str, str]) -> int:
        size = int(arguments.get("limit") or 25)
        if size > MOST:
            raise Stop(error(400, 100, f"(#100) Param limit must be a number between 0 and {MOST}"))
        return min(size, MESSAGES) if edge == "messages" else size

    def _filtered(self, members: list[Node], edge: str, arguments: Mapping[str, str]) -> list[Node]:
        """What the edge's own parameters leave, in its order."""
        known = {"limit", "after", "summary", "since", "filter", "filtering", "platform", "order"}
        self.only(arguments, known, f"the edge {edge}")
        if since := arguments.get("since"):
            start = datetime.fromtimestamp(int(since), UTC)
            members = [one for one in members if one.at >= start]
        if text := arguments.get("filtering"):
            members = [one for one in members if one.at > _time_created(text)]
        if platform := arguments.get("platform"):
            members = [one for one in members if one.values["platform"] == platform]
        if edge == "comments" and arguments.get("filter") != "stream":  # the answers hang on comments then
            members = [one for one in members if "parent" not in one.values]
        if edge == "leads":
            late = timedelta(seconds=self.late_index)
            members = [one for one in members if one.at + late <= self.clock()]
        newest = sorted(members, key=lambda one: (one.sorted_by, one.id), reverse=True)
        return newest[:MESSAGES] if edge == "messages" else newest

    def _beyond(self, members: list[Node], cursor: str) -> list[Node]:
        """What follows a cursor, whether or not its own entry is there still."""
        if not cursor:
            return members
        try:
            moment, identity = base64.urlsafe_b64decode(cursor).decode().split("|")
            at = datetime.fromisoformat(moment)
        except (ValueError, binascii.Error):
            raise Stop(error(400, 100, "(#100) Invalid cursor")) from None
        return [one for one in members if (one.sorted_by, one.id) < (at, identity)]

    def dump(self) -> Iterator[Json]:
        for node in self.state.nodes.values():
            yield {"kind": node.kind, "id": node.id, "at": stamp(node.at), **node.values, "edges": node.edges}


def _cursor(node: Node) -> str:
    return base64.urlsafe_b64encode(f"{node.sorted_by.isoformat()}|{node.id}".encode()).decode()


def _time_created(text: str) -> datetime:
    (one,) = orjson.loads(text)
    if (one["field"], one["operator"]) != ("time_created", "GREATER_THAN"):
        raise Unknown(f"filtering by {text}")
    return datetime.fromtimestamp(int(one["value"]), UTC)


def _only(value: Any, inner: Sequence[Wanted] | None) -> Any:
    """A value as far as it is asked for, without what only the sandbox knows of it."""
    if isinstance(value, list):
        return [_only(one, inner) for one in value]
    if not isinstance(value, dict):
        return value
    names = [one.name for one in inner] if inner else [name for name in value if name != "ours"]
    return {name: _only(value[name], None) for name in names if name in value}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
