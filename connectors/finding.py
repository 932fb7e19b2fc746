"""Who is there already: looked for in a listing, and before somebody is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from connectors.base import Change, Outcome, Page, Raw, Result
from mapping.model import Seen

Names = Callable[[Raw], tuple[str, ...]]
"""Everything by which a record may be looked for."""


def in_listing(pages: Iterator[Page], asked: set[str], names: Names, most: int) -> tuple[dict[str, Raw], bool]:
    """Those of *asked* whom the first *most* pages show, and whether that is all there are."""
    found: dict[str, Raw] = {}
    for turned, page in enumerate(pages if asked else (), 1):
        for raw in page.records:
            found |= {name: raw for name in names(raw) if name in asked and name not in found}
        if page.last or len(found) == len(asked):
            return found, True
        if turned >= most:
            break
    return found, not asked


def each_address_once(
    changes: Sequence[Change], make: Callable[[Sequence[Change]], Sequence[Outcome]]
) -> Sequence[Outcome]:
    """Outcomes of making *changes* where the platform would take the same address twice: whoever has an address that is
    made in this very call goes after that."""
    by_address: dict[str, int] = {}
    for index, change in enumerate(changes):
        by_address.setdefault((change.email or change.address).lower() or str(index), index)
    first = sorted(by_address.values())
    rest = [index for index in range(len(changes)) if index not in set(first)]
    done: dict[int, Outcome] = {}
    for part in (first, rest):
        done |= dict(zip(part, make([changes[index] for index in part]), strict=True)) if part else {}
    return [done[index] for index in range(len(changes))]


def there_already(
    change: Change, there: Mapping[str, Raw], names: Names, decode: Callable[[Raw], Seen]
) -> Outcome | None:
    """What becomes of a create where somebody is *there* with its key, which is ours, or with its address."""
    known = there.get(change.key) or there.get(change.email or change.address)
    if known is None:
        return None
    if change.key and change.key in names(known):
        return Outcome(Result.APPLIED, known.remote_id, decode(known), known)
    return Outcome(Result.REFUSED, known.remote_id, raw=known, reason="somebody has this address", code="exists")
