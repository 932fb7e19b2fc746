"""Exported files as they lie on disk: plain, or packed in a ZIP. Nothing is ever unpacked to disk.

Sizes are limited, and a ZIP is believed no size that it states: what comes out is counted.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from connectors.errors import ConnectionFailure, Misread

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LARGEST = 512 * 1024 * 1024
"""Bytes of one file, unpacked: some two million contacts."""
MOST_FILES = 200
MOST_PACKED = 100
"""How many times smaller a file may be in a ZIP; address books come to 3 to 12."""
SMALL = 1024 * 1024
"""Below this size a file may be packed as tightly as it likes."""
TABLES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class Source:
    """One table of an export. `name` names it for people; each `open` reads it from the start."""

    name: str
    open: Callable[[], IO[bytes]]
    packed: bool = False

    @property
    def stem(self) -> str:
        """The file's own name in lower case, without the ZIP around it."""
        return PurePosixPath(self.name.replace("\\", "/")).name.lower()


def sources(paths: Sequence[Path]) -> list[Source]:
    """The tables in *paths*, those in a ZIP one by one. Raises ConnectionFailure, naming the file."""
    found: list[Source] = []
    for path in paths:
        found += _packed(path) if _is_zip(path) else [_plain(path)]
    return found


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except IsADirectoryError:
        raise ConnectionFailure(f"{path} is a folder.", fix="Name the files in it.") from None
    except FileNotFoundError:
        raise ConnectionFailure(f"There is no file {path}.") from None
    except OSError as error:
        raise ConnectionFailure(f"{path} cannot be read: {error.strerror}.") from error


def _plain(path: Path) -> Source:
    size = path.stat().st_size
    if size > LARGEST:
        raise Misread(f"{path} is larger than {LARGEST // 1024 // 1024} MB.", fix="Export it in parts.")
    if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise Misread(f"{path} is a spreadsheet.", fix="Save it as CSV first.")
    return Source(path.name, lambda: path.open("rb"))


def _packed(path: Path) -> list[Source]:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Misread(f"{path} is no whole ZIP file: {error}.", fix="Download it again.") from error
    if any(PurePosixPath(info.filename).name == "workbook.xml" for info in inside):
        raise Misread(f"{path} is a spreadsheet.", fix="Save it as CSV first.")
    if len(inside) > MOST_FILES:
        raise Misread(f"{path} holds {len(inside)} files, more than {MOST_FILES}.", fix="Unpack it, and name the CSV.")
    tables = [
        info
        for info in inside
        if not info.is_dir()
        and PurePosixPath(info.filename).suffix.lower() in TABLES
        and not info.filename.startswith("__MACOSX/")
    ]
    if not tables:
        raise Misread(f"{path} holds no CSV file.")
    for info in tables:
        _within_reason(path, info)
    if sum(info.file_size for info in tables) > LARGEST:
        raise Misread(f"{path} unpacks to more than {LARGEST // 1024 // 1024} MB.", fix="Export it in parts.")
    return [_member(path, info) for info in tables]


def _within_reason(path: Path, info: zipfile.ZipInfo) -> None:
    where = f"{info.filename} in {path.name}"
    if info.flag_bits & 1:
        raise Misread(f"{where} is locked with a password.", fix="Unpack it, and name the CSV.")
    if info.file_size > SMALL and info.file_size > MOST_PACKED * max(1, info.compress_size):
        raise Misread(f"{where} is packed more tightly than any address book: it may be a trap. It was not opened.")


def _member(path: Path, info: zipfile.ZipInfo) -> Source:
    def opened() -> IO[bytes]:
        try:
            archive = zipfile.ZipFile(path)
            return io.BufferedReader(_Counted(archive, archive.open(info), info))
        except (zipfile.BadZipFile, OSError, RuntimeError) as error:  # packed in a way unknown here, or with a password
            raise Misread(f"{info.filename} in {path.name} cannot be read: {error}.") from error

    return Source(f"{path.name}/{info.filename}", opened, packed=True)


class _Counted(io.RawIOBase):
    """A file in a ZIP that gives no more than it said it would."""

    def __init__(self, archive: zipfile.ZipFile, file: IO[bytes], info: zipfile.ZipInfo) -> None:
        self._archive, self._file, self._info = archive, file, info
        self._left = info.file_size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer).cast("B")
        try:
            part = self._file.read(len(room))
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
            raise Misread(f"{self._info.filename} is damaged in its ZIP: {error}.", fix="Download it again.") from error
        self._left -= len(part)
        if self._left < 0:
            raise Misread(f"{self._info.filename} is larger than its ZIP says: it may be a trap.")
        room[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._file.close()
        self._archive.close()
        super().close()
