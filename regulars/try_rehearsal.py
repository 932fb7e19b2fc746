"""A first sync rehearsed on exported files: the real engine, over a store in memory that ends with it.

Each platform's files stand in for a connection to it, with that platform's own field table, `direction = "fill"` and
nobody created: what `connect` advises for a first sync. What is in no column of the files is unknown, not blank, and
so neither compared nor written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from connectors.base import Settings
from connectors.files import Files, held_fields
from connectors.files_forms import Layout
from connectors.hubspot import HubSpot
from connectors.mailchimp import Mailchimp
from mapping.decisions import Policies
from mapping.model import Create, Direction
from mapping.values import Kind
from regulars.progress import Bars, Lines
from regulars.workspace import now
from sync.balance import Balance
from sync.engine import Engine
from sync.people import Spool
from sync.store.database import Database, open_database
from sync.wired import Wired

IN_MEMORY = "sqlite://"


class _HubSpotFiles(Files):
    name: ClassVar[str] = HubSpot.name
    title: ClassVar[str] = HubSpot.title
    table = HubSpot.table
    mails: ClassVar[bool] = HubSpot.mails


class _MailchimpFiles(Files):
    name: ClassVar[str] = Mailchimp.name
    title: ClassVar[str] = Mailchimp.title
    table = Mailchimp.table
    mails: ClassVar[bool] = Mailchimp.mails


_STAND_INS: tuple[type[Files], ...] = (_HubSpotFiles, _MailchimpFiles)


@dataclass
class Rehearsal:
    """What a first sync would find and do. `labels` are our fields' names for people."""

    layouts: Sequence[Layout]
    platforms: Mapping[str, Files]
    database: Database
    spool: Spool
    balance: Balance
    labels: Mapping[str, str]


@contextmanager
def rehearsed(layouts: Sequence[Layout], country: str, progress: Bars | Lines) -> Iterator[Rehearsal]:
    """Read the files, work out who is who, and plan. Everything is forgotten at the end."""
    platforms: dict[str, Files] = {}
    for stand_in in _STAND_INS:
        mine = [layout for layout in layouts if layout.form.name == stand_in.name]
        if mine:
            fields = held_fields(mine, stand_in.table)
            platforms[stand_in.name] = stand_in({}, Settings(fields=fields, region=country), layouts=mine)
    kinds: dict[str, Kind] = {}
    labels: dict[str, str] = {}
    for platform in platforms.values():
        for row in platform.fields:
            kinds.setdefault(row.name, row.kind)
            labels.setdefault(row.name, row.label)
    ranks = {name: rank for rank, name in enumerate(platforms)}
    wired = [Wired(name, one, Direction.FILL, Create.NONE, platform=name) for name, one in platforms.items()]
    with open_database(IN_MEMORY, Path(), now=now) as database:
        engine = Engine(database, wired, Policies(ranks=ranks, kinds=kinds, region=country), progress=progress)
        with progress:
            spool, balance = engine.plan()
        try:
            yield Rehearsal(layouts, platforms, database, spool, balance, labels)
        finally:
            spool.close()
