"""The reader of exported files: encodings, separators, bad rows, traps; and what each row says of a person."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Change, Result, Settings
from connectors.errors import Misread
from connectors.files import Files
from connectors.files_forms import HUBSPOT as HUBSPOT_FORM
from connectors.files_forms import MAILCHIMP as MAILCHIMP_FORM
from connectors.files_forms import NoAddress, UnknownForm, suggestion, understand
from connectors.files_open import Source, sources
from connectors.files_text import Row, rows, shape_of
from mapping.model import ConsentState, Seen
from tests.connectors import exports


def source(content: bytes, name: str = "people.csv") -> Source:
    return Source(name, lambda: io.BytesIO(content))


def opened(content: bytes, name: str = "people.csv", renamed: Mapping[str, str] | None = None) -> Files:
    """A connector over one file in memory."""
    return Files({}, Settings(), layouts=[understand(source(content, name), renamed or {})])


def seen(files: Files) -> list[Seen]:
    return [files.decode(raw) for page in files.pages(None) for raw in page.records]


def read(content: bytes) -> list[Row]:
    return list(rows(source(content), shape_of(source(content))))


# ---- writing: encodings, separators, line ends ---------------------------------------------------------------------

TABLE = [
    ["Record ID", "First Name", "Last Name", "Email", "Lifecycle Stage"],
    ["1", "Zoë", "Müller; Söhne, Köln", "zoe@mueller.example", 'says "ja"'],
    ["2", "Jürgen", "Groß\nStr. 5", "j@gross.example", ""],
]


def written(separator: str, end: str = "\r\n") -> str:
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(TABLE)
    return target.getvalue()


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"], ids=["windows", "unix", "mac"])
@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_one_table_is_the_same_however_it_is_written(encoding: str, separator: str, end: str) -> None:
    """
    Every encoding with every separator and line end, with quoted separators, quotes and newlines in cells.
    """
    content = written(separator, end).encode(encoding)
    shape = shape_of(source(content))

    assert list(shape.heading) == TABLE[0]
    assert [list(row.cells) for row in read(content)] == TABLE[1:]


@pytest.mark.parametrize(("encoding", "name"), [("cp1250", "Łukasz Wójcik Ćwikła"), ("cp1251", "Анна Иванова Пекарня")])
def test_other_old_encodings_are_told_apart_where_they_read_clearly_better(encoding: str, name: str) -> None:
    """
    A Polish and a Russian spreadsheet, with enough text to tell.
    """
    lines = [f"{number},{name},a{number}@a.example,Lead" for number in range(40)]
    content = "\n".join(["Record ID,First Name,Email,Lifecycle Stage", *lines]).encode(encoding)

    assert read(content)[0].cells[1] == name


def test_a_hint_of_the_separator_and_blank_lines_are_passed_over() -> None:
    """
    Spreadsheets write `sep=;` above the heading.
    """
    got = read(b"sep=;\r\n\r\nRecord ID;Email;Create Date\r\n1;a@a.example;\r\n;;\r\n2;b@b.example;\r\n")

    assert [(row.number, row.cells[0]) for row in got] == [(4, "1"), (6, "2")]


# ---- bad rows ------------------------------------------------------------------------------------------------------

HEAD = b"Record ID,Email,Lifecycle Stage,Create Date\n"
GOOD = b"1,a@a.example,Lead,\n"
BAD: list[tuple[bytes, str]] = [
    (b"7,b@b.example\n", "it has 2 cells, and the heading 4"),
    (b"7,b@b.example,Lead,,more\n", "it has 5 cells, and the heading 4"),
    (b'7,"b@b.example,Lead,\n', "a quotation mark is opened and never closed"),
    (b'7,"b"@b.example,Lead,\n', "a quotation mark stands in the middle of a cell"),
    (b"7,b@b\0.example,Lead,\n", "column 'Email' holds a NUL character"),
    (b"7,b@b.example,Z\xebe,\n", "column 'Lifecycle Stage' is not written in UTF-8"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_row_costs_no_other(bad: bytes, reason: str) -> None:
    """
    It is refused by number and reason, before the first row, between rows and at the end.
    """
    umlauts = "2,ä@ä.example,Lead,\n".encode()
    for place in range(3):
        lines = [GOOD, umlauts]
        lines.insert(place, bad)
        got = read(HEAD + b"".join(lines))

        assert [row.wrong for row in got if row.wrong] == [reason]
        assert [row.number for row in got if row.wrong] == [place + 2]
        assert [row.cells[0] for row in got if not row.wrong] == ["1", "2"]


def test_a_quotation_mark_that_nobody_closes_loses_only_its_row() -> None:
    """
    Also in a long file, where looking for its end is given up.
    """
    lines = [b"%d,a%d@a.example,Lead,\n" % (number, number) for number in range(2, 1000)]
    got = read(HEAD + b'1,"open,Lead,\n' + b"".join(lines))

    assert [row.number for row in got if row.wrong] == [2]
    assert len(got) == 999


def test_empty_cells_beyond_the_heading_are_nothing() -> None:
    """
    A spreadsheet that was once wider.
    """
    assert read(HEAD + b"1,a@a.example,Lead,,,\n")[0].cells == ("1", "a@a.example", "Lead", "")


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8), min_size=3, max_size=3)),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_whatever_was_written_is_read_back(cells: list[list[str]], separator: str, encoding: str) -> None:
    """
    Any texts, in any encoding of Unicode, with any separator.
    """
    target = io.StringIO(newline="")
    table = [["Record ID", "Email", "Create Date"], *cells]
    csv.writer(target, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(table)
    got = read(target.getvalue().encode(encoding))

    assert [list(row.cells) for row in got] == [row for row in cells if any(map(str.strip, row))]


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_break_the_reader(noise: bytes, after_heading: bool) -> None:
    """
    Whatever stands in a file, it is rows with or without a reason, or a table that is refused.
    """
    content = HEAD + noise if after_heading else noise
    try:
        got = read(content)
    except Misread:
        return

    assert all(bool(row.wrong) != bool(row.cells) for row in got)


# ---- traps ---------------------------------------------------------------------------------------------------------


def test_a_zip_bomb_is_not_opened(tmp_path: Path) -> None:
    """
    What is packed a thousand times over is refused by its stated size.
    """
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("subscribed.csv", bytes(20_000_000))

    with pytest.raises(Misread, match="it may be a trap"):
        sources([path])


def test_a_zip_that_lies_about_its_size_gives_no_more_than_it_said(tmp_path: Path) -> None:
    """
    The stated size is forged: reading stops there.
    """
    path = tmp_path / "liar.zip"
    content = b"Email Address,LEID,EUID,OPTIN_TIME\n" + b"a@a.example,1,e1,\n" * 5000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("subscribed.csv", content)
    forged = path.read_bytes().replace(struct.pack("<L", len(content)), struct.pack("<L", 50))
    path.write_bytes(forged)
    (packed,) = sources([path])

    with pytest.raises(Misread), packed.open() as file:
        file.read()


@pytest.mark.parametrize(
    ("name", "said"), [("people.pdf", "holds no CSV"), ("xl/workbook.xml", "is a spreadsheet")], ids=["pdf", "xlsx"]
)
def test_a_zip_without_tables_is_refused(tmp_path: Path, name: str, said: str) -> None:
    """
    Also a spreadsheet, which is a ZIP too.
    """
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"...")

    with pytest.raises(Misread, match=said):
        sources([path])


def test_a_damaged_zip_is_told_as_such(tmp_path: Path) -> None:
    """
    Half a download, and a wrong byte inside.
    """
    half, wrong = tmp_path / "half.zip", tmp_path / "wrong.zip"
    content = exports.packed(subscribed=exports.SUBSCRIBED)
    half.write_bytes(content[: len(content) // 2])
    wrong.write_bytes(content[:120] + b"\xff\xff\xff" + content[123:])

    with pytest.raises(Misread, match="no whole ZIP"):
        sources([half])
    with pytest.raises(Misread):
        understand(sources([wrong])[0], {})


def test_names_in_a_zip_lead_nowhere(tmp_path: Path) -> None:
    """
    Nothing is unpacked to disk, so a name that climbs out of its folder is only a name.
    """
    path = tmp_path / "in" / "climber.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../subscribed.csv", exports.SUBSCRIBED)
    found = Files({}, Settings(files=(str(path),)))

    assert len(seen(found)) == 5
    assert [one.name for one in tmp_path.rglob("*")] == ["in", "climber.zip"]


# ---- forms ---------------------------------------------------------------------------------------------------------


def test_unknown_tables_say_what_they_have_and_what_was_expected() -> None:
    """
    Another table, another HubSpot export, and one whose address has another name.
    """
    with pytest.raises(UnknownForm, match='"Name", "Town".*Record ID.*Email Address'):
        understand(source(b"Name,Town\nAda,Kiel\n"), {})
    with pytest.raises(UnknownForm, match="deals"):
        understand(source(b"Record ID,Deal Name,Create Date\n1,a,\n"), {})
    with pytest.raises(NoAddress, match='"Email", the e-mail address'):
        understand(source(b"Record ID,Mail,Create Date\n1,a,\n"), {})


@pytest.mark.parametrize(
    ("heading", "meaning"),
    [("E-Mail", "email"), ("Vorname", "given_name"), ("surname", "family_name"), ("Telephone", "phone"), ("Town", "")],
)
def test_the_nearest_known_word_is_offered(heading: str, meaning: str) -> None:
    """
    In a few languages; nothing where nothing is near.
    """
    assert suggestion(HUBSPOT_FORM, heading) == meaning


@pytest.mark.parametrize(
    ("name", "columns", "kind"),
    [
        ("subscribed_members_export_1.csv", "LAST_CHANGED", "subscribed"),
        ("unsubscribed_members_export_1.csv", "UNSUB_TIME", "unsubscribed"),
        ("cleaned_members_export_1.csv", "CLEAN_TIME", "cleaned"),
        ("nonsubscribed_members_export_1.csv", "LAST_CHANGED", "nonsubscribed"),
        ("out.csv", "UNSUB_TIME", "unsubscribed"),
        ("out.csv", "CLEAN_TIME", "cleaned"),
        ("out.csv", "LAST_CHANGED", "subscribed"),
    ],
)
def test_the_kind_of_an_audience_file_is_in_its_name_or_columns(name: str, columns: str, kind: str) -> None:
    """
    Whoever renamed the file left its columns.
    """
    content = f"Email Address,LEID,EUID,{columns}\na@a.example,1,e1,\n".encode()

    assert understand(source(content, name), {}).kind == kind


@pytest.mark.parametrize("name", ["unsubscribed_members_export_1.csv", "cleaned_members_export_1.csv"])
def test_those_who_left_are_never_passed_over_for_want_of_columns(name: str) -> None:
    """
    Somebody kept the address alone: the name that Mailchimp gave the file says whom it holds.
    """
    layout = understand(source(b"Email Address,First Name\na@a.example,Ada\n", name), {})

    assert (layout.form, layout.kind) == (MAILCHIMP_FORM, name.partition("_")[0])


@pytest.mark.parametrize(
    ("cell", "out", "problems"),
    [
        ("true", True, 0),
        ("WAHR", True, 0),
        ("vrai", True, 0),
        ("FALSCH", False, 0),
        ("", False, 0),
        ("vielleicht", False, 1),
    ],
)
def test_an_opt_out_is_read_in_the_words_of_a_spreadsheet(cell: str, out: bool, problems: int) -> None:
    """
    A spreadsheet of another language writes it its own way; what is neither yes nor no is named.
    """
    content = f"Record ID,Email,Create Date,Unsubscribed from all email\n1,a@a.example,,{cell}\n".encode()
    (shown,) = seen(opened(content))

    assert [one.state for one in shown.consent] == ([ConsentState.WITHDRAWN] if out else [])
    assert len(shown.problems) == problems


# ---- what a row says -----------------------------------------------------------------------------------------------


def test_an_audience_is_read_row_by_row(tmp_path: Path) -> None:
    """
    Fields, tags, engagement and consent of the hand-written ZIP; the id is Mailchimp's own.
    """
    _, name = exports.put(tmp_path)
    found = {one.remote_id: one for one in seen(Files({}, Settings(files=(str(tmp_path / name),))))}
    granted, added, left, bounced = found["e1"], found["e2"], found["e7"], found["e8"]

    assert sorted(found) == ["e1", "e2", "e3", "e4", "e6", "e7", "e8"]
    assert granted.fields == {
        "email": "juergen@gross.example",
        "given_name": "Jürgen 🥐",
        "family_name": "Groß",
        "tags": ["Brot", "Gast, lieber"],
    }
    assert (granted.engagement, granted.subscribed, granted.version) == (5.0, True, "2024-01-10 12:00:00")
    assert [(one.state, one.at, one.explicit) for one in granted.consent] == [
        (ConsentState.GRANTED, 1677657900000, True)
    ]
    assert added.consent == ()
    assert [(one.state, one.at) for one in left.consent] == [(ConsentState.WITHDRAWN, 1714933800000)]
    assert "NORMAL" in left.consent[0].evidence
    assert [(one.state, one.at) for one in bounced.consent] == [(ConsentState.UNDELIVERABLE, 1717653600000)]
    assert (left.subscribed, bounced.subscribed) == (False, False)


def test_contacts_are_read_row_by_row() -> None:
    """
    Labels become the names that the API has; an address is one value; each opt-out is a withdrawal without a date.
    """
    heading = (
        "Record ID,Email,Lifecycle Stage,Contact owner,Street Address,City,State/Region,Postal Code,Country/Region,"
        "Additional email addresses,Unsubscribed from all email,Opted out of email: News,Email hard bounce reason,"
        "Marketing emails opened,Marketing emails clicked,Create Date,Last Modified Date"
    )
    row = (
        "5,a@a.example,Marketing Qualified Lead,Jo,Weg 1,Kiel,,24103,Germany,b@a.example;c@a.example,true,Yes,"
        "UNKNOWN_USER,7,2,2024-03-12 09:14,2024-03-13"
    )
    (one,) = seen(opened(f"{heading}\n{row}\n".encode()))

    assert one.fields == {
        "email": "a@a.example",
        "lifecycle": "marketingqualifiedlead",
        "role": "prospect",
        "stage": "consideration",
        "owner": "Jo",
        "address": {"street": "Weg 1", "city": "Kiel", "postcode": "24103", "country": "Germany"},
    }
    assert one.addresses == ("a@a.example", "b@a.example", "c@a.example")
    assert [(c.state, c.at) for c in one.consent] == [
        (ConsentState.WITHDRAWN, 0),
        (ConsentState.WITHDRAWN, 0),
        (ConsentState.UNDELIVERABLE, 0),
    ]
    assert (one.engagement, one.subscribed, one.created, one.modified) == (13.0, False, 1710234840000, 1710288000000)


def test_a_file_that_does_not_say_who_left_says_nothing_about_mail() -> None:
    """
    Without the column nobody is taken for subscribed, and an unticked box is no grant.
    """
    (silent,) = seen(opened(b"Record ID,Email,Create Date\n1,a@a.example,\n"))
    (stays,) = seen(opened(b"Record ID,Email,Unsubscribed from all email\n1,a@a.example,\n"))

    assert (silent.subscribed, silent.consent) == (None, ())
    assert (stays.subscribed, stays.consent) == (True, ())


GRANT = {"OPTIN_TIME": "2023-03-01 08:00:00", "OPTIN_IP": "192.0.2.1"}
GRANT |= {"CONFIRM_TIME": "2023-03-01 08:05:00", "CONFIRM_IP": "192.0.2.1"}


@pytest.mark.parametrize("missing", ["", *GRANT, "kind"])
def test_only_a_persons_own_dated_act_is_a_grant(missing: str) -> None:
    """
    Sign-up and confirmation, both with time and IP, of somebody subscribed. Whoever was imported lacks the sign-up.
    """
    cells = {**GRANT, **({missing: ""} if missing in GRANT else {})}
    name = "nonsubscribed_x.csv" if missing == "kind" else "subscribed_x.csv"
    content = f"Email Address,{','.join(cells)}\na@a.example,{','.join(cells.values())}\n".encode()
    (one,) = seen(opened(content, name))

    assert [c.explicit for c in one.consent] == ([] if missing else [True])


def test_values_that_make_no_sense_are_named_and_left_out() -> None:
    """
    A number that a spreadsheet rounded, a birthday that is none, an address that is none.
    """
    content = b"Email Address,Phone Number,Birthday,LEID,EUID,LAST_CHANGED\nnobody,4.915E+11,13/41,1,e1,\n"
    (one,) = seen(opened(content))

    assert one.fields == {"email": "nobody"}
    assert [problem.partition(":")[0] for problem in one.problems] == ["email", "phone", "birthday"]


def test_a_row_that_stands_twice_is_one_and_another_of_its_id_is_a_second() -> None:
    """
    Word for word it is repeated; otherwise neither is lost.
    """
    files = opened(b"Record ID,Email,Create Date\n1,a@a.example,\n1,a@a.example,\n1,b@b.example,\n,c@c.example,\n")

    assert [one.remote_id for one in seen(files)] == ["1", "1#2", "c@c.example"]
    assert (files.tallies["people.csv"].rows, files.tallies["people.csv"].repeated) == (4, 1)


# ---- the connector -------------------------------------------------------------------------------------------------


def test_the_connector_reads_and_never_writes(tmp_path: Path) -> None:
    """
    Pages are never a proof of absence, a missing id is left out, every write is refused, and no row is writable.
    """
    names = exports.put(tmp_path)
    contacts, audience = (tmp_path / name for name in names)
    contacts.write_text(exports.CONTACTS.replace("E-Mail", "Email"), "utf-8")
    files = Files({}, Settings(), layouts=[understand(one, {}) for one in sources([contacts, audience])])
    pages = list(files.pages(None, full=True))
    refused = [reason for page in pages for reason in page.refused]
    change = [Change("1", {"given_name": "Eve"}, "juergen@gross.example")]

    assert [(page.last, page.complete) for page in pages] == [(True, False)]
    assert len(pages[0].records) == 9 + 7
    assert [where.partition(" of ")[0] for where, _ in refused] == ["row 9", "row 6", "row 7"]
    assert list(files.read(["1", "e7", "nobody"])) == ["1", "e7"]
    assert {name: raw.remote_id for name, raw in files.find(["Lea@Lang.example", "no@no.example"], []).items()} == {
        "Lea@Lang.example": "7"
    }
    for done in (files.update(change), files.create(change), files.archive(change), files.opt_out(change, "marketing")):
        assert [one.result for one in done] == [Result.REFUSED]
    assert [row.name for row in files.fields if row.writable] == []
    assert {field.remote for field in files.remote_fields()} == {"email", "phone"}, "what every table has"
    assert not any(field.writable for field in files.remote_fields())


def test_the_next_export_of_an_unchanged_person_is_the_same_bytes() -> None:
    """
    Another file name, another order of columns and rows, another encoding: nothing to read anew.
    """
    one = opened(b"Record ID,Email,Create Date\n1,a@a.example,\n2,b@b.example,\n")
    other = opened("Email;Create Date;Record ID\nb@b.example;;2\na@a.example;;1\n".encode("utf-16"), "new.csv")
    before, after = ({raw.remote_id: raw.digest for raw in next(files.pages(None)).records} for files in (one, other))

    assert before == after


def test_long_files_come_in_pages() -> None:
    """
    A thousand rows a page, with a total for the progress bar.
    """
    lines = b"".join(b"%d,a%d@a.example,\n" % (number, number) for number in range(2500))
    pages = list(opened(b"Record ID,Email,Create Date\n" + lines).pages(None))

    assert [len(page.records) for page in pages] == [1000, 1000, 500]
    assert [page.last for page in pages] == [False, False, True]
    assert pages[0].total == 2501
