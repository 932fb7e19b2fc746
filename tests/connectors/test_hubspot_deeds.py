"""HubSpot's tasks, companies and associations, call by call, on the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.base import Connector, Raw, Result
from connectors.deeds import Company, Deeds, Task
from connectors.errors import NotOffered, TooNarrow
from mapping.facts import Tie
from sandbox.clock import SimClock
from sandbox.hubspot import HubSpotSandbox
from sandbox.hubspot_access import ALL_SCOPES
from sandbox.mailchimp import MailchimpSandbox
from tests.connectors.joined import Joined, open_hubspot, open_mailchimp

DUE = 1_800_000_000_000
CALL = Task("Call back", DUE, owner="501", note="About the cake")


@pytest.fixture
def joined() -> Joined:
    clock = SimClock()
    return open_hubspot(HubSpotSandbox(clock=clock), clock)


@pytest.fixture
def deeds(joined: Joined) -> Deeds:
    return joined.connector.deeds


def contact(joined: Joined, name: str = "Ada") -> str:
    return str(joined.sandbox.human_create({"lastname": name}))


def firm(joined: Joined, name: str = "Ost") -> str:
    return str(joined.sandbox.human_create_object("companies", {"name": name}))


@pytest.mark.parametrize("kind", ["lost_answer", "error_after", "lost_request"])
def test_a_task_whose_answer_is_lost_is_not_made_again(joined: Joined, deeds: Deeds, kind: str) -> None:
    """HubSpot has no key for it: it is told as maybe made, and asked for once."""
    ada = contact(joined)
    joined.sandbox.faults.add(kind, path="*/objects/tasks")

    lost = deeds.create_task(ada, CALL)
    made = deeds.create_task(ada, CALL)
    refused = deeds.create_task("999999", CALL)
    there = joined.sandbox.records["tasks"].state.records

    assert (lost.result, made.result, refused.result) == (Result.MAYBE, Result.APPLIED, Result.REFUSED)
    assert len(there) == (1 if kind == "lost_request" else 2)
    assert list(joined.sandbox.joined(("tasks", "contacts"), int(made.remote_id))) == [int(ada)]
    assert "tasks" in joined.connector.cannot


def test_a_task_is_read_as_it_was_made(joined: Joined, deeds: Deeds) -> None:
    """And as somebody has left it since; one that is away is none."""
    number = deeds.create_task(contact(joined), CALL).remote_id
    made = deeds.task(number)
    joined.sandbox.human_update_object("tasks", number, {"hs_task_status": "COMPLETED", "hs_task_body": ""})
    done = deeds.task(number)
    for _ in range(2):
        deeds.archive_task(number)

    assert (made, done) == (CALL, Task("Call back", DUE, owner="501", done=True))
    assert (deeds.task(number), deeds.task("999999")) == (None, None)


def test_users_are_those_who_may_own_a_task(joined: Joined, deeds: Deeds) -> None:
    """By number, name and address; whoever left the account is none."""
    assert [(one.id, one.label, one.detail) for one in deeds.owners()] == [
        ("501", "Owner One", "owner.one@sandbox.example"),
        ("502", "Owner Two", "owner.two@sandbox.example"),
    ]


def test_companies_are_made_in_one_call(joined: Joined, deeds: Deeds) -> None:
    """Each is answered for itself; what HubSpot has no property for is not sent."""
    joined.sandbox.faults.add("partial", path="*/companies/batch/create", every=2, message="Not this one")
    outcomes = deeds.create_companies([{"name": "Ost", "domain": "ost.example", "role": "supplier"}, {"name": "West"}])
    (made,) = joined.sandbox.records["companies"].state.records.values()

    assert [one.result for one in outcomes] == [Result.APPLIED, Result.REFUSED]
    assert (outcomes[0].remote_id, outcomes[1].reason) == (str(made.id), "Not this one")
    assert (made.props["name"], made.props["domain"]) == ("Ost", "ost.example")
    assert deeds.company(str(made.id)) == Company({"name": "Ost", "domain": "ost.example"})


@pytest.mark.parametrize("kind", ["lost_answer", "error_after", "lost_request"])
def test_companies_whose_answer_is_lost_are_not_made_again(joined: Joined, deeds: Deeds, kind: str) -> None:
    """They are told as maybe made, and the call is not repeated."""
    joined.sandbox.faults.add(kind, path="*/companies/batch/create")
    outcomes = deeds.create_companies([{"name": "Ost"}, {"name": "West"}])

    assert [one.result for one in outcomes] == [Result.MAYBE, Result.MAYBE]
    assert len(joined.sandbox.records["companies"].state.records) == (0 if kind == "lost_request" else 2)


def test_what_is_wrong_with_one_answers_for_none_of_the_others(joined: Joined, deeds: Deeds) -> None:
    """A batch that is refused whole refuses each."""
    outcomes = deeds.create_companies([{"employees": 4}])

    assert [one.result for one in outcomes] == [Result.REFUSED]


def test_a_company_that_is_away_is_none(joined: Joined, deeds: Deeds) -> None:
    """Putting it away twice changes nothing."""
    ost = firm(joined)
    ada = contact(joined)
    deeds.associate([(ada, ost)])
    with_ada = deeds.company(ost)
    for _ in range(2):
        deeds.archive_company(ost)

    assert with_ada == Company({"name": "Ost"}, (ada,))
    assert (deeds.company(ost), deeds.company("999999")) == (None, None)


def test_belonging_to_a_company_twice_is_belonging_once(joined: Joined, deeds: Deeds) -> None:
    """Pairs that cannot be are named; the others stand, however often they are sent."""
    ost, west = firm(joined), firm(joined, "West")
    people = [contact(joined, name) for name in ("Ada", "Bob", "Cy")]
    pairs = [(one, ost) for one in people] + [("999999", west)]
    joined.sandbox.faults.add("lost_answer", path="*/associate/default")

    first, second = deeds.associate(pairs), deeds.associate(pairs)
    there = deeds.companies_of([*people, "999999"])

    assert first.keys() == second.keys() == {("999999", west)}
    assert there == {one: [Tie(one, ost, primary=there[one][0].primary)] for one in people}


def test_leaving_a_company_twice_is_leaving_once(joined: Joined, deeds: Deeds) -> None:
    """Whoever is not there, or belongs to another, is no trouble."""
    ost, west = firm(joined), firm(joined, "West")
    ada, bob = contact(joined), contact(joined, "Bob")
    deeds.associate([(ada, ost), (ada, west), (bob, west)])
    joined.sandbox.faults.add("lost_answer", path="*/contacts/companies/batch/archive")
    for _ in range(2):
        assert deeds.dissociate([(ada, ost), (bob, ost), ("999999", ost)]) == {}

    assert {who: [tie.organization for tie in ties] for who, ties in deeds.companies_of([ada, bob]).items()} == {
        ada: [west],
        bob: [west],
    }


Act = Callable[[Deeds], Any]
LACKING: list[tuple[str, Act]] = [
    ("crm.objects.contacts.write", lambda deeds: deeds.create_task("1", CALL)),
    ("crm.objects.contacts.write", lambda deeds: deeds.archive_task("1")),
    ("crm.objects.contacts.read", lambda deeds: deeds.task("1")),
    ("crm.objects.owners.read", lambda deeds: deeds.owners()),
    ("crm.objects.companies.write", lambda deeds: deeds.create_companies([{"name": "Ost"}])),
    ("crm.objects.companies.write", lambda deeds: deeds.archive_company("1")),
    ("crm.objects.companies.write", lambda deeds: deeds.associate([("1", "2")])),
    ("crm.objects.companies.write", lambda deeds: deeds.dissociate([("1", "2")])),
    ("crm.objects.companies.read", lambda deeds: deeds.company("1")),
    ("crm.objects.companies.read", lambda deeds: deeds.companies_of(["1"])),
]


@pytest.mark.parametrize(("scope", "act"), LACKING, ids=[f"{n}-{scope}" for n, (scope, _) in enumerate(LACKING)])
def test_a_missing_right_is_named(scope: str, act: Act) -> None:
    """By the scope that the credential lacks."""
    clock = SimClock()
    box = HubSpotSandbox(clock=clock)
    box.allow("sandbox-narrow", ALL_SCOPES - {scope})
    narrow = open_hubspot(box, clock, token="sandbox-narrow")
    with pytest.raises(TooNarrow, match=f"the scope {scope} is missing"):
        act(narrow.connector.deeds)


@pytest.mark.parametrize(
    ("ask", "missing"),
    [
        (lambda one: Connector.stream_pages(one, "deals", None), "stream 'deals'"),
        (lambda one: Connector.facts(one, "deals", Raw.of("1", b"{}")), "stream 'deals'"),
        (lambda one: Connector.put_on_list(one, "Ours", "", [], []), "lists"),
        (lambda one: one.deeds, "tasks or companies"),
    ],
)
def test_asking_for_what_is_not_declared_is_a_mistake_of_ours(ask: Callable[[Any], Any], missing: str) -> None:
    """It is named, and is no failure of the platform."""
    clock = SimClock()
    mailchimp = open_mailchimp(MailchimpSandbox(clock=clock), clock).connector
    with pytest.raises(NotOffered, match=f"Mailchimp has no {missing}"):
        ask(mailchimp)


def test_hubspot_names_the_stream_that_it_lacks(joined: Joined) -> None:
    """As the base does."""
    with pytest.raises(NotOffered, match="HubSpot has no stream 'dreams'"):
        list(joined.connector.stream_pages("dreams", None))
