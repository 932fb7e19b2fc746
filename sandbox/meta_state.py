"""What the Meta emulator remembers: nodes of kinds, and the edges between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sandbox.platform import State

Json = dict[str, Any]

PAGE: Final = "104000000000001"
INSTAGRAM: Final = "17841400000000001"
FIRST: Final = {
    "LeadgenForm": 610_000_000_000_001,
    "Lead": 620_000_000_000_001,
    "PagePost": 122_000_000_000_001,
    "Comment": 880_000_000_000_001,
    "Profile": 7_100_000_000_000_001,
    "IGMedia": 17_900_000_000_000_001,
    "IGComment": 17_950_000_000_000_001,
    "IGProfile": 1_210_000_000_000_001,
    "CustomAudience": 23_850_000_000_000_001,
}


@dataclass(frozen=True, slots=True)
class Switches:
    """What is unconfirmed, or differs by page and app. Both settings of each have to pass.

    *names*: comments, posts of visitors and recommendations show who made them; without the feature that Meta grants
    after a review they do not. *demands_proof*: the app refuses calls without `appsecret_proof`. *short*: a page of a
    listing may hold less than was asked for. *trails*: the last page names a next one, which is empty, even if it is
    not full. *linked*: an
    account on Instagram is linked. *shows_self*: participants of a conversation include the page itself.
    """

    names: bool = True
    demands_proof: bool = False
    short: bool = False
    trails: bool = False
    linked: bool = True
    shows_self: bool = True


@dataclass(slots=True)
class Node:
    """One thing of the graph. `at` is when it was made, by which edges are sorted; `moved` when a conversation last
    moved."""

    kind: str
    id: str
    at: datetime
    values: Json = field(default_factory=dict)
    edges: dict[str, list[str]] = field(default_factory=dict)
    moved: datetime | None = None
    reactions: int = 0

    @property
    def sorted_by(self) -> datetime:
        return self.moved or self.at


@dataclass
class MetaState(State):
    nodes: dict[str, Node] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)  # the last number given, by kind
    hooks: dict[str, Json] = field(default_factory=dict)  # by object: page, instagram

    def number(self, kind: str) -> str:
        self.last[kind] = self.last.get(kind, FIRST.get(kind, 1) - 1) + 1
        return str(self.last[kind])

    def add(self, kind: str, at: datetime, values: Mapping[str, Any], identity: str = "") -> Node:
        node = Node(kind, identity or self.number(kind), at, dict(values))
        self.nodes[node.id] = node
        return node

    def hang(self, node: Node, edge: str, member: Node) -> None:
        node.edges.setdefault(edge, []).append(member.id)


def stamp(at: datetime) -> str:
    """ISO 8601 in whole seconds, the zone without a colon."""
    return f"{at:%Y-%m-%dT%H:%M:%S}+0000"
