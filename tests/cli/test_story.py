"""The commands in the order in which a business meets them, and what each answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.shop import CREDENTIALS, Shop

LOOKING = (
    ("connections",),
    ("status",),
    ("people",),
    ("people", "a"),
    ("conflicts",),
    ("duplicates",),
    ("runs",),
    ("doctor",),
    ("plan",),
)


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_each_command_that_looks_answers_in_words_and_in_json(settled_town: Shop, command: tuple[str, ...]) -> None:
    """
    Words carry no colour codes or boxes in a pipe; --json gives one document and nothing else.
    """
    words, document = settled_town.run(*command), settled_town.run(*command, "--json")

    assert words.code in (0, 1), words.err
    assert document.code == words.code
    assert document.json is not None
    assert not re.search(r"\x1b|[─│┃━]", words.out + words.err)
    assert words.out.strip()


def test_a_person_is_found_by_id_former_id_address_and_name(settled_town: Shop) -> None:
    """
    WHO is whatever a person has at hand.
    """
    everybody = settled_town.run("people", "--limit", "500", "--json").json["people"]
    twice = next(one for one in everybody if one["records"] > 1 and one["name"])
    person = settled_town.run("person", twice["id"], "--json").json
    names = [one["name"] for one in everybody]

    for who in (twice["id"], *person["aliases"], person["email"], person["email"].upper()):
        assert settled_town.run("person", who, "--json").json["id"] == twice["id"]
    if names.count(twice["name"]) == 1:
        assert settled_town.run("person", twice["name"], "--json").json["id"] == twice["id"]


def test_why_rests_on_the_fold(settled_town: Shop) -> None:
    """
    Each value that `person` shows is explained by `why` with the record that it comes from and the rule.
    """
    everybody = settled_town.run("people", "--limit", "500", "--json").json["people"]
    twice = next(one for one in everybody if one["records"] > 1)
    person = settled_town.run("person", twice["id"], "--json").json
    answer = settled_town.run("why", twice["id"], "--json").json

    assert answer["links"], "two records are linked by something"
    for name, choice in person["values"].items():
        part = settled_town.run("why", twice["id"], name, "--json").json
        claims = {(said["connection"], said["remote_id"]) for said in part["claims"]}
        assert part["choice"] == choice
        assert (choice["connection"], choice["remote_id"]) in claims
        assert settled_town.run("why", twice["id"], name).code == 0


def test_an_ambiguous_name_is_listed_and_an_unknown_one_refused(settled_town: Shop) -> None:
    """
    Nobody is picked by chance.
    """
    many, nobody = settled_town.run("person", "e"), settled_town.run("person", "zz-nobody")

    assert (many.code, nobody.code) == (2, 2)
    assert "p_" in many.err
    assert "regulars people" in nobody.err


def test_a_dry_run_writes_nothing_and_plans_what_the_sync_writes(town: Shop) -> None:
    """
    The same state gives the same plan hash as the real run.
    """
    dry = town.run("sync", "--dry-run", "--json").json
    planned = town.run("plan", "--json").json
    real = town.run("sync", "--json").json

    assert dry["plan_hash"] == planned["hash"]
    assert dry["planned"] == planned["count"] > 0
    assert sum(part["applied"] for part in dry["connections"].values()) == 0
    assert sum(part["applied"] for part in real["connections"].values()) >= planned["count"] * 0.5


def test_a_plan_in_a_file_is_carried_out_exactly_and_not_after_it_was_edited(town: Shop) -> None:
    """
    `plan --out` and `apply`: what was approved leaves, and an edited file does not.
    """
    made = town.run("plan", "--out", "plan.jsonl", "--json").json
    edited = (town.folder / "plan.jsonl").read_text("utf-8").replace('"only"', '"newest"', 1)
    (town.folder / "edited.jsonl").write_text(edited, "utf-8")
    refused = town.run("apply", "edited.jsonl")
    done = town.run("apply", "plan.jsonl", "--json").json
    again = town.run("apply", "plan.jsonl")

    assert made["count"] == done["planned"]
    assert refused.code == 2
    assert "changed after it was made" in refused.err
    assert again.code == 1, "the world has moved: nothing of it is left to do"


def test_settle_sync_undo_and_quiet(town: Shop) -> None:
    """
    A settled field is carried over, taken back by undo, and stays so.
    """
    town.run("sync")
    before = {one["field"]: one["people"] for one in town.run("conflicts", "--json").json["fields"]}
    field = next(iter(before))
    settled = town.run("settle", field, "--prefer", "hubspot", "--json").json
    after = {one["field"]: one["people"] for one in town.run("conflicts", "--json").json["fields"]}
    carried = town.run("sync", "--json").json
    undone = town.run("undo", str(carried["run"]), "--json").json
    quiet = town.run("sync", "--json").json

    assert settled["settled"] == before[field]
    assert after.get(field, 0) == 0, "what was decided shows at once"
    written = sum(part["applied"] for part in carried["connections"].values())
    assert 0 < written <= settled["settled"], "a second record of one person is settled and not written to"
    assert sum(part["applied"] for part in undone["connections"].values()) == written
    assert quiet["planned"] == 0


def test_join_split_and_leave_alone_by_a_person(town: Shop) -> None:
    """
    Two people become one and two again, at a person's word, and someone is left alone.
    """
    town.run("sync", "--pull-only")
    everybody = town.run("people", "--limit", "500", "--json").json["people"]
    one, other = [line for line in everybody if line["records"] == 1][:2]
    joined = town.run("join", one["id"], other["id"])
    together = town.run("person", other["id"], "--json").json
    split = town.run("split", one["id"], together["records"][0]["remote_id"])
    apart = [town.run("person", who["id"], "--json").json["id"] for who in (one, other)]

    assert (joined.code, split.code) == (0, 0), joined.err + split.err
    assert len(together["records"]) == 2
    assert apart[0] != apart[1]
    assert town.run("leave-alone", one["id"]).code == 0
    assert town.run("release", "--who", one["id"]).code == 0


def test_rebuild_gives_the_same_people(town: Shop) -> None:
    """
    People are derived: worked out again, they are the same, with the same ids.
    """
    town.run("sync")
    before = town.run("people", "--limit", "500", "--json").json
    rebuilt = town.run("rebuild", "--json").json

    assert rebuilt["people"] == before["total"]
    assert town.run("people", "--limit", "500", "--json").json == before


def test_disconnect_forgets_the_credential(town: Shop) -> None:
    """
    A closed connection has no credential and no settings any more.
    """
    done = town.run("disconnect", "mailchimp", "--yes")

    assert done.code == 0, done.err
    assert "mailchimp" not in (town.folder / "regulars.toml").read_text("utf-8")
    assert [one["name"] for one in town.run("connections", "--json").json] == ["hubspot"]


def test_a_lead_is_chosen_by_a_person(town: Shop) -> None:
    """
    `duplicates` names the record to keep; `lead` keeps the other one.
    """
    town.run("sync")
    one = town.run("duplicates", "--json").json[0]
    done = town.run("lead", one["person"], one["merge"])
    after = next(line for line in town.run("duplicates", "--json").json if line["person"] == one["person"])

    assert done.code == 0, done.err
    assert (after["keep"], after["merge"]) == (one["merge"], one["keep"])


def test_the_credential_is_kept_encrypted_and_shown_nowhere(town: Shop) -> None:
    """
    No file of the folder, and no answer, holds the credential in clear text.
    """
    town.run("sync")
    answers = [town.run(*command, "--json").out for command in LOOKING]

    for secret in CREDENTIALS.values():
        assert not any(secret in answer for answer in answers)
        for path in Path(town.folder).iterdir():
            assert secret.encode() not in path.read_bytes(), path
