"""Hootsuite, rehearsed for the contract suite: its posts, for it lists nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from connectors.base import Connector
from sandbox.hootsuite import HootsuiteSandbox
from tests.contract.rehearsal import Unpeopled

APP = {"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"}


class Place(Unpeopled):
    name = "hootsuite"
    lacks = {
        "as_described": "its description is published and not among those that are stored for tests",
        "checked_live": "never yet",
    }
    credential = {"access_token": "sandbox-hootsuite-demo", "refresh_token": "sandbox-refresh-0", **APP}
    wrong = {"access_token": "sandbox-hootsuite-nobody", "refresh_token": "sandbox-refresh-0", **APP}
    listing, page = "/v1/analytics/posts", 100
    told: ClassVar[str] = "posts"
    box: HootsuiteSandbox

    def emulator(self) -> HootsuiteSandbox:
        return HootsuiteSandbox(clock=self.clock)

    def load(self, count: int) -> list[str]:
        long_ago = self.clock() - timedelta(days=400)
        self.box.load(
            {
                "text": f"Loaf {n}",
                "network": "FACEBOOKPAGE",
                "at": long_ago + timedelta(hours=n),
                "figures": {"views": n},
            }
            for n in range(count)
        )
        return [one.post for one in self.box.state.messages.values()]

    def post(self) -> str:
        return self.box.human_send("Rye at seven")

    def react(self, post: str) -> str:
        self.box.human_engage(post, likes=3)
        return "likes"

    def hook(self, connector: Connector) -> str:
        """Set up by hand, in the app."""
        self.box.human_set_webhooks(self.public, "sandbox-shared-secret")
        return "sandbox-shared-secret"
