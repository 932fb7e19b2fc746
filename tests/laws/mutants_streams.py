"""Mutants of what is told beside records, and of what segments become: facts, badges, lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mapping.facts
import mapping.sets
import sync.audience
import sync.badges
import sync.filing
import sync.people
import sync.push
import sync.streams
from mapping.claims import MEMBER, Record
from mapping.model import BADGE, MARKETING, WriteKind
from sync.writes import SEGMENT, Write
from tests.laws.mutant import Mutant, patched

_file_facts, _list, _tags = sync.filing.file_facts, sync.badges._list, sync.badges._tags
_plan_badges = sync.badges.plan_badges
_change = sync.push._change


def _another_key(conn: Any, connection: str, told: Any, now: int) -> Any:
    """An event counts by when it was told and not by its own key: told twice, it is filed twice."""
    told = list(told)
    for _, facts in told:
        facts.touchpoints = [touch._replace(key=f"{touch.key} {now}") for touch in facts.touchpoints]
    return _file_facts(conn, connection, told, now)


def _keeps_lists(case: Any, target: Any, record: Record, segment: str, *rest: Any) -> None:
    """Whoever is on a list stays there."""
    if segment in case.segments:
        _list(case, target, record, segment, *rest)


def _keeps_tags(case: Any, target: Any, record: Record, *rest: Any) -> None:
    """Whoever wears a badge keeps it."""
    worn = {segment for segment, title in target.tags.items() if title in (record.known.get("tags") or ())}
    _tags(replace(case, segments=case.segments | worn), target, record, *rest)


def _heeds_nobody(case: Any, target: Any, record: Record, *rest: Any) -> None:
    """What people said of a badge is forgotten."""
    claims = {key: claim for key, claim in record.claims.items() if not key.startswith("tags" + MEMBER + BADGE)}
    _tags(case, target, replace(record, claims=claims), *rest)


def _leaving_unsubscribes(case: Any, targets: Any, writes: Any) -> Any:
    """Whoever loses a badge is taken off the mailing list, too."""
    planned, findings = _plan_badges(case, targets, writes)
    for write in list(planned):
        tags = next((s for s in write.settings if s.name == "tags" and s.rule == SEGMENT), None)
        if tags is not None and set(tags.before or ()) - set(tags.after or ()):
            planned.append(
                Write(WriteKind.OPT_OUT, write.connection, case.id, write.record, write.remote_id, write.address,
                      purpose=MARKETING, why=f"{write.address}: left a segment")
            )  # fmt: skip
    return planned, findings


def _subscribes(write: Any, by_member: str) -> Any:
    """A badge is taken for a sign of interest."""
    tagged = any(setting.rule == SEGMENT for setting in write.settings)
    return replace(_change(write, by_member), subscribed=write.subscribed or tagged)


STREAMS_MUTANTS = (
    Mutant(
        "nothing_is_lost",
        "facts of strangers never come home",
        patched(sync.streams.StreamPuller, "bring_home", lambda self: 0),
        ("stranger", "move"),
        streams=True,
    ),
    Mutant(
        "it_agrees",
        "badges stay on those who left the segment",
        patched(sync.badges, "_tags", _keeps_tags),
        ("call", "delete_call", "delete_call", "change_call", "sync"),
        streams=True,
    ),
    Mutant(
        "it_agrees",
        "badges are shared like other tags",
        patched(mapping.sets, "BADGE", "no such prefix"),
        ("call", "open", "badge_on", "sync"),
        streams=True,
    ),
    Mutant(
        "people_overrule_machines",
        "a badge that somebody took off comes back",
        patched(sync.badges, "_tags", _heeds_nobody),
        ("call", "badge_off", "badge_off", "sync"),
        streams=True,
    ),
    Mutant(
        "why_has_an_answer",
        "who leaves a segment is unsubscribed",
        patched(sync.people, "plan_badges", _leaving_unsubscribes),
        ("call", "delete_call", "delete_call", "change_call", "sync"),
        streams=True,
    ),
    Mutant(
        "nothing_is_lost",
        "what strangers did is dropped",
        patched(mapping.facts.Facts, "singly", lambda self: iter(())),
        ("stranger", "add", "sync"),
        streams=True,
    ),
    Mutant(
        "nothing_is_lost",
        "a deleted call leaves its touchpoints",
        patched(sync.streams, "forget_items", lambda *args, **more: None),
        ("call", "delete_call", "sync"),
        streams=True,
    ),
    Mutant(
        "nothing_is_doubled",
        "an event told twice is filed twice",
        patched(sync.streams, "file_facts", _another_key),
        ("open", "sync"),
        streams=True,
    ),
    Mutant(
        "it_agrees",
        "those who left the segment stay on its list",
        patched(sync.badges, "_list", _keeps_lists),
        ("open", "open", "split", "split", "join", "sync"),
        streams=True,
    ),
    Mutant(
        "it_agrees",
        "nobody is told of who entered or left a segment",
        patched(sync.audience.Audiences, "judge_first", lambda self, *args, **more: None),
        ("call", "open", "delete_call", "sync"),
        streams=True,
    ),
    Mutant(
        "withdrawn_stays_withdrawn",
        "a badge turns a subscription on",
        patched(sync.push, "_change", _subscribes),
        ("call", "open", "leave", "leave", "sync"),
        streams=True,
    ),
    Mutant(
        "derived_is_derived",
        "a call that is deleted concerns nobody",
        patched(sync.filing, "_concerns", lambda conn, records_of: None),
        ("call", "delete_call", "delete_call", "sync"),
        streams=True,
    ),
)
