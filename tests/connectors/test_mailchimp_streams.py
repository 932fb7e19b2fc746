"""Mailchimp's streams, lists and fields, on a town's past in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from connectors.errors import Failure, NotOffered
from connectors.mailchimp_activity import OVERLAP
from mapping.facts import By, DealState, Touch
from mapping.values import Kind
from sandbox.mailchimp import Switches
from tests import described
from tests.connectors.mailchimp_town import Streamed, streamed
from tests.connectors.test_hubspot import READ_FAULTS

LATER = OVERLAP // 1000 + 60


@pytest.fixture
def town() -> Iterator[Streamed]:
    with streamed() as opened:
        yield opened


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Streamed]:
    """A town whose lists take several pages each."""
    for module in ("activity", "paging", "segments", "notes", "orders"):
        monkeypatch.setattr(f"connectors.mailchimp_{module}.PAGE_SIZE", 12)
    with streamed(people=90, campaigns=4) as opened:
        yield opened


def reader(town: Streamed, number: int = 0) -> str:
    """The address of somebody who is mailed."""
    members = town.box.list_of(None).members.values()
    return [member.email for member in members if member.status == "subscribed"][number]


# -- activity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize("shown", [True, False])
def test_the_touchpoints_are_the_truth(quiet: bool, shown: bool) -> None:
    """Each person has what befell them, machine opens apart, whichever way Mailchimp lists activity."""
    switches = Switches(quiet_listed_since=quiet, since_inclusive=quiet, proxy_in_activity=shown)
    with streamed(switches=switches) as town:
        pages = town.pull("activity")

        assert town.counted() == town.town.truth.touchpoints
        assert pages[0].total == len(town.touches)
        titles = [one.title for page in pages if page.facts for one in page.facts.campaigns]
        assert len(titles) == 8


def test_opens_without_a_mark_are_of_unknown_make() -> None:
    """Where Mailchimp does not tell machines apart, neither do we."""
    with streamed(switches=Switches(proxy_opens=False)) as town:
        town.pull("activity")

        opens = [touch for touch in town.touches.values() if touch.kind is Touch.OPENED]
        assert {touch.by for touch in opens} == {By.UNKNOWN}


def test_a_run_without_news_costs_one_call(town: Streamed) -> None:
    """A campaign whose counters stand still costs nothing."""
    town.pull("activity")
    before = dict(town.touches)

    assert [town.calls("activity") for _ in range(3)] == [1, 1, 1]
    assert town.touches == before


def test_news_cost_the_lists_that_have_them(town: Streamed) -> None:
    """One click asks for one list, now and once more after the overlap."""
    town.pull("activity")
    who = reader(town)
    town.box.human_click(who)

    assert town.calls("activity") == 2
    town.joined.clock.advance(LATER)
    assert [town.calls("activity") for _ in range(2)] == [2, 1]
    assert sum(touch.kind is Touch.CLICKED and touch.who == who for touch in town.touches.values()) >= 1


def test_each_kind_of_news_arrives(town: Streamed) -> None:
    """Sent, opened by people and machines, clicked twice in a second, bounced, left, complained."""
    town.pull("activity")
    before = set(town.touches)
    people = [reader(town, n) for n in range(5)]
    campaign = town.box.human_send_campaign("Stollen")["id"]
    town.joined.clock.advance(30)
    town.box.human_open(people[0], machine=True)
    town.box.human_open(people[0])
    town.box.human_click(people[1])
    town.box.human_click(people[1])
    town.box.human_soft_bounce(people[2])
    town.box.human_unsubscribe(people[3], campaign_id=campaign)
    town.box.human_complain(people[4], campaign_id=campaign)
    pages = town.pull("activity")
    new = [touch for place, touch in town.touches.items() if place not in before]

    found = {
        (touch.who, touch.kind.value, touch.by.value, touch.detail) for touch in new if touch.kind is not Touch.SENT
    }
    assert found == {
        (people[0], "opened", "machine", ""),
        (people[0], "opened", "person", ""),
        (people[1], "clicked", "unknown", "https://bakery.example/brot"),
        (people[2], "bounced", "machine", "soft"),
        (people[3], "unsubscribed", "person", "None given"),
        (people[4], "complained", "person", ""),
    }
    assert sum(touch.kind is Touch.CLICKED for touch in new) == 2
    assert {touch.campaign for touch in new} == {campaign}
    assert [one.title for page in pages if page.facts for one in page.facts.campaigns] == ["Stollen"]


def test_late_activity_arrives(town: Streamed) -> None:
    """What a late index hides at first comes with a later run, with the time at which it happened."""
    town.pull("activity")
    town.box.late_index = 300.0
    who = reader(town)
    town.box.human_open(who)
    town.joined.clock.advance(200)
    town.box.human_click(who)
    town.pull("activity")
    early = len(town.touches)
    town.joined.clock.advance(200)
    town.pull("activity")
    town.joined.clock.advance(200)
    town.pull("activity")
    done = len(town.touches)

    assert done == early + 2
    town.joined.clock.advance(LATER)
    town.pull("activity")
    town.pull("activity", full=True)
    assert len(town.touches) == done


def test_a_change_of_address_tells_nothing_twice(town: Streamed) -> None:
    """Reports then name the same person otherwise; the touchpoints are the same."""
    town.pull("activity")
    before = set(town.touches)
    town.box.human_change_address(reader(town), "moved@example.org")
    town.pull("activity", full=True)

    assert set(town.touches) == before


@pytest.mark.parametrize(("kind", "more"), READ_FAULTS)
@pytest.mark.parametrize("path", ["*/reports", "*/open-details", "*/email-activity", "*/sent-to"])
def test_activity_survives_each_fault(small: Streamed, path: str, kind: str, more: dict[str, Any]) -> None:
    """Throttles, gateways and lost answers cost repetition and nothing else."""
    small.box.faults.add(kind, path=path, **more)
    small.pull("activity")

    assert small.counted() == small.town.truth.touchpoints
    assert small.box.faults.seen[kind] == 1


@pytest.mark.parametrize("how", ["insert", "remove", "move", "repeat", "skip"])
@pytest.mark.parametrize("path", ["*/open-details", "*/email-activity", "*/sent-to", "*/unsubscribed"])
def test_a_shifting_list_hides_nothing(small: Streamed, path: str, how: str) -> None:
    """Each page begins with the last row of the one before, or is read again further back; a list that shows fewer
    rows than it counts is read once more later."""
    small.box.faults.add("page_shift", path=path, skip=1, how=how)
    small.pull("activity")
    small.joined.clock.advance(LATER)
    small.pull("activity")

    assert small.counted() == small.town.truth.touchpoints


def test_a_crash_anywhere_loses_nothing(small: Streamed) -> None:
    """Stopped after every page and begun again from the stored cursor, the end is the same."""
    pages = 1
    while not small.take("activity", stop=1)[-1].last:
        pages += 1

    assert pages > 40
    assert small.counted() == small.town.truth.touchpoints
    assert small.calls("activity") == 1


def test_news_between_two_pages_are_not_lost(small: Streamed) -> None:
    """A campaign that moves while it is read is read again from where it was."""
    small.take("activity", stop=6)
    who = reader(small)
    for place in range(30):
        small.box.human_open(reader(small, place % 20))
    small.box.human_click(who)
    small.pull("activity")
    small.pull("activity")
    now = set(small.touches)
    small.pull("activity", full=True)

    assert set(small.touches) == now


def test_a_campaign_that_vanishes_ends_nothing(small: Streamed) -> None:
    """A campaign deleted in the middle of being read is left behind."""
    small.take("activity", stop=3)
    place = small.cursors["activity"]["at"]["id"]
    del small.box.state.campaigns[place]
    small.pull("activity")

    assert {touch.campaign for touch in small.touches.values()} >= set(small.box.state.campaigns)


def test_a_broken_row_is_refused_and_the_rest_is_read() -> None:
    """One row of another shape never stops the others."""
    from connectors.mailchimp_reports import OPENERS, opened

    body = b'{"members":[{"email_id":"a","email_address":"a@example.org","opens":7},{"email_id":"b","email_address":'
    body += b'"b@example.org","opens_count":2,"proxy_excluded_opens_count":0,"opens":[{"timestamp":'
    body += b'"2026-01-01T00:00:00+00:00"},{"timestamp":"2026-01-01T00:00:00+00:00"}]}],"total_items":2}'
    page = OPENERS.read(body)
    touches = opened("c1", 0, page.rows)

    assert len(page.refused) == 1
    assert [(touch.who, touch.key, touch.by) for touch in touches] == [
        ("b@example.org", "c1", By.MACHINE),
        ("b@example.org", "c1#1", By.MACHINE),
    ]


# -- lists -------------------------------------------------------------------------------------------------------------


def on(town: Streamed, title: str) -> set[str]:
    """Who is on a list, by address."""
    who = next(one.who for one in town.lists.values() if one.title == title)
    members = town.box.list_of(None)
    return {found.email for one in who if (found := members.find(one)) is not None}


def test_tags_and_interests_are_lists(town: Streamed) -> None:
    """Each with its members, by the id that stays, and what changes is seen though no stamp moves."""
    who, other = reader(town), reader(town, 1)
    town.box.human_tag(who, "VIP")
    home = "/3.0/lists/a1b2c3d4e5"
    category = ask(town, "POST", f"{home}/interest-categories", {"title": "Courses", "type": "checkboxes"})["id"]
    interest = ask(town, "POST", f"{home}/interest-categories/{category}/interests", {"name": "Rye"})["id"]
    town.box.list_of(None).find(who).interests[interest] = True  # type: ignore[union-attr]
    town.pull("segments")

    assert on(town, "VIP") == on(town, "Courses: Rye") == {who}
    assert {one.kind for one in town.lists.values()} == {"static", "interest"}
    town.box.human_untag(who, "VIP")
    town.box.human_tag(other, "VIP")
    town.pull("segments")
    assert on(town, "VIP") == {other}
    assert town.calls("segments") == 4
    vip = next(one.remote_id for one in town.lists.values() if one.title == "VIP")
    ask(town, "DELETE", f"{home}/segments/{vip}")
    town.pull("segments")
    assert "VIP" not in {one.title for one in town.lists.values()}


def ask(town: Streamed, method: str, path: str, json: object = None) -> Any:
    from werkzeug.test import Client

    headers = {"Authorization": "Bearer sandbox-mailchimp-demo-us0"}
    return Client(town.box.app).open(path, method=method, json=json, headers=headers).get_json(silent=True)


def test_a_large_audience_is_asked_for_what_moved(small: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit only segments that show another count are read."""
    for number in range(30):
        small.box.human_tag(reader(small, number), "Regulars")
    monkeypatch.setattr("connectors.mailchimp_segments.SMALL", 5)
    small.pull("segments")
    quiet = small.calls("segments")
    small.box.human_tag(reader(small, 30), "Regulars")
    moved = small.calls("segments")

    assert (quiet, moved) == (2, 5)
    assert len(on(small, "Regulars")) == 31


@pytest.mark.parametrize("how", ["insert", "remove", "move", "repeat", "skip"])
def test_a_shifting_audience_hides_nobody(small: Streamed, how: str) -> None:
    """Everybody with a tag is found though the listing moves."""
    everybody = {member.email for member in small.box.list_of(None).members.values() if member.status == "subscribed"}
    for one in everybody:
        small.box.human_tag(one, "All")
    small.box.faults.add("page_shift", path="*/members", skip=2, how=how)
    small.pull("segments")

    assert on(small, "All") >= everybody


@pytest.mark.parametrize("faults", [(), ("lost_answer",), ("error_after",), ("rate_limit",)])
def test_put_on_list_twice_changes_nothing(town: Streamed, faults: tuple[str, ...]) -> None:
    """Members come and go by record or address, under one list of that name, and every subscription stays."""
    members = list(town.box.list_of(None).members.values())
    statuses = [member.status for member in members]
    subscribed = [member for member in members if member.status == "subscribed"]
    add, remove = [one.contact_id for one in subscribed[:50]], [one.contact_id for one in subscribed[50:55]]
    for one in subscribed[50:55]:
        town.box.human_tag(one.email, "Other")
    for kind in faults:
        town.box.faults.add(kind, method="POST", path="*/segments")
    first = town.joined.connector.put_on_list("Welcome", "", add, [])
    again = town.joined.connector.put_on_list("Welcome", "", [subscribed[0].email, *add[1:]], remove)
    named = town.joined.connector.put_on_list("Welcome", first.listing, [], [*remove, "nobody"])
    town.pull("segments")

    assert first == again == named
    assert first.refused == {}
    assert on(town, "Welcome") == {one.email for one in subscribed[:50]}
    assert [one.title for one in town.lists.values()].count("Welcome") == 1
    assert [member.status for member in members] == statuses
    off = town.joined.connector.put_on_list("Welcome", first.listing, [], add)
    town.pull("segments")
    assert (off.refused, on(town, "Welcome")) == ({}, set())
    assert [member.status for member in members] == statuses


def test_who_cannot_be_listed_is_refused_with_the_reason(town: Streamed) -> None:
    """Those who are gone, those whom Mailchimp would not take, and everybody where the list is gone."""
    one, other = (town.contact(reader(town, n)) for n in range(2))
    town.box.faults.add("partial", path="*/segments/*", every=2)
    told = town.joined.connector.put_on_list("Welcome", "", [one, other, "nobody", "stranger@example.org"], [])
    missing = town.joined.connector.put_on_list("Welcome", "99", [one], [])

    assert {who: why.split()[-1] for who, why in told.refused.items()} == {
        other: "occurred.",
        "nobody": "more",
        "stranger@example.org": "list",
    }
    assert (missing.listing, list(missing.refused)) == ("", [one])


def test_a_large_list_is_filled_in_batches(town: Streamed) -> None:
    """Five hundred a call each way; many records are looked up in the listing."""
    addresses = [f"person{n}@example.org" for n in range(1200)]
    town.box.load([{"email_address": one, "status": "subscribed"} for one in addresses])
    records = [town.contact(one) for one in addresses]
    town.joined.wire.sent.clear()
    told = town.joined.connector.put_on_list("Many", "", records, [])

    assert told.refused == {}
    assert sum(sent.method == "POST" for sent in town.joined.wire.sent) == 4
    assert len(town.joined.wire.sent) <= 8


# -- orders, notes, fields ---------------------------------------------------------------------------------------------


def test_orders_are_deals(town: Streamed) -> None:
    """A paid order is won when it was paid; without a shop there is nothing to ask."""
    assert town.calls("orders") == 1
    town.box.human_open_store("shop", "The shop")
    who = reader(town)
    town.box.human_order(who, 12.5, "Stollen")
    pages = town.pull("orders")
    facts = [town.joined.connector.facts("orders", item) for page in pages for item in page.items]
    deal = facts[0].deals[0]

    assert (deal.title, deal.state, deal.amount, deal.currency, deal.who) == (
        "Stollen",
        DealState.WON,
        1250,
        "EUR",
        (who,),
    )
    assert deal.closed == deal.opened > 0
    assert pages[-1].complete
    assert town.calls("orders") == 2


@pytest.mark.parametrize("how", ["insert", "remove", "skip"])
def test_many_orders_are_paged_and_resumed(small: Streamed, how: str) -> None:
    """All orders come, stopped after every page and though the listing shifts; unchanged they cost one page."""
    small.box.human_open_store("shop", "The shop")
    for number in range(40):
        small.box.human_order(reader(small, number % 20), float(number))
    small.box.faults.add("page_shift", path="*/ecommerce/orders", skip=1, how=how)
    while not small.take("orders", stop=1)[-1].last:
        pass

    assert len([body for body in small.bodies.values() if b"order_total" in body]) == 40
    assert small.calls("orders") == 2


@pytest.mark.parametrize("touches", [True, False])
def test_notes_are_touchpoints(touches: bool) -> None:
    """All notes of a member, not the last alone; at once where they move the member's stamp, else in a full pull."""
    with streamed(switches=Switches(notes_touch=touches)) as town:
        who = reader(town)
        town.box.human_note(who, "Likes rye")
        town.box.human_note(who, "Has a dog")
        first = town.calls("notes")
        town.joined.clock.advance(LATER * 2)
        town.box.human_note(reader(town, 1), "Allergic to nuts")
        town.pull("notes")
        found = {touch.detail for touch in town.touches.values()}
        town.pull("notes", full=True)

        assert first == 2
        assert found == {"Likes rye", "Has a dog", *(["Allergic to nuts"] if touches else [])}
        assert len({touch.detail for touch in town.touches.values()}) == 3
        assert {touch.kind for touch in town.touches.values()} == {Touch.NOTED}


@pytest.mark.parametrize("touches", [True, False])
def test_events_are_touchpoints(touches: bool) -> None:
    """All events of a member, equal ones too; at once where they move the member's stamp, else in a full pull."""
    with streamed(switches=Switches(notes_touch=touches)) as town:
        who, other = reader(town), reader(town, 1)
        for _ in range(2):
            town.box.human_event(who, "visited", {"page": "Courses"})
        town.box.human_event(who, "booked")
        town.calls("events")
        first = [touch.detail for touch in town.touches.values()]
        town.joined.clock.advance(LATER * 2)
        town.box.human_event(other, "visited", {"page": "Rye"})
        town.pull("events")
        found = {touch.detail for touch in town.touches.values()}
        town.pull("events", full=True)

        assert sorted(first) == ["booked", "visited (page: Courses)", "visited (page: Courses)"]
        assert found == {*first, *(["visited (page: Rye)"] if touches else [])}
        assert len(town.touches) == 4
        assert {touch.kind for touch in town.touches.values()} == {Touch.UNKNOWN}
        assert {touch.who for touch in town.touches.values()} == {town.contact(who), town.contact(other)}


def test_only_changed_members_are_asked_for_events(town: Streamed) -> None:
    """The first pull asks for everybody, in batch jobs; the next one for the last one who changed, in case."""
    first = town.calls("events")
    town.joined.clock.advance(LATER * 2)
    quiet = town.calls("events")
    town.box.human_update(reader(town), {"FNAME": "Ada"})
    after = town.calls("events")

    assert first < len(town.box.list_of(None).members) / 4
    assert (quiet, after) == (2, 3)


def test_a_pull_of_events_goes_on_where_it_was_cut(town: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page says whom it ends with; from any page on, the rest brings what is missing and nothing twice."""
    monkeypatch.setattr("connectors.mailchimp_events.BATCH_SIZE", 7)
    for place in range(5):
        town.box.human_event(reader(town, place), "booked", {"course": str(place)})
    pages = list(town.joined.connector.stream_pages("events", None))
    everything = [touch for page in pages if page.facts for touch in page.facts.touchpoints]
    for done, page in enumerate(pages[:-1], 1):
        rest = list(town.joined.connector.stream_pages("events", page.cursor))
        before = [touch for one in pages[:done] if one.facts for touch in one.facts.touchpoints]
        after = [touch for one in rest if one.facts for touch in one.facts.touchpoints]

        assert before + after == everything
    assert len(everything) == 5


def test_more_events_than_a_page_are_read_whole(town: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, and once more from the start where one came meanwhile."""
    monkeypatch.setattr("connectors.mailchimp_events.PAGE_SIZE", 3)
    who = reader(town)
    for number in range(7):
        town.box.human_event(who, "visited", {"page": str(number)})
    town.pull("events")

    assert sorted(touch.detail for touch in town.touches.values()) == [f"visited (page: {n})" for n in range(7)]


def wanted(town: Streamed, label: str, kind: Kind = Kind.TEXT, tag: str = "") -> Any:
    return town.joined.connector.wanted_field(label, kind, tag)


@pytest.mark.parametrize("fault", ["", "lost_answer", "lost_request"])
def test_a_missing_field_is_made_on_request(town: Streamed, fault: str) -> None:
    """Once, whatever becomes of the answer; one that is there is left alone."""
    connector = town.joined.connector
    cake = wanted(town, "Favourite cake")
    if fault:
        town.box.faults.add(fault, method="POST", path="*/merge-fields")
    try:
        made = connector.add_field(cake)
    except Failure:
        assert fault == "lost_request"
        made = connector.add_field(cake)
    again = connector.add_field(wanted(town, "Favourite cake"))

    assert made == again == cake
    assert (made.remote, made.type) == ("merge_fields.FAVOURITE", "text")
    assert town.box.merge_tags().count("FAVOURITE") == 1


def test_a_tag_is_made_of_the_name_and_free(town: Streamed) -> None:
    """At most ten letters, digits and underscores, not one that is taken or means something else in a mail."""
    connector = town.joined.connector
    tags = []
    for label in ("Favourite cake", "Favourite bun", "E-Mail", "Пирог", "To", "Tür 7"):
        tags.append(connector.add_field(wanted(town, label)).remote.removeprefix("merge_fields."))

    assert tags == ["FAVOURITE", "FAVOURITE2", "E_MAIL", "FIELD", "TO2", "T_R_7"]
    assert wanted(town, "Rye day", tag="rye").remote == "merge_fields.RYE"


REFUSED = (
    ("Bread", Kind.TEXT, "FAVOURITE_BREAD", "no tag"),
    ("Bread", Kind.TEXT, "BRÖT", "no tag"),
    ("Bread", Kind.TEXT, "EMAIL", "something else"),
    ("Bread", Kind.TEXT, "FNAME", 'a field "First Name" already'),
    ("first name", Kind.TEXT, "", 'a field "First Name" already'),
    ("First Name", Kind.NUMBER, "", "the type text"),
    ("Bread", Kind.FLAG, "", "no field for flag"),
)


@pytest.mark.parametrize(("label", "kind", "tag", "said"), REFUSED)
def test_what_cannot_be_made_is_refused_before_it_is_asked_for(
    town: Streamed, label: str, kind: Kind, tag: str, said: str
) -> None:
    """Long or odd tags, taken names, other types: a sentence, and no call that writes."""
    writes = town.box.writes.total()
    with pytest.raises(ValueError, match=said):
        wanted(town, label, kind, tag)

    assert town.box.writes.total() == writes


def test_a_full_audience_takes_no_further_field(town: Streamed) -> None:
    """Mailchimp's own limit is its plan's: its words are told, and nothing is made."""
    number = 0
    while len(town.box.merge_tags()) < town.box.switches.most_fields:
        town.box.add_merge_field(f"F{number}", f"Field {number}", "text")
        number += 1
    before = town.box.merge_tags()
    with pytest.raises(ValueError, match="Mailchimp refused the field CAKE"):
        town.joined.connector.add_field(wanted(town, "Cake"))

    assert town.box.merge_tags() == before


# -- all of it ---------------------------------------------------------------------------------------------------------


def test_streams_begin_and_settle(town: Streamed) -> None:
    """Every stream is pulled twice: the second run brings no item that the first did not."""
    town.box.human_open_store("shop", "The shop")
    town.box.human_order(reader(town), 5.0)
    town.box.human_note(reader(town), "Likes rye")
    names = [stream.name for stream in town.joined.connector.streams]
    for name in names:
        town.pull(name)
    bodies, touches = dict(town.bodies), set(town.touches)
    for name in names:
        town.pull(name)

    assert (town.bodies, set(town.touches)) == (bodies, touches)
    assert town.joined.connector.lists_in in names
    with pytest.raises(NotOffered):
        town.joined.connector.stream_pages("companies", None)
    with pytest.raises(NotOffered):
        town.joined.connector.facts("companies", next(iter(town.pull("orders")[0].items)))
    for name in ("segments", "orders", "notes"):
        item = town.pull("orders")[0].items[0]
        with pytest.raises(ValueError, match=r"is no|holds no"):
            town.joined.connector.facts(name, type(item)(item.remote_id, b"[]", b""))


@described.needs_specs
def test_each_call_is_as_described(town: Streamed) -> None:
    """Every operation is used once at least; requests and answers hold against the closed description."""
    assert town.seen is not None
    town.box.human_open_store("shop", "The shop")
    town.box.human_order(reader(town), 5.0)
    town.box.human_note(reader(town), "Likes rye")
    town.box.human_event(reader(town), "visited", {"page": "Courses"})
    for name in ("activity", "segments", "orders", "notes", "events"):
        town.pull(name)
    town.box.human_click(reader(town))
    town.pull("activity")
    connector: Any = town.joined.connector
    connector.put_on_list("Welcome", "", [town.contact(reader(town))], [])
    connector.add_field(connector.wanted_field("Favourite cake", Kind.PHONE))
    print(town.seen.report())

    assert town.seen.violations == []
    assert len(town.seen.counts) >= 16


def test_the_pages_of_a_pull_never_go_back(small: Streamed) -> None:
    """Within one list of one campaign the offset only grows, unless rows vanished."""
    pages = small.pull("activity")
    places = [page.cursor["at"] for page in pages if page.cursor["at"]]

    for one, other in pairwise(places):
        if (one["id"], one["due"]) == (other["id"], other["due"]):
            assert other["offset"] > one["offset"]
