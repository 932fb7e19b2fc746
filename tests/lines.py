"""`python -m tests.lines` prints the lines of each connector, without docstrings, comments and blank lines.

A connector's lines are those of its files, and of shared modules that no other platform reaches. One that is data
(`connectors.declared`) may have so many at most; those over an SDK are only counted.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from statistics import median

from connectors import CATALOGUE
from connectors.declared import Declared
from tests.docs.pages import ROOT

MOST = 400
FOLDER = ROOT / "connectors"


def lines(path: Path) -> int:
    """The lines of code in a module."""
    text = path.read_text("utf-8")
    rows = text.splitlines()
    code = {number for number, row in enumerate(rows, 1) if row.strip() and not row.strip().startswith("#")}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            code -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(code)


def imports(path: Path) -> set[str]:
    """The modules of `connectors` that a file uses: those it imports, and those whose words it takes from `kit`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "connectors":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("connectors."):
            found.add((node.module or "").removeprefix("connectors."))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "kit":
            found.add(_words()[node.attr])
    return found - {"kit"}


@cache
def _words() -> dict[str, str]:
    """The module that each word of the kit comes from."""
    tree = ast.parse((FOLDER / "kit.py").read_text("utf-8"))
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    return {name.name: (node.module or "").removeprefix("connectors.") for node in froms for name in node.names}


def owner(module: str) -> str:
    """The platform whose file this is by its name; empty for a shared one."""
    names = [entry.name for entry in CATALOGUE if module == entry.name or module.startswith(f"{entry.name}_")]
    return max(names, key=len, default="")


def belonging() -> dict[Path, str]:
    """The modules of connectors that are one platform's, and whose: by name, or because no other reaches them."""
    modules = {path.stem: path for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "kit")}
    used = {name: imports(path) & set(modules) for name, path in modules.items()}
    reached: dict[str, set[str]] = defaultdict(set)
    for entry in CATALOGUE:
        waiting, seen = [name for name in modules if owner(name) == entry.name], set[str]()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                reached[name].add(entry.name)
                waiting += used[name]
    outside = {
        name
        for room in ("sync", "webhooks", "regulars")
        for path in (ROOT / room).rglob("*.py")
        for name in imports(path)
    }
    found: dict[Path, str] = {}
    for name, path in modules.items():
        alone = len(reached[name]) == 1 and name not in outside
        if mine := owner(name) or ("".join(reached[name]) if alone else ""):
            found[path] = mine
    return found


def counted() -> dict[str, int]:
    """The lines of each platform."""
    totals = dict.fromkeys((entry.name for entry in CATALOGUE), 0)
    for path, name in belonging().items():
        totals[name] += lines(path)
    return totals


def main() -> int:
    """Print them; 1 where a declared one is too long."""
    totals = counted()
    declared = {e.name: totals[e.name] for e in CATALOGUE if issubclass(e.connector, Declared)}
    told = ", ".join(f"{name} {count}" for name, count in totals.items())
    sys.stdout.write(f"Lines per connector: {told}; median of declared ones {median(declared.values()):g}\n")
    long = [name for name, count in declared.items() if count > MOST]
    if long:
        sys.stdout.write(f"Longer than {MOST} lines: {', '.join(long)}\n")
    return 1 if long else 0


if __name__ == "__main__":
    sys.exit(main())
