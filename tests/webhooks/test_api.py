"""The API: keys and scopes, REST hooks as Zapier expects them, and an OpenAPI document that says what is so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from sync import events
from sync.events_kinds import KINDS, Event
from sync.store.database import Database, open_database
from sync.store.schema_events import api_key
from tests.webhooks.listening import HOOK, vault_of
from webhooks import api_keys
from webhooks.api import LARGEST, create_api
from webhooks.api_openapi import PATH
from webhooks.counts import Counts
from webhooks.health import create_health
from webhooks.post import Post
from webhooks.receiver import create_app

NEW = {"url": HOOK, "events": ["person.created"]}


@dataclass
class House:
    """An app with the API over a store, and a key for everything."""

    database: Database
    client: FlaskClient
    key: str

    def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> TestResponse:
        """Call the API as whoever has *key*."""
        given = self.key if key is None else key
        headers = {**({"Authorization": f"Bearer {given}"} if given else {}), **more.pop("headers", {})}
        return self.client.open(PATH + path, method=method, headers=headers, **more)

    def new_key(self, name: str, *scopes: str) -> str:
        with self.database.write() as conn:
            return api_keys.new(conn, name, scopes, 0)[1]

    def described(self) -> Any:
        return self.call("GET", "/openapi.json", key="").json


def _open(database: Database, folder: Path) -> Iterator[House]:
    vault = vault_of(database, folder)
    with database.write() as conn:
        _, key = api_keys.new(conn, "zapier", ["subscriptions", "read"], 0)
    post, counts = Post(database), Counts()
    pages = [create_health(database, counts), create_api(database, lambda: vault, public="https://we.example.org")]
    app = create_app({}, post, counts, pages=pages)
    yield House(database, app.test_client(), key)
    post.close()


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    yield from _open(database, tmp_path)


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all generated calls."""
    folder = tmp_path_factory.mktemp("api")
    with open_database("sqlite://", folder, now=lambda: 0) as database:
        yield from _open(database, folder)


def problem(answer: TestResponse) -> tuple[int, str]:
    """The status and the title of a problem document."""
    assert answer.content_type == "application/problem+json"
    found = json.loads(answer.text)
    assert set(found) == {"type", "title", "status", "detail"}
    assert found["status"] == answer.status_code
    return answer.status_code, found["title"]


# ---- REST hooks ----------------------------------------------------------------------------------------------------


def test_subscribing_and_ending(house: House) -> None:
    """Made with an id and a secret that is shown once; listed; ended by DELETE, once."""
    made = house.call("POST", "/subscriptions", json=NEW)
    identity = made.json["id"]  # type: ignore[index]
    shown = house.call("GET", f"/subscriptions/{identity}")
    listed = house.call("GET", "/subscriptions")

    assert made.status_code == 201
    assert made.headers["Location"] == f"{PATH}/subscriptions/{identity}"
    assert made.json["secret"].startswith("whsec_")  # type: ignore[index]
    assert shown.json == {name: text for name, text in made.json.items() if name != "secret"}  # type: ignore[union-attr]
    assert listed.json == [shown.json]
    assert house.call("DELETE", f"/subscriptions/{identity}").status_code == 204
    assert problem(house.call("DELETE", f"/subscriptions/{identity}")) == (404, "No such subscription")
    assert house.call("GET", "/subscriptions").json == []


def test_samples_are_a_list_for_each_event(house: House) -> None:
    """As Zapier asks for them: always a list with an id in each; real ones where there are some, newest first."""
    empty = {kind: house.call("GET", f"/events/{kind}/samples").json for kind in KINDS}
    with house.database.write() as conn:
        events.file(conn, [Event("run.finished", (n,), {"run": n}) for n in range(5)], 1_000)
    real = house.call("GET", "/events/run.finished/samples").json

    assert all([one["type"] for one in found] == [kind] for kind, found in empty.items())  # type: ignore[union-attr]
    assert [one["data"]["run"] for one in real] == [4, 3, 2]  # type: ignore[union-attr]
    assert {one["event"] for one in house.call("GET", "/events").json} == set(KINDS)  # type: ignore[union-attr]
    assert problem(house.call("GET", "/events/person.exploded/samples"))[0] == 404


def test_mistakes_are_problem_documents(house: House) -> None:
    """Each wrong call has its status and a sentence, and changes nothing."""
    cases: list[tuple[int, dict[str, Any]]] = [
        (415, {"data": "url=x"}),
        (400, {"data": b"\xff{", "content_type": "application/json"}),
        (400, {"json": {"url": HOOK}}),
        (400, {"json": {**NEW, "more": 1}}),
        (400, {"json": {"url": 7, "events": []}}),
        (400, {"data": b"[" * 60_000, "content_type": "application/json"}),
        (413, {"data": b" " * (LARGEST + 1), "content_type": "application/json"}),
        (422, {"json": {**NEW, "events": []}}),
        (422, {"json": {**NEW, "events": ["person.exploded"]}}),
        (422, {"json": {**NEW, "url": "https://127.0.0.1/"}}),
        (422, {"json": {**NEW, "url": "http://example.org/"}}),
    ]

    assert [problem(house.call("POST", "/subscriptions", **one))[0] for _, one in cases] == [code for code, _ in cases]
    assert problem(house.call("PUT", "/subscriptions", json=NEW))[0] == 405
    assert problem(house.call("GET", "/nothing"))[0] == 404
    assert problem(house.call("GET", "/subscriptions/%00"))[0] == 404
    assert house.call("GET", "/subscriptions").json == []


def test_the_rest_of_the_house_keeps_its_words(house: House) -> None:
    """What is not ours is answered as before: in a line of text."""
    answer = house.client.get("/nothing")

    assert (answer.status_code, answer.text, answer.mimetype) == (404, "Not Found\n", "text/plain")
    assert house.client.get("/healthz").text == "ok\n"


# ---- keys ----------------------------------------------------------------------------------------------------------


def test_without_a_key_nothing_is_said(house: House) -> None:
    """No key, a wrong one, half of one, another's secret and an ended one: 401 everywhere, but for the document."""
    _, identity, secret = house.key.split("_", 2)
    other = house.new_key("other", "read")
    with house.database.write() as conn:
        api_keys.end(conn, "other")
    wrong = ["", "x", f"rgl_{identity}_", f"rgl_{identity}_{secret[:-1]}", f"rgl_000000000000_{secret}", other, "é"]
    calls = [("GET", "/me"), ("GET", "/events"), ("GET", "/subscriptions"), ("POST", "/subscriptions")]
    calls += [("GET", "/events/run.finished/samples"), ("DELETE", "/subscriptions/sub_1")]

    for key in wrong:
        for method, path in calls:
            answer = house.call(method, path, key=key)
            assert problem(answer) == (401, "No key"), (method, path, key)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert house.call("GET", "/openapi.json", key="").status_code == 200


def test_a_key_opens_what_its_scopes_say(house: House) -> None:
    """`read` sees and changes nothing; `subscriptions` subscribes, and of samples sees made-up ones only."""
    read, write = house.new_key("r", "read"), house.new_key("w", "subscriptions")
    with house.database.write() as conn:
        events.file(conn, [Event("run.finished", (1,), {"run": 1})], 1_000)
    made = house.call("POST", "/subscriptions", key=write, json=NEW).json["id"]  # type: ignore[index]

    assert problem(house.call("POST", "/subscriptions", key=read, json=NEW))[0] == 403
    assert problem(house.call("DELETE", f"/subscriptions/{made}", key=read))[0] == 403
    assert house.call("GET", f"/subscriptions/{made}", key=read).status_code == 200
    seen = [house.call("GET", "/events/run.finished/samples", key=key).json[0]["data"] for key in (read, write)]  # type: ignore[index]
    assert seen[0] == {"run": 1}
    assert seen[1] == KINDS["run.finished"].sample
    assert house.call("GET", "/me", key=read).json == {"name": "r", "scopes": ["read"]}


def test_a_key_may_stand_in_a_header_of_its_own(house: House) -> None:
    """X-API-Key does for programs that cannot set Authorization."""
    assert house.call("GET", "/me", key="", headers={"X-API-Key": house.key}).status_code == 200


def test_keys_are_not_kept(house: House) -> None:
    """The store holds a digest; no scope that there is not, and no name twice."""
    with house.database.read() as conn:
        rows = str(conn.execute(api_key.select()).all())
    assert house.key.split("_", 2)[2] not in rows
    for name, scopes in (("zapier", ["read"]), ("new", ["everything"]), ("new", [])):
        with pytest.raises(ValueError, match="key|scopes"), house.database.write() as conn:
            api_keys.new(conn, name, scopes, 0)


# ---- the document --------------------------------------------------------------------------------------------------


def _validated(document: Any, answer: TestResponse, operation: Any) -> None:
    """An answer is one of those described, in the form described."""
    described = operation["responses"].get(str(answer.status_code))
    assert described is not None, answer.status
    for kind, content in described.get("content", {}).items():
        assert answer.mimetype == kind
        schema = {**content["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(json.loads(answer.text))
    assert described.get("content") or not answer.data


def test_every_answer_is_as_described(house: House) -> None:
    """Each operation of the document, called rightly and wrongly: a described status, and the described form."""
    document = house.described()
    seen: set[tuple[str, str, int]] = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            made = house.call("POST", "/subscriptions", json=NEW).json["id"]  # type: ignore[index]
            for event, identity, body, key in _calls(house, made):
                place = path.removeprefix(PATH).format(event=event, id=identity)
                answer = house.call(method.upper(), place, key=key, **({"json": body} if method == "post" else {}))
                _validated(document, answer, operation)
                seen.add((path, method, answer.status_code))

    described = {
        (path, method, int(code))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
        for code in operation["responses"]
    }
    assert {one for one in described - seen if one[2] not in (409, 413, 415)} == set()


def _calls(house: House, made: str) -> Sequence[tuple[str, str, Any, str]]:
    """Ways of calling: without a key, with too small a one, of nothing, of something."""
    with house.database.write() as conn:
        api_keys.end(conn, "small")
        api_keys.end(conn, "none")
    small = house.new_key("small", "read")
    with house.database.write() as conn:
        none = api_keys.new(conn, "none", ["read"], 0)[1]
        conn.execute(api_key.update().where(api_key.c.name == "none").values(scopes="[]"))
    event = "run.finished"
    return [
        (event, made, NEW, ""),
        (event, made, NEW, small),
        (event, made, NEW, none),
        ("nothing", "sub_1", {"no": 1}, house.key),
        (event, "sub_1", {**NEW, "url": "https://10.0.0.1/"}, house.key),
        (event, made, NEW, house.key),
    ]


def test_the_document_names_every_page(house: House) -> None:
    """No page of the app is missing in it, and none is in it that the app has not."""
    pages = {
        (rule.rule.replace("<kind>", "{event}").replace("<identity>", "{id}"), method.lower())
        for rule in house.client.application.url_map.iter_rules()
        if rule.rule.startswith(PATH)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    document = house.described()
    described = {(path, method) for path, found in document["paths"].items() for method in found} - {
        (path, "parameters") for path in document["paths"]
    }

    assert described == pages
    assert set(document["webhooks"]) == set(KINDS)
    assert document["servers"] == [{"url": "https://we.example.org"}]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_BODIES = st.one_of(
    st.binary(max_size=200),
    _JSON.map(lambda found: json.dumps(found).encode()),
    st.fixed_dictionaries(
        {"url": st.one_of(st.text(max_size=40), st.sampled_from([HOOK, "https://[::1]/", "https://a\x00.org/"]))},
        optional={"events": st.lists(st.one_of(st.sampled_from(sorted(KINDS)), st.text(max_size=9)), max_size=3)},
    ).map(lambda found: json.dumps(found).encode()),
)


@settings(deadline=None, max_examples=150)
@given(body=_BODIES, kind=st.sampled_from(["application/json", "text/plain", ""]), key=st.booleans())
def test_no_generated_call_breaks_it(open_house: House, body: bytes, kind: str, key: bool) -> None:
    """Whatever is sent, the answer is a described one; what was made can be ended."""
    document = open_house.described()
    answer = open_house.call(
        "POST", "/subscriptions", key=None if key else "", data=body, headers={"Content-Type": kind}
    )

    _validated(document, answer, document["paths"][f"{PATH}/subscriptions"]["post"])
    if answer.status_code == 201:
        identity = json.loads(answer.text)["id"]
        assert open_house.call("DELETE", f"/subscriptions/{identity}").status_code == 204


@settings(deadline=None, max_examples=150)
@given(
    part=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/?#"), min_size=1, max_size=30),
    method=st.sampled_from(["GET", "DELETE", "PUT", "PATCH", "POST"]),
    place=st.sampled_from(["/subscriptions/{}", "/events/{}/samples", "/{}"]),
)
def test_no_generated_address_breaks_it(open_house: House, part: str, method: str, place: str) -> None:
    """Whatever stands in an address, nothing breaks."""
    answer = open_house.call(method, place.format(part))

    assert answer.status_code < 500
