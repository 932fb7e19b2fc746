"""`regulars.env`: variables of one business, kept beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regulars import environment
from regulars.trouble import ConfigError
from tests.cli.shop import Shop


def kept(folder: Path, text: str, mode: int = 0o600) -> None:
    path = folder / environment.FILE
    path.write_text(text, "utf-8")
    path.chmod(mode)


def test_a_command_finds_what_the_file_says(shop: Shop) -> None:
    """The store that it names is opened, unless the environment names another; afterwards nothing stays set."""
    kept(shop.folder, '# where\nexport REGULARS_DATABASE="sqlite:///other name.db"\n\nREGULARS_NO_KEYRING=1\n')
    first = shop.run("status")
    by_file = (shop.folder / "other name.db").exists()
    second = shop.run("status", REGULARS_DATABASE="sqlite:///third.db")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert by_file
    assert (shop.folder / "third.db").exists()
    assert not (shop.folder / "regulars.db").exists()
    assert "REGULARS_DATABASE" not in os.environ


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("REGULARS_KEY=a\n\nPATH=/bin\n", 3, "PATH is none of ours"),
        ("REGULARS_KEY=a\nREGULARS_DATABASE\n", 2, "NAME=value"),
        ("REGULARS_KEY=a\n'oh\n", 2, "NAME=value"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str, line: int, said: str) -> None:
    """With the line, and what was expected."""
    kept(tmp_path, text)
    with pytest.raises(ConfigError, match=said) as caught:
        environment.read(tmp_path)

    assert caught.value.line == line


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_a_file_that_others_may_read_is_refused(shop: Shop) -> None:
    """It may hold a key or a password; the way out is said."""
    kept(shop.folder, "REGULARS_KEY=a\n", 0o644)
    told = shop.run("status")

    assert told.code == 2
    assert "chmod 600 regulars.env" in told.err
