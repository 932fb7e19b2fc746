"""The business of a town: it changes nothing of the town, and its truth can be recounted from HubSpot's side."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import orjson
import pytest

from regulars import street
from sandbox.hubspot import HubSpotSandbox
from sandbox.platform import SimClock
from sandbox.town import Town, build_town, populate
from sandbox.town_business import TOUCHES, Business, populate_business, with_business

KINDS = ("calls", "emails", "meetings", "notes", "tasks")


@pytest.fixture(scope="module")
def town() -> Town:
    return build_town(people=900, seed=6)


@pytest.fixture(scope="module")
def both(town: Town) -> tuple[Town, Business]:
    return with_business(town)


@pytest.fixture(scope="module")
def box(both: tuple[Town, Business]) -> HubSpotSandbox:
    made = HubSpotSandbox(clock=SimClock(), quotas=False)
    populate(both[0], made, None)
    populate_business(both[1], made)
    return made


@pytest.mark.parametrize("seed", [1, 6])
def test_the_town_itself_stays_as_it_was(seed: int) -> None:
    """Contacts, members and their truth are the same, byte for byte; the same seed gives the same business."""
    before = build_town(people=200, seed=seed)
    kept = orjson.dumps([before.contacts, before.members]), before.truth_json()
    after, business = with_business(before)
    again, twin = with_business(build_town(people=200, seed=seed))

    assert (orjson.dumps([before.contacts, before.members]), before.truth_json()) == kept
    assert (after.contacts, after.members, after.truth.people) == (before.contacts, before.members, before.truth.people)
    whole = orjson.loads(after.truth_json())
    del whole["business"]
    assert whole == orjson.loads(kept[1])
    assert again.truth_json() == after.truth_json()
    assert orjson.dumps(twin.records) == orjson.dumps(business.records)


def test_contacts_are_not_touched(town: Town, box: HubSpotSandbox) -> None:
    """No contact is changed by what surrounds it, its modification time least of all."""
    bare = HubSpotSandbox(clock=SimClock(), quotas=False)
    populate(town, bare, None)

    assert box.state.contacts == bare.state.contacts


def test_everything_can_be_recounted(both: tuple[Town, Business], box: HubSpotSandbox) -> None:
    """Records and associations by type, as the truth counts them."""
    counts = both[1].truth.counts
    lines = Counter(line["kind"] for line in box.dump())

    for kind, records in both[1].records.items():
        assert counts[kind] == len(records) == len(box.records[kind].state.records)
    joins = sum(count for name, count in counts.items() if "–" in name)
    assert lines["association"] == joins


def test_who_works_where(both: tuple[Town, Business], box: HubSpotSandbox) -> None:
    """Each contact's primary company is the one in the truth."""
    primary = {
        str(contact): str(company)
        for contact in box.state.contacts
        for company, specs in box.joined(("contacts", "companies"), contact).items()
        if any(spec.id == 1 for spec in specs)
    }
    known = {contact: company for places in both[1].truth.workplaces.values() for contact, company in places.items()}

    assert primary == known
    assert any(len(box.joined(("contacts", "companies"), id)) > 1 for id in box.state.contacts)


def test_what_people_spent(both: tuple[Town, Business], box: HubSpotSandbox) -> None:
    """The sums of won deals by person and currency; blank amounts count for nothing."""
    owner = {contact: person.person for person in both[0].truth.people for contact in person.contacts}
    sums: dict[str, dict[str, Decimal]] = {}
    for deal in box.records["deals"].state.records.values():
        (contact,) = box.joined(("deals", "contacts"), deal.id)
        if deal.props["dealstage"] == "closedwon" and deal.props.get("amount"):
            mine = sums.setdefault(owner[str(contact)], {})
            currency = deal.props["deal_currency_code"]
            mine[currency] = mine.get(currency, Decimal(0)) + Decimal(deal.props["amount"])
    told = {person: spent for person in both[1].truth.won if (spent := both[1].truth.spent(person))}

    assert {who: {c: str(s) for c, s in sorted(mine.items())} for who, mine in sums.items()} == told
    assert {"EUR", "CHF", "USD"} <= {currency for mine in sums.values() for currency in mine}
    years = {deal.closed[:4] for deals in both[1].truth.won.values() for deal in deals}
    assert {"2020", "2021", "2022", "2023", "2024", "2025"} <= years


def test_touchpoints_by_persons_and_machines(both: tuple[Town, Business], box: HubSpotSandbox) -> None:
    """Each case occurs; what HubSpot shows is enough to tell a machine."""
    found: Counter[tuple[str, bool]] = Counter()
    for kind in KINDS:
        for record in box.records[kind].state.records.values():
            auto = "auto-submitted" in record.props.get("hs_email_headers", "")
            found[kind, auto or record.read("hs_object_source") == "AUTOMATION_PLATFORM"] += 1

    assert found == Counter((touch.kind, touch.machine) for touch in both[1].truth.touches)
    seen = {(touch.kind, touch.direction, touch.machine) for touch in both[1].truth.touches}
    assert seen == {(kind, way, by in ("AUTOMATION_PLATFORM", "AUTO_REPLY")) for kind, way, by, _ in TOUCHES}


def test_volume_follows_people() -> None:
    """Twice the people, about twice the activity."""
    few, many = (with_business(build_town(people=people, seed=4))[1] for people in (500, 1000))

    for kind in ("deals", "emails", "notes"):
        assert 1.5 < len(many.records[kind]) / len(few.records[kind]) < 2.6


def test_all_values_would_be_taken_over_the_api(both: tuple[Town, Business]) -> None:
    """What is loaded unchecked is what the portal itself would take, read-only properties aside."""
    box = HubSpotSandbox(clock=SimClock(), quotas=False)
    for kind, records in both[1].records.items():
        rules = box.records[kind]
        for record in records[:50]:
            given = record["properties"]
            assert isinstance(given, dict)
            rules.check_create({n: v for n, v in given.items() if not rules.state.properties[n].read_only})


def test_the_street_has_a_business() -> None:
    """The demo's town has it from the start."""
    made = street.build(60, 3)

    assert "business" in orjson.loads(made.truth)
    assert made.hubspot.records["deals"].state.records
    assert {one.name for one in made.hubspot.state.lists.values()} == {"Stammkunden", "Schon telefoniert"}
