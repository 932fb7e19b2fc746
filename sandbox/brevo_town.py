"""Whom Brevo knows of the town."""

from __future__ import annotations

from datetime import timedelta

from sandbox.brevo import BrevoSandbox
from sandbox.town import Town
from sandbox.town_elsewhere import BOUNCED, FIRST_DAY, LEFT, Further, Record, chosen, value


def in_town(town: Town) -> tuple[list[Record], list[str]]:
    """Contacts, and whose each is. A number stands at one contact only."""
    people, rng = chosen(town, "brevo")
    records: list[Record] = []
    taken: set[str] = set()
    for place, one in enumerate(people):
        number = value(rng, one.phone, "")
        attributes = {"FIRSTNAME": value(rng, one.first, one.first.upper()), "LASTNAME": one.last}
        if number and number not in taken:
            attributes["SMS"] = number
            taken.add(number)
        roll = rng.below(100)
        at = FIRST_DAY + timedelta(minutes=5 * place)
        what = {"left": roll < LEFT, "bounced": LEFT <= roll < LEFT + BOUNCED}
        records.append({"email": one.email, "attributes": attributes, "created": at, "modified": at, **what})
    return records, [one.person for one in people]


FURTHER = Further(BrevoSandbox, in_town, "BREVO_API_KEY", "sandbox-brevo-demo")
