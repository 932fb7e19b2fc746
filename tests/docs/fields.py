"""The fields of each platform as docs/configuration.md shows them, worked out from the connectors' own tables."""

from __future__ import annotations

import re

from connectors import CATALOGUE
from connectors.base import Platform
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "configuration.md"
START, END = "## Fields\n\n", "## Environment\n"
INTRODUCTION = "What a platform cannot carry, and why, is on its own page.\n\n"


def fields(entry: Platform) -> str:
    """The table of one platform's fields."""
    if not list(entry.connector.table):
        return "It names nobody: there are none.\n"
    lines = ["| field | what | there | both ways |", "|---|---|---|---|"]
    for row in entry.connector.table:
        ways = "yes" if row.readable and row.writable else "read only"
        lines.append(f"| `{row.name}` | {row.label} | `{row.remote}` | {ways} |")
    return "\n".join(lines) + "\n"


def section(entry: Platform) -> str:
    """One platform: its fields, and where more is said of it."""
    title = f"### {entry.title} (`{entry.name}`)"
    return f"{title}\n\n[All about {entry.title}](platforms/{entry.name}.md).\n\n{fields(entry)}\n"


def sections() -> str:
    """All platforms of the catalogue."""
    return INTRODUCTION + "".join(section(entry) for entry in CATALOGUE)


VARIABLES = "asks for it.\n\n", "\nThe demo takes"


def variables() -> str:
    """The environment's name for each part of a credential."""
    lines = ["| variable | meaning |", "|---|---|"]
    for entry in CATALOGUE:
        for part, name in entry.environment.items():
            lines.append(f"| `{name}` | {entry.title}: {part.replace('_', ' ')} |")
    return "\n".join(lines) + "\n"


def shown() -> str:
    """What the page says now."""
    return PAGE.read_text("utf-8").partition(START)[2].partition(END)[0]


def main() -> None:
    """Put the present tables in the place of the old ones."""
    text = PAGE.read_text("utf-8")
    pattern = f"(?<={re.escape(START)}).*(?={re.escape(END)})"
    text = re.sub(pattern, lambda _: sections(), text, flags=re.DOTALL)
    first, last = map(re.escape, VARIABLES)
    PAGE.write_text(re.sub(f"(?<={first}).*(?={last})", lambda _: variables(), text, flags=re.DOTALL), "utf-8")
