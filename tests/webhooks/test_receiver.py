"""The receiver: what is proven is filed once and answered; what is not leaves no trace but a count."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from connectors.hubspot_hooks import HOOKS as HUBSPOT
from connectors.mailchimp_hooks import HOOKS as MAILCHIMP
from sync import inbox
from sync.store.database import Database, open_database
from sync.store.errors import StoreError
from sync.store.schema_inbox import inbox as table
from tests.webhooks.deliver import HUBSPOT_SECRET, MAILCHIMP_SECRET, PUBLIC, contact_event, hubspot, mailchimp
from webhooks.counts import Counts
from webhooks.health import create_health
from webhooks.post import Post
from webhooks.receiver import Door, create_app

NOW = 1_790_000_000.0


@dataclass
class House:
    """A receiver with two doors over a store."""

    database: Database
    client: FlaskClient
    counts: Counts
    woken: list[int]
    secrets: list[str]

    def deliver(self, to: str, body: bytes, headers: dict[str, str]) -> int:
        return self.client.post(to, data=body, headers=headers).status_code

    def waiting(self, connection: str) -> list[bytes]:
        with self.database.read() as conn:
            return [one.body for one in inbox.waiting(conn, connection, 100)]

    def rows(self) -> int:
        with self.database.read() as conn:
            return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.fixture
def house(database: Database) -> Iterator[House]:
    yield from _open(database)


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all generated deliveries."""
    with open_database("sqlite://", tmp_path_factory.mktemp("house"), now=lambda: 0) as database:
        yield from _open(database)


def _open(database: Database) -> Iterator[House]:
    woken: list[int] = []
    secrets = [HUBSPOT_SECRET]
    post = Post(database, lambda: woken.append(1))
    doors = {
        "hubspot": Door("hubspot", HUBSPOT, lambda: secrets),
        "mailchimp": Door("mailchimp", MAILCHIMP, lambda: [MAILCHIMP_SECRET]),
    }
    counts = Counts()
    app = create_app(doors, post, counts, public=PUBLIC, now=lambda: NOW, pages=[create_health(database, counts)])
    yield House(database, app.test_client(), counts, woken, secrets)
    post.close()


def test_a_proven_delivery_is_filed_once(house: House) -> None:
    """It is on disk when it is answered; the same again is answered and not filed; the worker is woken once."""
    body, headers = hubspot([contact_event("creation", "5")], NOW)

    assert house.deliver("/webhooks/hubspot", body, headers) == 200
    assert house.deliver("/webhooks/hubspot", body, headers) == 200
    assert house.waiting("hubspot") == [body]
    assert house.woken == [1]
    assert dict(house.counts.items()) == {("hubspot", "filed"): 1, ("hubspot", "known"): 1}


def test_a_repeated_attempt_is_the_same_delivery(house: House) -> None:
    """HubSpot counts its attempts in the body; it is filed once all the same."""
    attempts = [hubspot([contact_event("creation", "5", attemptNumber=n)], NOW) for n in range(3)]

    assert [house.deliver("/webhooks/hubspot", *one) for one in attempts] == [200, 200, 200]
    assert house.rows() == 1


def test_what_is_not_proven_leaves_no_trace(house: House) -> None:
    """Forged, stale, early, unsigned, changed and signed for another door: 401, counted, nothing stored."""
    events = [contact_event("creation", "5")]
    body, good = hubspot(events, NOW)
    cases: list[tuple[bytes, dict[str, str]]] = [
        hubspot(events, NOW, secret="another"),
        hubspot(events, NOW - 301),
        hubspot(events, NOW + 301),
        hubspot(events, NOW, path="/webhooks/hubspot2"),
        (body, {"Content-Type": "application/json"}),
        (body[:-1], good),
    ]

    assert [house.deliver("/webhooks/hubspot", *case) for case in cases] == [401] * len(cases)
    assert house.rows() == 0
    assert sum(dict(house.counts.items()).values()) == len(cases)


def test_each_mistake_has_its_answer(house: House) -> None:
    """Unknown connection, wrong type, too large, broken, no delivery: the right 4xx, and nothing stored."""
    body, good = mailchimp("subscribe", NOW, email="ann@example.org")
    json_body, json_good = hubspot([], NOW)
    large = b"x" * (HUBSPOT.limit + 1)
    broken, signed = _signed_junk()

    assert house.deliver("/webhooks/nobody", body, good) == 404
    assert house.deliver("/webhooks/mailchimp", body, {**good, "Content-Type": "text/plain"}) == 415
    assert house.deliver("/webhooks/hubspot", large, json_good) == 413
    assert house.deliver("/webhooks/mailchimp", broken, signed) == 400
    assert house.deliver("/webhooks/hubspot", b"", json_good) == 400
    assert house.client.get("/webhooks/hubspot").status_code == 405
    assert house.client.put("/webhooks/hubspot", data=json_body).status_code == 405
    assert house.rows() == 0


def _signed_junk() -> tuple[bytes, dict[str, str]]:
    body = b"\xff\xfe=1"
    right = hmac.new(MAILCHIMP_SECRET.encode(), f"{int(NOW)}.".encode() + body, hashlib.sha256).hexdigest()
    kind = "application/x-www-form-urlencoded"
    return body, {"Content-Type": kind, "X-Mailchimp-Signature": f"t={int(NOW)},v1={right}"}


def test_the_address_is_checked_as_mailchimp_does(house: House) -> None:
    """GET, HEAD and an empty POST are answered with 200 and mean nothing."""
    assert house.client.get("/webhooks/mailchimp").status_code == 200
    assert house.client.head("/webhooks/mailchimp").status_code == 200
    assert house.client.post("/webhooks/mailchimp").status_code == 200
    assert house.rows() == 0


def test_watchers_are_answered(house: House) -> None:
    """Alive, ready, and numbers that name connections and outcomes and nobody else."""
    house.deliver("/webhooks/hubspot", *hubspot([contact_event("creation", "5")], NOW))
    house.deliver("/webhooks/hubspot", *hubspot([contact_event("creation", "5")], NOW, secret="another"))
    told = house.client.get("/metrics").text

    assert house.client.get("/healthz").text == house.client.get("/readyz").text == "ok\n"
    assert 'regulars_deliveries_total{connection="hubspot",outcome="filed"} 1' in told
    assert 'regulars_deliveries_total{connection="hubspot",outcome="forged"} 1' in told
    assert 'regulars_inbox{connection="hubspot",state="waiting"} 1' in told


def test_a_secret_can_be_changed_without_a_gap(house: House) -> None:
    """While two secrets are valid, deliveries signed with either are taken; afterwards only the new one is."""
    old, new = (
        hubspot([contact_event("creation", "5")], NOW),
        hubspot([contact_event("creation", "6")], NOW, secret="n"),
    )
    late = hubspot([contact_event("creation", "7")], NOW)

    house.secrets[:] = ["n", HUBSPOT_SECRET]
    assert [house.deliver("/webhooks/hubspot", *one) for one in (old, new)] == [200, 200]
    house.secrets[:] = ["n"]
    assert house.deliver("/webhooks/hubspot", *late) == 401


def test_many_at_once_are_all_filed(house: House) -> None:
    """Forty deliveries from eight threads, each twice: forty rows, every answer 200."""
    app = house.client.application
    answers: list[int] = []

    def some(start: int) -> None:
        client = app.test_client()
        for number in range(start, start + 5):
            body, headers = hubspot([contact_event("creation", str(number))], NOW)
            answers.extend(client.post("/webhooks/hubspot", data=body, headers=headers).status_code for _ in (1, 2))

    threads = [Thread(target=some, args=(5 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 80
    assert house.rows() == 40


def test_what_could_not_be_filed_is_asked_for_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes nothing (a full disk) answers 503, so that the platform repeats; later all is well."""
    body, headers = hubspot([contact_event("creation", "5")], NOW)

    def full(*_: object) -> int:
        raise StoreError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "file", full)
        refused = house.client.post("/webhooks/hubspot", data=body, headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert house.deliver("/webhooks/hubspot", body, headers) == 200
    assert house.waiting("hubspot") == [body]


@settings(deadline=None)
@given(
    to=st.sampled_from(["hubspot", "mailchimp"]),
    body=st.binary(max_size=300),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "Content-Type",
                "X-HubSpot-Signature-v3",
                "X-HubSpot-Request-Timestamp",
                "X-HubSpot-Signature",
                "X-HubSpot-Signature-Version",
                "X-Mailchimp-Signature",
            ]
        ),
        st.one_of(
            st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60),
            st.sampled_from(
                [
                    "application/json",
                    "application/x-www-form-urlencoded",
                    f"{NOW * 1000:.0f}",
                    f"t={NOW:.0f},v1=ab",
                    "v1",
                    "v2",
                ]
            ),
        ),
    ),
    query=st.sampled_from(["", "?secret=x", "?secret=%ff", "?" + "a=1&" * 40]),
)
def test_no_generated_delivery_gets_in(
    open_house: House, to: str, body: bytes, headers: dict[str, str], query: str
) -> None:
    """Whatever is sent without a secret is answered with 4xx (or as Mailchimp's greeting), and is not stored."""
    house = open_house
    answer = house.client.post(f"/webhooks/{to}{query}", data=body, headers=headers)

    assert 400 <= answer.status_code < 500 or (to == "mailchimp" and not body and answer.status_code == 200)
    assert house.rows() == 0
