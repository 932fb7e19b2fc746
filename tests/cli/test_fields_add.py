"""A field that Mailchimp lacks is made there on request: shown first, asked for once, made once, and carried."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regulars import street
from tests.cli.shop import Shop

LABEL = "Favourite cake"


@pytest.fixture(scope="module")
def platforms() -> Iterator[Shop]:
    """Both platforms, and no business yet."""
    made = street.build(20, 3, quotas=False)
    with street.open_street(made, [0, 0]) as (hubspot, mailchimp):
        yield Shop(Path(), hubspot, mailchimp, made)


@pytest.fixture
def shop(platforms: Shop, tmp_path: Path) -> Iterator[Shop]:
    """A business on the platforms as they were built, which they are again afterwards."""
    assert platforms.street is not None
    box = platforms.street.mailchimp
    kept = box.snapshot()
    opened = Shop(tmp_path, platforms.hubspot, platforms.mailchimp, platforms.street)
    opened.open()
    yield opened
    box.faults.clear()
    box.restore(kept)


def tags(shop: Shop) -> list[str]:
    assert shop.street is not None
    return shop.street.mailchimp.merge_tags()


def custom(shop: Shop) -> dict[str, Any]:
    found = tomllib.loads((shop.folder / "regulars.toml").read_text("utf-8"))["connections"]["mailchimp"]["custom"]
    return dict(found)


def test_a_field_is_made_and_carried(shop: Shop) -> None:
    """
    It stands at Mailchimp with its tag and type, in regulars.toml under our name, and the next sync fills it.
    """
    assert shop.street is not None
    more = ("--type", "text", "--tag", "cake", "--as", "cake", "--yes")
    answer = shop.run("fields", "mailchimp", "--add", LABEL, *more)
    there = shop.street.mailchimp.list_of(None).merge_fields[-1]
    shop.run("fields", "hubspot", "--map", "message=cake")
    assert shop.run("sync").code in (0, 1)
    filled = [m.merge["CAKE"] for m in shop.street.mailchimp.list_of(None).members.values() if m.merge.get("CAKE")]

    assert answer.code == 0, answer.err
    assert "will be made at mailchimp" in answer.out
    assert (there.tag, there.name, there.type, there.public, there.required) == ("CAKE", LABEL, "text", False, False)
    assert custom(shop)["cake"] == {"remote": "merge_fields.CAKE", "type": "text"}
    assert filled


@pytest.mark.parametrize("kind", ["text", "name", "phone", "number", "date", "birthday", "address"])
def test_each_type_is_made_as_what_it_holds(shop: Shop, kind: str) -> None:
    """
    What is made holds what was asked for, and goes both ways.
    """
    answer = shop.run("fields", "mailchimp", "--add", LABEL, "--type", kind, "--yes", "--json")
    again = shop.run("fields", "mailchimp", "--json").json["fields"]
    mapped = next(one["mapped"] for one in again if one["remote"] == "merge_fields.FAVOURITE")

    assert answer.code == 0, answer.err
    assert answer.json["made"] is True
    assert (mapped[0]["name"], mapped[0]["way"]) == ("favourite_cake", "both")
    assert mapped[0]["type"] == ("text" if kind == "name" else kind)


def test_nobody_is_asked_in_a_pipe(shop: Shop) -> None:
    """
    Without --yes nothing is made where nobody can say so.
    """
    before = tags(shop)
    answer = shop.run("fields", "mailchimp", "--add", LABEL)

    assert answer.code == 2
    assert "--yes" in answer.err
    assert tags(shop) == before


@pytest.mark.parametrize("fault", ["lost_answer", "lost_request"])
def test_a_lost_answer_makes_no_second_field(shop: Shop, fault: str) -> None:
    """
    It is looked for before anything is made again; running the command once more ends with one field, carried.
    """
    assert shop.street is not None
    shop.street.mailchimp.faults.add(fault, method="POST", path="*/merge-fields")
    first = shop.run("fields", "mailchimp", "--add", LABEL, "--yes")
    if first.code:
        assert "favourite_cake" not in custom(shop)
        assert shop.run("fields", "mailchimp", "--add", LABEL, "--yes").code == 0

    assert [field.name for field in shop.street.mailchimp.list_of(None).merge_fields].count(LABEL) == 1
    assert custom(shop)["favourite_cake"]["remote"] == "merge_fields.FAVOURITE"


def test_a_field_that_was_made_is_carried_by_the_same_command(shop: Shop) -> None:
    """
    Cut off between making and carrying, the command ends its work when it is run again.
    """
    assert shop.street is not None
    shop.street.mailchimp.add_merge_field("FAVOURITE", LABEL, "text")
    before = tags(shop)
    answer = shop.run("fields", "mailchimp", "--add", LABEL)

    assert answer.code == 0, answer.err
    assert "is there already" in answer.out
    assert tags(shop) == before
    assert "favourite_cake" in custom(shop)


MISTAKES = (
    (("--add", LABEL, "--tag", "FAVOURITE_CAKE"), "is no tag"),
    (("--add", LABEL, "--tag", "EMAIL"), "something else in a mail"),
    (("--add", LABEL, "--tag", "COMPANY"), 'a field "Company" already'),
    (("--add", "Favourite Bread"), 'a field "Favourite bread" already'),
    (("--add", LABEL, "--type", "set"), "no field for set"),
    (("--add", LABEL, "--as", "bread"), "already"),
    (("--add", LABEL, "--as", "email"), "told apart"),
    (("--add", LABEL, "--as", "Cake!"), "cannot name a field"),
    (("--add", LABEL, "--as", "mobile", "--type", "number"), "One field holds one thing"),
    (("--add", "Пирог"), "--as bread"),
    (("--add", " "), "has no name"),
    (("--add", LABEL, "--map", "BREAD=roll"), "Give one of them"),
    (("--add", LABEL, "--reads"), "go with --map"),
    (("--tag", "CAKE"), "go with --add"),
    (("--as", "cake"), "go with --add"),
)


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_what_cannot_be_made_is_refused_in_a_sentence(shop: Shop, arguments: tuple[str, ...], said: str) -> None:
    """
    Nothing is made, nothing is written down, and the sentence says what to do.
    """
    if "mobile" in arguments:
        shop.run("fields", "hubspot", "--map", "mobilephone=mobile")
    before, written = tags(shop), custom(shop)
    answer = shop.run("fields", "mailchimp", *arguments, "--yes")

    assert answer.code == 2, answer.out
    assert said in answer.err
    assert (tags(shop), custom(shop)) == (before, written)


def test_nothing_is_made_where_nothing_may_be_written(shop: Shop) -> None:
    """
    Not on a connection that only reads, not at a platform where Regulars makes none, and not over Mailchimp's limit.
    """
    assert shop.street is not None
    box = shop.street.mailchimp
    there = shop.run("fields", "hubspot", "--add", LABEL, "--yes")
    for number in range(box.switches.most_fields - len(tags(shop))):
        box.add_merge_field(f"F{number}", f"Field {number}", "text")
    full = shop.run("fields", "mailchimp", "--add", LABEL, "--yes")
    path = shop.folder / "regulars.toml"
    path.write_text(path.read_text("utf-8").replace('direction = "both"', 'direction = "read"'), "utf-8")
    read = shop.run("fields", "mailchimp", "--add", LABEL, "--yes")

    assert (there.code, full.code, read.code) == (2, 2, 2)
    assert "makes no fields at HubSpot" in there.err
    assert "Mailchimp refused the field FAVOURITE" in full.err
    assert "is only read" in read.err
    assert "favourite_cake" not in custom(shop)
