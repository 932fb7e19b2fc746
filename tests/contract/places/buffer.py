"""Buffer, rehearsed for the contract suite: its posts, for it names nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from sandbox.buffer import BufferSandbox
from tests.contract.rehearsal import Unpeopled


class Place(Unpeopled):
    name = "buffer"
    lacks = {
        "as_described": "its schema is published by introspection only",
        "checked_live": "never yet",
    }
    credential = {"api_key": "sandbox-buffer-demo"}
    wrong = {"api_key": "sandbox-buffer-nobody"}
    listing, page = "query Posts", 50
    told: ClassVar[str] = "posts"
    box: BufferSandbox

    def emulator(self) -> BufferSandbox:
        return BufferSandbox(clock=self.clock)

    def load(self, count: int) -> list[str]:
        long_ago = self.clock() - timedelta(days=400)
        self.box.load(
            {"text": f"Loaf {n}", "service": "facebook", "at": long_ago + timedelta(hours=n), "figures": {"reach": n}}
            for n in range(count)
        )
        return list(self.box.state.posts)

    def post(self) -> str:
        return self.box.human_publish("Rye at seven")

    def react(self, post: str) -> str:
        self.box.human_engage(post, reactions=3)
        return "reactions"
