"""Exported files as a connection: which are chosen, when they are read again, and what proves that somebody is gone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors import platform
from connectors.base import Cursor, Page, Settings
from connectors.errors import ConnectionFailure, Later, Misread
from connectors.files import Files
from mapping.fields import FieldTable
from tests.connectors import exports

HEAD = "Record ID,First Name,Email,Create Date\n"
ROWS = "1,Ada,ada@a.example,\n2,Bo,bo@b.example,\n"
FIELDS = FieldTable(tuple(row for row in Files.table if row.name in ("email", "given_name")))


def opened(*paths: Path, whole: bool = False, fields: FieldTable | None = FIELDS) -> Files:
    return Files({}, Settings(files=tuple(map(str, paths)), whole=whole, fields=fields))


def put(path: Path, text: str = HEAD + ROWS, age: int = 0) -> Path:
    """A file, *age* seconds older than the youngest that a test writes."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    os.utime(path, (2_000_000_000 - age,) * 2)
    return path


def audience(folder: Path, name: str, *, age: int = 0, **texts: str) -> Path:
    path = folder / name
    path.write_bytes(exports.packed(**texts))
    os.utime(path, (2_000_000_000 - age,) * 2)
    return path


def ids(pages: list[Page]) -> list[str]:
    return [raw.remote_id for page in pages for raw in page.records]


def pulled(files: Files, cursor: Cursor | None = None, **more: Any) -> tuple[list[str], Page]:
    """What came, and the last page."""
    pages = list(files.pages(cursor, **more))
    return ids(pages), pages[-1]


# ---- read again -----------------------------------------------------------------------------------------------------


def test_a_file_is_read_again_when_a_byte_of_it_changed(tmp_path: Path) -> None:
    """
    Not when it was merely touched or renamed back; and always when everything is asked for.
    """
    path = put(tmp_path / "contacts.csv")
    files = opened(path)
    first, end = pulled(files)
    os.utime(path)
    touched, _ = pulled(files, end.cursor)
    put(path, HEAD + ROWS.replace("Bo,", "Bob,"))
    changed, _ = pulled(files, end.cursor)

    assert first == changed == ["1", "2"]
    assert touched == []
    assert pulled(files, end.cursor, full=True)[0] == ["1", "2"]


def test_the_cursor_proves_what_was_read(tmp_path: Path) -> None:
    """
    Name, size, the hash that `sha256sum` gives, and rows.
    """
    path = put(tmp_path / "contacts.csv", HEAD + ROWS + "3,broken\n")
    _, end = pulled(opened(path))

    expected = ["contacts.csv", path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest(), 3]

    assert end.cursor == {"do": "done", "whole": False, "columns": {}, "files": [expected]}


def test_a_file_that_changes_while_it_is_read_proves_nothing(tmp_path: Path) -> None:
    """
    Somebody is still writing it: the pull ends with a sentence, before its last page.
    """
    path = put(tmp_path / "contacts.csv", HEAD + "".join(f"{n},A,a{n}@a.example,\n" for n in range(1500)))
    pages = opened(path).pages(None)
    first = next(pages)
    with path.open("a") as file:
        file.write("9999,Z,z@z.example,\n")

    assert len(first.records) == 1000
    with pytest.raises(Later, match=r"contacts\.csv was changed while it was read .* Run it again"):
        list(pages)


@pytest.mark.parametrize("text", [HEAD, HEAD + "1,broken\n", HEAD + ",Nobody,,\n"])
def test_a_file_without_people_is_refused(tmp_path: Path, text: str) -> None:
    """
    Emptied, or cut off: file and row are named, and what was read before stays.
    """
    with pytest.raises(Misread, match=r"contacts\.csv holds nobody: below its heading, row 1"):
        pulled(opened(put(tmp_path / "contacts.csv", text)))


def test_an_emptied_file_of_no_bytes_is_refused(tmp_path: Path) -> None:
    """
    When it is opened.
    """
    with pytest.raises(Misread, match=r"contacts\.csv is empty"):
        opened(put(tmp_path / "contacts.csv", "")).check()


# ---- who is gone ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True])
def test_who_is_missing_is_gone_only_where_each_export_is_whole(tmp_path: Path, whole: bool) -> None:
    """
    Otherwise a missing person is no answer at all.
    """
    files = opened(put(tmp_path / "contacts.csv"), whole=whole)
    _, end = pulled(files)

    assert end.complete is whole
    assert files.read(["1", "9"]) == {"1": files.read(["1"])["1"], **({"9": None} if whole else {})}


def test_a_row_that_cannot_be_read_may_be_anybody(tmp_path: Path) -> None:
    """
    With one of them, a whole export proves nobody gone.
    """
    files = opened(put(tmp_path / "contacts.csv", HEAD + ROWS + "3,broken\n"), whole=True)
    _, end = pulled(files)

    assert not end.complete
    assert files.read(["9"]) == {}


def test_what_goes_on_after_a_break_is_read_once_more(tmp_path: Path) -> None:
    """
    Only a reading in one piece can prove that somebody is missing.
    """
    files = opened(put(tmp_path / "contacts.csv"), whole=True)
    _, end = pulled(files, {"do": "list"})
    again, whole = pulled(files, end.cursor)

    assert again == ["1", "2"]
    assert pulled(files, whole.cursor)[0] == []


def test_saying_what_a_renamed_column_is_has_them_read_again(tmp_path: Path) -> None:
    """
    The same bytes mean more now, and the field has its column.
    """
    path = put(tmp_path / "contacts.csv", (HEAD + ROWS).replace("First Name", "Vorname"))
    settings = Settings(files=(str(path),), fields=FieldTable(tuple(row for row in FIELDS if row.name == "email")))
    _, end = pulled(Files({}, settings))
    said = Files({}, Settings(files=(str(path),), fields=FIELDS, columns={"Vorname": "given_name"}))
    said.check()
    page = next(said.pages(end.cursor))

    assert [said.decode(raw).fields["given_name"] for raw in page.records] == ["Ada", "Bo"]


def test_saying_that_exports_are_whole_has_them_read_again(tmp_path: Path) -> None:
    """
    The same bytes mean more now.
    """
    path = put(tmp_path / "contacts.csv")
    _, end = pulled(opened(path))

    assert pulled(opened(path, whole=True), end.cursor)[0] == ["1", "2"]


# ---- which files ----------------------------------------------------------------------------------------------------


def test_of_a_folder_the_newest_export_counts(tmp_path: Path) -> None:
    """
    Older ones, other exports, hidden files and half a download lie there unread.
    """
    put(tmp_path / "january.csv", HEAD + "1,Old,old@a.example,\n", age=99)
    put(tmp_path / "march.csv", age=5)
    put(tmp_path / "deals.csv", "Record ID,Deal Name,Create Date\n1,a,\n", age=1)
    put(tmp_path / ".march.csv", "no export")
    put(tmp_path / "april.csv.part", "no export")
    files = opened(tmp_path)

    assert files.check().name == "march.csv"
    assert pulled(files)[0] == ["1", "2"]


def test_the_next_export_in_a_folder_is_found_by_the_next_run(tmp_path: Path) -> None:
    """
    Without anybody telling.
    """
    put(tmp_path / "march.csv", age=5)
    files = opened(tmp_path)
    files.check()
    _, end = pulled(files)
    put(tmp_path / "april.csv", HEAD + ROWS + "3,Cy,cy@c.example,\n")
    files.check()

    assert pulled(files, end.cursor)[0] == ["1", "2", "3"]


def test_of_an_unpacked_audience_the_newest_of_each_kind_counts(tmp_path: Path) -> None:
    """
    A ZIP that is newer than all of them takes the place of all.
    """
    put(tmp_path / "subscribed_old.csv", exports.SUBSCRIBED, age=9)
    put(tmp_path / "subscribed_new.csv", exports.SUBSCRIBED.replace("ida@oez", "ida2@oez"), age=8)
    put(tmp_path / "cleaned.csv", exports.CLEANED, age=20)
    loose = [export.path.name for export in opened(tmp_path).exports]
    audience(tmp_path, "all.zip", subscribed=exports.SUBSCRIBED, unsubscribed=exports.UNSUBSCRIBED)
    packed = [export.path.name for export in opened(tmp_path).exports]

    assert loose == ["subscribed_new.csv", "cleaned.csv"]
    assert packed == ["all.zip"]


def test_two_platforms_exports_are_two_connections(tmp_path: Path) -> None:
    """
    Named together, or lying in one folder; a run that only reads the newest need not look at the others.
    """
    folder = tmp_path / "exports"
    contacts = put(folder / "contacts.csv", age=5)
    zipped = audience(folder, "audience.zip", age=9, subscribed=exports.SUBSCRIBED)

    with pytest.raises(Misread, match=r"contacts\.csv is of HubSpot, and audience\.zip of Mailchimp"):
        opened(contacts, zipped).check()
    with pytest.raises(Misread, match="in its own folder"):
        opened(folder).check(rights=True)
    assert opened(folder).check().id == "HubSpot"


MISSING: Mapping[str, tuple[str, str]] = {
    "an empty folder": ("empty", r"holds no export \(\.csv, \.tsv, \.txt, \.zip\)"),
    "no such file": ("nowhere.csv", "There is no file"),
    "something else": ("other.csv", "is no export that Regulars knows"),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_cannot_be_opened_is_named(tmp_path: Path, case: str) -> None:
    """
    With what was expected there.
    """
    name, said = MISSING[case]
    (tmp_path / "empty").mkdir()
    put(tmp_path / "other.csv", "Name,Town\nAda,Kiel\n")

    with pytest.raises(ConnectionFailure, match=said):
        opened(tmp_path / name).check()


# ---- columns --------------------------------------------------------------------------------------------------------


def test_a_column_that_is_missing_is_no_cleared_field(tmp_path: Path) -> None:
    """
    An export of a view with fewer columns is refused, by file, row and heading, and nothing of it is read.
    """
    path = put(tmp_path / "contacts.csv", "Record ID,Email,Create Date\n1,ada@a.example,\n")

    with pytest.raises(Misread, match=r'contacts\.csv, row 1: there is no column "First Name".*take "given_name" out'):
        opened(path).check()


def test_a_connection_says_which_fields_it_reads(tmp_path: Path) -> None:
    """
    Else a column that comes or goes would mean something by itself. To look what there is, none need be said.
    """
    files = opened(put(tmp_path / "contacts.csv"), fields=None)

    assert {field.remote for field in files.remote_fields()} == {"email", "given_name"}
    assert files.check(rights=True).may == ("contacts.csv: HubSpot, UTF-8, commas.",)
    with pytest.raises(Misread, match="does not say which fields"):
        files.check()


def test_roles_follow_from_the_lifecycle_column(tmp_path: Path) -> None:
    """
    They have no column of their own, and are offered with it.
    """
    files = opened(put(tmp_path / "contacts.csv", "Record ID,Email,Lifecycle Stage\n1,ada@a.example,Lead\n"))

    assert {field.row.name for field in files.remote_fields() if field.row} == {"email", "lifecycle", "role", "stage"}


def test_files_need_no_credential_and_are_in_the_catalogue() -> None:
    """
    Nothing is asked for, and nothing could be written.
    """
    entry = platform("files")

    assert entry.files
    assert entry.connector.reads_only
    assert [option for options in entry.asks.values() for option in options] == []
