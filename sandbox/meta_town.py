"""Who of the town answered the form of a lead ad."""

from __future__ import annotations

from sandbox.meta import MetaSandbox
from sandbox.town import Town
from sandbox.town_elsewhere import Further, Record, chosen, value


def in_town(town: Town) -> tuple[list[Record], list[str]]:
    """Answers to the form of a lead ad, with the words that people put there. Nobody can be edited or leave."""
    people, rng = chosen(town, "meta")
    records: list[Record] = []
    for one in people:
        phone = value(rng, one.phone, "")
        answers = {"email": one.email, "first_name": one.first, "last_name": value(rng, one.last, one.last.upper())}
        records.append({"email": one.email, "answers": {**answers, "phone_number": phone}})
    return records, [one.person for one in people]


FURTHER = Further(MetaSandbox, in_town, "META_PAGE_TOKEN", "sandbox-meta-demo")
