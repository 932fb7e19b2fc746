"""Field tables: one table per platform, read in both directions (a lens).

A row says what our field is called there, what kind of value it holds, which ways it may travel and how the
platform spells it. Every two-way row obeys `read(write(x)) == image(x)` and `write(read(r)) == r` for what the
platform itself shows; the contract suite checks both for each connector.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mapping.model import Value
from mapping.values import Kind, blank


class Way(StrEnum):
    """Which ways a field's values may travel."""

    BOTH = "both"
    READS = "reads"
    WRITES = "writes"


Codec = Callable[[Value], Value]


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a field table.

    `remote` is the platform's name, dots going into objects (`merge_fields.FNAME`).
    `reads` turns the platform's value into ours, `writes` ours into the platform's; None leaves it as it is.
    `longest` is the number of characters that the platform keeps, 0 for no limit that we know of.
    `fits` says in a sentence why the platform cannot hold a value, and nothing where it can.
    """

    name: str
    remote: str
    kind: Kind = Kind.TEXT
    way: Way = Way.BOTH
    reads: Codec | None = None
    writes: Codec | None = None
    longest: int = 0
    label: str = ""
    fits: Callable[[Value], str] | None = None

    def read(self, raw: Value) -> Value:
        """Our value for the platform's; None where it is blank. Raises ValueError where it makes no sense."""
        if blank(raw):
            return None
        value = self.reads(raw) if self.reads else raw
        return None if blank(value) else value

    def write(self, value: Value) -> Value:
        """The platform's value for ours; None where ours is blank (each connector knows how to clear)."""
        if blank(value):
            return None
        if self.longest and isinstance(value, str):
            value = value[: self.longest]
        return self.writes(value) if self.writes else value

    def image(self, value: Value) -> Value:
        """What the platform is expected to show after we wrote *value*: the lens image."""
        return self.read(self.write(value))

    def fitted(self, value: Value) -> tuple[Value, str]:
        """The image of *value*, or why the platform cannot hold it."""
        if blank(value):
            return None, ""
        misfit = self.fits(value) if self.fits is not None else ""
        try:
            return (None, misfit) if misfit else (self.image(value), "")
        except ValueError as error:
            return None, str(error)

    @property
    def plain(self) -> bool:
        """Whether values pass through unchanged, so that the hot paths need not call."""
        return self.reads is None and self.writes is None and not self.longest

    @property
    def readable(self) -> bool:
        return self.way is not Way.WRITES

    @property
    def writable(self) -> bool:
        return self.way is not Way.READS


def both(name: str, remote: str, kind: Kind = Kind.TEXT, **more: object) -> Field:
    """A row whose values travel both ways."""
    return Field(name, remote, kind, Way.BOTH, **more)  # type: ignore[arg-type]


def reads(name: str, remote: str, kind: Kind = Kind.TEXT, **more: object) -> Field:
    """A row that is only read."""
    return Field(name, remote, kind, Way.READS, **more)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class FieldTable:
    """A platform's rows, found by our name."""

    rows: tuple[Field, ...]
    by_name: Mapping[str, Field] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found: dict[str, Field] = {}
        for row in self.rows:
            if row.name in found:
                raise ValueError(f"field {row.name!r} stands twice in one field table")
            found[row.name] = row
        object.__setattr__(self, "by_name", found)

    def __iter__(self) -> Iterator[Field]:
        return iter(self.rows)

    def get(self, name: str) -> Field | None:
        return self.by_name.get(name)

    def choose(self, names: Iterable[str] | None, custom: Iterable[Field] = ()) -> FieldTable:
        """This table with only the rows in *names* (None: all), and *custom* rows added or replacing."""
        extra = {row.name: row for row in custom}
        wanted = None if names is None else set(names)
        kept = [row for row in self.rows if row.name not in extra and (wanted is None or row.name in wanted)]
        return FieldTable((*kept, *extra.values()))

    def fingerprint(self) -> str:
        """Changes whenever the meaning of a row may have changed; a guard compares it with the stored one."""
        text = "\n".join(sorted(f"{r.name}|{r.remote}|{r.kind}|{r.way}|{r.longest}" for r in self.rows))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
