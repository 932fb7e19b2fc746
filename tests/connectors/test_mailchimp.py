"""Mailchimp's quirks, on the sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from connectors import Settings, platform
from connectors.base import Change, Result
from connectors.errors import BadCredentials
from connectors.mailchimp import JOB_FROM
from mapping.model import ConsentState, RecordState, Seen
from sandbox.clock import SimClock
from sandbox.mailchimp import MailchimpSandbox
from sandbox.mailchimp_rules import Switches
from tests.connectors.joined import Joined, open_mailchimp
from tests.connectors.test_hubspot import READ_FAULTS


@pytest.fixture
def clock() -> SimClock:
    return SimClock()


@pytest.fixture(params=[False, True], ids=["archived apart", "archived listed"])
def joined(request: pytest.FixtureRequest, clock: SimClock) -> Joined:
    switches = Switches(archived_listed=request.param, since_inclusive=request.param)
    return open_mailchimp(MailchimpSandbox(clock=clock, switches=switches), clock)


def members(joined: Joined, count: int, *, status: str = "subscribed", start: int = 0) -> None:
    joined.sandbox.load(
        [
            {
                "email_address": f"person{n}@example.org",
                "status": status,
                "merge_fields": {"FNAME": f"Name{n}"},
                "last_changed": f"2025-01-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}+00:00",
            }
            for n in range(start, start + count)
        ]
    )


def pulled(joined: Joined) -> dict[str, Seen]:
    """Everybody there, by address."""
    return {seen.addresses[0]: seen for seen in joined.pull(full=True).values()}


def change(seen: Seen, values: Mapping[str, Any] | None = None, **more: Any) -> Change:
    return Change(seen.remote_id, values or {}, address=seen.addresses[0], **more)


def test_check_names_the_account_and_its_audiences(joined: Joined) -> None:
    """The audiences come with their counts."""
    members(joined, 3)

    account = joined.connector.check(rights=True)

    assert account.id == "sandbox-account/a1b2c3d4e5"  # another audience is another account to a guard
    assert [(one.label, one.detail) for one in account.audiences] == [("Regulars of the bakery", "3 members")]


def test_a_low_role_is_named(clock: SimClock) -> None:
    """What the key's user may not do is said before anything is planned."""
    sandbox = MailchimpSandbox(clock=clock, keys={"sandbox-viewer-us0": "viewer"})

    account = open_mailchimp(sandbox, clock, "sandbox-viewer-us0").connector.check(rights=True)

    assert any("viewer" in sentence for sentence in account.may_not)


def test_an_unknown_key_is_a_bad_credential(joined: Joined, clock: SimClock) -> None:
    """The person is asked to connect again."""
    with pytest.raises(BadCredentials):
        open_mailchimp(joined.sandbox, clock, "sandbox-unknown-us0").connector.check(rights=True)


@pytest.mark.parametrize(("kind", "more"), READ_FAULTS)
def test_a_pull_survives_each_fault(joined: Joined, kind: str, more: dict[str, Any]) -> None:
    """Whatever one answer does, everybody comes and the listing is complete."""
    members(joined, 2100)
    joined.sandbox.faults.add(kind, path="*/members", skip=1, **more)

    pages = joined.pages()

    assert len({raw.remote_id for page in pages for raw in page.records}) == 2100
    assert pages[-1].complete
    assert joined.sandbox.faults.seen[kind] == 1


@pytest.mark.parametrize("how", ["insert", "remove", "move", "repeat", "skip"])
def test_a_shifting_set_hides_nobody(joined: Joined, how: str) -> None:
    """A set that moves while it is paged gives everybody who stayed, or the listing is not called complete."""
    members(joined, 3300)
    joined.sandbox.faults.add("page_shift", path="*/members", skip=1, how=how)

    pages = joined.pages()
    found = {raw.remote_id for page in pages for raw in page.records}
    there = set(pulled(joined)) and {seen.remote_id for seen in pulled(joined).values()}

    assert there <= found or not pages[-1].complete


@pytest.mark.parametrize("gone", [1, 5, 400])
def test_members_who_vanish_between_two_pages_hide_nobody(joined: Joined, gone: int) -> None:
    """Where the last member of a page is not on the next one, the listing looks further back."""
    members(joined, 2600)
    pages = joined.connector.pages(None)
    found = {raw.remote_id for raw in next(pages).records}
    for n in range(gone):
        joined.sandbox.human_delete_permanent(f"person{n + 10}@example.org")

    found |= {raw.remote_id for page in pages for raw in page.records}

    assert len(found) == 2600


def test_an_incremental_pull_gives_what_changed(joined: Joined, clock: SimClock) -> None:
    """Changes and archived members come; after the overlap has passed, nothing comes twice for ever."""
    members(joined, 30)
    joined.pull()
    clock.advance(10)
    joined.sandbox.human_update("person3@example.org", {"FNAME": "Changed"})
    joined.sandbox.human_archive("person4@example.org")

    found = {seen.addresses[0]: seen for seen in joined.pull().values()}
    clock.advance(600)
    joined.pull()
    settled = joined.pull()

    assert found["person3@example.org"].fields["given_name"] == "Changed"
    assert found["person4@example.org"].state is RecordState.ARCHIVED
    assert len(settled) <= 2


def test_a_thousand_changes_of_one_second_all_come(joined: Joined, clock: SimClock) -> None:
    """A batch stamps everybody alike: the offset moves on within the second."""
    joined.pull()
    stamp = clock().isoformat(timespec="seconds")
    joined.sandbox.load(
        [{"email_address": f"p{n}@example.org", "status": "subscribed", "last_changed": stamp} for n in range(2300)]
    )

    assert len(joined.pull()) == 2300


def test_statuses_are_read_as_what_they_prove(joined: Joined) -> None:
    """Leaving withdraws, bouncing is undeliverable, a plain subscription is no grant."""
    for n, status in enumerate(("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived")):
        members(joined, 1, status=status, start=n)
    joined.sandbox.human_subscribe("form@example.org")

    found = pulled(joined)
    states = {address: [c.state for c in seen.consent] for address, seen in found.items()}

    assert states == {
        "person0@example.org": [],
        "person1@example.org": [ConsentState.WITHDRAWN],
        "person2@example.org": [ConsentState.UNDELIVERABLE],
        "person3@example.org": [],
        "person4@example.org": [],
        "person5@example.org": [],
        "form@example.org": [ConsentState.GRANTED],
    }
    assert found["form@example.org"].consent[0].explicit
    assert [found[f"person{n}@example.org"].subscribed for n in range(3)] == [True, False, False]


@pytest.mark.parametrize("count", [3, JOB_FROM + 5])
def test_an_update_never_subscribes_anybody(joined: Joined, count: int) -> None:
    """Somebody who left after we read them stays away; no body of an update holds a status."""
    members(joined, count)
    found = list(pulled(joined).values())
    joined.sandbox.human_unsubscribe(found[0].addresses[0])
    joined.sandbox.human_unsubscribe(found[1].addresses[0], by="admin")
    joined.wire.sent.clear()

    outcomes = joined.connector.update([change(seen, {"given_name": "New"}) for seen in found])

    assert {outcome.result for outcome in outcomes} == {Result.APPLIED}
    assert joined.sandbox.resubscribed == []
    assert [outcome.shown.subscribed for outcome in outcomes[:3] if outcome.shown] == [False, False, True]
    assert "status" not in words(joined)


def words(joined: Joined) -> set[str]:
    """Every member name in the bodies that were sent, those within batch jobs too."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.update(value)
            for name, part in value.items():
                walk(json.loads(part) if name == "body" else part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    for sent in joined.wire.sent:
        if sent.body:
            walk(json.loads(sent.body))
    return found


def test_many_updates_cost_few_requests(joined: Joined) -> None:
    """500 updates are one job: started, looked at, fetched."""
    members(joined, 500)
    found = list(pulled(joined).values())
    joined.wire.sent.clear()

    outcomes = joined.connector.update([change(seen, {"given_name": "New"}) for seen in found])

    assert {outcome.result for outcome in outcomes} == {Result.APPLIED}
    assert outcomes[0].shown is not None
    assert outcomes[0].shown.fields["given_name"] == "New"
    assert len(joined.wire.sent) <= 4


def test_a_job_answers_one_by_one(joined: Joined) -> None:
    """Within a job, too, one bad record never stops the rest, and the field to blame is named."""
    members(joined, JOB_FROM + 5)
    found = list(pulled(joined).values())
    changes = [change(seen, {"given_name": "New"}) for seen in found]
    changes[3] = change(found[3], {"given_name": "New", "address": {"street": "1 High St"}})
    joined.sandbox.human_delete_permanent(found[4].addresses[0])

    outcomes = joined.connector.update(changes)

    assert [n for n, outcome in enumerate(outcomes) if outcome.result is not Result.APPLIED] == [3, 4]
    assert (outcomes[3].result, outcomes[3].blamed, outcomes[4].result) == (Result.REFUSED, ("address",), Result.GONE)


@pytest.mark.parametrize("kind", ["lost_answer", "lost_request", "error_after"])
@pytest.mark.parametrize("count", [2, JOB_FROM])
def test_an_update_whose_answer_is_lost_may_have_been_sent(joined: Joined, kind: str, count: int) -> None:
    """It is not repeated."""
    members(joined, count)
    found = list(pulled(joined).values())
    joined.sandbox.faults.add(kind, method="PATCH" if count == 2 else "POST")

    outcomes = joined.connector.update([change(seen, {"given_name": "New"}) for seen in found])

    maybe = [outcome for outcome in outcomes if outcome.result is Result.MAYBE]
    assert len(maybe) == (1 if count == 2 else count)


def test_an_address_is_changed_in_place(joined: Joined) -> None:
    """The contact stays, its hash moves; one who moved meanwhile is found by the id that stays."""
    members(joined, 2)
    one, other = pulled(joined).values()
    joined.sandbox.human_change_address(other.addresses[0], "moved@example.org")

    first, second = joined.connector.update(
        [change(one, email="new@example.org"), change(other, {"given_name": "Moved"})]
    )

    assert (first.result, first.remote_id) == (Result.APPLIED, one.remote_id)
    assert first.shown is not None
    assert first.shown.addresses == ("new@example.org",)
    assert (second.result, second.remote_id) == (Result.APPLIED, other.remote_id)


def test_tags_are_set_and_those_of_others_stay(joined: Joined) -> None:
    """Only the tags named are touched."""
    members(joined, 1)
    joined.sandbox.human_tag("person0@example.org", "VIP")
    joined.sandbox.human_tag("person0@example.org", "Old")
    (seen,) = pulled(joined).values()

    (outcome,) = joined.connector.update([change(seen, {"given_name": "T"}, tags_on=("New",), tags_off=("Old",))])

    assert outcome.shown is not None
    assert outcome.shown.fields["tags"] == ["New", "VIP"]
    assert pulled(joined)["person0@example.org"].fields["tags"] == ["New", "VIP"]


def test_creates_are_subscribed_only_on_request(joined: Joined) -> None:
    """Recorded consent subscribes, its absence makes a non-marketing contact; whoever is there is left alone."""
    members(joined, 1, status="unsubscribed")

    outcomes = joined.connector.create(
        [
            Change("", {"given_name": "A"}, address="a@example.org", subscribed=True),
            Change("", {"given_name": "B"}, address="b@example.org"),
            Change("", {"given_name": "C"}, address="person0@example.org", subscribed=True),
        ]
    )
    found = pulled(joined)

    assert [outcome.result for outcome in outcomes] == [Result.APPLIED, Result.APPLIED, Result.REFUSED]
    assert (outcomes[2].code, outcomes[2].remote_id) == ("exists", found["person0@example.org"].remote_id)
    assert outcomes[0].remote_id == found["a@example.org"].remote_id
    assert [found[f"{one}@example.org"].subscribed for one in ("a", "b", "person0")] == [True, False, False]
    assert joined.sandbox.resubscribed == []


def test_double_opt_in_makes_pending(clock: SimClock) -> None:
    """Where the audience confirms, so do we: the person gets the mail with the link."""
    joined = open_mailchimp(MailchimpSandbox(clock=clock, double_optin=True), clock)

    joined.connector.create([Change("", {}, address="a@example.org", subscribed=True)])

    assert [seen.subscribed for seen in pulled(joined).values()] == [False]


def test_known_states_are_refusals_with_a_word(joined: Joined) -> None:
    """Forgotten and fake addresses are facts about the person."""
    members(joined, 1)
    joined.sandbox.human_delete_permanent("person0@example.org")

    outcomes = joined.connector.create(
        [Change("", {}, address="person0@example.org"), Change("", {}, address="noreply@example.org")]
    )

    assert [outcome.code for outcome in outcomes] == ["forgotten", "invalid_address"]


@pytest.mark.parametrize("kind", ["lost_answer", "error_after", "rate_limit", "html", "lost_request"])
def test_an_opt_out_arrives_whatever_the_answer_does(joined: Joined, kind: str) -> None:
    """Leaving is only ever turned on, so that it may be said again."""
    members(joined, 3)
    found = list(pulled(joined).values())
    joined.sandbox.faults.add(kind, method="POST")

    outcomes = joined.connector.opt_out([change(seen) for seen in found], "marketing")
    after = pulled(joined).values()

    assert {outcome.result for outcome in outcomes} == {Result.APPLIED}
    assert {c.state for seen in after for c in seen.consent} == {ConsentState.WITHDRAWN}


def test_read_proves_absence_and_knows_the_archived(joined: Joined) -> None:
    """None only where there is nobody; many are read by listing."""
    members(joined, 40)
    found = list(pulled(joined).values())
    joined.connector.archive([change(found[0])])
    joined.wire.sent.clear()

    read = joined.connector.read([seen.remote_id for seen in found] + ["nobody"])

    assert [remote_id for remote_id, raw in read.items() if raw is None] == ["nobody"]
    assert joined.connector.decode(read[found[0].remote_id] or pytest.fail("gone")).state is RecordState.ARCHIVED
    assert len(joined.wire.sent) <= 6


@pytest.mark.parametrize("count", [2, 30])
def test_find_is_by_address_in_any_case(joined: Joined, count: int) -> None:
    """Members are found whatever the case of the address."""
    members(joined, count)
    asked: Sequence[str] = [f"PERSON{n}@example.org" for n in range(count)]

    found = joined.connector.find([*asked, "nobody@example.org"], [])

    assert sorted(found) == sorted(asked)


def test_a_read_gives_the_bytes_that_the_listing_gives(joined: Joined) -> None:
    """An unchanged record is known by its digest, however it was read."""
    members(joined, 2)
    listed = {raw.remote_id: raw for page in joined.connector.pages(None) for raw in page.records}

    assert joined.connector.read(list(listed)) == listed


def test_a_field_that_the_audience_lacks_is_named(clock: SimClock) -> None:
    """Mailchimp ignores unknown merge fields; we do not."""
    joined = open_mailchimp(MailchimpSandbox(clock=clock, extra_fields=()), clock)
    members(joined, 1)
    (seen,) = pulled(joined).values()

    (outcome,) = joined.connector.update([change(seen, {"company": "Bakery", "given_name": "N"})])

    assert outcome.shown is not None
    assert outcome.shown.problems == ("company: the audience has no field COMPANY",)


def test_a_real_key_needs_its_data_centre() -> None:
    """A key that was copied in part is told at once; a whole one opens its own address."""
    whole = platform("mailchimp").connector({"api_key": "0123456789abcdef-us19"}, Settings())

    assert "https://us19.api.mailchimp.com/3.0" in repr(whole._http)  # type: ignore[attr-defined]
    with pytest.raises(BadCredentials, match="data centre"):
        platform("mailchimp").connector({"api_key": "0123456789-abc/def"}, Settings())
