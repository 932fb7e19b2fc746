"""`python -m tests.contract` runs the contract and writes what it found into `connectors/checked.py`."""

from __future__ import annotations

import sys

from connectors import CATALOGUE
from connectors.levels import PROMISES
from tests.contract.outcomes import outcome
from tests.docs.pages import ROOT

FILE = ROOT / "connectors" / "checked.py"
HEAD = '''"""What the contract suite found on each platform. Written by `python -m tests.contract`, by nobody's hand."""

from __future__ import annotations

from collections.abc import Mapping

CHECKED: Mapping[str, Mapping[str, str]] = {
'''


def text(found: dict[str, dict[str, str]]) -> str:
    """The file, in the form that the formatter leaves alone."""
    lines = [HEAD]
    for name, outcomes in found.items():
        lines.append(f'    "{name}": {{\n')
        lines += [f'        "{promise}": "{result}",\n' for promise, result in outcomes.items()]
        lines.append("    },\n")
    return "".join([*lines, "}\n"])


def main() -> int:
    """Run every check; a promise that fails is printed and not written."""
    found: dict[str, dict[str, str]] = {}
    failed = 0
    for entry in CATALOGUE:
        found[entry.name] = {}
        for promise in PROMISES:
            try:
                found[entry.name][promise.name] = outcome(entry.name, promise.name)
            except Exception as error:  # noqa: BLE001 - told, and the rest is tried
                failed += 1
                sys.stderr.write(f"{entry.name} {promise.name}: {type(error).__name__}: {str(error)[:300]}\n")
    if not failed:
        FILE.write_text(text(found), "utf-8")
    return failed


if __name__ == "__main__":
    sys.exit(main())
