"""Mailchimp's rules for what may be written, and the problem documents it refuses with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import orjson

from sandbox.mailchimp_state import Audience, Member, MergeField
from sandbox.platform import Answer, Unknown

Json = dict[str, Any]
Errors = list[tuple[str, str]]

PROBLEM: Final = (("Content-Type", "application/problem+json; charset=utf-8"),)
ABOUT: Final = "https://mailchimp.com/developer/marketing/docs/errors/"

# What `X-Trigger-Error` can ask for (facts, Limits), by the name in the vendor's error glossary.
GLOSSARY: Final[Mapping[str, tuple[int, str]]] = {
    "BadRequest": (400, "Bad Request"),
    "InvalidResource": (400, "Invalid Resource"),
    "JSONParseError": (400, "JSON Parse Error"),
    "APIKeyMissing": (401, "API Key Missing"),
    "APIKeyInvalid": (401, "API Key Invalid"),
    "Forbidden": (403, "Forbidden"),
    "UserDisabled": (403, "User Disabled"),
    "WrongDatacenter": (403, "Wrong Datacenter"),
    "ResourceNotFound": (404, "Resource Not Found"),
    "MethodNotAllowed": (405, "Method Not Allowed"),
    "TooManyRequests": (429, "Too Many Requests"),
    "InternalServerError": (500, "Internal Server Error"),
    "ComplianceRelated": (599, "Compliance Related"),
}


@dataclass(frozen=True, slots=True)
class Switches:
    """Behaviour that the facts mark (?), or leave open: both settings have to work for a client."""

    archived_listed: bool = False  # Reading: "Archived members are left out unless asked for (?)"
    archived_is_new: bool = False  # whether status_if_new brings an archived member back
    since_inclusive: bool = False  # whether a member changed in the very second of since_last_changed is listed
    unknown_merge: str = "ignore"  # Members: "unknown keys are ignored (?)"; else "refuse"
    most_fields: int = 30  # of an audience; 80 on the largest plan (3p)
    long_text: str = "refuse"  # Members: "text up to 255 characters (?)"; else "cut"
    address_needs: tuple[str, ...] = ("addr1", "city", "state", "zip")  # (3p); the rest may be blank
    tags_touch: bool = False  # whether a tag write moves last_changed
    unchanged_touches: bool = False  # whether a write that changes nothing moves last_changed
    unique_email_id_stable: bool = True  # across an address change; contact_id always is
    api_leavers_may_return: bool = True  # whether `subscribed` is taken for one whom the API unsubscribed
    batch_resubscribes: bool = True  # whether POST /lists/{id} re-subscribes even one who left by themselves
    batch_needs_status: bool = False  # whether a known member in a batch must come with a status
    batch_tags: bool = True  # whether members of a batch may carry tags, which sync_tags speaks of
    notes_touch: bool = False  # Reading: "notes and events do not necessarily touch last_changed (?)"
    deeds_touch: bool = False  # Reading: the same of "E-mail activity"
    proxy_opens: bool = True  # whether machine opens are told apart (descriptions after 3.0.80), in open-details only
    proxy_in_activity: bool = True  # whether machine opens stand in e-mail activity and feeds, where no mark tells
    quiet_listed: bool = True  # whether email-activity lists recipients who did nothing ("members that were sent")
    quiet_listed_since: bool = False  # and whether it does so with `since`
    members_update_segment: bool = False  # whether a segment's updated_at moves with its members
    tag_delay: float = 0.0  # seconds; Members: "The effect is not immediate"
    batch_delay: float = 0.0  # seconds until a job of POST /batches is done
    throttle_status: int = 429  # Limits: "throttling can also come as 403 or 429 without a JSON body"
    roles: frozenset[str] = frozenset({"abuse", "noreply", "no-reply", "postmaster", "spam"})
    fakes: frozenset[str] = frozenset({"asdf", "fake", "invalid", "noemail", "none"})


def problem(status: int, title: str, detail: str, errors: Iterable[tuple[str, str]] = ()) -> Answer:
    """Mailchimp's error document (facts, Errors)."""
    document: Json = {
        "type": ABOUT,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": str(uuid5(NAMESPACE_URL, f"{title} {detail}")),
    }
    listed = [{"field": name, "message": message} for name, message in errors]
    if listed:
        document["errors"] = listed
    return Answer(status, orjson.dumps(document), PROBLEM)


def invalid(errors: Errors, detail: str = "The resource submitted could not be validated.") -> Answer:
    """A 400 for a body or parameter of the wrong shape or with a wrong value."""
    return problem(400, "Invalid Resource", detail, errors)


def not_found() -> Answer:
    return problem(404, "Resource Not Found", "The requested resource could not be found.")


def in_compliance(address: str) -> Answer:
    """Facts, Consent: re-subscribing somebody who left or was cleaned."""
    detail = (
        f"{address} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
    )
    return problem(400, "Member In Compliance State", detail)


def forgotten(address: str) -> Answer:
    detail = f"{address} was permanently deleted and cannot be re-imported. The contact must re-subscribe."
    return problem(400, "Forgotten Email Not Subscribed", detail)


def member_exists(address: str) -> Answer:
    detail = f"{address} is already a list member. Use PUT to insert or update list members."
    return problem(400, "Member Exists", detail)


_ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


def refuse_address(address: object, switches: Switches) -> Answer | None:
    """The answer to an address that Mailchimp would not take, or ``None``."""
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address) or "\0" in address:
        return invalid([("email_address", "This value should be a valid email.")])
    local = address.split("@")[0].lower()
    # Facts, Consent: "Obvious fake or role addresses give 400 Invalid Resource (looks fake or invalid)".
    if local in switches.fakes or local in switches.roles:
        return invalid([], f"{address} looks fake or invalid, please enter a real email address.")
    return None


def may_subscribe(member: Member, *, batch: bool, switches: Switches) -> bool:
    """Whether the API may set this member to ``subscribed`` (facts, Consent)."""
    status = member.before_archive if member.status == "archived" else member.status
    if status == "cleaned":
        return False
    if status != "unsubscribed":
        return True
    if batch and switches.batch_resubscribes:
        return True
    return member.left_by in ("api", "admin") and switches.api_leavers_may_return


def merged(
    audience: Audience, current: Json, given: Mapping[str, Any], switches: Switches, *, skip_required: bool
) -> tuple[Json, Errors]:
    """*current* merge values with *given* written over them, and what is wrong with *given*."""
    fields = {known.tag: known for known in audience.merge_fields}
    result, errors = dict(current), Errors()
    for tag, value in given.items():
        known = fields.get(tag)
        if known is None:
            if switches.unknown_merge == "refuse":
                errors.append((tag, "This merge field does not exist."))
            continue
        try:
            result[tag] = _value(known, value, switches)
        except ValueError as error:
            errors.append((tag, str(error)))
    if not skip_required:
        errors += [
            (known.tag, "Please enter a value")
            for known in audience.merge_fields
            if known.required and result.get(known.tag, "") in ("", None)
        ]
    return result, errors


def _value(known: MergeField, value: Any, switches: Switches) -> Any:
    """*value* as Mailchimp keeps it; ValueError with its message where it refuses."""
    if known.type == "address":
        return _address(value, switches)
    if value is None or isinstance(value, (dict, list)):
        raise Unknown(f"a {type(value).__name__} as the value of merge field {known.tag} ({known.type})")
    text = value if isinstance(value, str) else str(value)
    if not text:
        return ""
    kept = _CHECKS[known.type](text, known) if known.type in _CHECKS else text
    return _short(kept, switches) if isinstance(kept, str) else kept


def _short(text: str, switches: Switches) -> str:
    if len(text) <= 255:
        return text
    if switches.long_text == "cut":
        return text[:255]
    raise ValueError("Please limit to 255 characters")


def _number(text: str, _: MergeField) -> int | float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("Please enter a number") from None
    return int(value) if value.is_integer() else value


def _birthday(text: str, _: MergeField) -> str:
    """Month and day only, kept with leading zeros."""
    found = re.fullmatch(r"(\d{1,2})[/-](\d{1,2})", text)
    try:
        if found:
            month, day = int(found[1]), int(found[2])
            return f"{date(2024, month, day):%m/%d}"  # a leap year, so that 29 February is a birthday
    except ValueError:
        pass
    raise ValueError("Please enter a month and a day (MM/DD)")


def _date(text: str, _: MergeField) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise ValueError("Please enter a date (YYYY-MM-DD)") from None


def _phone(text: str, known: MergeField) -> str:
    """International numbers are kept as they come, US ones are brought into one shape."""
    if known.options.get("phone_format", "none") != "US":
        return text
    digits = re.sub(r"\D", "", text).removeprefix("1")
    if len(digits) != 10:
        raise ValueError("Please enter a phone number (###) ### - ####")
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def _choice(text: str, known: MergeField) -> str:
    if text not in known.options.get("choices", ()):
        raise ValueError("Value must be one of the choices of this field")
    return text


def _zip(text: str, _: MergeField) -> str:
    if not re.fullmatch(r"\d{5}(-\d{4})?", text):
        raise ValueError("Please enter a valid zip code")
    return text


def _url(text: str, _: MergeField) -> str:
    if not re.match(r"https?://\S+\.\S+", text):
        raise ValueError("Please enter a complete url")
    return text


_CHECKS: Final[Mapping[str, Callable[[str, MergeField], str | int | float]]] = {
    "number": _number,
    "birthday": _birthday,
    "date": _date,
    "phone": _phone,
    "dropdown": _choice,
    "radio": _choice,
    "zip": _zip,
    "url": _url,
    "imageurl": _url,
}

_PARTS = ("addr1", "addr2", "city", "state", "zip", "country")


def _address(value: Any, switches: Switches) -> Any:
    """Facts, Members: "address fields are objects". An empty one clears, an incomplete one is refused (3p)."""
    if value in ("", {}):
        return ""
    if not isinstance(value, dict):
        raise Unknown("an address that is no object")
    strange = [part for part in value if part not in _PARTS]
    if strange:
        raise Unknown(f"the part {', '.join(strange)} of an address")
    kept = {part: str(value.get(part) or "") for part in _PARTS}
    if not any(kept.values()):
        return ""
    if not all(kept[part] for part in switches.address_needs):
        raise ValueError("Please enter a complete address")
    if kept["country"] and not re.fullmatch(r"[A-Za-z]{2}", kept["country"]):
        raise Unknown("an address whose country is no two-letter code")
    kept["country"] = kept["country"].upper() or "US"  # (3p): the default of the vendor
    for part in _PARTS:
        _short(kept[part], switches)
    return kept
