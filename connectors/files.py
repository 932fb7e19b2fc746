"""Files that a platform exported: HubSpot's contacts, and an audience of Mailchimp.

Docs     none that names every column; headings as exports of 2018 to 2026 show them (read 2026-11)
Pace     none: files on this machine
Quirks   An export says what was, once: nothing here may be written. A file is read again when a byte of it changed.
         Who is missing from an export is gone only where a person said that each export holds everybody.
         Mailchimp parts an audience into files whose names, and columns, say who may be mailed; a ZIP holds them.
         Times carry no zone and are taken as UTC. HubSpot shows labels where its API has internal names, and says
         who opted out only where all properties were exported.
         Spreadsheets that touched a file change its encoding, its separator and long numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Unpack

from connectors import files_rows
from connectors.auth import Credential
from connectors.base import (
    Account,
    Change,
    Connector,
    Cursor,
    Option,
    Outcome,
    Outside,
    Page,
    Raw,
    RemoteField,
    Result,
    Settings,
)
from connectors.errors import Later, Misread
from connectors.files_chosen import Export, Proof, chosen
from connectors.files_forms import Layout
from connectors.files_text import SEPARATORS, rows
from connectors.hubspot_fields import TABLE as HUBSPOT_TABLE
from connectors.mailchimp_fields import TABLE as MAILCHIMP_TABLE
from mapping.fields import FieldTable, Way
from mapping.model import Seen

PAGE_SIZE = 1000
FEW = 5
ASKS: tuple[Option, ...] = ()

_LEFT_OUT = ("address", "language", "vip", "permissions")  # Mailchimp's exports write or name them in no fixed way
_ROWS = {row.name: row for row in MAILCHIMP_TABLE if row.name not in _LEFT_OUT}
_ROWS |= {row.name: row for row in HUBSPOT_TABLE if row.name != "language"}
_FOLLOWS = {"role": "lifecycle", "stage": "lifecycle"}
"""Fields that have no column, and the one that they follow from."""
_PLACES = {**_FOLLOWS, "address": "+".join(files_rows.ADDRESS)}


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
    table = FieldTable(
        tuple(replace(row, way=Way.READS, remote=_PLACES.get(row.name, row.name)) for row in _ROWS.values())
    )
    cannot: ClassVar[Mapping[str, str]] = {
        "writing": "is never written, so it is connected with direction `read` only",
        "incremental": "is read from beginning to end whenever a byte of it changed",
        "deletions": "proves nothing by what it lacks, unless `whole` says that each export holds everybody",
        "columns": "has columns of your own by label only: they are not read",
        "streams": "holds people only; exports of companies, deals and tickets are passed over",
        "own_key": "carries no key of ours",
        "history": "says when a record was changed, not when a field was",
        "address": "joins an address to one text that cannot be parted again (Mailchimp's; HubSpot's is read)",
        "language": "shows labels that differ by account",
        "vip": "has no such column",
        "name": "has first and last name in columns of their own",
        "handle": "has no such column",
        "permissions": "names them as each audience does",
    }
    batch: ClassVar[int] = PAGE_SIZE
    exact_stamp: ClassVar[bool] = False
    reads_only: ClassVar[bool] = True

    def __init__(
        self,
        credential: Credential,
        settings: Settings,
        *,
        layouts: Sequence[Layout] | None = None,
        **outside: Unpack[Outside],
    ) -> None:
        """*layouts* are tables that were understood already; otherwise the files are those of the settings."""
        super().__init__(credential, settings, **outside)
        self._given = layouts
        self._exports: list[Export] | None = None
        self.tallies: dict[str, Tally] = {}
        self._unreadable = 0

    @property
    def exports(self) -> list[Export]:
        """The files, chosen and understood when first asked for."""
        if self._exports is None:
            self._exports = self._chosen()
        return self._exports

    def _chosen(self, *, every: bool = False) -> list[Export]:
        return chosen([Path(path) for path in self.settings.files], self.settings.columns, every=every)

    @property
    def layouts(self) -> Sequence[Layout]:
        """The tables that are read."""
        if self._given is not None:
            return self._given
        return [layout for export in self.exports for layout in export.layouts]

    # ---- what is there ---------------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> Account:
        """Choose the files anew, and say of which platform they are. A chosen field without a column is refused: it
        would look as if somebody had emptied it everywhere."""
        if self._given is None:
            self._exports = self._chosen(every=rights)
            if not rights:
                self._has_columns()
        may = tuple(_described(layout) for layout in self.layouts) if rights else ()
        names = dict.fromkeys(layout.source.name.partition("/")[0] for layout in self.layouts)
        return Account(self.layouts[0].form.title, ", ".join(names), may)

    def _has_columns(self) -> None:
        if {row.name for row in self.fields} == {row.name for row in self.table}:
            fix = "List them, as `regulars connect` does."
            raise Misread("the connection does not say which fields are read from its files.", fix=fix)
        for layout in self.layouts:
            held = _held(layout)
            for row in self.fields:
                if row.name not in held:
                    places = row.remote.split("+")
                    heading = next(layout.form.columns.get(one, (one,))[0] for one in places if one not in held)
                    raise Misread(
                        f'{layout.source.name}, row {layout.shape.first}: there is no column "{heading}", from which '
                        f"this connection reads the field {row.name}.",
                        fix=f'Export all columns, or take "{row.name}" out of its fields in regulars.toml.',
                    )

    def remote_fields(self) -> Sequence[RemoteField]:
        """The fields that have a column in every table."""
        held = set.intersection(*map(_held, self.layouts))
        return [RemoteField(row.remote, row.label, row.kind, False, row) for row in self.table if row.name in held]

    # ---- reading ---------------------------------------------------------------------------------------------------

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        """All rows where a byte of the files changed since the last time, else none. Complete where each export holds
        everybody and each row could be read. The last page is not given before the files proved to be the same as at
        the first."""
        began = self._proofs()
        stated = [[one.name, one.size, one.sha256] for one in began]
        known = cursor or {}
        columns = dict(self.settings.columns)
        same_rule = known.get("whole") is self.settings.whole and known.get("columns") == columns
        if began and not full and same_rule and [one[:3] for one in known.get("files", ())] == stated:
            yield Page([], known, 0, last=True)
            return
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
        self._prove(began)
        read = [[*one, self._rows_of(export)] for one, export in zip(stated, self._exports or (), strict=True)]
        # What goes on with a reading that broke off proves nothing by absence: the next time all is read in one piece.
        rule = None if known.get("do") == "list" else self.settings.whole
        end = {"do": "done", "whole": rule, "columns": columns, "files": read}
        complete = self.settings.whole and not self._unreadable
        yield Page(kept, end, total, last=True, complete=complete, refused=refused)

    def _proofs(self) -> list[Proof]:
        return [] if self._given is not None else [Proof.of(export.path) for export in self.exports]

    def _prove(self, began: Sequence[Proof]) -> None:
        """What was read is what lies there, and somebody is in it."""
        for before, now in zip(began, self._proofs(), strict=True):
            if now != before:
                text = f"{before.name} was changed while it was read ({before.size:,} bytes, then {now.size:,})."
                raise Later(text, fix="Run it again once it is whole.")
        if began and not any(tally.rows > tally.unreadable for tally in self.tallies.values()):
            first = self.layouts[0]
            raise Misread(
                f"{first.source.name} holds nobody: below its heading, row {first.shape.first}, is no row to read.",
                fix="Export it again; what was read before stays.",
            )

    def _rows_of(self, export: Export) -> int:
        return sum(self.tallies[layout.source.name].rows for layout in export.layouts)

    def _all(self) -> Iterator[Raw | tuple[str, str]]:
        """Every row once, under an id of its own; a row that cannot be read with where it stands and why."""
        digests: dict[str, list[bytes]] = {}
        self.tallies.clear()
        self._unreadable = 0
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
                    self._unreadable += 1
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
        """The rows of these ids. What is not there is left out, and so proves nothing; where each export holds
        everybody and each row could be read, it proves that nobody of that id is there."""
        asked = set(remote_ids)
        found: dict[str, Raw | None] = {
            raw.remote_id: raw for raw in self._all() if isinstance(raw, Raw) and raw.remote_id in asked
        }
        if self.settings.whole and not self._unreadable:
            found |= dict.fromkeys(asked - found.keys())
        return found

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


def _held(layout: Layout) -> set[str]:
    """The fields that a table tells of, those that follow from another among them."""
    held = _meanings(layout)
    return held | {name for name, source in _FOLLOWS.items() if source in held}


def _described(layout: Layout) -> str:
    kind = f", {layout.kind}" if layout.kind else ""
    shape = layout.shape
    return f"{layout.source.name}: {layout.form.title}{kind}, {shape.encoding_name}, {SEPARATORS[shape.separator]}."
