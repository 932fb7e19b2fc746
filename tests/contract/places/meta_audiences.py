"""Meta audiences, rehearsed for the contract suite: nobody is listed there; who is on an audience is a hash."""

from __future__ import annotations

from connectors.meta_audiences import hashed
from sandbox.meta_audiences import ACCOUNT, MetaAudiencesSandbox
from tests.contract.rehearsal import Rehearsal

NAME = "Regulars: Newsletter"
SILENT = "audiences call nobody"


class Place(Rehearsal):
    name = "meta_audiences"
    lacks = {
        "checked_live": "never yet",
        "as_described": "the descriptions at hand leave ad accounts out; the vendor's SDK fills the emulator",
    }
    credential = {"token": "sandbox-meta-ads"}
    wrong = {"token": "sandbox-meta-nobody"}
    setup = {"audience": ACCOUNT}
    aside = {
        "leaving_is_read": "nobody leaves an audience by themselves",
        "one_bad_record": "nothing of a record can be changed there",
        "reads_past_the_index": "nobody edits an audience's members",
        "hooks_are_proven": SILENT,
        "hooks_name_whom": SILENT,
        "tells_engagement": "audiences tell nothing of who saw an ad",
    }
    box: MetaAudiencesSandbox

    def emulator(self) -> MetaAudiencesSandbox:
        return MetaAudiencesSandbox(clock=self.clock)

    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        """Somebody is on an audience of ours, and on one of somebody else's."""
        for name in (NAME, "Somebody else's"):
            self.box.human_make(name, [hashed(email)])
        return email

    def load(self, count: int) -> list[str]:
        return [self.add(f"p{number}@example.org") for number in range(count)]

    def edit(self, remote_id: str, given: str) -> None:
        raise NotImplementedError("nobody is edited there")

    def leave(self, remote_id: str) -> None:
        raise NotImplementedError("nobody leaves there")

    def delete(self, remote_id: str) -> None:
        raise NotImplementedError("nobody is deleted there")

    def addresses(self) -> list[str]:
        return []

    def has_left(self, remote_id: str) -> bool:
        nodes = [node.values for node in self.box.state.nodes.values() if node.kind == "CustomAudience"]
        return not any(hashed(remote_id) in one["hashes"] for one in nodes if one["name"] == NAME)
