"""Opening several audiences of one Mailchimp account: a connection each, and what stands in regulars.toml."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from connectors.base import Option
from regulars import street
from regulars.audiences import places
from regulars.config import ConnectionConfig, parse
from regulars.trouble import ConfigError
from regulars.wiring import platform
from sandbox.mailchimp import LIST
from sandbox.town_workshops import WORKSHOPS
from tests.cli.audiences import KEY, NAMES, connect, settings, two_audiences
from tests.cli.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A business with no connection yet, and a Mailchimp account with two audiences."""
    with two_audiences(tmp_path) as opened:
        yield opened


# ---- opening them --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [("all",), ("Regulars of the bakery", "workshops"), (LIST, WORKSHOPS, "all")])
def test_several_audiences_are_opened_at_once(shop: Shop, wanted: tuple[str, ...]) -> None:
    """
    By name, by id or all: the first takes the platform's name, each other a name of its own, and one credential opens
    them.
    """
    answer = connect(shop, *(part for word in wanted for part in ("--audience", word)), "--json")
    found = settings(shop)

    assert answer.code == 0, answer.err
    assert [one["connection"] for one in (answer.json, *answer.json["also"])] == ["mailchimp", "mailchimp-workshops"]
    assert (found["mailchimp"]["audience"], found["mailchimp-workshops"]["audience"]) == (LIST, WORKSHOPS)
    assert found["mailchimp-workshops"]["credential"] == "mailchimp"
    assert "credential" not in found["mailchimp"]


def test_an_audience_is_added_later_without_the_credential(shop: Shop) -> None:
    """
    What opens the first opens the second; the first stays as it is.
    """
    assert connect(shop, "--audience", LIST).code == 0
    before = settings(shop)["mailchimp"]
    answer = shop.run("connect", "mailchimp", "--audience", "Workshops", "--direction", "read", "--fields", NAMES)
    found = settings(shop)

    assert answer.code == 0, answer.err
    assert found["mailchimp"] == before
    assert found["mailchimp-workshops"]["credential"] == "mailchimp"
    assert found["mailchimp-workshops"]["direction"] == "read"
    assert shop.run("doctor").code == 0


REFUSED: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), "--audience all"),
    (("--audience", "Wholesale"), 'no audience "Wholesale"'),
    (("--audience", "Workshop"), 'Did you mean "Workshops"?'),
)


@pytest.mark.parametrize(("arguments", "said"), REFUSED)
def test_an_audience_that_is_not_there_is_refused(shop: Shop, arguments: tuple[str, ...], said: str) -> None:
    """
    In a sentence that says what there is; nothing is stored.
    """
    answer = connect(shop, *arguments)

    assert answer.code == 2
    assert said in answer.err
    assert settings(shop) == {}


def test_a_connection_never_changes_its_audience(shop: Shop) -> None:
    """
    Its records are of the one audience; nor is an audience connected twice.
    """
    assert connect(shop, "--audience", LIST).code == 0
    before = settings(shop)
    moved = connect(shop, "--name", "mailchimp", "--audience", WORKSHOPS)
    twice = connect(shop, "--name", "again", "--audience", LIST)

    assert (moved.code, twice.code) == (2, 2)
    assert "stays it" in moved.err
    assert "connected already, as mailchimp" in twice.err
    assert settings(shop) == before


def test_another_account_shares_no_credential(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    A second audience is of the same account, or of a connection that a person names.
    """
    assert connect(shop, "--audience", LIST).code == 0
    other = street.build(20, 4, quotas=False, workshops=True)
    other.mailchimp.account_id = "sandbox-other"
    with street.open_street(other, [0, 0]) as (_, address):
        answer = connect(shop, "--base-url", address, "--audience", WORKSHOPS)

    assert answer.code == 2
    assert "another account" in answer.err


def test_a_field_that_one_audience_lacks_is_left_out_there(shop: Shop) -> None:
    """
    What all lack is refused; what one of them has is carried by that one.
    """
    both = ("--audience", "all", "--custom", "bread=BREAD", "--custom", "course=COURSE")
    answer = connect(shop, *both)
    found = settings(shop)
    nowhere = connect(shop, "--audience", "all", "--custom", "cake=CAKE")

    assert answer.code == 0, answer.err
    assert list(found["mailchimp"]["custom"]) == ["bread"]
    assert list(found["mailchimp-workshops"]["custom"]) == ["course"]
    assert "It has no COURSE" in answer.out + answer.err
    assert nowhere.code == 2
    assert 'no field "CAKE"' in nowhere.err


def test_audiences_are_chosen_at_the_prompt(shop: Shop) -> None:
    """
    By their numbers, with commas; what is none of them is asked again.
    """
    arguments = ["-m", "regulars", "-C", str(shop.folder), "connect", "mailchimp", "--base-url", shop.mailchimp]
    more = ["--fields", NAMES, "--streams", "none", "--direction", "read"]
    child = pexpect.spawn(
        sys.executable,
        [*arguments, *more],
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 160),
        env={**os.environ, **KEY},
    )
    child.expect("Which audiences")
    child.sendline("3")
    child.expect("none of them")
    child.expect("Which audiences")
    child.sendline("2, 1")
    child.expect("Workshops.{0,12}, here called .{0,12}mailchimp")
    child.expect("Add any")
    child.sendline("")
    child.expect("Regulars of the bakery.{0,12}, here called .{0,12}mailchimp-regulars-of-the-bakery")
    child.expect("Add any")
    child.sendline("")
    child.expect("mailchimp-regulars-of-the-bakery.{0,12} is connected")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 0
    assert [one["audience"] for one in settings(shop).values()] == [WORKSHOPS, LIST]


# ---- the file ------------------------------------------------------------------------------------------------------

WRONG = (
    ('b = "nobody"', "is no connection"),
    ('b = "b"', "itself"),
    ('b = "a"\nplatform = "hubspot"', "not to hubspot"),
    ('b = "a"\n[connections.c]\nplatform = "mailchimp"\ncredential = "b"', "none of its own"),
)


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_credential_that_nobody_holds_is_refused(text: str, said: str) -> None:
    """
    It names a connection of the same platform that has one of its own.
    """
    written, _, rest = text.partition("\n")
    named = written.partition("= ")[2]
    kind = "" if rest.startswith("platform") else '\nplatform = "mailchimp"'
    whole = (
        '[business]\nname = "B"\ncountry = "DE"\n[connections.a]\nplatform = "mailchimp"\n'
        f"[connections.b]\ncredential = {named}{kind}\n{rest}\n"
    )
    with pytest.raises(ConfigError, match=said):
        parse(whole)


def test_names_are_made_of_the_audiences() -> None:
    """
    Letters that a name cannot have are left out, and each name is free.
    """
    known = {"mailchimp": ConnectionConfig(platform="mailchimp", audience="a0")}
    labels = ("Kurse & Führungen", "Курсы", "Курсы", "Kurse und Führungen", "x" * 90)
    options = [Option(f"a{number}", label) for number, label in enumerate(labels, 1)]
    made = [place.name for place in places(platform("mailchimp"), known, "mailchimp", options, named=False)]

    assert made[:3] == ["mailchimp-kurse-fuhrungen", "mailchimp-2", "mailchimp-3"]
    assert made[3] == "mailchimp-kurse-und-fuhrungen"
    assert len(set(made)) == 5
    assert all(len(name) <= 40 for name in made)
