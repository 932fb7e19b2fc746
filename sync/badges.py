"""Badges: what segments somebody is in, as tags and lists that platforms show.

Pure. A badge is ours: it comes and goes with the membership, and never touches a subscription. What people do to one
stands: whoever took it off somebody keeps it off, whoever put it on keeps it on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mapping.claims import MEMBER, ClaimKind, Record
from mapping.consent import may_mail
from mapping.decisions import Decision, DecisionKind, Reference
from mapping.leads import lead
from mapping.model import BADGE, ON_LIST, Direction, RecordState, Value, WriteKind
from mapping.values import same
from sync.writes import SEGMENT, UNDO, Case, Finding, FindingKind, Setting, Target, Write

TAGS = "tags"


def plan_badges(
    case: Case, targets: Mapping[str, Target], writes: Sequence[Write]
) -> tuple[list[Write], list[Finding]]:
    """*writes* of one person with what their segments ask for, and what is left alone."""
    planned, findings = list(writes), list[Finding]()
    if any(decision.kind is DecisionKind.LEAVE_ALONE for decision in case.decisions):
        return planned, findings
    leads = lead(case.records, case.decisions)
    for name, target in targets.items():
        record = leads.get(name)
        if record is None or record.state is not RecordState.LIVE or target.direction is Direction.READ:
            continue
        holds = {d.name: d for d in case.decisions if d.kind is DecisionKind.HOLD and d.record == record.id}
        if "" in holds:
            continue  # an undo takes the whole record back
        if target.tags and target.fields.get(TAGS) is None:
            findings.append(Finding(FindingKind.CANNOT, name, record.id, TAGS, "tags are not read there"))
        elif target.tags or any(tag.startswith(BADGE) for tag in record.known.get(TAGS) or ()):
            _tags(case, target, record, holds.get(TAGS), planned, findings)
        for segment, title in target.lists.items():
            hold = holds.get(ON_LIST + title)
            _list(case, target, record, segment, title, hold, planned, findings)
    return planned, findings


def _tags(
    case: Case, target: Target, record: Record, hold: Decision | None, planned: list[Write], findings: list[Finding]
) -> None:
    """The badge tags of one record, in the write that sets its other tags where there is one."""
    place, setting = _setting(planned, record)
    before: list[str] = record.known.get(TAGS) or []
    after = set(setting.after or ()) if setting is not None else set(before)
    badges = {title for segment, title in target.tags.items() if segment in case.segments}
    if hold is not None and record.touched(TAGS) <= hold.revision:
        badges = {tag for tag in hold.value or () if tag.startswith(BADGE)}
    said = {
        key.partition(MEMBER)[2]: claim.kind is ClaimKind.EDIT
        for key, claim in record.claims.items()
        if key.startswith(TAGS + MEMBER + BADGE)
    }
    for tag in sorted(badges):
        if said.get(tag) is False:
            findings.append(_held(record, TAGS, f"{tag!r} was taken off there by hand"))
    badges = {tag for tag in badges if said.get(tag, True)} | {tag for tag, on in said.items() if on and tag in before}
    wanted = sorted({tag for tag in after if not tag.startswith(BADGE)} | badges)
    if same(wanted, sorted(after)) or (not wanted and not after):
        return
    if TAGS in record.refused and same(record.refused[TAGS], wanted):
        findings.append(Finding(FindingKind.REFUSED, record.connection, record.id, TAGS, "the platform refused them"))
        return
    rule = SEGMENT if hold is None else UNDO
    source = setting.source if setting is not None else Reference(record.id, SEGMENT, record.first)
    new = Setting(TAGS, record.known.get(TAGS), wanted, rule if setting is None else setting.rule, source)
    if place < 0:
        planned.append(_write(WriteKind.UPDATE, case, record, new))
        return
    found = planned[place]
    others = tuple(one for one in found.settings if one.name != TAGS)
    planned[place] = msgspec.structs.replace(found, settings=(*others, new), why=f"{found.why}, tags: {rule}")


def _setting(planned: Sequence[Write], record: Record) -> tuple[int, Setting | None]:
    """The update of a record that is planned already, by its place, and its setting of tags."""
    for place, write in enumerate(planned):
        if write.kind is WriteKind.UPDATE and write.record == record.id:
            return place, next((setting for setting in write.settings if setting.name == TAGS), None)
    return -1, None


def _list(
    case: Case,
    target: Target,
    record: Record,
    segment: str,
    title: str,
    hold: Decision | None,
    planned: list[Write],
    findings: list[Finding],
) -> None:
    """One list of one record."""
    name = ON_LIST + title
    known: Value = record.known.get(name)
    wanted: Value = True if segment in case.segments else None
    if hold is not None:
        wanted = hold.value
    if wanted and target.lists_need_consent and not _allowed(case, target, record):
        wanted = None
        findings.append(_held(record, name, "no recorded consent"))
    if target.sees_lists and known and title not in case.listed.get(record.id, frozenset()):
        if wanted:
            findings.append(_held(record, name, "was taken off the list there by hand"))
        return
    if known == wanted:
        return
    if name in record.refused and record.refused[name] == wanted:
        findings.append(Finding(FindingKind.REFUSED, record.connection, record.id, name, "the platform refused it"))
        return
    rule = SEGMENT if hold is None else UNDO
    setting = Setting(name, known, wanted, rule, Reference(record.id, SEGMENT, record.first))
    planned.append(msgspec.structs.replace(_write(WriteKind.LIST, case, record, setting), purpose=title))


def _allowed(case: Case, target: Target, record: Record) -> bool:
    """Whether somebody may be reached at a record's address. Neither a segment nor an undo says so."""
    return bool(record.addresses) and may_mail(case.consent, record.addresses[0], target.purposes[0])


def _write(kind: WriteKind, case: Case, record: Record, setting: Setting) -> Write:
    main = record.addresses[0] if record.addresses else ""
    ids = (record.connection, case.id, record.id, record.remote_id, main)
    return Write(kind, *ids, (setting,), why=f"{setting.name}: {setting.rule}")


def _held(record: Record, name: str, text: str) -> Finding:
    return Finding(FindingKind.HELD, record.connection, record.id, name, text)
