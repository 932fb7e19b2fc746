"""Pipedrive, rehearsed for the contract suite."""

from __future__ import annotations

from sandbox.pipedrive import OPENED, PipedriveSandbox
from tests import described
from tests.contract.rehearsal import Rehearsal
from tests.described import Described


class Place(Rehearsal):
    name = "pipedrive"
    lacks = {"checked_live": "never yet"}
    credential = {"api_token": "sandbox-pipedrive-demo"}
    wrong = {"api_token": "sandbox-pipedrive-nobody"}
    listing, making, page = "/api/v2/persons?", "*/persons", 500
    aside = {"tells_engagement": "Pipedrive tells nothing of mail that was opened or clicked"}
    shelved = True
    # The description has labels as flags in requests and as texts in answers, and persons with the title of a deal.
    exempt = r"(emails|phones)\[\d+\]\.label|POST /api/v2/persons: .*'title' is a required property"
    box: PipedriveSandbox

    def emulator(self) -> PipedriveSandbox:
        return PipedriveSandbox(clock=self.clock)

    def described(self) -> Described:
        return described.pipedrive(self.box.app)

    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        number = self.box.human_create(f"{given} {family}", email)
        self.box.state.persons[number].marketing = "subscribed"
        return str(number)

    def load(self, count: int) -> list[str]:
        people = ({"name": f"Name {n}", "emails": [f"p{n}@example.org"], "updated": OPENED} for n in range(count))
        self.box.load(people)
        return [str(number) for number in self.box.state.persons]

    def edit(self, remote_id: str, given: str) -> None:
        self.box.human_update(int(remote_id), {"first_name": given})

    def leave(self, remote_id: str) -> None:
        self.box.human_unsubscribe(int(remote_id))

    def delete(self, remote_id: str) -> None:
        self.box.human_delete(int(remote_id))

    def addresses(self) -> list[str]:
        return [person.email for person in self.box.living()]

    def has_left(self, remote_id: str) -> bool:
        return self.box.state.persons[int(remote_id)].marketing == "unsubscribed"
