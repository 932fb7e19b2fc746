"""A platform whose tags take a while to show: what it still shows of before is nobody's edit."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from connectors.base import Raw
from mapping.claims import MEMBER, ClaimKind, Record, wrote
from mapping.fields import FieldTable
from mapping.model import Seen
from sync.pull import Pulled, Puller
from sync.store import records
from sync.store.database import Database

LAG = 300_000


class Slow:
    """The part of a connector that looking at tags needs."""

    fields = FieldTable(())
    exact_stamp = False
    by_member = "tags"
    members_lag = LAG
    hooks = None

    def decode(self, raw: Raw) -> Seen:
        return Seen("1", {key: value for key, value in json.loads(raw.body).items() if value})


class Shop:
    """A store with one record, to which we have just given the tag `vip`."""

    def __init__(self, database: Database) -> None:
        self.database, self.time = database, 1_000_000
        self.puller = Puller(database, "news", Slow(), 1, lambda: self.time)  # type: ignore[arg-type]
        with database.write() as conn:
            [self.record] = self.puller.store(conn, [self.raw("bread")], Pulled())
        known = replace(self.known(), person="p_ada")
        self.save(wrote(known, {"tags": ["bread", "vip"]}, {"tags": ["bread", "vip"]}, version="", now=self.time))

    def raw(self, *tags: str, **more: str) -> Raw:
        return Raw.of("1", json.dumps({"tags": sorted(tags), **more}).encode())

    def known(self) -> Record:
        with self.database.read() as conn:
            return records.by_id(conn, [self.record])[self.record]

    def save(self, record: Record) -> None:
        with self.database.write() as conn:
            records.save(conn, [records.to_row(record, None, 0)], new=False)

    def look(self, *tags: str, **more: str) -> Pulled:
        counts = Pulled()
        with self.database.write() as conn:
            self.puller.store(conn, [self.raw(*tags, **more)], counts)
        return counts


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_what_does_not_show_yet_is_nobodys_edit(shop: Shop) -> None:
    """Within the lag the tag that is missing is still ours to come; the rest of the record is read as ever."""
    counts = shop.look("bread", city="Ulm")

    assert shop.known().known == {"tags": ["bread", "vip"], "city": "Ulm"}
    assert [name for name in shop.known().claims if MEMBER in name] == []
    assert (counts.changed, counts.edited) == (1, 1)  # the city


def test_after_the_lag_it_is_somebodys(shop: Shop) -> None:
    """The same bytes are looked at once more when the time is over, and then the tag was taken off."""
    shop.look("bread")
    shop.time += LAG
    shop.look("bread")

    assert shop.known().known == {"tags": ["bread"]}
    assert shop.known().claims["tags" + MEMBER + "vip"].kind is ClaimKind.CLEAR


def test_what_shows_at_once_is_simply_there(shop: Shop) -> None:
    """A platform that is quick has nothing to wait for."""
    counts = shop.look("bread", "vip")
    shop.time += LAG
    again = shop.look("bread", "vip")

    assert shop.known().known == {"tags": ["bread", "vip"]}
    assert (counts.edited, again.edited) == (0, 0)
