"""The plan for one person: what each platform should show and does not.

Pure: reads no clock, no store and no network, so equal arguments give equal plans; a dry run, the plan that is shown
and the writes that leave are this same function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mapping.claims import Claim, ClaimKind, Record, contested, creating, leaving
from mapping.consent import left_by_itself, may_mail, standing
from mapping.decisions import Decision, DecisionKind, Policies, Policy, Reference
from mapping.fields import Field
from mapping.leads import lead
from mapping.model import ConsentState, Create, Direction, RecordState, Value, WriteKind
from mapping.sets import members_at, only_badges
from mapping.survivorship import ALWAYS, Choice, Person, Rule
from mapping.values import Kind, blank, canonical, equivalent, same, told
from sync.writes import UNDO, Case, Finding, FindingKind, Setting, Target, Write


def plan_person(
    case: Case, person: Person, targets: Mapping[str, Target], policies: Policies
) -> tuple[list[Write], list[Finding]]:
    """What must be written for one person, and what is left alone and why."""
    desk = _Desk(case, person, policies)
    hands_off = any(decision.kind is DecisionKind.LEAVE_ALONE for decision in case.decisions)
    leads = lead(case.records, case.decisions)
    for record in case.records:
        target = targets.get(record.connection)
        if target is None or record.state is not RecordState.LIVE:
            continue
        desk.opt_out(record, target)
        first = leads[record.connection]
        if first is not record:
            desk.note(FindingKind.DUPLICATE, record, "", f"second record of one person; {first.remote_id} leads")
        elif not hands_off:
            desk.update(record, target)
    if not hands_off and leads:
        source = min(leads.values(), key=lambda record: (not record.addresses, record.connection, record.remote_id))
        for target in targets.values():
            desk.create(source, target)
    for conflict in person.conflicts.values():
        text = " / ".join(told(value) for _, value in conflict.values)
        desk.findings.append(Finding(FindingKind.CONFLICT, "", conflict.values[0][0], conflict.name, text))
    return desk.writes, desk.findings


@dataclass(slots=True)
class _Desk:
    """One person on the desk: what is known of them, and what has been written down so far."""

    case: Case
    person: Person
    policies: Policies
    writes: list[Write] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def note(self, kind: FindingKind, record: Record, name: str, text: str, where: str = "") -> None:
        self.findings.append(Finding(kind, where or record.connection, record.id, name, text))

    def opt_out(self, record: Record, target: Target) -> None:
        """A withdrawal seen anywhere reaches every record that would still be mailed, lead or not: of all its mail, or
        of the purposes that were left one by one."""
        if not record.subscribed or not record.addresses or not self.case.consent:
            return
        first, *rest = target.purposes
        if self._leave(record, target, first):
            return
        for purpose in rest:
            if not left_by_itself(record.consent, purpose):
                self._leave(record, target, purpose)

    def _leave(self, record: Record, target: Target, purpose: str) -> bool:
        """Pass on that somebody left a purpose; whether they did."""
        stands = standing(self.case.consent, record.addresses[0], purpose)
        if stands.state is not ConsentState.WITHDRAWN or stands.fact is None:
            return False
        why = f"{stands.fact.address}: {stands.fact.evidence or 'withdrawn'}"
        refused = record.refused.get(leaving(purpose, target.purposes[0]))
        if target.direction is Direction.READ:
            self.note(FindingKind.HELD, record, "consent", f"opted out elsewhere ({why}), but direction is read")
        elif refused is not None:
            self.note(FindingKind.REFUSED, record, "consent", f"the platform refused the opt-out: {refused}")
        else:
            self._write(WriteKind.OPT_OUT, record, purpose=purpose, why=why)
        return True

    def update(self, record: Record, target: Target) -> None:
        """The fields in which a lead record does not show its person's values."""
        holds = {d.name: d for d in self.case.decisions if d.kind is DecisionKind.HOLD and d.record == record.id}
        made = holds.get("")
        if made is not None and all(claim.seen <= made.revision for claim in record.claims.values()):
            if target.direction is not Direction.READ:
                self._write(WriteKind.ARCHIVE, record, why="undo of a create")
            return
        alone = len(self.case.records) == 1 and not (record.claims or record.pairs or holds)
        rows = () if alone else target.writable if holds else self._differing(record, target)
        settings = [found for row in rows if (found := self._field(record, target, row, holds.get(row.name)))]
        email = self._address(record, target, holds.get("email"))
        settings += [email] if email is not None else []
        if settings:
            why = ", ".join(sorted({f"{setting.name}: {setting.rule}" for setting in settings}))
            address = None if email is None else email.after
            self._write(WriteKind.UPDATE, record, settings=tuple(settings), email=address, why=why)

    def _differing(self, record: Record, target: Target) -> list[Field]:
        """The fields in which a record does not simply show the chosen value: few, of most people."""
        shown = [(row, self.person.choices.get(row.name), record.known.get(row.name)) for row in target.writable]
        return [row for row, c, known in shown if (row.name in record.pairs if c is None else c.value != known)]

    def _write(
        self,
        kind: WriteKind,
        record: Record,
        *,
        why: str,
        settings: tuple[Setting, ...] = (),
        email: str | None = None,
        purpose: str = "",
    ) -> None:
        main = record.addresses[0] if record.addresses else ""
        ids = (record.connection, self.case.id, record.id, record.remote_id, main)
        self.writes.append(Write(kind, *ids, settings, email, purpose, why=why))

    def _field(self, record: Record, target: Target, row: Field, hold: Decision | None) -> Setting | None:
        """What one field of one record needs: a write, or nothing and perhaps a word to a person."""
        name, known, choice = row.name, record.known.get(row.name), self.person.choices.get(row.name)
        if choice is None:
            if name in record.pairs and name not in self.person.conflicts and not only_badges(known):
                self.note(
                    FindingKind.HELD, record, name, "what it was filled from is gone; a blank never wipes a value"
                )
            return None
        decided = choice.since if choice.rule is Rule.KEPT else 0
        if hold is not None and (hold.rejects != choice.source or max(record.touched(name), decided) > hold.revision):
            hold = None  # another claim is chosen by now, somebody edited it here, or decided for it after all
        if hold is None and known is not None and known == choice.value:
            return None  # what is shown there is its own image, by the lens laws
        wanted = members_at(record, name, choice.value) if row.kind is Kind.SET else choice.value
        wanted = wanted if hold is None else hold.value
        image, misfit = row.fitted(wanted)
        problem = self._obstacle(record, target, row, image, choice, hold)
        if misfit and not same(known, wanted) and target.direction is not Direction.READ:
            problem = FindingKind.CANNOT, misfit
        if problem is None:
            return Setting(name, known, image, choice.rule if hold is None else UNDO, choice.source)
        if problem[0] is not None:
            self.note(problem[0], record, name, problem[1])
        return None

    def _obstacle(
        self, record: Record, target: Target, row: Field, image: Value, choice: Choice, hold: Decision | None
    ) -> tuple[FindingKind | None, str] | None:
        """Why a field is left as it is, in words where a person should know; None where it must be written."""
        name, known, pair = row.name, record.known.get(row.name), record.pairs.get(row.name)
        claim = record.claim(name)
        if _shows(record, name, image) or target.direction is Direction.READ:
            return (None, "") if hold is None else (FindingKind.HELD, "undone; held until somebody edits it")
        if name in record.refused and same(record.refused[name], image):
            return FindingKind.REFUSED, f'the platform refused "{told(image)}"'
        if hold is not None:
            return None
        if pair is None and known is not None and equivalent(row.kind, known, image, self.policies.region):
            return None, ""  # not worth a first write
        if claim is not None and claim.kind is ClaimKind.CUT and choice.since <= claim.seen:
            return FindingKind.REVIEW, f'edited a shortened value: "{told(claim.value)}"'
        if contested(record, name, window=self.policies.contested_window, released=self._released(record, name)):
            return FindingKind.CONTESTED, f'keeps coming back to "{told(known)}"'
        if known is None:
            cleared = claim is not None and claim.kind is ClaimKind.CLEAR and choice.since < ALWAYS
            stays = claim is not None and cleared and not _newer(choice, claim)
            return (FindingKind.CLEARED, "cleared there; not refilled") if stays else None
        if row.kind is not Kind.SET and blank(choice.value) and not self.policies.fields.get(name, Policy()).clear:
            return FindingKind.HELD, "a blank never wipes a value"
        if target.direction is Direction.FILL:
            return FindingKind.HELD, "direction is fill"
        ours = pair is not None and same(known, pair.shown)
        if claim is not None and not ours and choice.since <= record.joined and row.kind is not Kind.SET:
            return FindingKind.CONFLICT, f"{told(known)} / {told(choice.value)}"
        if choice.rule is Rule.TRUST and record.edited(name) and not ours:
            text = f"{told(known)}, put back to {told(choice.value)}: the other side is trusted"
            self.note(FindingKind.CONFLICT, record, name, text)
        return None

    def _released(self, record: Record, name: str) -> int:
        """When a person last decided about a field that may be contested."""
        lets_go = (d for d in self.case.decisions if d.kind is DecisionKind.RELEASE and d.record == record.id)
        kept = (d for d in self.case.decisions if d.kind is DecisionKind.KEEP)
        times = [d.at for d in lets_go if d.name in ("", name)] + [d.at for d in kept if d.name == name]
        return max(times, default=0)

    def _address(self, record: Record, target: Target, hold: Decision | None) -> Setting | None:
        """A new address for a record, or the one that an undo gives back."""
        new = self._new_address(record, target)
        row = target.fields.get("email")
        if hold is not None and row is not None and row.writable and (new is None or hold.rejects == new.source):
            known = record.known.get("email")
            lapsed = same(known, hold.value) or record.touched("email") > hold.revision
            new = None if lapsed else Setting("email", known, hold.value, UNDO, hold.rejects)
        if new is not None and (target.direction is not Direction.BOTH or same(record.refused.get("email"), new.after)):
            refused = target.direction is Direction.BOTH
            text = f'the platform refused the address "{told(new.after)}"' if refused else "direction is not both"
            self.note(FindingKind.REFUSED if refused else FindingKind.HELD, record, "email", text)
            return None
        return new

    def _new_address(self, record: Record, target: Target) -> Setting | None:
        """A changed address, where a linked record went from old to new and this one still shows old."""
        row, known = target.fields.get("email"), record.known.get("email")
        said = [(o, o.claims["email"]) for o in self.case.records if o is not record and o.edited("email")]
        shown = canonical(Kind.EMAIL, known) if said else None
        if row is None or not row.writable or target.direction is not Direction.BOTH or shown is None:
            return None
        changed = [
            (claim.at, other.id, claim)
            for other, claim in said
            if canonical(Kind.EMAIL, claim.was) == shown and canonical(Kind.EMAIL, claim.value) not in (None, shown)
        ]
        if not changed:
            return None
        at, source, claim = max(changed, key=lambda found: found[:2])
        own = record.claims.get("email")
        if own is not None and own.at >= at and own.seen > record.joined:
            return None
        released = self._released(record, "email")
        if contested(record, "email", window=self.policies.contested_window, released=released):
            self.note(FindingKind.CONTESTED, record, "email", f'keeps coming back to "{told(known)}"')
            return None
        return Setting("email", known, claim.value, Rule.NEWEST, Reference(source, "email", claim.seen))

    def create(self, source: Record, target: Target) -> None:
        """A record to be made where the person never had one, and only where the connection asks for it."""
        has = any(record.connection == target.name for record in self.case.records)
        if has or target.create is Create.NONE or target.direction is Direction.READ:
            return
        refused = [why for record in self.case.records if (why := record.refused.get(creating(target.name)))]
        reason = refused[0] if refused else self._no_create(source, target)
        if reason:
            kind = FindingKind.REFUSED if refused else FindingKind.HELD
            self.note(kind, source, "", f"not created: {reason}", target.name)
            return
        settings = []
        for row in target.writable:
            choice = self.person.choices.get(row.name)
            image, _ = row.fitted(choice.value) if choice is not None else (None, "")
            if choice is not None and not blank(image):
                settings.append(Setting(row.name, None, image, choice.rule, choice.source))
        ids = (target.name, self.case.id, 0, "", source.addresses[0])
        why = "create = everyone"
        self.writes.append(Write(WriteKind.CREATE, *ids, tuple(settings), subscribed=target.mails, why=why))

    def _no_create(self, source: Record, target: Target) -> str:
        """Why nobody may be created at a platform; nothing where one may."""
        if not source.addresses:
            return "no e-mail address"
        purpose = target.purposes[0]
        if standing(self.case.consent, source.addresses[0], purpose).state is ConsentState.WITHDRAWN:
            return "opted out"
        if target.mails and not may_mail(self.case.consent, source.addresses[0], purpose):
            return "no recorded consent"
        return ""


def _shows(record: Record, name: str, image: object) -> bool:
    """Whether a record shows a value, or what its platform made of exactly that value when we sent it."""
    known, pair = record.known.get(name), record.pairs.get(name)
    return same(known, image) or (pair is not None and same(pair.sent, image) and same(known, pair.shown))


def _newer(choice: Choice, claim: Claim) -> bool:
    """Whether a choice is news beside a claim at a record: a later decision, or a later claim."""
    if choice.rule is Rule.KEPT:
        return choice.since > claim.seen
    return (choice.at, choice.since) > (claim.at, claim.seen)
