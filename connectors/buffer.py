"""Buffer: the posts that one organization published, and what was done with them.

Docs     developers.buffer.com: guides, types and reference of the GraphQL API (read 2026-11)
Pace     for each client 100 calls in 15 minutes, and by plan 100 to 500 in 24 hours and 3,000 to 15,000 in 30 days; the
         smallest are kept to until `RateLimit-Policy` states others, by the length of their windows. A 429 says in
         seconds when: in its body by the older page, in Retry-After by the newer one
Quirks   One address for everything, POST; nothing here is a mutation, so that whatever is asked may be asked again.
         Errors come within a 200, as `errors` with a code: who must act follows from that code.
         A key opens all organizations of its account; posts are asked for by organization.
         Figures are fetched from the networks once a day, and go on changing: the posts of the last thirty days are
         read again each time, all of them with each full reading. One that a network never told is missing, not zero.
         What was published past Buffer may have no due date; such a post shows in full readings only.
         Nobody is named: whoever liked or commented is a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from connectors import kit

QUARTER, DAY, MONTH = 900.0, 86_400.0, 30 * 86_400.0
SETTLES = 30 * kit.DAY
"""For how long the figures of a post are looked at again."""
ACCOUNT = "query Account { account { id name email organizations { id name } } }"
POSTS = """query Posts($input: PostsInput!, $first: Int, $after: String) {
  posts(input: $input, first: $first, after: $after) {
    edges { node { id text dueAt sentAt channelService metrics { type value unit } } }
    pageInfo { hasNextPage endCursor }
  }
}"""
SENT = {"filter": {"status": ["sent"]}, "sort": [{"field": "dueAt", "direction": "asc"}]}
OAUTH = kit.OAuthApp(
    "https://auth.buffer.com/auth",
    "https://auth.buffer.com/token",
    scopes=("account:read", "posts:read", "insights:read", "offline_access"),
    pkce=True,
)


def figures(edge: Mapping[str, Any]) -> Mapping[str, Any]:
    """Counts; percentages are left out, for they follow from them."""
    return {one["type"]: one["value"] for one in edge["node"].get("metrics") or () if one["unit"] == "count"}


class Buffer(kit.Unpeopled):
    """Posts of one organization at Buffer."""

    name: ClassVar[str] = "buffer"
    title: ClassVar[str] = "Buffer"
    base_url: ClassVar[str] = "https://api.buffer.com"
    sign_ins = (kit.by_key("api_key", "API key", "from Settings › API"), kit.by_oauth(OAUTH))
    limits = kit.Limits(
        (kit.Window(100, QUARTER), kit.Window(100, DAY, waits=False), kit.Window(3_000, MONTH, waits=False)),
        at_once=2,
        keeps=0.0,
        policies="ratelimit-policy",
        reset="ratelimit-reset",
        wait="errors.0.extensions.retryAfter",
    )
    readings = (
        kit.When(200, kit.Verdict.BUSY, at="errors.0.extensions.code", among=("RATE_LIMIT_EXCEEDED",)),
        kit.When(200, kit.Verdict.STRANGER, at="errors.0.extensions.code", among=("UNAUTHORIZED", "UNAUTHENTICATED")),
        kit.When(200, kit.Verdict.NARROW, at="errors.0.extensions.code", among=("FORBIDDEN",)),
        kit.When(200, kit.Verdict.DOWN, at="errors.0.extensions.code", among=("UNEXPECTED", "INTERNAL_SERVER_ERROR")),
        kit.When(200, kit.Verdict.ODD, at="errors.0"),
    )
    me = kit.Me(
        "/",
        "data.account.id",
        "data.account.name",
        ("It may read posts and their figures; an API key may also publish, which Regulars never does.",),
        {"query": ACCOUNT},
        kit.Audiences("data.account.organizations"),
    )
    feeds = (
        kit.Feed(
            kit.Stream("posts", "Posts that were published, and what was done with them", "insights:read of an app"),
            kit.Collection(
                "/",
                "data.posts.edges",
                kit.GraphConnection("data.posts"),
                id="node.id",
                stamp="node.dueAt",
                since=kit.Since("variables.input.filter.dueAt.start", SETTLES),
                body={"query": POSTS, "variables": {"input": SENT}},
                operation="list posts",
            ),
            kit.Published("node.text", "node.sentAt|node.dueAt", figures, id="node.id", network="node.channelService"),
        ),
    )
    cannot: ClassVar[Mapping[str, str]] = {
        "people": "names nobody: whoever liked or commented is a number",
        "writing": "has no people that could be written, and nothing is published there",
        "hooks": "calls nobody: it is asked",
    }

    def _located(self, collection: kit.Collection) -> kit.Collection:
        """Posts are asked for by organization."""
        mine = {"variables": {"input": {"organizationId": self._audience}}}
        return replace(collection, body=kit.merged(collection.body or {}, mine))
