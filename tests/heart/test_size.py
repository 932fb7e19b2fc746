"""The heart stays small enough to be read at one sitting."""

from __future__ import annotations

import ast
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEART = (
    "mapping/claims.py",
    "mapping/survivorship.py",
    "mapping/consent.py",
    "mapping/decisions.py",
    "mapping/sets.py",
    "mapping/leads.py",
    "mapping/meeting.py",
    "sync/plan.py",
)
"""Claims, survivorship, consent and the plan, with all that they are made of."""
MOST = 800
_SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def lines_of_code(path: Path) -> int:
    """The lines that do something: without blank ones, comments and docstrings."""
    with path.open("rb") as file:
        tokens = [token for token in tokenize.tokenize(file.readline) if token.type not in _SILENT]
    said = {line for token in tokens[1:] for line in range(token.start[0], token.end[0] + 1)}
    told = {
        line
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return len(said - told)


def test_the_heart_is_below_800_lines() -> None:
    """
    Claims, survivorship, consent, plan and what they are made of have fewer lines of code than that, all together.
    """
    sizes = {name: lines_of_code(ROOT / name) for name in HEART}
    print(f"\nThe heart: {sum(sizes.values())} lines of code, {sizes}")

    assert min(sizes.values()) > 0
    assert sum(sizes.values()) < MOST, sizes
