"""Tables into files: CSV that no spreadsheet executes, JSON Lines, Parquet. Whole or not at all, and in flat memory.

What the rows are comes from `sync.queries_export`.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from mapping.values import blank
from regulars.trouble import WrongUse
from sync.queries_export_base import Heading, Row, Type


class Format(StrEnum):
    """How a table is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


# ---- values --------------------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)
def iso(at: int | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond where it is no full second; None for an unknown time."""
    if not at:
        return None
    try:
        moment = _EPOCH + timedelta(milliseconds=at)
    except OverflowError:
        return None
    return moment.isoformat(timespec="milliseconds" if at % 1000 else "seconds").replace("+00:00", "Z")


_SIGNS = re.compile(r"[=+\-@＝＋－＠]")
_PARTS = (";", "\t", "\r", "\n")  # what a cell may begin after
_ODD = ("\t", "\r", "\n")


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe stands before a sign that would begin one. Some
    split cells at the separator of their own country, so what follows one counts as a beginning too."""
    places = _SIGNS.search(text) and [found.start() for found in _SIGNS.finditer(text) if _begins(text, found.start())]
    if places:
        pairs = zip([0, *places], [*places, len(text)], strict=True)
        text = "'".join(text[start:end] for start, end in pairs)
    return "'" + text if text.startswith(_ODD) else text


def _begins(text: str, place: int) -> bool:
    """Whether nothing but spaces and quotes stands between *place* and the beginning of a cell."""
    place -= 1
    while place >= 0 and text[place] not in _PARTS and (text[place] == '"' or text[place].isspace()):
        place -= 1
    return place < 0 or text[place] in _PARTS


def _text(value: Any) -> str:
    """A value as one text, as a person would type it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "; ".join(_text(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(_text(part) for part in value.values() if not blank(part))
    return str(value)


def _cells(column: Sequence[Any], kind: Type) -> list[str]:
    """A column of a CSV file. Numbers execute nothing, with a minus or without, so they stay numbers."""
    if kind is Type.TIME:
        return [iso(value) or "" for value in column]
    if kind is Type.MONEY:
        return ["" if value is None else format(value, "f") for value in column]
    return [
        ""
        if value is None
        else defused(value)
        if type(value) is str
        else _text(value)
        if isinstance(value, int | float)
        else defused(_text(value))
        for value in column
    ]


def _plain(value: Any, kind: Type) -> Any:
    """A value as JSON has it."""
    if kind is Type.TIME:
        return iso(value)
    return None if value == "" else value


# ---- writers -------------------------------------------------------------------------------------------------------


class Writer(Protocol):
    """Takes the rows of one table, a batch at a time."""

    def write(self, rows: Sequence[Row]) -> None: ...
    def end(self) -> None: ...


class _Csv:
    def __init__(self, headings: Sequence[Heading], file: IO[bytes], bom: bool) -> None:
        self._types = [heading.type for heading in headings]
        self._file = file
        if bom:
            file.write(b"\xef\xbb\xbf")
        self._put([[defused(heading.name) for heading in headings]])

    def write(self, rows: Sequence[Row]) -> None:
        columns = (_cells(column, kind) for column, kind in zip(zip(*rows, strict=True), self._types, strict=True))
        self._put(zip(*columns, strict=True))

    def _put(self, rows: Iterable[Sequence[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        self._file.write(text.getvalue().encode("utf-8", "replace"))

    def end(self) -> None:
        self._file.flush()


_json = msgspec.json.Encoder(decimal_format="number").encode


class _Jsonl:
    def __init__(self, headings: Sequence[Heading], file: IO[bytes]) -> None:
        self._headings = headings
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        lines = []
        for row in rows:
            pairs = zip(self._headings, row, strict=True)
            lines.append(_json({heading.name: _plain(value, heading.type) for heading, value in pairs}))
        self._file.write(b"\n".join(lines) + b"\n")

    def end(self) -> None:
        self._file.flush()


_GROUP = 20_000  # rows that make a row group: readers skip by group, and memory holds one


class _Parquet:
    """Through pyarrow, which is asked for only here. A number that is none is left blank and counted."""

    def __init__(self, headings: Sequence[Heading], file: IO[bytes], misfits: Counter[str]) -> None:
        self._arrow = pyarrow()
        arrow = self._arrow
        self._headings, self._misfits = headings, misfits
        types = {
            Type.TEXT: arrow.string(),
            Type.LIST: arrow.list_(arrow.string()),
            Type.NUMBER: arrow.float64(),
            Type.COUNT: arrow.int64(),
            Type.MONEY: arrow.decimal128(24, 4),
            Type.FLAG: arrow.bool_(),
            Type.TIME: arrow.timestamp("ms", tz="UTC"),
        }
        self._schema = arrow.schema([(heading.name, types[heading.type]) for heading in headings])
        self._out = import_module("pyarrow.parquet").ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Row] = []

    def write(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        if len(self._rows) >= _GROUP:
            self._put()

    def _put(self) -> None:
        arrow, columns = self._arrow, list(zip(*self._rows, strict=True))
        arrays = [
            arrow.array([self._fit(value, heading) for value in column], type=wanted.type)
            for heading, column, wanted in zip(self._headings, columns, self._schema, strict=True)
        ]
        self._out.write_table(arrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []

    def _fit(self, value: Any, heading: Heading) -> Any:
        """A value as its column holds it."""
        if value is None or value == "":
            return None
        if heading.type is Type.TIME:
            return value or None
        if heading.type is Type.MONEY:
            return value.quantize(Decimal("0.0001"))
        if heading.type is Type.LIST:
            return [_text(part) for part in value] if isinstance(value, list) else [_text(value)]
        if heading.type is Type.TEXT:
            return _text(value).encode("utf-8", "replace").decode()
        if isinstance(value, bool if heading.type is Type.FLAG else int | float):
            return value
        self._misfits[heading.name] += 1
        return None

    def end(self) -> None:
        if self._rows:
            self._put()
        self._out.close()


PARQUET_EXTRA = "pip install 'regulars[parquet]'"


def pyarrow() -> Any:
    """The library that writes Parquet. Raises WrongUse with the command that installs it."""
    try:
        return import_module("pyarrow")
    except ImportError:
        fix = f"Install it with {PARQUET_EXTRA}, or choose --format csv or jsonl."
        raise WrongUse("Parquet needs a library that is not installed.", fix=fix) from None


def writer(kind: Format, headings: Sequence[Heading], file: IO[bytes], *, bom: bool, misfits: Counter[str]) -> Writer:
    """What writes rows of these columns into *file*. *misfits* counts the values that a column could not hold."""
    if kind is Format.CSV:
        return _Csv(headings, file, bom)
    return _Jsonl(headings, file) if kind is Format.JSONL else _Parquet(headings, file, misfits)


# ---- files ---------------------------------------------------------------------------------------------------------


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there when the block ends well, and not at all otherwise: it is written beside its place and
    moved there. It holds people's data, so only its owner may read it. Raises WrongUse where there is no place."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _no_place(path, error) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _move(Path(temporary), path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _move(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError as error:
        raise _no_place(path, error) from None


def _no_place(path: Path, error: OSError) -> WrongUse:
    return WrongUse(f"{path} cannot be written: {error.strerror}.", fix="Choose another place with --out.")


def write_all(out: Writer, batches: Iterator[list[Row]], tell: Callable[[int], None]) -> int:
    """Write every row; returns how many there were. *tell* hears of each batch."""
    total = 0
    for rows in batches:
        out.write(rows)
        total += len(rows)
        tell(len(rows))
    out.end()
    return total
