"""Meta's webhooks: up to a thousand changes a call, signed with the app's secret, after a challenge.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors import kit
from connectors.meta_fields import INSTAGRAM, LEAD
from mapping.facts import By, Channel, Facts, Touch, Touchpoint, Way

Body = Mapping[str, Any]

_MESSAGES = {"page": "messages", "instagram": "instagram_messages"}
_STREAMS = {"page ratings": "reviews", "instagram comments": "instagram_comments"}


def hear(body: bytes) -> kit.Heard:
    """What to look at again. Reactions are facts: who reacted is told nowhere else. Raises ValueError where the body is
    no delivery."""
    told = kit.told(body, "Meta")
    kind, entries = str(kit.dig(told, "object")), kit.dig(told, "entry")
    if kind not in _MESSAGES or not isinstance(entries, list):
        raise ValueError("a delivery about neither a page nor an account on Instagram")
    records, streams, odd, facts = list[str](), list[str](), list[str](), Facts()
    for entry in entries:
        for event in entry.get("messaging") or ():
            streams.append(_MESSAGES[kind])
            records += [f"{INSTAGRAM if kind == 'instagram' else ''}{who}" for who in _others(entry, event)]
        for change in entry.get("changes") or ():
            field, value = str(change.get("field")), change.get("value") or {}
            if field == "leadgen" and value.get("leadgen_id"):
                records.append(f"{LEAD}{value['leadgen_id']}")
            elif field == "feed":
                facts.touchpoints += _reactions(entry, value)
                streams += _of_feed(entry, value)
            else:
                known = _STREAMS.get(f"{kind} {field}")
                (streams if known else odd).append(known or field)
    once = [list(dict.fromkeys(names)) for names in (records, streams, odd)]
    return kit.Heard(once[0], streams=once[1], facts=facts, odd=once[2])


def _others(entry: Body, event: Body) -> Iterator[str]:
    """Who wrote, or was written to: whoever is not us."""
    for side in ("sender", "recipient"):
        who = str((event.get(side) or {}).get("id") or "")
        if who and who != str(entry.get("id")):
            yield who


def _of_feed(entry: Body, value: Body) -> Iterator[str]:
    """The streams in which a change of the page's feed shows."""
    if value.get("item") == "comment":
        yield "comments"
    elif value.get("item") not in ("reaction", "like"):
        ours = str((value.get("from") or {}).get("id")) == str(entry.get("id"))
        yield "posts" if ours else "visitor_posts"


def _reactions(entry: Body, value: Body) -> Iterator[Touchpoint]:
    """A reaction to a post, by whoever is named; one that is taken back is not told of."""
    who = str((value.get("from") or {}).get("id") or "")
    ours = who == str(entry.get("id"))
    if value.get("item") in ("reaction", "like") and value.get("verb") == "add" and who and not ours:
        at, post = int(value.get("created_time") or 0) * 1000, str(value.get("post_id") or "")
        about, sign = str(value.get("comment_id") or post), str(value.get("reaction_type") or "like")
        yield Touchpoint(f"{sign} {about}", who, Touch.REACTED, at, Channel.SOCIAL, Way.IN, By.PERSON, post, sign)


HOOKS = kit.Hooks(
    rules=(kit.Hmac("x-hub-signature-256", kit.body_only, kit.after("sha256="), kit.unhex),),
    types=("application/json",),
    asks="the app's secret",
    hear=hear,
    challenge=kit.Challenge(),
    by_hand=(
        "Open your app at developers.facebook.com. The secret asked for is its app secret (App settings > Basic).",
        "Under Webhooks choose Page, give {address} as the callback URL and {token} as the verify token.",
        "Subscribe to leadgen, feed, messages, message_echoes and ratings, as far as you read them.",
        "Choose Instagram and do the same for comments, messages and message_echoes, if an account is linked.",
        "Let the page call the app: `POST /PAGE/subscribed_apps` with the same fields, in the Graph API Explorer.",
    ),
)
