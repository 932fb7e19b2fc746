"""What reached many at once, and what was done with it: the newest first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from mapping.model import Millis
from sync.store import schema as t


class CampaignLine(NamedTuple):
    """One mailing or post. `figures` is how often what was done with it, as its platform counts."""

    connection: str
    remote_id: str
    title: str
    at: Millis
    channel: str
    figures: Mapping[str, int]


def campaigns(conn: Connection, limit: int, connection: str = "") -> tuple[int, list[CampaignLine]]:
    """How many there are, and the newest *limit* of them."""
    c = t.campaign.c
    mine = c.connection == connection if connection else c.at >= 0
    total = int(conn.execute(select(func.count()).select_from(t.campaign).where(mine)).scalar_one())
    columns = (c.connection, c.remote_id, c.title, c.at, c.channel, c.figures)
    rows = conn.execute(select(*columns).where(mine).order_by(c.at.desc(), c.connection, c.remote_id).limit(limit))
    return total, [CampaignLine(*row[:5], json.loads(row.figures)) for row in rows]
