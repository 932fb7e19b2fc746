"""Webhooks that are set up by hand are waited for, and those that a platform switched off come back by themselves."""

from __future__ import annotations

import json
import threading
import time
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from regulars.webhook_mending import Mending
from regulars.workspace import Workspace
from sandbox.hubspot_access import ALL_SCOPES
from sandbox.mailchimp import LIST
from sandbox.server import free_port
from sync import hook_state, inbox, meter
from sync.inbox import Mail
from sync.meter import Reading
from tests.cli.shop import Shop
from tests.cli.staying import end, running
from tests.cli.test_serve import both_sides, last_name, until
from tests.webhooks.deliver import HUBSPOT_SECRET, PUBLIC, contact_event, hubspot


def reached(town: Shop, address: str) -> None:
    with (town.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[webhooks]\npublic_url = "{address}"\nevery = "1h"\n')


def keep_delivering(port: int, secret: str, over: threading.Event) -> None:
    """Deliver again and again, until somebody listens and it is over."""
    while not over.is_set():
        body, headers = hubspot([contact_event("creation", "5")], time.time(), secret=secret)
        try:
            with urlopen(Request(f"http://127.0.0.1:{port}/webhooks/hubspot", body, headers), timeout=5):
                return
        except (URLError, OSError):
            over.wait(0.05)


@pytest.mark.parametrize(("secret", "code", "said"), [
    (HUBSPOT_SECRET, 0, "It works"), ("another", 1, "was not proven"), ("", 1, "Nothing came"),
])  # fmt: skip
def test_a_test_delivery_is_waited_for(town: Shop, secret: str, code: int, said: str) -> None:
    """After the clicks it listens itself: a proven delivery ends the waiting, a forged one and none are told apart."""
    reached(town, PUBLIC)
    town.run("webhooks", "hubspot", "--secret", stdin=HUBSPOT_SECRET + "\n")
    port, over = free_port(), threading.Event()
    sender = threading.Thread(target=keep_delivering, args=(port, secret, over), daemon=True)
    if secret:
        sender.start()

    wait = "30" if secret == HUBSPOT_SECRET else "2"
    done = town.run("webhooks", "hubspot", "--setup", "--wait", wait, "--port", str(port))
    over.set()

    assert (done.code, said in done.err) == (code, True), done.err
    assert f"{PUBLIC}/webhooks/hubspot" in done.err
    assert f"Listening on 127.0.0.1:{port}" in done.err


def test_a_delivery_that_serve_takes_is_seen(town: Shop) -> None:
    """Where `regulars serve` listens already, its inbox tells."""
    reached(town, PUBLIC)
    town.run("webhooks", "hubspot", "--secret", stdin=HUBSPOT_SECRET + "\n")
    port, over = free_port(), threading.Event()
    with running(town, "serve", "--no-worker", "--port", str(port)):
        later = threading.Timer(1.0, keep_delivering, (port, HUBSPOT_SECRET, over))
        later.start()
        done = town.run("webhooks", "hubspot", "--setup", "--wait", "30", "--port", str(port))
        over.set()

    assert (done.code, "It works" in done.err, "listened on already" in done.err) == (0, True, True), done.err


def mailchimp_hooks(town: Shop) -> dict[str, Any]:
    assert town.street is not None
    found: dict[str, Any] = town.street.mailchimp.state.audiences[LIST].webhooks
    return found


def looked_after(town: Shop) -> list[str]:
    """What is said when the hooks' time has come."""
    said: list[str] = []
    business = Workspace(town.folder)
    try:
        work = Mending(business, said.append, every=0)
        assert work.pull_is_due()
        work.pull()
    finally:
        business.close()
    return said


def test_what_was_switched_off_is_put_right(town: Shop) -> None:
    """Deleted, changed, or listed and yet silent: the hook works again, which is said and counted; one that works is
    left alone."""
    port = free_port()
    reached(town, f"http://127.0.0.1:{port}")
    with running(town, "serve", "--no-worker", "--port", str(port)):
        town.run("webhooks", "mailchimp", "--setup")
        fine = looked_after(town)
        hooks = mailchimp_hooks(town)
        hooks.clear()
        gone = looked_after(town)
        (one,) = hooks.values()
        one["events"]["unsubscribe"] = False
        changed = looked_after(town)
        one["off"] = True
        business = Workspace(town.folder)
        with business.database.write() as conn:
            now = business.database.now()
            inbox.file(conn, [Mail("mailchimp", "old", now - 5_000, b"type=profile")])
            meter.note(conn, Reading("mailchimp", now - 1_000, 60, 0))
            meter.note(conn, Reading("mailchimp", now + 1_000, 60, 3))
        business.close()
        silent = looked_after(town)

    shown = town.run("status", "--json").json["hooks"]
    assert fine == []
    assert [len(said) for said in (gone, changed, silent)] == [1, 1, 1]
    assert "told nothing of what had changed" in silent[0]
    assert [hook["off"] for hook in hooks.values()] == [False]
    assert [(one["connection"], one["mended"], one["trouble"]) for one in shown] == [("mailchimp", 3, "")]
    assert "put right 3×" in town.run("status").out


def test_a_hook_that_cannot_be_kept_is_said(town: Shop) -> None:
    """Where the address does not answer, Mailchimp refuses: that is said, and shown until it works."""
    reached(town, f"http://127.0.0.1:{free_port()}")
    town.run("webhooks", "mailchimp", "--new-secret")

    said = looked_after(town)

    assert "could not be looked after" in said[0]
    assert "cannot be kept" in town.run("status").out
    business = Workspace(town.folder)
    with business.read() as conn:
        assert hook_state.stands(conn)["mailchimp"].mended == 0
    business.close()


def test_two_processes_look_at_a_hook_once(town: Shop) -> None:
    """Whoever comes second finds that it was looked at."""
    business = Workspace(town.folder)
    with business.database.write() as conn:
        taken = [
            hook_state.claim(conn, "mailchimp", now, 3_600_000) for now in (10**12, 10**12 + 5, 10**12 + 3_600_000)
        ]
    business.close()

    assert taken == [True, False, True]


def test_without_an_address_the_journal_is_read(town: Shop) -> None:
    """HubSpot, signed in by OAuth and with no way to call us: an edit there reaches the newsletter, as is said."""
    assert town.street is not None
    box = town.street.hubspot
    tokens = box.oauth._issue(box.oauth.grant(ALL_SCOPES), ALL_SCOPES, box.clock())
    parts = {**tokens, "client_id": box.client_id, "client_secret": box.client_secret}
    with (town.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write('\n[webhooks]\nevery = "1h"\n')
    connected = town.run(
        "connect", "hubspot", "--oauth", "--credential-file", "-", "--base-url", town.hubspot, stdin=json.dumps(parts)
    )
    assert connected.code == 0, connected.err
    assert town.run("sync").code in (0, 1)
    who, contact = both_sides(town)
    with running(town, "serve", "--port", "0") as (process, first):
        until(lambda: bool(box.state.journal_subscriptions) and box.calls[_LATEST] > 0)
        time.sleep(0.5)
        box.human_update(contact, {"lastname": "Newname"})
        until(lambda: last_name(town, who) == "Newname")
        code, said = end(process)

    assert "hubspot is read from its journal" in first
    assert code == 0, said
    assert "Traceback" not in said
    assert town.run("inbox", "--json").json["counts"]["hubspot"]["done"] == 1


_LATEST = ("GET", "/webhooks-journal/journal/2026-03/latest")
