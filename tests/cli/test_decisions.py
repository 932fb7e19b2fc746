"""What people decide, as they see it: it is said in full, shows at once, and can be taken back by itself."""

from __future__ import annotations

import pytest

from tests.cli.shop import Answer, Shop


def _written(answer: Answer) -> set[str]:
    """The people to whom a plan would write."""
    return {write["person"] for write in answer.json["writes"] if write["kind"] != "opt_out"}


def test_being_left_alone_is_shown_and_taken_back(town: Shop) -> None:
    """
    `leave-alone` keeps every write away, `person` says so, and `--off` takes back just that.
    """
    planned = _written(town.run("plan", "--json"))
    who = min(planned)
    before = town.run("person", who, "--json").json["left_alone"]
    said = town.run("leave-alone", who)
    alone, words = town.run("person", who, "--json").json["left_alone"], town.run("person", who).out
    without = _written(town.run("plan", "--json"))
    off = town.run("leave-alone", who, "--off", "--json").json
    after = town.run("person", who)

    assert (before, alone) == (False, True)
    assert f"regulars leave-alone {who} --off" in said.out
    assert "Left alone since" in words
    assert f"regulars leave-alone {who} --off" in words
    assert without == planned - {who}
    assert off == {"person": who, "left_alone": False}
    assert "Left alone" not in after.out
    assert _written(town.run("plan", "--json")) == planned
    assert "was not left alone" in town.run("leave-alone", who, "--off").out


def test_taking_back_that_somebody_is_left_alone_releases_nothing_else(town: Shop) -> None:
    """
    What was undone at this person stays undone.
    """
    town.run("sync")
    field = town.run("conflicts", "--json").json["fields"][0]["field"]
    town.run("settle", field, "--prefer", "hubspot")
    run = town.run("sync", "--json").json["run"]
    town.run("undo", str(run))
    who = _held(town)
    town.run("leave-alone", who)
    town.run("leave-alone", who, "--off")

    assert town.run("sync", "--json").json["planned"] == 0
    assert town.run("release", "--who", who, "--json").json["released"] > 0


def _held(town: Shop) -> str:
    """Somebody at whom something is held that was undone."""
    for one in town.run("people", "--limit", "500", "--json").json["people"]:
        for finding in town.run("person", one["id"], "--json").json["findings"]:
            if finding["detail"].startswith("undone"):
                return str(one["id"])
    raise AssertionError("nobody holds what was undone")


def test_split_names_both_people(town: Shop) -> None:
    """
    The answer says who each of the two is now, with the records that are theirs.
    """
    town.run("sync", "--pull-only")
    everybody = town.run("people", "--limit", "500", "--json").json["people"]
    twice = [one["id"] for one in everybody if one["records"] == 2]
    ones = [town.run("person", who, "--json").json for who in twice[:2]]
    apart = [one["records"][1]["remote_id"] for one in ones]
    document = town.run("split", twice[0], apart[0], "--json").json
    words = town.run("split", twice[1], apart[1]).out
    ids = {town.run("person", record["remote_id"], "--json").code for record in ones[0]["records"]}

    assert ids == {2}, "a remote id is nobody's name"
    assert [len(one["records"]) for one in document["people"]] == [1, 1]
    assert {one["records"][0]["remote_id"] for one in document["people"]} == {
        record["remote_id"] for record in ones[0]["records"]
    }
    assert len({one["id"] for one in document["people"]}) == 2
    for one in document["people"]:
        shown = town.run("person", one["id"], "--json").json
        assert (shown["name"], shown["email"]) == (one["name"], one["email"])
    now = [line for line in town.run("people", "--limit", "500", "--json").json["people"] if line["id"] in words]
    assert len(now) == 2
    assert all(line["name"] in words and line["email"] in words for line in now)


def test_connections_name_the_account_from_the_start(town: Shop) -> None:
    """
    What `connect` opened is shown before anything was read.
    """
    accounts = [one["account"] for one in town.run("connections", "--json").json]

    assert accounts == ["HubSpot account 4242", "The Corner Bakery (sandbox)"]
    assert "not opened yet" not in town.run("status").out


def test_connecting_again_keeps_the_account_that_was_known(town: Shop) -> None:
    """
    Another account behind the same name is for the guard and a person to decide, not for `connect`.
    """
    from sync import runs
    from sync.store.database import open_database

    with open_database(None, town.folder, now=lambda: 1) as database:
        runs.connected(database, "hubspot", "hubspot", "9999", "Somebody else")
        known = runs.connection(database, "hubspot")

    assert known.account == "4242"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["settle", "last", "--prefer", "hubspot"], '"family_name" (Last name)'),
        (["settle", "name", "--prefer", "hubspot"], '"given_name" (First name) or "family_name" (Last name)'),
        (["settle", "phon", "--prefer", "hubspot"], '"phone"'),
        (["conflicts", "surname"], '"family_name" (Last name)'),
        (["conflicts", "frist name"], '"given_name" (First name)'),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_an_unknown_field_names_the_nearest(settled_town: Shop, command: list[str], words: str) -> None:
    """
    Names and labels are searched, as people remember them.
    """
    answer = settled_town.run(*command)

    assert answer.code == 2
    assert words in answer.err


def test_a_dry_run_says_what_it_would_write(town: Shop) -> None:
    """
    Nothing of it is late or waits for anybody.
    """
    words = town.run("sync", "--dry-run")
    dry = town.run("sync", "--dry-run", "--json").json
    listed = town.run("runs").out.splitlines()
    heads, first = (next(line for line in listed if word in line) for word in ("waiting", "dry run"))

    assert "would write" in words.out
    assert "written" not in words.out.replace("nothing was written", "")
    assert sum(part["would_write"] for part in dry["connections"].values()) == dry["planned"] > 0
    assert sum(part["pending"] + part["held"] for part in dry["connections"].values()) == 0
    assert dry["closes"]
    assert first.split()[-2] == "0", heads
