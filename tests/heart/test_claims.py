"""Claims and pairs: what is somebody's, what is our own echo, and what comes back again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mapping.claims import (
    EVERY,
    MEMBER,
    OPT_OUT,
    Claim,
    ClaimKind,
    Edit,
    Pair,
    Record,
    contested,
    creating,
    first_sight,
    observe,
    wrote,
)
from mapping.model import ConsentSeen, ConsentState, RecordState, Seen, Value
from tests.heart.build import WEEK, added, clear, cut, edit, first, record, removed, showing, was_cut

ULM, FULL = "Ulm", "Adelheid von Winter"


def look(
    before: Record, city: Value, version: str = "v2", modified: int = 200, **more: Any
) -> tuple[Record, tuple[Edit, ...]]:
    """Look again in revision 2, at time 250."""
    seen = Seen("crm-1", {} if city is None else {"city": city}, version=version, modified=modified)
    return observe(before, seen, revision=2, now=250, **more)


def test_first_sight_claims_what_it_shows() -> None:
    """Whatever stands there at first sight is claimed, dated by the record; a blank is no claim."""
    consent = (ConsentSeen("ada@example.org", ConsentState.GRANTED),)
    seen = Seen(
        "7", {"city": ULM}, ("ada@example.org",), "v1", 90, 50, RecordState.ARCHIVED, consent, True, engagement=2.5
    )

    found = first_sight(4, "crm", seen, revision=3, now=100)

    assert found == Record(
        4,
        "crm",
        "7",
        {"city": ULM},
        first=3,
        first_at=90,
        version="v1",
        created=50,
        read_at=100,
        state=RecordState.ARCHIVED,
        addresses=("ada@example.org",),
        consent=consent,
        subscribed=True,
        engagement=2.5,
    )
    assert found.claim("city") == Claim(ULM, 90, 3, ClaimKind.FIRST)
    assert found.claim("phone") is None


@pytest.mark.parametrize(
    ("modified", "expected"),
    [
        pytest.param(90, 90, id="earlier"),
        pytest.param(101, 100, id="later-is-clamped"),
        pytest.param(0, 100, id="none"),
    ],
)
def test_a_time_is_never_later_than_our_look(modified: int, expected: int) -> None:
    """A claim is dated by its platform, but not after we saw it."""
    seen = Seen("7", {"city": ULM}, modified=modified)

    assert first_sight(4, "crm", seen, revision=3, now=100).first_at == expected
    assert observe(record(), seen, revision=2, now=100)[0].claims["city"].at == expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(showing("crm", ULM), first(ULM), id="first-sight-is-implied"),
        pytest.param(showing("crm", None), None, id="blank-at-first-sight"),
        pytest.param(showing("crm", ULM, edit(ULM)), edit(ULM), id="an-edit-is-stored"),
        pytest.param(showing("crm", ULM, pair=Pair(ULM, ULM)), None, id="filled-by-us"),
        pytest.param(
            showing("crm", "Bonn", first(ULM), pair=Pair("Bonn", "Bonn")), first(ULM), id="outlives-our-write"
        ),
    ],
)
def test_the_claim_of_a_record(one: Record, expected: Claim | None) -> None:
    """A claim is what somebody put there; what we put there is none."""
    assert one.claim("city") == expected


@pytest.mark.parametrize(
    ("claim", "joined", "expected"),
    [
        pytest.param(edit(ULM), 1, True, id="edited-since"),
        pytest.param(clear(ULM), 1, True, id="cleared-since"),
        pytest.param(edit(ULM), 2, False, id="edited-before-they-met"),
        pytest.param(cut(ULM, FULL), 1, False, id="edit-of-a-cut"),
        pytest.param(first(ULM, seen=2), 1, False, id="first-sight"),
        pytest.param(None, 1, False, id="nothing"),
    ],
)
def test_edited_since_it_joined(claim: Claim | None, joined: int, expected: bool) -> None:
    """Only what somebody did after the record joined its person counts as an edit."""
    assert showing("crm", ULM, claim, joined=joined).edited("city") is expected


OURS: dict[str, Any] = {"version": "v2", "pushed": "v2", "pushed_names": ("city",)}

NO_EDIT: tuple[Edit, ...] = ()


@pytest.mark.parametrize(
    ("before", "shows", "more", "claims", "edits"),
    [
        pytest.param(showing("crm", ULM), ULM, {}, {}, NO_EDIT, id="nothing-changed"),
        pytest.param(showing("crm", "A\u030a"), "\u00c5", {}, {}, NO_EDIT, id="another-unicode-form"),
        pytest.param(showing("crm", "a\r\nb"), "a\nb", {}, {}, NO_EDIT, id="other-line-ends"),
        pytest.param(
            showing("crm", ULM), "Bonn", {}, {"city": edit("Bonn", was=ULM)}, (Edit("city", ULM, "Bonn"),), id="edited"
        ),
        pytest.param(
            showing("crm", ULM),
            "ulm",
            {},
            {"city": edit("ulm", was=ULM)},
            (Edit("city", ULM, "ulm"),),
            id="case-is-edit",
        ),
        pytest.param(record(), ULM, {}, {"city": edit(ULM)}, (Edit("city", None, ULM),), id="filled-by-somebody"),
        pytest.param(
            showing("crm", ULM), None, {}, {"city": clear(ULM)}, (Edit("city", ULM, None),), id="cleared-by-somebody"
        ),
        pytest.param(
            showing("crm", "Bonn", edit("Bonn", 150), pair=Pair(ULM, ULM)),
            "Kiel",
            {},
            {"city": edit("Kiel", was="Bonn")},
            (Edit("city", "Bonn", "Kiel"),),
            id="edited-again",
        ),
        pytest.param(
            showing("crm", FULL[:6], pair=was_cut(FULL, FULL[:6])),
            "Adelhx",
            {},
            {"city": cut("Adelhx", FULL[:6])},
            (Edit("city", FULL[:6], "Adelhx"),),
            id="edited-a-cut-form",
        ),
        pytest.param(
            showing("crm", FULL[:6], pair=was_cut(FULL, FULL[:6])),
            None,
            {},
            {"city": clear(FULL[:6])},
            (Edit("city", FULL[:6], None),),
            id="cleared-a-cut-form",
        ),
        pytest.param(
            showing("crm", FULL.upper(), pair=Pair(FULL, FULL.upper())),
            "Bo",
            {},
            {"city": edit("Bo", was=FULL.upper())},
            (Edit("city", FULL.upper(), "Bo"),),
            id="another-case-is-not-cut",
        ),
        pytest.param(showing("crm", None), ULM, {"newly_mapped": ("city",)}, {}, NO_EDIT, id="a-field-mapped-just-now"),
        pytest.param(
            showing("crm", ULM, pair=Pair(ULM, ULM), **OURS), "ulm", {}, {}, NO_EDIT, id="rewritten-under-our-stamp"
        ),
        pytest.param(
            showing("crm", ULM, pair=Pair(ULM, ULM), **OURS),
            "ulm",
            {"exact_stamp": False},
            {"city": edit("ulm", was=ULM)},
            (Edit("city", ULM, "ulm"),),
            id="a-coarse-stamp-proves-nothing",
        ),
        pytest.param(
            showing("crm", ULM, pair=Pair(ULM, ULM), **OURS),
            "ulm",
            {"version": "v3"},
            {"city": edit("ulm", was=ULM)},
            (Edit("city", ULM, "ulm"),),
            id="a-later-stamp-is-somebodys",
        ),
        pytest.param(
            showing("crm", ULM, **{**OURS, "pushed_names": ("phone",)}),
            "Bonn",
            {},
            {"city": edit("Bonn", was=ULM)},
            (Edit("city", ULM, "Bonn"),),
            id="a-field-that-our-write-did-not-set",
        ),
        pytest.param(
            record(**{**OURS, "pushed_names": EVERY}), ULM, {}, {}, NO_EDIT, id="a-default-of-a-record-that-we-made"
        ),
        pytest.param(
            record(pushed="", version=""),
            ULM,
            {"version": ""},
            {"city": edit(ULM)},
            (Edit("city", None, ULM),),
            id="no-stamp-is-not-ours",
        ),
    ],
)
def test_looking_again(
    before: Record, shows: Value, more: dict[str, Any], claims: dict[str, Claim], edits: tuple[Edit, ...]
) -> None:
    """A difference is somebody's and makes a claim, unless it is our own write's result; our writes make none."""
    after, found = look(before, shows, **more)

    assert (after.claims, found) == (claims, edits)
    assert after.known == ({} if shows is None else {"city": shows})


def test_what_came_of_our_write_renews_its_pair() -> None:
    """Rewritten under our stamp: the pair remembers what the platform made of it, and nobody edited anything."""
    after, _ = look(showing("crm", ULM, pair=Pair(ULM, ULM), **OURS), "ULM")

    assert after.pairs == {"city": Pair(ULM, "ULM")}


def test_an_edit_leaves_the_pair() -> None:
    """Somebody's edit does not change what we sent nor what came of it."""
    after, _ = look(showing("crm", ULM, pair=Pair(ULM, ULM)), "Bonn")

    assert after.pairs == {"city": Pair(ULM, ULM)}


def test_a_look_takes_over_what_the_platform_says_of_the_record() -> None:
    """State, addresses, consent and standing are as last seen; only the date of birth of a record stays."""
    consent = (ConsentSeen("new@example.org", ConsentState.WITHDRAWN),)
    seen = Seen("crm-1", {}, ("new@example.org",), "v2", 200, 0, RecordState.ARCHIVED, consent, False, engagement=3.0)
    before = record(created=40, subscribed=True)

    after, edits = observe(before, seen, revision=2, now=250)

    assert edits == ()
    assert after == replace(
        before,
        version="v2",
        read_at=250,
        state=RecordState.ARCHIVED,
        addresses=("new@example.org",),
        consent=consent,
        subscribed=False,
        engagement=3.0,
    )
    assert observe(before, replace(seen, created=30), revision=2, now=250)[0].created == 30


def test_an_edit_ends_a_refusal() -> None:
    """What a platform refused may be offered again once somebody changed that field; other fields stay refused."""
    after, _ = look(showing("crm", ULM, refused={"city": "Bonn", "phone": "1", OPT_OUT: "no"}), "Kiel")

    assert after.refused == {"phone": "1", OPT_OUT: "no"}


def test_looking_changes_nothing_in_what_was_remembered() -> None:
    """A record is never edited in place."""
    before = showing("crm", ULM, first(ULM), pair=Pair("Bonn", "Bonn"), refused={"city": "Bonn"})
    look(before, ULM + "!")

    assert before == showing("crm", ULM, first(ULM), pair=Pair("Bonn", "Bonn"), refused={"city": "Bonn"})


@pytest.mark.parametrize(
    ("before", "shows", "claims"),
    [
        pytest.param(["a"], ["a", "b"], {"tags": first(["a"]), **added("b")}, id="added"),
        pytest.param(["a", "b"], ["a"], {"tags": first(["a", "b"]), **removed("b")}, id="removed"),
        pytest.param(["a"], ["b"], {"tags": first(["a"]), **added("b"), **removed("a")}, id="one-for-another"),
        pytest.param(None, ["a"], added("a"), id="the-first-tag"),
        pytest.param(["a"], None, {"tags": first(["a"]), **removed("a")}, id="the-last-tag"),
        pytest.param(["a", "b"], ["b", "a"], {}, id="order-is-nothing"),
    ],
)
def test_members_are_claimed_one_by_one(before: Value, shows: Value, claims: dict[str, Claim]) -> None:
    """Adding one tag and removing another are two claims, so that both count."""
    seen = Seen("crm-1", {} if shows is None else {"tags": shows}, modified=200)

    after, _ = observe(showing("crm", before, name="tags"), seen, revision=2, now=250)

    assert after.claims == claims


def test_a_member_that_comes_back_is_an_addition() -> None:
    """The newest word on a tag stands."""
    before = record(known={"tags": ["a"]}, claims={"tags": first(["a", "b"]), **removed("b", at=150)})

    after, _ = observe(before, Seen("crm-1", {"tags": ["a", "b"]}, modified=200), revision=2, now=250)

    assert after.claims == {"tags": first(["a", "b"]), **added("b")}


@pytest.mark.parametrize(
    ("before", "shows", "returns"),
    [
        pytest.param(showing("crm", "Bonn", first(ULM), pair=Pair("Bonn", "Bonn")), ULM, (250,), id="came-back"),
        pytest.param(
            showing("crm", "Bonn", first(ULM), pair=Pair("Bonn", "Bonn")), "Kiel", None, id="something-else-came"
        ),
        pytest.param(showing("crm", "Bonn", edit(ULM)), ULM, None, id="never-replaced-by-us"),
        pytest.param(showing("crm", "Bonn", pair=Pair("Bonn", "Bonn")), ULM, None, id="nobody-had-claimed-anything"),
        pytest.param(showing("crm", "Bonn", clear(ULM), pair=Pair("Bonn", "Bonn")), None, (250,), id="cleared-again"),
        pytest.param(
            showing("crm", "Bonn", first(ULM), pair=Pair("Bonn", "Bonn"), returns={"city": (10, 20)}),
            ULM,
            (20, 250),
            id="the-last-two-count",
        ),
    ],
)
def test_an_earlier_value_that_comes_back_is_counted(before: Record, shows: Value, returns: object) -> None:
    """Whoever puts back what we had replaced is noticed, with the time of our look."""
    after, _ = look(before, shows)

    assert after.returns.get("city") == returns


def test_a_set_that_comes_back_is_counted() -> None:
    """An automation that keeps restoring its tags is noticed as well."""
    before = showing("crm", ["a"], first(["b"]), name="tags", pair=Pair(["a"], ["a"]))

    after, _ = observe(before, Seen("crm-1", {"tags": ["b"]}, modified=200), revision=2, now=250)

    assert after.returns == {"tags": (250,)}


@pytest.mark.parametrize(
    ("times", "released", "expected"),
    [
        pytest.param((), 0, False, id="never"),
        pytest.param((100,), 0, False, id="once"),
        pytest.param((100, 100 + WEEK), 0, True, id="twice-just-within-the-window"),
        pytest.param((100, 101 + WEEK), 0, False, id="twice-too-far-apart"),
        pytest.param((100, 200), 100, False, id="a-person-decided-between"),
        pytest.param((100, 200), 200, False, id="a-person-decided-since"),
        pytest.param((100, 200), 99, True, id="a-person-decided-before"),
    ],
)
def test_contested(times: tuple[int, ...], released: int, expected: bool) -> None:
    """A field that came back twice within the window is contested, until a person decides."""
    one = record(returns={"city": times})

    assert contested(one, "city", window=WEEK, released=released) is expected
    assert contested(one, "phone", window=WEEK) is False


@pytest.mark.parametrize(
    ("before", "sent", "shown", "claims", "known"),
    [
        pytest.param(showing("crm", None), ULM, ULM, {}, {"city": ULM}, id="a-fill-claims-nothing"),
        pytest.param(
            showing("crm", "Bonn"),
            ULM,
            ULM,
            {"city": first("Bonn")},
            {"city": ULM},
            id="what-stood-there-is-written-down",
        ),
        pytest.param(
            showing("crm", "Bonn", edit("Bonn")), ULM, ULM, {"city": edit("Bonn")}, {"city": ULM}, id="an-edit-stays"
        ),
        pytest.param(
            showing("crm", "Bonn", pair=Pair("Bonn", "Bonn")),
            ULM,
            ULM,
            {},
            {"city": ULM},
            id="our-own-value-is-no-claim",
        ),
        pytest.param(showing("crm", None), ULM, "ULM", {}, {"city": "ULM"}, id="rewritten-at-once"),
        pytest.param(showing("crm", "Bonn"), None, None, {"city": first("Bonn")}, {}, id="cleared-by-us"),
        pytest.param(showing("crm", None), ULM, None, {}, {}, id="swallowed-without-a-word"),
    ],
)
def test_our_own_write(
    before: Record, sent: Value, shown: Value, claims: dict[str, Claim], known: dict[str, Value]
) -> None:
    """A write changes what is known and the pair, and never a claim."""
    after = wrote(before, {"city": sent}, {"city": shown}, version="v9", now=300)

    assert (after.claims, after.known, after.pairs) == (claims, known, {"city": Pair(sent, shown)})
    assert after.claim("city") == before.claim("city")
    assert (after.version, after.pushed, after.pushed_names, after.read_at) == ("v9", "v9", ("city",), 300)


def test_a_write_without_a_stamp_keeps_the_last_version() -> None:
    """Where the answer carries no stamp, the next look can not take anything for ours."""
    after = wrote(record(version="v1", pushed="v0"), {"city": ULM}, {}, version="", now=300)

    assert (after.version, after.pushed) == ("v1", "")


def test_a_write_then_a_look_is_no_edit() -> None:
    """The echo of our own write is nobody's edit, whatever the stamp says."""
    after = wrote(showing("crm", "Bonn"), {"city": ULM}, {"city": "ULM"}, version="v9", now=300)

    _, edits = look(after, "ULM", version="v17", exact_stamp=False)

    assert edits == ()


def test_names_under_which_things_are_remembered() -> None:
    """Members, refused creates and refused opt-outs never collide with a field."""
    assert len({"tags", f"tags{MEMBER}", OPT_OUT, creating("news"), creating("crm")}) == 5
