"""What somebody at a terminal meets: questions, hidden secrets, Ctrl-C, completion; and the sandbox as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pexpect
from rich.console import Console

from regulars import street
from regulars.progress import Bars
from regulars.session import THEME
from tests.cli.shop import Shop

REGULARS = [sys.executable, "-m", "regulars"]


def test_connect_asks_hides_the_secret_and_shows_three_people(tmp_path: Path) -> None:
    """
    At a terminal `init` and `connect` ask what they need; the secret is never echoed.
    """
    made = street.build(30, 5, quotas=False)
    shop = Shop(tmp_path)
    with street.open_street(made, [0, 0]) as (hubspot, _):
        shop.run("init", "--name", "Backhaus", "--country", "DE")
        arguments = [*REGULARS[1:], "-C", str(tmp_path), "connect", "hubspot", "--base-url", hubspot]
        child = pexpect.spawn(REGULARS[0], arguments, encoding="utf-8", timeout=40, dimensions=(50, 160))
        child.expect("Access token")
        child.expect("hidden")
        child.sendline(street.HUBSPOT_TOKEN)
        child.expect("Opened")
        child.expect("Which fields")
        child.sendline("given_nam")
        child.expect("Did you mean")
        child.sendline("given_name, family_name, phone")
        child.expect("Add any")
        child.sendline("bread=favourite_bread")
        child.expect("person 3")
        child.expect("companies")
        child.expect("Read these too")
        child.sendline("y")
        child.expect("What may Regulars do there")
        child.sendline("both")
        child.expect("Create people there")
        child.sendline("n")
        child.expect("Make that field")
        child.sendline("y")
        child.expect("is connected")
        child.expect(pexpect.EOF)
        child.close()
        seen = shop.run("connections", "--json").json

    text = (tmp_path / "regulars.toml").read_text("utf-8")
    assert child.exitstatus == 0
    assert street.HUBSPOT_TOKEN not in (child.before or "")
    assert seen[0]["direction"] == "both"
    assert 'fields = ["given_name", "family_name", "phone"]' in text
    assert "favourite_bread" in text
    assert "own_key = true" in text
    assert 'streams = ["companies", "deals", ' in text
    assert street.HUBSPOT_TOKEN not in text


def test_init_asks_again_until_it_understands(tmp_path: Path) -> None:
    """
    A slip at a prompt costs one more answer, not the command; a country may be given by its name.
    """
    child = pexpect.spawn(REGULARS[0], [*REGULARS[1:], "-C", str(tmp_path), "init"], encoding="utf-8", timeout=40)
    for question, answer in (
        ("called", "Café Größenwahn"),
        ("which country", "Atlantis"),
        ("is no country", "Deutschland"),
        ("zone", "Berlin"),
        ("Did you mean", "Europe/Berlin"),
    ):
        child.expect(question)
        child.sendline(answer)
    child.expect("lives in")
    child.expect(pexpect.EOF)
    child.close()
    text = (tmp_path / "regulars.toml").read_text("utf-8")

    assert child.exitstatus == 0
    assert 'name = "Café Größenwahn"' in text
    assert 'country = "DE"' in text
    assert 'timezone = "Europe/Berlin"' in text


def test_the_sandbox_is_a_process_that_keeps_its_state(tmp_path: Path) -> None:
    """
    What was written stays when it is closed and opened again.
    """
    command = [*REGULARS, "-C", str(tmp_path), "sandbox", "--port", "0", "--people", "20", "--state", "s", "--json"]
    for turn in range(2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = []
        while (line := process.stdout.readline()) and line != "}\n":
            lines.append(line)
        told = json.loads("".join([*lines, "}"]))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert told["people"] == 20, turn
        assert told["hubspot"]["base_url"].startswith("http://127.0.0.1:")

    assert street.load(tmp_path / "s").people == 20


def _may_be_interrupted() -> None:
    """What is started in the background inherits a deaf ear for Ctrl-C; a terminal's own programs do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_clean_and_the_sync_can_be_run_again(tmp_path: Path) -> None:
    """
    A sync interrupted while a platform lets it wait says that nothing is lost, and the next one finishes it.
    """
    made = street.build(300, 2, quotas=False)
    shop = Shop(tmp_path)
    with street.open_street(made, [0, 0]) as (shop.hubspot, shop.mailchimp):
        shop.open()
        faults = made.mailchimp.faults
        faults.add("rate_limit", method="GET", path="*/members", times=100, retry_after=50)
        process = subprocess.Popen(
            [*REGULARS, "-C", str(tmp_path), "sync"],
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
            preexec_fn=_may_be_interrupted,  # noqa: PLW1509 - no threads of ours hold a lock then
        )
        while process.poll() is None and not faults.seen["rate_limit"]:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=40)  # shorter than the wait it sits in
        faults.clear()
        again = shop.run("sync", "--json").json

    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "run the same command again" in said
    assert again["people"] > 200
    assert not again["failures"]


def test_shell_completion_is_offered(shop: Shop) -> None:
    """
    Typer's completion script is printed for the shell asked for.
    """
    named = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # whatever shell runs the tests
    done = subprocess.run(
        [*REGULARS, "--show-completion", "bash"], capture_output=True, text=True, check=False, env=named
    )

    assert "complet" in done.stdout.lower(), done.stderr


def test_a_step_that_comes_again_is_not_counted_beyond_its_end() -> None:
    """
    Who is who is worked out anew after writing: nobody is counted twice; writes of a second turn come on top.
    """
    bars = Bars(Console(file=StringIO(), force_terminal=True, theme=THEME))
    with bars:
        for people, writes in ((307, 100), (20, 5)):
            bars.begin("", "people", None)
            bars.advance("", "people", people)
            bars.end("", "people")
            bars.begin("hubspot", "push", writes)
            bars.advance("hubspot", "push", writes)
            bars.end("hubspot", "push")
    shown = [(task.completed, task.total) for task in bars._progress.tasks]

    assert shown == [(20, 20), (105, 105)]
