"""What may be repeated, who must act, and what must never be seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

import pytest

from connectors import Settings, platform
from connectors.auth import Basic, Bearer, OAuth
from connectors.base import Change, Result
from connectors.errors import (
    BadCredentials,
    ConnectionFailure,
    Failure,
    Later,
    MaybeSent,
    Misread,
    Spent,
    TooNarrow,
    Unreachable,
)
from connectors.http import Http, Lost, NotSent, Response, SocketTransport, WsgiTransport, guard_destination
from connectors.hubspot import hubspot_judge
from connectors.mailchimp import mailchimp_judge
from connectors.pace import Pace, Window, going_first
from sandbox.hubspot import HubSpotSandbox
from sandbox.server import serving

SECRET = "sandbox-very-secret-words"
JSON = {"content-type": "application/json"}
Answer = Response | Exception


class Scripted:
    """Answers one after the other; the last one stays."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, Mapping[str, str], bytes | None]] = []

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        self.sent.append((method, url, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        pass


def said(status: int, body: object = None, **headers: str) -> Response:
    return Response(
        status, {**JSON, **{k.replace("_", "-"): v for k, v in headers.items()}}, json.dumps(body or {}).encode()
    )


PAGE = Response(200, {"content-type": "text/html"}, b"<html>busy</html>")
GOOD = said(200, {"ok": 1})


def http(*answers: Answer, **more: object) -> tuple[Http, Scripted, list[float]]:
    waits: list[float] = []
    transport = Scripted(*answers)
    made = Http(
        platform="Toy",
        base_url="http://127.0.0.1:1",
        auth=more.pop("auth", Bearer(SECRET)),  # type: ignore[arg-type]
        transport=transport,
        clock=lambda: 1_000_000.0,
        sleep=waits.append,
        **more,  # type: ignore[arg-type]
    )
    return made, transport, waits


@pytest.mark.parametrize("fault", [Lost("x"), NotSent("x"), said(500), said(502), said(503), said(429), PAGE])
def test_a_read_is_repeated_after_any_passing_fault(fault: Answer) -> None:
    """A read meets one fault and still gives the answer."""
    made, transport, _ = http(fault, GOOD)

    assert (made.request("GET", "/x").status, len(transport.sent)) == (200, 2)


@pytest.mark.parametrize("fault", [NotSent("x"), said(429)])
def test_a_write_that_did_not_arrive_is_repeated(fault: Answer) -> None:
    """Refused at the door is not taken: the write leaves again."""
    made, transport, _ = http(fault, GOOD)

    assert (made.request("POST", "/x", json=b"{}").status, len(transport.sent)) == (200, 2)


@pytest.mark.parametrize("fault", [Lost("x"), said(500), said(502), said(503, retry_after="1"), said(504), PAGE])
def test_a_write_that_may_have_arrived_is_not_repeated(fault: Answer) -> None:
    """Where a write may have taken effect, it is said, and nothing is sent again."""
    made, transport, _ = http(fault, GOOD)

    with pytest.raises(MaybeSent):
        made.request("POST", "/x", json=b"{}")
    assert len(transport.sent) == 1


def test_a_write_declared_idempotent_is_repeated() -> None:
    """What changes nothing the second time may be sent a second time."""
    made, transport, _ = http(Lost("x"), GOOD)

    made.request("POST", "/x", json=b"{}", idempotent=True)

    assert len(transport.sent) == 2


def test_retry_after_is_the_least_wait() -> None:
    """The platform's own wish is honoured, with jitter on top."""
    made, _, waits = http(said(429, retry_after="7"), GOOD)

    made.request("GET", "/x")

    assert 7 <= waits[0] < 30


def test_retry_after_may_be_a_date() -> None:
    """An HTTP date counts from the injected clock."""
    made, _, waits = http(said(429, retry_after="Mon, 12 Jan 1970 13:46:49 GMT"), GOOD)

    made.request("GET", "/x")

    assert 9 <= waits[0] < 30


def test_a_limit_shared_with_other_programs_is_outlasted() -> None:
    """Where the platform names no wait, all attempts together last longer than its longest window."""
    made, transport, waits = http(said(429), pace=Pace(Window(100, 10.0), Window(5, 1.0, "search")))

    with pytest.raises(Later):
        made.request("GET", "/x")
    assert sum(waits) > 10.0
    assert len(transport.sent) == 5


def test_a_long_wait_is_left_to_the_next_run() -> None:
    """Nobody waits an hour inside a run."""
    made, _, waits = http(said(429, retry_after="3600"))

    with pytest.raises(Later) as caught:
        made.request("GET", "/x")
    assert (caught.value.after, waits) == (3600.0, [])


def test_the_daily_quota_is_not_waited_for() -> None:
    """HubSpot's DAILY policy ends the call at once, in a sentence for people."""
    spent = said(429, {"policyName": "DAILY", "message": "limit"})
    made, transport, waits = http(spent, judge=hubspot_judge)

    with pytest.raises(Later, match="quota of today") as caught:
        made.request("POST", "/x", json=b"{}")
    assert (len(transport.sent), waits, caught.value.after) == (1, [], 3600.0)


def test_what_is_kept_of_the_day_is_for_who_leaves() -> None:
    """Before the day is spent ordinary calls end by themselves, unsent and with a sentence; an opt-out still leaves."""
    pace = Pace(share=0.05)
    pace.quota(12_000, 250_000)
    made, transport, _ = http(GOOD, pace=pace)

    with pytest.raises(Spent, match="12,000 of 250,000 calls of today are left, and kept for people who leave"):
        made.request("GET", "/x")
    unsent = len(transport.sent)
    with going_first():
        made.request("POST", "/x", json=b"{}")

    assert (unsent, len(transport.sent)) == (0, 1)


def test_a_bare_403_of_mailchimp_is_a_throttle() -> None:
    """A refusal without JSON comes from the gate in front, and passes."""
    made, transport, _ = http(Response(403, {}, b""), GOOD, judge=mailchimp_judge)

    assert (made.request("GET", "/x").status, len(transport.sent)) == (200, 2)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (said(401), BadCredentials),
        (said(403, {"category": "MISSING_SCOPES"}), TooNarrow),
        (said(302, location="http://elsewhere.example"), Misread),
        (PAGE, Misread),
        (said(500), Later),
        (NotSent("refused"), Unreachable),
        (NotSent("its certificate does not hold", final=True), Unreachable),
    ],
)
def test_what_stays_says_who_must_act(answer: Answer, failure: type[Failure]) -> None:
    """Each lasting fault ends as the failure of its kind, naming the platform."""
    made, _, _ = http(answer)

    with pytest.raises(failure, match="Toy"):
        made.request("GET", "/x")


def test_a_404_that_is_no_json_proves_nothing() -> None:
    """A page from a proxy must not be read as "there is no such record"."""
    made, _, _ = http(Response(404, {"content-type": "text/html"}, b"<html>"))

    with pytest.raises(Misread):
        made.request("GET", "/x")


@pytest.mark.parametrize("body", [b"", b'{"a": 1', b"[1,]", b"\xff\xfe"])
def test_broken_json_is_told_from_an_answer(body: bytes) -> None:
    """A cut or garbled body is no answer, whatever its content type says."""
    made, transport, _ = http(Response(200, JSON, body), GOOD)

    assert (made.request("GET", "/x").status, len(transport.sent)) == (200, 2)


def test_no_secret_and_no_address_of_a_person_is_shown() -> None:
    """Errors, repr and explanations hide the credential and people's addresses."""
    echo = said(400, {"message": f"token {SECRET} of ada@example.org is odd"})
    made, _, _ = http(said(401, {"message": f"bad {SECRET}"}))

    with pytest.raises(BadCredentials) as caught:
        made.request("GET", "/x")
    shown = f"{caught.value} {caught.value!r} {made!r} {made.explain(echo)} {Bearer(SECRET)!r} {Basic(SECRET)!r}"
    oauth = OAuth({"access_token": SECRET, "refresh_token": "r"}, "/token")
    assert SECRET not in shown + repr(oauth)
    assert "ada@example.org" not in shown


def test_oauth_is_renewed_once_and_stored_before_use() -> None:
    """A 401 leads to one renewal; the new credential is stored before the first call with it."""
    stored: list[Mapping[str, str]] = []
    oauth = OAuth(
        {"access_token": "sandbox-old", "refresh_token": "sandbox-r", "client_id": "c", "client_secret": "s"},
        "/oauth/v1/token",
        stored.append,
    )
    made, transport, _ = http(said(401), said(200, {"access_token": "sandbox-new"}), GOOD, auth=oauth)

    made.request("POST", "/x", json=b"{}")

    assert stored == [
        {"access_token": "sandbox-new", "refresh_token": "sandbox-r", "client_id": "c", "client_secret": "s"}
    ]
    assert "Authorization" not in transport.sent[1][2]
    assert transport.sent[2][2]["Authorization"] == "Bearer sandbox-new"


def test_a_renewal_that_is_refused_asks_a_person() -> None:
    """A dead refresh token is a credential to be given anew."""
    oauth = OAuth({"access_token": "sandbox-old", "refresh_token": "sandbox-r"}, "/token")
    made, _, _ = http(said(401), said(400, {"message": "BAD_REFRESH_TOKEN"}), auth=oauth)

    with pytest.raises(BadCredentials, match="Connect again"):
        made.request("GET", "/x")


@pytest.mark.parametrize(
    ("address", "secret", "allowed"),
    [
        ("https://api.hubapi.com", "pat-na1-x", True),
        ("http://api.hubapi.com", "pat-na1-x", False),
        ("http://127.0.0.1:4010", "pat-na1-x", False),
        ("http://localhost:4010", "pat-na1-x", False),
        ("https://192.168.1.4", "pat-na1-x", False),
        ("https://169.254.169.254", "pat-na1-x", False),
        ("https://[::1]", "pat-na1-x", False),
        ("https://user:pw@api.hubapi.com", "pat-na1-x", False),
        ("ftp://api.hubapi.com", "pat-na1-x", False),
        ("http://127.0.0.1:4010", "sandbox-x", True),
        ("http://[::1]:4010", "sandbox-x", True),
        ("https://api.hubapi.com", "sandbox-x", False),
    ],
)
def test_demo_and_real_never_mix(address: str, secret: str, allowed: bool) -> None:
    """Demo credentials reach loopback only, real ones the open and encrypted net only."""
    if allowed:
        guard_destination(address, secret)
    else:
        with pytest.raises(ConnectionFailure):
            guard_destination(address, secret)


def test_a_name_that_leads_to_a_private_address_gets_nothing() -> None:
    """The far end is looked at after connecting and before a byte is sent."""
    transport = SocketTransport()

    with pytest.raises(NotSent):
        transport.send("GET", "http://localhost:1", {}, None, 1.0)


def test_a_connector_works_over_a_socket() -> None:
    """The pooled transport carries a whole pull and a write; a closed door is told apart from a broken answer."""
    sandbox = HubSpotSandbox(quotas=False)
    sandbox.load([{"properties": {"email": f"p{n}@example.org"}} for n in range(120)])
    with serving(sandbox) as address:
        opened = platform("hubspot").connector({"token": "sandbox-hubspot-demo"}, Settings(base_url=address))
        ids = [raw.remote_id for page in opened.pages(None) for raw in page.records]
        outcomes = opened.update([Change(one, {"company": "Bakery"}) for one in ids])
        opened.close()
    waits: list[float] = []
    closed = platform("hubspot").connector(
        {"token": "sandbox-hubspot-demo"}, Settings(base_url=address), sleep=waits.append
    )

    assert (len(ids), {outcome.result for outcome in outcomes}) == (120, {Result.APPLIED})
    with pytest.raises(Unreachable, match="HubSpot: cannot be reached"):
        closed.check()
    assert len(waits) == 4


def test_an_exception_in_the_app_is_a_dropped_connection() -> None:
    """The in-process transport loses answers as a socket does."""

    def app(environ: Mapping[str, object], start: Callable[..., object]) -> Iterator[bytes]:
        raise ConnectionResetError

    with pytest.raises(Lost):
        WsgiTransport(app).send("GET", "http://127.0.0.1/x", {}, None, 1.0)
