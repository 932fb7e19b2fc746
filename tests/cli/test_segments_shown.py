"""Segments out: tags and lists at the platforms, over the command line and real sockets."""

from __future__ import annotations

from typing import Any

from regulars import street
from tests.cli.shop import Shop

BADGE = "Regulars: Everybody in Ulm"
RULE = """
[segments.ulm]
title = "Everybody in Ulm"
destinations = { mailchimp = "tag", hubspot = "list" }
all = [{ field = "company", is = "Linde" }]
"""


def lines(made: street.Street, place: int, kind: str) -> list[dict[str, Any]]:
    return [line for line in made.emulators[place].dump() if line["kind"] == kind]


def carriers(made: street.Street) -> set[str]:
    """Who carries the badge in the newsletter."""
    members = lines(made, 1, "member")
    return {one["email_address"] for one in members if BADGE in [tag["name"] for tag in one["tags"]]}


def on_list(made: street.Street) -> set[str]:
    """Who is on the badge's list in the CRM."""
    return {contact for one in lines(made, 0, "list") if one["name"] == BADGE for contact in one["members"]}


def statuses(made: street.Street) -> dict[str, str]:
    return {one["email_address"]: one["status"] for one in lines(made, 1, "member")}


def test_a_segment_is_shown_and_taken_back(town: Shop) -> None:
    """Whoever comes in gets the tag and the list, whoever leaves loses them and nothing else; what a person takes off
    stays off; an undo takes all of it back; a run without news writes nothing."""
    made = town.street
    assert made is not None
    members = [one for one in lines(made, 1, "member") if one["status"] == "subscribed"]
    chosen = [one["email_address"] for one in members[:6]]
    assert town.run("sync").code in (0, 1)
    before = statuses(made)
    for address in chosen:
        made.emulators[1].human("update", {"email": address, "merge_fields": {"COMPANY": "Linde"}})
    path = town.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8") + RULE, "utf-8")

    town.run("sync")
    told = town.run("segment", "ulm", "--json").json
    quiet = town.run("sync", "--json").json
    shown, listed = carriers(made), on_list(made)

    assert shown >= {address for address in chosen if before[address] != "archived"}
    assert told["size"] >= len(chosen)
    assert listed
    assert quiet["planned"] == 0

    made.emulators[1].human("update", {"email": chosen[0], "merge_fields": {"COMPANY": "Eiche"}})
    made.emulators[1].human("untag", {"email": chosen[1], "tag": BADGE})
    town.run("sync")
    left = town.run("sync", "--json").json

    assert carriers(made) == shown - set(chosen[:2])
    assert on_list(made) <= listed
    assert left["planned"] == 0
    assert statuses(made) == before


def test_an_undo_takes_badges_back(town: Shop) -> None:
    """The run that showed a segment is undone like any other, and the next run shows it to nobody again."""
    made = town.street
    assert made is not None
    town.run("sync")
    path = town.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8") + RULE.replace('is = "Linde"', "empty = true"), "utf-8")
    run = town.run("sync", "--json").json["run"]
    shown, listed = carriers(made), on_list(made)
    town.run("undo", str(run))
    after = town.run("sync", "--json").json

    assert shown
    assert listed
    assert (carriers(made), on_list(made)) == (set(), set())
    assert after["planned"] == 0


def test_a_connection_that_segments_go_to_can_be_closed(town: Shop) -> None:
    """What they became there goes with it; the rest of the segment stays as it was written."""
    path = town.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8") + RULE, "utf-8")

    assert town.run("disconnect", "mailchimp", "--yes").code == 0
    assert town.run("segments", "--json").code == 0
    assert 'hubspot = "list"' in path.read_text("utf-8")
