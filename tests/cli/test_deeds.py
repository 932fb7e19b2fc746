"""Tasks and companies on the command line, over real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.shop import Shop

TASK = "Call about the order"


def lines(shop: Shop, kind: str) -> list[dict[str, Any]]:
    assert shop.street is not None
    return [line for line in shop.street.emulators[0].dump() if line["kind"] == kind and not line["archived"]]


def somebody(shop: Shop) -> str:
    """The address of one contact."""
    return next(str(one["properties"]["email"]) for one in lines(shop, "contact") if one["properties"].get("email"))


@pytest.fixture
def synced(town: Shop) -> Shop:
    assert town.run("sync").code in (0, 1)
    return town


def tasks(shop: Shop) -> list[str]:
    """The tasks of these tests; the town has others."""
    return [TASK for one in lines(shop, "task") if one["properties"]["hs_task_subject"] == TASK]


def test_a_task_is_asked_for_first(synced: Shop) -> None:
    """Where nobody can be asked nothing is written, and the plan is shown."""
    who = somebody(synced)
    told, asked = synced.run("task", who, TASK), synced.run("task", who, TASK, "--json")

    assert told.code == asked.code == 1
    assert TASK in told.out
    assert "Add --yes" in told.err
    assert asked.json["written"] is False
    assert asked.json["writes"][0]["settings"][0] == {"name": "subject", "before": None, "after": TASK, "rule": "asked"}
    assert tasks(synced) == []


def test_a_task_is_put_down_and_taken_back(synced: Shop) -> None:
    """With its day, its owner and its note; it is a run that `undo` knows."""
    more = ("--due", "2099-12-01 14:30", "--owner", "Owner.One@sandbox.example", "--note", "She likes rye")
    done = synced.run("task", somebody(synced), TASK, *more, "--yes", "--json")
    (props,) = (one["properties"] for one in lines(synced, "task") if one["properties"]["hs_task_subject"] == TASK)
    undone = synced.run("undo", str(done.json["run"]), "--yes", "--json")

    assert (done.code, done.json["planned"], done.json["connections"]["hubspot"]["applied"]) == (0, 1, 1)
    assert (props["hubspot_owner_id"], props["hs_task_body"]) == ("501", "She likes rye")
    assert props["hs_timestamp"].startswith("2099-12-01T13:30")
    assert (undone.json["connections"]["hubspot"]["applied"], tasks(synced)) == (1, [])


def test_a_lost_answer_is_told_until_somebody_has_looked(synced: Shop) -> None:
    """By `status` and `runs`; the same words are not sent again by themselves, and by a person only with --again."""
    assert synced.street is not None
    who = somebody(synced)
    synced.street.emulators[0].faults.add("lost_answer", path="*/objects/tasks")
    lost = synced.run("task", who, TASK, "--yes", "--json")
    status, runs = synced.run("status", "--json"), synced.run("runs")
    once, shown = synced.run("task", who, TASK, "--yes"), synced.run("status")
    synced.run("sync")
    before = tasks(synced)
    again = synced.run("task", who, TASK, "--again", "--yes")
    after = synced.run("status", "--json").json

    assert (lost.code, lost.json["connections"]["hubspot"]["uncertain"], lost.json["closes"]) == (1, 1, True)
    (unsure,) = status.json["uncertain"]
    assert (status.code, unsure["what"], unsure["run"]) == (1, TASK, lost.json["run"])
    assert f"Run {lost.json['run']}: the task" in runs.out
    assert "Look at the tasks of" in shown.out
    assert (once.code, "regulars release --who" in once.err) == (1, True)
    assert (before, again.code, tasks(synced), after["uncertain"]) == ([TASK], 0, [TASK, TASK], [])


def test_release_ends_what_is_uncertain(synced: Shop) -> None:
    """A person has looked: it is there."""
    assert synced.street is not None
    who = somebody(synced)
    synced.street.emulators[0].faults.add("lost_answer", path="*/objects/tasks")
    synced.run("task", who, TASK, "--yes")
    released = synced.run("release", "--who", who, "--json")

    assert released.json["released"] == 1
    assert synced.run("status", "--json").json["uncertain"] == []
    assert synced.run("undo", "2", "--yes").code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((" ",), "A task needs words."),
        (("x" * 251,), "These are 251 characters"),
        ((TASK, "--due", "soon"), '"soon" is no day.'),
        ((TASK, "--due", "2020-01-01"), "2020-01-01 has passed."),
        ((TASK, "--due", "2099-02-30"), '"2099-02-30" is no day.'),
        ((TASK, "--owner", "owner.on@sandbox.example"), 'Did you mean "owner.one@sandbox.example"?'),
        ((TASK, "--to", "mailchimp"), "Mailchimp cannot keep tasks for people."),
        ((TASK, "--to", "hubspt"), 'There is no connection "hubspt".'),
    ],
)
def test_wrong_use_is_told_in_a_sentence(synced: Shop, arguments: tuple[str, ...], said: str) -> None:
    """Which word was wrong, and what to write; nothing is written."""
    answer = synced.run("task", somebody(synced), *arguments, "--yes")

    assert answer.code == 2
    assert said in answer.err
    assert tasks(synced) == []


def test_a_task_needs_a_record_there(synced: Shop) -> None:
    """Somebody unknown, and somebody whom only the newsletter knows."""
    assert synced.street is not None
    synced.street.emulators[1].human("subscribe", {"email": "only@news.example"})
    synced.run("sync")
    nobody, elsewhere = (synced.run("task", who, TASK, "--yes") for who in ("nobody@x.example", "only@news.example"))

    assert (nobody.code, elsewhere.code, tasks(synced)) == (2, 2, [])
    assert "has no record at hubspot" in elsewhere.err


def test_nothing_is_put_down_where_we_only_read(synced: Shop) -> None:
    """The direction holds for tasks too."""
    path = synced.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8").replace('direction = "both"', 'direction = "read"', 1), "utf-8")
    answer = synced.run("task", somebody(synced), TASK, "--yes")

    assert (answer.code, tasks(synced)) == (2, [])
    assert "hubspot is only read" in answer.err


# ---- companies -----------------------------------------------------------------------------------------------------


def connect(shop: Shop, *more: str) -> Any:
    from tests.cli.shop import CREDENTIALS

    return shop.run("connect", "hubspot", "--base-url", shop.hubspot, *more, **CREDENTIALS)


def at(shop: Shop) -> dict[str, list[str]]:
    """The names of the companies that contacts belong to, by their address."""
    assert shop.street is not None
    box: Any = shop.street.emulators[0]
    names = {str(one.id): one.props["name"] for one in box.records["companies"].state.records.values()}
    found = {}
    for one in lines(shop, "contact"):
        there = box.joined(("contacts", "companies"), int(one["id"]))
        if there:
            found[one["properties"].get("email", "")] = [names[str(to)] for to in there]
    return found


def test_people_are_put_to_companies_only_where_it_is_chosen(town: Shop) -> None:
    """By `connect --companies`; the plan shows each company and each person, and an undo takes all of it back."""
    town.run("sync")
    before, firms = at(town), lines(town, "company")
    done = connect(town, "--streams", "companies", "--companies", "create")
    assert done.code == 0, done.err
    assert 'companies = "create"' in (town.folder / "regulars.toml").read_text("utf-8")

    plan = town.run("plan", "--json").json
    kinds = {one["kind"]: one["count"] for one in plan["counts"]}
    shown = town.run("plan", "--limit", "0")
    run = town.run("sync", "--json").json
    put = at(town)
    quiet = town.run("sync", "--json").json
    town.run("undo", str(run["run"]), "--yes")
    left = town.run("sync", "--json").json

    assert kinds["company"] >= 1
    assert kinds["tie"] >= kinds["company"]
    assert "new company" in shown.out
    assert "works at" in shown.out
    assert "at companies" in shown.out
    assert len(put) == len(before) + kinds["tie"]
    assert {who: put[who] for who in before} == before
    assert (quiet["planned"], left["planned"], at(town)) == (0, 0, before)
    assert lines(town, "company") == firms


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--companies", "create"), 'rests on the stream "companies"'),
        (("--streams", "companies", "--companies", "create", "--direction", "read"), "the direction is read"),
        (("--companies", "everybody"), "everybody"),
    ],
)
def test_connect_refuses_what_cannot_be(town: Shop, more: tuple[str, ...], said: str) -> None:
    """With what is missing, and nothing stored."""
    before = (town.folder / "regulars.toml").read_text("utf-8")
    answer = connect(town, *more)

    assert answer.code == 2
    assert said in answer.err
    assert (town.folder / "regulars.toml").read_text("utf-8") == before


@pytest.mark.parametrize(
    ("connection", "line", "said"),
    [
        ("hubspot", 'companies = "create"', 'connections.hubspot.companies: companies = "create" rests on the stream'),
        ("mailchimp", 'companies = "create"', "Mailchimp has no companies that people belong to"),
        ("hubspot", 'companies = "make"', '"make" is not known; expected "none", "associate" or "create".'),
    ],
)
def test_the_configuration_is_checked(town: Shop, connection: str, line: str, said: str) -> None:
    """The file, the key, what was wrong and what to do."""
    path = town.folder / "regulars.toml"
    head = f"[connections.{connection}]\n"
    path.write_text(path.read_text("utf-8").replace(head, f"{head}{line}\n"), "utf-8")
    answer = town.run("status")

    assert answer.code == 2
    assert said in answer.err
