"""Fields of companies in `regulars fields`: which there are, and one more of them, tried before it is written down."""

from __future__ import annotations

from itertools import islice
from typing import Any

from connectors.base import Connector, RemoteField
from connectors.codecs import put
from connectors.errors import TooNarrow
from mapping.facts import ORGANIZATION
from mapping.fields import Field
from mapping.model import Value
from mapping.values import Kind
from regulars import wiring
from regulars.config import FILE, NAME, ConnectionConfig, CustomField
from regulars.config_edit import map_field
from regulars.fields_desk import SAMPLES
from regulars.trouble import WrongUse, listed, nearest
from regulars.words import count, shown
from regulars.workspace import Workspace

PREFIX = "companies."
"""How a field of companies is named where it might be one of people."""
SECTION = "organization"


class CompanyDesk:
    """One connection's fields of companies; they are only read."""

    def __init__(self, business: Workspace, name: str, connector: Connector) -> None:
        self.business, self.name, self.connector = business, name, connector
        self.part: ConnectionConfig = business.config.connections[name]

    @property
    def read(self) -> bool:
        """Whether the connection reads companies."""
        return bool(self.connector.companies_in) and self.connector.companies_in in self.part.streams

    def document(self) -> list[dict[str, Any]]:
        """Those that are carried and those that could be; nothing where companies are not read or may not be asked."""
        if not self.read:
            return []
        try:
            found = self.connector.organization_fields()
        except TooNarrow:
            return []
        carried = {one.remote: name for name, one in self.part.organization.items()}
        return [self._one(one, carried.get(one.remote, "")) for one in found if one.row is not None]

    def _one(self, one: RemoteField, here: str) -> dict[str, Any]:
        assert one.row is not None
        kind = self.part.organization[here].type if here else one.row.kind
        name = here or (one.remote if one.remote not in ORGANIZATION else f"company_{one.remote}")
        line = f'{name} = {{remote = "{one.remote}", type = "{kind.value}"}}'
        return {
            "remote": PREFIX + one.remote,
            "label": one.label,
            "type": str(one.type),
            "mapped": here or None,
            "could_be": None if here else {"name": name, "type": kind.value, "line": line},
        }

    def map(self, text: str, kind: Kind | None) -> dict[str, Any]:
        """Carry one more field of companies. Raises WrongUse."""
        theirs, sign, name = (part.strip() for part in text.removeprefix(PREFIX).rpartition("="))
        if not (theirs and sign and name):
            raise WrongUse(f'"{text}" is not understood.', fix=f"Write {PREFIX}REMOTE=NAME.")
        if not self.read:
            raise WrongUse(f"{self.name} does not read companies.", fix='Add "companies" to its streams.')
        if not NAME.fullmatch(name) or name in (*ORGANIZATION, *self.part.organization):
            taken = "is taken" if NAME.fullmatch(name) else "cannot name a field"
            raise WrongUse(f'"{name}" {taken}.', fix="Choose another name.")
        one = self._found(theirs)
        assert one.row is not None
        custom = {"remote": one.remote, "type": (kind or one.row.kind).value}
        looked, valued = self._tried(name, custom)
        map_field(self.business.folder, self.name, name, custom, section=SECTION)
        return {
            "connection": self.name,
            "mapped": {"remote": PREFIX + one.remote, "name": name, "type": custom["type"], "way": "reads"},
            "asked": "reads",
            "looked_at": looked,
            "with_a_value": valued,
            "file": FILE,
        }

    def _found(self, theirs: str) -> RemoteField:
        found = {one.remote: one for one in self.connector.organization_fields() if one.row is not None}
        if theirs not in found:
            hint = nearest(theirs, found) or f"`regulars fields {self.name}` lists them."
            raise WrongUse(f'Companies of {self.name} have no field "{theirs}" that could be carried.', fix=hint)
        carried = [name for name, one in self.part.organization.items() if one.remote == theirs]
        if carried:
            raise WrongUse(f'{theirs} is carried already, as "{carried[0]}".', fix=f"Change it in {FILE}.")
        return found[theirs]

    def _tried(self, name: str, custom: dict[str, str]) -> tuple[int, int]:
        """Try the field on real companies; returns how many were looked at and how many had a value. Raises WrongUse
        where a value does not read as its type."""
        row = self._with(name, custom)
        self._with(name, {**custom, "type": Kind.TEXT.value})
        connector = self.business.open(self.name)
        pages = connector.stream_pages(connector.companies_in, None, full=True)
        looked = valued = 0
        unread: list[str] = []
        for item in islice((item for page in pages for item in page.items), SAMPLES):
            for one in connector.facts(connector.companies_in, item).organizations:
                looked += 1
                text = one.fields.get(name)
                valued += text is not None
                unread += [shown(text, 40)] if text is not None and not _reads(row, text) else []
        if unread:
            text = f"{count(len(unread), 'value')} of {custom['remote']} cannot be read as {custom['type']}"
            fix = "Mend them there, or read them as they are: --type text."
            raise WrongUse(f"{text}: {listed(unread[:3], 'and')}. Nothing was written.", fix=fix)
        return looked, valued

    def _with(self, name: str, custom: dict[str, str]) -> Field:
        """Read the field from now on, without writing anything down."""
        config, field = self.business.config, CustomField.model_validate(custom)
        part = self.part.model_copy(update={SECTION: {**self.part.organization, name: field}})
        self.business.config = config.model_copy(update={"connections": {**config.connections, self.name: part}})
        entry = wiring.platform(self.part.platform)
        return wiring.organization_rows(entry, part, f"connections.{self.name}")[-1]


def _reads(row: Field, text: Value) -> bool:
    problems: list[str] = []
    put({}, row.name, row.reads or str, text, problems)
    return not problems
