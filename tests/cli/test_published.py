"""What a business published by Buffer and Hootsuite, beside its people: read, shown, and nothing asked of anybody."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.cli.shop import beside


@pytest.mark.parametrize("name", ["buffer", "hootsuite", "sprout"])
def test_what_was_published_shows_with_its_figures(tmp_path: Path, name: str) -> None:
    """
    Connected and read like any other platform, although nobody is named there; a second sync changes nothing.
    """
    with beside(tmp_path, 20, name, "--streams", "posts") as shop:
        first, second = shop.run("sync", "--json"), shop.run("sync", "--json")
        shown = orjson.loads(shop.run("campaigns", "--json").out)

    listed = shown["campaigns"] if isinstance(shown, dict) else shown
    assert (first.code in (0, 1), second.code in (0, 1)) == (True, True), first.err + second.err
    assert len(listed) >= 20
    assert shop.street is not None
    assert shop.street.others[name].writes.total() == 0
