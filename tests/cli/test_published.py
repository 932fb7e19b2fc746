"""What a business published by Buffer and Hootsuite, beside its people: read, shown, and nothing asked of anybody."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from regulars import street
from tests.cli.shop import CREDENTIALS, Shop


@pytest.mark.parametrize("name", ["buffer", "hootsuite", "sprout"])
def test_what_was_published_shows_with_its_figures(tmp_path: Path, name: str) -> None:
    """
    Connected and read like any other platform, although nobody is named there; a second sync changes nothing.
    """
    made = street.build(20, 3, quotas=False, campaigns=0, also=(name,))
    with street.open_street(made, [0] * 3) as (hubspot, mailchimp, there):
        shop = Shop(tmp_path, hubspot, mailchimp, made)
        shop.open()
        further = street.OTHERS[name].environment
        done = shop.run("connect", name, "--base-url", there, "--streams", "posts", **CREDENTIALS, **further)
        first, second = shop.run("sync", "--json"), shop.run("sync", "--json")
        shown = orjson.loads(shop.run("campaigns", "--json").out)

    listed = shown["campaigns"] if isinstance(shown, dict) else shown
    assert done.code == 0, done.err
    assert (first.code in (0, 1), second.code in (0, 1)) == (True, True), first.err + second.err
    assert len(listed) >= 20
    assert made.others[name].writes.total() == 0
