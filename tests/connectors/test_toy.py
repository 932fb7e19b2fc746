"""A third platform is thirty lines, and needs nothing that the base does not give."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from connectors.base import Account, Change, Connector, Cursor, Outcome, Page, Raw, RemoteField, Result, Settings
from mapping.fields import FieldTable, both
from mapping.model import Seen
from mapping.values import Kind


class Toy(Connector):
    name, title = "toy", "Toy"
    table = FieldTable((both("email", "mail", Kind.EMAIL), both("given_name", "first")))
    people: dict[str, dict[str, str]]

    def check(self, *, rights: bool = False) -> Account:
        return Account("1", "Toy")

    def remote_fields(self) -> Sequence[RemoteField]:
        return [RemoteField(row.remote, row.name, "text", row=row) for row in self.table]

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        yield Page([raw for raw in map(self._raw, self.people) if raw], {}, last=True, complete=True)

    def _raw(self, id: str) -> Raw | None:
        return Raw.of(id, json.dumps(self.people[id]).encode()) if id in self.people else None

    def decode(self, raw: Raw) -> Seen:
        found = json.loads(raw.body)
        fields = {row.name: value for row in self.fields if (value := row.read(found.get(row.remote)))}
        return Seen(raw.remote_id, fields, (found["mail"],))

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        return {id: self._raw(id) for id in remote_ids}

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        return {p["mail"]: raw for id, p in self.people.items() if p["mail"] in addresses and (raw := self._raw(id))}

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        for change in changes:
            spelled = {self.fields.by_name[n].remote: str(v) for n, v in change.values.items()}
            self.people[change.remote_id].update(spelled)
        return [Outcome(Result.APPLIED, change.remote_id) for change in changes]

    create = opt_out = archive = update  # type: ignore[assignment]


def test_a_toy_platform_needs_only_the_base() -> None:
    """It opens, lists, decodes, writes and reads back."""
    toy = Toy({}, Settings())
    toy.people = {"1": {"mail": "ada@example.org", "first": "Ada"}}
    page = next(toy.pages(None))

    toy.update([Change("1", {"given_name": "Augusta"})])

    assert toy.decode(page.records[0]).fields == {"email": "ada@example.org", "given_name": "Ada"}
    assert toy.read(["1", "2"]) == {"1": Raw.of("1", b'{"mail": "ada@example.org", "first": "Augusta"}'), "2": None}
