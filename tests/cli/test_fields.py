"""A platform's own fields: which are carried and how, which could be, and one more, checked before it is written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Platform
from mapping.fields import Field
from regulars import street, wiring
from regulars.config import CustomField, load
from tests.cli.shop import Shop


@pytest.fixture(scope="module")
def platforms() -> Iterator[tuple[street.Street, str, str]]:
    made = street.build(20, 3, quotas=False)
    with street.open_street(made, [0, 0]) as (hubspot, mailchimp):
        yield made, hubspot, mailchimp


@pytest.fixture
def shop(platforms: tuple[street.Street, str, str], tmp_path: Path) -> Shop:
    """A business with both platforms, and nothing read yet."""
    made, hubspot, mailchimp = platforms
    opened = Shop(tmp_path, hubspot, mailchimp, made)
    opened.open()
    return opened


def text(shop: Shop) -> str:
    return (shop.folder / "regulars.toml").read_text("utf-8")


def listed(shop: Shop, connection: str) -> dict[str, Any]:
    found = shop.run("fields", connection, "--json").json["fields"]
    return {one["remote"]: one for one in found}


def test_each_field_says_whether_it_is_carried_and_how(shop: Shop) -> None:
    """
    What the platform has beside our names and ways; nothing is both carried and offered.
    """
    hubspot, mailchimp = listed(shop, "hubspot"), listed(shop, "mailchimp")

    assert hubspot["firstname"]["mapped"] == [{"name": "given_name", "type": "name", "way": "both"}]
    assert hubspot["favourite_bread"]["mapped"] == [{"name": "bread", "type": "text", "way": "both"}]
    assert mailchimp["merge_fields.BREAD"]["mapped"][0]["name"] == "bread"
    assert hubspot["jobtitle"]["could_be"]["line"].endswith(', "company", "job_title"]')
    assert hubspot["closedate"]["could_be"]["way"] == "reads"
    assert mailchimp["merge_fields.BIRTHDAY"]["could_be"]["type"] == "birthday"
    for one in (*hubspot.values(), *mailchimp.values()):
        assert not (one["mapped"] and one["could_be"])


def test_a_line_that_is_offered_is_what_the_file_needs(shop: Shop) -> None:
    """
    Put where it says, each line makes the field carried; so does what --map writes.
    """
    for remote, one in listed(shop, "hubspot").items():
        offer = one["could_be"]
        if not offer:
            continue
        before = text(shop)
        if offer["custom"]:
            edited = before.replace('type = "text"}}\ndirection', f'type = "text"}}, {offer["line"]}}}\ndirection', 1)
        else:
            edited = re.sub(r"^fields = .*$", offer["line"], before, count=1, flags=re.MULTILINE)
        (shop.folder / "regulars.toml").write_text(edited, "utf-8")
        table = wiring.tables(load(shop.folder))["hubspot"]
        row = table.get(offer["name"])
        (shop.folder / "regulars.toml").write_text(before, "utf-8")

        assert row is not None, remote
        assert (row.kind.value, row.way.value) == (offer["type"], offer["way"]), remote


def test_people_see_three_lists(shop: Shop) -> None:
    """
    What is carried, what could be with its line, and how to let it be written.
    """
    answer = shop.run("fields", "hubspot")

    assert answer.code == 0
    assert "favourite_bread  favourite_bread  string  bread        both ways" in answer.out
    assert "[connections.hubspot], within the braces of custom of regulars.toml" in answer.out
    assert "regulars fields hubspot --map " in answer.out


def test_map_writes_a_custom_field_and_keeps_comments(shop: Shop) -> None:
    """
    The new line stands beside what was there; comments and order stay.
    """
    path = shop.folder / "regulars.toml"
    path.write_text(text(shop).replace('type = "text"}}\n', 'type = "text"}}  # ours\n', 1), "utf-8")
    before = text(shop)
    answer = shop.run("fields", "hubspot", "--map", "closedate=closed_on", "--json")
    after = tomllib.loads(text(shop))["connections"]["hubspot"]["custom"]

    assert answer.json["mapped"] == {"remote": "closedate", "name": "closed_on", "type": "date", "way": "reads"}
    assert after == {
        "bread": {"remote": "favourite_bread", "type": "text"},
        "closed_on": {"remote": "closedate", "type": "date", "way": "reads"},
    }
    assert "# ours" in text(shop)
    assert len(text(shop).splitlines()) == len(before.splitlines())


def test_map_adds_to_a_section_and_makes_the_first(shop: Shop) -> None:
    """
    Own fields in a section of their own, with brakes after them, or none yet: both are understood.
    """
    path = shop.folder / "regulars.toml"
    lines = [line for line in text(shop).splitlines() if not line.startswith("custom")]
    path.write_text(
        "\n".join(lines) + "\n\n[connections.mailchimp.brakes]\ndeletes = {share = 1, floor = 9}\n", "utf-8"
    )
    first = shop.run("fields", "mailchimp", "--map", "BREAD=bread")
    with path.open("a", encoding="utf-8") as file:
        file.write('\n[connections.hubspot.custom] # theirs\nbread = "favourite_bread"\n')
    second = shop.run("fields", "hubspot", "--map", "closedate=closed_on")
    connections = tomllib.loads(text(shop))["connections"]

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert connections["mailchimp"]["custom"] == {"bread": {"remote": "merge_fields.BREAD", "type": "text"}}
    assert list(connections["hubspot"]["custom"]) == ["bread", "closed_on"]
    assert connections["mailchimp"]["brakes"] == {"deletes": {"share": 1, "floor": 9}}
    assert "# theirs" in text(shop)


def test_a_field_of_the_table_is_added_to_the_list(shop: Shop) -> None:
    """
    What the platform's table has needs no row of its own.
    """
    answer = shop.run("fields", "mailchimp", "--map", "merge_fields.BIRTHDAY=birthday")

    assert answer.code == 0, answer.err
    assert tomllib.loads(text(shop))["connections"]["mailchimp"]["fields"][-1] == "birthday"
    assert "reads, and comes back as it is" in answer.out


def test_a_mapped_field_is_carried_by_the_next_sync(shop: Shop) -> None:
    """
    It is read with the records, under our name.
    """
    assert shop.run("fields", "hubspot", "--map", "hs_lead_status=lead_status", "--reads").code == 0
    assert shop.run("sync", "--dry-run").code in (0, 1)
    header = shop.run("export", "people").out.splitlines()[0]

    assert "lead_status" in header.split(",")


MISTAKES = (
    (("nowhere=x",), "has no field"),
    (("favourite_bred=x",), "favourite_bread"),
    (("favourite_bread",), "REMOTE=NAME"),
    (("=x",), "REMOTE=NAME"),
    (("favourite_bread=roll",), 'carried already, as "bread"'),
    (("jobtitle=Job Title",), "cannot name a field"),
    (("jobtitle=email",), "told apart"),
    (("jobtitle=phone",), '"phone" is phone at hubspot already'),
    (("jobtitle=post", "--type", "number"), "only be read"),
    (("jobtitle=post", "--type", "number", "--reads"), "cannot be read as number"),
    (("jobtitle=tags", "--reads"), "One field holds one thing"),
    (("city=town",), "is carried whole"),
)


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_what_cannot_be_is_refused_in_a_sentence(shop: Shop, arguments: tuple[str, ...], said: str) -> None:
    """
    Nothing is written, and the sentence says what to do.
    """
    if "tags" in arguments[0]:
        wider = re.sub(r'"company"\](?=\ncustom = {bread = {remote = "merge)', '"company", "tags"]', text(shop))
        (shop.folder / "regulars.toml").write_text(wider, "utf-8")
    before = text(shop)
    answer = shop.run("fields", "hubspot", "--map", *arguments)

    assert answer.code == 2, answer.out
    assert said in answer.err
    assert text(shop) == before


def test_options_of_map_need_it(shop: Shop) -> None:
    """
    --reads and --type mean nothing by themselves; an unknown connection is named.
    """
    assert shop.run("fields", "hubspot", "--reads").code == 2
    assert 'no connection "hubspt"' in shop.run("fields", "hubspt").err


def test_a_value_that_would_not_come_back_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The law of two ways is tried on real records: reading what would be written gives the value back, or it is only
    read.
    """

    def lossy(entry: Platform, name: str, part: CustomField) -> Field:
        return Field(name, part.remote, writes=lambda value: str(value)[:3])

    before = text(shop)
    with monkeypatch.context() as patch:
        patch.setattr(wiring, "custom_row", lossy)
        answer = shop.run("fields", "hubspot", "--map", "jobtitle=post")

    assert answer.code == 2
    assert "would not come back as they are" in answer.err
    assert "--reads" in answer.err
    assert text(shop) == before
