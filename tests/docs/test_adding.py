"""docs/adding-a-platform.md, followed word for word: Buffer is taken out, and made again from what the page shows."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.checked import CHECKED
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "adding-a-platform.md"
CATALOGUE, CHECKS = "connectors/__init__.py", "connectors/checked.py"
MADE = ("connectors/buffer.py", "sandbox/buffer_town.py", "tests/contract/places/buffer.py")
NEEDED = ("connectors", "docs", "mapping", "regulars", "sandbox", "sync", "tests", "webhooks")
_BLOCK = re.compile(r"^<!-- (\S+) -->\n```(?:python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: str) -> Iterator[str]:
    """What the page says to write into a file, in order."""
    return (found[2] for found in _BLOCK.finditer(PAGE.read_text("utf-8")) if found[1] == path)


@pytest.mark.parametrize("path", MADE)
def test_what_the_page_shows_is_what_is_there(path: str) -> None:
    """Every file that it says to write, whole."""
    shown = ast.dump(ast.parse("\n".join(blocks(path))))

    assert shown == ast.dump(ast.parse((ROOT / path).read_text("utf-8")))


def without_buffer(folder: Path) -> Path:
    """The project as it was before Buffer."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in NEEDED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for path in MADE:
        (folder / path).unlink()
    (line,) = blocks(CATALOGUE)
    text = (folder / CATALOGUE).read_text("utf-8")
    assert text.count(line) == 1
    (folder / CATALOGUE).write_text(text.replace(line, ""), "utf-8")
    found = re.sub(r'    "buffer": \{.*?\n    \},\n', "", (folder / CHECKS).read_text("utf-8"), flags=re.DOTALL)
    (folder / CHECKS).write_text(found, "utf-8")
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_followed_word_for_word_adds_a_platform(tmp_path: Path) -> None:
    """The contract finds of it what it finds of ours, and the catalogue shows it."""
    folder = without_buffer(tmp_path)
    before = run(folder, "-m", "tests.contract", "buffer")

    for path in MADE:
        (folder / path).write_text("\n".join(blocks(path)), "utf-8")
    (line,) = blocks(CATALOGUE)
    text = (folder / CATALOGUE).read_text("utf-8")
    (folder / CATALOGUE).write_text(text.replace('    described("hootsuite"),', line + '    described("hootsuite"),'))
    after = run(folder, "-m", "tests.contract", "buffer")
    shown = run(folder, "-m", "regulars", "platforms", "buffer")

    assert (before.returncode, before.stderr.strip()) == (2, "not in the catalogue: buffer")
    assert (after.returncode, after.stderr) == (0, "")
    told: dict[str, dict[str, dict[str, str]]] = {}
    exec((folder / CHECKS).read_text("utf-8"), told)
    assert told["CHECKED"]["buffer"] == CHECKED["buffer"]
    assert list(told["CHECKED"]) == list(CHECKED)
    assert shown.stdout.startswith("Buffer: silver")
