"""Somebody asks to be forgotten: here at once, on the platforms for good, and at the next import as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shop import Shop


def _on_both(town: Shop) -> tuple[str, str]:
    """Somebody with a record on each platform: their id and address."""
    for line in town.run("people", "--limit", "500", "--json").json["people"]:
        records = town.run("person", line["id"], "--json").json["records"]
        if {one["connection"] for one in records} == {"hubspot", "mailchimp"} and len(records) == 2:
            return line["id"], line["email"]
    raise AssertionError("nobody is on both")


def _on_disk(folder: Path, text: str) -> list[str]:
    """The files of the business in which a text stands, however it is spelled."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if text.lower().encode() in path.read_bytes().lower()]


@pytest.fixture
def synced(town: Shop) -> Shop:
    """A business after its first sync."""
    town.run("sync")
    return town


def test_whoever_asks_is_erased_everywhere(synced: Shop) -> None:
    """
    Both platforms have erased them for good, no file of the business holds their address, and the next sync is silent.
    """
    assert synced.street is not None
    who, address = _on_both(synced)
    before = _on_disk(synced.folder, address)
    done = synced.run("erase", who, "--yes")
    audience = next(iter(synced.street.mailchimp.state.audiences.values()))
    second = synced.run("sync", "--full", "--json").json
    listed = synced.run("erase", "--json").json["erasures"]

    assert before == ["regulars.db"]
    assert done.code == 0, done.out + done.err
    assert "Erased at hubspot" in done.out
    assert "Erased at mailchimp" in done.out
    assert _on_disk(synced.folder, address) == []
    assert synced.street.hubspot.portal.find(address, "email") is None
    assert audience.find(address) is None
    assert synced.run("person", who).code == 2
    assert second["planned"] == 0
    assert [(one["records"], one["waiting"], one["done"] > 0) for one in listed] == [(2, {}, True)]


def test_nobody_is_erased_unasked(synced: Shop) -> None:
    """
    Without somebody to ask and without --yes, nothing is erased, here or there.
    """
    who, address = _on_both(synced)
    refused = synced.run("erase", who)

    assert refused.code == 1
    assert "Nobody was erased" in refused.err
    assert synced.run("person", who, "--json").json["email"] == address
    assert synced.run("erase", "--json").json["erasures"] == []


def test_whoever_comes_back_is_kept_out_until_they_are_let_in(synced: Shop) -> None:
    """
    A record made after the erasure is not taken in, and the reason names the way in. Let in, they are somebody new, and
    what they withdrew before stays withdrawn.
    """
    assert synced.street is not None
    who, address = _on_both(synced)
    synced.street.mailchimp.human_unsubscribe(address)
    synced.run("sync")
    synced.run("erase", who, "--yes")
    synced.street.hubspot.human_create({"email": address, "lastname": "Back"})
    kept = synced.run("sync", "--full", "--json").json
    known = synced.run("people", address, "--json").json["people"]
    lifted = synced.run("erase", "--lift", address.upper())
    synced.run("sync", "--full")
    (back,) = synced.run("people", address, "--json").json["people"]

    assert kept["connections"]["hubspot"]["refused"] == 1
    assert known == []
    assert lifted.code == 0
    assert back["id"] != who
    assert synced.run("person", back["id"], "--json").json["consent"][address]["state"] == "withdrawn"
    assert synced.run("erase", "--lift", address).code == 1


def test_where_we_may_not_write_somebody_else_erases(synced: Shop) -> None:
    """
    A connection that is only read is left to a person; each sync looks whether it is done, and says so once it is.
    """
    assert synced.street is not None
    who, address = _on_both(synced)
    synced.run(
        "connect", "hubspot", "--direction", "read", "--base-url", synced.hubspot, HUBSPOT_TOKEN="sandbox-hubspot-demo"
    )
    done = synced.run("erase", who, "--yes")
    waiting = synced.run("erase", "--json").json["erasures"][0]
    contact = synced.street.hubspot.portal.find(address, "email")
    assert contact is not None
    synced.street.hubspot.human_erase(str(contact.id))
    synced.run("sync")
    after = synced.run("erase", "--json").json["erasures"][0]

    assert done.code == 1
    assert "To be erased at hubspot by you" in done.out
    assert waiting["waiting"] == {"hubspot": 1}
    assert (after["waiting"], after["done"] > 0) == ({}, True)
