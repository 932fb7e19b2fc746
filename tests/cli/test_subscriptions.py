"""Telling others from the command line: who listens, with which key, what was told, and again."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook

from tests.cli.shop import Shop
from tests.cli.staying import address, end, running

PATIENCE = 60.0
"""Seconds after which something counts as lost; it takes about one."""


@dataclass
class Listener:
    """A program on this machine that listens; `status` is what it answers."""

    url: str = ""
    status: int = 200
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.heard.append((dict(self.headers), body))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_town(town: Shop) -> Shop:
    """A town in agreement that may tell programs on this machine."""
    assert town.run("sync").code in (0, 1)
    with (town.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write('\n[webhooks]\nprivate_listeners = true\nevery = "1h"\n')
    return town


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_a_run_is_told_and_listed(open_town: Shop, listener: Listener) -> None:
    """Added, told after a run with a signature that holds, listed with its attempts, replayed, removed."""
    added = open_town.run("subscriptions", "--add", listener.url, "--events", "run.finished", "--json")
    identity, secret = added.json[0]["id"], added.json[0]["secret"]
    open_town.run("sync")
    sent = open_town.run("deliveries", "--send", "--json").json
    headers, body = listener.heard[0]
    said = Webhook(secret).verify(body, headers)
    again = open_town.run("deliveries", "--replay", str(sent[0]["id"]), "--send")
    listed = open_town.run("subscriptions")
    gone = open_town.run("subscriptions", "--remove", identity)

    assert added.code == 0
    assert (said["type"], said["data"]["kind"]) == ("run.finished", "sync")
    assert [one["state"] for one in sent] == ["delivered"]
    assert [one["status"] for one in sent[0]["attempts"]] == [200]
    assert [json.loads(one[1])["id"] for one in listener.heard] == [said["id"]] * 2
    assert "delivered" in again.out
    assert listener.url in listed.out
    assert secret not in listed.out + again.out
    assert "Nobody listens" in gone.out


def test_what_is_disabled_is_noticed(open_town: Shop, listener: Listener) -> None:
    """410 ends a subscription; one that was disabled is shown in `subscriptions` and `status`, and can be resumed."""
    added = open_town.run("subscriptions", "--add", listener.url, "--events", "all", "--json").json[0]["id"]
    from regulars.workspace import Workspace
    from sync.store.schema_events import DISABLED, subscription

    opened = Workspace(open_town.folder)
    with opened.database.write() as conn:
        conn.execute(subscription.update().values(state=DISABLED, note="nothing got through for three days"))
    opened.close()
    shown, status = open_town.run("subscriptions"), open_town.run("status")
    resumed = open_town.run("subscriptions", "--resume", added)
    listener.status = 410
    open_town.run("sync")
    open_town.run("deliveries", "--send")

    for answer in (shown, status):
        assert answer.code == 1
        assert f"{added} is told nothing: nothing got through for three days" in answer.out
    assert "active" in resumed.out
    assert open_town.run("subscriptions", "--json").json == []


def test_mistakes_say_what_to_do(town: Shop) -> None:
    """A private address, an unknown event, subscription, delivery and key: a sentence each, and nothing is made."""
    town.run("api-key", "--new", "zapier")
    cases = [
        (("subscriptions", "--add", "https://127.0.0.1/", "--events", "all"), "private_listeners = true"),
        (("subscriptions", "--add", "https://example.org/", "--events", "person.creatd"), "person.created"),
        (("subscriptions", "--add", "https://example.org/"), "--events all"),
        (("subscriptions", "--events", "all"), "Who shall hear"),
        (("subscriptions", "--remove", "sub_1"), "There is none"),
        (("subscriptions", "--remove", "a", "--resume", "b"), "One thing at a time"),
        (("deliveries", "--replay", "7"), "There is no delivery 7"),
        (("api-key", "--new", "zapier"), "already"),
        (("api-key", "--new", "x", "--scopes", "all"), "subscriptions and read"),
        (("api-key", "--end", "zapie"), "zapier"),
    ]

    for command, said in cases:
        answer = town.run(*command)
        assert (answer.code, said in answer.err) == (2, True), (command, answer.err)
    assert town.run("subscriptions", "--json").json == []
    assert [one["name"] for one in town.run("api-key", "--json").json] == ["zapier"]


def test_a_program_subscribes_and_is_told_while_serving(open_town: Shop, listener: Listener) -> None:
    """With a key it subscribes at `regulars serve`, hears of the next run by itself, and ends it with DELETE."""
    key = open_town.run("api-key", "--new", "zapier", "--json").json[0]["key"]

    def call(method: str, path: str, body: object = None) -> bytes:
        text = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{address(first)}/api/v1{path}", text, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bytes(answer.read())

    with running(open_town, "serve", "--port", "0") as (process, first):
        made = json.loads(call("POST", "/subscriptions", {"url": listener.url, "events": ["run.finished"]}))
        open_town.run("sync")
        until(lambda: bool(listener.heard))
        call("DELETE", f"/subscriptions/{made['id']}")
        left = json.loads(call("GET", "/subscriptions"))
        code, said = end(process)

    assert Webhook(made["secret"]).verify(listener.heard[0][1], listener.heard[0][0])["type"] == "run.finished"
    assert (left, code) == ([], 0), said
    assert "Traceback" not in said
