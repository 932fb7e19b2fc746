"""Histories on the real connectors and the sandbox: people edit, clear, tag, leave, come back, move, delete, merge and
erase; calls go wrong, the index lags, platforms rewrite at once or later, runs die and are taken back. Afterwards the
laws hold, judged by what the platforms themselves hold.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from connectors.hubspot_fields import ADDRESS_REMOTE
from mapping.fields import Field
from mapping.model import ConsentState, WriteKind
from mapping.values import canonical
from sandbox.faults import SIMPLE_KINDS
from sandbox.hubspot_state import Contact
from sandbox.mailchimp import LIST
from sandbox.mailchimp_state import Member, show_member
from sandbox.platform import Emulator, Rewrite
from sync.balance import Balance
from sync.store import schema as t
from sync.store import schema_erasure as x
from tests.laws.histories import JUDGES, Played, quiet
from tests.laws.sandboxed import HUBSPOT_TABLE, MAILCHIMP_TABLE, NEWS, Sandboxed, Snapshot
from tests.laws.world import Killed
from tests.laws.world_streams import Op

NAMES = {
    "given_name": ("firstname", "FNAME"),
    "family_name": ("lastname", "LNAME"),
    "phone": ("phone", "PHONE"),
    "company": ("company", "COMPANY"),
    "bread": ("favourite_bread", "BREAD"),
}
FIELDS = tuple(NAMES)
TEXTS = {
    "given_name": ("Ada", "ada", "Adelheid von Winter", "Zoë", "Bo"),
    "family_name": ("Berg", "Berg-Tal", "BERG", "Ø", "von  der  Au"),
    "phone": ("030 123456", "+49 30 123456", "+49 30 999999", "call me", "(030) 77 88 99"),
    "company": ("Bäckerei Ost", "BÄCKEREI OST", "A company with quite a long name", "K&K", "Ölmühle"),
    "bread": ("Rye", "rye ", "Sourdough", "Wheat", "7-corn"),
}
TAGS = ("vip", "cake")
RULES = ("lower", "upper", "trim", "collapse", "cut:8", "phone")
KINDS = (
    *("edit",) * 7,
    *(
        "clear",
        "tag",
        "add",
        "delete",
        "merge",
        "leave",
        "leave",
        "come_back",
        "tick_on",
        "move",
        "move",
        "erase",
        "forget",
    ),
    *(
        "fault",
        "fault",
        "fault",
        "late",
        "rewrite",
        "minutes",
        "sync",
        "sync",
        "sync",
        "kill",
        "kill",
        "undo",
        "settle",
    ),
)
LAWS = (
    "nothing_is_lost",
    "it_settles",
    "derived_is_derived",
    "blank_never_wipes",
    "why_has_an_answer",
    "people_overrule_machines",
)
"""Laws whose judges ask the store only; the others are judged here, by the platforms."""

History = tuple[Op, ...]


class Town(Sandboxed):
    """The town, and what may happen in it. Keeps its own account of who left, and which run could know."""

    agreed: tuple[int, ...] = ()
    forgotten: frozenset[str] = frozenset()  # addresses of whoever asked us to be erased

    def begin(self) -> None:
        """An agreed state."""
        self.populate()
        self.until_quiet()
        for name in FIELDS:
            self._decide("settle", lambda name=name: self.engine.settle(name, "hubspot"))  # type: ignore[misc]
        self.until_quiet()
        self.sim.advance(600)

    def again(self, agreed: Snapshot) -> None:
        """The agreed state once more."""
        self.restore(agreed)
        self.hubspot.late_index = 0.0
        self.hubspot.rewrites, self.mailchimp.rewrites = {}, {}
        self.seen.clear()
        self.withdrawn, self.unseen, self.granted = {}, {}, {}
        self.balances, self.agreed, self.forgotten = [], tuple(self.runs), frozenset()

    # ---- who is there --------------------------------------------------------------------------------------

    def contacts(self) -> list[Contact]:
        return [one for one in self.hubspot.state.contacts.values() if one.archived is None]

    def members(self, audience: str) -> list[Member]:
        return list(self.mailchimp.state.audiences[audience].members.values())

    def _one(self, op: Op) -> Contact | tuple[str, Member] | None:
        """Whom an event is about: a contact, or a member with its audience."""
        if op.place % 3 == 0:
            contacts = self.contacts()
            return contacts[op.person % len(contacts)] if contacts else None
        audience = LIST if op.place % 3 == 1 else NEWS
        members = [one for one in self.members(audience) if one.status != "archived"]
        return (audience, members[op.person % len(members)]) if members else None

    def play(self, history: Sequence[Op]) -> None:  # type: ignore[override]
        """What a platform would not let people do does not happen."""
        for op in history:
            self.seen[op.kind] += 1
            try:
                getattr(self, "_" + op.kind)(op)
            except (ValueError, LookupError):
                self.seen[f"{op.kind} refused"] += 1

    # ---- what people do ------------------------------------------------------------------------------------

    def _write(self, one: Contact | tuple[str, Member], name: str, text: str) -> None:
        theirs, tag = NAMES[name]
        if isinstance(one, Contact):
            self.hubspot.human_update(str(one.id), {theirs: text})
        else:
            self.mailchimp.human_update(one[1].email, {tag: text}, list_id=one[0])

    def _edit(self, op: Op) -> None:
        name, one = FIELDS[op.name % len(FIELDS)], self._one(op)
        if one is not None:
            self._write(one, name, TEXTS[name][op.value % len(TEXTS[name])])

    def _clear(self, op: Op) -> None:
        one = self._one(op)
        if one is not None:
            self._write(one, FIELDS[op.name % len(FIELDS)], "")

    def _tag(self, op: Op) -> None:
        one, tag = self._one(op), TAGS[op.value % len(TAGS)]
        if isinstance(one, Contact):
            had = {part for part in one.props.get("interests", "").split(";") if part}
            self.hubspot.human_update(str(one.id), {"interests": ";".join(sorted(had ^ {tag}))})
        elif one is not None:
            audience, member = one
            known = self.mailchimp.state.audiences[audience].tag_ids.get(tag)
            act = self.mailchimp.human_untag if known in member.tags else self.mailchimp.human_tag
            act(member.email, tag, list_id=audience)

    def _add(self, op: Op) -> None:
        email, name = f"new{op.person % 4}@example.org", TEXTS["given_name"][op.value % 5]
        if op.place % 2:
            self.mailchimp.human_subscribe(email, {"FNAME": name})
            self._came_back(email)
        else:
            self.hubspot.human_create({"email": email, "firstname": name})

    def _delete(self, op: Op) -> None:
        one = self._one(op)
        if isinstance(one, Contact):
            self._unheard(one)
            self.hubspot.human_delete(str(one.id))
        elif one is not None:
            self._unheard(one[1])
            self.mailchimp.human_archive(one[1].email, list_id=one[0])

    def _merge(self, op: Op) -> None:
        contacts = self.contacts()
        keep, lose = contacts[op.person % len(contacts)], contacts[op.value % len(contacts)]
        if keep is not lose:
            self._unheard(keep)
            self._unheard(lose)
            self.hubspot.human_merge(str(keep.id), str(lose.id))

    def _erase(self, op: Op) -> None:
        one = self._one(op)
        if isinstance(one, Contact):
            self._unheard(one)
            self.hubspot.human_erase(str(one.id))
        elif one is not None:
            self._unheard(one[1])
            self.mailchimp.human_delete_permanent(one[1].email, list_id=one[0])

    def _forget(self, op: Op) -> None:
        """Somebody asks us to be erased, wherever we know them."""
        people = sorted(self.people().items())
        person, ids = people[op.person % len(people)]
        held = {row["value"]: row["record"] for row in self.rows(t.identifier) if row["kind"] == "email"}
        mine = {value for value, record in held.items() if record in ids}
        self.forgotten |= mine
        self.unseen = {key: at for key, at in self.unseen.items() if self._email(*key) not in mine}
        self.engine.erase(person)

    def still_known(self) -> list[str]:
        """Records of whoever asked us to be erased that are still there under their address, and their address in the
        store where nobody has it again."""
        wrong = []
        again = {row["value"] for row in self.rows(t.identifier)}
        again |= {one.props.get("email", "").lower() for one in self.contacts()}
        again |= {one.email.lower() for name in (LIST, NEWS) for one in self.members(name)}
        for address in self.forgotten:
            if address not in again:
                told = [table.name for table in t.metadata.sorted_tables if address in str(self.rows(table)).lower()]
                wrong += [f"{address} is known in {name}" for name in told]
        waiting = [row for row in self.rows(x.erased) if row["state"] != "confirmed"]
        return wrong + [f"{row} never confirmed" for row in waiting]

    def _leave(self, op: Op) -> None:
        one = self._one(op)
        if isinstance(one, Contact) and one.props.get("email"):
            self.hubspot.human_opt_out(one.props["email"])
            self.unseen["hubspot", str(one.id)] = self.clock()
        elif isinstance(one, tuple) and one[1].status == "subscribed":
            self.mailchimp.human_unsubscribe(one[1].email, list_id=one[0])
            self.unseen[one[0], one[1].contact_id] = self.clock()

    def _come_back(self, op: Op) -> None:
        """By the form, which Mailchimp confirms with date and address."""
        one = self._one(op)
        if isinstance(one, tuple):
            self._unheard(one[1])
            self.sim.advance(5)
            self.mailchimp.human_subscribe(one[1].email, list_id=one[0])
            self._came_back(one[1].email)

    def _came_back(self, email: str) -> None:
        self.granted[email.lower()] = self.clock()

    def _tick_on(self, op: Op) -> None:
        """A preference that merely reads "subscribed" again."""
        one = self._one(op)
        if isinstance(one, Contact) and one.props.get("email"):
            self._unheard(one)
            self.hubspot.human_opt_in(one.props["email"])

    def _move(self, op: Op) -> None:
        email, one = f"moved{op.value % 3}@example.org", self._one(op)
        if isinstance(one, Contact):
            self._unheard(one)
            self.hubspot.human_update(str(one.id), {"email": email})
        elif one is not None:
            self.mailchimp.human_change_address(one[1].email, email, list_id=one[0])

    def _unheard(self, one: Contact | Member) -> None:
        """What they said last, nobody can know any more."""
        names = ("hubspot",) if isinstance(one, Contact) else (LIST, NEWS)
        for name in names:
            self.unseen.pop((name, str(one.id) if isinstance(one, Contact) else one.contact_id), None)

    # ---- what platforms and machines do --------------------------------------------------------------------

    def _box(self, op: Op) -> Emulator:
        return self.hubspot if op.place % 3 == 0 else self.mailchimp

    def _fault(self, op: Op) -> None:
        kinds = (*sorted(SIMPLE_KINDS), "partial", "partial", "page_shift")
        kind = kinds[op.value % len(kinds)]
        more = {"how": ("repeat", "skip")[op.name % 2]} if kind == "page_shift" else {}
        path = "*" if op.name % 3 else "*batch*" if op.place % 3 == 0 else "*members/*"
        self._box(op).faults.add(kind, path=path, times=1 + op.name % 3, skip=op.person % 3, **more)

    def _late(self, op: Op) -> None:
        self.hubspot.late_index = 60.0 if op.value % 3 else 0.0

    def _rewrite(self, op: Op) -> None:
        """A habit of the platform, for good."""
        name = FIELDS[op.name % len(FIELDS)]
        box, place = self._box(op), NAMES[name][op.place % 3 != 0]
        delay = 300.0 if op.person % 2 else 0.0
        box.rewrites.setdefault(place, Rewrite(RULES[op.value % len(RULES)], delay))

    def _minutes(self, op: Op) -> None:
        self.sim.advance(90 + op.value * 120)

    def _sync(self, op: Op) -> None:
        self.sim.advance(30 + op.person * 20)
        self.sync(full=op.value % 4 == 0)

    def _settle(self, op: Op) -> None:
        name = FIELDS[op.name % len(FIELDS)]
        self._decide("settled", lambda: self.engine.settle(name, self.places[op.place % 3].name))

    def _undo(self, op: Op) -> None:
        """Run, and take back one of the last runs that wrote something; not what made the town agree."""
        self._sync(op)
        wrote = sorted({row["run"] for row in self.rows(t.write) if row["state"] == "applied"} - set(self.agreed))
        if wrote:
            run = wrote[-1 - op.value % min(3, len(wrote))]
            self._decide("undone", lambda: self.balances.append(self.engine.undo(run)))

    def _kill(self, op: Op) -> None:
        self.walked.begin(stop_at=1 + (op.value * 12 + op.person) % 130)
        try:
            self.sync()
        except Killed as killed:
            self.seen["killed"] += 1
            self.seen[f"killed {str(killed).split(' ', 2)[0]}"] += 1
        self.restart()

    def sync(self, *, full: bool = False, dry_run: bool = False) -> Balance:
        balance = super().sync(full=full, dry_run=dry_run)
        for (name, identity), at in list(self.unseen.items()):
            connection = {LIST: "mailchimp", NEWS: "news"}.get(name, name)
            email = self._email(name, identity)
            if connection not in balance.failures and not self.hubspot.state.stale:
                del self.unseen[name, identity]
                if email:
                    self.withdrawn[email] = at
        return balance

    def _email(self, name: str, identity: str) -> str:
        if name == "hubspot":
            contact = self.hubspot.state.contacts.get(int(identity))
            return contact.props.get("email", "") if contact else ""
        member = self.mailchimp.state.audiences[name].find(identity)
        return member.email.lower() if member else ""

    def calm(self) -> None:
        """People and faults stop; what platforms do late, they do now."""
        self.sim.advance(3600)
        for box in (self.hubspot, self.mailchimp):
            box.faults.clear()
            box.do_due(self.sim())
            box.rewrites = {name: Rewrite(rule.rule) for name, rule in box.rewrites.items()}
        self.hubspot.late_index = 0.0

    # ---- what the platforms hold ---------------------------------------------------------------------------

    def disagreements(self) -> list[str]:
        """Fields that show neither the chosen value, nor what their platform makes of it, nor are listed."""
        findings = self.rows(t.finding)
        listed = {(f["person"], f["record"], f["name"]) for f in findings}
        open_fields = {(person, name) for person, _, name in listed}
        second = {f["record"] for f in findings if f["kind"] == "duplicate"}
        chosen = {row["id"]: msgspec.json.decode(row["fields"]) for row in self.rows(t.person)}
        wrong = []
        for record in self.records():
            shown = self._shown(record["connection"], record["remote_id"])
            if record["state"] != "live" or record["id"] in second or shown is None:
                continue
            for row, value in shown:
                wanted = chosen[record["person"]].get(row.name)
                if (record["person"], record["id"], row.name) in listed or self._fits(record, row, value, wanted):
                    continue
                if wanted is None and (value is None or (record["person"], row.name) in open_fields):
                    continue
                wrong.append(f"{record['connection']} {record['remote_id']} {row.name}: {value!r}, not {wanted!r}")
        return wrong

    def _fits(self, record: dict[str, Any], row: Field, value: Any, wanted: Any) -> bool:
        image = row.image(wanted)
        box = self.hubspot if record["connection"] == "hubspot" else self.mailchimp
        rule = box.rewrites.get(row.remote.rpartition(".")[2])
        made = rule.apply(image).strip() if rule and isinstance(image, str) else image
        if value in (wanted, image, made) or (isinstance(value, str) and value.strip() in (wanted, image, made)):
            return True
        return bool(canonical(row.kind, value, "DE") == canonical(row.kind, wanted, "DE"))

    def _shown(self, connection: str, remote_id: str) -> list[tuple[Field, Any]] | None:
        """What a live record shows in the fields that we write, read from the platform's own memory."""
        if connection == "hubspot":
            contact = self.hubspot.state.contacts.get(int(remote_id))
            if contact is None or contact.archived is not None:
                return None
            return [
                (row, row.read(_property(contact, row)))
                for row in HUBSPOT_TABLE
                if row.writable and row.readable and row.name != "email"
            ]
        audience = self.mailchimp.state.audiences[LIST if connection == "mailchimp" else NEWS]
        member = audience.find(remote_id)
        if member is None or member.status == "archived":
            return None
        shown = show_member(audience, member)
        return [
            (row, row.read(shown["merge_fields"].get(row.remote.rpartition(".")[2])))
            for row in MAILCHIMP_TABLE
            if row.writable and row.remote.startswith("merge_fields.")
        ]

    def mailed_although_left(self) -> list[str]:
        """Whom a platform would mail although a run knew that they left, and they did not come back themselves."""
        addresses: dict[int, set[str]] = {}
        for one in self.rows(t.identifier):
            if one["kind"] == "email":
                addresses.setdefault(one["record"], set()).add(one["value"])
        refused = {f["record"] for f in self.rows(t.finding) if f["kind"] == "refused" and f["name"] == "consent"}
        known = {row["id"]: row for row in self.rows(t.record)}
        wrong = []
        for group in self.people().values():
            theirs = set().union(*(addresses.get(record, set()) for record in group))
            left = max((self.withdrawn.get(address, 0) for address in theirs), default=0)
            for record in group if left else ():
                email = self._mailable(known[record]["connection"], known[record]["remote_id"])
                if email and record not in refused and self.granted.get(email, 0) <= left:
                    wrong.append(f"{email} at {known[record]['connection']}")
        return wrong

    def opted_out_for_nothing(self) -> list[str]:
        """Opt-outs of ours that name an address of which the ledger holds no withdrawal."""
        left = {row["address"] for row in self.rows(t.consent) if row["state"] == ConsentState.WITHDRAWN}
        rows = [msgspec.json.decode(one["row"]) for one in self.rows(t.write) if one["kind"] == WriteKind.OPT_OUT]
        told = [row for row in rows if row["why"] != "erased"]
        return [f"{row['remote_id']}: {row['why']}" for row in told if row["why"].partition(":")[0] not in left]

    def _mailable(self, connection: str, remote_id: str) -> str:
        """The address that a platform would mail; nothing where it would not."""
        if connection == "hubspot":
            contact = self.hubspot.state.contacts.get(int(remote_id))
            if contact is None or contact.archived is not None or contact.props.get("hs_email_optout") == "true":
                return ""
            return str(contact.props.get("email", ""))
        member = self.mailchimp.state.audiences[LIST if connection == "mailchimp" else NEWS].find(remote_id)
        return member.email.lower() if member is not None and member.status == "subscribed" else ""


def _property(contact: Contact, row: Field) -> Any:
    if row.remote == ADDRESS_REMOTE:
        return {name: text for name in row.remote.split("+") if (text := contact.props.get(name))}
    return contact.props.get(row.remote)


def breaches(world: Town, agreed: Snapshot, history: History, observed: Counter[str]) -> dict[str, list[str]]:
    """What *history* breaks, by law."""
    world.again(agreed)
    world.play(history)
    world.settle(3)
    last = world.sync()
    before = world.rows(t.person)
    world.engine.rebuild()
    end = Played(world, last, before, world.rows(t.person))
    found = {law: JUDGES[law](end) for law in LAWS}
    found["it_agrees"] = world.disagreements()
    found["withdrawn_stays_withdrawn"] = world.mailed_although_left() + world.mailchimp.resubscribed
    keys = Counter(key for one in world.contacts() if (key := one.props.get("regulars_id")))
    found["nothing_is_doubled"] = [f"{key} {count} times" for key, count in keys.items() if count > 1]
    unknown = [*world.hubspot.refused, *world.mailchimp.refused]
    found["the sandbox understands us"] = unknown
    observed.update(set(world.seen))
    return {law: wrong for law, wrong in found.items() if wrong}


def _history(chance: int) -> History:
    """Three to fourteen events, each kind as likely as `KINDS` has it."""
    dice = random.Random(chance)
    return tuple(Op(dice.choice(KINDS), *(dice.randrange(12) for _ in range(4))) for _ in range(dice.randint(3, 14)))


HISTORIES = st.integers(0, 2**64).map(_history)
"""Drawn by a number, not event by event: Hypothesis likes to repeat itself, and a hundred would lack some kinds."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    opened = Town(tmp_path)
    yield opened
    opened.close()


def _judge(town: Town, examples: int, chance: int) -> Counter[str]:
    town.begin()
    agreed = town.snapshot()
    observed: Counter[str] = Counter()

    @seed(chance)
    @quiet(examples, same_each_time=False)
    @given(history=HISTORIES)
    def judge(history: History) -> None:
        found = breaches(town, agreed, history, observed)
        observed["histories"] += 1

        assert found == {}, history

    judge()
    return observed


def test_histories_on_the_real_connectors_keep_the_laws(town: Town) -> None:
    """A few histories of everything at once break no law."""
    observed = _judge(town, 15, 1)
    print(f"\n{dict(observed)}")

    assert observed["histories"] >= 15


@pytest.mark.long
@pytest.mark.parametrize("shard", range(3))
def test_hundreds_of_histories_on_the_real_connectors(town: Town, shard: int) -> None:
    """Three hundred of them, in which everything that can happen has happened."""
    observed = _judge(town, 100, 100 + shard)
    print(f"\nshard {shard}: {observed['histories']} histories")
    for name, times in sorted(observed.items()):
        print(f"  {name:28} in {times:4} histories")

    assert {kind for kind in KINDS if not observed[kind]} == set()
