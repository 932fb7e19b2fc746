"""The plan beyond single fields: opt-outs, creates, undone creates, changed addresses."""

from __future__ import annotations

from typing import Any

import pytest

from mapping.claims import OPT_OUT, Claim, Pair, Record, creating
from mapping.consent import Fact
from mapping.decisions import Decision, DecisionKind, Policies, Policy, Reference
from mapping.fields import FieldTable, reads
from mapping.model import MARKETING, ConsentState, Create, Direction, RecordState, WriteKind
from mapping.values import Kind
from sync.writes import Finding, FindingKind, Setting, Write
from tests.heart.build import (
    ADA,
    TABLE,
    added,
    bounced,
    clear,
    edit,
    first,
    granted,
    hold,
    left,
    lines,
    planned,
    record,
    rules,
    showing,
    target,
)

READ, FILL, BOTH = Direction
OLD, NEW, THIRD = "old@example.org", "new@example.org", "third@example.org"
ALONE = Decision(DecisionKind.LEAVE_ALONE, 1, 500, 5)
SOURCE = Reference(1, "email", 2)
NOTHING: list[str] = []


def mailed(**more: Any) -> Record:
    """A record that its platform would mail."""
    return record("news", **{"addresses": (ADA, OLD), "subscribed": True, **more})


OUT = [f"news opt_out {ADA}"]
HELD = ["news consent: held"]


@pytest.mark.parametrize(
    ("one", "facts", "way", "decisions", "expected"),
    [
        pytest.param(mailed(), [left()], BOTH, [], OUT, id="left"),
        pytest.param(mailed(), [left()], FILL, [], OUT, id="direction-fill-still-opts-out"),
        pytest.param(mailed(), [left()], READ, [], HELD, id="direction-read-lists-it"),
        pytest.param(mailed(), [left(OLD)], BOTH, [], OUT, id="left-at-another-address"),
        pytest.param(mailed(), [left()], BOTH, [ALONE], OUT, id="leave-alone-still-opts-out"),
        pytest.param(mailed(), [], BOTH, [], NOTHING, id="nothing-is-known"),
        pytest.param(mailed(), [granted()], BOTH, [], NOTHING, id="granted"),
        pytest.param(mailed(), [left(), granted(at=301)], BOTH, [], NOTHING, id="came-back"),
        pytest.param(
            mailed(addresses=(ADA.upper(),)), [left(), granted(at=301)], BOTH, [], NOTHING, id="came-back-spelled-so"
        ),
        pytest.param(mailed(), [left(), granted(at=301, explicit=False)], BOTH, [], OUT, id="ticked-back-on"),
        pytest.param(mailed(), [bounced()], BOTH, [], NOTHING, id="bounced-is-nobodys-wish"),
        pytest.param(
            mailed(), [Fact(ADA, "events", ConsentState.WITHDRAWN, 300)], BOTH, [], NOTHING, id="left-another-purpose"
        ),
        pytest.param(mailed(subscribed=False), [left()], BOTH, [], NOTHING, id="not-mailed-anyway"),
        pytest.param(mailed(subscribed=None), [left()], BOTH, [], NOTHING, id="a-platform-that-does-not-mail"),
        pytest.param(mailed(addresses=()), [left()], BOTH, [], NOTHING, id="no-address-to-mail"),
        pytest.param(mailed(state=RecordState.ARCHIVED), [left()], BOTH, [], NOTHING, id="put-away"),
        pytest.param(mailed(refused={OPT_OUT: "no"}), [left()], BOTH, [], ["news consent: refused"], id="refused"),
        pytest.param(mailed(refused={OPT_OUT: "no"}), [left()], READ, [], HELD, id="refused-and-now-only-read"),
    ],
)
def test_opt_outs(
    one: Record, facts: list[Fact], way: Direction, decisions: list[Decision], expected: list[str]
) -> None:
    """A withdrawal seen anywhere reaches every record that would still be mailed, or is listed."""
    assert lines(planned([record("crm"), one], decisions, facts, targets=[target(direction=way)])) == expected


def test_an_opt_out_reaches_every_record_of_the_person() -> None:
    """Lead or not, on whatever platform."""
    two = [mailed(engagement=1.0), mailed(id=4, remote_id="news-2")]
    three = [*two, record("shop", addresses=(OLD,), subscribed=True)]

    writes, _ = planned(three, (), [left()], targets=[target(), target("shop")])

    assert [(write.connection, write.remote_id, write.address) for write in writes] == [
        ("news", "news-1", ADA),
        ("news", "news-2", ADA),
        ("shop", "shop-1", OLD),
    ]


@pytest.mark.parametrize(
    ("fact", "why"),
    [
        pytest.param(left(OLD, evidence="clicked unsubscribe"), f"{OLD}: clicked unsubscribe", id="with-evidence"),
        pytest.param(left(), f"{ADA}: withdrawn", id="without"),
    ],
)
def test_an_opt_out_says_what_it_rests_on(fact: Fact, why: str) -> None:
    """The address that left and the evidence; and it cannot be taken back."""
    writes, _ = planned([mailed()], (), [fact])

    assert writes == [
        Write(WriteKind.OPT_OUT, "news", "p_ada", 2, "news-1", ADA, purpose=MARKETING, why=why),
    ]
    assert not writes[0].reversible


def test_what_holds_an_opt_out_is_said() -> None:
    """Why an opt-out did not leave, in words."""
    _, held = planned([mailed()], (), [left()], targets=[target(direction=READ)])
    _, refused = planned([mailed(refused={OPT_OUT: "compliance"})], (), [left()])

    assert held == [
        Finding(
            FindingKind.HELD,
            "news",
            2,
            "consent",
            f"opted out elsewhere ({ADA}: withdrawn), but direction is read",
        )
    ]
    assert refused == [
        Finding(FindingKind.REFUSED, "news", 2, "consent", "the platform refused the opt-out: compliance")
    ]


EVERYONE = Create.EVERYONE
MADE = [f"news create {ADA} city: None -> 'Ulm' (only)"]


def source(**more: Any) -> Record:
    return record("crm", {"city": "Ulm"}, **{"addresses": (ADA,), **more})


@pytest.mark.parametrize(
    ("records", "facts", "decisions", "platform", "expected"),
    [
        pytest.param([source()], [], [], target(create=EVERYONE), MADE, id="a-platform-that-does-not-mail"),
        pytest.param([source()], [], [], target(create=EVERYONE, direction=FILL), MADE, id="direction-fill"),
        pytest.param([source()], [], [], target(create=EVERYONE, direction=READ), NOTHING, id="direction-read"),
        pytest.param([source()], [], [], target(), NOTHING, id="nobody-asked-for-creates"),
        pytest.param([source()], [granted()], [], target(create=EVERYONE, mails=True), MADE, id="newsletter-granted"),
        pytest.param(
            [source()], [], [], target(create=EVERYONE, mails=True), ["news : held"], id="newsletter-without-consent"
        ),
        pytest.param(
            [source()],
            [granted(explicit=False)],
            [],
            target(create=EVERYONE, mails=True),
            ["news : held"],
            id="newsletter-with-a-mere-status",
        ),
        pytest.param(
            [source()],
            [granted(OLD)],
            [],
            target(create=EVERYONE, mails=True),
            ["news : held"],
            id="newsletter-granted-at-another-address",
        ),
        pytest.param(
            [source()],
            [granted(), bounced()],
            [],
            target(create=EVERYONE, mails=True),
            ["news : held"],
            id="newsletter-undeliverable",
        ),
        pytest.param([source()], [left()], [], target(create=EVERYONE), ["news : held"], id="opted-out"),
        pytest.param([source()], [left(OLD)], [], target(create=EVERYONE), ["news : held"], id="opted-out-elsewhere"),
        pytest.param([source(addresses=())], [], [], target(create=EVERYONE), ["news : held"], id="no-address"),
        pytest.param([source()], [], [ALONE], target(create=EVERYONE), NOTHING, id="leave-alone"),
        pytest.param(
            [source(), record("news")],
            [],
            [],
            target(create=EVERYONE),
            ["news city: None -> 'Ulm' (only)"],
            id="is-there",
        ),
        pytest.param(
            [source(), record("news", state=RecordState.GONE)],
            [],
            [],
            target(create=EVERYONE),
            NOTHING,
            id="deleted-there-is-never-recreated",
        ),
        pytest.param(
            [source(), record("news", state=RecordState.ARCHIVED)],
            [],
            [],
            target(create=EVERYONE),
            NOTHING,
            id="undone-there-is-never-recreated",
        ),
        pytest.param(
            [source(state=RecordState.GONE)],
            [],
            [],
            target(create=EVERYONE),
            NOTHING,
            id="nobody-is-left-to-make-it-from",
        ),
        pytest.param(
            [source(refused={creating("news"): "blocked"})],
            [],
            [],
            target(create=EVERYONE),
            ["news : refused"],
            id="refused-by-the-platform",
        ),
        pytest.param(
            [source(refused={creating("news"): "blocked"})],
            [left()],
            [],
            target(create=EVERYONE),
            ["news : refused"],
            id="refused-goes-before-other-reasons",
        ),
        pytest.param(
            [source(refused={creating("shop"): "blocked"})],
            [],
            [],
            target(create=EVERYONE),
            MADE,
            id="refused-elsewhere",
        ),
    ],
)
def test_creates(
    records: list[Record],
    facts: list[Fact],
    decisions: list[Decision],
    platform: Any,
    expected: list[str],
) -> None:
    """Who is made where: only where it was asked for, once, and for a newsletter only with recorded consent."""
    assert lines(planned(records, decisions, facts, targets=[platform])) == expected


def test_a_create_sets_what_is_known_and_fits() -> None:
    """A new record gets the chosen values as that platform spells them; what is open or does not fit is left out."""
    here = record(
        "crm",
        {"city": "Ulm", "nick": "Adelheid", "address": {"city": "Ulm"}, "phone": "1", "stage": "lead", "tags": ["b"]},
        addresses=(ADA, OLD),
    )
    there = showing("shop", "2", name="phone")

    writes, findings = planned([here, there], (), [granted()], targets=[target(create=EVERYONE, mails=True)])

    assert writes == [
        Write(
            WriteKind.CREATE,
            "news",
            "p_ada",
            address=ADA,
            settings=(
                Setting("city", None, "Ulm", "only", Reference(1, "city", 1)),
                Setting("nick", None, "Adelhe", "only", Reference(1, "nick", 1)),
                Setting("tags", None, ["b"], "union", Reference(1, "tags", 1)),
            ),
            subscribed=True,
            why="create = everyone",
        )
    ]
    assert writes[0].reversible
    assert [one.name for one in findings if one.kind is FindingKind.CONFLICT] == ["phone"]


def test_a_create_uses_the_address_that_there_is() -> None:
    """A record without an address does not keep its person from being made under another record's address."""
    two = [record("crm", {"city": "Ulm"}), record("shop", addresses=(ADA,))]

    assert lines(planned(two, targets=[target(create=EVERYONE)])) == MADE


def test_a_create_sets_no_blanks() -> None:
    """A field that somebody cleared for good is left out of a new record."""
    policies = rules(fields={"city": Policy(clear=True)})
    here = record("crm", claims={"city": clear("Ulm")}, addresses=(ADA,))

    assert lines(planned([here], targets=[target(create=EVERYONE)], policies=policies)) == [f"news create {ADA}"]


@pytest.mark.parametrize(
    ("records", "facts", "mails", "reason"),
    [
        pytest.param([source(addresses=())], [], True, "no e-mail address", id="no-address"),
        pytest.param([source()], [left()], True, "opted out", id="opted-out"),
        pytest.param([source()], [], True, "no recorded consent", id="no-consent"),
    ],
)
def test_why_nobody_was_created(records: list[Record], facts: list[Fact], mails: bool, reason: str) -> None:
    """The reason is said, under the record that it would have been made from."""
    _, findings = planned(records, (), facts, targets=[target(create=EVERYONE, mails=mails)])

    assert findings == [Finding(FindingKind.HELD, "news", 1, "", f"not created: {reason}")]


def test_creates_of_one_person_come_from_one_record() -> None:
    """The record that a create is made from does not depend on the order in which records came."""
    two = [source(), record("shop", addresses=(OLD,))]
    plans = [planned(order, targets=[target(create=EVERYONE)]) for order in (two, two[::-1])]

    assert [write.address for write in plans[0][0]] == [ADA]
    assert plans[0] == plans[1]


MADE_HOLD = hold(None, Reference(0, "", 0), name="")
AWAY = [f"news archive {ADA}"]


@pytest.mark.parametrize(
    ("claims", "way", "expected"),
    [
        pytest.param({}, BOTH, AWAY, id="undone"),
        pytest.param({}, FILL, AWAY, id="undone-where-blanks-are-filled"),
        pytest.param({}, READ, NOTHING, id="undone-where-nothing-is-written"),
        pytest.param({"city": edit("Ulm", seen=5)}, BOTH, AWAY, id="edited-before"),
        pytest.param({"city": first("Ulm", seen=5)}, BOTH, AWAY, id="a-default-of-the-platform"),
    ],
)
def test_undo_of_a_create(claims: dict[str, Claim], way: Direction, expected: list[str]) -> None:
    """A record that we made and a person took back is put away, once, and gets nothing more."""
    made = record("news", addresses=(ADA,), claims=claims)

    plan = planned([source(), made], [MADE_HOLD], targets=[target(direction=way)])

    assert lines(plan) == expected
    assert all((write.why, write.reversible) == ("undo of a create", False) for write in plan[0])


@pytest.mark.parametrize("claims", [{"city": edit("Kiel", seen=6)}, added("vip", seen=6)], ids=["field", "tag"])
def test_a_record_that_somebody_worked_on_is_not_put_away(claims: dict[str, Claim]) -> None:
    """An edit beats the undo of a create."""
    made = record("news", {"city": "Kiel"}, addresses=(ADA,), claims=claims)

    writes, _ = planned([source(), made], [MADE_HOLD])

    assert [write for write in writes if write.kind is WriteKind.ARCHIVE] == []


def moved(to: str | None, was: str = OLD, at: int = 200, seen: int = 2, *, where: str = "crm", **more: Any) -> Record:
    """A record, at `crm` unless said otherwise, where an address was changed."""
    known = {} if to is None else {"email": to}
    claim = edit(to, at, seen, was) if to is not None else clear(was, at, seen)
    return record(where, known, claims={"email": claim}, **more)


def at_old(shown: str | None = OLD, **more: Any) -> Record:
    """`news`, which still shows the old address."""
    return record("news", {} if shown is None else {"email": shown}, addresses=(OLD,), **more)


def changed(after: str = NEW, before: str = OLD, rule: str = "newest") -> list[str]:
    return [f"news email: {before!r} -> {after!r} ({rule})"]


ONLY_READ = FieldTable((reads("email", "email", Kind.EMAIL),))
NO_EMAIL = FieldTable(tuple(row for row in TABLE if row.name != "email"))
OTHER = moved(THIRD, at=300, seen=3, where="shop")


@pytest.mark.parametrize(
    ("records", "decisions", "platform", "expected"),
    [
        pytest.param([moved(NEW), at_old()], [], target(), changed(), id="changed"),
        pytest.param(
            [moved(NEW), at_old(OLD.upper())], [], target(), changed(before=OLD.upper()), id="in-another-case"
        ),
        pytest.param([moved(NEW), at_old()], [], target(direction=FILL), NOTHING, id="direction-fill"),
        pytest.param([moved(NEW), at_old()], [], target(direction=READ), NOTHING, id="direction-read"),
        pytest.param([moved(NEW), at_old()], [], target(fields=NO_EMAIL), NOTHING, id="no-address-field"),
        pytest.param([moved(NEW), at_old()], [], target(fields=ONLY_READ), NOTHING, id="an-address-that-is-only-read"),
        pytest.param([moved(NEW), at_old()], [ALONE], target(), NOTHING, id="leave-alone"),
        pytest.param([moved(NEW), at_old(NEW)], [], target(), NOTHING, id="shows-the-new-one"),
        pytest.param([moved(NEW), at_old(THIRD)], [], target(), NOTHING, id="shows-a-third-one"),
        pytest.param([moved(NEW), at_old(None)], [], target(), NOTHING, id="shows-none"),
        pytest.param([moved(NEW, was="none"), at_old(None)], [], target(), NOTHING, id="added-here-shows-none"),
        pytest.param([moved(NEW), at_old("no address")], [], target(), NOTHING, id="shows-no-address"),
        pytest.param([moved(OLD.upper()), at_old()], [], target(), NOTHING, id="only-another-case"),
        pytest.param([moved("no address"), at_old()], [], target(), NOTHING, id="changed-to-no-address"),
        pytest.param([moved(None), at_old()], [], target(), NOTHING, id="cleared-is-not-spread"),
        pytest.param([moved(NEW, joined=2), at_old()], [], target(), NOTHING, id="changed-before-they-met"),
        pytest.param(
            [record("crm", {"email": NEW}), at_old()], [], target(), NOTHING, id="two-addresses-from-the-start"
        ),
        pytest.param([at_old(claims={"email": edit(OLD, was=THIRD)})], [], target(), NOTHING, id="alone"),
        pytest.param(
            [moved(NEW), at_old(claims={"email": edit(OLD, at=250, seen=3, was=NEW)})],
            [],
            target(),
            NOTHING,
            id="changed-back-there-later",
        ),
        pytest.param(
            [moved(NEW), at_old(claims={"email": edit(OLD, at=200, was=THIRD)})],
            [],
            target(),
            NOTHING,
            id="changed-there-at-the-same-time",
        ),
        pytest.param(
            [moved(NEW), at_old(claims={"email": edit(OLD, at=150, was=THIRD)})],
            [],
            target(),
            changed(),
            id="changed-there-earlier",
        ),
        pytest.param(
            [moved(NEW), at_old(claims={"email": edit(OLD, at=250, seen=1, was=THIRD)})],
            [],
            target(),
            changed(),
            id="changed-there-before-they-met",
        ),
        pytest.param([moved(NEW), at_old(), OTHER], [], target(), changed(THIRD), id="changed-twice-the-later-counts"),
        pytest.param([OTHER, at_old(), moved(NEW)], [], target(), changed(THIRD), id="in-whatever-order"),
        pytest.param(
            [moved(NEW), at_old(returns={"email": (10, 20)})],
            [],
            target(),
            ["news email: contested"],
            id="contested-is-not-written",
        ),
        pytest.param([moved(NEW), at_old(refused={"email": NEW})], [], target(), ["news email: refused"], id="refused"),
        pytest.param([moved(NEW), at_old(refused={"email": THIRD})], [], target(), changed(), id="another-was-refused"),
        pytest.param(
            [moved(NEW), at_old(NEW)],
            [hold(OLD, SOURCE, name="email")],
            target(),
            changed(OLD, NEW, "undo"),
            id="undone",
        ),
        pytest.param(
            [moved(NEW), at_old()], [hold(OLD, SOURCE, name="email")], target(), NOTHING, id="undone-and-held"
        ),
        pytest.param(
            [moved(THIRD, at=600, seen=7), at_old()],
            [hold(OLD, SOURCE, name="email")],
            target(),
            changed(THIRD),
            id="undone-then-changed-again",
        ),
        pytest.param(
            [moved(NEW), at_old(THIRD, claims={"email": edit(THIRD, 600, 7, NEW)})],
            [hold(OLD, SOURCE, name="email")],
            target(),
            NOTHING,
            id="undone-then-changed-there",
        ),
        pytest.param(
            [moved(NEW), at_old(NEW, claims={"email": edit(NEW, 150, 2, THIRD)})],
            [hold(OLD, SOURCE, name="email")],
            target(),
            changed(OLD, NEW, "undo"),
            id="undone-what-was-changed-there-before",
        ),
        pytest.param(
            [moved(NEW), at_old(NEW)],
            [hold(OLD, SOURCE, name="email")],
            target(direction=READ),
            ["news email: held"],
            id="undone-where-nothing-is-written",
        ),
        pytest.param(
            [moved(NEW), at_old(NEW)],
            [hold(OLD, SOURCE, name="email")],
            target(direction=FILL),
            ["news email: held"],
            id="undone-where-blanks-are-filled",
        ),
        pytest.param(
            [moved(NEW), at_old(NEW, refused={"email": OLD})],
            [hold(OLD, SOURCE, name="email")],
            target(),
            ["news email: refused"],
            id="undone-but-refused",
        ),
    ],
)
def test_addresses(records: list[Record], decisions: list[Decision], platform: Any, expected: list[str]) -> None:
    """An address changes only where a linked record went from old to new and this one still shows old."""
    assert lines(planned(records, decisions, targets=[platform])) == expected


def test_an_address_travels_with_the_fields() -> None:
    """One write per record, which names both the new address and the one by which the platform knows the record."""
    here = moved(NEW)
    here.known["city"] = "Ulm"

    writes, _ = planned([here, at_old()])

    assert writes == [
        Write(
            WriteKind.UPDATE,
            "news",
            "p_ada",
            2,
            "news-1",
            OLD,
            (
                Setting("city", None, "Ulm", "only", Reference(1, "city", 1)),
                Setting("email", OLD, NEW, "newest", SOURCE),
            ),
            email=NEW,
            why="city: only, email: newest",
        )
    ]


def test_a_refused_address_says_which() -> None:
    """The finding names the address that the platform would not take."""
    _, findings = planned([moved(NEW), at_old(refused={"email": NEW})])

    assert findings == [Finding(FindingKind.REFUSED, "news", 2, "email", f'the platform refused the address "{NEW}"')]


def test_a_contested_address_says_to_which_it_comes_back() -> None:
    """The finding names the address that stands there."""
    _, findings = planned([moved(NEW), at_old(returns={"email": (10, 20)})])

    assert findings == [Finding(FindingKind.CONTESTED, "news", 2, "email", f'keeps coming back to "{OLD}"')]


def test_an_address_is_never_chosen_like_a_value() -> None:
    """Two records with two addresses are no conflict: identifiers accumulate."""
    pair = {"email": Pair(OLD, OLD)}
    policies: Policies = rules(fields={"email": Policy(trust=("crm",))})

    assert planned([record("crm", {"email": NEW}), at_old(pairs=pair)], policies=policies) == ([], [])
