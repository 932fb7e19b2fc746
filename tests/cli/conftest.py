"""A business in a folder, two rehearsed platforms, and the command line over both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from regulars import street
from tests.cli.shop import Shop


@pytest.fixture(autouse=True)
def _own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("REGULARS_", "HUBSPOT_", "MAILCHIMP_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REGULARS_NO_KEYRING", "1")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """An empty folder, with no platform."""
    return Shop(tmp_path)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Shop]:
    """An open business with both platforms, freshly rehearsed."""
    made = street.build(60, 3, quotas=False)
    with street.open_street(made, [0, 0]) as (hubspot, mailchimp):
        shop = Shop(tmp_path, hubspot, mailchimp, made)
        shop.open()
        yield shop


@pytest.fixture(scope="module")
def settled_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A business after its first sync, for tests that only look."""
    made = street.build(60, 3, quotas=False)
    with pytest.MonkeyPatch.context() as patch, street.open_street(made, [0, 0]) as (hubspot, mailchimp):
        patch.setenv("REGULARS_NO_KEYRING", "1")
        shop = Shop(tmp_path_factory.mktemp("town"), hubspot, mailchimp, made)
        shop.open()
        assert shop.run("sync").code in (0, 1)
        yield shop
