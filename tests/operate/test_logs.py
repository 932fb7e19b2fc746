"""What `serve` and `worker` say: lines for people, or JSON documents with ids and numbers; never a secret."""

from __future__ import annotations

import json
import logging
import subprocess
import time
from datetime import datetime
from typing import Any

import pytest

from regulars.logs import Form, Told, begin, ended
from regulars.session import Session
from sync.balance import Balance, ConnectionBalance
from sync.guard import Brake, Stop
from tests.cli.shop import Shop
from tests.cli.staying import address, end, running
from tests.cli.test_serve import deliver
from tests.operate.test_notices_told import until
from tests.webhooks.deliver import HUBSPOT_SECRET, PUBLIC, contact_event, hubspot

TOKEN = "pat-eu1-0123456789abcdef"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Any:
    loggers = (logging.getLogger(), logging.getLogger("regulars"))
    before = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    yield
    for one, handlers, level, propagate in before:
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)


def told() -> Told:
    balance = Balance(run=7, people=12, seconds=1.23456, failures={"mailchimp": f"Bearer {TOKEN} is refused"})
    balance.connections = {"hubspot": ConnectionBalance(pulled=3, applied=1), "mailchimp": ConnectionBalance()}
    balance.stops = [Stop(Brake.OPT_OUTS, "hubspot", "far too many", 120)]
    return Told("heard", balance)


def test_a_run_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """With its id, its deliveries, what each connection did and how long it took; what is wrong raises its level."""
    begin(Session(), Form.JSON)
    ended(told(), [5, 6])
    document = json.loads(capsys.readouterr().out)

    assert datetime.fromisoformat(document.pop("time")).tzinfo is not None
    assert document == {
        "level": "warning",
        "event": "run.heard",
        "text": document["text"],
        "run": 7,
        "connections": {"hubspot": {"pulled": 3, "applied": 1}},
        "people": 12,
        "stops": [{"connection": "hubspot", "brake": "opt_outs", "size": 120}],
        "failures": {"mailchimp": "Bearer [secret] is refused"},
        "seconds": 1.235,
        "deliveries": [5, 6],
        "delivery_count": 2,
    }
    assert "run 7 heard: 3 records read, 1 write" in document["text"]


def test_the_same_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, with no markup taken for any."""
    begin(Session(), Form.TEXT)
    ended(told(), [5])
    logging.getLogger("regulars.x").info("a [bold] word")
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 2
    assert lines[0].startswith("run 7 heard: 3 records read, 1 write; ")
    assert lines[0].endswith("(1.2 s)")
    assert lines[1] == "a [bold] word"


@pytest.mark.parametrize("form", list(Form))
def test_no_secret_is_logged(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in words nor in fields, traces or what a library says; and nothing below a warning of a library's."""
    here = Session()
    begin(here, form)
    ended(told(), [])
    log = logging.getLogger("regulars.x")
    log.info("with %s", TOKEN, extra={"fields": {"deep": [{"token": TOKEN}], TOKEN: 1}})
    logging.getLogger("urllib3").warning("retrying with Bearer %s", TOKEN)
    logging.getLogger("urllib3").info("chatter")
    if form is Form.JSON:
        here.say(f"[strong]said[/] {TOKEN}")
        here.note(f"noted {TOKEN}")
    try:
        raise ValueError(TOKEN)
    except ValueError:
        log.exception("failed")
    out = capsys.readouterr()

    assert TOKEN not in out.out + out.err
    assert "chatter" not in out.out + out.err
    assert "retrying" in out.out + out.err


def test_what_is_said_by_the_way_is_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Without its markup; a remark is a warning; a library's words name the library."""
    here = Session()
    begin(here, Form.JSON)
    here.say("[strong]Listening[/] on http://127.0.0.1:1")
    here.note("[bad]Something[/] is wrong")
    logging.getLogger("waitress.queue").warning("Task queue depth is %d", 1)
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [(one["level"], one["event"], one["text"]) for one in documents] == [
        ("info", "said", "Listening on http://127.0.0.1:1"),
        ("warning", "said", "Something is wrong"),
        ("warning", "library", "Task queue depth is 1"),
    ]
    assert documents[2]["logger"] == "waitress.queue"


def documents(process: subprocess.Popen[str], first: str) -> tuple[int, list[dict[str, Any]]]:
    code, said = end(process)
    return code, [json.loads(line) for line in [first, *said.splitlines()]]


def test_serving_in_json(town: Shop) -> None:
    """Every line that `serve` writes is a document; the run that a delivery caused names it, as the inbox does."""
    assert town.run("sync").code in (0, 1)
    with (town.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[webhooks]\npublic_url = "{PUBLIC}"\nevery = "1h"\n')
    town.run("webhooks", "hubspot", "--secret", stdin=HUBSPOT_SECRET + "\n")
    assert town.street is not None
    contact = str(next(iter(town.street.hubspot.state.by_email.values())))
    with running(town, "serve", "--port", "0", "--log", "json") as (process, first):
        assert address(first)
        taken = deliver(first, *hubspot([contact_event("propertyChange", contact)], time.time()))
        until(lambda: not town.run("inbox", "--waiting", "--json").json["deliveries"])
        until(lambda: town.run("inbox", "--json").json["deliveries"][0]["state"] == "done")
        time.sleep(1.0)  # the run's own end comes after its deliveries are done
        code, said = documents(process, first)
    filed = town.run("inbox", "--json").json["deliveries"][0]
    heard = [one for one in said if one["event"] == "run.heard"]

    assert (taken, code) == (200, 0)
    assert [(one["run"], one["deliveries"]) for one in heard] == [(filed["run"], [filed["id"]])]
    assert heard[0]["connections"]["hubspot"]["pulled"] == 1
    assert all({"time", "level", "event", "text"} <= set(one) for one in said)
    assert said[-1]["text"].startswith("Ended.")


def test_a_worker_in_json(town: Shop) -> None:
    """A look of a new worker that led to writes is a document with its numbers; each connection has its own."""

    def done() -> bool:
        runs = town.run("runs", "--json").json
        return len(runs) > 1 and all(one["ended"] is not None for one in runs)

    with running(town, "worker", "--log", "json") as (process, first):
        until(done)
        time.sleep(1.0)
        code, said = documents(process, first)
    looked = [one for one in said if one["event"] == "run.looked"]

    assert code == 0
    assert looked
    assert len({one["run"] for one in looked}) == len(looked)
    assert all(sum(part.get("new", 0) for part in one["connections"].values()) > 0 for one in looked)
    assert all(one["seconds"] > 0 for one in looked)
