"""Files that a platform exported: HubSpot's contacts, and an audience of Mailchimp.

Docs     none that names every column; headings as exports of 2018 to 2026 show them (read 2026-11)
Pace     none: files on this machine
Quirks   An export says what was, once: nothing here may be written, read again by itself or proven gone.
         Mailchimp parts an audience into files whose names, and columns, say who may be mailed; a ZIP holds them.
         Times carry no zone and are taken as UTC. HubSpot shows labels where its API has internal names, and says
         who opted out only where all properties were exported.
         Spreadsheets that touched a file change its encoding, its separator and long numbers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from connectors import files_rows
from connectors.auth import Credential, Renewed
from connectors.base import (
    Account,
    Change,
    Connector,
    Cursor,
    Option,
    Outcome,
    Page,
    Raw,
    RemoteField,
    Result,
    Settings,
)
from connectors.files_forms import Layout, understand
from connectors.files_open import sources
from connectors.files_text import rows
from connectors.http import Transport
from connectors.hubspot_fields import TABLE as HUBSPOT_TABLE
from connectors.mailchimp_fields import TABLE as MAILCHIMP_TABLE
from connectors.pace import Clock, Pace, Sleep
from mapping.fields import FieldTable, Way
from mapping.model import Seen

PAGE_SIZE = 1000
FEW = 5
ASKS = (Option("path", "The exported files", f"parted by {os.pathsep!r}"),)

_LEFT_OUT = ("address", "language", "vip", "permissions")  # Mailchimp's exports write or name them in no fixed way
_ROWS = {row.name: row for row in MAILCHIMP_TABLE if row.name not in _LEFT_OUT}
_ROWS |= {row.name: row for row in HUBSPOT_TABLE if row.name != "language"}


@dataclass
class Tally:
    """What one reading of one file found: rows, those repeated word for word, and those that cannot be read."""

    rows: int = 0
    repeated: int = 0
    unreadable: int = 0
    few: list[tuple[int, str]] = field(default_factory=list)  # the first unreadable ones: row, reason


class Files(Connector):
    """People in exported files."""

    name: ClassVar[str] = "files"
    title: ClassVar[str] = "exported files"
    table = FieldTable(tuple(replace(row, way=Way.READS) for row in _ROWS.values()))
    cannot: ClassVar[Mapping[str, str]] = {
        "writing": "are not written: whatever should change is listed as held",
        "incremental": "are read from beginning to end each time",
        "deletions": "prove nothing by what they lack: an export may be of a part",
        "read_by_id": "know only the rows that they hold",
        "own_key": "carry no key of ours",
        "history": "say when a record was changed, not when a field was",
        "address": "of Mailchimp join an address to one text that cannot be parted again: only HubSpot's is read",
        "language": "write labels that differ by account",
        "vip": "of Mailchimp have no such column",
        "permissions": "of Mailchimp name them as each audience does",
    }
    batch: ClassVar[int] = PAGE_SIZE
    exact_stamp: ClassVar[bool] = False

    def __init__(
        self,
        credential: Credential,
        settings: Settings,
        *,
        transport: Transport | None = None,
        pace: Pace | None = None,
        clock: Clock = time.time,
        sleep: Sleep = time.sleep,
        renewed: Renewed | None = None,
        layouts: Sequence[Layout] | None = None,
    ) -> None:
        super().__init__(credential, settings)
        self._paths = [Path(path) for path in credential.get("path", "").split(os.pathsep) if path]
        self._layouts = layouts
        self.tallies: dict[str, Tally] = {}

    @property
    def layouts(self) -> Sequence[Layout]:
        """The files, understood when first asked for."""
        if self._layouts is None:
            self._layouts = [understand(source, {}) for source in sources(self._paths)]
        return self._layouts

    def check(self, *, rights: bool = False) -> Account:
        names = ", ".join(layout.source.name for layout in self.layouts)
        return Account(self.name, names, ("They may be read.",), ("They may not be written.",))

    def remote_fields(self) -> Sequence[RemoteField]:
        held = {meaning for layout in self.layouts for meaning in layout.places}
        return [RemoteField(row.name, row.label, row.kind, False, row) for row in self.table if row.name in held]

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        """All rows each time. Never complete: what an export lacks may be anywhere."""
        total = sum(layout.shape.lines for layout in self.layouts)
        kept: list[Raw] = []
        refused: list[tuple[str, str]] = []
        for found in self._all():
            if isinstance(found, Raw):
                kept.append(found)
            else:
                refused.append(found)
            if len(kept) >= PAGE_SIZE:
                yield Page(kept, {"do": "list"}, total, refused=refused)
                kept, refused = [], []
        yield Page(kept, {"do": "done"}, total, last=True, refused=refused)

    def _all(self) -> Iterator[Raw | tuple[str, str]]:
        """Every row once, under an id of its own; a row that cannot be read with where it stands and why."""
        digests: dict[str, list[bytes]] = {}
        for layout in self.layouts:
            tally = self.tallies[layout.source.name] = Tally()
            for row in rows(layout.source, layout.shape):
                tally.rows += 1
                wrong = row.wrong
                if not wrong:
                    kept = files_rows.keep(layout, row.cells)
                    key = files_rows.identity(kept)
                    wrong = "" if key else "it has neither an e-mail address nor an id"
                if wrong:
                    tally.unreadable += 1
                    tally.few += [(row.number, wrong)] * (len(tally.few) < FEW)
                    yield f"row {row.number} of {layout.source.name}", wrong
                    continue
                raw = Raw.of(key, files_rows.body(kept))
                before = digests.setdefault(key, [])
                if raw.digest in before:
                    tally.repeated += 1
                    continue
                before.append(raw.digest)
                # An id that stands twice with other values is two records of, most likely, one person.
                yield raw if len(before) == 1 else replace(raw, remote_id=f"{key}#{len(before)}")

    def decode(self, raw: Raw) -> Seen:
        return files_rows.seen(raw.remote_id, raw.body, self.fields)

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        """The rows of these ids. What is not there is left out, and so proves nothing."""
        asked = set(remote_ids)
        return {raw.remote_id: raw for raw in self._all() if isinstance(raw, Raw) and raw.remote_id in asked}

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        asked = {address.lower(): address for address in addresses}
        found: dict[str, Raw] = {}
        for raw in self._all():
            if isinstance(raw, Raw):
                for address in self.decode(raw).addresses:
                    if address.lower() in asked:
                        found.setdefault(asked[address.lower()], raw)
        return found

    def _refuse(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        reason = "an exported file is not written"
        return [Outcome(Result.REFUSED, one.remote_id, reason=reason, code="cannot") for one in changes]

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._refuse(changes)

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._refuse(changes)

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        return self._refuse(changes)

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._refuse(changes)


def held_fields(layouts: Sequence[Layout], table: FieldTable) -> FieldTable:
    """The rows of a platform's own *table* whose values the files hold. What is in no column is unknown, not blank:
    a row that only some of the files hold is read and not written. An address counts where every part of it has a
    column, and what only follows from another field is left out."""
    held = [_meanings(layout) for layout in layouts]
    some, every = set().union(*held), set.intersection(*held)
    kept = [row if row.name in every else replace(row, way=Way.READS) for row in table if row.name in some]
    return FieldTable(tuple(kept))


def _meanings(layout: Layout) -> set[str]:
    held = set(layout.places)
    return held | {"address"} if held.issuperset(files_rows.ADDRESS) else held
