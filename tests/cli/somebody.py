"""Ada, a customer at HubSpot, and Bo, of whom no platform says anything: a store in which roles are said."""

from __future__ import annotations

from mapping.decisions import Policies
from sync.people import fold_only
from sync.store import records
from tests.cli import facts
from tests.cli.shop import Shop

PEOPLE = [
    (
        "p_ada",
        "hubspot",
        "1",
        {"email": "ada@a.example", "given_name": "Ada", "role": "customer", "stage": "retention", "owner": "Mira"},
    ),
    ("p_bo", "mailchimp", "m1", {"email": "bo@a.example", "given_name": "Bo"}),
]
CONFIG = """\
[business]
name = "Backhaus"
country = "DE"
timezone = "Europe/Berlin"

[connections.hubspot]
platform = "hubspot"

[connections.mailchimp]
platform = "mailchimp"
"""


def fold(shop: Shop) -> None:
    """Work everybody out from what the store knows."""
    with facts.opened(shop) as database:
        with database.write() as conn:
            records.mark(conn, [1, 2], 1)
        fold_only(database, Policies(), 10)
    (shop.folder / "regulars.toml").write_text(CONFIG, "utf-8")
