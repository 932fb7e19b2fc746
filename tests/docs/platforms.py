"""What a platform's page says of streams, rights and limits of what it can do, worked out from its connector.

A page carries marks, `<!-- streams -->` to `<!-- end -->`; what stands between them is put there by this file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence

from connectors import CATALOGUE
from connectors.base import Platform
from connectors.checked import CHECKED
from connectors.files_forms import FORMS, Form
from connectors.hubspot_lists import WRITE
from connectors.hubspot_rights import PROBES
from connectors.levels import ASIDE, KEPT, PROMISES, level
from regulars.commands_platforms import segments
from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "platforms"


def streams(entry: Platform) -> str:
    """What can be read beside people, by the name that `--streams` takes."""
    if not entry.connector.streams:
        return "There are none.\n"
    lines = ["| stream | what | needs |", "|---|---|---|"]
    for one in entry.connector.streams:
        needs = ", ".join(f"`{word}`" if re.fullmatch(r"[\w.-]+", word) else word for word in one.needs.split(", "))
        lines.append(f"| `{one.name}` | {one.title} | {needs if one.needs else 'nothing more'} |")
    return "\n".join(lines) + "\n"


def cannot(entry: Platform) -> str:
    """What a platform cannot do or does not have, with the reason."""
    return "".join(f"- `{name}`: {why}.\n" for name, why in entry.connector.cannot.items())


def scopes(_: Platform) -> str:
    """The scopes that `connect` probes at HubSpot, and that of lists."""
    rows = [(scope, what) for what, scope, *_ in PROBES] + [(WRITE, "show a segment as a list")]
    return "| scope | for |\n|---|---|\n" + "".join(f"| `{scope}` | {what} |\n" for scope, what in rows)


def columns(entry: Platform) -> str:
    """The headings by which each field is known in exported files."""
    lines = ["| field | HubSpot's column | Mailchimp's column |", "|---|---|---|"]
    for row in entry.connector.table:
        found = [_headings(form, row.remote.split("+")) for form in FORMS]
        lines.append(f"| `{row.name}` | {found[0]} | {found[1]} |")
    return "\n".join(lines) + "\n"


def _headings(form: Form, meanings: Sequence[str]) -> str:
    return ", ".join(f"*{form.columns[one][0]}*" for one in meanings if one in form.columns)


def levels() -> str:
    """Each platform, how far it may be relied on, and what it can."""
    lines = ["| platform | level | writes | webhooks | segments become | streams | before the next level |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for entry in CATALOGUE:
        connector, reached = entry.connector, level(CHECKED[entry.name])
        streams = ", ".join(f"`{one.name}`" for one in connector.streams) or "none"
        cells = [f"[{entry.title}](platforms/{entry.name}.md)", reached.value if reached else "none"]
        cells += ["no" if connector.reads_only else "both ways", "yes" if connector.hooks else "no"]
        cells += [" or ".join(segments(entry)) or "nothing", streams, _missing(entry)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _missing(entry: Platform) -> str:
    """The promises that are not kept yet, with the reason."""
    outcomes = CHECKED[entry.name]
    lacking = [one for one in PROMISES if not outcomes[one.name].startswith((KEPT, ASIDE))]
    return "; ".join(f"{one.text}: {outcomes[one.name].partition(': ')[2]}" for one in lacking) or "nothing"


def promises() -> str:
    """What is promised, and who keeps it."""
    lines = ["| level | promise | " + " | ".join(entry.title for entry in CATALOGUE) + " |"]
    lines.append("|---|---|" + "---|" * len(CATALOGUE))
    marks = {KEPT: "yes", ASIDE.strip(" :"): "–"}
    for one in PROMISES:
        found = [marks.get(CHECKED[entry.name][one.name].partition(":")[0], "**not yet**") for entry in CATALOGUE]
        lines.append(f"| {one.level} | {one.text} | {' | '.join(found)} |")
    return "\n".join(lines) + "\n"


def aside() -> str:
    """What does not concern a platform, and why."""
    lines = []
    for entry in CATALOGUE:
        reasons: dict[str, list[str]] = {}
        for one in PROMISES:
            if CHECKED[entry.name][one.name].startswith(ASIDE):
                reasons.setdefault(CHECKED[entry.name][one.name].removeprefix(ASIDE), []).append(one.text)
        for why, texts in reasons.items():
            what = "; ".join(texts) if len(texts) < MANY else f"{len(texts)} of {len(PROMISES)} promises"
            lines.append(f"- {entry.title}: {why} ({what}).\n")
    return "".join(lines)


def not_emulated() -> str:
    """What each emulator leaves out, in its own words."""
    found = []
    for entry in CATALOGUE:
        path = ROOT / "sandbox" / f"{entry.name}.py"
        if path.exists():
            doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            words = doc.partition("Not emulated")[2].partition("\n\n")[0].split()
            found.append(f"- **{entry.title}**: {' '.join(words)}.\n")
    return "".join(found)


MANY = 4
TABLE_PAGE = ROOT / "docs" / "platforms.md"
TABLES: Mapping[str, Callable[[], str]] = {
    "levels": levels,
    "promises": promises,
    "aside": aside,
    "not_emulated": not_emulated,
}

PARTS: Mapping[str, Callable[[Platform], str]] = {
    "streams": streams,
    "cannot": cannot,
    "scopes": scopes,
    "columns": columns,
}

_MARKED = re.compile(r"(?<=<!-- )(?!end )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def current(entry: Platform, text: str) -> str:
    """The page of a platform with everything between marks as it is now."""
    return _MARKED.sub(lambda found: f"{found[1]}{found[2]}\n{PARTS[found[1]](entry)}\n", text)


def current_table(text: str) -> str:
    """The page of all platforms, as it is now."""
    return _MARKED.sub(lambda found: f"{found[1]}{found[2]}\n{TABLES[found[1]]()}\n", text)


def main() -> None:
    """Bring the pages of all platforms up to date."""
    TABLE_PAGE.write_text(current_table(TABLE_PAGE.read_text("utf-8")), "utf-8")
    for entry in CATALOGUE:
        page = FOLDER / f"{entry.name}.md"
        page.write_text(current(entry, page.read_text("utf-8")), "utf-8")
