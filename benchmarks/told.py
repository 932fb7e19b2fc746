"""What a rehearsed audience's campaigns hold, counted from the sandbox's own past, and the fewest pages of it."""

from __future__ import annotations

from collections import Counter
from math import ceil

from sandbox.town_campaigns import Campaigns

PAGE = 1000
KINDS = {
    "open": "opened",
    "click": "clicked",
    "bounce": "bounced",
    "unsub": "unsubscribed",
    "abuse": "complained",
}


def holds(past: Campaigns) -> dict[str, int]:
    """Touchpoints by kind, `records` of activity among them, `campaigns`, and the fewest `calls` that show it all:
    the list of campaigns, and of each the pages of who got it, opened it, did anything (clicks and bounces are told
    only among all of it), left and complained."""
    found: Counter[str] = Counter(campaigns=len(past.campaigns), calls=ceil(len(past.campaigns) / PAGE))
    for number in range(len(past.campaigns)):
        rows: Counter[str] = Counter()
        for place in past.sent_to(number):
            rows["sent"] += 1
            found["sent"] += 1
            deeds = past.deeds(number, place)
            kinds = {deed.kind for deed in deeds}
            found.update(KINDS[deed.kind] for deed in deeds)
            rows.update(kinds & {"open", "unsub", "abuse"})
            rows["acts"] += bool(kinds & {"open", "click", "bounce"})
        found["calls"] += sum(ceil(count / PAGE) for count in rows.values())
    found["records"] = sum(found[kind] for kind in KINDS.values())
    return dict(found)
