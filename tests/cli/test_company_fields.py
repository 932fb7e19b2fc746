"""Fields of one's own of companies: offered from the platform's description, tried, read, asked for and exported."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regulars import street
from tests.cli.shop import CREDENTIALS, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """HubSpot with its companies, one of which has an oven count of its own."""
    made = street.build(30, 3, quotas=False)
    with street.open_street(made, [0, 0]) as (hubspot, _):
        made.hubspot.define("ovens", "number", "number", object="companies")
        made.hubspot.define("mood", "string", "text", object="companies")
        opened = Shop(tmp_path, hubspot, "", made)
        assert opened.run("init", "--name", "Backhaus", "--country", "DE").code == 0
        some = ["--base-url", hubspot, "--fields", "given_name", "--streams", "companies"]
        assert opened.run("connect", "hubspot", *some, **CREDENTIALS).code == 0
        assert opened.run("sync").code in (0, 1)
        yield opened


def companies(shop: Shop) -> list[dict[str, Any]]:
    assert shop.street is not None
    return [line for line in shop.street.hubspot.dump() if line["kind"] == "company"]


def edit(shop: Shop, company: dict[str, Any], **properties: str) -> None:
    """Somebody fills in fields of a company at HubSpot."""
    assert shop.street is not None
    shop.street.hubspot.human_update_object("companies", str(company["id"]), properties)


def offered(shop: Shop) -> dict[str, dict[str, Any]]:
    found = shop.run("fields", "hubspot", "--json").json["companies"]
    return {one["remote"]: one for one in found}


def test_a_field_of_companies_is_offered_mapped_and_asked_for(shop: Shop) -> None:
    """Mapped, all companies are read again; rules see it, an export has it, and a word that is misspelt is offered."""
    first = companies(shop)[0]
    edit(shop, first, ovens="4")
    before = offered(shop)
    mapped = shop.run("fields", "hubspot", "--map", "companies.ovens=ovens", "--json").json
    config = tomllib.loads((shop.folder / "regulars.toml").read_text("utf-8"))["connections"]["hubspot"]
    assert shop.run("sync").code in (0, 1)
    rows = [json.loads(line) for line in shop.run("export", "organizations", "--format", "jsonl").out.splitlines()]
    wrong = shop.run("segment", "x", "--preview", '{ organization = "oven", at_least = 3 }')
    asked = shop.run("segment", "x", "--preview", '{ organization = "ovens", at_least = 3 }', "--json").json
    (fired,) = [row for row in rows if row["ovens"] is not None]

    assert before["companies.ovens"]["could_be"]["line"] == 'ovens = {remote = "ovens", type = "number"}'
    assert "companies.industry" not in before
    assert (mapped["mapped"]["type"], mapped["with_a_value"]) == ("number", 1)
    assert config["organization"] == {"ovens": {"remote": "ovens", "type": "number"}}
    assert offered(shop)["companies.ovens"]["mapped"] == "ovens"
    assert (fired["ovens"], fired["remote_id"]) == (4, str(first["id"]))
    assert asked["size"] == len(fired["people"])
    assert (wrong.code, 'Did you mean "ovens"?' in wrong.err) == (2, True)


def test_what_does_not_read_is_refused(shop: Shop) -> None:
    """Nothing is written down, and the sentence says what to do."""
    edit(shop, companies(shop)[0], mood="sunny")
    before = (shop.folder / "regulars.toml").read_text("utf-8")
    answers = {
        arguments: shop.run("fields", "hubspot", "--map", *arguments)
        for arguments in (
            ("companies.mood=mood", "--type", "number"),
            ("companies.moood=mood",),
            ("companies.mood=industry",),
            ("companies.mood=Mood",),
            ("companies.mood",),
        )
    }
    said = [answer.err for answer in answers.values()]

    assert [answer.code for answer in answers.values()] == [2] * 5
    assert '"sunny"' in said[0] or "sunny" in said[0]
    assert 'Did you mean "mood"?' in said[1]
    assert '"industry" is taken' in said[2]
    assert "cannot name a field" in said[3]
    assert "Write companies.REMOTE=NAME" in said[4]
    assert (shop.folder / "regulars.toml").read_text("utf-8") == before


def test_a_section_without_companies_to_read_is_refused(shop: Shop) -> None:
    """Its stream is what it rests on."""
    path = shop.folder / "regulars.toml"
    text = path.read_text("utf-8").replace('streams = ["companies"]', "streams = []")
    path.write_text(text + '\n[connections.hubspot.organization]\novens = "ovens"\n', "utf-8")
    answer = shop.run("connections")

    assert answer.code == 2
    assert "companies are not read" in answer.err
