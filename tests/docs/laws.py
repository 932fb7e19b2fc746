"""The table of the laws, worked out from their tests and mutants. `python -m tests.docs` brings the
pages up to date."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.pages import README, ROOT, names_of_tests
from tests.laws import mutants
from tests.laws.mutant import Mutant

LAWS = {
    "nothing_is_lost": "Each record and each write ends somewhere, with its reason; the sums close.",
    "nothing_is_doubled": "Killed at any instant and run again, all sides end as they would have.",
    "it_settles": "When people stop editing, three runs later there is nothing left to write.",
    "it_agrees": "Then each field shows the chosen value, or is listed with the reason why not.",
    "order_does_not_matter": "Pages and connections in any order give the same people and values.",
    "derived_is_derived": "Worked out again from what is known, people are the same, with the same ids.",
    "withdrawn_stays_withdrawn": "An opt-out seen anywhere holds everywhere; nothing turns it back on.",
    "blank_never_wipes": "An empty value never replaces a value, unless you said so for that field.",
    "absence_needs_proof": "Nothing counts as deleted because a page did not show it.",
    "every_write_was_planned": "What goes out was first a row of a plan; a rehearsal writes nothing.",
    "every_write_can_be_undone": "What a run wrote can be taken back, opt-outs excepted.",
    "why_has_an_answer": "Each value and each write names what it rests on.",
    "people_overrule_machines": "What a person decided, no rule changes.",
    "secrets_stay_secret": "No credential in answers, files, logs or errors.",
}

ELSEWHERE = {"secrets_stay_secret": "tests/cli/test_story.py::test_the_credential_is_kept_encrypted_and_shown_nowhere"}
"""Laws that no history can judge, by the test that judges them until `tests/laws` has one of that name."""

NONE = "none yet"


def where_tested(law: str) -> str:
    """Where the test of a law is."""
    for path in sorted((ROOT / "tests" / "laws").glob("test_*.py")):
        if f"test_{law}" in names_of_tests(path):
            return f"tests/laws/{path.name}::test_{law}"
    return ELSEWHERE.get(law, NONE)


def mutant_of(law: str) -> str:
    """What is wrong with the mutant of a law."""
    loose = [value for value in vars(mutants).values() if isinstance(value, Mutant)]
    found = [mutant.wrong for mutant in (*mutants.MUTANTS, *loose) if mutant.law == law]
    return "; ".join(found) or NONE


def table(page: Path) -> str:
    """The table as a page shows it: the README in short."""
    lines = []
    for law, meaning in LAWS.items():
        test = where_tested(law)
        place, _, name = test.partition("::")
        if page == README:
            short = place.rpartition("/")[2]
            lines.append((f"`{law}`", meaning, f"[{short}]({place})" if name else test, mutant_of(law)))
        else:
            lines.append((f"`{law}`", meaning, f"`{test}`", mutant_of(law)))
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"| law | meaning | its test | its mutant |\n|---|---|---|---|\n{body}"


def tables(text: str) -> list[str]:
    """The tables of laws that a page has."""
    return re.findall(r"^\| law \|.*\n(?:^\|.*\n)+", text, re.MULTILINE)


def main() -> None:
    """Put the present table in the place of the old one."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for old in tables(text):
            text = text.replace(old, table(page))
        page.write_text(text, "utf-8")


PAGES = (README, ROOT / "docs" / "how-sync-works.md")
