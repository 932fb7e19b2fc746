"""What was left as it is, and what waits: listed with names and reasons, and taken back where it was a mistake."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from regulars.config import parse
from regulars.wiring import policies
from tests.cli.shop import Shop

HUBSPOT = '[business]\nname = "B"\ncountry = "DE"\n[connections.crm]\nplatform = "hubspot"\nfields = ["given_name"]\n'


def _fault(address: str, **fault: object) -> None:
    """Let the platform at *address* misbehave."""
    body = json.dumps(fault).encode()
    urlopen(Request(f"{address}/_sandbox/faults", body, {"Content-Type": "application/json"})).close()


def _brake(shop: Shop, brake: str) -> None:
    """Let HubSpot, the first connection of the file, stop at any such write."""
    path = shop.folder / "regulars.toml"
    limit = f'direction = "both"\nbrakes.{brake} = {{ share = 0.0, floor = 0 }}'
    path.write_text(path.read_text("utf-8").replace('direction = "both"', limit, 1), "utf-8")


def _settled(town: Shop) -> int:
    """A conflict settled and carried over; the run that did it."""
    town.run("sync")
    field = town.run("conflicts", "--json").json["fields"][0]["field"]
    town.run("settle", field, "--prefer", "hubspot")
    return int(town.run("sync", "--json").json["run"])


def test_what_is_held_is_listed_with_who_and_why(town: Shop) -> None:
    """
    After an undo `held` names each person and the reason, `status` says where to look, and a release empties the list.
    """
    town.run("undo", str(_settled(town)))
    document = town.run("held", "held", "--json")
    undone = [line for line in document.json if line["why"].startswith("undone")]
    words, narrow = town.run("held", "held"), town.run("held", "refused")
    status = town.run("status").out
    for line in undone:
        town.run("release", "--who", line["person"])

    assert undone
    assert document.code == 0
    assert undone[0]["name"] in words.out
    assert "undone; held until somebody edits it" in words.out
    assert "Nothing is held back" in narrow.out
    assert "regulars held" in status
    assert not [line for line in town.run("held", "--json").json if line["why"].startswith("undone")]


@pytest.mark.parametrize(
    ("arguments", "words"), [(["helt"], '"held"'), (["conflict"], "contested"), (["--field", "phon"], '"phone"')]
)
def test_what_cannot_be_listed_names_what_can(settled_town: Shop, arguments: list[str], words: str) -> None:
    """
    A word that is none of them ends in 2.
    """
    answer = settled_town.run("held", *arguments)

    assert answer.code == 2
    assert words in answer.err


def test_an_undo_that_a_guard_stopped_can_be_taken_back(town: Shop) -> None:
    """
    It wrote nothing yet, but it was said: undoing it lifts what it holds, and nothing is left to write.
    """
    run = _settled(town)
    path = town.folder / "regulars.toml"
    path.write_text(
        path.read_text("utf-8").replace(
            'direction = "both"', 'direction = "both"\nbrakes.changes = { share = 0.0, floor = 0 }'
        ),
        "utf-8",
    )
    undo = town.run("undo", str(run), "--json").json
    waiting = town.run("plan", "--json").json["count"]
    back = town.run("undo", str(undo["run"]))
    again = town.run("undo", str(undo["run"]))

    assert undo["stops"]
    assert sum(part["applied"] for part in undo["connections"].values()) == 0
    assert waiting > 0
    assert back.code in (0, 1), back.err
    assert town.run("plan", "--json").json["count"] == 0
    assert (again.code, "nothing to take back" in again.err) == (2, True)


def test_what_rests_on_a_stopped_connection_is_said_to_wait_for_it(town: Shop) -> None:
    """
    Nobody has to guess why the other side is not written either.
    """
    _brake(town, "opt_outs")
    answer = town.run("sync")
    released = town.run("release"), town.run("sync")

    assert "hubspot stopped before anything was written" in answer.out
    assert "rest on what hubspot shows, and wait until hubspot goes on" in answer.out
    assert "wait until" not in released[1].out


def test_what_a_failed_connection_should_get_waits_for_the_next_run(town: Shop) -> None:
    """
    A platform that does not answer is nobody's decision: its writes come later, by themselves.
    """
    town.run("sync", "--dry-run")
    _fault(town.mailchimp, kind="html", times=1000)
    answer = town.run("sync", "--json")
    _fault(town.mailchimp, clear=True)
    told = answer.json["connections"]["mailchimp"]
    after = town.run("sync", "--json").json

    assert answer.code == 3
    assert (told["held"], told["pending"]) == (0, told["planned"])
    assert told["planned"] > 0
    assert after["connections"]["mailchimp"]["applied"] > 0


def test_a_dry_run_says_what_may_cost_money(town: Shop) -> None:
    """
    How many records it would make and how many it would opt out, as the sync then does.
    """
    path = town.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8").replace('create = "none"', 'create = "everyone"', 1), "utf-8")
    words, dry = town.run("sync", "--dry-run"), town.run("sync", "--dry-run", "--json").json
    real = town.run("sync", "--json").json

    assert "platforms may bill for contacts" in words.out
    assert "See each change: regulars plan" in words.out
    for name, part in dry["connections"].items():
        assert part["opt_outs"] == real["connections"][name]["opt_outs"]
    assert dry["connections"]["hubspot"]["creates"] >= real["connections"]["hubspot"]["creates"] > 0


def test_saying_twice_that_somebody_is_left_alone_says_nothing_new(town: Shop) -> None:
    """
    One word stands, however often it is said.
    """
    town.run("sync")
    who = town.run("people", "--limit", "1", "--json").json["people"][0]["id"]
    first, second = town.run("leave-alone", who), town.run("leave-alone", who)

    assert "from now on" in first.out
    assert "already" in second.out
    assert town.run("release", "--who", who, "--json").json["released"] == 1


def test_a_closed_connection_leaves_what_it_read_and_invents_no_conflict(town: Shop) -> None:
    """
    Its fields mean what they meant; opened again, there is nothing to write.
    """
    town.run("sync")
    before = town.run("status", "--json").json
    town.run("disconnect", "mailchimp")
    closed = town.run("sync", "--json").json
    conflicts = {one["field"] for one in town.run("conflicts", "--json").json["fields"]}
    town.open_mailchimp()
    opened = town.run("sync", "--json").json

    assert closed["people"] == before["people"] == opened["people"]
    assert closed["planned"] == opened["planned"] == 0
    assert conflicts <= {one["field"] for one in before["findings"] if one["kind"] == "conflict"}
    assert opened["conflicts"] == sum(one["count"] for one in before["findings"] if one["kind"] == "conflict")


def test_fields_mean_the_same_without_the_connection_that_carried_them() -> None:
    """
    Tags are a set and numbers are numbers of telephones, whoever is connected now.
    """
    kinds = policies(parse(HUBSPOT)).kinds

    assert (kinds["tags"].value, kinds["phone"].value, kinds["birthday"].value) == ("set", "phone", "birthday")


def test_the_doctor_says_once_that_the_store_cannot_be_opened(town: Shop) -> None:
    """
    What rests on the store is not looked at, and nothing is said twice.
    """
    (town.folder / "regulars.db").write_bytes(b"this is no database, and never was one" * 100)
    for path in town.folder.glob("regulars.db-*"):
        path.unlink()
    answer = town.run("doctor")

    assert answer.code == 2
    assert answer.out.count("is not a Regulars store") == 1
    assert "regulars.db is not" in answer.out
