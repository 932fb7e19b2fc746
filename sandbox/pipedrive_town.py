"""Whom Pipedrive knows of the town."""

from __future__ import annotations

from datetime import timedelta

from sandbox.pipedrive import PipedriveSandbox
from sandbox.town import Town
from sandbox.town_elsewhere import FIRST_DAY, LEFT, Further, Record, chosen, value
from sandbox.town_names import spell_phone


def in_town(town: Town) -> tuple[list[Record], list[str]]:
    """Persons, and whose each is."""
    people, rng = chosen(town, "pipedrive")
    records: list[Record] = []
    for place, one in enumerate(people):
        phone = value(rng, spell_phone(one.phone, rng.below(6)) if one.phone else "", "+49 30 5550000")
        at = FIRST_DAY + timedelta(minutes=7 * place)
        records.append(
            {
                "id": 1001 + place,
                "name": f"{one.first} {one.last}",
                "first": one.first,
                "last": one.last,
                "emails": [one.email],
                "phones": [phone],
                "marketing": "unsubscribed" if rng.below(100) < LEFT else "subscribed",
                "added": at,
                "updated": at,
            }
        )
    return records, [one.person for one in people]


FURTHER = Further(PipedriveSandbox, in_town, "PIPEDRIVE_API_TOKEN", "sandbox-pipedrive-demo")
