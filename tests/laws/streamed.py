"""The sandboxed town with everything on: every stream of both platforms is read, and segments become tags and lists.

`Streamed` is the world of `sandboxed` with companies, deals, activities, campaigns, orders, notes and lists around its
people. `FULL_STORY` tells what happens there: people come into segments and leave them, by calls, mail, purchases and
the companies that they work for; a badge is taken off by hand, and so is somebody on a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from mapping.facts import By, Touch
from mapping.model import BADGE
from mapping.rules import All, Bought, FieldTest, Not, Test, TestKind, Touched
from sandbox.mailchimp import LIST
from sandbox.mailchimp_state import Member
from sync.audience import Audiences
from sync.engine import Engine
from sync.segment import Segment
from sync.store import schema as t
from sync.wired import Wired
from tests.laws.sandboxed import NEWS, STORY, Chapter, Sandboxed

SEGMENTS = {
    "called": Segment(
        "called", "Called", Touched(kinds=(Touch.CALLED,)), {"hubspot": "list", "mailchimp": "tag", "news": "tag"}
    ),
    "readers": Segment(
        "readers",
        "Reads, never clicks",
        All((Touched(kinds=(Touch.OPENED,), by=By.PERSON), Not(Touched(kinds=(Touch.CLICKED,))))),
        {"hubspot": "list", "mailchimp": "segment"},
    ),
    "near": Segment(
        "near",
        "Works in Ulm",
        FieldTest("city", Test(TestKind.IS, ("ulm",)), organization=True),
        {"hubspot": "list", "mailchimp": "tag"},
    ),
    "buyers": Segment("buyers", "Buyers", Bought(), {"hubspot": "list", "mailchimp": "tag", "news": "segment"}),
}
TITLES = {name: BADGE + segment.title for name, segment in SEGMENTS.items()}
CALL = {"hs_timestamp": "2025-11-11T10:00:00.000Z", "hs_call_title": "Order", "hs_call_direction": "OUTBOUND"}
DONE = {"hs_timestamp": "2025-12-12T10:00:00.000Z"}


class Streamed(Sandboxed):
    """The town with all of its streams, segments, tags and lists. `numbers` are ids of objects by the town's names."""

    numbers: dict[str, str]

    def _engine(self) -> Engine:
        wired = []
        for place in self.places:
            connector = self._connect(place.name)
            wired.append(
                Wired(
                    place.name,
                    connector,
                    place.direction,
                    place.create,
                    place.limits,
                    place.platform,
                    tuple(stream.name for stream in connector.streams),
                    _shown(place.name, "tag"),
                    _shown(place.name, "list", "segment"),
                )
            )
        audiences = Audiences(SEGMENTS)
        return Engine(
            self.database, wired, self.policies, now=self.clock, fresh_for=self.fresh_for, audiences=audiences
        )

    # ---- what there is -------------------------------------------------------------------------------------

    def populate(self) -> None:
        super().populate()
        self.numbers = {}
        self._companies()
        self._deeds()
        self._mailings()

    def _put(self, name: str, kind: str, props: dict[str, str], *people: str, **to: list[str]) -> None:
        """Make an object of *kind* that hangs on *people*, and remember its number by *name*."""
        ends: dict[str, Any] = {"contacts": [self.contact_id(one) for one in people], **to}
        self.numbers[name] = self.hubspot.human_create_object(kind, props, ends)

    def _companies(self) -> None:
        self._put("berg", "companies", {"name": "Berg OHG", "city": "Ulm"}, "ada@example.org", "bob@example.org")
        self._put("tal", "companies", {"name": "Tal & Co", "city": "Bonn"}, "cy@example.org", "di@example.org")
        self._put("see", "companies", {"name": "See GmbH", "domain": "see.example"})

    def _deeds(self) -> None:
        deal, berg = {"pipeline": "default", "amount": "120.50", "deal_currency_code": "EUR"}, [self.numbers["berg"]]
        self._put("won", "deals", {**deal, "dealname": "A", "dealstage": "closedwon"}, "di@example.org", companies=berg)
        self._put("open", "deals", {**deal, "dealname": "B", "dealstage": "contractsent"}, "cy@example.org")
        self._put("gone", "deals", {**deal, "dealname": "C", "dealstage": "closedwon"}, "kim@example.org")
        self._put("one", "calls", CALL, "ada@example.org", "di@example.org")
        self._put("two", "calls", CALL, "nia@example.org")
        self._put("three", "calls", CALL, "lea@example.org", "max@example.org")
        self._put("met", "meetings", {**DONE, "hs_meeting_title": "Tasting"}, "ada@example.org")
        self._put(
            "mail", "emails", {**DONE, "hs_email_direction": "EMAIL", "hs_email_subject": "Bill"}, "bob@example.org"
        )
        self._put("note", "notes", {**DONE, "hs_note_body": "Likes rye"}, "max@example.org")
        self._put("task", "tasks", {**DONE, "hs_task_subject": "Ring back"}, "cy@example.org")
        self._put("asked", "tickets", {"subject": "When?", "hs_pipeline_stage": "1"}, "nia@example.org")
        self.hubspot.human_create_list("Wedding fair", members=[self.contact_id("ada@example.org")])

    def _mailings(self) -> None:
        box = self.mailchimp
        self.numbers["spring"] = str(box.human_send_campaign("Spring")["id"])
        for email in ("ada@example.org", "hal@example.org", "max@example.org"):
            box.human_open(email)
        box.human_open("ida@example.org", machine=True)
        box.human_click("ada@example.org")
        box.human_note("ada@example.org", "Met at the fair")
        self.numbers["remark"] = str(box.human_note("hal@example.org", "Asked for cake")["id"])
        box.human_open_store("shop", "The shop")
        box.human_order("ida@example.org", 12.5)

    # ---- looking -------------------------------------------------------------------------------------------

    def picture(self) -> dict[str, list[Any]]:
        """Besides people: who is on which list and wears which tag, and how often we set what."""
        lists = [
            (one.name, one.processing, sorted(self._email_of(i) for i in one.members), one.deleted is not None)
            for one in self.hubspot.state.lists.values()
        ]
        tags = [
            (audience.id, tag.name)
            for audience in self.mailchimp.state.audiences.values()
            for tag in audience.tags.values()
        ]
        return {
            **super().picture(),
            "lists": sorted(lists),
            "tags": sorted(tags),
            "values we set": sorted(self._set_by_us()),
            "subscriptions we changed": sorted(
                (change.address, change.before, change.after)
                for change in self.mailchimp.state.status_changes
                if change.by in ("api", "batch")
            ),
        }

    def _email_of(self, contact: int) -> str:
        return self.hubspot.state.contacts[contact].props.get("email", "")

    def _set_by_us(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Each value that a contact got from a program, one entry for each time that it was set."""
        for contact in self.hubspot.state.contacts.values():
            for name in contact.history or ():
                ours = tuple(v.value for v in contact.versions(name) if v.source_type == "INTEGRATION")
                yield contact.props.get("email", ""), name, ours

    def remembered(self) -> dict[str, list[Any]]:
        """Besides people: facts, lists, who is in which segment and how often they came and went, and consent."""
        person = {row["id"]: row["email"] for row in self.rows(t.person)}
        who = {row["id"]: (row["connection"], person[row["person"]], row["remote_id"]) for row in self.records()}
        who[0] = ("", "", "")
        deals = {row["id"]: row["remote_id"] for row in self.rows(t.deal)}
        firms = {row["id"]: row["remote_id"] for row in self.rows(t.organization)}
        titles = {row["id"]: row["title"] for row in self.rows(t.listing)}
        passed = Counter((p["segment"], person.get(p["person"], ""), p["entered"]) for p in self.rows(t.passage))
        found: dict[str, list[Any]] = {
            "touchpoints": [
                (
                    *who[row["record"]],
                    *(row[name] for name in ("at", "kind", "key", "channel", "way", "by", "campaign")),
                )
                for row in self.rows(t.touchpoint)
            ],
            "deals": [_without(row, "id") for row in self.rows(t.deal)],
            "parties": [
                (deals[p["deal"]], *who[p["record"]], firms.get(p["organization"], "")) for p in self.rows(t.deal_party)
            ],
            "organizations": [_without(row, "item") for row in self.rows(t.organization)],
            "ties": [
                (firms[tie["organization"]], *who[tie["record"]], tie["label"], tie["main"], tie["until"] is None)
                for tie in self.rows(t.tie)
            ],
            "campaigns": [_without(row) for row in self.rows(t.campaign)],
            # Their own numbers follow the order in which tags were made, and any order is right.
            "listings": [_without(row, "id", "remote_id") for row in self.rows(t.listing)],
            "listed": [(titles[row["listing"]], *who[row["record"]]) for row in self.rows(t.listed)],
            "items": [(i["connection"], i["stream"], i["remote_id"], i["stray"], i["gone"]) for i in self.rows(t.item)],
            "members": [(row["segment"], person[row["person"]]) for row in self.rows(t.member)],
            "passages": list(passed.items()),
            "consent": [
                (row["address"], row["purpose"], row["state"], row["evidence"], *who[row["record"]])
                for row in self.rows(t.consent)
            ],
        }
        return {**super().remembered(), **{f"stored {name}": sorted(rows) for name, rows in found.items()}}

    def badges(self) -> dict[str, dict[str, list[str]]]:
        """Who shows each segment, by title and place, as the platforms themselves have it."""
        found: dict[str, dict[str, list[str]]] = {title: {} for title in TITLES.values()}
        for one in self.hubspot.state.lists.values():
            if one.name in found:
                found[one.name]["hubspot"] = sorted(self._email_of(i) for i in one.members)
        for audience in self.mailchimp.state.audiences.values():
            place = "news" if audience.id == NEWS else "mailchimp"
            for number, tag in audience.tags.items():
                if tag.name in found:
                    worn = [member.email for member in audience.members.values() if number in member.tags]
                    found[tag.name][place] = sorted(worn)
        return found

    def members(self) -> list[Member]:
        """Everybody in the first audience."""
        return list(self.mailchimp.state.audiences[LIST].members.values())

    def list_id(self, segment: str) -> str:
        """The number of the list that stands for a segment at HubSpot."""
        return next(str(one.id) for one in self.hubspot.state.lists.values() if one.name == TITLES[segment])


def _shown(place: str, *kinds: str) -> dict[str, str]:
    """What segments become at one place."""
    return {name: TITLES[name] for name, one in SEGMENTS.items() if one.destinations.get(place) in kinds}


def _without(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(value for name, value in sorted(row.items()) if name not in names)


# ---- what happens --------------------------------------------------------------------------------------------------


def _busy_day(world: Sandboxed) -> None:
    """The busy day of the plain story, and around it calls, mail, purchases, companies, badges and lists."""
    assert isinstance(world, Streamed)
    STORY[1].people(world)
    _around(world)
    _among_companies(world)
    _by_mail(world)
    _by_hand(world)
    world.sim.advance(600)
    _a_stranger(world)


def _around(world: Streamed) -> None:
    """Calls are deleted, moved and made; a deal is won, one is lost after all, one is deleted."""
    box, numbers = world.hubspot, world.numbers
    box.human_delete_object("calls", numbers["one"])
    box.human_dissociate("calls", numbers["two"], "contacts", world.contact_id("nia@example.org"))
    box.human_associate("calls", numbers["two"], "contacts", world.contact_id("gus@example.org"))
    box.human_update_object("calls", numbers["two"], {"hs_call_title": "Put right"})
    world._put("four", "calls", CALL, "bob@example.org", "hal@example.org")
    box.human_update_object("deals", numbers["won"], {"dealstage": "closedlost"})
    box.human_update_object("deals", numbers["open"], {"dealstage": "closedwon"})
    box.human_delete_object("deals", numbers["gone"])
    box.human_update_object("tickets", numbers["asked"], {"hs_pipeline_stage": "4"})
    box.human_delete_object("notes", numbers["note"])
    world._put("later", "notes", {**DONE, "hs_note_body": "Wants spelt"}, "max@example.org")


def _among_companies(world: Streamed) -> None:
    """Bob changes his job, Cy takes a second one, and a company moves to Ulm."""
    box, berg, tal = world.hubspot, world.numbers["berg"], world.numbers["tal"]
    box.human_dissociate("companies", berg, "contacts", world.contact_id("bob@example.org"))
    box.human_associate("companies", world.numbers["see"], "contacts", world.contact_id("bob@example.org"))
    box.human_associate("companies", berg, "contacts", world.contact_id("cy@example.org"))
    box.human_update_object("companies", berg, {"phone": "0731 1"})
    box.human_update_object("companies", world.numbers["see"], {"phone": "0731 2"})
    box.human_update_object("companies", tal, {"city": "Ulm"})
    world._put("new", "companies", {"name": "Ufer AG", "city": "Ulm"}, "nia@example.org")
    box.human_dissociate("companies", tal, "contacts", world.contact_id("di@example.org"))


def _by_mail(world: Streamed) -> None:
    """A second campaign: opened, clicked, bounced, left and complained of; a third one in the other audience."""
    box = world.mailchimp
    summer = str(box.human_send_campaign("Summer")["id"])
    for email in ("bob@example.org", "hal@example.org", "cy@example.org"):
        box.human_open(email, campaign_id=summer)
    box.human_open("ida@example.org", campaign_id=summer, machine=True)
    box.human_click("hal@example.org", campaign_id=summer)
    box.human_soft_bounce("bob@example.org", campaign_id=summer)
    box.human_complain("k@example.org", campaign_id=summer)
    box.human_unsubscribe("cy@example.org", campaign_id=summer)
    for email in ("bob@example.org", "hal@example.org"):
        box.human_order(email, 30.0, campaign_id=summer)
    box.human_delete_note("hal@example.org", int(world.numbers["remark"]))
    box.human_note("bob@example.org", "Changed his job")
    news = str(box.human_send_campaign("News", list_id=NEWS)["id"])
    box.human_open("ada@example.org", campaign_id=news, list_id=NEWS)
    box.human_click("ada@example.org", campaign_id=news, list_id=NEWS)


def _a_stranger(world: Streamed) -> None:
    """Somebody new is called whom the index does not show yet: nobody knows whose call that is until the next day."""
    world.hubspot.late_index = 60.0
    world.hubspot.human_create({"email": "quin@example.org", "firstname": "Quin"})
    world.hubspot.late_index = 0.0
    world._put("five", "calls", CALL, "quin@example.org")


def _by_hand(world: Streamed) -> None:
    """Somebody takes off a badge, puts one on, and takes somebody off a list of ours."""
    world.mailchimp.human_untag("ada@example.org", TITLES["near"])
    world.mailchimp.human_tag("eve@example.org", TITLES["called"])
    world.hubspot.human_empty_list(world.list_id("called"), [world.contact_id("max@example.org")])
    world.mailchimp.human_subscribe("ruth@example.org", {"FNAME": "Ruth"}, list_id=NEWS)


FULL_STORY = (STORY[0], Chapter("busy day", _busy_day, STORY[1].run), STORY[2])
