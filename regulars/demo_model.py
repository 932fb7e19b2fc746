"""The second act of the demo: companies, deals and activity; segments, shown as tags and lists; exported files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regulars.demo import Demo

SEGMENT, TITLE = "gone-quiet", "Regulars: Gone quiet"
SUPPLIERS = '\n[roles.supplier]\nall = [{ organization = "role", is = "supplier" }]\n'
CREATES = ["--direction", "both"]


def second_act(demo: Demo) -> None:
    """The whole model, on the workspace that the first act leaves behind."""
    _listen(demo)
    _segments(demo)
    leaves = _show_them(demo)
    if leaves:
        _one_leaves(demo, *leaves)
    _exports(demo)


def _listen(demo: Demo) -> None:
    demo.title("There is more than addresses: companies, deals, calls, mail activity, lists")
    hubspot, mailchimp = (f"http://127.0.0.1:{demo.port + n}" for n in (0, 1))
    for name, address in (("hubspot", hubspot), ("mailchimp", mailchimp)):
        demo.run("connect", name, "--base-url", address, *CREATES, "--streams", "all")
    with (demo.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write(SUPPLIERS)
    demo.title("One rule of your own in regulars.toml: whoever works at a supplier is one")
    demo.console.print(SUPPLIERS, markup=False)
    demo.run("sync", waits=True)


def _segments(demo: Demo) -> None:
    demo.title("Who is alike? Segments that come in the box, over all of it")
    demo.run("segments")
    told = demo.answer("segments")["segments"]
    demo.told["segments"] = {one["name"]: one["size"] for one in told}
    member = _somebody(demo, SEGMENT)
    if member:
        demo.title("Each membership says why")
        demo.run("why", member, "--segment", SEGMENT)


def _show_them(demo: Demo) -> tuple[str, str] | None:
    """Show the segment at both platforms; somebody of it who is in the newsletter: an address, and their id."""
    demo.title("A segment becomes a tag in Mailchimp and a list in HubSpot")
    demo.run("segments", "--add", SEGMENT, "--to", "mailchimp=tag", "--to", "hubspot=list")
    demo.run("plan", "--limit", "6", waits=True)
    demo.run("sync", waits=True)
    demo.dump("6-shown")
    demo.told["shown"] = _ids(demo, SEGMENT)
    for line in json_lines(demo.fetch(1, "state")):
        if line["kind"] != "member" or line["status"] != "subscribed":
            continue
        if TITLE in [tag["name"] for tag in line["tags"]]:
            return str(line["email_address"]), str(line["id"])
    return None


def _one_leaves(demo: Demo, address: str, identity: str) -> None:
    demo.title(f"{address} opens a newsletter again, and so leaves the segment: the tag goes, the subscription stays")
    demo.human(1, "open", {"email": address})
    demo.run("sync", waits=True)
    demo.dump("7-left")
    demo.told["left"] = {"email": address, "member": identity}
    demo.run("segment", SEGMENT, "--limit", "3")


def _exports(demo: Demo) -> None:
    demo.title("And without any credential: what two exported files say")
    demo.run("try", "--example", "exports")
    files = sorted(f"exports/{path.name}" for path in (demo.folder / "exports").iterdir())
    demo.run("try", *files, "--country", "DE", waits=True)


def _ids(demo: Demo, segment: str) -> int:
    people: int = demo.answer("segment", segment, "--limit", "1")["size"]
    return people


def _somebody(demo: Demo, segment: str) -> str:
    members: list[dict[str, Any]] = demo.answer("segment", segment, "--limit", "1")["members"]
    return str(members[0]["id"]) if members else ""


def json_lines(body: bytes) -> list[dict[str, Any]]:
    """A sandbox's state, line by line."""
    return [json.loads(line) for line in body.decode("utf-8").split("\n") if line]
