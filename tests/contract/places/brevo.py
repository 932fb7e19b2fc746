"""Brevo, rehearsed for the contract suite."""

from __future__ import annotations

from connectors.base import Change, Connector
from sandbox.brevo import OPENED, BrevoSandbox
from tests import described
from tests.contract.rehearsal import Rehearsal
from tests.described import Described


class Place(Rehearsal):
    name = "brevo"
    lacks = {"checked_live": "never yet"}
    credential = {"api_key": "sandbox-brevo-demo"}
    wrong = {"api_key": "sandbox-brevo-nobody"}
    listing, making, page = "/contacts?", "/contacts", 1000
    shelved = True
    box: BrevoSandbox

    def emulator(self) -> BrevoSandbox:
        return BrevoSandbox(clock=self.clock)

    def described(self) -> Described:
        return described.brevo(self.box.app)

    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        return str(self.box.human_create(email, {"FIRSTNAME": given, "LASTNAME": family}))

    def load(self, count: int) -> list[str]:
        self.box.load({"email": f"p{n}@example.org", "modified": OPENED} for n in range(count))
        return [str(number) for number in self.box.state.contacts]

    def edit(self, remote_id: str, given: str) -> None:
        self.box.human_update(remote_id, {"FIRSTNAME": given})

    def leave(self, remote_id: str) -> None:
        self.box.human_unsubscribe(remote_id)

    def delete(self, remote_id: str) -> None:
        self.box.human_delete(remote_id)

    def addresses(self) -> list[str]:
        return [contact.email for contact in self.box.state.contacts.values()]

    def has_left(self, remote_id: str) -> bool:
        return self.box.state.contacts[int(remote_id)].blacklisted

    def engage(self, remote_id: str) -> None:
        self.box.human_open(remote_id)

    def more_calls(self, connector: Connector, remote_id: str) -> None:
        connector.put_on_list("Regulars: VIP", "", [remote_id], [])
        connector.put_on_list("Regulars: VIP", "", [remote_id, "9999"], [])
        list(connector.stream_pages("lists", None))
        connector.put_on_list("Regulars: VIP", "", [], [remote_id])
        connector.update([Change(remote_id, address="ada@example.org", email="ada@example.com")])
        connector.update([Change(str(number), {"given_name": "Ada"}) for number in self.box.state.contacts])
