"""Running the contract: what becomes of each promise on one platform, in a word."""

from __future__ import annotations

from connectors import platform
from connectors.levels import ASIDE, KEPT
from tests.contract import away
from tests.contract.checks import CHECKS
from tests.contract.rehearsal import Rehearsal, rehearse

LACKS = "lacks: "


def outcome(name: str, promise: str) -> str:
    """Whether a platform keeps a promise: `kept`, or `aside: ` or `lacks: ` with the reason. Raises AssertionError, or
    whatever else went wrong, where it is promised and not kept."""
    place = rehearse(name)
    if promise in place.aside:
        return ASIDE + place.aside[promise]
    if declared := away.word(name, promise):
        away.HOLDS[declared](place)
        connector = platform(name).connector
        return f"{ASIDE}{connector.title} {connector.cannot[declared]}"
    if promise in place.lacks:
        return LACKS + place.lacks[promise] if _fails(promise, place) else KEPT
    CHECKS[promise](place)
    return KEPT


def _fails(promise: str, place: Rehearsal) -> bool:
    """Whether what is said to be lacking really is: a promise that is kept after all is worth to be told."""
    try:
        CHECKS[promise](place)
    except Exception:  # noqa: BLE001 - however it fails
        return True
    return False
