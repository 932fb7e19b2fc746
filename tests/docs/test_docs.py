"""Documents that do not rot: every command of README.md and docs/ is run, every table is held against the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel

from connectors import CATALOGUE
from connectors.base import Platform
from mapping.values import Kind
from regulars import config, config_notices
from regulars.cli import app
from sync.guard import Limits
from sync.writes import FindingKind
from tests.cli.shop import CREDENTIALS, Shop
from tests.cli.staying import end, running
from tests.docs import fields, laws, platforms
from tests.docs.pages import PAGES, README, ROOT, Step, fences, missing, prose, rows, steps

CONFIGURATION = ROOT / "docs" / "configuration.md"
SHARED = Path(os.environ.get("REGULARS_SHARED", ROOT.parent / "shared"))
PUBLISHED = ("http://127.0.0.1:4210", "http://127.0.0.1:4211")
"""The addresses of `regulars sandbox`, as the pages name them; tests take free ones."""

STAYING = ("serve", "worker")
"""Commands that do not end by themselves."""

NEAR_SHELL = (". .venv/bin/activate",)
"""Commands of the shell that a page may show, and that need no test."""

WITH_COMMANDS = [page for page in PAGES if any("regulars" in step.words for step in steps(page))]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(autouse=True)
def _nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("REGULARS_", "HUBSPOT_", "MAILCHIMP_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REGULARS_NO_KEYRING", "1")


# ---- commands ------------------------------------------------------------------------------------------------------


@contextmanager
def sandbox(folder: Path, *arguments: str) -> Iterator[list[str]]:
    """`regulars sandbox` as a process of its own, on free ports; gives both addresses."""
    command = [sys.executable, "-m", "regulars", "-C", str(folder), "sandbox", *arguments, "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while (line := process.stdout.readline()) and line != "}\n":
            lines.append(line)
        told = json.loads("".join([*lines, "}"]))
        yield [told["hubspot"]["base_url"], told["mailchimp"]["base_url"]]
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=_name)
def test_every_command_of_a_page_works_and_answers_as_shown(page: Path, tmp_path: Path) -> None:
    """
    In the page's own order, in one folder, on one sandbox; wrong use or a failed connection fails the test.
    """
    todo = [step for step in steps(page) if step.words[0] == "regulars"]
    opened = next((step.words[2:] for step in todo if step.words[1] == "sandbox"), [])
    with sandbox(tmp_path, *opened) as addresses:
        for step in todo:
            if step.words[1] == "sandbox":
                continue
            folder, words = _placed(step, tmp_path, addresses)
            if words[0] in STAYING:
                _stays(step, Shop(folder), words)
                continue
            answer = Shop(folder).run(*words, **{**CREDENTIALS, **step.environment})
            both = answer.out + answer.err
            line = missing(step.shown, answer.out) and missing(step.shown, both)

            assert answer.code in (0, 1), f"{step}\n{both}"
            assert not line, f"{step}\nshows {line!r}, and the answer is\n{both}"


def _stays(step: Step, shop: Shop, words: list[str]) -> None:
    """A command that stays says its first line, and ends in order when it is asked to."""
    port = ["--port", "0"] if words[0] == "serve" else []
    with running(shop, *words, *port) as (process, first):
        code, said = end(process)

        assert not missing(step.shown, first), f"{step}\n{first}"
        assert code == 0, f"{step}\n{said}"


def _placed(step: Step, folder: Path, addresses: list[str]) -> tuple[Path, list[str]]:
    """A step's folder and arguments here: the sandbox stands in for the platforms."""
    words = list(step.words[1:])
    if words[0] == "-C":
        folder, words = folder / words[1], words[2:]
    for published, address in zip(PUBLISHED, addresses, strict=True):
        words = [address if word == published else word for word in words]
    if words[0] == "connect" and words[1] != "files" and "--base-url" not in words:
        words += ["--base-url", addresses[words[1] == "mailchimp"]]
    return folder, words


def test_the_demo_ends_well_and_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """
    `make demo` as it is run by anybody, in a folder of its own; its claims are recounted by a script of its own.
    """
    shown = next(step.shown for step in steps(README) if step.text == "make demo")
    told = subprocess.run(
        [sys.executable, "-m", "regulars.demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )

    assert told.returncode == 0, told.stdout
    assert not missing(shown, told.stdout), told.stdout


def test_other_commands_are_targets_of_the_makefile_or_known() -> None:
    """
    What is not `regulars` is `make` with a target that there is, or a word of the shell.
    """
    others = [step for page in PAGES for step in steps(page) if step.words[0] != "regulars"]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert [str(s) for s in others if s.words[0] != "make" and s.text not in NEAR_SHELL] == []
    assert [str(s) for s in others if s.words[0] == "make" and s.words[1] not in targets] == []


def test_every_command_is_shown_somewhere() -> None:
    """
    No command is left out of the pages.
    """
    shown = {step.words[1] for page in PAGES for step in steps(page) if step.words[0] == "regulars"}

    assert {str(info.name) for info in app.registered_commands} - shown == set()


def test_commands_stand_where_they_are_run() -> None:
    """
    A `$` line stands in a console block, where a test runs it; and a command in a sentence exists.
    """
    commands = {str(info.name) for info in app.registered_commands}
    for page in PAGES:
        text = page.read_text("utf-8")
        strays = [line for line, language, block in fences(text) if language != "console" and "\n$ " in "\n" + block]
        named = re.findall(r"`regulars ([a-z][a-z-]*)", prose(text))
        targets = re.findall(r"`make ([a-z-]+)", prose(text))

        assert strays == [], page.name
        assert sorted(set(named) - commands) == [], page.name
        assert all(f"\n{one}:" in (ROOT / "Makefile").read_text("utf-8") for one in targets), page.name


# ---- tables --------------------------------------------------------------------------------------------------------


def keys(heading: str) -> dict[str, str]:
    """The keys that the configuration reference names under a heading, with their defaults."""
    text = CONFIGURATION.read_text("utf-8")
    return {row[0].strip("`"): row[1].strip("`") for row in rows(text, heading) if len(row) == 3}


SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("### At the top", config.Config),
    ("### `[business]`", config.Business),
    ("### `[connections.NAME]`", config.ConnectionConfig),
    ("### `[connections.NAME.custom]`", config.CustomField),
    ("### `[connections.NAME.brakes]`", config.Brakes),
    ("### `[fields.NAME]`", config.FieldConfig),
    ("### `[segments.NAME]`", config.SegmentConfig),
    ("### `[roles.NAME]`", config.RoleConfig),
    ("### `[webhooks]`", config.Webhooks),
    ("### `[notices]`", config_notices.Notices),
    ("### `[notices.mail]`", config_notices.NoticeMail),
    ("### `[notices.webhook]`", config_notices.NoticeHook),
)


DURATIONS = {60_000: '"60s"', 600_000: '"10m"', 86_400_000: '"1d"', 7 * 86_400_000: '"7d"'}
"""Defaults as one would write them in the file."""


@pytest.mark.parametrize(("heading", "model"), SECTIONS, ids=lambda one: getattr(one, "__name__", ""))
def test_the_reference_names_every_key_and_no_other(heading: str, model: type[BaseModel]) -> None:
    """
    docs/configuration.md and the models of regulars/config.py have the same keys, and the same are required.
    """
    expected = {name: field.is_required() for name, field in model.model_fields.items()}
    if model is config.Brakes:
        expected |= {name: field.is_required() for name, field in config.Brake.model_fields.items()}

    assert {name: default == "required" for name, default in keys(heading).items()} == expected


def test_the_reference_states_the_defaults() -> None:
    """
    A default that is a plain value stands there as one would write it in the file.
    """
    wrong = []
    for heading, model in SECTIONS:
        for name, default in keys(heading).items():
            field = model.model_fields.get(name)
            value = None if field is None or field.is_required() else field.default
            if isinstance(value, int) and not isinstance(value, bool):
                written = DURATIONS[value]
            elif isinstance(value, bool):
                written = str(value).lower()
            elif isinstance(value, str):
                written = f'"{value}"'
            else:
                continue
            wrong += [] if default == written else [f"{heading} {name}: {default}, not {written}"]
    for name in config.Brakes.model_fields:
        limit = getattr(Limits(), name)
        wrong += [name] * (
            keys("### `[connections.NAME.brakes]`")[name] != f"{{share = {limit.share}, floor = {limit.floor}}}"
        )

    assert wrong == []


def test_the_example_of_the_reference_is_read() -> None:
    """
    The TOML on the page is a configuration; every kind of field is named.
    """
    text = CONFIGURATION.read_text("utf-8")
    examples = [block for _, language, block in fences(text) if language == "toml"]
    kinds = next(row[2] for row in rows(text, "### `[connections.NAME.custom]`") if row[0] == "`type`")

    assert [config.parse(example).business.name for example in examples]
    assert re.findall(r'"(\w+)"', kinds) == [kind.value for kind in Kind]


def test_the_fields_of_each_platform_are_those_of_its_table() -> None:
    """
    Fields, names there and directions. `python -m tests.docs` brings them up to date.
    """
    assert fields.shown() == fields.sections()


def test_the_reference_names_every_environment_variable() -> None:
    """
    Each REGULARS_ variable that the program reads, and each that `connect` takes a credential from.
    """
    source = "".join(
        path.read_text("utf-8") for room in ("regulars", "sync", "connectors") for path in (ROOT / room).rglob("*.py")
    )
    read = set(re.findall(r'"(REGULARS_[A-Z_]+)"', source))
    named = {row[0].strip("`") for row in rows(CONFIGURATION.read_text("utf-8"), "## Environment")}
    credentials = {name for entry in CATALOGUE for name in entry.environment.values()}

    assert named == read | credentials | {"REGULARS_NAME_PART"}


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda one: one.name)
def test_the_page_of_each_platform_is_current(entry: Platform) -> None:
    """
    Streams, scopes and what a platform cannot do, as its connector has them, and all of them on the page.
    """
    text = (platforms.FOLDER / f"{entry.name}.md").read_text("utf-8")

    assert platforms.current(entry, text) == text
    assert {"streams", "cannot"} <= set(re.findall(r"^<!-- (\w+) -->$", text, re.MULTILINE))


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda one: one.name)
def test_the_page_of_each_platform_is_found_and_says_what_was_checked(entry: Platform) -> None:
    """
    README.md and the reference lead to it; it has the parts that somebody looks for before giving a credential.
    """
    text = (platforms.FOLDER / f"{entry.name}.md").read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    parts = ["The credential", "Rights", "What is read and written", "What it cannot", "Unconfirmed", "Checked against"]

    assert [one for one in headings if one in parts] == parts
    assert f"(platforms/{entry.name}.md)" in platforms.TABLE_PAGE.read_text("utf-8")
    assert "(docs/platforms.md)" in README.read_text("utf-8")
    assert f"(platforms/{entry.name}.md)" in CONFIGURATION.read_text("utf-8")


def test_the_platform_table_is_current() -> None:
    """
    docs/platforms.md says exactly what the contract suite found.
    """
    text = platforms.TABLE_PAGE.read_text("utf-8")

    assert platforms.current_table(text) == text
    assert set(re.findall(r"^<!-- (\w+) -->$", text, re.MULTILINE)) == {*platforms.TABLES, "end"}


def test_the_page_of_hubspot_names_every_scope() -> None:
    """
    Each scope that the connector speaks of.
    """
    source = "".join(path.read_text("utf-8") for path in (ROOT / "connectors").glob("hubspot*.py"))
    scopes = set(re.findall(r'"((?:crm|communication_preferences)\.[a-z_.]+|sales-email-read)"', source))
    text = (platforms.FOLDER / "hubspot.md").read_text("utf-8")

    assert scopes
    assert [one for one in sorted(scopes) if f"`{one}`" not in text] == []


@pytest.mark.parametrize("page", laws.PAGES, ids=_name)
def test_the_table_of_laws_is_current(page: Path) -> None:
    """
    All laws, each with its test and its mutant as they are. `python -m tests.docs` brings it up to date.
    """
    assert laws.tables(page.read_text("utf-8")) == [laws.table(page)]


def test_the_laws_are_those_of_the_design() -> None:
    """
    No law is left out, and each has a test.
    """
    design = SHARED / "design.md"
    if design.exists():
        section = design.read_text("utf-8").partition("\n## 2.")[2].partition("\n## ")[0]
        assert list(laws.LAWS) == [row[0].strip("`") for row in rows(section)]
    for law in laws.LAWS:
        path, _, name = laws.where_tested(law).partition("::")
        assert f"{name}" in (ROOT / path).read_text("utf-8"), law


def test_the_findings_are_all_explained() -> None:
    """
    The page about findings names every kind.
    """
    text = (ROOT / "docs" / "decisions" / "0010-findings.md").read_text("utf-8")

    assert [row[0].strip("`") for row in rows(text)] == [kind.value for kind in FindingKind]


# ---- links and words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_and_path_leads_somewhere(page: Path) -> None:
    """
    Links between pages, and files of ours named in a sentence, exist.
    """
    text = prose(page.read_text("utf-8"))
    links = re.findall(r"\]\(([^)#\s]+)(#[\w-]+)?\)", text)
    files = re.findall(r"`((?:mapping|connectors|sync|sandbox|regulars|tests|docs)/[\w./-]*)(?:::\w+)?`", text)

    assert [link for link, _ in links if not (page.parent / link).exists()] == []
    assert [file for file in files if not (ROOT / file).exists()] == []
    for name, file in re.findall(r"`(\w+)`\s+in\s+`([\w./]+\.py)`", text):
        assert re.search(rf"\b{name}\b", (ROOT / file).read_text("utf-8")), f"{name} is not in {file}"
    for link, anchor in re.findall(r"\]\(([^)#\s]*)#([\w-]+)\)", text):
        other = prose((page.parent / link).read_text("utf-8")) if link else text
        headings = {
            re.sub(r"[^\w -]", "", one).lower().replace(" ", "-")
            for one in re.findall(r"^#+ (.*)$", other, re.MULTILINE)
        }
        assert anchor in headings, f"{link}#{anchor}"


VENDORS = {
    urlsplit(address).hostname
    for entry in CATALOGUE
    for address in (
        getattr(entry.connector, "base_url", ""),
        *((entry.app.authorize, entry.app.token) if entry.app else ()),
    )
}
"""Where platforms are called, and where one allows an app."""


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_page_names_no_machine_and_nobody_real(page: Path) -> None:
    """
    No path of the machine that it was written on, no host but the vendors', no address that could be somebody's.
    """
    text = page.read_text("utf-8")
    hosts = {one for one in re.findall(r"https?://([^\s/:`)\"]+)", text) if not one.endswith(".example")}
    hosts -= {"127.0.0.1", *VENDORS}
    paths = re.findall(r"(?<![\w.])/(?:work|home|root|tmp|usr|Users)/[^\s`)]*", text)
    domains = {one.rpartition("@")[2] for one in re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", text)}
    people = {one for one in domains if not re.search(r"(^|\.)example(\.(com|net|org))?$", one)}

    assert (hosts, paths, people) == (set(), [], set())
    assert not domains or "generated" in text, "a page that names people says that they are generated"


def test_every_decision_has_a_number_of_its_own() -> None:
    """
    One decision, one page, one number; the title repeats it.
    """
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    titles = [re.match(r"# (\d+)[.:] ", page.read_text("utf-8")) for page in pages]

    assert len(set(numbers)) == len(numbers)
    assert [int(title[1]) if title else 0 for title in titles] == numbers
