"""Which exports are read: the files that were named, and of a folder the newest; and a proof of what was read.

A folder is where somebody puts each new export beside the old ones. A ZIP of an audience, or a list of contacts,
replaces all that is older; of the files of an audience that lie there unpacked, the newest of each kind counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import ConnectionFailure, Misread
from connectors.files_forms import HUBSPOT, Layout, UnknownForm, understand
from connectors.files_open import TABLES, sources
from connectors.files_text import Empty

READABLE = (*TABLES, ".zip")


@dataclass(frozen=True, slots=True)
class Export:
    """One file on disk, and the tables of people in it that are read."""

    path: Path
    layouts: tuple[Layout, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a file was when it was read: two readings with the same proof read the same."""

    name: str
    size: int
    sha256: str

    @staticmethod
    def of(path: Path) -> Proof:
        """Raises ConnectionFailure where the file cannot be read."""
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return Proof(path.name, file.tell(), digest)
        except OSError as error:
            raise ConnectionFailure(f"{path} cannot be read: {error.strerror}.") from error


def chosen(paths: Sequence[Path], columns: Mapping[str, str], *, every: bool = False) -> list[Export]:
    """The exports to read; *columns* gives the meaning of renamed ones by heading. With *every* the older ones of a
    folder are looked at too, so that those of another platform are noticed among them. Raises ConnectionFailure,
    naming the file."""
    if not paths:
        raise ConnectionFailure("no file is named.", fix="Name one with `regulars connect files --file`.")
    found: list[Export] = []
    for path in paths:
        found += _newest(path, columns, every=every) if path.is_dir() else [Export(path, _tables(path, columns))]
    _of_one_platform(found)
    return found


def _newest(folder: Path, columns: Mapping[str, str], *, every: bool) -> list[Export]:
    found: list[Export] = []
    older: list[Export] = []
    kinds: set[str] = set()
    complete = False
    for path in _by_age(folder):
        if complete and not every:
            break
        try:
            layouts = _tables(path, columns)
        except UnknownForm as unknown:
            if unknown.askable:
                raise
            continue  # of companies or deals: nobody is in it
        if complete:
            older.append(Export(path, layouts))
            continue
        fresh = tuple(layout for layout in layouts if layout.kind not in kinds)
        kinds |= {layout.kind for layout in fresh}
        found += [Export(path, fresh)] if fresh else []
        complete = any(layout.source.packed or layout.form is HUBSPOT for layout in layouts)
    if not found:
        kinds_of_file = ", ".join(READABLE)
        raise ConnectionFailure(f"{folder} holds no export ({kinds_of_file}).", fix="Put the newest one there.")
    _of_one_platform([*found, *older])
    return found


def _by_age(folder: Path) -> list[Path]:
    """The tables in a folder, the newest first."""
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in READABLE and path.is_file()]
        aged = [(path.stat().st_mtime_ns, path.name, path) for path in files if not path.name.startswith(".")]
    except OSError as error:
        raise ConnectionFailure(f"{folder} cannot be read: {error.strerror}.") from error
    return [path for _, _, path in sorted(aged, reverse=True)]


def _tables(path: Path, columns: Mapping[str, str]) -> tuple[Layout, ...]:
    """The tables of people in a file: what else a ZIP holds is passed over, unless nothing is left."""
    found: list[Layout] = []
    wrong: Misread | None = None
    for source in sources([path]):
        try:
            found.append(understand(source, columns))
        except (UnknownForm, Empty) as misread:
            if not source.packed:
                raise
            wrong = misread
    if not found and wrong is not None:
        raise wrong
    return tuple(found)


def _of_one_platform(exports: Sequence[Export]) -> None:
    """Two platforms' records of one person would look like two records of one."""
    by_form = {layout.form.title: export.path for export in exports for layout in export.layouts}
    if len(by_form) > 1:
        (one, path), (other, another), *_ = by_form.items()
        raise Misread(
            f"{path.name} is of {one}, and {another.name} of {other}.",
            fix="Connect the exports of each by themselves, under a --name of their own; keep each in its own folder.",
        )
