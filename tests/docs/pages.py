"""What README.md and docs/ say, as parts that a test can hold against the code: commands, tables, links."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = sorted([README, *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CUT = "…"


@dataclass
class Step:
    """One command of a page, and the lines that the page shows of its answer."""

    page: str
    line: int
    text: str
    environment: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.page}, line {self.line}: $ {self.text}"


def fences(text: str) -> Iterator[tuple[int, str, str]]:
    """The fenced blocks of a page: line, language, content."""
    for found in _FENCE.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found[1], found[2]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text)


def steps(path: Path) -> list[Step]:
    """The commands of a page in order. What `make` answers may itself show commands, so its block ends with it."""
    found: list[Step] = []
    for start, language, block in fences(path.read_text("utf-8")):
        if language != "console":
            continue
        first = len(found)
        for number, line in enumerate(block.splitlines(), start + 1):
            if line.startswith("$ ") and not (len(found) > first and found[first].words[0] == "make"):
                found.append(_step(path.name, number, line[2:]))
            elif len(found) > first and line.strip() not in ("", _CUT):
                found[-1].shown.append(line)
    return found


def _step(page: str, line: int, text: str) -> Step:
    words = shlex.split(text, comments=True)
    environment = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    return Step(page, line, text, environment, words)


def plain(line: str) -> str:
    """A line of an answer without what differs from run to run: times, ports, spacing, and what was cut off."""
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "WHEN", line)
    line = re.sub(r"\b\d+\.\d s\b", "SECONDS", line)
    line = re.sub(r"\d+ seconds\b", "SECONDS", line)
    line = re.sub(r"(127\.0\.0\.1:|--port )\d+", r"\1PORT", line)
    return " ".join(line.split())


def missing(shown: list[str], answer: str) -> str:
    """The first line of *shown* that does not come in its place in *answer*; nothing where all do.

    A line that ends in … shows only its beginning.
    """
    said = iter(plain(line) for line in answer.splitlines())
    for line in shown:
        wanted = plain(line)
        start = wanted.removesuffix(_CUT).rstrip()
        if not any(one == wanted or (wanted.endswith(_CUT) and one.startswith(start)) for one in said):
            return line
    return ""


def rows(text: str, heading: str = "") -> list[list[str]]:
    """The cells of the table rows under *heading* (of the whole page without one), header rows left out."""
    if heading:
        _, _, text = text.partition(f"\n{heading}\n")
        text = re.split(r"^#{2,3} ", text, maxsplit=1, flags=re.MULTILINE)[0]
    found = []
    lines = prose(text).splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("|") and not line.startswith("|--") and not following.startswith("|--"):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))])
    return found


def names_of_tests(path: Path) -> set[str]:
    """The names of the tests in a file, also of those that are made by assignment."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return {name for name in found if name.startswith("test_")}
