"""A Mailchimp account with two audiences, and a business that opens them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regulars import street
from sandbox.mailchimp import LIST
from sandbox.town_workshops import WORKSHOPS
from tests.cli.shop import CREDENTIALS, Answer, Shop

KEY = {"MAILCHIMP_API_KEY": CREDENTIALS["MAILCHIMP_API_KEY"]}
NAMES = "given_name,family_name"


@contextmanager
def two_audiences(folder: Path) -> Iterator[Shop]:
    """A business with no connection yet, and a Mailchimp account with two audiences."""
    made = street.build(60, 3, quotas=False, workshops=True)
    with street.open_street(made, [0, 0]) as (hubspot, mailchimp):
        opened = Shop(folder, hubspot, mailchimp, made)
        assert opened.run("init", "--name", "Backhaus", "--country", "DE").code == 0
        yield opened


def connect(shop: Shop, *more: str, **environment: str) -> Answer:
    arguments = ["connect", "mailchimp", "--base-url", shop.mailchimp, "--fields", NAMES, "--direction", "both"]
    return shop.run(*arguments, *more, **(environment or KEY))


def settings(shop: Shop) -> dict[str, Any]:
    text = (shop.folder / "regulars.toml").read_text("utf-8")
    return dict(tomllib.loads(text).get("connections", {}))


def status_of(shop: Shop, address: str, list_id: str) -> str:
    assert shop.street is not None
    member = shop.street.mailchimp.list_of(list_id).find(address)
    return "" if member is None else member.status


def in_both(shop: Shop) -> list[str]:
    """The addresses of those who are subscribed in both audiences, and nowhere left."""
    assert shop.street is not None
    box = shop.street.mailchimp
    there = {m.email.lower() for m in box.list_of(WORKSHOPS).members.values() if m.status == "subscribed"}
    here = [m.email for m in box.list_of(LIST).members.values() if m.status == "subscribed" and m.merge.get("FNAME")]
    return [address for address in here if address.lower() in there]
