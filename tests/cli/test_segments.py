"""Segments at the command line: the box, the file, previews, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from regulars.config import FILE, parse
from regulars.config_segments import starters
from regulars.trouble import ConfigError
from tests.cli.shop import Shop
from tests.docs.pages import ROOT, fences

BUSINESS = '[business]\nname = "Corner Bakery"\ncountry = "DE"\n\n'


@pytest.fixture(scope="module")
def bakery(settled_town: Shop) -> Shop:
    """A business after its first sync, with a segment of its own."""
    text = (settled_town.folder / FILE).read_text("utf-8")
    own = '\n[segments.with-company]\ntitle = "From companies"\nall = [{ field = "company", empty = false }]\n'
    (settled_town.folder / FILE).write_text(text + own, "utf-8")
    return settled_town


def test_the_list_shows_the_box_and_the_file(bakery: Shop) -> None:
    """
    Each with its size; the sizes are those of the members.
    """
    listed = {one["name"]: one for one in bakery.run("segments", "--json").json["segments"]}
    shown = bakery.run("segment", "with-company", "--limit", "500", "--json").json
    everybody = bakery.run("people", "--limit", "500", "--json").json["people"]
    with_company = {
        one["id"] for one in everybody if bakery.run("person", one["id"], "--json").json["values"].get("company")
    }

    assert set(listed) == {*starters(), "with-company"}
    assert listed["with-company"]["configured"]
    assert {one["id"] for one in shown["members"]} == with_company
    assert listed["with-company"]["size"] == shown["size"] == len(with_company) > 0
    assert "From companies" in bakery.run("segments").out


def test_why_explains_a_membership_and_an_absence(bakery: Shop) -> None:
    """
    The reasons of a member, and what would have to change for somebody else.
    """
    members = bakery.run("segment", "with-company", "--limit", "500", "--json").json["members"]
    everybody = bakery.run("people", "--limit", "500", "--json").json["people"]
    inside = members[0]["id"]
    outside = next(one["id"] for one in everybody if one["id"] not in {member["id"] for member in members})
    told, absent = (bakery.run("why", who, "--segment", "with-company", "--json").json for who in (inside, outside))

    assert (told["member"], absent["member"]) == (True, False)
    assert told["reasons"][0]["condition"] == "not (company is empty)"
    assert told["reasons"][0]["found"].startswith("it is ")
    assert absent["changes"][0]["found"] == "it is blank"
    assert "is in From companies" in bakery.run("why", inside, "--segment", "with-company").out
    assert "is not in From companies" in bakery.run("why", outside, "--segment", "with-company").out


def test_a_rule_is_tried_before_it_is_saved(bakery: Shop) -> None:
    """
    A preview counts and changes nothing; with a segment's name it says who would enter and leave.
    """
    before = bakery.run("segment", "with-company", "--json").json["size"]
    rule = '{ field = "company", empty = true }'
    tried = bakery.run("segment", "with-company", "--preview", rule, "--json").json
    new = bakery.run("segment", "anything", "--preview", 'all = [{ segment = "with-company" }]', "--json").json

    assert (tried["entering"], tried["leaving"]) == (tried["size"], before)
    assert new["size"] == before
    assert bakery.run("segment", "with-company", "--json").json["size"] == before
    assert "Nothing was saved." in bakery.run("segment", "x", "--preview", rule).out


def test_a_starter_is_written_into_the_file_once(shop: Shop) -> None:
    """
    With its comment, as one would write it; then it is the business's own.
    """
    shop.run("init", "--name", "Backhaus", "--country", "DE")
    for name in starters():
        assert shop.run("segments", "--add", name).code == 0
    text = (shop.folder / FILE).read_text("utf-8")
    again = shop.run("segments", "--add", "gone-quiet")
    unknown = shop.run("segments", "--add", "gone-quite")

    assert set(parse(text).segments) == set(starters())
    assert "# Customers who have not opened, clicked or bought anything for 90 days.\n" in text
    assert (again.code, unknown.code) == (2, 2)
    assert 'Did you mean "gone-quiet"?' in unknown.err
    assert all(one["configured"] for one in shop.run("segments", "--json").json["segments"])


WRONG = (
    ('all = [\n  { role = "customer" },\n  { touched = "opned" },\n]', 8, 'Did you mean "opened"?'),
    ('all = [{ segment = "gone-quite" }]', 6, 'Did you mean "gone-quiet"?'),
    ('all = [{ segment = "own" }]', 5, "own → own"),
    ('titel = "x"', 6, 'Did you mean "title"?'),
    ('title = "x"', 5, "no rule"),
    ('all = [{ role = "customer" }]\nany = [{ role = "customer" }]', 7, "two conditions"),
    ('all = [{ role = "customer" }]\ndestinations = { mailchimp = "tag" }', 7, "no connection"),
    ('all = [{ role = "customer" }]\ndestinations = { mailchimp = "tga" }', 7, 'Did you mean "tag"?'),
    ('all = [{ listed = "x", connection = "hub" }]', 6, "no connection"),
)


@pytest.mark.parametrize(("lines", "line", "said"), WRONG, ids=lambda one: str(one)[:30])
def test_a_mistake_is_told_with_file_line_and_key(lines: str, line: int, said: str) -> None:
    """
    And with the nearest known word.
    """
    with pytest.raises(ConfigError) as error:
        parse(f"{BUSINESS}[segments.own]\n{lines}\n")

    assert (error.value.file, error.value.line) == (FILE, line)
    assert error.value.key.startswith("segments.own")
    assert said in str(error.value)


def test_a_field_that_nobody_has_is_refused(bakery: Shop) -> None:
    """
    In the file and in a preview.
    """
    tried = bakery.run("segment", "x", "--preview", '{ field = "compani", is = "x" }')

    assert tried.code == 2
    assert 'Did you mean "company"?' in tried.err


def test_what_is_typed_wrong_is_refused(bakery: Shop) -> None:
    """
    An unknown segment, and a preview that is no TOML or no rule.
    """
    unknown = bakery.run("segment", "gone-quite")
    for rule in ("{ role = ", '{ role = "custmer" }', '{ segment = "nobody" }'):
        assert bakery.run("segment", "x", "--preview", rule).code == 2

    assert unknown.code == 2
    assert 'Did you mean "gone-quiet"?' in unknown.err


def test_every_example_of_the_reference_is_read() -> None:
    """
    docs/segments.md shows what works.
    """
    text = Path(ROOT / "docs" / "segments.md").read_text("utf-8")
    examples = [block for _, language, block in fences(text) if language == "toml"]

    assert len(examples) > 10
    assert all(parse(BUSINESS + example).segments for example in examples)
