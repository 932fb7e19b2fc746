"""From the bytes of an exported table to rows of cells: encoding, separator, rows that make no sense.

One bad row never costs another: whatever cannot be read is given with its reason, and reading goes on after it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from charset_normalizer import from_bytes

from connectors.errors import Misread
from connectors.files_open import Source

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MOST_LINES = 200
"""Lines that one row may run over; more means a quotation mark that nobody closed."""
SAMPLE = 256 * 1024
OLDER = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "mac_roman", "cp932", "gb18030", "big5", "euc_kr"]
"""Encodings of older spreadsheets, the likeliest first."""
CLEARLY = 0.05
"""How much more of a text must look like a mess before Western Europe's encoding is given up for another."""
WORDS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}


_HINT = re.compile(r"(sep=.?)?", re.IGNORECASE).fullmatch
"""A blank line, or the separator as spreadsheets state it above the heading."""


_UNDECODED = re.compile("[\udc80-\udcff]").search
"""Bytes that are no character of the encoding, as Python keeps them."""


class Empty(Misread):
    """A file in which nothing stands."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table is written down. `lines` is roughly how many rows it has, for a progress bar."""

    encoding: str
    separator: str
    heading: tuple[str, ...]
    first: int  # the number of the heading's row
    lines: int

    @property
    def encoding_name(self) -> str:
        return WORDS.get(self.encoding, {"cp1252": "Windows-1252"}.get(self.encoding, self.encoding))


@dataclass(frozen=True, slots=True)
class Row:
    """One row, by the number that a spreadsheet shows beside it; `wrong` says why it has no cells."""

    number: int
    cells: tuple[str, ...] = ()
    wrong: str = ""


def shape_of(source: Source) -> Shape:
    """How *source* is written down. Raises Misread where it is no table."""
    with source.open() as file:
        encoding, lines = _encoding(file, source.name)
    with source.open() as file:
        lines_ = enumerate(_text(file, encoding), 1)
        number, line = next(((number, line) for number, line in lines_ if not _HINT(line.strip())), (0, ""))
    if not number:
        raise Empty(f"{source.name} is empty.")
    with source.open() as file:
        separator, heading = _heading(_text(file, encoding), number)
    if len(heading) < 2:
        raise Misread(f"{source.name} is no table: its first row is {line.strip()[:80]!r}.")
    return Shape(encoding, separator, heading, number, lines)


def rows(source: Source, shape: Shape) -> Iterator[Row]:
    """Every row below the heading that is not blank."""
    width = len(shape.heading)
    with source.open() as file:
        for row in _records(_text(file, shape.encoding), shape.separator):
            if row.number <= shape.first or (not row.wrong and not any(map(str.strip, row.cells))):
                continue
            yield row if row.wrong else _checked(row, width, shape)


def _checked(row: Row, width: int, shape: Shape) -> Row:
    """The row, or what is wrong with it."""
    if len(row.cells) != width and (len(row.cells) < width or any(map(str.strip, row.cells[width:]))):
        return Row(row.number, wrong=f"it has {len(row.cells)} cells, and the heading {width}")
    whole = "".join(row.cells)
    if "\0" in whole or (not whole.isascii() and _UNDECODED(whole)):
        for place, cell in enumerate(row.cells[:width]):
            if "\0" in cell:
                return Row(row.number, wrong=f"column {shape.heading[place]!r} holds a NUL character")
            if _UNDECODED(cell):
                return Row(row.number, wrong=f"column {shape.heading[place]!r} is not written in {shape.encoding_name}")
    return Row(row.number, row.cells[:width])


def _text(file: IO[bytes], encoding: str) -> io.TextIOWrapper:
    # What cannot be decoded stays visible in its cell, so that it costs that row only.
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    return io.TextIOWrapper(file, encoding, errors=errors, newline="")


# ---- rows ----------------------------------------------------------------------------------------------------------


class _Runaway(Exception):
    """A row that does not end."""


class _Feed:
    """Lines for the CSV reader, of which some can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._back: list[str] = []
        self.taken: list[str] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MOST_LINES:
            raise _Runaway
        line = self._back.pop() if self._back else next(self._lines)
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """All but the first line of this row are read again."""
        self._back += reversed(self.taken[1:])


def _records(lines: Iterator[str], separator: str) -> Iterator[Row]:
    feed, number = _Feed(lines), 0
    reader = csv.reader(feed, delimiter=separator, strict=True)
    while True:
        feed.taken.clear()
        number += 1
        try:
            yield Row(number, tuple(next(reader)))
        except StopIteration:
            return
        except (csv.Error, _Runaway) as error:
            yield Row(number, wrong=_reason(error))
            feed.give_back()
            reader = csv.reader(feed, delimiter=separator, strict=True)


def _reason(error: Exception) -> str:
    text = str(error)
    if isinstance(error, _Runaway) or "unexpected end" in text or "field limit" in text:
        return "a quotation mark is opened and never closed"
    if "expected after" in text:
        return "a quotation mark stands in the middle of a cell"
    return text


def _heading(lines: Iterator[str], first: int) -> tuple[str, tuple[str, ...]]:
    """The separator that cuts the heading into most cells, and these."""
    kept = [line for line, _ in zip(lines, range(first + MOST_LINES), strict=False)]
    best: tuple[str, tuple[str, ...]] = (",", ())
    for separator in SEPARATORS:
        for row in _records(iter(kept), separator):
            if row.number == first:
                cells = tuple(map(_printable, row.cells))
                best = max(best, (separator, cells), key=lambda one: len(one[1]))
                break
    return best


def _printable(heading: str) -> str:
    """A heading on one line: it is shown to people, and is what somebody else wrote."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in heading).split())


# ---- encoding ------------------------------------------------------------------------------------------------------


def _encoding(file: IO[bytes], name: str) -> tuple[str, int]:
    """How the bytes are to be read, and roughly how many lines there are."""
    head = file.read(SAMPLE)
    if not head.strip():
        raise Empty(f"{name} is empty.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", _lines(head, file)
    zeros = head[:4096].count(0)
    if zeros > len(head[:4096]) // 4:
        encoding = "utf-16-le" if head[1:4096:2].count(0) > head[:4096:2].count(0) else "utf-16-be"
        return encoding, _lines(head, file)
    if head.startswith((b"%PDF", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"\x89PNG")):
        raise Misread(f"{name} is no table of text.", fix="Export it as CSV.")
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = lines = 0
    sample, part = b"", head
    while part:
        lines += part.count(b"\n") or part.count(b"\r")
        if not part.isascii():
            signs = [sign for sign in decoder.decode(part) if sign > "\x7f"]
            wrong = sum("\udc80" <= sign <= "\udcff" for sign in signs)
            good, bad = good + len(signs) - wrong, bad + wrong
            sample = sample or (part if wrong else b"")
        else:
            decoder.decode(part)
        part = file.read(SAMPLE)
    if bad > good:
        return _older(sample), lines
    return "utf-8-sig", lines


def _lines(head: bytes, file: IO[bytes]) -> int:
    lines = head.count(b"\n")
    while part := file.read(SAMPLE):
        lines += part.count(b"\n")
    return lines


def _older(sample: bytes) -> str:
    """The encoding of a table that is not Unicode; Western Europe's unless another reads clearly better."""
    # Only the lines that have such bytes tell encodings apart.
    telling = b"\n".join(line for line in sample.splitlines() if not line.isascii())[:65536]
    found = from_bytes(telling, cp_isolation=OLDER, threshold=0.5, preemptive_behaviour=False)
    best = found.best()
    western = next((one for one in found if "cp1252" in (one.encoding, *one.could_be_from_charset)), None)
    if best is None or (western is not None and western.chaos <= best.chaos + CLEARLY):
        return "cp1252"
    return best.encoding
