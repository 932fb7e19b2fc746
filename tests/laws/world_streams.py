"""What happens in a small world beside its records: calls, opens, badges and lists; and what must be true of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from mapping.decisions import DecisionKind
from mapping.facts import Touch
from mapping.model import BADGE, ON_LIST
from mapping.rules import Touched
from mapping.values import Kind, canonical
from sync.segment import Segment
from sync.store import schema as t
from tests.laws.liar import Liar
from tests.laws.liar_streams import STREAMS, Lie

SEGMENTS = {
    "called": Segment("called", "Called", Touched(kinds=(Touch.CALLED,)), {"a": "tag"}),
    "opened": Segment("opened", "Opened twice", Touched(kinds=(Touch.OPENED,), least=2), {"a": "tag", "b": "list"}),
}
"""Somebody called them; they opened twice."""
LEAST = {"called": ("called", 1), "opened": ("opened", 2)}
"""The same for the judges, who do not ask the engine: which touchpoints, how many."""


def shown(here: str, *kinds: str) -> dict[str, str]:
    """What segments become at a platform."""
    return {name: BADGE + one.title for name, one in SEGMENTS.items() if one.destinations.get(here) in kinds}


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that happens. The numbers choose among what is there; see `World.play`."""

    kind: str
    place: int = 0
    person: int = 0
    name: int = 0
    value: int = 0


class StreamedWorld:
    """The part of `World` that only worlds with streams have."""

    liars: list[Liar]
    seen: Counter[str]
    put_on: set[tuple[str, str, str]]
    taken_off: set[tuple[str, str, str]]
    erased: dict[str, int]
    erased_rows: set[tuple[str, str]]
    erased_there: dict[tuple[str, str], int]
    rows: Callable[[Any], list[dict[str, Any]]]
    records: Callable[[], list[dict[str, Any]]]
    sync: Callable[[], Any]
    _liar: Callable[[Op], Liar]
    _row: Callable[[Op], tuple[Liar, str] | None]

    def _midway(self, op: Op) -> None:
        """A stream breaks off between two of its pages."""
        self._liar(op).breaks_midway = True

    def _lie(self, op: Op) -> None:
        """A stream shifts while it is paged, lags, or loses an answer."""
        lies = list(Lie)
        self._liar(op).lies.append((STREAMS[op.name % len(STREAMS)].name, lies[op.value % len(lies)]))
        self.sync()

    # ---- what happens beside the records, where streams are on -----------------------------------------------

    def _call(self, op: Op) -> None:
        found = self._row(op)
        if found:
            other = self._row(replace(op, person=op.value))
            found[0].call(*dict.fromkeys((found[1], other[1] if other else found[1])))

    def _a_call(self, op: Op) -> tuple[Liar, str] | None:
        liar = self._liar(op)
        calls = [identity for identity, call in liar.state.calls.items() if not call.gone]
        return (liar, calls[op.value % len(calls)]) if calls else None

    def _change_call(self, op: Op) -> None:
        call, found = self._a_call(op), self._row(op)
        if call and found:
            call[0].change_call(call[1], found[1])

    def _delete_call(self, op: Op) -> None:
        call = self._a_call(op)
        if call:
            call[0].delete_call(call[1])

    def _open(self, op: Op) -> None:
        found = self._row(op)
        if found:
            found[0].open(found[0].state.rows[found[1]].email, late=op.value % 3 == 0)

    def _stranger(self, op: Op) -> None:
        """Somebody opens whom nobody knows yet; they may sign up later, or somebody may move to that address."""
        address = f"moved{op.person % 3}@example.org" if op.value % 3 == 0 else f"new{op.person % 4}@example.org"
        self._liar(op).open(address)
        if op.name % 2 == 0:
            self.sync()  # else what they did may be told together with them

    def _badge_off(self, op: Op) -> None:
        """Somebody takes off a badge by hand, where there is one."""
        badges = [
            (liar.here, row.id, tag)
            for liar in self.liars
            for row in liar.state.rows.values()
            for tag in row.fields.get("tags", ())
            if tag.startswith(BADGE) and not row.gone and not row.archived
        ]
        if badges:
            taken = badges[op.person % len(badges)]
            if self._knows_of(taken):  # else nobody can tell it from a badge that was not put on yet
                self.taken_off.add(taken)
            liar = next(liar for liar in self.liars if liar.here == taken[0])
            tags = liar.state.rows[taken[1]].fields["tags"]
            liar.edit(taken[1], tags=[tag for tag in tags if tag != taken[2]])
            self.put_on.discard(taken)
            self.seen["badge taken off"] += 1

    def _knows_of(self, badge: tuple[str, str, str]) -> bool:
        """Whether the store has seen a badge at its record."""
        here, identity, tag = badge
        known = {(row["connection"], row["remote_id"]): row["id"] for row in self.rows(t.record)}
        number = known.get((here, identity), 0)
        shown = [msgspec.json.decode(row["known"]) for row in self.rows(t.document) if row["record"] == number]
        return any(tag in one.get("tags", ()) for one in shown)

    def _badge_on(self, op: Op) -> None:
        """Somebody puts on a badge by hand."""
        found, tag = self._row(op), sorted(shown("a", "tag").values())[op.value % 2]
        if found:
            tags = found[0].state.rows[found[1]].fields.get("tags", ())
            if tag not in tags:
                found[0].edit(found[1], tags=sorted({*tags, tag}))
                self.put_on.add((found[0].here, found[1], tag))
                self.taken_off.discard((found[0].here, found[1], tag))

    def _list_off(self, op: Op) -> None:
        """Somebody takes somebody off a list of ours by hand."""
        liar = self._liar(op)
        for listing, (_, who) in liar.state.lists.items():
            if who:
                liar.take_off(listing, sorted(who)[op.person % len(who)])
                self.seen["taken off a list"] += 1

    # ---- what the store says of streams and badges -----------------------------------------------------------

    def lost_facts(self) -> list[str]:
        """Calls and opens that are neither a touchpoint of the right record nor wait as strays; and touchpoints of
        what is not there any more."""
        ids = {(row["connection"], row["remote_id"]): row["id"] for row in self.rows(t.record)}
        held = {(row["record"], row["value"]) for row in self.rows(t.identifier) if row["kind"] == "email"}
        touches = Counter((row["record"], row["kind"], row["key"], row["at"]) for row in self.rows(t.touchpoint))
        waiting = [(row["connection"], row["body"]) for row in self.rows(t.item) if row["stray"]]
        wrong, told = [], set()
        for liar in self.liars:
            mine = {identity for (here, _), identity in ids.items() if here == liar.here}
            for call in liar.state.calls.values():
                for who in call.who if not call.gone else ():
                    if (liar.here, who) in self.erased_rows:
                        continue
                    touch = (ids.get((liar.here, who), 0), "called", call.id, call.at)
                    told.add(touch)
                    stray = touch[0] == 0 and any(here == liar.here and call.id in body for here, body in waiting)
                    wrong += [] if touch in touches or stray else [f"{liar.here} {call} is not filed for {who}"]
            for one in liar.state.opens:
                address = canonical(Kind.EMAIL, one.address) or ""
                right = [identity for identity in sorted(mine) if (identity, address) in held]
                filed = [identity for identity in sorted(mine) if (identity, "opened", one.key, one.at) in touches]
                told |= {(identity, "opened", one.key, one.at) for identity in filed}
                stray = any(here == liar.here and one.key in body for here, body in waiting)
                if right and not filed:
                    wrong.append(f"{liar.here} {one} is not filed for any of {right}")
                elif not (right or stray or address in self.erased or one.at <= self.erased_until(liar.here, address)):
                    wrong.append(f"{liar.here} {one} of a stranger is lost")
                elif not set(filed) <= set(right):
                    wrong.append(f"{liar.here} {one} is filed for {filed}, not one of {right}")
        return wrong + [f"{touch} was never told, or is deleted" for touch in touches if touch not in told]

    def erased_until(self, here: str, address: str) -> int:
        """Until when whatever happened at a platform under an address was somebody's who was erased: somebody else may
        have that address elsewhere, and did not do it."""
        return self.erased_there.get((here, address), 0)

    def doubled_facts(self) -> list[str]:
        """Events that are filed more than once, and lists that were made twice."""
        here = {row["id"]: row["connection"] for row in self.rows(t.record)}
        opens = Counter(
            (here[row["record"]], row["key"].partition(" ")[0])
            for row in self.rows(t.touchpoint)
            if row["kind"] == "opened"
        )
        wrong = [f"{one} is filed {count} times" for one, count in opens.items() if count > 1]
        for liar in self.liars:
            titles = Counter(title for title, _ in liar.state.lists.values())
            wrong += [f"{liar.here} has {count} lists {title!r}" for title, count in titles.items() if count > 1]
        return wrong

    def should_be_in(self) -> set[tuple[str, str]]:
        """Segment and person, counted by hand."""
        person = {row["id"]: row["person"] for row in self.records()}
        counts = Counter((row["kind"], person[row["record"]]) for row in self.rows(t.touchpoint))
        return {
            (name, who)
            for name, (kind, least) in LEAST.items()
            for (k, who), n in counts.items()
            if k == kind and n >= least
        }

    def wrong_badges(self) -> list[str]:
        """Lead records that show other badges than their person's segments ask for, or are on other lists, where
        nobody did that by hand, no undo took it back, and the list of findings says nothing."""
        findings = self.rows(t.finding)
        listed = {(f["person"], f["record"], f["name"]) for f in findings}
        leads = {(f["person"], f["record"]) for f in findings if f["kind"] == "duplicate"}
        holds = {
            (d["record"], d["name"])
            for d in self.rows(t.decision)
            if d["kind"] == DecisionKind.HOLD and not d["lifted"]
        }
        members = self.should_be_in()
        wrong = []
        for record in self.records():
            person, here, identity = record["person"], record["connection"], record["remote_id"]
            liar = next(liar for liar in self.liars if liar.here == here)
            row = liar.state.rows[identity]
            if row.gone or row.archived or (person, record["id"]) in leads or (record["id"], "") in holds:
                continue
            wanted = {title for name, title in shown(here, "tag").items() if (name, person) in members}
            there = {tag for tag in row.fields.get("tags", ()) if tag.startswith(BADGE)}
            explained = (person, record["id"], "tags") in listed or (record["id"], "tags") in holds
            extra = {tag for tag in there - wanted if (here, identity, tag) not in self.put_on}
            if (extra or wanted - there) and not explained:
                wrong.append(f"{person} {here} {identity} shows {sorted(there)}, not {sorted(wanted)}")
            for name, title in shown(here, "list").items():
                on, should = identity in liar.listed().get(title, ()), (name, person) in members
                field = ON_LIST + title
                if on != should and (person, record["id"], field) not in listed and (record["id"], field) not in holds:
                    wrong.append(f"{person} {here} {identity} is {'' if on else 'not '}on {title!r}")
        return wrong

    def badges_that_came_back(self) -> list[str]:
        """Badges that somebody took off by hand and that are on again."""
        worn = {
            (liar.here, row.id, tag)
            for liar in self.liars
            for row in liar.state.rows.values()
            for tag in row.fields.get("tags", ())
            if not row.gone
        }
        return [f"{tag!r} is back at {here} {identity}" for here, identity, tag in sorted(self.taken_off & worn)]
