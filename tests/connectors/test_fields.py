"""The field tables obey the lens laws, and what a platform lacks is declared."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors import CATALOGUE, codecs, platform
from connectors.hubspot_fields import ADDRESS, row_for
from connectors.mailchimp_fields import row_for as merge_row_for
from mapping.countries import country_code
from mapping.fields import Codec, Field
from mapping.values import Kind

text = st.text(min_size=1, max_size=30).filter(lambda found: not found.isspace())
days = st.dates(min_value=date(1970, 1, 2), max_value=date(2100, 1, 1)).map(date.isoformat)
PARTS = ("street", "city", "region", "postcode", "country")


def in_our_form(address: dict[str, str]) -> dict[str, str]:
    """A country that is one stands as its code."""
    country = address.get("country", "")
    return {**address, "country": country_code(country) or country} if country else address


VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.ADDRESS: st.dictionaries(st.sampled_from(PARTS), text, min_size=1).map(in_our_form)
    | st.fixed_dictionaries(dict.fromkeys(PARTS[:4], text) | {"country": st.sampled_from(("DE", "FR", "JP"))}),
    Kind.BIRTHDAY: st.dates().map(lambda day: day.isoformat()[5:]),
    Kind.DATE: days,
    Kind.PHONE: text | st.from_regex(r"\+[1-9][0-9]{7,13}", fullmatch=True),
    Kind.NUMBER: st.integers(-(10**12), 10**12) | st.floats(-1e6, 1e6, allow_nan=False),
    Kind.FLAG: st.booleans(),
    Kind.SET: st.sets(st.text("abc xyz", min_size=1).map(str.strip).filter(bool), min_size=1).map(sorted),
}
CUSTOM = [
    row
    for row in (
        row_for("bread", "Bread", "enumeration", "checkbox", False),
        row_for("visits", "Visits", "number", "number", False),
        row_for("since", "Since", "date", "date", False),
        row_for("vip", "VIP", "bool", "booleancheckbox", False),
        merge_row_for("SINCE", "Since", "date"),
        merge_row_for("VISITS", "Visits", "number"),
        merge_row_for("DAY", "Day", "birthday"),
        merge_row_for("SECOND", "Second home", "address"),
    )
    if row is not None
]
ROWS = [(p.name, row) for p in CATALOGUE for row in p.connector.table if row.way == "both"]
ROWS += [("custom", row) for row in CUSTOM]


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=[f"{name}-{row.name}" for name, row in ROWS])
@given(data=st.data())
def test_reading_back_what_we_wrote_gives_the_same_value(row: Field, data: st.DataObject) -> None:
    """read(write(x)) == x for a value in our form, and what the platform then shows is written as it is shown."""
    value = data.draw(VALUES.get(row.kind, text))
    assume(row.fits is None or not row.fits(value))
    shown = row.write(value)

    assert row.read(shown) == value
    assert row.write(row.read(shown)) == shown


@given(st.dictionaries(st.sampled_from(["street", "street2"]), text, min_size=2))
def test_two_street_lines_become_one_and_stay_so(value: dict[str, str]) -> None:
    """HubSpot has one line: the image is stable, though it is not what we sent."""
    row = platform("hubspot").connector.table.by_name["address"]
    image = row.image(value)

    assert row.image(image) == image
    assert image == {"street": f"{value['street']}, {value['street2']}"}


def test_an_address_is_written_whole() -> None:
    """Every part goes, blank where ours is blank: no street of one house with the town of another."""
    row = platform("hubspot").connector.table.by_name["address"]

    assert row.write({"city": "York"}) == {**dict.fromkeys(ADDRESS.values(), ""), "city": "York"}


@pytest.mark.parametrize("broken", ["13-45", "00/00", "yes", "2020-02-31x", "02/30"])
def test_a_broken_birthday_is_no_value(broken: str) -> None:
    """A day that is none raises, so that the field is left out and named."""
    row = platform("mailchimp").connector.table.by_name["birthday"]

    with pytest.raises(ValueError, match="no birthday|no day"):
        row.read(broken)


SENSELESS: tuple[tuple[Codec, Any, str], ...] = (
    (codecs.read_number, "three", '"three" is no number (expected digits, as in 12 or 12.5)'),
    (codecs.read_number, "1e999", '"1e999" is no number (expected digits, as in 12 or 12.5)'),
    (codecs.read_flag, "Maybe", '"Maybe" is neither yes nor no (expected true or false)'),
    (codecs.read_date, "2026-13-45", '"2026-13-45" is no date (expected year-month-day, as in 2026-03-31)'),
    (codecs.write_date, "soon", '"soon" is no date (expected year-month-day, as in 2026-03-31)'),
    (codecs.read_date, "9" * 5000, f'"{"9" * 39}…" is no date (expected year-month-day, as in 2026-03-31)'),
    (codecs.month_day, "02/30", '"02/30" is no day of the year (expected month-day, as in 03-31)'),
    (codecs.slash_day, "in May", '"in May" is no birthday (expected month-day, as in 03-31)'),
    (codecs.write_choices, ["rye", "a;b"], '"a;b" is no single choice there (expected one without a semicolon)'),
    (
        codecs.read_parts(ADDRESS),
        "Main St",
        '"Main St" is no postal address (expected street, city and postcode, each by itself)',
    ),
)


@pytest.mark.parametrize(("codec", "value", "text"), SENSELESS, ids=lambda part: str(part)[:12])
def test_a_value_that_makes_no_sense_is_named_with_what_was_expected(codec: Codec, value: Any, text: str) -> None:
    """The text reaches people, in findings and in problems: it says so in their words, and at no great length."""
    with pytest.raises(ValueError, match="expected") as caught:
        codec(value)

    assert str(caught.value) == text


def test_each_word_of_the_model_is_carried_or_declared() -> None:
    """A field that one platform has, another has too or says why not; one that names nobody says just that."""
    words = {row.name for entry in CATALOGUE for row in entry.connector.table}

    missing = {
        entry.name: words - set(entry.connector.table.by_name) - set(entry.connector.cannot)
        for entry in CATALOGUE
        if "people" not in entry.connector.cannot
    }

    assert not any(missing.values()), missing
