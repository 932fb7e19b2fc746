"""`regulars try`: what it finds in exports equals what was counted by hand, and it leaves nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.cli.shop import Answer, Shop
from tests.connectors import exports

# Counted by hand in tests/connectors/exports.py. HubSpot has ten rows, of which one cannot be read (8: a quotation
# mark in a cell); Mailchimp nine, of which two cannot (a NUL, a cut row).
#   both            Jürgen (1, 5, e1), Zoë (2, e2), Ida (3, e3), Lea (7, e7), Karla (10, e8)
#   HubSpot alone   the office (4), Karl (6), Nil (9)
#   Mailchimp alone the office (e4: a role mailbox links nobody), Pia (e6)
PEOPLE = {"total": 10, "in_both": 5, "only": {"hubspot": 3, "mailchimp": 2}}
ROWS = {
    "kontakte.csv": (10, 1),
    "audience_export.zip/subscribed_members_export_4c1f0e.csv": (7, 2),
    "audience_export.zip/unsubscribed_members_export_4c1f0e.csv": (1, 0),
    "audience_export.zip/cleaned_members_export_4c1f0e.csv": (1, 0),
}
# Jürgen is "Jürgen 🥐" at Mailchimp, "Grosse" and a lead in his second contact. Ida's numbers are one in Germany.
CONFLICTS = {"given_name": 1, "family_name": 1, "lifecycle": 1}
# Zoë left at HubSpot, Lea at Mailchimp. Their phones are filled in HubSpot, Jürgen's and Karla's in Mailchimp.
PLAN = {
    name: {
        "opt_outs": 1,
        "updates": 2,
        "creates": 0,
        "blanks_filled": 2,
        "values_replaced": 0,
        "fields": {"phone": 2},
    }
    for name in ("hubspot", "mailchimp")
}


@pytest.fixture
def found(shop: Shop) -> Answer:
    """Both exports tried, in German."""
    return shop.run("try", *exports.put(shop.folder), *exports.RENAMED, "--country", "DE", "--json")


def test_the_counts_are_those_counted_by_hand(found: Answer) -> None:
    """
    Rows, people, duplicates, conflicts, opt-outs, bounces, role mailboxes and the plan.
    """
    told = found.json
    left, bounced = told["opted_out_but_mailed"], told["bounced"]

    assert {one["file"]: (one["rows"], one["unreadable"]) for one in told["files"]} == ROWS
    assert told["people"] == PEOPLE
    assert (told["duplicates"]["count"], told["duplicates"]["platforms"]) == (1, {"hubspot": 1})
    assert {one["field"]: one["people"] for one in told["conflicts"]} == CONFLICTS
    assert {(one["address"], one["mailed_by"]) for one in left["sample"]} == {
        ("zoe@mueller.example", "mailchimp"),
        ("lea@lang.example", "hubspot"),
    }
    assert (left["count"], left["platforms"]) == (2, {"hubspot": 1, "mailchimp": 1})
    assert (bounced["addresses"], bounced["still_mailed"]) == (1, 1)
    assert bounced["sample"] == [{"name": "Karla Kurz", "address": "karla@kurz.example", "mailed_by": ["hubspot"]}]
    assert told["role_mailboxes"] == {"addresses": 1, "sample": ["office@bureau.example"]}
    assert told["odd_values"]["records"] == 1
    assert told["plan"]["platforms"] == PLAN
    assert (told["plan"]["writes"], told["plan"]["stops"]) == (6, [])
    assert (found.code, told["exit"]) == (1, 1)


def test_files_are_told_by_encoding_separator_and_kind(found: Answer) -> None:
    """
    And rows that cannot be read by number and reason.
    """
    contacts, subscribed, *rest = found.json["files"]

    assert (contacts["encoding"], contacts["separator"], contacts["platform"]) == ("Windows-1252", ";", "hubspot")
    assert (subscribed["encoding"], subscribed["separator"], subscribed["kind"]) == ("UTF-8", ",", "subscribed")
    assert [one["kind"] for one in rest] == ["unsubscribed", "cleaned"]
    assert contacts["unreadable_sample"] == [{"row": 9, "reason": "a quotation mark stands in the middle of a cell"}]
    assert subscribed["unreadable_sample"] == [
        {"row": 6, "reason": "column 'First Name' holds a NUL character"},
        {"row": 7, "reason": "it has 2 cells, and the heading 21"},
    ]


def test_a_sample_shows_names_addresses_and_both_sides(shop: Shop) -> None:
    """
    The same for people: tables with what each side shows, emoji and all.
    """
    told = shop.run("try", *exports.put(shop.folder), *exports.RENAMED, "--country", "DE")

    assert told.code == 1, told.err
    for text in (
        "Jürgen 🥐",
        "Groß / Grosse",
        "zoe@mueller.example",
        "Karla Kurz",
        "Row 9 of kontakte.csv",
        "10 people",
    ):
        assert text in told.out, text


def test_nothing_is_written(shop: Shop) -> None:
    """
    No configuration, no store, no log.
    """
    names = {*exports.put(shop.folder)}
    shop.run("try", *names, *exports.RENAMED)

    assert {path.name for path in shop.folder.iterdir()} == names


def test_without_a_country_numbers_are_compared_as_written(shop: Shop) -> None:
    """
    Ida's two notations are then a conflict, and the answer says what helps.
    """
    told = shop.run("try", *exports.put(shop.folder), *exports.RENAMED)

    assert "Phone differs: 1 person" in told.out
    assert "--country DE" in told.out


def test_one_file_alone_is_enough(shop: Shop) -> None:
    """
    One export shows what it holds; there is nothing to write.
    """
    _, audience = exports.put(shop.folder)
    told = shop.run("try", audience, "--json").json

    assert told["people"] == {"total": 7, "in_both": 0, "only": {"mailchimp": 7}}
    assert told["plan"]["writes"] == 0


def test_a_renamed_address_column_is_asked_for(shop: Shop) -> None:
    """
    In a pipe by an error that names file, columns, what was expected and the option.
    """
    told = shop.run("try", *exports.put(shop.folder))

    assert told.code == 2
    assert 'kontakte.csv has no column "Email"' in told.err
    assert '"Vorname"' in told.err
    assert '--column "E-Mail=email"' in told.err


def test_other_renamed_columns_are_noted(shop: Shop) -> None:
    """
    They are not used unless somebody says what they are, and the option to say so is offered.
    """
    told = shop.run("try", *exports.put(shop.folder), "--column", "E-Mail=email", "--json").json

    assert told["files"][0]["unused"] == ["Vorname", "Nachname"]
    assert any('--column "Vorname=given_name"' in note for note in told["files"][0]["notes"])
    assert "given_name" not in {one["field"] for one in told["conflicts"]}


def test_a_file_that_cannot_say_who_left_gives_no_comfort(shop: Shop) -> None:
    """
    Its column of opt-outs has another name: nobody is called safe, and the column is offered by that name.
    """
    zoe = "Record ID;E-Mail;Create Date;Von allen E-Mails abgemeldet\n1;zoe@mueller.example;;WAHR\n"
    (shop.folder / "leute.csv").write_text(zoe, "utf-8")
    files = ("leute.csv", exports.put(shop.folder)[1])
    silent = shop.run("try", *files, "--column", "E-Mail=email")
    said = shop.run("try", *files, "--column", "E-Mail=email", "--column", "Von allen E-Mails abgemeldet=opted_out")

    assert '--column "Von allen E-Mails abgemeldet=opted_out"' in silent.out
    assert "is unknown: see leute.csv" in silent.out
    assert "zoe@mueller.example" in said.out.partition("Opted out, and still mailed: 1")[2]


MISTAKES: list[tuple[list[str], str]] = [
    (["nowhere.csv"], "There is no file"),
    (["."], "is a folder"),
    (["plain.txt"], "is no table"),
    (["empty.csv"], "is empty"),
    (["other.csv"], 'Its columns are "Name", "Town". HubSpot has Record ID, Email'),
    (["other.csv"], '--as "other.csv=hubspot"'),
    (["companies.csv"], "export of HubSpot's companies"),
    (["kontakte.csv", "--column", "E-Mail"], "is not understood"),
    (["kontakte.csv", "--column", "E-Mail=emal"], 'Did you mean "email"?'),
    (["kontakte.csv", "--column", "E-Mail=email", "--column", "Vornam=given_name"], 'Did you mean "Vorname"?'),
    (["kontakte.csv", "--column", "E-Mail=email", "--column", "Vorname=unsub_time"], 'have no "unsub_time"'),
    (["kontakte.csv", "--as", "kontakte.csv=hubspt"], "is not understood"),
    (["audience_export.zip", "--as", "kontakte.csv=hubspot"], "not among the files"),
    (["audience_export.zip", "--country", "de"], 'Did you mean "DE"?'),
    ([], "Which files?"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), MISTAKES, ids=lambda one: " ".join(one) if isinstance(one, list) else ""
)
def test_mistakes_are_told_with_what_helps(shop: Shop, arguments: list[str], said: str) -> None:
    """
    Exit code 2, one sentence, no traceback.
    """
    exports.put(shop.folder)
    (shop.folder / "plain.txt").write_text("Dear diary\nnothing happened\n", "utf-8")
    (shop.folder / "empty.csv").write_text("\n\n", "utf-8")
    (shop.folder / "other.csv").write_text("Name,Town\nAda,Kiel\n", "utf-8")
    (shop.folder / "companies.csv").write_text("Record ID,Company name,Company owner,Create Date\n1,A,B,\n", "utf-8")
    told = shop.run("try", *arguments)

    assert told.code == 2, told.out
    assert said in told.err


def test_a_person_may_say_what_a_file_is(shop: Shop) -> None:
    """
    `--as` for a table that no heading gives away.
    """
    (shop.folder / "list.csv").write_text("mail,name\na@a.example,Ada\nb@b.example,Ben\n", "utf-8")
    arguments = ["--as", "list.csv=mailchimp:unsubscribed", "--column", "mail=email", "--column", "name=given_name"]
    told: dict[str, Any] = shop.run("try", "list.csv", *arguments, "--json").json

    assert told["people"]["total"] == 2
    assert told["files"][0]["kind"] == "unsubscribed"


def test_other_tables_in_a_zip_are_left_out(shop: Shop) -> None:
    """
    A whole account's export holds reports too; they are named and do no harm. A ZIP of nothing else is refused.
    """
    (shop.folder / "a.zip").write_bytes(
        exports.packed(subscribed=exports.SUBSCRIBED, cleaned="", report="Title,Sent\n")
    )
    (shop.folder / "b.zip").write_bytes(exports.packed(report="Title,Sent\nSpring,7\n"))
    told = shop.run("try", "a.zip", "--json").json
    refused = shop.run("try", "b.zip")

    assert told["people"]["total"] == 5
    assert [name.partition("/")[2].partition("_")[0] for name in told["skipped"]] == ["cleaned", "report"]
    assert refused.code == 2
    assert '"Title", "Sent"' in refused.err


def test_a_column_that_only_one_of_two_files_has_is_not_filled_in_the_other(shop: Shop) -> None:
    """
    What a file has no column for is unknown there, not blank.
    """
    head = "Record ID,Email,Create Date,First Name"
    (shop.folder / "one.csv").write_text(f"{head},Phone Number\n1,a@a.example,,Ada,030 1\n", "utf-8")
    (shop.folder / "two.csv").write_text(f"{head}\n2,b@b.example,,\n", "utf-8")
    (shop.folder / "subscribed.csv").write_text(
        "Email Address,First Name,Phone Number,LEID,EUID,LAST_CHANGED\n"
        "a@a.example,Ada,,1,e1,\nb@b.example,Ben,030 2,2,e2,\n",
        "utf-8",
    )
    told = shop.run("try", "one.csv", "two.csv", "subscribed.csv", "--json").json

    assert told["plan"]["platforms"]["hubspot"]["fields"] == {"given_name": 1}
    assert told["plan"]["platforms"]["mailchimp"]["fields"] == {"phone": 1}


def test_the_examples_are_put_once(shop: Shop) -> None:
    """
    `--example` writes two files and replaces none.
    """
    put = shop.run("try", "--example", "exports", "--json").json
    again = shop.run("try", "--example", "exports")
    told = shop.run("try", *put["files"], "--country", "DE", "--json").json

    assert again.code == 2
    assert "is there already" in again.err
    assert told["people"] == {"total": 10, "in_both": 6, "only": {"hubspot": 2, "mailchimp": 2}}


def test_at_a_terminal_renamed_columns_are_asked_for(tmp_path: Path) -> None:
    """
    First the address, then what looks like a field that we know; the nearest known word is the default.
    """
    contacts, _ = exports.put(tmp_path)
    command = ["-m", "regulars", "-C", str(tmp_path), "try", contacts]
    child = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=40, dimensions=(60, 200))
    child.expect("Which column of kontakte.csv is the e-mail address")
    child.expect("E-Mail")
    child.sendline("")
    child.expect('What is the column "Vorname"')
    child.expect("given_name")
    child.sendline("")
    child.expect('What is the column "Nachname"')
    child.sendline("family")
    child.expect('Did you mean "family_name"')
    child.sendline("family_name")
    child.expect("8 people")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 1
