"""All the words in which a platform is described, in one place: `from connectors import kit`, then `kit.Collection(…)`.

Each is explained where it is defined; docs/adding-a-platform.md goes through them. Nothing is defined here.
"""

from __future__ import annotations

from connectors.auth import Basic, Bearer, KeyHeader, KeyQuery
from connectors.base import (
    Account,
    Change,
    Cursor,
    Listed,
    Option,
    Outcome,
    Page,
    Raw,
    RemoteField,
    Result,
    Stream,
    StreamPage,
)
from connectors.batches import RefusedWhole, in_batches, one_by_one, spread
from connectors.chained import Part
from connectors.codecs import (
    DAY,
    iso_z,
    millis,
    month_day,
    read_choices,
    read_date,
    read_flag,
    read_number,
    read_parts,
    unix_seconds,
)
from connectors.declared import Declared, ReadOnly
from connectors.declared_values import Audiences, Feed, Hanging, Many, Me, One, Search
from connectors.errors import BadCredentials, TooNarrow
from connectors.hearing import Event, events, told
from connectors.hook_shelf import HookShelf
from connectors.hooks import Heard, Hooks
from connectors.http import Response, Verdict
from connectors.leaving import Says
from connectors.limits import Limits, Usage
from connectors.oauth_app import OAuthApp
from connectors.own_fields import OwnFields
from connectors.pace import Pace, Window
from connectors.pagers import Ask, Cursored, GraphConnection, NextLink, Numbered, Offset, Pager, Posted, Whole
from connectors.paths import Envelope, bury, dig, merged
from connectors.published import Published
from connectors.readings import Refusals, When, said
from connectors.signing import (
    BasicOnHook,
    Challenge,
    Hmac,
    SecretInAddress,
    SecretInHeader,
    TokenInBody,
    after,
    body_only,
    pairs,
    stamp_from,
    unbase64,
    unhex,
    whole_header,
)
from connectors.signing_in import by_app, by_key, by_oauth, by_proven_token
from connectors.together import Together
from connectors.unpeopled import Unpeopled
from connectors.walk import Collection, NewestFirst, Since
from connectors.windows import Each, Windowed, between

__all__ = [
    "DAY",
    "Account",
    "Ask",
    "Audiences",
    "BadCredentials",
    "Basic",
    "BasicOnHook",
    "Bearer",
    "Challenge",
    "Change",
    "Collection",
    "Cursor",
    "Cursored",
    "Declared",
    "Each",
    "Envelope",
    "Event",
    "Feed",
    "GraphConnection",
    "Hanging",
    "Heard",
    "Hmac",
    "HookShelf",
    "Hooks",
    "KeyHeader",
    "KeyQuery",
    "Limits",
    "Listed",
    "Many",
    "Me",
    "NewestFirst",
    "NextLink",
    "Numbered",
    "OAuthApp",
    "Offset",
    "One",
    "Option",
    "Outcome",
    "OwnFields",
    "Pace",
    "Page",
    "Pager",
    "Part",
    "Posted",
    "Published",
    "Raw",
    "ReadOnly",
    "Refusals",
    "RefusedWhole",
    "RemoteField",
    "Response",
    "Result",
    "Says",
    "Search",
    "SecretInAddress",
    "SecretInHeader",
    "Since",
    "Stream",
    "StreamPage",
    "Together",
    "TokenInBody",
    "TooNarrow",
    "Unpeopled",
    "Usage",
    "Verdict",
    "When",
    "Whole",
    "Window",
    "Windowed",
    "after",
    "between",
    "body_only",
    "bury",
    "by_app",
    "by_key",
    "by_oauth",
    "by_proven_token",
    "dig",
    "events",
    "in_batches",
    "iso_z",
    "merged",
    "millis",
    "month_day",
    "one_by_one",
    "pairs",
    "read_choices",
    "read_date",
    "read_flag",
    "read_number",
    "read_parts",
    "said",
    "spread",
    "stamp_from",
    "told",
    "unbase64",
    "unhex",
    "unix_seconds",
    "whole_header",
]
