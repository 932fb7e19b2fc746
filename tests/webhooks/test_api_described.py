"""The served document and the API hold against each other, judged by schemathesis over real sockets, all its checks on.

It reads the document as any client would, makes calls that fit it and calls that do not, walks from one operation to
the next by what they answer, and tells whatever is not as described.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Response

from sync.store.database import Database, open_database
from tests.webhooks.listening import vault_of
from webhooks import api_keys
from webhooks.api import create_api
from webhooks.api_openapi import PATH, describe
from webhooks.counts import Counts
from webhooks.listen import listening
from webhooks.post import Post
from webhooks.receiver import create_app

OPERATIONS = 7
"""Those of the document but for the one that serves it, which schemathesis only reads."""


@dataclass
class Served:
    """The API on a socket, and a key for everything."""

    address: str
    key: str
    database: Database
    folder: Path

    def judged(self, *options: str, key: str = "", examples: int, seed: int) -> Any:
        """What schemathesis finds: its report."""
        report = self.folder / f"{time.monotonic_ns()}.json"
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{self.address}{PATH}/openapi.json"]
        command += ["--checks", "all", "--continue-on-failure", "--no-shrink", "--suppress-health-check", "all"]
        command += ["-n", str(examples), "--seed", str(seed), "--report", "json", "--report-json-path", str(report)]
        command += ["-H", f"Authorization: Bearer {key}"] if key else []
        said = subprocess.run([*command, *options], cwd=self.folder, capture_output=True, text=True, check=False)
        assert report.exists(), said.stdout + said.stderr
        return json.loads(report.read_text("utf-8"))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with open_database(None, tmp_path, now=lambda: time.time_ns() // 1_000_000) as database, ExitStack() as open_:
        vault = vault_of(database, tmp_path)
        with database.write() as conn:
            _, key = api_keys.new(conn, "everything", ["subscriptions", "read"], 0)
        post = Post(database)
        open_.callback(post.close)
        app = create_app({}, post, Counts(), pages=[create_api(database, lambda: vault), _liar()])
        port = open_.enter_context(listening(app, "127.0.0.1", 0))
        yield Served(f"http://127.0.0.1:{port}", key, database, tmp_path)


def _liar() -> Blueprint:
    """A document that promises more than there is."""
    page = Blueprint("liar", __name__)
    document = describe()
    document["paths"] = {place: found for place, found in document["paths"].items() if place.endswith("/me")}
    answer = document["paths"][f"{PATH}/me"]["get"]["responses"]["200"]["content"]["application/json"]
    answer["schema"] = {**answer["schema"], "required": ["name", "scopes", "shoe_size"]}

    @page.get(f"/lies{PATH}/openapi.json")
    def lies() -> Response:
        return Response(json.dumps(document), content_type="application/json")

    return page


def found(report: Any) -> tuple[bool, int, list[Any], list[Any]]:
    """Whether it came to its end, how many operations it called, and what it holds against them."""
    return report["complete"], report["operations"]["tested"], report["failures"], report["errors"]


def test_with_a_key_nothing_is_found(served: Served) -> None:
    """Every operation answers as described, rightly and wrongly called, and gives more than refusals."""
    report = served.judged(key=served.key, examples=3, seed=1)

    assert found(report) == (True, OPERATIONS, [], [])
    assert report["warnings"]["missing_auth"] == []
    assert report["test_cases"]["generated"] > 20 * OPERATIONS


def test_without_a_key_nothing_is_found(served: Served) -> None:
    """The same with no key: refused as described, everywhere, and nothing is made."""
    report = served.judged(examples=3, seed=2)

    assert found(report) == (True, OPERATIONS, [], [])
    assert len(report["warnings"]["missing_auth"]) == OPERATIONS
    assert report["test_cases"]["generated"] > 20 * OPERATIONS


def test_a_document_that_lies_is_found_out(served: Served) -> None:
    """The judge is awake: an answer that lacks what a document promises is told."""
    told = Served(f"{served.address}/lies", served.key, served.database, served.folder)
    report = told.judged("--url", served.address, "--phases", "coverage", key=served.key, examples=1, seed=3)

    assert [one["operations"] for one in report["failures"]] == [[f"GET {PATH}/me"]]


@pytest.mark.long
@pytest.mark.parametrize("scopes", [["subscriptions", "read"], ["read"], ["subscriptions"], []])
def test_nothing_is_found_in_many_calls(served: Served, scopes: list[str]) -> None:
    """Two hundred examples an operation, with each kind of key and with none."""
    key = ""
    if scopes:
        with served.database.write() as conn:
            _, key = api_keys.new(conn, "some", scopes, 0)
    report = served.judged(key=key, examples=200, seed=4)
    print(f"{scopes or 'no key'}: {report['test_cases']['generated']:,} calls, {report['running_time']:.0f} s")

    assert found(report) == (True, OPERATIONS, [], [])
