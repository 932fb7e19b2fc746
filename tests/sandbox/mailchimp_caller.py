"""Calls the emulated Mailchimp in process, for the tests of single behaviours."""

from __future__ import annotations

from typing import Any, Final, Protocol, cast

from werkzeug.test import Client

from sandbox.mailchimp import LIST, MailchimpSandbox, Switches
from sandbox.mailchimp_state import key_of
from sandbox.platform import SimClock
from tests import described

Json = dict[str, Any]
ADA = "ada@post.example"
# Members that the vendor added to answers after description 3.0.55: machine opens told apart.
NEWER: Final = (
    *("is_proxy_open", "proxy_excluded_opens_count", "total_proxy_excluded_opens"),
    *("proxy_excluded_opens", "proxy_excluded_unique_opens", "proxy_excluded_open_rate"),
)
MEMBERS = f"/lists/{LIST}/members"
HOME = {"addr1": "Am Markt 1", "city": "Jena", "state": "Thüringen", "zip": "07743", "country": "DE"}


class Reply(Protocol):
    """An answer, whose JSON a test may index as it expects it."""

    status_code: int
    content_type: str
    headers: Any
    data: bytes
    json: Any

    def get_json(self, *, force: bool) -> Any: ...


class Caller:
    """Calls a sandbox in process, with one member in it."""

    def __init__(self, switches: Switches | None = None, **more: Any) -> None:
        self.box = MailchimpSandbox(clock=SimClock(), switches=switches, **more)
        self.box.human_subscribe(ADA, {"FNAME": "Ada"})
        self.seen = described.mailchimp(self.box.app, newer=NEWER) if described.SPECS.is_dir() else None
        self.http = Client(self.seen or self.box.app)

    def __call__(self, method: str, path: str, json: object = None, **headers: str) -> Reply:
        given = {"Authorization": "Bearer sandbox-mailchimp-demo-us0", **headers}
        reply = cast(Reply, self.http.open(f"/3.0{path}", method=method, json=json, headers=given))
        self.check()
        return reply

    def check(self) -> None:
        """Each answer is as the vendor describes it; what was asked may be wrong on purpose."""
        wrong = [text for text in self.seen.violations if ": answer" in text] if self.seen else []
        assert [text for text in wrong if "answered 501" not in text and "without a body" not in text] == []

    def read(self, email: str = ADA) -> Json:
        member: Json = self("GET", f"{MEMBERS}/{key_of(email)}").json
        return member

    def title(self, answer: Reply) -> tuple[int, str]:
        assert answer.content_type.startswith("application/problem+json")
        document: Json = answer.get_json(force=True)
        assert document["instance"]
        assert answer.headers["X-Request-Id"]
        return answer.status_code, document["title"]

    def batch(self, *members: Json, **more: Any) -> Json:
        body = {"members": list(members), "update_existing": True, **more}
        answer: Json = self("POST", f"/lists/{LIST}", body).json
        return answer
