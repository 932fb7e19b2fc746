"""The generated town: the same from the same seed everywhere, and true to what its truth says."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import orjson
import phonenumbers
import pytest

from sandbox.hubspot import HubSpotSandbox
from sandbox.mailchimp import MailchimpSandbox
from sandbox.mailchimp_state import seconds
from sandbox.platform import SimClock
from sandbox.town import Town, build_town, populate
from sandbox.town_truth import FIELDS, ON_HUBSPOT, ON_MAILCHIMP

ROOT = Path(__file__).parents[2]
PRINT_TOWN = """
import sys
from hashlib import sha256
import orjson
from sandbox.town import build_town
if sys.argv[1] == "after another":  # what Faker remembers of another town must not show
    build_town(people=60, seed=99)
town = build_town(people=400, seed=11)
print(sha256(town.truth_json() + orjson.dumps([town.contacts, town.members])).hexdigest())
"""


@pytest.fixture(scope="module")
def town() -> Town:
    return build_town(people=1500, seed=5)


def test_same_seed_same_town() -> None:
    """
    Two processes with other hash seeds, one of which built another town before, make the same bytes.
    """
    prints = [
        subprocess.run(
            [sys.executable, "-c", PRINT_TOWN, before],
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed, before in (("1", "nothing"), ("4321", "after another"))
    ]
    here = build_town(people=400, seed=11)

    assert prints[0] == prints[1]
    assert prints[0].strip() == sha256(here.truth_json() + orjson.dumps([here.contacts, here.members])).hexdigest()


def test_another_seed_another_town() -> None:
    """
    The seed matters.
    """
    assert build_town(people=50, seed=1).truth_json() != build_town(people=50, seed=2).truth_json()


@pytest.mark.parametrize("people", [20, 21, 50, 137, 1000])
def test_size_is_met(people: int) -> None:
    """
    A town has as many people as were asked for, and every kind of case from fifty on.
    """
    summary = build_town(people=people, seed=3).truth.summary()

    assert summary["people"] == people
    if people >= 50:
        for case in ("case", "second_address", "two_members", "two_contacts", "shared_same", "shared_other"):
            assert summary[f"case {case}"] >= 1, case
        for case in ("emoji", "rtl", "script", "combining", "long", "contact_out", "member_out", "both_out"):
            assert summary[f"case {case}"] >= 1, case
        for status in ("subscribed", "unsubscribed", "cleaned", "pending", "archived", "transactional"):
            assert summary[f"member {status}"] >= 1, status


def test_records_are_met_exactly() -> None:
    """
    With contacts and members given, there are exactly so many, and the overlap is the share asked for.
    """
    town = build_town(seed=8, contacts=1000, members=800, overlap=0.6)
    summary = town.truth.summary()

    assert (len(town.contacts), len(town.members)) == (1000, 800)
    assert (summary["contacts"], summary["members"]) == (1000, 800)
    assert abs(summary["on both sides"] - 480) <= 10


def test_addresses_are_unique_and_in_example_domains(town: Town) -> None:
    """
    Each address occurs once per platform, and no mail could ever reach a stranger.
    """
    on_hubspot = [str(a) for c in town.contacts for a in (c["properties"]["email"], *c["additional_emails"])]  # type: ignore[index,misc]
    on_mailchimp = [str(m["email_address"]).lower() for m in town.members]

    assert len(set(on_hubspot)) == len(on_hubspot)
    assert len(set(on_mailchimp)) == len(on_mailchimp)
    for address in on_hubspot + on_mailchimp:
        domain = address.rpartition("@")[2]
        assert domain.endswith(".example") or domain in ("example.org", "example.com", "example.net")


def test_phones_are_valid_and_spelt_in_several_ways(town: Town) -> None:
    """
    All numbers are valid in Germany; what the truth calls equivalent is one number in E.164.
    """
    contacts = {c["id"]: c["properties"] for c in town.contacts}
    members = {m["contact_id"]: m["merge_fields"] for m in town.members}
    texts = [p["phone"] for p in contacts.values() if "phone" in p]  # type: ignore[index,operator]
    texts += [m["PHONE"] for m in members.values() if m["PHONE"]]  # type: ignore[index]
    notations = Counter("".join("9" if c.isdigit() else c for c in text)[:4] for text in texts)

    assert all(phonenumbers.is_valid_number(phonenumbers.parse(text, "DE")) for text in texts)
    assert len(notations) >= 4
    for link in town.truth.links():
        how = link.fields["phone"]
        if how in ("same", "equivalent", "differs"):
            one, two = contacts[link.contact]["phone"], members[link.member]["PHONE"]  # type: ignore[index]
            assert (_e164(one) == _e164(two)) == (how != "differs")
            assert (one == two) == (how == "same")


def _e164(text: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(text, "DE"), phonenumbers.PhoneNumberFormat.E164)


def test_truth_agrees_with_what_was_loaded(town: Town) -> None:
    """
    The links, opt-outs, statuses and blanks of the truth are those that the two sandboxes show.
    """
    hubspot, mailchimp = HubSpotSandbox(clock=SimClock()), MailchimpSandbox(clock=SimClock())

    populate(town, hubspot, mailchimp)

    contacts = {str(c.id): c.props for c in hubspot.state.contacts.values()}
    audience = mailchimp.list_of(None)
    members = {m.contact_id: m for m in audience.members.values()}
    truth = town.truth
    assert sorted(contacts) == sorted(id for person in truth.people for id in person.contacts)
    assert sorted(members) == sorted(id for person in truth.people for id in person.members)
    found = set()
    for id, props in contacts.items():
        for address in (props["email"], *props.get("hs_additional_emails", "").split(";")):
            if address and (member := audience.find(address)):
                found.add((id, member.contact_id))
    assert found == {(link.contact, link.member) for link in truth.links()}
    out = {o.record for person in truth.people for o in person.opt_outs}
    assert out == {id for id, p in contacts.items() if p.get("hs_email_optout") == "true"} | {
        id for id, m in members.items() if m.status == "unsubscribed"
    }
    for person in truth.people:
        assert {id: members[id].status for id in person.members} == person.statuses
    for link in truth.links():
        for name in FIELDS:
            left = any(contacts[link.contact].get(p) for p in ON_HUBSPOT[name])
            right = bool(members[link.member].merge.get(ON_MAILCHIMP[name]))
            how = link.fields[name]
            assert left == (how not in ("contact_blank", "both_blank")), (link, name)
            assert right == (how not in ("member_blank", "both_blank")), (link, name)


def test_a_pair_of_the_truth_is_one_person_unless_it_says_otherwise(town: Town) -> None:
    """
    Only a shared mailbox joins two people, and the truth says so.
    """
    owner = {id: person.person for person in town.truth.people for id in (*person.contacts, *person.members)}

    for link in town.truth.links():
        assert (owner[link.contact] == owner[link.member]) == link.same_person
        assert link.same_person or link.by == "shared"
    strangers = [who for who in town.truth.shared_mailboxes.values() if len(who) == 2]
    assert len(strangers) == sum(not link.same_person for link in town.truth.links())


def test_groups_are_what_exact_addresses_reveal(town: Town) -> None:
    """
    Each record is in one group; without shared mailboxes a group never joins two people.
    """
    owner = {id: person.person for person in town.truth.people for id in (*person.contacts, *person.members)}
    groups, joined = town.truth.groups(), town.truth.groups(shared=True)

    assert sorted(record for group in groups for record in group) == sorted(owner)
    assert all(len({owner[record] for record in group}) == 1 for group in groups)
    assert len(groups) - len(joined) == sum(link.by == "shared" for link in town.truth.links())
    assert max(map(len, groups)) == 3


def test_stamps_lie_in_the_past_and_repeat(town: Town) -> None:
    """
    All was edited before 2026; a bulk import gave many records one and the same stamp.
    """
    changed = Counter(c["lastmodifieddate"] for c in town.contacts)
    (_, most), *_ = changed.most_common(1)

    assert max(changed) < 1_767_225_600_000  # type: ignore[type-var,operator]
    assert most > 0.08 * len(town.contacts)
    assert max(seconds(str(m["last_changed"])) for m in town.members) < 1_767_225_600


def test_values_are_of_many_kinds(town: Town) -> None:
    """
    There are emoji, right-to-left names, combining characters and values longer than a merge field.
    """
    names = " ".join(person.name for person in town.truth.people)
    merge = orjson.dumps([m["merge_fields"] for m in town.members]).decode()
    lengths = [len(c["properties"].get("company", "")) for c in town.contacts]  # type: ignore[attr-defined]

    assert any("\u0590" <= letter <= "\u06ff" for letter in names)
    assert any(ord(letter) > 0x1F000 for letter in names)
    assert any("\u0300" <= letter <= "\u036f" for letter in merge)
    assert max(lengths) > 255
    assert any(link.unfit for link in town.truth.links())
