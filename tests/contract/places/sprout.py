"""Sprout Social, rehearsed for the contract suite: people are whoever wrote."""

from __future__ import annotations

from datetime import timedelta

from sandbox.sprout import SproutSandbox
from tests.contract.rehearsal import Rehearsal


class Place(Rehearsal):
    name = "sprout"
    lacks = {"as_described": "the vendor publishes no description", "checked_live": "never yet"}
    credential = {"api_token": "sandbox-sprout-demo"}
    wrong = {"api_token": "sandbox-sprout-nobody"}
    listing, page, shows = "/messages", 100, "name"
    aside = {"leaving_is_read": "Sprout Social mails nobody, and knows of nobody who left"}
    box: SproutSandbox

    def emulator(self) -> SproutSandbox:
        return SproutSandbox(clock=self.clock)

    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        return self.box.human_write(given, email.partition("@")[0])

    def load(self, count: int) -> list[str]:
        long_ago = self.clock() - timedelta(days=400)
        self.box.load({"name": f"Name {n}", "at": long_ago + timedelta(hours=n)} for n in range(count))
        return [one.author for one in self.box.state.messages.values()]

    def edit(self, remote_id: str, given: str) -> None:
        """Somebody goes by another name on the network, which shows with what they write next."""
        self.box.human_write(given, guid=remote_id)

    def leave(self, remote_id: str) -> None:
        raise NotImplementedError("nobody can leave there")

    def delete(self, remote_id: str) -> None:
        self.box.human_delete(remote_id)

    def addresses(self) -> list[str]:
        return []

    def has_left(self, remote_id: str) -> bool:
        return False

    def streams(self) -> tuple[str, ...]:
        return ("messages",)

    def engage(self, remote_id: str) -> None:
        self.box.human_write("Ada", kind="FACEBOOK_MESSENGER", guid=remote_id)
