"""Meta, rehearsed for the contract suite: people are whoever answered a form, and whoever commented."""

from __future__ import annotations

from connectors.base import Connector
from sandbox.meta import SECRET, MetaSandbox
from tests import described_graph
from tests.contract.rehearsal import Rehearsal
from tests.described_graph import DescribedGraph

STREAMS = (
    "posts",
    "comments",
    "visitor_posts",
    "messages",
    "reviews",
    "forms",
    "media",
    "instagram_comments",
    "instagram_messages",
)


class Place(Rehearsal):
    name = "meta"
    lacks = {"checked_live": "never yet"}
    credential = {"page_token": "sandbox-meta-demo", "app_secret": SECRET}
    wrong = {"page_token": "sandbox-meta-nobody", "app_secret": SECRET}
    listing, page = "/leads?", 100
    edits = False
    aside = {"leaving_is_read": "Meta sends no mail to people, and knows of nobody who left"}
    box: MetaSandbox

    def emulator(self) -> MetaSandbox:
        return MetaSandbox(clock=self.clock)

    def described(self) -> DescribedGraph:
        return described_graph.meta(self.box.app)

    def add(self, email: str, given: str = "Ada", family: str = "Berg") -> str:
        answers = {"email": email, "first_name": given, "last_name": family}
        return f"lead:{self.box.human_answer_form(answers)}"

    def load(self, count: int) -> list[str]:
        self.box.load({"answers": {"email": f"p{n}@example.org"}} for n in range(count))
        return [f"lead:{node.id}" for node in self.box.state.nodes.values() if node.kind == "Lead"]

    def edit(self, remote_id: str, given: str) -> None:
        raise NotImplementedError("nobody edits an answer to a form")

    def leave(self, remote_id: str) -> None:
        raise NotImplementedError("nobody can leave there")

    def delete(self, remote_id: str) -> None:
        self.box.human_delete_lead(remote_id.removeprefix("lead:"))

    def addresses(self) -> list[str]:
        return [answers["email"] for answers in self.box.leads()]

    def has_left(self, remote_id: str) -> bool:
        return False

    def hook(self, connector: Connector) -> str:
        """An app's hooks are set up in the product."""
        self.box.human_subscribe_app(self.public)
        return SECRET

    def streams(self) -> tuple[str, ...]:
        return ("comments", "instagram_comments", "messages")

    def engage(self, remote_id: str) -> None:
        """Strangers comment and write; who answered the form is not known to be one of them."""
        who, there = self.box.human_arrive("Bo Lund"), self.box.human_arrive("cy.bakes", on="instagram")
        self.box.human_comment(self.box.human_post("Rye is back"), who, "At last!")
        self.box.human_comment_media(self.box.human_publish("Buns"), there, "Lovely")
        self.box.human_message(who, "Are you open?")

    def more_calls(self, connector: Connector, remote_id: str) -> None:
        self.engage(remote_id)
        who = self.box.human_arrive("Di Moor")
        self.box.human_post("Thank you for the bread", who=who)
        self.box.human_recommend(who, "The best rye")
        post = self.box.human_post("A hundred questions")
        for number in range(101):
            self.box.human_comment(post, who, f"Question {number}")
        media = self.box.human_publish("Fifty questions")
        there = self.box.human_arrive("eli.eats", on="instagram")
        for number in range(51):
            self.box.human_comment_media(media, there, f"Question {number}")
        self.box.human_message(there, "Hello")
        every = type(connector)(
            self.credential,
            connector.settings.__class__(base_url=connector.settings.base_url, streams=STREAMS),
            transport=connector._http._transport,  # type: ignore[attr-defined]
            clock=lambda: self.clock().timestamp(),
            sleep=self.clock.sleep,
        )
        for _ in range(2):
            people = {raw.remote_id for page in every.pages(None) for raw in page.records}
        for name in STREAMS:
            pages = list(every.stream_pages(name, None))
            assert list(every.stream_pages(name, pages[-1].cursor))
        every.read(sorted(people))
