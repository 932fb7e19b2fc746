"""Pipedrive's quirks: lists sent whole, names that are split, labels by number, a status that changes once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.base import Change, Result
from connectors.errors import Later
from mapping.model import ConsentState, RecordState
from sandbox.clock import SimClock
from sandbox.pipedrive import COLLEAGUE, OPENED, PipedriveSandbox, Switches
from tests.connectors.joined import Joined, joined, open_pipedrive


def opened(*, own_key: bool = False, **more: object) -> Joined:
    clock = SimClock()
    box = PipedriveSandbox(clock=clock, switches=Switches(**more))  # type: ignore[arg-type]
    one = open_pipedrive(box, clock, own_key=own_key)
    if own_key:
        one.connector.add_own_key()
    return one


def test_a_whole_company_is_read_once_each() -> None:
    """More than a page; and afterwards only what changed."""
    one = opened()
    people = [{"name": f"Person {n}", "emails": [f"p{n}@example.org"]} for n in range(1201)]
    one.sandbox.load({**person, "updated": OPENED + timedelta(hours=n)} for n, person in enumerate(people))

    everybody = one.pull()
    number = one.sandbox.by_email("p7@example.org").id
    one.clock.advance(3600)
    one.sandbox.human_update(number, {"phones": [{"value": "030 123456", "primary": True}]})
    changed = one.pull()

    assert len(everybody) == 1201
    assert changed[str(number)].fields["phone"] == "030 123456"
    assert len(changed) == 2  # and who changed last before


def test_one_phone_of_several_is_changed_and_the_others_stay() -> None:
    """The list is read again before it is sent."""
    one = opened()
    one.sandbox.load([{"name": "Ada Berg", "emails": ["ada@example.org", "a@example.org"], "phones": ["1", "2"]}])
    (number,) = one.sandbox.state.persons

    (done,) = one.connector.update([Change(str(number), {"phone": "030 123456"}, email="ada@example.com")])

    person = one.sandbox.state.persons[number]
    assert done.shown is not None
    assert done.shown.fields["phone"] == "030 123456"
    assert [(e["value"], e["primary"]) for e in person.phones] == [("030 123456", True), ("2", False)]
    assert [e["value"] for e in person.emails] == ["ada@example.com", "a@example.org"]


@pytest.mark.parametrize("split", ["first", "last"])
@pytest.mark.parametrize(("given", "family"), [("Ada", "Berg"), ("Ada Maria", "von der Au"), ("", "Berg"), ("Ada", "")])
def test_a_name_comes_out_as_it_was_meant(split: str, given: str, family: str) -> None:
    """However Pipedrive splits names: the halves are written apart where it splits otherwise."""
    one = opened(split=split)
    values = {"given_name": given or None, "family_name": family or None}

    (done,) = one.connector.create([Change("", values, address="ada@example.org")])

    person = one.sandbox.by_email("ada@example.org")
    assert (person.first, person.last) == (given, family)
    assert done.blamed == ()


def test_a_name_that_cannot_be_written_in_halves_is_taken_back() -> None:
    """Where Pipedrive splits otherwise and takes no halves, the field is blamed and stands as it stood."""
    one = opened(takes_halves=False, split="first")
    number = one.sandbox.human_create("Ada Berg", "ada@example.org")

    (done,) = one.connector.update([Change(str(number), {"given_name": "Ada Maria"})])

    person = one.sandbox.state.persons[number]
    assert (person.first, person.last) == ("Ada", "Berg")
    assert (done.result, done.blamed) == (Result.APPLIED, ("given_name",))


def test_who_is_not_there_any_more_is_gone_and_costs_the_others_nothing() -> None:
    """Whether a part of something is changed, which is read first, or a field by itself."""
    one = opened(reads_deleted=False)
    number = one.sandbox.human_create("Ada Berg", "ada@example.org")

    done = one.connector.update(
        [Change("404404", {"phone": "1234567"}), Change(str(number), {"phone": "1234567"}, address="ada@example.org")]
    )

    assert [(outcome.result, outcome.code) for outcome in done] == [(Result.GONE, "gone"), (Result.APPLIED, "")]


def test_labels_are_made_once_and_others_stay() -> None:
    """A segment's badge is a label; whatever else hangs there is left."""
    one = opened()
    number = one.sandbox.human_create("Ada Berg", "ada@example.org")
    one.sandbox.human_tag(number, "Wholesale")
    badge = Change(str(number), tags_on=("Regulars: VIP",))

    one.connector.update([badge])
    one.connector.update([badge])
    shown = one.pull()[str(number)]
    (off,) = one.connector.update([Change(str(number), tags_off=("Regulars: VIP",))])

    assert shown.fields["tags"] == ["Regulars: VIP", "Wholesale"]
    assert off.shown is not None
    assert off.shown.fields["tags"] == ["Wholesale"]
    assert [option["label"] for option in one.sandbox.label_field().options] == ["Wholesale", "Regulars: VIP"]


def test_who_is_no_administrator_makes_no_labels() -> None:
    """The rest of the change is applied, and the labels are named as what was not taken."""
    clock = SimClock()
    box = PipedriveSandbox(clock=clock)
    one = joined("pipedrive", box, clock, {"api_token": COLLEAGUE})
    number = box.human_create("Ada Berg", "ada@example.org")

    (done,) = one.connector.update([Change(str(number), {"phone": "1234567"}, tags_on=("Regulars: VIP",))])

    assert (done.result, done.blamed) == (Result.APPLIED, ("tags",))
    assert box.state.persons[number].phones[0]["value"] == "1234567"
    assert one.connector.check(rights=True).may_not


def test_an_address_that_is_there_is_not_made_again() -> None:
    """Pipedrive would take it twice."""
    one = opened(own_key=True)
    number = one.sandbox.human_create("Ada Berg", "ada@example.org")
    new = Change("", {"given_name": "Ada"}, address="Ada@example.org", key="p1")

    (refused,) = one.connector.create([new])
    (made,) = one.connector.create([Change("", {"given_name": "Bo"}, address="bo@example.org", key="p2")])
    (again,) = one.connector.create([Change("", {"given_name": "Bo"}, address="bo@example.org", key="p2")])

    assert (refused.code, refused.remote_id) == ("exists", str(number))
    assert made.remote_id == again.remote_id
    assert len(one.sandbox.living()) == 2


def test_one_address_is_made_once_within_a_call() -> None:
    """Two people with one mailbox: the second is told that it is taken."""
    one = opened()
    changes = [Change("", {"given_name": name}, address="info@example.org") for name in ("Ada", "Bo")]

    done = one.connector.create(changes)

    assert [(outcome.result, outcome.code) for outcome in done] == [
        (Result.APPLIED, ""),
        (Result.REFUSED, "exists"),
    ]
    assert len(one.sandbox.living()) == 1


def test_few_are_searched_for_among_many() -> None:
    """Where the listing would cost more than searching, it is left, and both find the same."""
    one = opened(own_key=True)
    one.sandbox.load({"name": f"Person {n}", "emails": [f"p{n}@example.org"]} for n in range(2600))
    one.connector.create([Change("", {}, address="new@example.org", key="p1")])

    found = one.connector.find(["p2599@example.org", "nobody@example.org"], ["p1"])

    assert set(found) == {"p2599@example.org", "p1"}


@pytest.mark.parametrize("reads_deleted", [True, False])
def test_who_is_deleted_is_put_away_or_gone(reads_deleted: bool) -> None:
    """Absent from the listing, and a direct read tells the rest; a restored one is back."""
    one = opened(reads_deleted=reads_deleted)
    number = one.sandbox.human_create("Ada Berg", "ada@example.org")

    one.connector.archive([Change(str(number))])
    raw = one.raw(str(number))
    one.sandbox.human_restore(number)
    back = one.raw(str(number))

    assert (raw is not None) is reads_deleted
    assert raw is None or one.connector.decode(raw).state is RecordState.ARCHIVED
    assert back is not None
    assert one.connector.decode(back).state is RecordState.LIVE


def test_who_is_erased_is_deleted_and_twice_is_as_good() -> None:
    """Pipedrive forgets them after thirty days; until then nobody lists them."""
    one = opened()
    number = one.sandbox.human_create("Ada Berg", "ada@example.org")

    first, again = (one.connector.erase([Change(str(number))])[0].result for _ in range(2))

    assert first is Result.APPLIED
    assert again in (Result.APPLIED, Result.GONE)
    assert one.pull() == {}


def test_an_unsubscribe_is_read_and_written_and_never_undone() -> None:
    """Withdrawn is withdrawn; a change that Pipedrive silently leaves out is a refusal."""
    one = opened()
    one.sandbox.load([{"name": "A B", "emails": ["a@example.org"], "marketing": "subscribed"}])
    one.sandbox.load([{"name": "C D", "emails": ["c@example.org"], "marketing": "unsubscribed"}])
    one.sandbox.load([{"name": "E F", "marketing": "subscribed"}])
    first, second, third = map(str, one.sandbox.state.persons)

    done = one.connector.opt_out([Change(first), Change(third)], "marketing")
    shown = one.pull()

    assert [(d.result, d.code) for d in done] == [(Result.APPLIED, ""), (Result.REFUSED, "compliance_state")]
    assert shown[first].subscribed is False
    assert [consent.state for consent in shown[second].consent] == [ConsentState.WITHDRAWN]


def test_without_campaigns_nobody_has_a_status() -> None:
    """It is not asked for, and an opt-out says why it cannot be kept there."""
    one = opened(campaigns=False)
    number = one.sandbox.human_create("Ada Berg", "ada@example.org")

    seen = one.pull()[str(number)]
    (done,) = one.connector.opt_out([Change(str(number))], "marketing")

    assert seen.subscribed is None
    assert (done.result, done.code) == (Result.REFUSED, "cannot")


def test_after_a_merge_the_other_holds_both_addresses() -> None:
    """Both are looked at again, as the two events say."""
    one = opened()
    loser = one.sandbox.human_create("Ada Berg", "ada@example.org")
    winner = one.sandbox.human_create("A. Berg", "a@example.org")

    one.sandbox.human_merge(loser, winner)
    raws = one.connector.read([str(loser), str(winner)])

    seen = one.connector.decode(raws[str(winner)])  # type: ignore[arg-type]
    assert seen.addresses == ("a@example.org", "ada@example.org")
    assert one.connector.decode(raws[str(loser)]).state is RecordState.ARCHIVED  # type: ignore[arg-type]


def test_a_spent_day_is_not_waited_for() -> None:
    """The budget of tokens is filled up at midnight: the failure says so instead of hanging."""
    clock = SimClock()
    box = PipedriveSandbox(clock=clock, daily=50)
    one = open_pipedrive(box, clock)
    started = clock.now

    with pytest.raises(Later) as caught:
        for _ in range(5):
            one.pull(full=True)

    assert caught.value.after >= 3600
    assert (clock.now - started).total_seconds() < 60


def test_a_spent_access_is_renewed_in_mid_run_and_kept_first() -> None:
    """Refresh tokens hold once: the new one is stored before it is used."""
    clock = SimClock()
    box = PipedriveSandbox(clock=clock)
    grant = box.setup.grant()
    app = {"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"}
    kept: list[dict[str, str]] = []
    credential = {**app, "access_token": grant["access_token"], "refresh_token": grant["refresh_token"]}
    one = joined("pipedrive", box, clock, credential, renewed=lambda parts: kept.append(dict(parts)))
    box.tokens.pop(grant["access_token"])

    one.pull()

    assert len(kept) == 1
    assert kept[0]["refresh_token"] != grant["refresh_token"]
    assert set(box.refresh_tokens) == {kept[0]["refresh_token"]}
