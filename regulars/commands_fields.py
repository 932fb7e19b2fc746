"""`regulars fields`: what a platform has, what of it is carried, and what could be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

import tomlkit
import typer
from rich.markup import escape

from connectors.base import Connector, RemoteField
from mapping.fields import Field, Way
from mapping.survivorship import IDENTIFIERS
from mapping.values import Kind, same
from regulars import show, wiring
from regulars.config import FILE, ConnectionConfig, CustomField
from regulars.config_edit import has_inline_custom, map_field
from regulars.session import Json, Session, session
from regulars.trouble import WrongUse, listed, nearest
from regulars.words import count, shown
from regulars.workspace import Workspace, workspace

SAMPLES = 500
"""How many real records a new row is tried on."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WAYS = {Way.BOTH: "both ways", Way.READS: "read only", Way.WRITES: "written only"}


def fields(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection, as in regulars.toml.")],
    map_: Annotated[
        str | None, typer.Option("--map", metavar="REMOTE=NAME", help="Carry this field of theirs under our name.")
    ] = None,
    reads: Annotated[bool, typer.Option("--reads", help="With --map: only read it, never write it.")] = False,
    type_: Annotated[
        Kind | None, typer.Option("--type", help="With --map: what it holds, if not what the platform says.")
    ] = None,
    json: Json = False,
) -> None:
    """List a platform's fields: which are carried and how, and which could be. --map carries one more."""
    here = session(json)
    if map_ is None and (reads or type_ is not None):
        raise WrongUse("--reads and --type go with --map.", fix="`regulars fields hubspot --map favourite_bread=bread`")
    with workspace(here) as business:
        business.names([connection])
        desk = _Desk(business, connection, business.open(connection))
        if map_ is None:
            document = desk.document()
            here.emit(document, lambda _: _show(here, connection, document))
            return
        mapped = desk.map(map_, reads=reads, kind=type_)
        here.emit(mapped, lambda _: _mapped(here, connection, mapped))


@dataclass(frozen=True, slots=True)
class _Offer:
    """How a field could be carried: by a row of the platform's table, or as a custom one."""

    name: str
    row: Field
    custom: dict[str, str] | None


class _Desk:
    """One connection's fields: the platform's own description beside what we carry."""

    def __init__(self, business: Workspace, name: str, connector: Connector) -> None:
        self.business, self.name, self.connector = business, name, connector
        self.part: ConnectionConfig = business.config.connections[name]
        self.remote = list(connector.remote_fields())
        self.used = {row.name: row for row in connector.fields}

    def rows(self, one: RemoteField) -> list[Field]:
        """The rows in use that carry a field of the platform, or a part of an address."""
        return [row for row in self.used.values() if one.remote == row.remote or one.remote in row.remote.split("+")]

    def offer(self, one: RemoteField) -> _Offer | None:
        """How a field that is not carried could be; None where we cannot carry its type."""
        if one.row is None:
            return None
        if self.connector.table.get(one.row.name) is not None:
            return _Offer(one.row.name, one.row, None)
        name = re.sub(r"[^a-z0-9_]+", "_", one.row.name.lower()).strip("_")
        name = name if NAME.fullmatch(name) else f"field_{name}"[:40]
        return _Offer(name, one.row, _custom(one.row, one.row.kind, reads=False))

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

    def _line(self, offer: _Offer) -> str:
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

    def _found(self, theirs: str) -> RemoteField:
        """The platform's field of that name; its last part is enough. Raises WrongUse."""
        for short in (False, True):
            for one in self.remote:
                if theirs.casefold() == (one.remote.rpartition(".")[2] if short else one.remote).casefold():
                    return one
        names = [one.remote.rpartition(".")[2] for one in self.remote]
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


# ---- for people ----------------------------------------------------------------------------------------------------


def _show(here: Session, connection: str, document: dict[str, Any]) -> None:
    found = document["fields"]
    carried = [one for one in found if one["mapped"]]
    made = show.table(here.out, "there!", "what", "type", "here", "way")
    for one in carried:
        for row in one["mapped"]:
            way = _WAYS[Way(row["way"])]
            made.add_row(
                escape(one["remote"]), escape(one["label"]), escape(one["type"]), f"[name]{escape(row['name'])}[/]", way
            )
    if carried:
        here.out.print(made)
    ready = [one for one in found if one["could_be"] and not one["could_be"]["custom"]]
    own = [one for one in found if one["could_be"] and one["could_be"]["custom"]]
    if ready:
        here.say(f"\nCould be carried by a line in [strong]{escape(f'[connections.{connection}]')}[/] of {FILE}:")
        _lines(here, ready)
    if own:
        section = escape(f"[connections.{connection}.custom]")
        if document["custom_inline"]:
            section = f"{escape(f'[connections.{connection}]')}[/], within the braces of [strong]custom"
        here.say(f"\nCould be carried by a line in [strong]{section}[/] of {FILE}:")
        _lines(here, own)
    first = (own or ready or [None])[0]
    if first is not None:
        example = f"{first['remote']}={first['could_be']['name']}"
        here.say(f"Or let Regulars write it: [strong]regulars fields {connection} --map {escape(example)}[/]")
    rest = len(found) - len(carried) - len(ready) - len(own)
    if rest:
        here.say(f"[soft]{count(rest, 'field')} more of types that Regulars cannot carry; --json lists them.[/]")


def _lines(here: Session, found: list[dict[str, Any]]) -> None:
    made = show.table(here.out, "there!", "what", "type", "way", "line")
    for one in found:
        offer = one["could_be"]
        way = _WAYS[Way(offer["way"])]
        made.add_row(
            escape(one["remote"]), escape(one["label"]), escape(one["type"]), way, f"[name]{escape(offer['line'])}[/]"
        )
    here.out.print(made)


def _mapped(here: Session, connection: str, done: dict[str, Any]) -> None:
    row = done["mapped"]
    way = _WAYS[Way(row["way"])]
    here.say(
        f"[good]✓[/] {escape(row['remote'])} of {connection} is [name]{row['name']}[/] now ({row['type']}, {way})."
    )
    if done["asked"] == "both" and row["way"] == "reads":
        here.say("[soft]It can only be read there.[/]")
    if done["with_a_value"]:
        said = "reads" if row["way"] == "reads" else "reads, and comes back as it is"
        here.say(f"Tried on {count(done['looked_at'], 'record')}: each of {done['with_a_value']:,} values {said}.")
    else:
        here.say(f"[warn]None of the first {count(done['looked_at'], 'record')} has a value there to try it on.[/]")
    here.say("Next: [strong]regulars sync --dry-run[/]")
