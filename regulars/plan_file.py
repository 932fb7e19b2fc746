"""A plan in a file: a header line with the hash, then a line per write. What was edited since is refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from regulars.trouble import WrongUse
from sync.writes import PlanHash, Write

FORMAT = 1


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """The first line."""

    regulars_plan: int
    business: str
    made: int
    hash: str
    writes: int


_encode = msgspec.json.Encoder().encode
_header = msgspec.json.Decoder(Header).decode
_write = msgspec.json.Decoder(Write).decode


def write_plan(path: Path, business: str, made: int, hash_: str, count: int, writes: Iterable[Write]) -> None:
    """Write a plan, whole or not at all. The file holds people's data, so only its owner may read it."""
    temporary = path.with_name(path.name + ".new")
    try:
        handle = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_encode(Header(FORMAT, business, made, hash_, count)) + b"\n")
            for write in writes:
                file.write(_encode(write) + b"\n")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise WrongUse(f"{path} cannot be written: {error.strerror}.", fix="Choose another place with --out.") from None


def read_plan(path: Path) -> tuple[Header, list[Write]]:
    """A plan from a file. Raises WrongUse where it is none, or was changed since it was made."""
    try:
        with path.open("rb") as file:
            header = _first(path, file)
            writes = list(_rest(path, file))
    except OSError as error:
        raise WrongUse(
            f"{path} cannot be read: {error.strerror}.", fix="Give the file that `regulars plan --out` wrote."
        ) from None
    found = PlanHash()
    for write in writes:
        found.add(write)
    if found.hexdigest() != header.hash or len(writes) != header.writes:
        fix = "Make a new one with `regulars plan --out`."
        raise WrongUse(
            f"{path} was changed after it was made: its hash does not fit its {len(writes)} writes.", fix=fix
        )
    return header, writes


def _first(path: Path, file: IO[bytes]) -> Header:
    try:
        header = _header(file.readline())
    except msgspec.DecodeError:
        raise WrongUse(f"{path} is no plan.", fix="Give the file that `regulars plan --out` wrote.") from None
    if header.regulars_plan != FORMAT:
        raise WrongUse(
            f"{path} was written by another version of Regulars.", fix="Make a new plan with `regulars plan --out`."
        )
    return header


def _rest(path: Path, file: IO[bytes]) -> Iterator[Write]:
    for number, line in enumerate(file, 2):
        try:
            yield _write(line)
        except msgspec.DecodeError as error:
            fix = "Make a new plan with `regulars plan --out`."
            raise WrongUse(f"{path}, line {number} cannot be read ({error}).", fix=fix) from None
