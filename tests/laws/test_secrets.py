"""secrets_stay_secret: canary credentials, and platforms that say them back in every way that they can.

The canary, alone or in its encoded forms, is looked for in whatever leaves the process or stays behind: answers, errors
and their tracebacks, logs of all libraries, plan files, the store's raw bytes, every file in the business's folder.
"""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest

import connectors.http
import regulars.trouble
from connectors.base import Change, Connector
from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import LIST, MailchimpSandbox
from sandbox.server import serving
from sandbox.town import build_town, populate
from sync.engine import Engine
from tests.cli.shop import Shop
from tests.laws.mutants import SECRETS_MUTANT
from tests.laws.sandboxed import Sandboxed, Wsgi

TOKEN = "sandbox-canary-Hq7fV2kD9x"
KEY = "sandbox-canary-Mz4pT8wN3c-us0"


@dataclass(frozen=True)
class Way:
    """One way of saying a credential back: `body` may have {echo} in it; *items* refuses each input of a batch."""

    name: str
    status: int
    kind: str = "application/json"
    body: str = ""
    items: bool = False


_SAID = '{"title": "%s", "category": "X", "message": "Bad: {echo}", "detail": "{echo}", "status": %d, "errors": []}'
_PAGE = "<html><head><title>{echo}</title></head><body>{echo}</body></html>"
WAYS = (
    *(Way(f"json {status}", status, body=_SAID % ("No", status)) for status in (400, 401, 403, 404, 409, 429, 500)),
    *(Way(f"page {status}", status, "text/html", _PAGE) for status in (200, 401, 403, 429, 502)),
    Way(
        "another shape", 200, body='{"results": "{echo}", "members": "{echo}", "lists": "{echo}", "portalId": "{echo}"}'
    ),
    Way("broken off", 200, body='{"results": [{"id": "{echo}'),
    Way("entries that are none", 200, body='{"results": ["{echo}"], "members": ["{echo}"], "total_items": 1}'),
    Way("sent elsewhere", 302, "text/plain", "{echo}"),
    Way("each refused", 200, items=True),
)


class Echo:
    """A platform that says the caller's credential back, while *way* is set, in body and headers."""

    def __init__(self, app: Wsgi) -> None:
        self.app = app
        self.way: Way | None = None
        self.writes_only = False
        self.said = 0

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        reads = environ["REQUEST_METHOD"] == "GET" or environ["PATH_INFO"].endswith(("/search", "/batch/read"))
        way = self.way
        if way is None or (reads and (self.writes_only or way.items)):
            return self.app(environ, start)
        self.said += 1
        header = environ.get("HTTP_AUTHORIZATION", "")
        echo = f"{header} {_decoded(header)}"
        status, body = way.status, way.body.replace("{echo}", echo)
        if way.items:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            status, body = _refusals(json.loads(environ["wsgi.input"].read(length) or b"{}"), echo)
        headers = [("Content-Type", way.kind), ("X-Echo", echo), ("Location", f"/{quote(echo)}")]
        start(f"{status} {echo}", headers)
        return [body.encode()]


def _decoded(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    return base64.b64decode(rest).decode() if scheme == "Basic" else rest


def _refusals(asked: Any, echo: str) -> tuple[int, str]:
    """Every input of a batch refused, with the credential as the reason."""
    if "members" in asked:
        errors = [
            {"email_address": one["email_address"], "error": echo, "error_code": "ERROR_GENERIC", "field_message": echo}
            for one in asked["members"]
        ]
        return 200, json.dumps({"new_members": [], "updated_members": [], "errors": errors})
    if "inputs" in asked:
        names = [one if isinstance(one, str) else one.get("id", "") for one in asked["inputs"]]
        errors = [{"category": "VALIDATION_ERROR", "message": echo, "context": {"ids": [name]}} for name in names]
        return 207, json.dumps({"status": "COMPLETE", "results": [], "errors": errors})
    return 400, json.dumps({"title": echo, "detail": echo, "errors": [{"field": "FNAME", "message": echo}]})


def shapes(secret: str) -> set[str]:
    """The forms in which a credential may slip through: as it is, quoted, and encoded for a header."""
    users = ("any", "regulars", "user", "key", "")
    encoded = {base64.b64encode(f"{user}:{secret}".encode()).decode() for user in users}
    return {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode(), *encoded}


CANARIES = tuple(sorted(shapes(TOKEN) | shapes(KEY)))


@dataclass
class Heard:
    """Everything that was said or left behind, by where."""

    texts: list[tuple[str, str]] = field(default_factory=list)

    def add(self, where: str, text: str | bytes) -> None:
        self.texts.append((where, text.decode("latin-1") if isinstance(text, bytes) else text))

    def error(self, where: str, error: BaseException) -> None:
        self.add(where, "\n".join((str(error), repr(error), repr(error.args), *traceback.format_exception(error))))

    def folder(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.add(f"the file {path.name}", path.read_bytes())

    def leaks(self) -> list[str]:
        """Where a canary was heard."""
        return sorted({where for where, text in self.texts if any(canary in text for canary in CANARIES)})


class _Everything(logging.Handler):
    """Hears the logs of all libraries, with their exceptions."""

    def __init__(self, heard: Heard) -> None:
        super().__init__(logging.DEBUG)
        self.heard = heard
        self.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.add(f"the log of {record.name}", self.format(record))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """All logs at DEBUG; and no pattern that would hide a canary only because it begins like a demo credential."""
    monkeypatch.setattr(regulars.trouble, "_PATTERNS", ())
    monkeypatch.setattr(connectors.http.Http, "_wait", lambda self, state: 0.0)
    collected = Heard()
    handler, root = _Everything(collected), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield collected
    root.removeHandler(handler)
    root.setLevel(before)


# ---- every call of the connectors, and whole runs, in this process --------------------------------------------------


def _deeds(one: Connector, remote_id: str) -> list[Callable[[], Any]]:
    change = Change(remote_id, {"given_name": "Eve"}, "eve@example.org", tags_on=("new",))
    new = Change("", {"given_name": "New"}, "new@example.org", key="p_new")
    return [
        one.check,
        lambda: one.check(rights=True),
        one.remote_fields,
        lambda: list(one.pages(None)),
        lambda: one.read([remote_id]),
        lambda: one.find(["eve@example.org"], ["p_new"]),
        lambda: one.history([remote_id], ["given_name"]),
        lambda: one.update([change]),
        lambda: one.create([new]),
        lambda: one.opt_out([change], "marketing"),
        lambda: one.opt_out([change], "Marketing Information"),
        lambda: one.archive([change]),
    ]


def in_process(folder: Path, heard: Heard, ways: Sequence[Way] = WAYS) -> int:
    """Say the canary back to each kind of call and during whole runs; returns how often it was said."""
    echoes: list[Echo] = []

    def wrap(app: Wsgi, name: str) -> Wsgi:
        echoes.append(Echo(app))
        return echoes[-1]

    world = Sandboxed(folder, wrap=wrap, second=False)
    try:
        world.hubspot.allow(TOKEN)
        world.mailchimp.keys[KEY] = "owner"
        world.places[0].credential["token"] = TOKEN
        world.places[1].credential["api_key"] = KEY
        world.restart()
        world.populate()
        world.sync()
        member = next(one for one in world.mailchimp.state.audiences[LIST].members.values() if "eve" in one.email)
        ids = {"hubspot": world.contact_id("eve@example.org"), "mailchimp": member.contact_id}
        for turn, way in enumerate(ways):
            for name, one in world.open.items():
                http = vars(one)["_http"]
                heard.add("a connector's repr", f"{one!r} {one.settings!r} {http!r} {http._auth!r} {http.pace!r}")
                for deed in range(len(_deeds(one, ids[name]))):
                    for echo in echoes:
                        echo.way = way
                    _try(heard, f"{name}, {way.name}", _deeds(one, ids[name])[deed])
            _a_run(world, heard, echoes, way, turn)
            world.restart()  # what connectors keep of an answer
    finally:
        world.close()
    heard.folder(folder)
    return sum(echo.said for echo in echoes)


def _try(heard: Heard, where: str, deed: Callable[[], Any]) -> None:
    try:
        found = deed()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
        heard.error(f"an error ({where})", error)
        return
    for outcome in found if isinstance(found, list) else ():
        heard.add(f"an outcome ({where})", f"{getattr(outcome, 'reason', '')} {getattr(outcome, 'code', '')}")


def _a_run(world: Sandboxed, heard: Heard, echoes: list[Echo], way: Way, turn: int) -> None:
    """A run in which all calls go so, and one in which only those do that write."""
    for writes_only in (False, True):
        for echo in echoes:
            echo.way, echo.writes_only = None, writes_only
        number = f"030 {turn:03}{writes_only:d}00"
        world.sim.advance(600)
        world.hubspot.human_update(world.contact_id("ada@example.org"), {"phone": number})
        world.mailchimp.human_update("lea@example.org", {"PHONE": number})
        for echo in echoes:
            echo.way = way
        try:
            heard.add(f"a balance ({way.name})", json.dumps(world.engine.sync().to_json(), default=str))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
            heard.error(f"a run ({way.name})", error)
    for echo in echoes:
        echo.way, echo.writes_only = None, False
    heard.add("a balance", json.dumps(world.engine.sync().to_json(), default=str))


def test_secrets_stay_secret(tmp_path: Path, heard: Heard) -> None:
    """Whatever a platform says back, no credential is in an error, a traceback, a log, a balance or the store."""
    said = in_process(tmp_path, heard)
    print(f"\n{len(WAYS)} ways, said back {said} times, looked for in {len(heard.texts)} places")

    assert said > 20 * len(WAYS)
    assert heard.leaks() == []


def test_the_mutant_of_secrets_dies(
    tmp_path: Path, heard: Heard, record_property: Callable[[str, object], None]
) -> None:
    """Connectors that pass on what a platform says are caught."""
    with SECRETS_MUTANT.broken():
        in_process(tmp_path, heard, WAYS[:2])
    record_property("mutant", (SECRETS_MUTANT.law, SECRETS_MUTANT.wrong, f"dies by {len(heard.leaks())} leaks"))

    assert heard.leaks() != []


# ---- the command line, over sockets ------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shop, list[Echo]]]:
    """A folder, and both platforms that can say credentials back."""
    for name in ("REGULARS_DATABASE", "HUBSPOT_TOKEN", "MAILCHIMP_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REGULARS_NO_KEYRING", "1")
    hubspot = HubSpotSandbox(token=TOKEN, quotas=False)
    mailchimp = MailchimpSandbox(api_key=KEY, quotas=False)
    populate(build_town(people=20, seed=5), hubspot, mailchimp)
    echoes = [Echo(hubspot.app), Echo(mailchimp.app)]
    with ExitStack() as stack:
        addresses = [
            stack.enter_context(serving(box, app=echo)) for box, echo in zip((hubspot, mailchimp), echoes, strict=True)
        ]
        yield Shop(tmp_path, addresses[0], addresses[1]), echoes


def _say(heard: Heard, shop: Shop, *arguments: str, **environment: str) -> int:
    answer = shop.run(*arguments, **environment)
    heard.add(f"regulars {' '.join(arguments)}", f"{answer.out}\n{answer.err}")
    return answer.code


TROUBLED = (("sync",), ("sync", "--json"), ("doctor", "--json"))
COMMANDS = (
    ("sync",),
    ("sync", "--json"),
    ("plan", "--json"),
    ("plan", "--out", "plan.jsonl"),
    ("status", "--json"),
    ("runs", "--json"),
    ("doctor",),
    ("doctor", "--json"),
    ("connections", "--json"),
    ("people", "--json"),
    ("conflicts", "--json"),
)


def by_command(shop: Shop, echoes: list[Echo], heard: Heard, ways: Sequence[Way]) -> None:
    """Connect, then run commands while the platforms say credentials back, and while something unforeseen happens."""
    secrets = {"HUBSPOT_TOKEN": TOKEN, "MAILCHIMP_API_KEY": KEY}
    assert _say(heard, shop, "init", "--name", "B", "--country", "DE", "--timezone", "Europe/Berlin") == 0
    for way in (None, *ways):
        for echo in echoes:
            echo.way = way
        for name, address in (("hubspot", shop.hubspot), ("mailchimp", shop.mailchimp)):
            there = ("connect", name, "--name", name if way is None else "again", "--base-url", address)
            code = _say(heard, shop, *there, "--direction", "both", "--create", "none", **secrets)
            assert code == 0 or way is not None, heard.texts[-1]
    for way in (*ways, None):
        for echo in echoes:
            echo.way = way
        for command in COMMANDS if way is None else TROUBLED:
            _say(heard, shop, *command)
    with patch.object(Engine, "sync", side_effect=RuntimeError(f"Bearer {TOKEN} {KEY}")):
        _say(heard, shop, "sync")
        _say(heard, shop, "sync", "--json")
    heard.folder(shop.folder)


CLI_WAYS = tuple(way for way in WAYS if way.name in ("json 401", "page 502", "another shape", "each refused"))


def test_no_command_tells_a_secret(shop: tuple[Shop, list[Echo]], heard: Heard) -> None:
    """Answers in words and JSON, plan files, the log of errors, the store and every other file hold no credential."""
    by_command(*shop, heard, CLI_WAYS)

    assert heard.leaks() == []
    assert (shop[0].folder / "regulars-errors.log").exists(), "what nobody foresaw was written down, and looked at"
    assert (shop[0].folder / "plan.jsonl").exists()


def test_a_command_that_does_not_redact_is_caught(shop: tuple[Shop, list[Echo]], heard: Heard) -> None:
    """The same look at a command line that passes everything on."""
    with SECRETS_MUTANT.broken():
        by_command(*shop, heard, CLI_WAYS[:1])

    assert heard.leaks() != []
