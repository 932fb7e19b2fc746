"""What the kit makes of records: consent, fields of one's own, posts as campaigns, many written in one call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from flask import Flask, jsonify, request

from connectors import kit
from connectors.auth import Bearer
from connectors.http import Http, WsgiTransport
from connectors.leaving import shows
from mapping.fields import FieldTable, both
from mapping.model import ConsentState
from mapping.values import Kind

# -- consent ----------------------------------------------------------------------------------------------------

BLACKLISTED = kit.Says("off", "off ({why})", why="why", when="at", unless=("why", "bounce"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"off": True, "why": "spam", "at": "2026-01-02T00:00:00Z"}, [("off (spam)", 1_767_312_000_000)]),
        ({"off": True}, [("off (no reason given)", 0)]),
        ({"off": True, "why": "bounce"}, []),
        ({"off": False}, []),
        ({}, []),
    ],
)
def test_a_mark_says_that_somebody_left_and_when(body: Mapping[str, Any], said: Sequence[tuple[str, int]]) -> None:
    """With the reason that stands beside it; a reason that is nobody's wish makes it none."""
    found = list(BLACKLISTED.read(body, "ada@example.org"))

    assert [(one.evidence, one.at) for one in found] == said
    assert {one.state for one in found} <= {ConsentState.WITHDRAWN}


def test_of_a_list_each_entry_is_a_mark() -> None:
    """A status among several counts where it is one of those that are named."""
    lists = kit.Says("left", "left list {value}")
    status = kit.Says("status", "status {value}", ("unsubscribed", "cleaned"))

    assert [one.evidence for one in lists.read({"left": [3, 5]}, "a@b.c")] == ["left list 3", "left list 5"]
    assert [one.evidence for one in status.read({"status": "cleaned"}, "a@b.c")] == ["status cleaned"]
    assert list(status.read({"status": "subscribed"}, "a@b.c")) == []


def test_a_write_is_believed_where_the_record_shows_it() -> None:
    """A platform may answer well and change nothing."""
    assert shows({"status": "unsubscribed", "more": 1}, {"status": "unsubscribed"})
    assert not shows({"status": "subscribed"}, {"status": "unsubscribed"})


# -- fields of one's own ----------------------------------------------------------------------------------------

TABLE = FieldTable((both("email", "email", Kind.EMAIL), both("given_name", "own.FIRST", Kind.NAME, label="First")))
ENTRIES: list[dict[str, object]] = [
    {"name": "FIRST", "type": "text"},
    {"name": "Born", "type": "date", "title": "Born on"},
    {"name": "SHAPE", "type": "polygon"},
    {"name": "SUM", "type": "text", "computed": True},
]


def described(*, whole: bool, entries: Sequence[Mapping[str, Any]] = ENTRIES) -> dict[str, Kind | None]:
    listing = kit.Collection("/fields", "", kit.Whole())
    kinds = {"text": Kind.TEXT, "date": Kind.DATE}
    own = kit.OwnFields(listing, "own.", kinds, label="title", counts=lambda one: "computed" not in one, whole=whole)
    return {one.remote: one.row.kind if one.row else None for one in own.described(entries, TABLE)}


def test_own_fields_are_offered_beside_the_usual_ones() -> None:
    """One of a type that cannot be carried is shown; what is computed is none. The table's own row is kept."""
    assert described(whole=False) == {
        "email": Kind.EMAIL,
        "own.FIRST": Kind.NAME,
        "own.Born": Kind.DATE,
        "own.SHAPE": None,
    }


def test_a_usual_field_that_the_account_lacks_is_not_there() -> None:
    """Where the description is whole; what stands outside of it is always there."""
    assert set(described(whole=True, entries=[])) == {"email"}
    assert set(described(whole=False, entries=[])) == {"email", "own.FIRST"}


# -- posts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "title"),
    [
        ({"text": "Rye at seven.\nCome early!"}, "Rye at seven."),
        ({"text": " Rye \t at  seven. ", "network": "x"}, "x: Rye at seven."),
        ({"text": "", "network": "x"}, "x: Post"),
        ({"headline": "Rye", "text": "Long words"}, "Rye"),
        ({}, "Post"),
        ({"text": "r" * 200}, "r" * 79 + "…"),
    ],
)
def test_a_post_is_called_by_its_first_line(item: Mapping[str, Any], title: str) -> None:
    """Short, on one line, with the network before it."""
    read = kit.Published("headline|text", "sent|due", network="network")

    (found,) = read({"id": 7, "due": "2026-01-02T00:00:00Z", **item}).campaigns

    assert (found.remote_id, found.title, found.at) == ("7", title, 1_767_312_000_000)


def test_figures_are_whole_numbers_and_what_is_missing_is_not_zero() -> None:
    """Rates follow from them; a name within another's space is the last word of it."""
    item = {"id": 1, "likes": 3, "metrics": {"lifetime.reach": 40.0, "rate": 0.125, "seen": True, "shares": None}}

    by_path = kit.Published("text", "at", {"likes": "likes", "comments": "comments"})(item)
    within = kit.Published("text", "at", "metrics")(item)

    assert by_path.campaigns[0].figures == {"likes": 3}
    assert within.campaigns[0].figures == {"reach": 40}


# -- many in one call -------------------------------------------------------------------------------------------


class Many:
    """A platform that changes three at a time, and fails whoever is called Bo; with an odd id it refuses the call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.app = Flask("many")
        self.app.add_url_rule("/batch", view_func=self.batch, methods=["POST"])

    def batch(self) -> Any:
        records = request.get_json()["records"]
        self.calls.append(f"{len(records)} together")
        if any(one["number"] == 13 for one in records):
            return jsonify(message="no"), 400
        return {"failed": [one["number"] for one in records if one.get("name") == "Bo"]}

    def alone(self, change: kit.Change) -> kit.Outcome:
        self.calls.append(f"{change.remote_id} alone")
        refused = change.values.get("name") == "Bo"
        return kit.Outcome(kit.Result.REFUSED if refused else kit.Result.APPLIED, change.remote_id)

    def sent(self, changes: Sequence[kit.Change]) -> list[kit.Outcome]:
        auth, wire = Bearer("sandbox-many"), WsgiTransport(self.app)
        http = Http(platform="Many", base_url="http://127.0.0.1:9", auth=auth, transport=wire)
        together = kit.Together("/batch", "records", "failed", 3, "number", int)
        return together.sent(http, changes, lambda change: dict(change.values), self.alone, 1)


def test_who_failed_among_many_is_sent_alone_to_learn_why() -> None:
    """Everybody has an outcome, in order; the others are not sent twice."""
    many = Many()
    names = ["Ada", "Bo", "Cy", "Di"]

    done = many.sent([kit.Change(str(n), {"name": name}) for n, name in enumerate(names, 1)])

    assert [(one.remote_id, str(one.result)) for one in done] == [
        ("1", "applied"), ("2", "refused"), ("3", "applied"), ("4", "applied"),
    ]  # fmt: skip
    assert many.calls == ["3 together", "2 alone", "1 together"]


def test_one_who_makes_a_call_be_refused_costs_the_others_nothing() -> None:
    """They go one by one. A new address never goes along."""
    many = Many()

    done = many.sent([kit.Change("13"), kit.Change("14"), kit.Change("15", email="new@example.org")])

    assert [str(one.result) for one in done] == ["applied"] * 3
    assert many.calls == ["2 together", "13 alone", "14 alone", "15 alone"]


# -- bodies of webhooks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "count"), [({"a": 1}, 1), ([{"a": 1}, {"a": 2}], 2), ([], 0)])
def test_a_delivery_holds_one_event_or_several(body: object, count: int) -> None:
    """Both are told as a list."""
    assert len(kit.events(json.dumps(body).encode(), "Postbird")) == count


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1]", b'"text"', b"null"])
def test_what_is_no_delivery_is_said_in_words(body: bytes) -> None:
    """For the receiver's log, with the platform's name."""
    with pytest.raises(ValueError, match="Postbird"):
        kit.events(body, "Postbird")
