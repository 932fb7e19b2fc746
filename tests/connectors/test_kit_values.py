"""The kit's small values, each by itself: signing in, limits, readings, paths, proofs, looking back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest

from connectors.auth import Basic, Bearer, ClientCredentials, KeyHeader, KeyQuery, OAuth
from connectors.base import Change, Option, Outcome, Raw, Result
from connectors.errors import BadCredentials
from connectors.http import Response, Verdict
from connectors.http_verdict import explained
from connectors.limits import Limits, Usage
from connectors.look_back import shown_after
from connectors.oauth_app import OAuthApp
from connectors.pace import Pace, Window
from connectors.paths import Envelope, bury, dig, merged
from connectors.readings import Refusals, When, judged_by
from connectors.signing import (
    BasicOnHook,
    Challenge,
    Delivery,
    Doubt,
    Hmac,
    TokenInBody,
    after,
    agreed_token,
    body_only,
    doubt,
    unhex,
)
from connectors.signing_in import by_app, by_key, by_oauth, by_proven_token, signed_in
from mapping.fields import FieldTable, both
from mapping.model import Seen
from mapping.values import Kind

APP = {"client_id": "app", "client_secret": "sandbox-app-secret"}
JSON = {"content-type": "application/json"}


class Endpoint:
    """A token endpoint that holds each refresh token for valid once."""

    def __init__(self) -> None:
        self.number, self.asked = 1, list[tuple[str, Mapping[str, str], Mapping[str, str]]]()

    def __call__(self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None, /) -> bytes:
        self.asked.append((path, dict(form), dict(headers or {})))
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != f"refresh-{self.number}":
            raise BadCredentials("spent")
        self.number += 1
        told = {"access_token": f"access-{self.number}", "refresh_token": f"refresh-{self.number}"}
        return json.dumps({**told, "api_domain": "https://bakery.example"}).encode()


@pytest.mark.parametrize(
    ("auth", "headers", "query"),
    [
        (Bearer("s3cret"), {"Authorization": "Bearer s3cret"}, ()),
        (Basic("s3cret", "ada"), {"Authorization": "Basic YWRhOnMzY3JldA=="}, ()),
        (KeyHeader("s3cret", "api-key"), {"api-key": "s3cret"}, ()),
        (KeyHeader("s3cret", "Authorization", "Token token="), {"Authorization": "Token token=s3cret"}, ()),
        (KeyQuery("s3cret", "access_token"), {}, (("access_token", "s3cret"),)),
    ],
)
def test_a_key_stands_where_its_platform_wants_it(auth: Bearer, headers: object, query: object) -> None:
    """And nowhere else; it is never shown, and not renewed."""
    assert dict(auth.headers()) == headers
    assert tuple(auth.query()) == query
    assert "s3cret" in auth.secrets()
    assert "s3cret" not in repr(auth)
    assert auth.renew({}, Endpoint()) is False


def test_a_refresh_token_that_holds_once_is_stored_before_it_is_used() -> None:
    """Also with the app's proof in the header; further parts of the answer are kept."""
    kept: list[Mapping[str, str]] = []
    endpoint = Endpoint()
    parts = {**APP, "access_token": "access-1", "refresh_token": "refresh-1"}
    auth = OAuth(parts, "https://x.example/token", kept.append, in_header=True, keeps=("api_domain",))
    spent = auth.headers()

    renewed = [auth.renew(spent, endpoint), auth.renew(spent, endpoint), auth.renew(auth.headers(), endpoint)]

    assert renewed == [True, True, True]
    assert [one["refresh_token"] for one in kept] == ["refresh-2", "refresh-3"]
    assert kept[0]["api_domain"] == "https://bakery.example"
    assert endpoint.asked[0][2] == {"Authorization": f"Basic {base64.b64encode(b'app:sandbox-app-secret').decode()}"}
    assert "client_secret" not in endpoint.asked[0][1]


def test_an_app_signs_in_as_itself_whenever_its_token_does_not_hold() -> None:
    """With nothing but its id and secret."""
    endpoint = Endpoint()
    auth = ClientCredentials(APP, "https://x.example/token")

    assert auth.renew(auth.headers(), endpoint)
    assert auth.headers() == {"Authorization": "Bearer access-2"}
    assert endpoint.asked[0][1]["client_secret"] == APP["client_secret"]


def test_a_credential_that_is_not_whole_says_what_is_missing() -> None:
    """The first way whose parts are all there is taken; at the sandbox tokens come from the sandbox."""
    ways = (
        by_key("token", "Token", "from its settings"),
        by_oauth(OAuthApp("https://a.example", "https://a.example/t")),
    )
    tokens = {**APP, "access_token": "a", "refresh_token": "refresh-1"}
    endpoint = Endpoint()

    auth = signed_in(ways, "Postbird", tokens, None, "http://127.0.0.1:9")
    auth.renew(auth.headers(), endpoint)
    with pytest.raises(BadCredentials, match="token or access token, refresh token"):
        signed_in(ways, "Postbird", {"access_token": "a"}, None, "")

    assert endpoint.asked[0][0] == "http://127.0.0.1:9/t"
    assert isinstance(signed_in((by_app("https://a.example/t"),), "P", APP, None, ""), ClientCredentials)


def answer(status: int, body: object = None, **headers: str) -> Response:
    raw = b"" if body is None else json.dumps(body).encode()
    return Response(status, {**(JSON if body is not None else {}), **headers}, raw)


@pytest.mark.parametrize(
    ("response", "waits"),
    [
        (answer(429, **{"retry-after": "7"}), 7.0),
        (answer(429, **{"x-reset": "9"}), 9.0),
        (answer(429, **{"x-reset": "1700000012"}), 12.0),
        (answer(429, **{"x-reset": "1600000000"}), 0.0),
        (answer(429, **{"x-reset": "soon"}), 0.0),
        (answer(429), 0.0),
    ],
)
def test_a_wait_is_read_from_whichever_header_has_it(response: Response, waits: float) -> None:
    """Seconds, or a moment."""
    assert Limits(reset="x-reset").after(response, 1_700_000_000.0) == waits


def test_limits_are_taken_over_from_headers_and_bodies() -> None:
    """What an answer states replaces what we thought."""

    def told(pace: Pace, response: Response) -> None:
        pace.limit(int(json.loads(response.body)["most"]), 60.0)

    slept: list[float] = []
    limits = Limits((Window(100, 2.0), Window(100, 60.0)), most="x-most", left="x-left", told=told)
    pace = limits.pace(lambda: 0.0, slept.append)
    pace.learn({"x-most": "3", "x-left": "41"})
    limits.heed(pace, answer(200, {"most": 5}))
    for _ in range(6):
        with pace.slot():
            pass

    assert pace.quota_left == 41
    assert slept == [2.0, 60.0, 60.0]  # of the 5 in a minute, one is kept for whoever leaves


USAGE = Usage(("x-app-usage", "x-business-usage"), ("call_count", "total_time"), "minutes_to_regain", eased=80.0)


@pytest.mark.parametrize(
    ("headers", "gap", "regain"),
    [
        ({}, 0.0, 0.0),
        ({"x-app-usage": '{"call_count": 80, "total_time": 3}'}, 0.0, 0.0),
        ({"x-app-usage": '{"call_count": 10, "total_time": 90}'}, 10.0, 0.0),
        ({"x-business-usage": '{"17": [{"call_count": 100, "minutes_to_regain": 3}]}'}, 20.0, 180.0),
        ({"x-app-usage": '{"call_count": 250}', "x-business-usage": "{"}, 20.0, 0.0),
        ({"x-app-usage": '{"call_count": "many"}'}, 0.0, 0.0),
    ],
)
def test_usage_in_per_cent_is_found_wherever_it_stands(headers: dict[str, str], gap: float, regain: float) -> None:
    """The largest number counts; what is no number, or no JSON, says nothing."""
    limits = Limits(usage=USAGE)

    assert USAGE.gap(headers) == pytest.approx(gap)
    assert limits.after(answer(400, {}, **headers), 0.0) == regain


def test_what_a_platform_refuses_may_be_read_whatever_the_status() -> None:
    """By its code alone; an answer that is good is never taken for a refusal."""
    read = judged_by((When(0, Verdict.BUSY, at="error.code", among=(4, *range(200, 300))),))
    codes = {"error": {"code": 4}}, {"error": {"code": 250}}, {"error": {"code": 300}}

    assert [read(answer(400, code)) for code in codes] == [Verdict.BUSY, Verdict.BUSY, Verdict.ANSWER]
    assert read(answer(500, codes[0])) is Verdict.BUSY
    assert read(answer(200, codes[0])) is Verdict.ANSWER


def test_a_secret_that_may_be_missing_proves_what_it_can() -> None:
    """With it goes a hash of the token, without it the token alone; neither secret is shown."""
    way = by_proven_token(Option("token", "Token"), Option("secret", "App secret"), "proof")
    alone, proven = (
        signed_in((way,), "Postbird", credential, None, "")
        for credential in ({"token": "t0ken"}, {"token": "t0ken", "secret": "s3cret"})
    )

    assert [option.optional for option in way.asks] == [False, True]
    assert (list(alone.query()), alone.headers()) == ([], proven.headers())
    assert proven.query() == (("proof", "d0f8abfce5e9c8e5c0b6446d31e29359768d9916db08c6a94ca7b481a4eeac2c"),)
    assert {"t0ken", "s3cret"} < set(proven.secrets())


def test_readings_come_before_the_common_ones() -> None:
    """By status, header, path in the body, or whether it is JSON at all."""
    judge = judged_by(
        (
            When(429, Verdict.SPENT, header=("x-left", "0")),
            When(403, Verdict.BUSY, is_json=False),
            When(200, Verdict.BUSY, at="errors.0.code", among=("LIMIT",)),
            When(200, Verdict.ODD, at="fatal"),
        )
    )

    read = [
        judge(answer(429, {}, **{"x-left": "0"})),
        judge(answer(429, {}, **{"x-left": "1"})),
        judge(Response(403, {"content-type": "text/html"}, b"<html>")),
        judge(answer(403, {})),
        judge(answer(200, {"errors": [{"code": "LIMIT"}]})),
        judge(answer(200, {"errors": [{"code": "OTHER"}]})),
        judge(answer(200, {"fatal": 1})),
    ]

    assert read == [
        Verdict.SPENT,
        Verdict.BUSY,
        Verdict.BUSY,
        Verdict.NARROW,
        Verdict.BUSY,
        Verdict.ANSWER,
        Verdict.ODD,
    ]


def test_a_refusal_is_named_in_our_words() -> None:
    """By the platform's code, else by the status; a record that is not there is gone."""
    refusals = Refusals(code="error.code", codes={"taken": "exists", 409: "cap"})

    refused = [
        (400, {"error": {"code": "taken"}}),
        (409, {"error": {"code": "x"}}),
        (400, {"error": "text"}),
        (404, {}),
    ]
    found = [refusals.outcome(answer(*one), Change("1"), "why", "Postbird") for one in refused]

    assert [(one.result, one.code) for one in found] == [
        (Result.REFUSED, "exists"),
        (Result.REFUSED, "cap"),
        (Result.REFUSED, "invalid"),
        (Result.GONE, "gone"),
    ]


def test_words_of_a_refusal_blame_the_fields_that_were_written() -> None:
    """One that was not sent is not to blame, whatever the message says."""
    refusals = Refusals(words={"SMS": "phone"})
    said = answer(400, {"code": "duplicate", "message": "SMS is already associated"})

    outcomes = [refusals.outcome(said, Change("1", {name: "1"}), "why", "Postbird") for name in ("phone", "name")]

    assert [one.blamed for one in outcomes] == [("phone",), ()]


def test_paths_lead_into_objects_and_lists() -> None:
    """Decoded or not; where there is nothing, there is nothing."""
    text = b'{"data": {"items": [{"id": 1}, {"id": 2}]}, "next": null}'
    envelope = Envelope(text)
    body: dict[str, object] = {}
    bury(body, "a.b", 1)
    bury(body, "a.c", 2)

    assert envelope.items("data.items") == [b'{"id": 1}', b'{"id": 2}']
    assert (envelope.value("data.items.1.id"), envelope.value("next"), envelope.value("no.where")) == (2, None, None)
    assert envelope.items("next") == []
    assert dig(json.loads(text), "data.items.0.id") == 1
    assert dig(json.loads(text), "data.items.9.id") is None
    assert body == {"a": {"b": 1, "c": 2}}


def delivery(body: bytes = b"{}", **headers: str) -> Delivery:
    return Delivery("POST", "https://hooks.example/x", {name.replace("_", "-"): v for name, v in headers.items()}, body)


def test_http_basic_on_a_hook_is_user_and_password() -> None:
    """Another password, another user, or something that is no base64 proves nothing."""
    rules = (BasicOnHook("regulars"),)
    spelled = [base64.b64encode(text).decode() for text in (b"regulars:right", b"regulars:wrong", b"eve:right")]

    found = [doubt(rules, delivery(authorization=f"Basic {one}"), ["right"], 0.0) for one in (*spelled, "%%%")]

    assert found == [None, Doubt.FORGED, Doubt.FORGED, Doubt.FORGED]
    assert doubt(rules, delivery(), ["right"], 0.0) is Doubt.UNSIGNED


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"meta": {"token": "right"}}', None),
        (b'{"meta": {"token": "wrong"}}', Doubt.FORGED),
        (b'{"meta": {"token": 7}}', Doubt.UNSIGNED),
        (b'{"meta": 7}', Doubt.UNSIGNED),
        (b"no json", Doubt.UNSIGNED),
    ],
)
def test_a_token_in_the_body_comes_back_as_it_was_given(body: bytes, why: Doubt | None) -> None:
    """Where it does not, or is no text, nothing is proven."""
    assert doubt((TokenInBody("meta.token"),), delivery(body), ["right"], 0.0) == why


def test_a_signature_may_have_a_prefix() -> None:
    """As in sha256=…; without it the header has another shape than agreed."""
    rule = Hmac("x-hub-signature-256", body_only, after("sha256="), unhex)
    right = "0e1b8d0d2c0e0f0a" * 4

    import hashlib
    import hmac

    right = hmac.new(b"secret", b"{}", hashlib.sha256).hexdigest()

    assert doubt((rule,), delivery(x_hub_signature_256=f"sha256={right}"), ["secret"], 0.0) is None
    assert doubt((rule,), delivery(x_hub_signature_256=right), ["secret"], 0.0) is Doubt.MALFORMED


def test_an_address_is_checked_with_a_token_that_follows_from_the_secret() -> None:
    """The challenge goes back only where the token is ours, and the token does not give the secret away."""
    token = agreed_token("secret")

    right = Challenge().met({"hub.verify_token": token, "hub.challenge": "1158"}, ["other", "secret"])
    wrong = Challenge().met({"hub.verify_token": "guessed", "hub.challenge": "1158"}, ["secret"])
    none = Challenge().met({"hub.verify_token": agreed_token(""), "hub.challenge": "1158"}, [""])

    assert (right, wrong, none) == ("1158", None, None)
    assert "secret" not in token


@pytest.mark.parametrize(
    ("shows", "version", "known"),
    [
        ("Augusta", "v2", "Augusta"),  # as it was sent
        ("Augu", "v2", "Augu"),  # cut by the platform
        ("AUGUSTA", "v2", "AUGUSTA"),  # in another case
        ("Beatrice", "", "Augusta"),  # edited between: the next pull will find that
        (None, "", "Augusta"),
    ],
)
def test_what_is_read_after_a_write_is_ours_only_where_it_may_be(shows: str | None, version: str, known: str) -> None:
    """An edit that came between is no result of ours."""
    table = FieldTable((both("given_name", "first", Kind.NAME),))
    seen = Seen("1", {"given_name": shows} if shows else {}, version="v2")

    done = shown_after(
        Change("1", {"given_name": "Augusta"}), Outcome(Result.APPLIED, "1"), Raw.of("1", b"{}"), seen, table
    )

    assert done.shown is not None
    assert (done.shown.fields["given_name"], done.shown.version) == (known, version)


def test_policies_state_windows_by_their_length() -> None:
    """`RateLimit-Policy` names q calls in w seconds; a window of another length stays, and so does one told badly."""
    limits = Limits((Window(10, 900.0), Window(100, 86_400.0)), policies="ratelimit-policy")
    pace = limits.pace(lambda: 0.0, lambda _: None)
    stated = '"day";q=250;w=86400;pk=:AAAA:, "hour";q=9;w=3600, "odd";q=many;w=900'

    pace.learn({"ratelimit-policy": stated})

    assert [(shared.window.calls, shared.window.seconds) for shared in pace._windows] == [(10, 900.0), (250, 86_400.0)]


@pytest.mark.parametrize(
    ("response", "waits"),
    [
        (answer(429, {"errors": [{"extensions": {"retryAfter": 90}}]}), 90.0),
        (answer(429, {"errors": [{"extensions": {"retryAfter": "soon"}}]}), 0.0),
        (answer(429, {}, reset="1970-01-01T00:18:20Z"), 100.0),
        (answer(429, {}, reset="soon"), 0.0),
    ],
)
def test_a_wait_is_read_from_a_body_or_a_moment(response: Response, waits: float) -> None:
    """Some say it in the refusal's body, some as a time of the clock."""
    limits = Limits(reset="reset", wait="errors.0.extensions.retryAfter")

    assert limits.after(response, 1000.0) == waits


def test_bodies_are_put_together_without_changing_either() -> None:
    """Objects within objects, too; where both have a value the second wins."""
    under, over = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}, {"a": {"b": 4, "c": {"f": 5}}, "g": {"h": 6}}

    found = merged(under, over)
    bury(found, "a.c.i", 7)

    assert found == {"a": {"b": 4, "c": {"d": 2, "f": 5, "i": 7}}, "e": 3, "g": {"h": 6}}
    assert under == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}


def test_the_first_of_several_errors_is_told() -> None:
    """As GraphQL and others list them; an answer that has words of its own keeps to those."""
    listed = answer(400, {"errors": [{"code": 4003, "message": "no such profile"}, {"message": "more"}]})

    assert explained(listed) == "400 4003: no such profile"
    assert explained(answer(400, {"message": "Bad", "errors": [{"message": "worse"}]})) == "400 Bad"
