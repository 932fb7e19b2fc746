"""Exported files beside two live platforms: connected, synced, replaced by a newer export."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regulars import street, try_examples
from sandbox.mailchimp_state import key_of
from sandbox.town import Town, build_town
from tests.cli.shop import Shop
from tests.connectors import exports

HEADING = "Record ID,First Name,Last Name,Email,Phone Number,Create Date,Last Modified Date"
LEFT = "Email Address,First Name,Last Name,UNSUB_TIME,UNSUB_REASON,LEID,EUID"
PHONE = "+49 30 901820"


@pytest.fixture(scope="module")
def town() -> Town:
    """The people whom the rehearsed platforms hold."""
    return build_town(people=60, seed=3)


@pytest.fixture
def business(store_url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A business with both platforms, its store on SQLite and on PostgreSQL in turn."""
    if store_url is not None:
        monkeypatch.setenv("REGULARS_DATABASE", store_url)
    made = street.build(60, 3, quotas=False)
    with street.open_street(made, [0, 0]) as (hubspot, mailchimp):
        shop = Shop(tmp_path, hubspot, mailchimp, made)
        shop.open()
        yield shop


def alone(shop: Shop, *options: str) -> Shop:
    """A business of the made-up exports alone."""
    assert shop.run("init", "--name", "Backhaus", "--country", "DE").code == 0
    try_examples.put(shop.folder / "exports")
    assert shop.run("connect", "files", "--file", "exports/hubspot-contacts.csv", *options).code == 0
    return shop


def mailed(town: Town) -> str:
    """Somebody whom both platforms mail, and who never said so by an act of their own."""
    contacts: list[Any] = [one["properties"] for one in town.contacts]
    members: list[Any] = [one for one in town.members if one["status"] == "subscribed" and not one["ip_opt"]]
    there = {one.get("email", "").lower() for one in contacts if one.get("hs_email_optout") != "true"}
    return next(str(one["email_address"]) for one in members if one["email_address"].lower() in there)


def without_phone(town: Town) -> str:
    """Somebody at HubSpot alone, once, of whom no phone number is known."""
    contacts: list[Any] = [one["properties"] for one in town.contacts]
    known = Counter(str(one.get("email", "")).lower() for one in contacts)
    known.update(str(one["email_address"]).lower() for one in town.members)
    return next(
        str(one["email"])
        for one in contacts
        if not one.get("phone") and known[str(one.get("email", "")).lower()] == 1 and "info" not in one["email"]
    )


def test_files_and_two_platforms_in_one_sync(business: Shop, town: Town) -> None:
    """
    Who left by the old audience leaves both platforms; a blank is filled from the old contacts; nobody is created;
    the next run reads no file and writes nothing.
    """
    assert business.street is not None
    leaver, blank = mailed(town), without_phone(town)
    contacts = business.folder / "contacts.csv"
    contacts.write_text(
        f"{HEADING}\n1,,,{blank},{PHONE},2020-01-01 10:00,2020-01-02 10:00\n"
        "2,Only,Here,only@here.example,,2020-01-01 10:00,\n",
        "utf-8",
    )
    left = f"{LEFT}\n{leaver},,,2024-05-05 18:30:00,NORMAL,7,e7\n"
    (business.folder / "old.zip").write_bytes(exports.packed(unsubscribed=left))
    for name, file in (("contacts", "contacts.csv"), ("audience", "old.zip")):
        done = business.run("connect", "files", "--name", name, "--file", file)
        assert done.code == 0, done.err
    counted = len(business.street.hubspot.state.contacts)
    first = business.run("sync", "--json").json
    second = business.run("sync", "--json").json
    state = business.street.hubspot.state
    filled, out = (state.contacts[state.by_email[one.lower()]].props for one in (blank, leaver))
    member = business.street.mailchimp.list_of(None).find(key_of(leaver))

    assert first["failures"] == {}
    assert (first["connections"]["contacts"]["new"], first["connections"]["audience"]["new"]) == (2, 1)
    assert filled["phone"] == PHONE
    assert out["hs_email_optout"] == "true"
    assert member is not None
    assert member.status == "unsubscribed"
    assert len(state.contacts) == counted, "nobody is created for a file"
    assert business.run("person", "only@here.example", "--json").json["records"][0]["connection"] == "contacts"
    assert [second["connections"][name]["pulled"] for name in ("contacts", "audience")] == [0, 0]
    assert second["planned"] == 0


def test_a_newer_export_is_read_and_a_missing_person_stays(shop: Shop) -> None:
    """
    An export may be of a part: who is not in it is known as before.
    """
    alone(shop)
    shop.run("sync")
    before = shop.run("people", "--json").json["total"]
    path = shop.folder / "exports" / "hubspot-contacts.csv"
    path.write_text(path.read_text("utf-8").replace("104,Dora,", "104,Doris,").replace("109,Hugo", "119,Hugo"), "utf-8")
    answer = shop.run("sync", "--json").json["connections"]["files"]

    assert (answer["pulled"], answer["changed"], answer["new"], answer["gone"]) == (9, 1, 1, 0)
    assert shop.run("person", "dora@diehl.example", "--json").json["values"]["given_name"]["value"] == "Doris"
    assert shop.run("people", "--json").json["total"] == before


def test_of_whole_exports_a_missing_person_is_gone(shop: Shop) -> None:
    """
    As a person said, with --whole; and not while there is a row that cannot be read, as it may be theirs.
    """
    alone(shop, "--whole")
    shop.run("sync")
    path = shop.folder / "exports" / "hubspot-contacts.csv"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("109,Hugo")) + "\n", "utf-8")
    doubtful = shop.run("sync", "--json").json["connections"]["files"]
    path.write_text("\n".join(line for line in lines if not line.startswith(("109,Hugo", "110,Ida"))) + "\n", "utf-8")
    certain = shop.run("sync", "--json").json["connections"]["files"]

    assert [(one["pulled"], one["refused"], one["gone"]) for one in (doubtful, certain)] == [(8, 1, 0), (8, 0, 1)]
    assert shop.run("person", "hugo@hahn.example", "--json").json["records"][0]["state"] == "gone"


def test_many_missing_people_stop_the_connection(shop: Shop) -> None:
    """
    Half an export is more likely than half the people gone: nothing of it counts until a person releases it.
    """
    assert shop.run("init", "--name", "Backhaus", "--country", "DE").code == 0
    path = shop.folder / "contacts.csv"
    lines = [f"{n},Ada,Arndt,a{n}@a.example,,2020-01-01 10:00," for n in range(40)]
    path.write_text("\n".join([HEADING, *lines]) + "\n", "utf-8")
    assert shop.run("connect", "files", "--file", "contacts.csv", "--whole").code == 0
    shop.run("sync")
    path.write_text("\n".join([HEADING, *lines[:20]]) + "\n", "utf-8")
    stopped = shop.run("sync", "--json").json
    shop.run("release", "files")
    released = shop.run("sync", "--json").json

    assert ["20 of 40 records are no longer listed" in str(one) for one in stopped["stops"]] == [True]
    assert stopped["connections"]["files"]["gone"] == 0
    assert released["connections"]["files"]["gone"] == 20


@pytest.mark.parametrize("text", ["", HEADING + "\n"], ids=["no bytes", "only a heading"])
def test_an_emptied_file_loses_nobody(shop: Shop, text: str) -> None:
    """
    Whoever said that exports are whole did not mean an empty one: the connection fails, and all stays.
    """
    alone(shop, "--whole")
    shop.run("sync")
    before = shop.run("people", "--json").json
    (shop.folder / "exports" / "hubspot-contacts.csv").write_text(text, "utf-8")
    answer = shop.run("sync", "--json")

    assert answer.code == 3
    assert "hubspot-contacts.csv" in answer.json["failures"]["files"]
    assert shop.run("people", "--json").json == before


def test_a_lost_column_is_named_and_clears_nothing(shop: Shop) -> None:
    """
    File, row and heading, in the answer of the run and of the doctor's next look.
    """
    alone(shop)
    shop.run("sync")
    path = shop.folder / "exports" / "hubspot-contacts.csv"
    path.write_text(path.read_text("utf-8").replace("Phone Number", "Telephone (new)"), "utf-8")
    answer = shop.run("sync")
    doctor = shop.run("doctor")

    assert answer.code == 3
    assert 'hubspot-contacts.csv, row 1: there is no column "Phone Number"' in answer.out + answer.err
    assert "no phone" in doctor.out
    assert shop.run("person", "ada@arndt.example", "--json").json["values"]["phone"]["value"] == "030 1234567"


def test_a_field_taken_out_of_a_connection_was_cleared_by_nobody(shop: Shop) -> None:
    """
    What it said is not known from there any more; it is no edit, and where clearing spreads, nothing spreads.
    """
    alone(shop)
    with (shop.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write("\n[fields.phone]\nclear = true\n")
    (shop.folder / "other.csv").write_text(f"{HEADING}\n1,,,ada@arndt.example,030 7777777,,\n", "utf-8")
    assert shop.run("connect", "files", "--name", "other", "--file", "other.csv").code == 0
    shop.run("sync")
    shop.run("connect", "files", "--fields", "given_name,family_name")
    shop.run("sync")
    shop.run("release", "files")
    answer = shop.run("sync", "--json").json["connections"]["files"]

    assert (answer["pulled"], answer["changed"]) == (9, 0)
    assert shop.run("person", "ada@arndt.example", "--json").json["values"]["phone"]["value"] == "030 7777777"


def test_what_connect_writes(shop: Shop) -> None:
    """
    Files as they were named, the fields that they have, direction `read`; no credential is kept.
    """
    alone(shop, "--whole")
    section = tomllib.loads((shop.folder / "regulars.toml").read_text("utf-8"))["connections"]["files"]
    again = shop.run("connect", "files", "--no-whole", "--json").json

    assert section["files"] == ["exports/hubspot-contacts.csv"]
    assert (section["direction"], section["whole"]) == ("read", True)
    assert section["fields"][:3] == ["given_name", "family_name", "phone"]
    assert (again["settings"]["files"], again["settings"]["whole"]) == (section["files"], False)
    assert not (shop.folder / "regulars.key").exists()


def test_a_renamed_column_is_said_when_connecting(shop: Shop) -> None:
    """
    It is kept, and understood by the next runs.
    """
    assert shop.run("init", "--name", "Backhaus", "--country", "DE").code == 0
    exports.put(shop.folder)
    done = shop.run("connect", "files", "--file", "kontakte.csv", *exports.RENAMED)
    section = tomllib.loads((shop.folder / "regulars.toml").read_text("utf-8"))["connections"]["files"]
    answer = shop.run("sync", "--json").json

    assert done.code == 0, done.err
    assert section["columns"] == {"E-Mail": "email", "Vorname": "given_name", "nachname": "family_name"}
    assert (answer["connections"]["files"]["new"], answer["failures"]) == (9, {})
    assert shop.run("person", "zoe@mueller.example", "--json").json["values"]["given_name"]["value"] == "Zoë"


MISTAKES = (
    (("files", "--file", "exports/hubspot-contacts.csv", "--column", "E-Mail=emial"), '"email"'),
    (("mailchimp", "--column", "E-Mail=email"), "Mailchimp is not read from files"),
    (("files",), "Which files?"),
    (("files", "--file", "nowhere.csv"), "There is no file nowhere.csv"),
    (("files", "--file", "exports"), "Connect the exports of each by themselves"),
    (("files", "--file", "exports/hubspot-contacts.csv", "--direction", "both"), "cannot be written"),
    (("files", "--file", "exports/hubspot-contacts.csv", "--oauth"), "takes no OAuth credential"),
    (("files", "--file", "exports/hubspot-contacts.csv", "--fields", "birthday"), 'no field "birthday"'),
    (("hubspot", "--file", "exports/hubspot-contacts.csv"), "HubSpot is not read from files"),
    (("hubspot", "--whole"), "--whole is said of files"),
)


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_what_cannot_be_connected_is_refused_in_a_sentence(shop: Shop, arguments: tuple[str, ...], said: str) -> None:
    """
    Nothing is kept of it.
    """
    assert shop.run("init", "--name", "Backhaus", "--country", "DE").code == 0
    try_examples.put(shop.folder / "exports")
    answer = shop.run("connect", *arguments, HUBSPOT_TOKEN="sandbox-x")

    assert answer.code in (2, 3), answer.out
    assert said in answer.err
    assert "[connections" not in (shop.folder / "regulars.toml").read_text("utf-8")


WRONG = (
    ('platform = "files"\n', ("line 6", "connections.files", "names no file")),
    (
        'platform = "files"\nfiles = ["a.csv"]\ndirection = "fill"\n',
        ("connections.files.direction", "cannot be written"),
    ),
    ('platform = "mailchimp"\nfiles = ["a.csv"]\n', ("connections.files.files", "not read from files")),
    (
        'platform = "files"\nfiles = ["a.csv"]\ncustom = {bread = "Bread"}\n',
        ("connections.files.custom", "of your own"),
    ),
    ('platform = "files"\nfiles = ["a.csv"]\ncolumns = {Mail = "emial"}\n', ("connections.files.columns", '"email"')),
    ('platform = "files"\nfiles = "a.csv"\n', ("connections.files.files", "expected a list")),
)


@pytest.mark.parametrize(("section", "said"), WRONG)
def test_a_wrong_section_is_told_with_its_key(shop: Shop, section: str, said: tuple[str, ...]) -> None:
    """
    Before anything is opened.
    """
    assert shop.run("init", "--name", "Backhaus", "--country", "DE").code == 0
    path = shop.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8") + f"\n[connections.files]\n{section}", "utf-8")
    answer = shop.run("sync")

    assert answer.code == 2
    assert all(one in answer.err for one in said if not one.startswith("line")), answer.err
