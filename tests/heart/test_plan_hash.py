"""The words of a plan, and the hash by which a rehearsal and the real run are compared."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.decisions import Reference
from mapping.fields import FieldTable, Way, both, reads
from mapping.model import Create, Direction, WriteKind
from sync.writes import PlanHash, Setting, Target, Write

CITY = Setting("city", "Bonn", "Ulm", "newest", Reference(1, "city", 2))
ROW = Write(WriteKind.UPDATE, "news", "p_ada", 2, "news-1", "ada@example.org", (CITY,), None, "", False, "city: newest")


def hashed(*rows: Write) -> str:
    total = PlanHash()
    for row in rows:
        total.add(row)
    return total.hexdigest()


OTHERS: dict[str, dict[str, Any]] = {
    "kind": {"kind": WriteKind.CREATE},
    "connection": {"connection": "crm"},
    "person": {"person": "p_bo"},
    "record": {"record": 3},
    "remote-id": {"remote_id": "news-2"},
    "address": {"address": "bo@example.org"},
    "no-settings": {"settings": ()},
    "one-setting-twice": {"settings": (CITY, CITY)},
    "setting-name": {"settings": (CITY._replace(name="town"),)},
    "setting-before": {"settings": (CITY._replace(before=None),)},
    "setting-after": {"settings": (CITY._replace(after="ulm"),)},
    "setting-rule": {"settings": (CITY._replace(rule="trust"),)},
    "setting-source": {"settings": (CITY._replace(source=Reference(1, "city", 3)),)},
    "no-source": {"settings": (CITY._replace(source=None),)},
    "type-of-value": {"settings": (CITY._replace(after=["Ulm"]),)},
    "email": {"email": "new@example.org"},
    "purpose": {"purpose": "marketing"},
    "subscribed": {"subscribed": True},
    "why": {"why": "city: kept"},
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_any_change_of_a_row_changes_the_hash(change: dict[str, Any]) -> None:
    """Whatever a person approves is in the hash."""
    assert hashed(msgspec.structs.replace(ROW, **change)) != hashed(ROW)


def test_every_part_of_a_row_is_covered() -> None:
    """No part of a write is missing from the table above."""
    named = {name for change in OTHERS.values() for name in change}

    assert named == set(Write.__struct_fields__)


ROWS = st.builds(
    Write,
    st.sampled_from(WriteKind),
    st.sampled_from(["crm", "news"]),
    st.sampled_from(["p_ada", "p_bo"]),
    st.integers(0, 3),
    settings=st.lists(
        st.builds(Setting, st.sampled_from(["city", "tags"]), st.none(), st.text(max_size=2), st.just("only")),
        max_size=2,
    ).map(tuple),
)


@given(st.lists(ROWS, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_nothing(rows: list[Write], chance: Any) -> None:
    """People may be visited in any order, in any number of pages."""
    other = list(rows)
    chance.shuffle(other)

    assert hashed(*other) == hashed(*rows)


@given(st.lists(ROWS, max_size=6), ROWS)
def test_one_row_more_is_another_plan(rows: list[Write], more: Write) -> None:
    """A row added changes the hash, the same one for the second time too."""
    assert hashed(*rows, more) != hashed(*rows)


def test_the_order_of_an_addresss_parts_is_nothing() -> None:
    """Values that are one are hashed as one."""
    one, two = ({"street": "A 1", "city": "Ulm"}, {"city": "Ulm", "street": "A 1"})
    rows = [msgspec.structs.replace(ROW, settings=(CITY._replace(after=value),)) for value in (one, two)]

    assert hashed(rows[0]) == hashed(rows[1])


def test_an_empty_plan_has_a_hash() -> None:
    """Nothing to do is a plan as well, and the hash has its full length."""
    assert PlanHash().hexdigest() == "0" * 32
    assert len(hashed(ROW)) == 32


def test_adding_a_row_counts_and_encodes_it() -> None:
    """The encoded row is what is spooled, and reads back as the same write."""
    total = PlanHash()

    encoded = total.add(ROW)

    assert (total.count, msgspec.json.decode(encoded, type=Write)) == (1, ROW)


def test_a_row_with_a_word_too_many_is_refused() -> None:
    """A plan read from a file says only what a write may say."""
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"kind":"create","connection":"news","person":"p","force":true}', type=Write)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param(WriteKind.OPT_OUT, False, id="opt-out"),
        pytest.param(WriteKind.UPDATE, True, id="update"),
        pytest.param(WriteKind.CREATE, True, id="create"),
        pytest.param(WriteKind.ARCHIVE, False, id="archive"),
    ],
)
def test_what_can_be_taken_back(kind: WriteKind, expected: bool) -> None:
    """Opt-outs and archivings are shown as irreversible before anybody approves them."""
    assert Write(kind, "news", "p_ada").reversible is expected


def test_what_the_plan_may_write_at_a_connection() -> None:
    """Fields that travel both ways, the address aside: it is changed by its own rule."""
    city, only_read = both("city", "city"), reads("stage", "stage")
    only_written = both("note", "note")
    only_written = type(only_written)("note", "note", way=Way.WRITES)
    table = FieldTable((both("email", "email"), city, only_read, only_written))

    made = Target.of("news", table, Direction.BOTH, Create.EVERYONE, True)

    assert made == Target("news", table, Direction.BOTH, Create.EVERYONE, True, (city,))
    assert (Target("news", table).direction, Target("news", table).create) == (Direction.READ, Create.NONE)
