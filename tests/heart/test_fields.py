"""Field tables: one table read both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.fields import Field, FieldTable, Way, both, reads
from mapping.model import Value
from mapping.values import Kind, same

PLAIN = both("city", "CITY")
SHORT = both("nick", "NICK", longest=3)
NUMBER = both("visits", "VISITS", Kind.NUMBER, reads=int, writes=str)
ONLY_READ = reads("stage", "STAGE")
DROPPED = both("odd", "ODD", reads=lambda raw: [])


@pytest.mark.parametrize(
    ("row", "value", "written", "image"),
    [
        pytest.param(PLAIN, "Ulm", "Ulm", "Ulm", id="plain"),
        pytest.param(PLAIN, "", None, None, id="blank"),
        pytest.param(PLAIN, " ", None, None, id="only-spaces"),
        pytest.param(SHORT, "Adelheid", "Ade", "Ade", id="cut"),
        pytest.param(SHORT, "Ada", "Ada", "Ada", id="just-fits"),
        pytest.param(SHORT, ["Adelheid"], ["Adelheid"], ["Adelheid"], id="only-texts-are-cut"),
        pytest.param(NUMBER, 5, "5", 5, id="spelled"),
        pytest.param(NUMBER, 0, "0", 0, id="zero-is-a-value"),
        pytest.param(DROPPED, "x", "x", None, id="shown-as-nothing"),
    ],
)
def test_a_row_is_a_lens(row: Field, value: Value, written: Value, image: Value) -> None:
    """What is written, and what the platform is expected to show for it."""
    assert (row.write(value), row.image(value)) == (written, image)


@pytest.mark.parametrize(
    ("row", "raw", "expected"),
    [
        pytest.param(PLAIN, "Ulm", "Ulm", id="plain"),
        pytest.param(PLAIN, "  ", None, id="blank"),
        pytest.param(NUMBER, "5", 5, id="spelled"),
        pytest.param(NUMBER, "", None, id="blank-is-not-spelled"),
        pytest.param(DROPPED, "x", None, id="means-nothing-to-us"),
    ],
)
def test_reading(row: Field, raw: Value, expected: Value) -> None:
    """What a platform shows, in our words; blank is None."""
    assert row.read(raw) == expected


def test_what_makes_no_sense_is_said() -> None:
    """A spelling that cannot be read raises, so that the record can name it."""
    with pytest.raises(ValueError, match="many"):
        NUMBER.read("many")


@given(st.text())
def test_an_image_is_its_own_image(text: str) -> None:
    """What a platform shows of our value, sent back, is shown unchanged: no write is planned for it."""
    image = SHORT.image(text)

    assert same(SHORT.image(image), image)


@pytest.mark.parametrize(
    ("row", "plain", "readable", "writable"),
    [
        pytest.param(PLAIN, True, True, True, id="both"),
        pytest.param(ONLY_READ, True, True, False, id="reads"),
        pytest.param(replace(PLAIN, way=Way.WRITES), True, False, True, id="writes"),
        pytest.param(SHORT, False, True, True, id="cut"),
        pytest.param(replace(PLAIN, reads=str), False, True, True, id="its-own-reading"),
        pytest.param(replace(PLAIN, writes=str), False, True, True, id="its-own-writing"),
    ],
)
def test_ways(row: Field, plain: bool, readable: bool, writable: bool) -> None:
    """Which ways a field's values travel, and whether they pass unchanged."""
    assert (row.plain, row.readable, row.writable) == (plain, readable, writable)


TABLE = FieldTable((PLAIN, SHORT, ONLY_READ))
OTHER = both("city", "TOWN")


@pytest.mark.parametrize(
    ("names", "custom", "expected"),
    [
        pytest.param(None, (), (PLAIN, SHORT, ONLY_READ), id="all"),
        pytest.param(["stage", "city"], (), (PLAIN, ONLY_READ), id="some-in-the-order-of-the-table"),
        pytest.param([], (), (), id="none"),
        pytest.param(["fax"], (), (), id="unknown"),
        pytest.param(None, (OTHER,), (SHORT, ONLY_READ, OTHER), id="one-replaced"),
        pytest.param(["nick"], (NUMBER,), (SHORT, NUMBER), id="one-added"),
        pytest.param([], (OTHER,), (OTHER,), id="only-its-own"),
    ],
)
def test_choosing_rows(names: list[str] | None, custom: tuple[Field, ...], expected: tuple[Field, ...]) -> None:
    """A connection uses the rows that it chose, and its own ones in their place or besides."""
    assert tuple(TABLE.choose(names, custom)) == expected


def test_rows_are_found_by_our_name() -> None:
    """A name stands once in a table."""
    assert (TABLE.get("nick"), TABLE.get("fax")) == (SHORT, None)
    with pytest.raises(ValueError, match="'city' stands twice"):
        FieldTable((PLAIN, OTHER))


@pytest.mark.parametrize(
    ("rows", "stays"),
    [
        pytest.param((ONLY_READ, PLAIN, SHORT), True, id="another-order"),
        pytest.param((replace(PLAIN, label="City"), SHORT, ONLY_READ), True, id="another-label"),
        pytest.param((OTHER, SHORT, ONLY_READ), False, id="another-remote-name"),
        pytest.param((replace(PLAIN, name="town"), SHORT, ONLY_READ), False, id="another-name"),
        pytest.param((replace(PLAIN, kind=Kind.PHONE), SHORT, ONLY_READ), False, id="another-kind"),
        pytest.param((replace(PLAIN, way=Way.READS), SHORT, ONLY_READ), False, id="another-way"),
        pytest.param((PLAIN, replace(SHORT, longest=4), ONLY_READ), False, id="another-length"),
        pytest.param((PLAIN, SHORT), False, id="a-row-less"),
    ],
)
def test_the_fingerprint_of_a_table(rows: tuple[Field, ...], stays: bool) -> None:
    """It changes whenever the meaning of a row may have changed, and only then."""
    assert (FieldTable(rows).fingerprint() == TABLE.fingerprint()) is stays
