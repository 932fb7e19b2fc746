"""The third act of the demo: both platforms tell by themselves, and each change is in the other one moments later."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from regulars.demo_model import json_lines
from regulars.workspace import hook_secret
from sync.vault import variable

if TYPE_CHECKING:
    from regulars.demo import Demo

FOLLOWED = {"contact": ["firstname", "lastname", "phone"]}
HUBSPOT_SECRET = "sandbox-secret"  # noqa: S105 - that of the rehearsed app
SECONDS_TO_SHOW = 60.0
NEW_NAME = "Lindqvist"


def third_act(demo: Demo, port: int) -> None:
    """In real time, on the workspace that the second act leaves behind."""
    found = _somebody(demo)
    if found is None:
        return
    address, contact = found
    base = f"http://127.0.0.1:{port}"
    with (demo.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[webhooks]\npublic_url = "{base}"\nevery = "1h"\n')
    demo.environment |= {variable(hook_secret("hubspot"), "secret"): HUBSPOT_SECRET}
    demo.title("From now on nobody has to run a sync: the platforms tell by themselves")
    with _served(demo, port):
        demo.run("webhooks", "mailchimp", "--setup", waits=True)
        hooks = {"url": f"{base}/webhooks/hubspot", "events": ["contact.creation"], "properties": FOLLOWED}
        demo.human(0, "set_webhooks", hooks)
        demo.told["told"] = {"email": address, "contact": contact, "name": NEW_NAME}
        demo.title(f"{address} has a new name in HubSpot")
        demo.human(0, "update", {"id": contact, "props": {"lastname": NEW_NAME}})
        _shows(demo, "Mailchimp shows it", lambda: _last_name(demo, address) == NEW_NAME)
        demo.title(f"{address} unsubscribes from the newsletter")
        demo.human(1, "unsubscribe", {"email": address})
        _shows(demo, "HubSpot knows it", lambda: _opted_out(demo, contact))
        _until(demo, lambda: not demo.answer("inbox", "--waiting")["deliveries"])
    demo.dump("8-told")
    demo.run("inbox", "--limit", "4")


@contextmanager
def _served(demo: Demo, port: int) -> Iterator[None]:
    """`regulars serve` in the background; what it says is shown at the end."""
    arguments = ["serve", "--port", str(port)]
    demo.show(arguments)
    log = demo.folder / "serve.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*demo.command(), *arguments], stdout=file, stderr=subprocess.STDOUT, env=demo.environment
        )
    try:
        _until(demo, lambda: b"Listening" in log.read_bytes() or process.poll() is not None)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    demo.title("What `regulars serve` said meanwhile")
    demo.console.print(log.read_text("utf-8").rstrip(), markup=False)


def _somebody(demo: Demo) -> tuple[str, str] | None:
    """Somebody subscribed with one record on each side and nothing to decide: an address, and their contact's id."""
    contacts = {
        line["properties"].get("email"): line
        for line in json_lines(demo.fetch(0, "state"))
        if line["kind"] == "contact" and not line["archived"] and line["properties"].get("hs_email_optout") != "true"
    }
    for line in json_lines(demo.fetch(1, "state")):
        contact = contacts.get(line.get("email_address"))
        if line["kind"] != "member" or line["status"] != "subscribed" or contact is None:
            continue
        if line["merge_fields"]["LNAME"] != contact["properties"].get("lastname"):
            continue
        records = demo.answer("person", line["email_address"], waits=True)["records"]
        if sorted(one["connection"] for one in records) == ["hubspot", "mailchimp"]:
            return str(line["email_address"]), str(contact["id"])
    return None


def _shows(demo: Demo, what: str, seen: Callable[[], bool]) -> None:
    """Wait until it is there, and say how long that took."""
    began = time.monotonic()
    _until(demo, seen)
    demo.console.print(f"[good]{what}[/] after {time.monotonic() - began:.2f} seconds.")


def _until(demo: Demo, seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS_TO_SHOW
    while not seen():
        if time.monotonic() > deadline:
            demo.console.print(f"[bad]It did not come within {SECONDS_TO_SHOW:.0f} seconds[/]; see serve.log.")
            raise typer.Exit(3)
        time.sleep(0.02)


def _last_name(demo: Demo, address: str) -> str:
    return next((str(one["merge_fields"]["LNAME"]) for one in _members(demo) if one["email_address"] == address), "")


def _members(demo: Demo) -> Iterator[dict[str, Any]]:
    return (line for line in json_lines(demo.fetch(1, "state")) if line["kind"] == "member")


def _opted_out(demo: Demo, contact: str) -> bool:
    for line in json_lines(demo.fetch(0, "state")):
        if line["kind"] == "contact" and str(line["id"]) == contact:
            return bool(line["properties"].get("hs_email_optout") == "true")
    return False
