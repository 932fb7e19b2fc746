"""An empty business in a folder, on a machine with no scheduler unless a test gives it one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from regulars import street
from tests.cli.shop import Shop
from tests.operate.standins import Machine


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("REGULARS_", "HUBSPOT_", "MAILCHIMP_")):
            monkeypatch.delenv(name)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A home of its own, and a PATH on which nothing is but what the test puts there."""
    programs, home = tmp_path / "programs", tmp_path / "home"
    programs.mkdir()
    home.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return Machine(programs)


def open_shop(folder: Path) -> Shop:
    """A business without connections, whose key lies in its folder."""
    shop = Shop(folder)
    assert shop.run("init", "--name", "Corner Bakery", "--country", "DE").code == 0
    kept = folder / "regulars.env"
    kept.write_text("REGULARS_NO_KEYRING=1\n", "utf-8")
    kept.chmod(0o600)
    return shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path / "bakery")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Shop]:
    """An open business with both platforms, freshly rehearsed."""
    made = street.build(60, 3, quotas=False)
    with street.open_street(made, [0, 0]) as (hubspot, mailchimp), pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGULARS_NO_KEYRING", "1")
        shop = Shop(tmp_path / "town", hubspot, mailchimp, made)
        shop.open()
        yield shop
