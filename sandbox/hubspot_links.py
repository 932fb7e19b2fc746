"""Which record is associated with which, under which types; both directions are kept.

Facts: Associations (types have a direction: deal→contact is 3, contact→deal is 4; the unlabelled type; labels).
Docs: "Associations v4", table of default type ids, and `AssociationType` of the vendor's Ruby SDK.
Unconfirmed (?): that the first company of a record becomes its primary one; what removing the unlabelled type
alone does (here it stays for as long as a label does); the numbers between contacts and survey responses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sandbox.hubspot_kinds import KINDS, Kind
from sandbox.hubspot_rules import Refusal, Switches
from sandbox.hubspot_state import HubSpotState, Links, Pair, Spec

HUBSPOT, USER = "HUBSPOT_DEFINED", "USER_DEFINED"
PRIMARY = "Primary"

# from, to, unlabelled there, unlabelled back
PLAIN = """
contacts contacts 449 449
contacts companies 279 280
contacts deals 4 3
contacts tickets 15 16
contacts calls 193 194
contacts emails 197 198
contacts meetings 199 200
contacts notes 201 202
contacts tasks 203 204
contacts feedback_submissions 97 98
companies companies 450 450
companies deals 342 341
companies tickets 340 339
companies calls 181 182
companies emails 185 186
companies meetings 187 188
companies notes 189 190
companies tasks 191 192
deals deals 451 451
deals tickets 27 28
deals calls 205 206
deals emails 209 210
deals meetings 211 212
deals notes 213 214
deals tasks 215 216
tickets tickets 452 452
tickets calls 219 220
tickets emails 223 224
tickets meetings 225 226
tickets notes 227 228
tickets tasks 229 230
"""
# from, to, labelled there, labelled back, label there, label back
LABELLED = (
    ("contacts", "companies", 1, 2, PRIMARY, "Contact with Primary Company"),
    ("deals", "companies", 5, 6, PRIMARY, "Deal with Primary Company"),
    ("tickets", "companies", 26, 25, PRIMARY, "Ticket with Primary Company"),
    ("companies", "companies", 13, 14, "Child Company", "Parent Company"),
)


def _tables() -> tuple[dict[Pair, Spec], dict[Pair, dict[Spec, str | None]], dict[tuple[Pair, Spec], Spec]]:
    plain: dict[Pair, Spec] = {}
    labels: dict[Pair, dict[Spec, str | None]] = {}
    inverses: dict[tuple[Pair, Spec], Spec] = {}

    def add(one: str, other: str, there: Spec, back: Spec, label: str | None) -> None:
        labels.setdefault((one, other), {})[there] = label
        inverses[(one, other), there] = back

    for line in PLAIN.split("\n")[1:-1]:
        one, other, there, back = line.split()
        specs = Spec(HUBSPOT, int(there)), Spec(HUBSPOT, int(back))
        plain[one, other], plain[other, one] = specs
        add(one, other, *specs, None)
        add(other, one, *specs[::-1], None)
    for one, other, number, inverse, label, label_back in LABELLED:
        specs = Spec(HUBSPOT, number), Spec(HUBSPOT, inverse)
        add(one, other, *specs, label)
        add(other, one, *specs[::-1], label_back)
    return plain, labels, inverses


UNLABELLED, LABELS, INVERSES = _tables()
PRIMARIES = {(one, other): Spec(HUBSPOT, number) for one, other, number, *_, label, _ in LABELLED if label == PRIMARY}


class Joins:
    """The associations of one portal."""

    def __init__(self, state: HubSpotState, switches: Switches, changed: Callable[[str, int], None]) -> None:
        """*changed* hears the object type and id of each record whose associations changed."""
        self.state = state
        self.switches = switches
        self.changed = changed
        self.tell: Callable[[Pair, int, int, frozenset[Spec], frozenset[Spec]], None] = lambda *_: None

    # -- types -----------------------------------------------------------------------------------

    def labels(self, pair: Pair) -> dict[Spec, str | None]:
        """All types from one object type to another, with their labels; the unlabelled one has none."""
        return {**LABELS.get(pair, {}), **self.state.labels.get(pair, {})}

    def unlabelled(self, pair: Pair) -> Spec:
        found = UNLABELLED.get(pair)
        if found is None:
            raise Refusal(400, "VALIDATION_ERROR", f"No association type exists between {pair[0]} and {pair[1]}")
        return found

    def known(self, pair: Pair, spec: Spec) -> Spec:
        """*spec*, if it is a type in this direction."""
        self.unlabelled(pair)
        if spec not in self.labels(pair):
            text = f"{spec.category} association type {spec.id} is not valid from {pair[0]} to {pair[1]}"
            raise Refusal(400, "VALIDATION_ERROR", text, code="INVALID_ASSOCIATION_TYPE")
        return spec

    def inverse(self, pair: Pair, spec: Spec) -> Spec:
        return INVERSES.get((pair, spec)) or self.state.inverses[pair, spec]

    def add_label(self, pair: Pair, label: str, inverse: str) -> list[tuple[Spec, str]]:
        """A label of the portal's own; its numbers start anew, so they also occur among HubSpot's."""
        self.unlabelled(pair)
        if label in self.labels(pair).values():
            raise Refusal(409, "OBJECT_ALREADY_EXISTS", f"The label {label[:100]} already exists")
        count = sum(map(len, self.state.labels.values()))
        there, back = Spec(USER, count + 1), Spec(USER, count + 2)
        other = (pair[1], pair[0])
        for way, spec, text, opposite in ((pair, there, label, back), (other, back, inverse, there)):
            self.state.labels.setdefault(way, {})[spec] = text
            self.state.inverses[way, spec] = opposite
        return [(there, label), (back, inverse)]

    # -- reading ---------------------------------------------------------------------------------

    def of(self, pair: Pair, id: int) -> Mapping[int, frozenset[Spec]]:
        return self.state.links.get(pair, {}).get(id, {})

    # -- changing --------------------------------------------------------------------------------

    def join(self, pair: Pair, one: int, other: int, specs: Iterable[Spec] = ()) -> None:
        """Associate two records with these types and the unlabelled one."""
        self._refuse_more(pair, one, other)
        wanted = {self.unlabelled(pair), *specs}
        for way, primary in PRIMARIES.items():
            if way in (pair, pair[::-1]):
                self._primary(pair, one, other, wanted, primary if way == pair else self.inverse(way, primary))
        before = self.of(pair, one).get(other, frozenset())
        if not wanted <= before:
            self._put(pair, one, other, before | wanted)

    def _refuse_more(self, pair: Pair, one: int, other: int) -> None:
        """Admins can set limits per object pair (facts: Associations)."""
        for way, id, to in ((pair, one, other), (pair[::-1], other, one)):
            most = self.state.association_limits.get(way)
            held = self.of(way, id)
            if most is not None and to not in held and len(held) >= most:
                text = f"Limit of {most} associations from {way[0]} {id} to {way[1]} has been reached"
                raise Refusal(400, "VALIDATION_ERROR", text, code="ASSOCIATION_LIMIT_EXCEEDED")

    def _primary(self, pair: Pair, one: int, other: int, wanted: set[Spec], spec: Spec) -> None:
        """A record has one primary company: the newest that was made so, or the first of all (?)."""
        forward = pair in PRIMARIES
        way, owner, company = (pair, one, other) if forward else (pair[::-1], other, one)
        primary = PRIMARIES[way]
        holders = [to for to, specs in self.of(way, owner).items() if primary in specs]
        if not holders and self.switches.first_company_is_primary:
            wanted.add(spec)
        if spec in wanted:
            for to in holders:
                if to != company:
                    self._put(way, owner, to, self.of(way, owner)[to] - {primary})

    def part(self, pair: Pair, one: int, other: int, specs: Iterable[Spec] | None = None) -> None:
        """Take these labels away, or (``None``) all that joins the two."""
        before = self.of(pair, one).get(other)
        if before is None:
            return
        left = frozenset() if specs is None else before - set(specs)
        plain = self.unlabelled(pair)
        if left and plain not in left:
            left |= {plain}
        if left != before:
            self._put(pair, one, other, left)

    def _put(self, pair: Pair, one: int, other: int, specs: frozenset[Spec]) -> None:
        back = pair[::-1]
        before = frozenset(self.of(pair, one).get(other, ()))
        inverse = frozenset(self.inverse(pair, spec) for spec in specs)
        self._set(pair, one, other, specs)
        self._set(back, other, one, inverse)
        self.changed(pair[0], one)
        self.changed(pair[1], other)
        self.tell(pair, one, other, before, specs)

    def _set(self, pair: Pair, one: int, other: int, specs: frozenset[Spec]) -> None:
        links: Links = self.state.links.setdefault(pair, {})
        if specs:
            links.setdefault(one, {})[other] = specs
            return
        links.get(one, {}).pop(other, None)
        if not links.get(one):
            links.pop(one, None)

    def merged(self, kind: Kind, gone: Sequence[int], kept: int) -> None:
        """The survivor of a merge keeps what the others were joined to."""
        for other in KINDS:
            pair = (kind.name, other.name)
            for old in gone:
                for to, specs in list(self.of(pair, old).items()):
                    self.part(pair, old, to)
                    if pair != pair[::-1] or to != kept:
                        primary = PRIMARIES.get(pair)
                        has = any(primary in held for held in self.of(pair, kept).values())
                        self.join(pair, kept, to, specs - {primary} if has and primary else specs)

    def erased(self, kind: Kind, id: int) -> None:
        """Nothing stays joined to what is gone for good."""
        for other in KINDS:
            pair = (kind.name, other.name)
            for to in list(self.of(pair, id)):
                self.part(pair, id, to)

    def load(self, pair: Pair, joins: Iterable[tuple[int, int, bool]]) -> None:
        """Take in many associations at once: from, to, and whether *to* is the primary company."""
        plain, back = self.unlabelled(pair), self.unlabelled(pair[::-1])
        there, here = frozenset((plain,)), frozenset((back,))
        primary = PRIMARIES.get(pair)
        first = frozenset((plain, primary)) if primary else there
        first_back = frozenset((back, self.inverse(pair, primary))) if primary else here
        links = self.state.links.setdefault(pair, {})
        links_back = self.state.links.setdefault(pair[::-1], {})
        for one, other, is_primary in joins:
            links.setdefault(one, {})[other] = first if is_primary else there
            links_back.setdefault(other, {})[one] = first_back if is_primary else here

    def dump(self) -> Iterator[dict[str, Any]]:
        """Each association once, with the types of its first direction."""
        for place, one in enumerate(KINDS):
            for other in KINDS[place:]:
                for id, found in sorted(self.state.links.get((one.name, other.name), {}).items()):
                    for to, specs in sorted(found.items()):
                        yield {
                            "kind": "association",
                            "from": [one.name, str(id)],
                            "to": [other.name, str(to)],
                            "types": [f"{spec.category} {spec.id}" for spec in sorted(specs)],
                        }
