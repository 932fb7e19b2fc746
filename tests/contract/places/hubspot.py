"""HubSpot, rehearsed for the contract suite."""

from __future__ import annotations

from typing import ClassVar

from connectors.base import Connector
from sandbox.hubspot import HubSpotSandbox
from tests import described
from tests.contract.rehearsal import Rehearsal
from tests.described import Described


class Place(Rehearsal):
    name = "hubspot"
    lacks = {"checked_live": "never yet"}
    credential = {"token": "sandbox-hubspot-demo"}
    wrong = {"token": "sandbox-hubspot-nobody"}
    listing, making, page = "/crm/v3/objects/contacts?", "*/contacts/batch/*", 100
    box: HubSpotSandbox
    secret: ClassVar[str] = "sandbox-secret"
    exempt = "sorts"  # described as texts; the service wants objects (hubspot-api-python #236)

    def emulator(self) -> HubSpotSandbox:
        return HubSpotSandbox(clock=self.clock)

    def described(self) -> Described:
        return described.hubspot(self.box.app)

    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        return self.box.human_create({"email": email, "firstname": given, "lastname": family})

    def load(self, count: int) -> list[str]:
        return [str(one) for one in self.box.load({"properties": {"email": f"p{n}@example.org"}} for n in range(count))]

    def edit(self, remote_id: str, given: str) -> None:
        self.box.human_update(remote_id, {"firstname": given})

    def leave(self, remote_id: str) -> None:
        self.box.human_opt_out(self.box.state.contacts[int(remote_id)].props["email"])

    def delete(self, remote_id: str) -> None:
        self.box.human_delete(remote_id)

    def addresses(self) -> list[str]:
        return [one.props["email"] for one in self.box.state.contacts.values() if one.archived is None]

    def has_left(self, remote_id: str) -> bool:
        return self.box.state.contacts[int(remote_id)].props.get("hs_email_optout") == "true"

    def hook(self, connector: Connector) -> str:
        """An app's hooks are set up in the product."""
        self.box.human_set_webhooks(self.public, ["contact.creation", "contact.deletion"], {"contact": ["firstname"]})
        return self.secret

    def streams(self) -> tuple[str, ...]:
        return ("calls",)

    def engage(self, remote_id: str) -> None:
        """HubSpot's own mails are not read; calls are."""
        call = self.box.human_create_object("calls", {"hs_timestamp": "1767258000000", "hs_call_direction": "INBOUND"})
        self.box.human_associate("calls", call, "contacts", remote_id)
