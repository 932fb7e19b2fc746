"""Mailchimp, rehearsed for the contract suite."""

from __future__ import annotations

from sandbox.mailchimp import LIST, MailchimpSandbox
from tests import described
from tests.contract.rehearsal import Rehearsal
from tests.described import Described

STAMP = "2024-05-05T10:00:00+00:00"


class Place(Rehearsal):
    name = "mailchimp"
    lacks = {"checked_live": "never yet"}
    credential = {"api_key": "sandbox-mailchimp-demo-us0"}
    wrong = {"api_key": "sandbox-mailchimp-nobody-us0"}
    listing, making, page = "/members?", "/3.0/lists/*", 1000
    setup = {"audience": LIST}
    shelved = True
    box: MailchimpSandbox

    def emulator(self) -> MailchimpSandbox:
        box = MailchimpSandbox(clock=self.clock)
        box.mailroom.habits.check = ""  # nobody listens at the address
        return box

    def described(self) -> Described:
        return described.mailchimp(self.box.app)

    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        self.box.human_subscribe(email, {"FNAME": given, "LNAME": family})
        return next(one.contact_id for one in self.box.list_of(None).members.values() if one.email == email)

    def load(self, count: int) -> list[str]:
        stamps = {"timestamp_signup": STAMP, "last_changed": STAMP}
        people = ({"email_address": f"p{n}@example.org", "status": "subscribed", **stamps} for n in range(count))
        self.box.load(people)
        return [one.contact_id for one in self.box.list_of(None).members.values()]

    def _email(self, remote_id: str) -> str:
        return next(one.email for one in self.box.list_of(None).members.values() if one.contact_id == remote_id)

    def edit(self, remote_id: str, given: str) -> None:
        self.box.human_update(self._email(remote_id), {"FNAME": given})

    def leave(self, remote_id: str) -> None:
        self.box.human_unsubscribe(self._email(remote_id))

    def delete(self, remote_id: str) -> None:
        self.box.human_delete_permanent(self._email(remote_id))

    def addresses(self) -> list[str]:
        return [one.email for one in self.box.list_of(None).members.values()]

    def has_left(self, remote_id: str) -> bool:
        found = next(one for one in self.box.list_of(None).members.values() if one.contact_id == remote_id)
        return bool(found.status == "unsubscribed")

    def streams(self) -> tuple[str, ...]:
        return ("activity",)

    def engage(self, remote_id: str) -> None:
        sent = self.box.human_send_campaign("Bread of the week")
        self.box.human_open(self._email(remote_id), campaign_id=sent["id"])
