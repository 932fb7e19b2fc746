"""`make demo`: the whole story on the sandbox, with no credential, by the commands that a person would type.

Makes a workspace (`demo/`, replaced on each run), rehearses both platforms in the background, and runs the command
line itself. Between the steps it keeps what the platforms hold, so that `tests/demo_check.py` can recount everything
without Regulars. SEED and PEOPLE come from options or the environment.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from regulars.demo_model import second_act
from regulars.demo_realtime import third_act
from regulars.session import THEME
from regulars.street import HUBSPOT_TOKEN, MAILCHIMP_KEY
from regulars.trouble import REDACT

MARK = ".regulars-demo"
FIELDS = "given_name,family_name,phone,company"
SANDBOX = ["sandbox", "--state", "sandbox.state"]
SECONDS_TO_START = 60.0


class Demo:
    """One telling of the story."""

    def __init__(self, folder: Path, people: int, seed: int) -> None:
        self.folder, self.people, self.seed = folder, people, seed
        self.checks = folder / "checks"
        self.console = Console(theme=THEME, highlight=False)
        self.port = _two_free_ports()
        self.told: dict[str, Any] = {}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
        self.environment = {**kept, "REGULARS_NO_KEYRING": "1", "PYTHONUNBUFFERED": "1"}

    def tell(self) -> int:
        """The story; returns the exit code."""
        began = time.monotonic()
        self._clear()
        with self._sandbox():
            self._set_up()
            self.dump("0-start")
            self._first_sync()
            self._settle()
            self._quiet("3-quiet", "Nobody edited anything, so a further sync plans and writes nothing")
            self._undo()
            self._quiet("5-last", "And the sync after the undo writes nothing: what was undone stays undone")
            (self.checks / "told.json").write_text(json.dumps(self.told), "utf-8")
            code = self._recount("The sync")
            second_act(self)
            (self.checks / "told.json").write_text(json.dumps(self.told), "utf-8")
            code = code or self._recount("The segments")
            third_act(self, _two_free_ports())
            (self.checks / "told.json").write_text(json.dumps(self.told), "utf-8")
            code = code or self._recount("What was told")
        self._farewell(time.monotonic() - began)
        return code

    # -- the story ----------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        hubspot, mailchimp = (f"http://127.0.0.1:{self.port + n}" for n in (0, 1))
        self.title("A bakery with its people in HubSpot and in Mailchimp")
        self.run("init", "--name", "Backhaus Linde", "--country", "DE", "--timezone", "Europe/Berlin")
        self.environment |= {"HUBSPOT_TOKEN": HUBSPOT_TOKEN, "MAILCHIMP_API_KEY": MAILCHIMP_KEY}
        both = ["--direction", "both", "--create", "none"]
        own = ["--custom", "bread=favourite_bread", "--custom", "birthday=date_of_birth"]
        self.run(
            "connect", "hubspot", "--base-url", hubspot, *both, "--fields", FIELDS + ",role,stage", *own, "--own-key"
        )
        own = ["--custom", "bread=BREAD"]
        self.run("connect", "mailchimp", "--base-url", mailchimp, *both, "--fields", FIELDS + ",birthday", *own)

    def _first_sync(self) -> None:
        self.title("The first sync fills blanks only, and passes on who left")
        self.run("sync", waits=True)
        self.told["first"] = self._last_balance()
        self.dump("1-first")
        self.title("The same blanks, seen from a person")
        filled = self._filled()
        if filled:
            self.run("why", *filled)

    def _settle(self) -> None:
        self.title("Where the two sides differ, nothing was overwritten: it waits for a person")
        self.run("conflicts", waits=True)
        self.told["conflicts"] = self.answer("conflicts", waits=True)
        fields = [one["field"] for one in self.told["conflicts"]["fields"] if one["field"] != "birthday"]
        field = fields[0] if fields else "phone"
        self.title("One command settles a field, and the next sync carries it over")
        self.told["settled"] = {"field": field, "settled": 0}
        if fields:
            self.told["settled"] = self.run("settle", field, "--prefer", "hubspot", keep=True)
            self.run("plan", "--limit", "12")
        self.run("sync", waits=True)
        self.dump("2-settled")

    def _undo(self) -> None:
        runs = [line for line in self.answer("runs") if _applied(line)]
        self.title("Second thoughts: a run can be taken back")
        self.run("runs")
        self.run("undo", str(runs[0]["run"]), waits=True)
        self.dump("4-undone")

    def _quiet(self, name: str, title: str) -> None:
        self.title(title)
        self.run("sync", waits=True)
        self.dump(name)

    def _recount(self, what: str) -> int:
        """Let the independent script recount what was told so far."""
        script = Path(__file__).resolve().parent.parent / "tests" / "demo_check.py"
        self.title(f"{what}, recounted from the platforms' own state and the town's hidden truth, without Regulars")
        if not script.exists():
            self.console.print("[soft]tests/demo_check.py is not here, so nothing was recounted.[/]")
            return 0
        return subprocess.run([sys.executable, str(script), str(self.folder)], check=False).returncode

    def _farewell(self, seconds: float) -> None:
        here = f"regulars -C {self.folder}"
        self.title(f"Done in {seconds:.0f} seconds. The workspace stays; try these")
        for text, why in (
            (
                f"{here} {' '.join(SANDBOX)} --port {self.port}",
                "open the rehearsed platforms again, in another terminal",
            ),
            (f"{here} status", "the business at a glance"),
            (f"{here} people anna", "look for somebody"),
            (f"{here} conflicts", "what waits for a decision"),
            (f"{here} sync", "while the sandbox is open"),
        ):
            self.console.print(f"  [strong]{text}[/]  [soft]{why}[/]", soft_wrap=True)

    # -- the stage ----------------------------------------------------------------------------------------------

    def _clear(self) -> None:
        """Replace an earlier demo, and nothing else."""
        if self.folder.exists():
            if any(self.folder.iterdir()) and not (self.folder / MARK).exists():
                self.console.print(
                    f"[bad]{self.folder} is no demo, so it is not replaced.[/] Choose another with --folder."
                )
                raise typer.Exit(2)
            shutil.rmtree(self.folder)
        self.checks.mkdir(parents=True)
        (self.folder / MARK).write_text("replaced by each `make demo`\n", "utf-8")

    @contextmanager
    def _sandbox(self) -> Iterator[None]:
        """The platforms, rehearsed in a process of their own for as long as the story lasts."""
        arguments = [*SANDBOX, "--people", str(self.people), "--seed", str(self.seed), "--port", str(self.port)]
        self.title(
            f"Two platforms are rehearsed on this machine, with a town of {self.people:,} people (seed {self.seed})"
        )
        self.show(arguments)
        command = [*self.command(), *arguments, "--truth", "truth.json", "--json"]
        with (self.folder / "sandbox.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=self.environment)
        try:
            self._wait(process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline and process.poll() is None:
            try:
                self.fetch(1, "healthy")
            except OSError:
                time.sleep(0.1)
            else:
                return
        self.console.print(f"[bad]The sandbox did not start[/]; see {self.folder / 'sandbox.log'}.")
        raise typer.Exit(3)

    def fetch(self, place: int, what: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port + place}/_sandbox/{what}", timeout=30) as answer:
            body: bytes = answer.read()
        return body

    def dump(self, name: str) -> None:
        """Keep what both platforms hold at this moment, for the recount."""
        calls = {}
        for place, platform in enumerate(("hubspot", "mailchimp")):
            (self.checks / f"{name}-{platform}.ndjson").write_bytes(self.fetch(place, "state"))
            calls[platform] = json.loads(self.fetch(place, "calls"))
        (self.checks / f"{name}-calls.json").write_text(json.dumps(calls), "utf-8")

    def human(self, place: int, action: str, arguments: Mapping[str, Any]) -> None:
        """Somebody does something at a platform."""
        body = json.dumps({"action": action, "arguments": arguments}).encode()
        url = f"http://127.0.0.1:{self.port + place}/_sandbox/edit"
        with urllib.request.urlopen(
            urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=30
        ):
            pass

    def command(self) -> list[str]:
        """The command line on this workspace."""
        return [sys.executable, "-m", "regulars", "-C", str(self.folder)]

    def show(self, arguments: Sequence[str]) -> None:
        """Show a command as a person would type it."""
        words = [f'"{word}"' if " " in word else word for word in arguments]
        self.console.print(f"[soft]$[/] [name]regulars -C {self.folder} {' '.join(words)}[/]", soft_wrap=True)

    def title(self, text: str) -> None:
        self.console.print(f"\n[strong]{text}.[/]\n", soft_wrap=True)

    def run(self, *arguments: str, waits: bool = False, keep: bool = False) -> dict[str, Any]:
        """Run one command as a person would; *waits* allows for things that wait for one. With *keep* its JSON
        answer comes back, and is shown in short."""
        self.show(arguments)
        if keep:
            document: dict[str, Any] = self.answer(*arguments, waits=waits)
            self.console.print("  ".join(f"{name}: {value}" for name, value in document.items()))
            return document
        ended = subprocess.run([*self.command(), *arguments], env=self.environment, check=False).returncode
        self._judge(ended, arguments, waits)
        return {}

    def answer(self, *arguments: str, waits: bool = False) -> Any:
        command = [*self.command(), *arguments, "--json"]
        ended = subprocess.run(command, env=self.environment, check=False, stdout=subprocess.PIPE)
        self._judge(ended.returncode, arguments, waits)
        return json.loads(ended.stdout)

    def _judge(self, code: int, arguments: Sequence[str], waits: bool) -> None:
        if code and not (waits and code == 1):
            self.console.print(f"[bad]`regulars {REDACT.clean(' '.join(arguments))}` ended with {code}.[/]")
            raise typer.Exit(code)

    def _last_balance(self) -> dict[str, Any]:
        balance: dict[str, Any] = self.answer("runs", "--limit", "1")[0]["balance"]
        return balance

    def _filled(self) -> tuple[str, str] | None:
        """Somebody whose blank was filled: an id and a field."""
        from sync import queries  # noqa: PLC0415 - the demo alone looks into the store for a good example
        from sync.store.database import open_database  # noqa: PLC0415

        with open_database(None, self.folder, now=lambda: 0) as database, database.read() as conn:
            for line in queries.writes(conn, limit=500):
                for name, before, _, _, source in line.row.get("settings", ()):
                    if line.kind == "update" and line.state == "applied" and before is None and source:
                        return line.person, name
        return None


def _applied(line: dict[str, Any]) -> int:
    return sum(int(part["applied"]) for part in line["balance"].get("connections", {}).values())


def _two_free_ports() -> int:
    """A port that is free, and so is the next."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise OSError("no two free ports beside each other")


def run(
    people: Annotated[int, typer.Option(envvar="PEOPLE", min=20, help="How many people live in the town.")] = 300,
    seed: Annotated[int, typer.Option(envvar="SEED", help="The same seed gives the same town.")] = 1,
    folder: Annotated[Path, typer.Option(help="The workspace; an earlier demo in it is replaced.")] = Path("demo"),
) -> None:
    """Tell the whole story on the sandbox."""
    raise typer.Exit(Demo(folder, people, seed).tell())


def main() -> None:
    """Entry point of `python -m regulars.demo`."""
    typer.run(run)


if __name__ == "__main__":
    main()
