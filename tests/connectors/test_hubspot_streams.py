"""HubSpot's streams and lists, on the sandbox."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Cursor, Raw, StreamPage
from connectors.deeds import Task
from connectors.errors import Failure, Later, NotOffered, TooNarrow
from connectors.hubspot_facts import facts_of, smallest
from connectors.hubspot_touches import CALL_OUTCOMES, TOUCHES
from mapping.facts import By, Channel, DealState, Facts, Feedback, Listing, Tie, Touch, Touchpoint, Way
from sandbox import hubspot_associations, hubspot_search
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.hubspot_access import ALL_SCOPES
from sandbox.town import Town, build_town, populate
from sandbox.town_business import populate_business, with_business
from tests import described as descriptions
from tests.connectors.joined import Joined, Watched, open_hubspot
from tests.connectors.test_described import SORTS
from tests.described import Described
from tests.sandbox.hubspot_objects import FILES

OBJECTS = ("companies", "deals", "tickets", "calls", "emails", "meetings", "notes", "tasks", "feedback_submissions")
LONG_AGO = 1_700_000_000_000
FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("rate_limit", {}),
    ("rate_limit", {"retry_after": 3}),
    ("error_before", {"status": 502}),
    ("lost_answer", {}),
    ("lost_request", {}),
    ("html", {"status": 200}),
    ("answer_twice", {}),
]


@dataclass
class Reader:
    """Pulls streams and remembers where each goes on."""

    joined: Joined
    cursors: dict[str, Cursor] = field(default_factory=dict)

    def pages(self, name: str, *, full: bool = False) -> list[StreamPage]:
        found = []
        for page in self.joined.connector.stream_pages(name, self.cursors.get(name), full=full):
            # what is stored is JSON
            self.cursors[name] = json.loads(json.dumps(page.cursor))
            found.append(page)
        return found

    def items(self, name: str, *, full: bool = False) -> dict[str, Raw]:
        return {item.remote_id: item for page in self.pages(name, full=full) for item in page.items}

    def facts(self, name: str) -> Facts:
        return merged(self.joined.connector.facts(name, item) for item in self.items(name, full=True).values())


def merged(many: Iterable[Facts]) -> Facts:
    whole = Facts()
    for one in many:
        whole.organizations += one.organizations
        whole.ties += one.ties
        whole.touchpoints += one.touchpoints
        whole.deals += one.deals
        whole.feedback += one.feedback
        whole.listings += one.listings
    return whole


@pytest.fixture
def clock() -> SimClock:
    return SimClock()


@pytest.fixture
def joined(clock: SimClock) -> Joined:
    return open_hubspot(HubSpotSandbox(clock=clock), clock)


@pytest.fixture
def reader(joined: Joined) -> Reader:
    return Reader(joined)


def millis(clock: SimClock) -> int:
    return int(clock().timestamp() * 1000)


def load(joined: Joined, kind: str, count: int, stamp: int = LONG_AGO, step: int = 0, **props: str) -> list[str]:
    """Objects as an account with a past holds them, changed at *stamp* and each *step* milliseconds later."""
    named = {"companies": "name", "deals": "dealname", "calls": "hs_call_title", "contacts": "lastname"}[kind]
    records = [
        {"properties": {named: f"{kind} {n}", **props}, "createdate": stamp, "lastmodifieddate": stamp + n * step}
        for n in range(count)
    ]
    return [str(number) for number in joined.sandbox.load(records, kind)]


# -- the town --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def town() -> Town:
    return with_business(build_town(people=700, seed=6))[0]


@pytest.fixture(scope="module")
def told(town: Town) -> Iterator[tuple[Mapping[str, Facts], Joined]]:
    """Everything that the streams of a whole town say, read once."""
    clock = SimClock()
    box = HubSpotSandbox(clock=clock)
    populate(town, box, None)
    populate_business(with_business(build_town(people=700, seed=6))[1], box)
    joined = open_hubspot(box, clock)
    reader = Reader(joined)
    yield {name: reader.facts(name) for name in (*OBJECTS, "lists")}, joined
    print(dict(joined.connector.calls()))


def test_a_whole_town_has_every_object_once(town: Town, told: tuple[Mapping[str, Facts], Joined]) -> None:
    """As many companies, deals and activities as there truly are."""
    assert town.truth.business is not None
    facts, _ = told
    counts = town.truth.business.counts

    assert len({one.remote_id for one in facts["companies"].organizations}) == counts["companies"]
    assert len({one.remote_id for one in facts["deals"].deals}) == counts["deals"]
    for name in OBJECTS[2:]:
        keys = {one.key for one in facts[name].touchpoints} | {one.key for one in facts[name].feedback}

        assert len(keys) == counts[name]


def test_people_work_where_they_truly_work(town: Town, told: tuple[Mapping[str, Facts], Joined]) -> None:
    """The primary company of each contact is its workplace; other companies are ties, too."""
    assert town.truth.business is not None
    places = town.truth.business.workplaces
    expected = {contact: company for there in places.values() for contact, company in there.items()}
    ties = told[0]["companies"].ties

    assert {tie.who: tie.organization for tie in ties if tie.primary} == expected
    assert len(ties) == town.truth.business.counts["contacts–companies"]


def test_what_people_spent_is_exact(town: Town, told: tuple[Mapping[str, Facts], Joined]) -> None:
    """Won deals summed by person and currency, to the cent; won when the truth says."""
    assert town.truth.business is not None
    business = town.truth.business
    owner = {contact: person.person for person in town.truth.people for contact in person.contacts}
    sums: dict[str, Counter[str]] = {}
    won = {}
    for deal in told[0]["deals"].deals:
        if deal.state is DealState.WON:
            won[deal.remote_id] = deal.closed
            for who in deal.who:
                sums.setdefault(owner[who], Counter())[deal.currency] += deal.amount
    expected = {
        person: {currency: int(Decimal(text) * 100) for currency, text in business.spent(person).items()}
        for person in business.won
    }
    true = {deal.deal: stamp_of(deal.closed) for deals in business.won.values() for deal in deals}

    assert {person: {c: n for c, n in found.items() if n} for person, found in sums.items()} == expected
    assert won == true


def stamp_of(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def test_what_happened_is_told_with_who_did_it(town: Town, told: tuple[Mapping[str, Facts], Joined]) -> None:
    """Each touch is its person's, at its time, in its direction, and by a machine where a machine did it."""
    assert town.truth.business is not None
    business = town.truth.business
    owner = {contact: person.person for person in town.truth.people for contact in person.contacts}
    ways = {"INBOUND": Way.IN, "INCOMING_EMAIL": Way.IN, "OUTBOUND": Way.OUT, "EMAIL": Way.OUT}
    expected = {
        (touch.kind, f"{TOUCHES[touch.kind].word}:{touch.record}"): (
            touch.person,
            stamp_of(touch.at),
            ways.get(touch.direction, Way.NONE),
            touch.machine,
        )
        for touch in business.touches
    }
    found = {
        (name, touch.key): (owner[touch.who], touch.at, touch.way, touch.by is By.MACHINE)
        for name in OBJECTS[3:]
        for touch in told[0][name].touchpoints
    }
    unknown = Counter(name for name in OBJECTS[2:] for one in told[0][name].touchpoints if one.by is By.UNKNOWN)
    print(f"{len(found)} touches; by nobody knows whom: {dict(unknown)}")

    assert found == expected
    assert set(unknown) <= {"tickets"}
    assert all(one.way is Way.IN and one.detail for one in told[0]["tickets"].touchpoints)


def test_the_lists_of_the_town(told: tuple[Mapping[str, Facts], Joined]) -> None:
    """Each list has its kind and everybody on it."""
    facts, joined = told
    box = joined.sandbox
    expected = {one.name: {str(id) for id in box.lists.members(one)} for one in box.lists.living()}

    assert {one.title: set(one.who) for one in facts["lists"].listings} == expected
    assert {one.title: one.kind for one in facts["lists"].listings} == {
        "Stammkunden": "static",
        "Schon telefoniert": "dynamic",
    }
    assert all(one.whole for one in facts["lists"].listings)


def test_keys_are_short_and_times_known(told: tuple[Mapping[str, Facts], Joined]) -> None:
    """A key fits its column, and no touchpoint is without a time."""
    touches = [touch for name in OBJECTS[2:] for touch in told[0][name].touchpoints]

    assert max(len(touch.key) for touch in touches) <= 64
    assert min(touch.at for touch in touches) > 0


# -- pulling ---------------------------------------------------------------------------------------


def test_a_full_pull_reads_a_thousand_in_few_calls(reader: Reader) -> None:
    """Ten pages, one call for all associations, and what stands beside."""
    load(reader.joined, "companies", 1000, hubspot_owner_id="501")
    load(reader.joined, "deals", 1000, amount="1", deal_currency_code="EUR", dealstage="closedwon")
    load(reader.joined, "calls", 1000)
    made = {}
    for name in ("companies", "deals", "calls"):
        before = len(reader.joined.wire.sent)
        pages = reader.pages(name)
        made[name] = len(reader.joined.wire.sent) - before

        assert sum(len(page.items) for page in pages) == 1000
        assert pages[-1].complete
        assert pages[0].total == 1000
    print(f"calls for 1,000 objects: {made}")

    # the count, ten pages, the archived ones, associations; owners twice; the stages
    assert made == {"companies": 15, "deals": 15, "calls": 13}


@pytest.mark.parametrize(("kind", "more"), FAULTS)
@pytest.mark.parametrize("path", ["*/objects/companies", "*/batch/read", "*/owners/", "*/objects/companies/search"])
def test_a_pull_survives_each_fault(reader: Reader, path: str, kind: str, more: dict[str, Any]) -> None:
    """Whatever one answer does, each company comes once with who works there."""
    ids = load(reader.joined, "companies", 230, hubspot_owner_id="501")
    (ada,) = load(reader.joined, "contacts", 1)
    reader.joined.sandbox.human_associate("contacts", ada, "companies", ids[7])
    reader.joined.sandbox.faults.add(kind, path=path, **more)

    pages = reader.pages("companies")
    facts = merged(facts_of("companies", item) for page in pages for item in page.items)

    assert sorted(one.remote_id for one in facts.organizations) == sorted(ids)
    assert facts.ties == [Tie(ada, ids[7], "", primary=True)]
    assert {one.fields["owner"] for one in facts.organizations} == {"Owner One"}
    assert pages[-1].complete
    assert reader.joined.sandbox.faults.seen[kind] == 1


@pytest.mark.parametrize("how", ["insert", "remove", "move", "repeat"])
def test_a_page_that_shifts_loses_nobody(reader: Reader, how: str) -> None:
    """Whoever was there all the time comes, although the listing moves under the reader."""
    ids = load(reader.joined, "companies", 350)
    reader.joined.sandbox.faults.add("page_shift", path="*/objects/companies", how=how)

    found = reader.items("companies")

    assert set(found) >= set(ids[1:])


def test_only_what_changed_comes_again(reader: Reader, clock: SimClock) -> None:
    """After a full pull, a change; the newest comes along, since a stamp may cover two edits."""
    ids = load(reader.joined, "companies", 30, step=200_000)
    reader.pages("companies")
    clock.advance(600)
    reader.pages("companies")
    reader.joined.sandbox.human_update_object("companies", ids[3], {"city": "York"})
    clock.advance(600)

    changed = reader.items("companies")
    clock.advance(600)
    reader.items("companies")
    clock.advance(600)
    settled = list(reader.items("companies"))

    assert settled == [ids[3]]
    assert list(changed) == [ids[-1], ids[3]]
    assert facts_of("companies", changed[ids[3]]).organizations[0].fields["city"] == "York"
    assert not any(page.complete for page in reader.pages("companies"))


def test_a_late_index_is_covered_by_the_overlap(clock: SimClock) -> None:
    """What the index shows a minute late comes with the next pull, although the watermark has passed it."""
    reader = Reader(open_hubspot(HubSpotSandbox(clock=clock, late_index=60.0), clock))
    early, late = load(reader.joined, "companies", 2, millis(clock))
    reader.items("companies")
    clock.advance(600)
    reader.items("companies")
    reader.joined.sandbox.human_update_object("companies", late, {"city": "Late"})
    clock.advance(1)
    reader.items("companies")
    clock.advance(61)

    assert late in reader.items("companies")
    clock.advance(600)
    reader.items("companies")
    assert early not in reader.items("companies")


@pytest.mark.parametrize("ties", ["arbitrary", "id"])
@pytest.mark.parametrize("step", [0, 1])
def test_more_changes_than_a_search_shows_all_come(
    clock: SimClock, monkeypatch: pytest.MonkeyPatch, step: int, ties: str
) -> None:
    """Past the cap of a search they are walked: by their stamps, or by their ids where one stamp covers them all."""
    monkeypatch.setattr(hubspot_search, "CAP", 450)
    reader = Reader(open_hubspot(HubSpotSandbox(clock=clock, ties=ties), clock))
    reader.pages("companies")
    ids = load(reader.joined, "companies", 1030, millis(clock), step)

    items = [item.remote_id for page in reader.pages("companies") for item in page.items]

    assert set(items) == set(ids)
    # a page of one stamp alone is read again by id
    assert len(items) <= len(ids) + 200


def test_archived_objects_are_gone(reader: Reader, clock: SimClock) -> None:
    """In a full pull and in the next one; nothing else is called gone."""
    ids = load(reader.joined, "companies", 10)
    reader.joined.sandbox.human_delete_object("companies", ids[0])
    first = reader.pages("companies")
    clock.advance(600)
    reader.joined.sandbox.human_delete_object("companies", ids[1])
    second = reader.pages("companies")

    assert [one for page in first for one in page.gone] == [ids[0]]
    assert ids[0] not in {item.remote_id for page in first for item in page.items}
    assert [one for page in second for one in page.gone] == ids[:2]


def test_what_was_merged_away_is_gone(reader: Reader, clock: SimClock) -> None:
    """The winner tells, and has the people of both."""
    keep, lose = load(reader.joined, "companies", 2)
    people = load(reader.joined, "contacts", 2)
    for one, firm in zip(people, (keep, lose), strict=True):
        reader.joined.sandbox.human_associate("contacts", one, "companies", firm)
    reader.pages("companies")
    clock.advance(600)
    reader.joined.sandbox.human_merge_objects("companies", keep, lose)
    clock.advance(600)

    pages = reader.pages("companies")
    facts = merged(facts_of("companies", item) for page in pages for item in page.items)

    assert [one for page in pages for one in page.gone] == [lose]
    assert [one.remote_id for one in facts.organizations] == [keep]
    assert [tie.who for tie in facts.ties] == people


def test_searches_keep_their_own_pace(reader: Reader, clock: SimClock) -> None:
    """Five a second and no more, so that HubSpot need refuse none; associations wait for nothing."""
    reader.pages("companies")
    load(reader.joined, "companies", 3000, millis(clock), 1)
    before, calls = clock(), reader.joined.connector.calls()["search companies"]
    statuses: Counter[int] = Counter()
    send = reader.joined.wire.send

    def counted(*given: Any) -> Any:
        answer = send(*given)
        statuses[answer.status] += 1
        return answer

    reader.joined.wire.send = counted  # type: ignore[method-assign, assignment]
    reader.pages("companies")
    made = reader.joined.connector.calls()["search companies"] - calls

    assert made >= 15
    assert set(statuses) == {200, 207}
    assert (clock() - before).total_seconds() >= (made - 5) / 5


def test_a_pull_goes_on_where_it_was_stopped(reader: Reader) -> None:
    """Each stored cursor is a place to continue from; what was read before a failure is not lost."""
    ids = load(reader.joined, "companies", 1250)
    reader.joined.sandbox.faults.add("error_before", path="*/objects/companies", skip=11, times=9, status=500)
    first = []
    with pytest.raises(Later):
        for page in reader.joined.connector.stream_pages("companies", None):
            reader.cursors["companies"] = page.cursor
            first += [item.remote_id for item in page.items]

    rest = [item.remote_id for page in reader.pages("companies") for item in page.items]

    assert (len(first), len(rest)) == (1100, 150)
    assert set(first) | set(rest) == set(ids)


@pytest.mark.parametrize("seed", range(6))
def test_chance_faults_end_in_everything_or_a_failure(reader: Reader, seed: int) -> None:
    """However often it must begin again, in the end all objects are there, and their ties."""
    box = reader.joined.sandbox
    ids = load(reader.joined, "companies", 260)
    people = load(reader.joined, "contacts", 40)
    for place, one in enumerate(people):
        box.human_associate("contacts", one, "companies", ids[place])
    faults = ("rate_limit", "error_before", "lost_answer", "lost_request", "html", "answer_twice")
    box.faults.random(0.4, seed, faults)
    found: dict[str, Raw] = {}
    for _ in range(60):
        try:
            for page in reader.joined.connector.stream_pages("companies", reader.cursors.get("companies")):
                reader.cursors["companies"] = page.cursor
                found |= {item.remote_id: item for item in page.items}
            break
        except Failure:
            continue
    ties = merged(facts_of("companies", item) for item in found.values()).ties

    assert set(found) == set(ids)
    assert {tie.who: tie.organization for tie in ties} == dict(zip(people, ids, strict=False))


# -- associations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", ["described", "observed"])
@pytest.mark.parametrize("none", ["207", "omit"])
def test_labels_and_the_primary_company(clock: SimClock, answers: str, none: str) -> None:
    """One tie per person, with the account's own labels, however HubSpot spells numbers and nothing."""
    box = HubSpotSandbox(clock=clock, association_answers=answers, no_associations=none)
    reader = Reader(open_hubspot(box, clock))
    first, second, empty = load(reader.joined, "companies", 3)
    ada, bob = load(reader.joined, "contacts", 2)
    label = box.human_add_label("contacts", "companies", "Buys for", "Buyer")
    box.human_associate("contacts", ada, "companies", first, primary=True)
    box.human_associate("contacts", ada, "companies", second, label)
    box.human_associate("contacts", bob, "companies", second, label, primary=True)

    facts = reader.facts("companies")

    assert sorted(facts.ties) == sorted(
        [
            Tie(ada, first, "", primary=True),
            Tie(ada, second, "Buyer", primary=False),
            Tie(bob, second, "Buyer", primary=True),
        ]
    )
    assert empty in {one.remote_id for one in facts.organizations}


def test_a_company_with_very_many_people_is_read_page_by_page(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its associations come in pages of their own; a page that comes again ends the pull."""
    monkeypatch.setattr(hubspot_associations.AssociationsApi, "page_size", 7)
    big, small = load(reader.joined, "companies", 2)
    people = load(reader.joined, "contacts", 40)
    reader.joined.sandbox.load_associations("contacts", "companies", [(int(one), int(big), True) for one in people])
    reader.joined.sandbox.load_associations("contacts", "companies", [(int(people[0]), int(small), False)])

    facts = reader.facts("companies")
    reader.joined.sandbox.faults.add("page_shift", path="*/batch/read", how="repeat", times=3)
    again = reader.facts("companies")

    assert [tie.who for tie in facts.ties if tie.organization == big] == people
    assert [tie.who for tie in facts.ties if tie.organization == small] == [people[0]]
    assert again.ties == facts.ties


def test_an_association_that_changes_changes_the_item(reader: Reader) -> None:
    """The company's own record is the same, byte for byte; its item is not."""
    (one,) = load(reader.joined, "companies", 1)
    (ada,) = load(reader.joined, "contacts", 1)
    before = reader.items("companies", full=True)[one]
    same = reader.items("companies", full=True)[one]
    reader.joined.sandbox.human_associate("contacts", ada, "companies", one)
    after = reader.items("companies", full=True)[one]

    assert same.digest == before.digest
    assert after.digest != before.digest
    assert facts_of("companies", after).organizations == facts_of("companies", before).organizations


def test_a_pull_of_changes_sees_what_moved_a_stamp(clock: SimClock) -> None:
    """Where an association moves the stamps of both ends, the next pull shows it."""
    reader = Reader(open_hubspot(HubSpotSandbox(clock=clock, associating_touches=True), clock))
    (one,) = load(reader.joined, "companies", 1)
    (ada,) = load(reader.joined, "contacts", 1)
    reader.pages("companies")
    clock.advance(600)
    reader.joined.sandbox.human_associate("contacts", ada, "companies", one)
    clock.advance(600)

    (item,) = reader.items("companies").values()

    assert [tie.who for tie in facts_of("companies", item).ties] == [ada]


# -- what single objects say -----------------------------------------------------------------------


def test_a_company_in_our_words(reader: Reader) -> None:
    """Only what is not blank; numbers as numbers, the owner by name, a vendor is a supplier."""
    shown = {
        "name": "Café Eins",
        "domain": "eins.example",
        "numberofemployees": "12",
        "annualrevenue": "1000.5",
        "type": "VENDOR",
        "lifecyclestage": "customer",
        "hubspot_owner_id": "502",
        "country": " ",
    }
    reader.joined.sandbox.human_create_object("companies", shown)
    reader.joined.sandbox.human_create_object("companies", {"name": "Zwei", "type": "PROSPECT"})

    first, second = reader.facts("companies").organizations

    assert first.fields == {
        "name": "Café Eins",
        "domain": "eins.example",
        "employees": 12,
        "revenue": 1000.5,
        "stage": "retention",
        "role": "supplier",
        "owner": "Owner Two",
    }
    assert second.fields == {"name": "Zwei", "role": "prospect"}
    assert first.created == first.modified > 0


def test_deals_are_won_lost_or_open_with_their_money(reader: Reader) -> None:
    """An open deal has no end, a deal without a currency has the account's, and stages go by their labels."""
    (ada,) = load(reader.joined, "contacts", 1)
    closes = "2026-02-01T00:00:00.000Z"
    for stage, amount in (("closedwon", "12.345"), ("closedlost", ""), ("contractsent", "7")):
        shown = {"dealname": stage, "dealstage": stage, "amount": amount, "closedate": closes}
        reader.joined.sandbox.human_create_object("deals", shown, {"contacts": ada})

    deals = {deal.title: deal for deal in reader.facts("deals").deals}

    assert {title: deal.state.value for title, deal in deals.items()} == {
        "closedwon": "won",
        "closedlost": "lost",
        "contractsent": "open",
    }
    assert [deal.amount for deal in deals.values()] == [1235, 0, 700]
    assert {deal.currency for deal in deals.values()} == {"EUR"}
    assert [deal.closed for deal in deals.values()] == [stamp_of(closes), stamp_of(closes), 0]
    assert deals["closedwon"].stage == "Closed Won"
    assert {deal.who for deal in deals.values()} == {(ada,)}


def test_a_stage_tells_what_calculated_properties_do_not(reader: Reader) -> None:
    """Where an account does not show `hs_is_closed`, the pipeline says it."""
    for stage in ("closedwon", "closedlost", "contractsent"):
        reader.joined.sandbox.human_create_object("deals", {"dealname": stage, "dealstage": stage})
    states = []
    for item in reader.items("deals").values():
        body = json.loads(item.body)
        body["record"]["properties"] |= {"hs_is_closed": None, "hs_is_closed_won": None}
        states += [deal.state.value for deal in facts_of("deals", Raw.of("1", json.dumps(body).encode())).deals]

    assert states == ["won", "lost", "open"]


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("12.50", "EUR", 1250),
        ("1250", "JPY", 1250),
        ("1.2345", "KWD", 1235),
        ("-3", "USD", -300),
        ("0.005", "EUR", 1),
        ("1e3", "EUR", 100_000),
        ("5", "", 500),
        (None, "EUR", 0),
    ],
)
def test_money_is_counted_in_the_smallest_unit(amount: str | None, currency: str, units: int) -> None:
    """By the currency's own number of decimals; halves up."""
    assert smallest(amount, currency) == units


@pytest.mark.parametrize("amount", ["much", "NaN", "Infinity", "1e999999999"])
def test_an_amount_that_is_none_is_named(amount: str) -> None:
    """The object is refused with the reason; no sum is made up."""
    with pytest.raises(ValueError, match="is no number"):
        smallest(amount, "EUR")


Expected = tuple[Touch, Channel, Way, By, str]


@pytest.mark.parametrize(
    ("stream", "shown", "expected"),
    [
        (
            "emails",
            {"hs_email_direction": "EMAIL", "hs_email_subject": "Hi", "hs_object_source": "CRM_UI"},
            (Touch.WROTE, Channel.EMAIL, Way.OUT, By.PERSON, "Hi"),
        ),
        (
            "emails",
            {"hs_email_direction": "EMAIL", "hs_email_status": "BOUNCED", "hs_object_source": "WORKFLOWS"},
            (Touch.BOUNCED, Channel.EMAIL, Way.OUT, By.MACHINE, ""),
        ),
        (
            "emails",
            {"hs_email_direction": "EMAIL", "hs_email_status": "FAILED", "hs_object_source": "INTEGRATION"},
            (Touch.UNKNOWN, Channel.EMAIL, Way.OUT, By.UNKNOWN, "e-mail failed: "),
        ),
        (
            "emails",
            {"hs_email_direction": "INCOMING_EMAIL", "hs_email_headers": '{"Auto-Submitted": ["auto-replied; x"]}'},
            (Touch.REPLIED, Channel.EMAIL, Way.IN, By.MACHINE, ""),
        ),
        (
            "emails",
            {"hs_email_direction": "INCOMING_EMAIL", "hs_email_headers": '{"auto-submitted": "no"}'},
            (Touch.SENT, Channel.EMAIL, Way.IN, By.UNKNOWN, ""),
        ),
        (
            "emails",
            {"hs_email_headers": "auto-submitted: what is this", "hs_object_source": "EMAIL_INTEGRATION"},
            (Touch.WROTE, Channel.EMAIL, Way.NONE, By.PERSON, ""),
        ),
        (
            "calls",
            {"hs_call_direction": "INBOUND", "hs_object_source": "INTEGRATION", "hs_call_status": "NO_ANSWER"},
            (Touch.CALLED, Channel.PHONE, Way.IN, By.PERSON, "no answer"),
        ),
        (
            "calls",
            {"hs_call_direction": "OUTBOUND", "hs_object_source": "INTEGRATION", "hs_call_title": "Cake",
             "hs_call_disposition": next(iter(CALL_OUTCOMES))},
            (Touch.CALLED, Channel.PHONE, Way.OUT, By.UNKNOWN, "Cake: busy"),
        ),
        (
            "meetings",
            {"hs_meeting_outcome": "NO_SHOW", "hs_meeting_title": "Cake"},
            (Touch.UNKNOWN, Channel.MEETING, Way.NONE, By.PERSON, "meeting no show: Cake"),
        ),
        ("meetings", {"hs_meeting_title": "Cake"}, (Touch.MET, Channel.MEETING, Way.NONE, By.PERSON, "Cake")),
        ("notes", {"hs_object_source": "IMPORT"}, (Touch.NOTED, Channel.NOTE, Way.NONE, By.UNKNOWN, "")),
        (
            "tasks",
            {"hs_task_subject": "Call", "hs_object_source": "AUTOMATION_PLATFORM"},
            (Touch.TASKED, Channel.OTHER, Way.NONE, By.MACHINE, "Call"),
        ),
        (
            "tickets",
            {"subject": "Help", "source_type": "FORM", "hs_object_source": "INTEGRATION"},
            (Touch.TICKET, Channel.TICKET, Way.IN, By.PERSON, "Help"),
        ),
    ],
)  # fmt: skip
def test_what_an_activity_says(stream: str, shown: dict[str, str], expected: Expected) -> None:
    """One touchpoint per contact; who did it only where HubSpot says so."""
    record = {"id": "5", "properties": {"hs_timestamp": "2026-01-01T08:00:00.000Z", **shown}}
    body = json.dumps({"record": record, "contacts": [["7", "", False], ["8", "", False]]}).encode()

    touches = facts_of(stream, Raw.of("5", body)).touchpoints

    kind, channel, way, by, detail = expected
    key = f"{TOUCHES[stream].word}:5"
    assert touches == [
        Touchpoint(key, who, kind, 1_767_254_400_000, channel, way, by, "", detail) for who in ("7", "8")
    ]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({"hs_survey_type": "NPS", "hs_value": "9", "hs_content": " Gladly "}, ("nps", 9.0, "Gladly")),
        ({"hs_survey_type": "NPS", "hs_value": "0"}, ("nps", 0.0, "")),
        ({"hs_survey_type": "CSAT", "hs_value": "2"}, ("csat", 2.0, "")),
        ({"hs_survey_type": "CES", "hs_value": "7"}, ("ces", 7.0, "")),
        ({"hs_survey_type": "CUSTOM", "hs_value": "3"}, None),
        ({"hs_survey_type": "NPS"}, None),
    ],
)
def test_what_somebody_answers(shown: dict[str, str], expected: tuple[str, float, str] | None) -> None:
    """Counted as the survey counts; a survey of one's own making, or no number, is nothing to count."""
    record = {"id": "5", "properties": {"hs_submission_timestamp": "2026-01-01T08:00:00.000Z", **shown}}
    body = json.dumps({"record": record, "contacts": [["7", "", False]]}).encode()

    found = facts_of("feedback_submissions", Raw.of("5", body)).feedback

    one = [Feedback("feedback:5", "7", *expected[:2], 1_767_254_400_000, expected[2])] if expected else []
    assert found == one


def test_an_answer_that_is_no_number_is_refused() -> None:
    """With the stream and the item in the reason."""
    body = {"record": {"id": "5", "properties": {"hs_survey_type": "NPS", "hs_value": "many"}}}

    with pytest.raises(ValueError, match="many"):
        facts_of("feedback_submissions", Raw.of("5", json.dumps(body).encode()))


def test_the_answers_of_the_town(told: tuple[Mapping[str, Facts], Joined]) -> None:
    """Each answer is told once, of whom HubSpot puts it down to."""
    facts, joined = told
    box = joined.sandbox
    expected = {
        (f"feedback:{number}", str(who), record.props["hs_survey_type"].lower(), float(record.props["hs_value"]))
        for number, record in box.records["feedback_submissions"].state.records.items()
        for who in box.joined(("feedback_submissions", "contacts"), number)
    }

    found = [(one.key, one.who, one.kind, one.score) for one in facts["feedback_submissions"].feedback]

    assert len(found) > 20
    assert set(found) == expected
    assert len(found) == len(expected)
    assert {one.kind for one in facts["feedback_submissions"].feedback} == {"nps", "csat", "ces"}


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no", b'{"record":{"id":"1","properties":{"name":7}}}'])
@pytest.mark.parametrize("stream", [*OBJECTS, "lists"])
def test_what_is_no_object_is_refused(stream: str, body: bytes) -> None:
    """With the stream and the item in the reason."""
    with pytest.raises(ValueError, match=f"item 1 of {stream}"):
        facts_of(stream, Raw.of("1", body))


def test_a_stream_that_is_none(joined: Joined) -> None:
    """Is named."""
    with pytest.raises(NotOffered, match="weather"):
        joined.connector.stream_pages("weather", None)
    with pytest.raises(ValueError, match="weather"):
        facts_of("weather", Raw.of("1", b'{"record":{"id":"1","properties":{}}}'))


# -- rights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "scope"),
    [
        ("companies", "crm.objects.companies.read"),
        ("companies", "crm.objects.contacts.read"),
        ("deals", "crm.objects.deals.read"),
        ("deals", "crm.objects.companies.read"),
        ("tickets", "crm.objects.tickets.read"),
        ("emails", "sales-email-read"),
        ("notes", "crm.objects.contacts.read"),
        ("lists", "crm.lists.read"),
        ("feedback_submissions", "crm.objects.feedback_submissions.read"),
    ],
)
def test_a_missing_scope_is_named(joined: Joined, clock: SimClock, stream: str, scope: str) -> None:
    """The stream fails, and the sentence says which scope to add."""
    for kind in OBJECTS:
        joined.sandbox.human_create_object(kind, joined.sandbox.records[kind].kind.minimal)
    joined.sandbox.allow("sandbox-narrow", ALL_SCOPES - {scope})
    narrow = open_hubspot(joined.sandbox, clock, token="sandbox-narrow")

    with pytest.raises(TooNarrow, match=f"the scope {scope} is missing"):
        list(narrow.connector.stream_pages(stream, None))


def test_without_the_scope_of_owners_their_numbers_do(joined: Joined, clock: SimClock) -> None:
    """Nobody loses companies because owners may not be read."""
    joined.sandbox.human_create_object("companies", {"name": "A", "hubspot_owner_id": "501"})
    joined.sandbox.allow("sandbox-narrow", ALL_SCOPES - {"crm.objects.owners.read"})
    narrow = Reader(open_hubspot(joined.sandbox, clock, token="sandbox-narrow"))

    assert narrow.facts("companies").organizations[0].fields["owner"] == "501"


# -- lists -----------------------------------------------------------------------------------------


def members(joined: Joined, listing: str) -> set[str]:
    return {str(id) for id in joined.sandbox.lists.members(joined.sandbox.lists.find(listing))}


def test_putting_people_on_a_list_twice_changes_nothing(joined: Joined) -> None:
    """The list is made once, and has those that it should have."""
    people = load(joined, "contacts", 20)
    first = joined.connector.put_on_list("Regulars: gone quiet", "", people[:10], [])
    state = list(joined.sandbox.dump())
    second = joined.connector.put_on_list("Regulars: gone quiet", "", people[:10], [])
    third = joined.connector.put_on_list("Regulars: gone quiet", first.listing, people[:10], people[10:])

    assert first == second == third
    assert first.refused == {}
    assert members(joined, first.listing) == set(people[:10])
    assert list(joined.sandbox.dump()) == state
    assert joined.sandbox.lists.find(first.listing).processing == "MANUAL"


def test_people_leave_a_list_and_join_it(joined: Joined) -> None:
    """In one call; who is gone there is named, and who is to leave and not there is no trouble."""
    people = load(joined, "contacts", 6)
    made = joined.connector.put_on_list("Ours", "", people[:3], [])
    joined.sandbox.human_delete(people[4])
    before = len(joined.wire.sent)

    done = joined.connector.put_on_list("Ours", made.listing, people[3:5], [people[0], people[3], "999999"])

    assert len(joined.wire.sent) - before == 1
    assert done.refused == {people[4]: "HubSpot has no such contact any more"}
    assert members(joined, made.listing) == {people[1], people[2], people[3]}


def test_many_people_go_in_several_calls(joined: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most so many a call."""
    monkeypatch.setattr("connectors.hubspot_lists.CHANGE_SIZE", 7)
    people = load(joined, "contacts", 20)

    made = joined.connector.put_on_list("Ours", "", people, [])

    assert members(joined, made.listing) == set(people)
    assert joined.connector.calls()["change members"] == 3


@pytest.mark.parametrize("kind", ["lost_answer", "error_after", "lost_request", "answer_twice", "rate_limit", "html"])
@pytest.mark.parametrize("path", ["*/lists/", "*/add-and-remove"])
def test_a_lost_answer_makes_no_second_list(joined: Joined, path: str, kind: str) -> None:
    """Whatever becomes of the answer, one name is one list."""
    people = load(joined, "contacts", 3)
    joined.sandbox.faults.add(kind, path=path)

    made = joined.connector.put_on_list("Ours", "", people, [])

    assert [one.name for one in joined.sandbox.lists.living()] == ["Ours"]
    assert members(joined, made.listing) == set(people)
    assert joined.sandbox.faults.seen[kind] == 1


def test_a_list_that_takes_nobody_refuses_each(joined: Joined, clock: SimClock) -> None:
    """One that rules fill, one of companies with the same name, one that was deleted."""
    (ada,) = load(joined, "contacts", 1)
    joined.sandbox.human_create_list("By rules", "contacts", "DYNAMIC")
    joined.sandbox.human_create_list("Companies", "companies", "MANUAL")
    deleted = joined.sandbox.human_create_list("Deleted")
    joined.sandbox.human_delete_list(deleted)

    by_rules = joined.connector.put_on_list("By rules", "", [ada], [])
    taken = joined.connector.put_on_list("Companies", "", [ada], [])
    gone = joined.connector.put_on_list("Deleted", deleted, [ada], [])

    assert by_rules.refused == {ada: 'the list "By rules" is filled by rules there'}
    assert "already exists" in taken.refused[ada]
    assert taken.listing == ""
    assert "does not exist" in gone.refused[ada]
    assert gone.listing == deleted


def test_a_list_of_that_name_is_used_whatever_its_name_holds(joined: Joined) -> None:
    """Umlauts, slashes and quotes in a name are a name."""
    (ada,) = load(joined, "contacts", 1)
    for title in ("Grüße & Küsse", 'Say "hi"', "50 % / week?"):
        first = joined.connector.put_on_list(title, "", [ada], [])

        assert joined.connector.put_on_list(title, "", [ada], []) == first


def test_without_the_right_to_write_lists(joined: Joined, clock: SimClock) -> None:
    """The scope is named."""
    (ada,) = load(joined, "contacts", 1)
    joined.sandbox.allow("sandbox-narrow", ALL_SCOPES - {"crm.lists.write"})
    narrow = open_hubspot(joined.sandbox, clock, token="sandbox-narrow")

    with pytest.raises(TooNarrow, match=r"crm\.lists\.write"):
        narrow.connector.put_on_list("Ours", "", [ada], [])


@pytest.mark.parametrize("how", ["insert", "remove", "move", "repeat", "skip"])
def test_a_list_that_moves_while_it_is_read(reader: Reader, how: str) -> None:
    """Is read again until the count comes out."""
    people = load(reader.joined, "contacts", 700)
    listing = reader.joined.sandbox.human_create_list("Big", members=people[:600])
    reader.joined.sandbox.faults.add("page_shift", path="*/memberships", how=how)

    (found,) = reader.facts("lists").listings

    assert found == Listing(listing, "Big", found.who, "static", whole=True)
    assert set(found.who) == members(reader.joined, listing)


def test_lists_go_on_where_they_were_stopped(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page per list, of contacts alone, with several pages of lists."""
    monkeypatch.setattr("connectors.hubspot_lists.LISTS_SIZE", 2)
    made = [reader.joined.sandbox.human_create_list(f"List {n}") for n in range(5)]
    reader.joined.sandbox.human_create_list("Firms", "companies")
    first = next(iter(reader.joined.connector.stream_pages("lists", None)))
    reader.cursors["lists"] = first.cursor

    rest = reader.pages("lists")

    assert [item.remote_id for page in (first, *rest) for item in page.items] == made
    assert [page.complete for page in rest] == [False, False, False, True]
    assert {item.remote_id for page in reader.pages("lists") for item in page.items} == set(made)


def test_an_account_without_lists(reader: Reader) -> None:
    """Has one page with nothing on it."""
    (page,) = reader.pages("lists")

    assert (list(page.items), page.last, page.complete) == ([], True, True)


# -- the vendor's descriptions ---------------------------------------------------------------------


@descriptions.needs_specs
def test_every_call_is_as_described(joined: Joined, clock: SimClock) -> None:
    """Every kind of call of the streams is made; none breaks the description, sorting aside."""
    box = joined.sandbox
    (ada, bob) = load(joined, "contacts", 2)
    for kind in OBJECTS:
        box.human_create_object(kind, {**box.records[kind].kind.minimal, "hubspot_owner_id": "501"}, {"contacts": ada})
    described = Described(box.app, [*FILES, "hubspot/2026-03/account-info.json"])
    joined.connector._http._transport = Watched(described)  # type: ignore[attr-defined]
    reader = Reader(joined)
    deeds = joined.connector.deeds
    (firm,) = box.records["companies"].state.records
    task = deeds.create_task(bob, Task("Call back", LONG_AGO, owner="501"))
    assert [user.id for user in deeds.owners()] == ["501", "502"]
    assert deeds.task(task.remote_id) is not None
    deeds.archive_task(task.remote_id)
    assert deeds.task(task.remote_id) is None
    (made,) = deeds.create_companies([{"name": "Ost", "domain": "ost.example"}])
    assert deeds.associate([(bob, str(firm)), ("999999", str(firm))]).keys() == {("999999", str(firm))}
    assert deeds.companies_of([ada, bob]).keys() == {ada, bob}
    assert deeds.company(str(firm)) is not None
    assert deeds.dissociate([(bob, str(firm))]) == {}
    deeds.archive_company(made.remote_id)
    ours = joined.connector.put_on_list("Ours", "", [ada], [bob])
    joined.connector.put_on_list("Ours", ours.listing, [bob, "999999"], [ada])
    joined.connector.put_on_list("Ours", "", [ada], [])
    for name in (*OBJECTS, "lists"):
        reader.pages(name)
    clock.advance(600)
    for name in (*OBJECTS, "lists"):
        reader.pages(name)
    print(described.report())

    assert [text for text in described.violations if SORTS not in text] == [], described.report()
    assert dict(described.undescribed) == {}
    assert len(described.counts) >= 26
