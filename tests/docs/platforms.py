"""What a platform's page says of streams, rights and limits of what it can do, worked out from its connector.

A page carries marks, `<!-- streams -->` to `<!-- end -->`; what stands between them is put there by this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from connectors import CATALOGUE
from connectors.base import Platform
from connectors.files_forms import FORMS, Form
from connectors.hubspot_lists import WRITE
from connectors.hubspot_rights import PROBES
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


def main() -> None:
    """Bring the pages of all platforms up to date."""
    for entry in CATALOGUE:
        page = FOLDER / f"{entry.name}.md"
        page.write_text(current(entry, page.read_text("utf-8")), "utf-8")
