"""HubSpot's rules for values: which properties a new portal has, and what each will take.

Also the shape of HubSpot's errors, since each rule ends in one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.hubspot_state import Property, ms, stamp

EMAIL = re.compile(r"[^@\s,;<>()\"\\]+@[^@\s.,;<>()\"\\]+(\.[^@\s.,;<>()\"\\]+)+")
STAGES = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)


class Refusal(ValueError):
    """HubSpot says no to one input: *status* where it stands alone, an entry of ``errors`` in a batch."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        code: str = "",
        sub: str = "",
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.code = code
        self.sub = sub
        self.context = dict(context or {})

    def details(self) -> list[dict[str, Any]]:
        if not self.code:
            return []
        return [{"message": self.message, "code": self.code, "context": self.context}]


@dataclass(frozen=True, slots=True)
class Switches:
    """Facts that are marked (?) in platform-facts.md; the tests run both settings of each."""

    batch_errors: str = "207"  # or "whole": one bad input refuses the batch (Writing: 207 ... part of it failed)
    duplicate_ids: str = "refuse"  # or "accept" (Writing: duplicate ids in one batch are refused (?))
    missing_in_batch_read: str = "207"  # or "omit" (Reading: missing ids appear in errors of a 207 (?))
    match_additional_emails: bool = True  # (Errors and merges: batch read and upsert by email match both (?))
    merge_makes_new_id: bool = False  # (Errors and merges: merging may create a record with a new id (?))
    lifecycle_forward_only: bool = True  # a lower stage is ignored until the field is cleared (not in the facts)
    unchanged_bumps: bool = False  # does writing the same value move lastmodifieddate? (not in the facts)
    cleared_reads_as: str | None = None  # or "": what a cleared property reads as (Reading: null (3p))
    batch_order: str = "as_given"  # or "reversed": results of a batch carry no promised order
    ties: str = "arbitrary"  # or "id": order of equal sort values in search (not promised by the vendor)
    privacy_settings: bool = False  # Consent: legal basis required where the account has privacy settings on
    no_associations: str = "207"  # or "omit": how a batch read says that a record has none (3p: errors of a 207)
    association_answers: str = "described"  # or "observed": ids as numbers, labels as null (3p)
    first_company_is_primary: bool = True  # does the first company become the primary one? (not in the facts)
    associating_touches: bool = False  # does an association move the modified stamps? (not in the facts)
    journal_end: str = "204"  # or "same": what is answered where nothing is new (Webhooks journal: an empty 204 (?))
    journal_properties: str = (
        "filter"  # or "include": do they choose the updates, or only what is shown? (not in the facts)
    )
    journal_merge: str = "bare"  # or "ids": whether a merge names the records that went (not in the facts)
    wide_optout_on_types: bool = False  # does "unsubscribe from all" also set each hs_email_optout_<id>? (?)


def invalid(code: str, name: str, message: str) -> Refusal:
    """A value that a property does not take, in the wording that integrations see in HubSpot's answers."""
    listed = f'[{{"isValid":false,"message":"{message}","error":"{code}","name":"{name}"}}]'
    text = f"Property values were not valid: {listed}"
    return Refusal(400, "VALIDATION_ERROR", text, code=code, context={"propertyName": [name]})


def missing(what: str = "resource not found") -> Refusal:
    return Refusal(404, "OBJECT_NOT_FOUND", what)


def address(value: str) -> str:
    """An e-mail address as HubSpot keeps it: lower-cased. Raises for what is none."""
    email = value.strip().lower()
    if email and (len(email) > 254 or not EMAIL.fullmatch(email)):
        raise invalid("INVALID_EMAIL", "email", f"Email address {value[:200]} is invalid")
    return email


def moment(text: str) -> int | None:
    """Milliseconds of an epoch number or ISO text (facts: Reading, filters), ``None`` if it is neither."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ms(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def accept(prop: Property, value: str) -> str:
    """*value* as the property will hold it; raises `Refusal` for what it does not take."""
    if value == "":
        return ""  # an empty string clears (facts: Reading)
    match prop.type:
        case "number":
            return _number(prop, value)
        case "bool":
            return _choice(prop, value.lower(), frozenset(("true", "false")))
        case "enumeration":
            return _enumeration(prop, value)
        case "date":
            return _date(prop, value)
        case "datetime":
            at = moment(value)
            if at is None:
                raise invalid("INVALID_DATE", prop.name, f"{value[:200]} was not a valid date.")
            return stamp(at)
    return address(value) if prop.name == "email" else value


def _number(prop: Property, value: str) -> str:
    if not re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value):
        raise invalid("INVALID_DOUBLE", prop.name, f"{value[:200]} was not a valid number.")
    return value


def _enumeration(prop: Property, value: str) -> str:
    allowed = prop.values()
    if not allowed:
        return value  # hubspot_owner_id and the like: options live elsewhere
    parts = value.split(";") if prop.field_type == "checkbox" else [value]  # facts: Reading, joined with ; (?)
    for part in parts:
        if part:
            _choice(prop, part, allowed)
    return value


def _choice(prop: Property, value: str, allowed: frozenset[str]) -> str:
    if value not in allowed:
        listed = ", ".join(sorted(allowed))
        message = f"{value[:200]} was not one of the allowed options: [{listed}]"
        raise invalid("INVALID_OPTION", prop.name, message)
    return value


def _date(prop: Property, value: str) -> str:
    """Dates are UTC midnight (facts: Reading, (?)); shown as ``YYYY-MM-DD``."""
    at = moment(value)
    if at is None or at % 86_400_000:
        raise invalid("INVALID_DATE", prop.name, f"{value[:200]} was not a valid date.")
    return stamp(at)[:10]


def options(*values: str) -> list[dict[str, Any]]:
    return [
        {"label": value.title(), "value": value, "displayOrder": order, "hidden": False}
        for order, value in enumerate(values)
    ]


TEXTS = (
    "email firstname lastname phone mobilephone company jobtitle address city state zip country website "
    "salutation fax twitterhandle industry message hs_language annualrevenue degree field_of_study school "
    "seniority work_email linkedinbio company_size military_status date_of_birth"
)
DATES = "closedate notes_last_contacted notes_last_updated"
READ_ONLY = {  # kept by HubSpot itself
    "hs_object_id": "number",
    "createdate": "datetime",
    "lastmodifieddate": "datetime",
    "hs_additional_emails": "enumeration",
    "hs_merged_object_ids": "enumeration",
    "hs_calculated_merged_vids": "enumeration",
    "hs_email_optout": "bool",  # facts: Consent, write through the preferences API (?)
    "hs_email_bounce": "number",
    "hs_email_hard_bounce_reason": "string",
    "hs_email_hard_bounce_reason_enum": "enumeration",
    "hs_email_quarantined": "bool",
    "hs_email_bad_address": "bool",
    "hs_email_domain": "string",
    "num_notes": "number",
    "num_associated_deals": "number",
}


def portal_properties(created: int) -> dict[str, Property]:
    """The properties that the sandbox's portal starts with (a part of HubSpot's own)."""
    known = [Property(name, name.replace("_", " ").title()) for name in TEXTS.split()]
    known += [Property(name, name, "datetime", "date") for name in DATES.split()]
    known += [
        Property("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", options=options(*STAGES)),
        Property(
            "hs_lead_status",
            "Lead Status",
            "enumeration",
            "radio",
            options=options("NEW", "OPEN", "IN_PROGRESS", "UNQUALIFIED", "CONNECTED", "BAD_TIMING"),
        ),
        Property("hubspot_owner_id", "Contact owner", "enumeration", "select"),
        Property(
            "hs_marketable_status",
            "Marketing contact status",
            "enumeration",
            "select",
            options=options("true", "false"),
            read_only=True,
        ),
        Property("numemployees", "Number of Employees", "number", "number"),
    ]
    known += [Property(name, name, kind, "text", read_only=True) for name, kind in READ_ONLY.items()]
    for prop in known:
        prop.created = created
    return {prop.name: prop for prop in known}
