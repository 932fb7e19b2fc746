"""HubSpot's quirks, on the sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors import Settings, platform
from connectors.base import Change, Outcome, Result
from connectors.errors import BadCredentials, Failure, Later, Misread, TooNarrow
from connectors.hubspot_walk import Walk
from mapping.model import ConsentState, RecordState
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.hubspot_access import ALL_SCOPES
from tests.connectors.joined import BASE, Joined, open_hubspot

READ_FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("rate_limit", {}),
    ("rate_limit", {"retry_after": 3}),
    ("error_before", {"status": 502}),
    ("lost_answer", {}),
    ("lost_request", {}),
    ("html", {}),
    ("html", {"status": 200}),
    ("answer_twice", {}),
]

READ_KINDS = (
    "rate_limit",
    "error_before",
    "error_after",
    "lost_answer",
    "lost_request",
    "html",
    "answer_twice",
    "partial",
)


@pytest.fixture
def clock() -> SimClock:
    return SimClock()


@pytest.fixture
def joined(clock: SimClock) -> Joined:
    return open_hubspot(HubSpotSandbox(clock=clock), clock)


def people(joined: Joined, count: int, stamp: int = 1_700_000_000_000) -> list[str]:
    """Contacts as an account with a past holds them, all changed at *stamp*."""
    records = [
        {
            "properties": {"email": f"person{n}@example.org", "firstname": f"Name{n}"},
            "createdate": stamp,
            "lastmodifieddate": stamp,
        }
        for n in range(count)
    ]
    return [str(number) for number in joined.sandbox.load(records)]


def test_check_names_the_account_and_the_missing_scope(joined: Joined, clock: SimClock) -> None:
    """A narrow token opens the account, and the sentence names what it lacks."""
    joined.sandbox.allow("sandbox-narrow", ["crm.objects.contacts.read", "crm.schemas.contacts.read", "oauth"])
    narrow = open_hubspot(joined.sandbox, clock, token="sandbox-narrow")

    account = narrow.connector.check(rights=True)

    assert account.id == "4242"
    assert "It may not write contacts: the scope crm.objects.contacts.write is missing." in account.may_not
    with pytest.raises(TooNarrow):
        narrow.connector.update([Change("1", {"given_name": "x"})])


def test_an_unknown_token_is_a_bad_credential(joined: Joined, clock: SimClock) -> None:
    """The person is asked to connect again."""
    with pytest.raises(BadCredentials, match="Connect again"):
        open_hubspot(joined.sandbox, clock, token="sandbox-unknown").connector.check(rights=True)


@pytest.mark.parametrize(("kind", "more"), READ_FAULTS)
def test_a_pull_survives_each_fault(joined: Joined, kind: str, more: dict[str, Any]) -> None:
    """Whatever one answer does, each contact comes and the listing is complete."""
    ids = people(joined, 230)
    joined.sandbox.faults.add(kind, path="*/contacts", skip=1, **more)

    pages = joined.pages()

    assert {raw.remote_id for page in pages for raw in page.records} == set(ids)
    assert pages[-1].complete
    assert joined.sandbox.faults.seen[kind] == 1


def test_a_pull_goes_on_where_it_was_stopped(joined: Joined) -> None:
    """Each stored cursor is a place to continue from."""
    ids = people(joined, 250)
    first = next(iter(joined.connector.pages(None)))
    joined.cursor = first.cursor

    rest = joined.pull()

    assert {raw.remote_id for raw in first.records} | set(rest) == set(ids)
    assert len(rest) == 150


def test_more_than_ten_thousand_changes_of_one_stamp_all_come(joined: Joined, clock: SimClock) -> None:
    """An import stamps everybody alike: past the cap of a search they are walked by id."""
    joined.pull()
    ids = people(joined, 10_450, int(clock().timestamp() * 1000))

    found = joined.pull()

    assert set(found) == set(ids)


def test_a_change_during_the_walk_pushes_nobody_over_the_edge(joined: Joined, clock: SimClock) -> None:
    """Records that change between two pages move to the end; the others still come."""
    joined.pull()
    start = int(clock().timestamp() * 1000)
    ids = [people_at for n in range(500) for people_at in people_one(joined, n, start + n)]
    pages = joined.connector.pages(joined.cursor)
    found = {raw.remote_id for raw in next(pages).records}
    for remote_id in ids[:40]:
        joined.sandbox.human_update(remote_id, {"firstname": "Moved"})

    found |= {raw.remote_id for page in pages for raw in page.records}

    assert found == set(ids)


def people_one(joined: Joined, n: int, stamp: int) -> list[str]:
    properties = {"email": f"one{n}@example.org"}
    return [
        str(number)
        for number in joined.sandbox.load([{"properties": properties, "createdate": stamp, "lastmodifieddate": stamp}])
    ]


def test_a_late_index_is_covered_by_the_overlap(clock: SimClock) -> None:
    """What the index shows a minute late comes with the next pull, although the watermark has passed it."""
    joined = open_hubspot(HubSpotSandbox(clock=clock, late_index=60.0), clock)
    early, late = people(joined, 2, int(clock().timestamp() * 1000))
    joined.pull()
    clock.advance(600)
    joined.pull()
    joined.sandbox.human_update(late, {"firstname": "Late"})
    clock.advance(1)
    joined.pull()
    clock.advance(61)

    assert late in joined.pull()
    clock.advance(600)
    joined.pull()
    assert early not in joined.pull()


def test_archived_and_merged_records_are_told(joined: Joined) -> None:
    """A deletion shows as archived, a merge as an alias of the winner; neither reads as gone."""
    keep, lose, dead, *_ = people(joined, 5)
    joined.pull()
    joined.sandbox.human_delete(dead)
    kept = joined.sandbox.human_merge(keep, lose)

    found = joined.pull()
    read = joined.connector.read([dead, lose, kept, "123456789"])

    assert found[dead].state is RecordState.ARCHIVED
    assert lose in found[kept].merged_ids
    assert read["123456789"] is None
    assert read[dead] is not None
    assert joined.connector.decode(read[lose] or pytest.fail("alias")).remote_id == kept


def test_consent_is_read_and_written_and_never_turned_on(joined: Joined) -> None:
    """An opt-out there is a withdrawal here, ours reaches them, and a bounce is no withdrawal."""
    left, bounced, other = people(joined, 3)
    joined.sandbox.human_opt_out("person0@example.org", 1001)
    joined.sandbox.human_bounce("person1@example.org")
    found = joined.pull()

    outcomes = joined.connector.opt_out([Change(other, address="Person2@example.org")], "marketing")
    after = joined.connector.decode(joined.raw(other) or pytest.fail("gone"))

    assert [c.state for c in found[left].consent] == [ConsentState.WITHDRAWN]
    assert [c.state for c in found[bounced].consent] == [ConsentState.UNDELIVERABLE]
    assert [outcome.result for outcome in outcomes] == [Result.APPLIED]
    assert ConsentState.WITHDRAWN in [c.state for c in after.consent]


@pytest.mark.parametrize("purpose", ["marketing", "1001"])
def test_opt_outs_leave_one_by_one_where_batches_need_a_larger_plan(
    joined: Joined, clock: SimClock, purpose: str
) -> None:
    """The batch calls take a right that most accounts cannot give: people who left are told all the same."""
    ids = people(joined, 3)
    smaller = [scope for scope in ALL_SCOPES if "statuses.batch" not in scope]
    joined.sandbox.allow("sandbox-smaller", smaller)
    narrow = open_hubspot(joined.sandbox, clock, token="sandbox-smaller")
    changes = [Change(one, address=f"Person{n}@example.org") for n, one in enumerate(ids[:2])]

    outcomes = narrow.connector.opt_out(changes, purpose)
    again = narrow.connector.opt_out(changes[:1], purpose)
    found = joined.pull()

    assert [outcome.result for outcome in (*outcomes, *again)] == [Result.APPLIED] * 3
    left = [ConsentState.WITHDRAWN in [consent.state for consent in found[one].consent] for one in ids]
    assert left == [True, True, False]


def test_one_bad_record_never_stops_the_rest(joined: Joined) -> None:
    """A value that the platform refuses is refused alone, with the field to blame; so is a record that is gone."""
    ids = people(joined, 120)
    changes = [Change(one, {"job_title": "Baker"}) for one in ids]
    changes[7] = Change(ids[7], {"email": "x", "job_title": "Baker"}, email="not an address")
    changes[20] = Change("999999999", {"job_title": "Baker"})

    outcomes = joined.connector.update(changes)

    assert [n for n, outcome in enumerate(outcomes) if outcome.result is not Result.APPLIED] == [7, 20]
    assert (outcomes[7].result, outcomes[20].result) == (Result.REFUSED, Result.GONE)
    assert outcomes[0].shown is not None
    assert outcomes[0].shown.fields == {"job_title": "Baker"}


def test_a_clear_is_sent_as_an_empty_text(joined: Joined) -> None:
    """None clears, and the answer shows the field blank."""
    (one,) = people(joined, 1)

    (outcome,) = joined.connector.update([Change(one, {"given_name": None})])

    assert outcome.shown is not None
    assert "given_name" not in outcome.shown.fields
    assert "given_name" not in joined.connector.decode(joined.raw(one) or pytest.fail("gone")).fields


def test_the_stamp_of_an_answer_is_the_stamp_that_is_read(joined: Joined) -> None:
    """A read after a write carries the write's version, if nobody wrote in between."""
    (one,) = people(joined, 1)

    (outcome,) = joined.connector.update([Change(one, {"company": "Bakery"})])

    assert outcome.shown is not None
    assert joined.connector.decode(joined.raw(one) or pytest.fail("gone")).version == outcome.shown.version


@pytest.mark.parametrize("kind", ["lost_answer", "lost_request", "error_after", "timeout_after"])
def test_an_update_whose_answer_is_lost_may_have_been_sent(joined: Joined, kind: str) -> None:
    """It is not repeated, and the other batch goes on."""
    ids = people(joined, 150)
    joined.sandbox.faults.add(kind, path="*/batch/update")

    outcomes = joined.connector.update([Change(one, {"company": "Bakery"}) for one in ids])

    assert {outcome.result for outcome in outcomes[:100]} == {Result.MAYBE}
    assert {outcome.result for outcome in outcomes[100:]} == {Result.APPLIED}


def test_a_partial_batch_is_told_record_by_record(joined: Joined) -> None:
    """A 207 names who failed."""
    ids = people(joined, 10)
    joined.sandbox.faults.add("partial", path="*/batch/update", every=2)

    outcomes = joined.connector.update([Change(one, {"company": "Bakery"}) for one in ids])
    stood = [joined.connector.decode(raw).fields.get("company") for raw in joined.connector.read(ids).values() if raw]

    assert [outcome.result is Result.APPLIED for outcome in outcomes] == [shown == "Bakery" for shown in stood]
    assert Result.MAYBE not in {outcome.result for outcome in outcomes}


@pytest.mark.parametrize("kind", ["lost_answer", "error_after", "answer_twice", "rate_limit", "html"])
def test_a_create_by_our_key_happens_once(joined: Joined, clock: SimClock, kind: str) -> None:
    """Whatever becomes of the answer, one person is one contact."""
    joined.connector.add_own_key()
    keyed = open_hubspot(joined.sandbox, clock, own_key=True)
    keyed.sandbox.faults.add(kind, path="*/batch/upsert")
    change = Change("", {"given_name": "Ada"}, address="ada@example.org", key="person-1")

    outcomes = [*keyed.connector.create([change]), *keyed.connector.create([change])]

    assert [outcome.result for outcome in outcomes] == [Result.APPLIED] * 2
    assert len({outcome.remote_id for outcome in outcomes}) == 1
    assert len(keyed.pull()) == 1
    assert keyed.connector.check(rights=True).has_own_key


@pytest.mark.parametrize("own_key", [True, False])
def test_a_taken_address_is_known_and_linked(joined: Joined, clock: SimClock, own_key: bool) -> None:
    """`exists` gives the other record, read; the rest of the batch is created."""
    (there,) = people(joined, 1)
    joined.connector.add_own_key()
    keyed = open_hubspot(joined.sandbox, clock, own_key=own_key)

    taken, made = keyed.connector.create(
        [
            Change("", {"given_name": "A"}, address="PERSON0@example.org", key="p1"),
            Change("", {"given_name": "B"}, address="new@example.org", key="p2"),
        ]
    )

    assert (taken.code, taken.remote_id, made.result) == ("exists", there, Result.APPLIED)
    assert taken.raw is not None
    assert taken.raw.remote_id == there


def test_find_prefers_our_key(joined: Joined, clock: SimClock) -> None:
    """Records are found by our key, and by any of their addresses."""
    (there,) = people(joined, 1)
    joined.sandbox.human_add_email(there, "second@example.org")
    joined.connector.add_own_key()
    keyed = open_hubspot(joined.sandbox, clock, own_key=True)
    (made,) = keyed.connector.create([Change("", {"given_name": "B"}, address="b@example.org", key="p2")])

    found = keyed.connector.find(["Second@example.org", "nobody@example.org"], ["p2", "p3"])

    assert {name: raw.remote_id for name, raw in found.items()} == {"Second@example.org": there, "p2": made.remote_id}


def test_history_gives_a_persons_time(joined: Joined, clock: SimClock) -> None:
    """The time of a field is when a person last set it, not when we did."""
    (one,) = people(joined, 1)
    clock.advance(1000)
    joined.sandbox.human_update(one, {"company": "Bakery"})
    edited = int(clock.now.timestamp() * 1000)
    clock.advance(1000)
    joined.connector.update([Change(one, {"company": "Our Bakery"})])

    when = joined.connector.history([one], ["company"])

    assert abs(when[one, "company"] - edited) < 1000


def test_custom_properties_become_rows(joined: Joined) -> None:
    """Each type that we can carry has a ready row."""
    joined.sandbox.define("slogan")
    joined.sandbox.define("visits", "number", "number")

    rows = {found.remote: found.row for found in joined.connector.remote_fields()}

    assert rows["visits"] is not None
    assert rows["visits"].write(3) == "3"
    assert rows["slogan"] is not None
    assert rows["firstname"] == joined.connector.table.by_name["given_name"]


def test_a_daily_quota_stops_the_run_in_a_sentence(joined: Joined) -> None:
    """Nobody waits for tomorrow."""
    joined.sandbox.faults.add("rate_limit", policy="DAILY", times=9)
    joined.sandbox.faults.add("rate_limit", times=50)

    with pytest.raises(Later):
        joined.connector.check(rights=True)


def test_absurd_values_are_decoded_or_named(joined: Joined) -> None:
    """Emoji, right-to-left text, NUL and a megabyte come through; a record that is none is refused."""
    odd = {"email": "odd@example.org", "firstname": "🥐\u200fשלום\u0000", "company": "x" * 1_000_000}
    joined.sandbox.load([{"properties": odd, "createdate": 1, "lastmodifieddate": 1}])

    (seen,) = joined.pull().values()

    assert seen.fields["given_name"] == odd["firstname"]
    assert len(seen.fields["company"]) == 1_000_000


def test_a_property_that_is_no_text_is_left_out_and_named(joined: Joined) -> None:
    """Against the documentation, and still only that field is lost."""
    (one,) = people(joined, 1)
    raw = joined.raw(one) or pytest.fail("gone")
    record = json.loads(raw.body)
    record["properties"]["company"] = 7

    seen = joined.connector.decode(type(raw).of(one, json.dumps(record).encode()))

    assert seen.fields["given_name"] == "Name0"
    assert seen.problems == ("company: not a text",)
    with pytest.raises(ValueError, match="no contact|not JSON"):
        joined.connector.decode(type(raw).of(one, b"[]"))


def test_an_unsorted_search_is_not_believed(joined: Joined, clock: SimClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk rests on the order; results out of order are an error, not a gap."""
    joined.pull()
    people_one(joined, 1, int(clock().timestamp() * 1000) + 5)
    people_one(joined, 2, int(clock().timestamp() * 1000))
    search = Walk.search
    monkeypatch.setattr(Walk, "search", lambda walk, filters, _, limit: search(walk, filters, "hs_object_id", limit))

    with pytest.raises(Misread):
        joined.pull()


def test_archive_can_be_undone_by_a_person(joined: Joined) -> None:
    """Put away, and still readable."""
    one, _ = people(joined, 2)

    outcomes = joined.connector.archive([Change(one)])

    assert [outcome.result for outcome in outcomes] == [Result.APPLIED]
    assert joined.connector.decode(joined.raw(one) or pytest.fail("gone")).state is RecordState.ARCHIVED


def exchanged(joined: Joined) -> str:
    """The refresh token that consenting in the browser leads to."""
    form = {
        "grant_type": "authorization_code",
        "code": joined.sandbox.oauth.grant(),
        "redirect_uri": "http://127.0.0.1/done",
        "client_id": joined.sandbox.client_id,
        "client_secret": joined.sandbox.client_secret,
    }
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = joined.wire.send("POST", f"{BASE}/oauth/v1/token", kind, urlencode(form).encode(), 1.0)
    token: str = json.loads(answer.body)["refresh_token"]
    return token


def test_oauth_outlives_its_access_token(joined: Joined, clock: SimClock) -> None:
    """After half an hour the token is renewed, stored, and the pull goes on."""
    people(joined, 5)
    stored: list[Mapping[str, str]] = []
    credential = {
        "access_token": "sandbox-expired",
        "refresh_token": exchanged(joined),
        "client_id": joined.sandbox.client_id,
        "client_secret": joined.sandbox.client_secret,
    }
    opened = platform("hubspot").connector(
        credential,
        Settings(base_url=BASE),
        transport=joined.wire,
        clock=lambda: clock().timestamp(),
        sleep=clock.sleep,
        renewed=stored.append,
    )
    first = sum(len(page.records) for page in opened.pages(None))
    clock.advance(3600)
    second = sum(len(page.records) for page in opened.pages(None))

    assert (first, second, len(stored)) == (5, 5, 2)
    assert stored[0]["access_token"] != stored[1]["access_token"]


@pytest.mark.parametrize("seed", range(8))
def test_writes_under_chance_faults_are_told_truly(joined: Joined, seed: int) -> None:
    """Whatever happens on the way, what is called applied is there, and what is called refused or later is not."""
    ids = people(joined, 60)
    joined.pull()
    joined.sandbox.faults.random(0.3, seed, READ_KINDS)
    outcomes: list[tuple[str, Outcome]] = []
    for start in range(0, 60, 10):
        changes = [Change(one, {"company": f"Bakery {seed}"}) for one in ids[start : start + 10]]
        try:
            outcomes += zip(ids[start : start + 10], joined.connector.update(changes), strict=True)
        except Failure:
            continue
    joined.sandbox.faults.clear()
    stood = {
        one: joined.connector.decode(raw).fields.get("company")
        for one, raw in joined.connector.read(ids).items()
        if raw
    }

    for one, outcome in outcomes:
        if outcome.result is Result.APPLIED:
            assert stood[one] == f"Bakery {seed}"
        elif outcome.result is not Result.MAYBE:
            assert stood[one] is None
