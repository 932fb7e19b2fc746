"""One connection's fields: what the platform has, what of it is carried, and one more, checked before it is written."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import tomlkit

from connectors.base import Connector, RemoteField
from mapping.fields import Field
from mapping.model import Direction
from mapping.survivorship import IDENTIFIERS
from mapping.values import Kind, same
from regulars import wiring
from regulars.config import FILE, ConnectionConfig, CustomField
from regulars.config_edit import has_inline_custom, map_field
from regulars.trouble import WrongUse, listed, nearest
from regulars.words import count, shown
from regulars.workspace import Workspace

SAMPLES = 500
"""How many real records a new row is tried on."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Offer:
    """How a field could be carried: by a row of the platform's table, or as a custom one."""

    name: str
    row: Field
    custom: dict[str, str] | None


class Wanted(NamedTuple):
    """A field to make at the platform, and our name of it. `there` says that it was made already."""

    remote: RemoteField
    name: str
    there: bool


class Desk:
    """One connection's fields: the platform's own description beside what we carry."""

    def __init__(self, business: Workspace, name: str, connector: Connector) -> None:
        self.business, self.name, self.connector = business, name, connector
        self.part: ConnectionConfig = business.config.connections[name]
        self.remote = list(connector.remote_fields())
        self.used = {row.name: row for row in connector.fields}

    def rows(self, one: RemoteField) -> list[Field]:
        """The rows in use that carry a field of the platform, or a part of an address."""
        return [row for row in self.used.values() if one.remote == row.remote or one.remote in row.remote.split("+")]

    def offer(self, one: RemoteField) -> Offer | None:
        """How a field that is not carried could be; None where we cannot carry its type."""
        if one.row is None:
            return None
        if self.connector.table.get(one.row.name) is not None:
            return Offer(one.row.name, one.row, None)
        name = re.sub(r"[^a-z0-9_]+", "_", one.row.name.lower()).strip("_")
        name = name if NAME.fullmatch(name) else f"field_{name}"[:40]
        return Offer(name, one.row, _custom(one.row, one.row.kind, reads=False))

    def document(self) -> dict[str, Any]:
        """Everything, as JSON."""
        inline = has_inline_custom(self.business.folder, self.name)
        return {
            "connection": self.name,
            "platform": self.part.platform,
            "custom_section": f"[connections.{self.name}.custom]"
            if not inline
            else f"custom, [connections.{self.name}]",
            "custom_inline": inline,
            "fields": [self._one(one) for one in self.remote],
        }

    def _one(self, one: RemoteField) -> dict[str, Any]:
        rows = self.rows(one)
        offer = self.offer(one) if not rows else None
        return {
            "remote": one.remote,
            "label": one.label,
            "type": str(one.type),
            "writable": one.writable,
            "mapped": [{"name": row.name, "type": row.kind.value, "way": row.way.value} for row in rows],
            "could_be": None
            if offer is None
            else {
                "name": offer.name,
                "type": offer.row.kind.value,
                "way": offer.row.way.value,
                "custom": offer.custom is not None,
                "line": self._line(offer),
            },
        }

    def _line(self, offer: Offer) -> str:
        """The line of regulars.toml that would carry it."""
        if offer.custom is None:
            return f"fields = {_toml([*(self.part.fields or ()), offer.name])}"
        return f"{offer.name} = {_toml(offer.custom)}"

    # -- map ----------------------------------------------------------------------------------------------------

    def map(self, text: str, *, reads: bool, kind: Kind | None) -> dict[str, Any]:
        """Carry one more field: checked against real records, then written down. Raises WrongUse."""
        theirs, sign, name = (part.strip() for part in text.rpartition("="))
        if not (theirs and sign and name):
            raise WrongUse(f'"{text}" is not understood.', fix="Write REMOTE=NAME, as in favourite_bread=bread.")
        one = self._found(theirs)
        row, custom = self._row(one, name, reads=reads, kind=kind)
        self._one_type(name, row)
        self._try(row, custom)
        looked, valued = self._lawful(row, custom)
        map_field(self.business.folder, self.name, name, custom)
        return {
            "connection": self.name,
            "mapped": {"remote": row.remote, "name": name, "type": row.kind.value, "way": row.way.value},
            "asked": "reads" if reads else "both",
            "looked_at": looked,
            "with_a_value": valued,
            "file": FILE,
        }

    # -- add ----------------------------------------------------------------------------------------------------

    def wanted(self, label: str, *, kind: Kind, tag: str, name: str) -> Wanted:
        """What would be made there for a field of one's own, after everything that could stand in its way was looked
        at. Raises WrongUse."""
        label = " ".join(label.split())
        if not label:
            raise WrongUse("The new field has no name.", fix='As in --add "Favourite bread".')
        if self.part.direction is Direction.READ:
            fix = f'Set direction = "fill" or "both" in {FILE}, or make it there by hand and carry it with --map.'
            raise WrongUse(f"{self.name} is only read: nothing is made there.", fix=fix)
        try:
            one = self.connector.wanted_field(label, kind, tag)
        except ValueError as error:
            text = str(error)
            fix = f"`regulars fields {self.name}` lists what there is; --map carries it."
            raise WrongUse(f"{text[0].upper()}{text[1:]}.", fix=fix) from None
        name = name or _our_name(label)
        row, _ = self._row(one, name, reads=False, kind=None)
        self._one_type(name, row)
        return Wanted(one, name, one.remote in {known.remote for known in self.remote})

    def add(self, wanted: Wanted) -> dict[str, Any]:
        """Make the field there, unless it is there, and carry it. Raises WrongUse with the platform's own words."""
        try:
            made = wanted.remote if wanted.there else self.connector.add_field(wanted.remote)
        except ValueError as error:
            raise WrongUse(f"{error}.".replace("..", "."), fix="Nothing was made there.") from None
        self.remote = list(self.connector.remote_fields())
        mapped = self.map(f"{made.remote}={wanted.name}", reads=False, kind=None)
        return {**mapped, "made": not wanted.there, "label": made.label}

    def _found(self, theirs: str) -> RemoteField:
        """The platform's field of that name; its last part is enough. Raises WrongUse."""
        for short in (False, True):
            for one in self.remote:
                if theirs.casefold() == (one.remote.rpartition(".")[2] if short else one.remote).casefold():
                    return one
        names = [one.remote for one in self.remote]
        names = names if "." in theirs else [name.rpartition(".")[2] for name in names]
        hint = nearest(theirs, names) or f"`regulars fields {self.name}` lists them."
        raise WrongUse(f'{self.name} has no field "{theirs}".', fix=hint)

    def _row(
        self, one: RemoteField, name: str, *, reads: bool, kind: Kind | None
    ) -> tuple[Field, dict[str, str] | None]:
        """The row that would be used, and how regulars.toml would say it. Raises WrongUse."""
        carried = self.rows(one)
        if carried:
            names = listed([f'"{row.name}"' for row in carried], "and")
            raise WrongUse(f"{one.remote} is carried already, as {names}.", fix=f"Change it in {FILE}.")
        if one.row is None:
            text = f'{one.remote} is of the type "{one.type}", which Regulars cannot carry.'
            raise WrongUse(text, fix=f"`regulars fields {self.name}` lists what it can.")
        if not NAME.fullmatch(name):
            text = f'"{name}" cannot name a field: use small letters, digits and _, beginning with a letter.'
            raise WrongUse(text, fix=f'Such as "{re.sub("[^a-z0-9_]+", "_", name.lower()).strip("_") or "bread"}".')
        if name in IDENTIFIERS:
            raise WrongUse(f'"{name}" is how records are told apart, and carried already.', fix="Choose another name.")
        if name in self.used:
            text = f'"{name}" is {self.used[name].remote} at {self.name} already.'
            raise WrongUse(text, fix=f"Choose another name, or take that away in {FILE} first.")
        standard = self.connector.table.get(one.row.name)
        if standard is not None and standard.name == name and not reads and kind in (None, standard.kind):
            return standard, None
        if standard is not None and "+" in standard.remote:
            text = f'{one.remote} is a part of "{standard.name}", which is carried whole.'
            raise WrongUse(text, fix=f"`regulars fields {self.name} --map {one.remote}={standard.name}`")
        wanted = kind or one.row.kind
        if wanted is not one.row.kind and not reads:
            text = f"{one.remote} holds {one.row.kind.value} there; as {wanted.value} it can only be read."
            raise WrongUse(text, fix="Add --reads, or leave --type out.")
        custom = _custom(one.row, wanted, reads=reads)
        entry = wiring.platform(self.part.platform)
        return wiring.custom_row(entry, name, CustomField.model_validate(custom)), custom

    def _one_type(self, name: str, row: Field) -> None:
        """Raises WrongUse where another connection has a field of that name that holds something else."""
        for other, table in wiring.tables(self.business.config).items():
            there = table.get(name)
            if there is not None and there.kind is not row.kind:
                text = f'"{name}" holds {there.kind.value} at {other}, and {row.kind.value} at {self.name}.'
                raise WrongUse(f"{text} One field holds one thing everywhere.", fix="Choose another name, or --type.")

    def _try(self, row: Field, custom: dict[str, str] | None) -> None:
        """Use the new row from now on, without writing anything down."""
        fields_ = self.part.fields
        if custom is None:
            update: dict[str, Any] = {"fields": (*(fields_ or ()), row.name)}
        else:
            update = {"custom": {**self.part.custom, row.name: CustomField.model_validate(custom)}}
        config = self.business.config
        part = self.part.model_copy(update=update)
        self.business.config = config.model_copy(update={"connections": {**config.connections, self.name: part}})

    def _lawful(self, row: Field, custom: dict[str, str] | None) -> tuple[int, int]:
        """Try the row on real records: each value reads, and comes back as it was when written. Returns how many
        records were looked at and how many had a value. Raises WrongUse."""
        connector = self.business.open(self.name)
        looked = valued = 0
        unread: list[str] = []
        changed: list[str] = []
        for seen in _seen(connector):
            looked += 1
            unread += [text.partition(": ")[2] for text in seen.problems if text.startswith(f"{row.name}: ")]
            value = seen.fields.get(row.name)
            if value is None:
                continue
            valued += 1
            image, why = row.fitted(value) if row.writable else (value, "")
            if not same(image, value):
                changed.append(f'"{shown(value, 40)}" ' + (f"({why})" if why else f'as "{shown(image, 40)}"'))
        self._raise(row, looked, unread, changed, as_text=custom is not None and row.kind is not Kind.TEXT)
        return looked, valued

    def _raise(self, row: Field, looked: int, unread: list[str], changed: list[str], *, as_text: bool) -> None:
        among = f"among the first {count(looked, 'record')} there"
        if unread:
            text = f"{count(len(unread), 'value')} of {row.remote} cannot be read as {row.kind.value} {among}"
            fix = "Mend them there, or read them as they are: --reads --type text." if as_text else "Mend them there."
            raise WrongUse(f"{text}: {listed(unread[:3], 'and')}. Nothing was written.", fix=fix)
        if changed:
            text = f"{count(len(changed), 'value')} of {row.remote} would not come back as they are {among}"
            fix = "Only read it: --reads."
            raise WrongUse(f"{text}: {listed(changed[:3], 'and')}. Nothing was written.", fix=fix)


def _seen(connector: Connector) -> Any:
    """The first real records, decoded; what is no record is passed over."""
    raws = (raw for page in connector.pages(None) for raw in page.records)
    for raw in islice(raws, SAMPLES):
        try:
            yield connector.decode(raw)
        except ValueError:
            continue


def _custom(row: Field, kind: Kind, *, reads: bool) -> dict[str, str]:
    """A custom field as regulars.toml keeps it."""
    custom = {"remote": row.remote, "type": kind.value}
    return {**custom, "way": "reads"} if reads or not row.writable else custom


def _toml(value: Any) -> str:
    """A value as it stands in regulars.toml."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return str(tomlkit.item(value).as_string())


def _our_name(label: str) -> str:
    """Our name of a field, made of the platform's."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40].strip("_")
    if not NAME.fullmatch(name):
        raise WrongUse(f'No name of ours can be made of "{label}".', fix="Give one, as in --as bread.")
    return name
