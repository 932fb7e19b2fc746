"""What a company, a deal, an answer to a survey or a list of HubSpot says, in our words.

Pure: a stored item is read without asking anybody.

Money is counted in the currency's smallest unit, halves up. A deal's state is what HubSpot calculated of its stage;
where an account does not show that, what the pipeline says of the stage.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

import msgspec
from babel.numbers import get_currency_precision

from connectors import hubspot_streams_wire as wire
from connectors.base import Raw
from connectors.codecs import millis, put, read_number
from connectors.hubspot_fields import lifecycle_role, lifecycle_stage
from connectors.hubspot_touches import MERGED, TOUCHES, touchpoints
from mapping.facts import Deal, DealState, Facts, Feedback, Listing, Organization, Tie
from mapping.fields import Field
from mapping.model import Role, Value

COMPANY = {
    "name": "name",
    "domain": "domain",
    "phone": "phone",
    "city": "city",
    "country": "country",
    "website": "website",
    "industry": "industry",
    "employees": "numberofemployees",
    "revenue": "annualrevenue",
}
"""Our field to HubSpot's property. Role, stage and owner are read from several."""
NUMBERS = ("employees", "revenue")
ROLES = {"VENDOR": Role.SUPPLIER, "PARTNER": Role.PARTNER, "RESELLER": Role.PARTNER}
"""Kinds of company that say more of the relationship than the lifecycle stage does."""
PROSPECT = "PROSPECT"
SURVEYS = {"NPS": "nps", "CSAT": "csat", "CES": "ces"}
MOST = Decimal(2**63)  # what fits a column

PROPERTIES = {
    "companies": (*COMPANY.values(), "type", "lifecyclestage", "hubspot_owner_id", MERGED),
    "deals": (
        "dealname",
        "amount",
        "deal_currency_code",
        "pipeline",
        "dealstage",
        "closedate",
        "createdate",
        "hubspot_owner_id",
        "hs_is_closed",
        "hs_is_closed_won",
        MERGED,
    ),
    "feedback_submissions": ("hs_survey_type", "hs_value", "hs_content", "hs_submission_timestamp"),
}
"""The properties to ask for."""


def facts_of(stream: str, item: Raw, own: Iterable[Field] = ()) -> Facts:
    """What one item of *stream* says; *own* are fields of a business's own of companies. Raises ValueError where it is
    no such object."""
    try:
        if stream == "lists":
            return Facts(listings=[_listing(wire.list_item.decode(item.body))])
        found = wire.item.decode(item.body)
    except msgspec.DecodeError as error:
        raise ValueError(f"item {item.remote_id} of {stream} cannot be read: {error}") from error
    if stream == "companies":
        return Facts(organizations=[_organization(found, own)], ties=_ties(found))
    if stream == "deals":
        return Facts(deals=[_deal(found)])
    if stream == "feedback_submissions":
        return Facts(feedback=_feedback(found))
    if stream in TOUCHES:
        return Facts(touchpoints=touchpoints(stream, found))
    raise ValueError(f"there is no stream {stream}")


def _organization(item: wire.Item, own: Iterable[Field]) -> Organization:
    record, get = item.record, item.record.properties.get
    fields: dict[str, Value] = {}
    for ours, theirs in COMPANY.items():
        text = (get(theirs) or "").strip()
        if ours in NUMBERS:
            put(fields, ours, read_number, text, [])
        elif text:
            fields[ours] = text
    for row in own:
        if text := (get(row.remote) or "").strip():
            put(fields, row.name, row.reads or str, text, [])
    lifecycle = get("lifecyclestage")
    role = ROLES.get(get("type") or "") or lifecycle_role(lifecycle)
    if role is None and get("type") == PROSPECT:
        role = Role.PROSPECT
    for ours, value in (("stage", lifecycle_stage(lifecycle)), ("role", role), ("owner", _owner(item))):
        if value:
            fields[ours] = str(value)
    return Organization(record.id, fields, millis(record.createdAt), millis(record.updatedAt))


def _ties(item: wire.Item) -> list[Tie]:
    return [Tie(one.id, item.record.id, one.label, one.primary) for one in item.contacts]


def _deal(item: wire.Item) -> Deal:
    record, get = item.record, item.record.properties.get
    currency = (get("deal_currency_code") or item.currency).upper()
    state = _state(item)
    return Deal(
        record.id,
        get("dealname") or "",
        state,
        smallest(get("amount"), currency),
        currency,
        item.stage or get("dealstage") or "",
        millis(get("createdate") or record.createdAt),
        0 if state is DealState.OPEN else millis(get("closedate")),
        _owner(item),
        tuple(one.id for one in item.contacts),
        tuple(one.id for one in item.companies),
    )


def _state(item: wire.Item) -> DealState:
    """An open deal's `closedate` is a hope, so what counts is the stage."""
    get = item.record.properties.get
    if get("hs_is_closed_won") == "true":
        return DealState.WON
    if get("hs_is_closed") in ("true", "false"):
        return DealState.LOST if get("hs_is_closed") == "true" else DealState.OPEN
    return DealState(item.state) if item.state else DealState.OPEN


def stage_state(stage: wire.Stage) -> str:
    """What a pipeline says of one of its stages: a closed one is won where it is certain."""
    if stage.metadata.get("isClosed") != "true":
        return DealState.OPEN.value
    try:
        certain = float(stage.metadata.get("probability", "0")) == 1
    except ValueError:
        certain = False
    return (DealState.WON if certain else DealState.LOST).value


def smallest(amount: str | None, currency: str) -> int:
    """An amount in the currency's smallest unit: 12.50 EUR are 1250, 1250 JPY are 1250; 0 where none is put down."""
    if not amount:
        return 0
    try:
        whole = Decimal(amount).scaleb(get_currency_precision(currency)).to_integral_value(ROUND_HALF_UP)
    except ArithmeticError:
        whole = MOST
    if not whole.is_finite() or abs(whole) >= MOST:
        raise ValueError(f'the amount "{amount[:40]}" is no number that can be counted')
    return int(whole)


def _feedback(item: wire.Item) -> list[Feedback]:
    """What somebody answered. Surveys of one's own making, and answers without a number, cannot be counted."""
    record, get = item.record, item.record.properties.get
    kind, value = SURVEYS.get(get("hs_survey_type") or ""), (get("hs_value") or "").strip()
    if kind is None or not value:
        return []
    score, comment = float(str(read_number(value))), (get("hs_content") or "").strip()
    at = millis(get("hs_submission_timestamp") or record.createdAt)
    return [Feedback(f"feedback:{record.id}", one.id, kind, score, at, comment) for one in item.contacts]


def _owner(item: wire.Item) -> str:
    """The owner's name; the number where the account does not tell us whose it is."""
    return item.owner or item.record.properties.get("hubspot_owner_id") or ""


def _listing(item: wire.ListItem) -> Listing:
    kind = "dynamic" if item.about.processingType == "DYNAMIC" else "static"
    return Listing(item.about.listId, item.about.name, tuple(item.members), kind, item.whole)
