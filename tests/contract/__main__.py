"""`python -m tests.contract [NAME…]` runs the contract and writes what it found into `connectors/checked.py`.

With names only these platforms are run, and of the others stays what was found before.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from connectors import CATALOGUE
from connectors.checked import CHECKED
from connectors.levels import PROMISES
from tests.contract.outcomes import outcome
from tests.docs.pages import ROOT

FILE = ROOT / "connectors" / "checked.py"
HEAD = '''"""What the contract suite found on each platform. Written by `python -m tests.contract`, by nobody's hand."""

from __future__ import annotations

from collections.abc import Mapping

CHECKED: Mapping[str, Mapping[str, str]] = {
'''


def text(found: Mapping[str, Mapping[str, str]]) -> str:
    """The file, in the form that the formatter leaves alone."""
    lines = [HEAD]
    for name, outcomes in found.items():
        lines.append(f'    "{name}": {{\n')
        lines += [f'        "{promise}": "{result}",\n' for promise, result in outcomes.items()]
        lines.append("    },\n")
    return "".join([*lines, "}\n"])


def main(names: Sequence[str]) -> int:
    """Run every check; a promise that fails is printed and not written."""
    unknown = set(names) - {entry.name for entry in CATALOGUE}
    if unknown:
        sys.stderr.write(f"not in the catalogue: {', '.join(sorted(unknown))}\n")
        return 2
    found: dict[str, Mapping[str, str]] = {}
    failed = 0
    for entry in CATALOGUE:
        if names and entry.name not in names:
            found[entry.name] = CHECKED[entry.name]
            continue
        told: dict[str, str] = {}
        for promise in PROMISES:
            try:
                told[promise.name] = outcome(entry.name, promise.name)
            except Exception as error:  # noqa: BLE001 - told, and the rest is tried
                failed += 1
                sys.stderr.write(f"{entry.name} {promise.name}: {type(error).__name__}: {str(error)[:300]}\n")
        found[entry.name] = told
    if not failed:
        FILE.write_text(text(found), "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
