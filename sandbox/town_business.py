"""What the people of a town do with the business: where they work, what they buy, ask and say, on HubSpot's side.

It is derived from a finished town with a generator of its own, so contacts, members and their truth stay as they
were, byte for byte. Ids start at the number of the first contact: ids are unique per object type only, and whoever
mixes the types up is found out. Everything happens before `NOW`, over six years.

Who made an activity is told by ``hs_object_source``: a person (``CRM_UI``), the mailbox of a person
(``EMAIL_INTEGRATION``), a workflow (``AUTOMATION_PLATFORM``), another tool (``INTEGRATION``). A machine may answer,
too: an out-of-office note comes in through the mailbox, and only its headers say ``auto-submitted``.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from sandbox.town import FIRST_CONTACT, Record, Town
from sandbox.town_names import Dice
from sandbox.town_truth import BusinessTruth, TouchTruth, WonDeal

NOW = int(datetime(2025, 12, 20, tzinfo=UTC).timestamp())
SINCE = int(datetime(2020, 1, 7, tzinfo=UTC).timestamp())
DAY = 86_400
OWNERS = ("501", "502", "")
STAGES = ("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "contractsent")
CURRENCIES = ("EUR",) * 17 + ("CHF", "CHF", "USD")
ORDERS = ("Hochzeitstorte", "Frühstück fürs Büro", "Sommerfest", "Weihnachtsgebäck", "Brotlieferung", "Catering 🥐")
QUESTIONS = ("Lieferung kam nicht an", "Rechnung stimmt nicht", "Allergene im Kuchen?", "Bestellung ändern", "Lob!")
CATEGORIES = ("PRODUCT_ISSUE", "BILLING_ISSUE", "GENERAL_INQUIRY", "GENERAL_INQUIRY", "FEATURE_REQUEST")
KINDS = (
    *("companies", "deals", "tickets", "calls", "emails", "meetings", "notes", "tasks"),
    "feedback_submissions",
)
SURVEYS = (
    ("NPS", 11, ("Würde euch jedem empfehlen", "Ganz gut", "Zu lange gewartet", "")),
    ("CSAT", 5, ("Das beste Brot der Stadt", "Brötchen waren trocken", "")),
    ("CES", 7, ("Bestellen ging leicht", "")),
)
"""What people are asked, on how many steps, and what they write beside the number."""
CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"
NO_ANSWER = "73a0d17f-1163-4015-bdd5-ec830791da20"
VOICEMAIL = "b2cf5968-551e-4856-9783-52b3da59a7d0"
PERSON, MAILBOX, WORKFLOW, TOOL = "CRM_UI", "EMAIL_INTEGRATION", "AUTOMATION_PLATFORM", "INTEGRATION"

# Shares are per mille of the touchpoints of somebody whom the business deals with: kind, direction, made by.
TOUCHES = (
    ("emails", "EMAIL", WORKFLOW, 260),
    ("emails", "EMAIL", MAILBOX, 170),
    ("emails", "INCOMING_EMAIL", MAILBOX, 150),
    ("emails", "INCOMING_EMAIL", "AUTO_REPLY", 40),
    ("emails", "FORWARDED_EMAIL", PERSON, 10),
    ("calls", "OUTBOUND", PERSON, 90),
    ("calls", "INBOUND", TOOL, 60),
    ("meetings", "", PERSON, 60),
    ("notes", "", PERSON, 100),
    ("tasks", "", PERSON, 40),
    ("tasks", "", WORKFLOW, 20),
)
WEIGHTS = [share for *_, share in TOUCHES]

Join = tuple[int, int, bool]


@dataclass(frozen=True, slots=True)
class Business:
    """Records by object type, associations by pair of types, lists with their members, and the truth about them."""

    records: Mapping[str, tuple[Record, ...]]
    joins: Mapping[tuple[str, str], tuple[Join, ...]]
    lists: Mapping[str, tuple[str, list[str]]]
    truth: BusinessTruth


class HubSpot(Protocol):
    """What a business needs of the HubSpot sandbox."""

    def load(self, records: Iterable[Record], object: str = ...) -> object: ...
    def load_associations(self, one: str, other: str, joins: Iterable[Join]) -> None: ...
    def human_create_list(self, name: str, object: str, processing: str, members: Sequence[str]) -> object: ...


def with_business(town: Town) -> tuple[Town, Business]:
    """The town with the truth about its business beside its own, and the business itself."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        business = _Builder(town).build()
    finally:
        if collecting:
            gc.enable()
    return replace(town, truth=replace(town.truth, business=business.truth)), business


def populate_business(business: Business, hubspot: HubSpot) -> None:
    """Put the business into a sandbox that holds the town's contacts already. It changes no contact."""
    for kind, records in business.records.items():
        hubspot.load(records, kind)
    for (one, other), joins in business.joins.items():
        hubspot.load_associations(one, other, joins)
    for name, (processing, members) in business.lists.items():
        hubspot.human_create_list(name, "contacts", processing, members)


def answered(dice: Dice, at: int) -> dict[str, str]:
    """An answer to a survey: mostly a good one."""
    kind, steps, words = dice.pick(SURVEYS)
    least = 0 if kind == "NPS" else 1
    value = max(least, steps - 1 + least - dice.below(2 + steps // 2))
    shown = {
        "hs_survey_type": kind,
        "hs_survey_name": f"{kind} nach dem Einkauf",
        "hs_survey_channel": "EMAIL",
        "hs_value": str(value),
        "hs_submission_timestamp": _iso(at),
        "hs_content": dice.pick(words),
    }
    if kind == "NPS":
        shown["hs_response_group"] = "PROMOTER" if value > 8 else "PASSIVE" if value > 6 else "DETRACTOR"
    return shown


@dataclass(slots=True)
class _Builder:
    """The state of one build."""

    town: Town
    rng: Dice = field(init=False)
    asks: Dice = field(init=False)
    records: dict[str, list[Record]] = field(default_factory=dict)
    joins: dict[tuple[str, str], list[Join]] = field(default_factory=dict)
    companies: dict[str, int] = field(default_factory=dict)
    workplaces: dict[str, dict[str, str]] = field(default_factory=dict)
    won: dict[str, list[WonDeal]] = field(default_factory=dict)
    touches: list[TouchTruth] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = Dice(f"regulars business {self.town.seed}")
        self.asks = Dice(f"regulars surveys {self.town.seed}")  # one more survey moves nothing else
        for kind in KINDS:
            self.records[kind] = []

    def build(self) -> Business:
        by_id = {str(contact["id"]): contact for contact in self.town.contacts}
        for person in self.town.truth.people:
            for place, id in enumerate(person.contacts):
                props = by_id[id]["properties"]
                assert isinstance(props, dict)
                self._somebody(person.person, int(id), props, first=place == 0)
        records = {kind: tuple(found) for kind, found in self.records.items()}
        joins = {pair: tuple(found) for pair, found in self.joins.items()}
        totals = {kind: len(found) for kind, found in records.items()}
        totals |= {f"{one}–{other}": len(found) for (one, other), found in joins.items()}
        lists = self._lists()
        totals |= {f"list {name}": len(members) for name, (_, members) in lists.items()}
        truth = BusinessTruth(totals | dict(self.counts), self.workplaces, self.won, tuple(self.touches))
        return Business(records, joins, lists, truth)

    def _lists(self) -> dict[str, tuple[str, list[str]]]:
        """One list that a person keeps by hand, and one that HubSpot fills by a rule."""
        regulars = [person for person, deals in self.won.items() if len(deals) >= 3]
        everybody = {person.person: person.contacts[0] for person in self.town.truth.people if person.contacts}
        called = dict.fromkeys(touch.person for touch in self.touches if touch.kind == "calls")
        return {
            "Stammkunden": ("MANUAL", [everybody[person] for person in regulars]),
            "Schon telefoniert": ("DYNAMIC", [everybody[person] for person in called]),
        }

    def _somebody(self, person: str, contact: int, props: Mapping[str, str], *, first: bool) -> None:
        company = self._company(person, contact, props)
        if not first:
            return  # a second contact of the same person has a workplace, and no history of its own
        rng = self.rng
        if rng.random() < 0.45:
            for _ in range(1 + rng.below(5)):
                self._deal(person, contact, company)
        if rng.random() < 0.12:
            self._ticket(contact, company)
        if rng.random() < 0.7:
            for _ in range(1 + rng.below(9)):
                self._touch(person, contact, company, props)

        if self.asks.random() < 0.2:
            self._survey(contact)

    def _survey(self, contact: int) -> None:
        """Somebody was asked how it was, and answered."""
        dice = self.asks
        at = SINCE + dice.below(NOW - SINCE)
        number = self._add("feedback_submissions", answered(dice, at), at, "", changed=at)
        self._join("feedback_submissions", "contacts", number, contact)

    # -- companies -----------------------------------------------------------------------------------

    def _company(self, person: str, contact: int, props: Mapping[str, str]) -> int:
        """Where somebody works: the company that their contact names, sometimes a second one besides."""
        name = props.get("company", "")
        if not name or self.rng.random() < 0.25:
            return 0
        company = self.companies.get(name) or self._found(name, props)
        self._join("contacts", "companies", contact, company, primary=True)
        self.workplaces.setdefault(person, {})[str(contact)] = str(company)
        if self.rng.random() < 0.05 and len(self.companies) > 1:
            other = FIRST_CONTACT + self.rng.below(len(self.companies))
            if other != company:
                self._join("contacts", "companies", contact, other)
        return company

    def _found(self, name: str, props: Mapping[str, str]) -> int:
        rng = self.rng
        number = len(self.companies) + 1
        company = {
            "name": name,
            "domain": f"firma-{number}.example",
            "website": f"https://www.firma-{number}.example/",
            "phone": props.get("phone", "") if rng.random() < 0.5 else "",
            "city": props.get("city", ""),
            "country": "Germany",
            "industry": rng.pick(("RESTAURANTS", "RETAIL", "HOSPITALITY", "EVENTS_SERVICES", "FOOD_BEVERAGES")),
            "type": rng.pick(("PROSPECT", "PARTNER", "VENDOR", "OTHER", "")),
            "numberofemployees": str(1 + rng.below(400)),
            "lifecyclestage": rng.pick(("lead", "opportunity", "customer", "customer")),
            "hubspot_owner_id": rng.pick(OWNERS),
        }
        made = self._moment()
        self.companies[name] = self._add("companies", company, made, PERSON if rng.random() < 0.6 else "IMPORT")
        return self.companies[name]

    # -- deals and tickets ---------------------------------------------------------------------------

    def _deal(self, person: str, contact: int, company: int) -> None:
        rng = self.rng
        made = self._moment()
        closes = made + (3 + rng.below(160)) * DAY
        stage = rng.pick(("closedwon", "closedwon", "closedwon", "closedlost", "closedlost"))
        if closes >= NOW:
            stage = rng.pick(STAGES)
        amount, currency = f"{40 + rng.below(400_000) / 100:.2f}", rng.pick(CURRENCIES)
        if rng.random() < 0.06:
            amount = ""  # nobody wrote it down
        deal = {
            "dealname": f"{rng.pick(ORDERS)} {len(self.records['deals']) + 1}",
            "pipeline": "default",
            "dealstage": stage,
            "amount": amount,
            "deal_currency_code": currency,
            "closedate": _iso(closes),
            "dealtype": rng.pick(("newbusiness", "existingbusiness")),
            "hubspot_owner_id": rng.pick(OWNERS),
            "hs_is_closed": str(stage.startswith("closed")).lower(),
            "hs_is_closed_won": str(stage == "closedwon").lower(),
            "closed_lost_reason": rng.pick(("zu teuer", "andere Bäckerei", "")) if stage == "closedlost" else "",
        }
        number = self._add("deals", deal, made, PERSON, changed=min(closes, NOW))
        self._join("deals", "contacts", number, contact)
        if company:
            self._join("deals", "companies", number, company, primary=True)
        self.counts[f"deal {stage}"] += 1
        if stage == "closedwon":
            self.won.setdefault(person, []).append(WonDeal(str(number), amount, currency, _iso(closes)))

    def _ticket(self, contact: int, company: int) -> None:
        rng = self.rng
        made = self._moment()
        place, done = rng.below(len(QUESTIONS)), rng.random() < 0.8
        ticket = {
            "subject": QUESTIONS[place],
            "content": f"{QUESTIONS[place]} Bitte um Rückmeldung.",
            "hs_pipeline": "0",
            "hs_pipeline_stage": "4" if done else rng.pick(("1", "2", "3")),
            "hs_ticket_category": CATEGORIES[place],
            "hs_ticket_priority": rng.pick(("LOW", "MEDIUM", "HIGH")),
            "source_type": rng.pick(("CHAT", "EMAIL", "FORM", "PHONE")),
            "hubspot_owner_id": rng.pick(OWNERS),
            "hs_is_closed": str(done).lower(),
        }
        closes = min(made + (1 + rng.below(20)) * DAY, NOW)
        if done:
            ticket["closed_date"] = _iso(closes)
        number = self._add("tickets", ticket, made, TOOL, changed=closes if done else made)
        self._join("tickets", "contacts", number, contact)
        if company and rng.random() < 0.5:
            self._join("tickets", "companies", number, company, primary=True)

    # -- activities ----------------------------------------------------------------------------------

    def _touch(self, person: str, contact: int, company: int, props: Mapping[str, str]) -> None:
        rng = self.rng
        ((kind, direction, source, _),) = rng.choices(TOUCHES, WEIGHTS)
        at = self._moment()
        owner = rng.pick(OWNERS)
        shown: dict[str, str] = {"hs_timestamp": _iso(at), "hubspot_owner_id": owner}
        match kind:
            case "emails":
                shown |= self._mail(direction, source, props)
            case "calls":
                shown |= self._call(direction)
            case "meetings":
                shown |= {
                    "hs_meeting_title": "Beratung",
                    "hs_meeting_start_time": _iso(at),
                    "hs_meeting_end_time": _iso(at + 1800),
                    "hs_meeting_outcome": rng.pick(("COMPLETED", "COMPLETED", "NO_SHOW", "CANCELED", "RESCHEDULED")),
                }
            case "notes":
                shown["hs_note_body"] = f"<p>Mag {props.get('favourite_bread', 'Kuchen')}.</p>"
            case _:
                done = rng.random() < 0.7
                shown |= {
                    "hs_task_subject": "Zurückrufen",
                    "hs_task_status": "COMPLETED" if done else "NOT_STARTED",
                    "hs_task_type": rng.pick(("CALL", "EMAIL", "TODO")),
                    "hs_task_priority": rng.pick(("LOW", "MEDIUM", "HIGH")),
                }
        machine = source in (WORKFLOW, "AUTO_REPLY")
        number = self._add(kind, shown, at, MAILBOX if source == "AUTO_REPLY" else source)
        self._join(kind, "contacts", number, contact)
        if company and rng.random() < 0.6:
            self._join(kind, "companies", number, company)
        self.touches.append(TouchTruth(person, kind, str(number), direction, machine, _iso(at)))
        self.counts[f"{kind} by a machine" if machine else f"{kind} by a person"] += 1

    def _mail(self, direction: str, source: str, props: Mapping[str, str]) -> dict[str, str]:
        rng = self.rng
        theirs, ours = props.get("email", ""), "laden@baeckerei.example"
        inward = direction == "INCOMING_EMAIL"
        headers: dict[str, Any] = {
            "from": {"email": theirs if inward else ours},
            "to": [{"email": ours if inward else theirs}],
        }
        subject = rng.pick(("Ihre Bestellung", "Frage zum Liefertermin", "Angebot", "Danke!"))
        if source == "AUTO_REPLY":
            subject = f"Automatische Antwort: {subject}"
            headers["auto-submitted"] = "auto-replied"
        bounced = not inward and rng.random() < 0.03
        return {
            "hs_email_direction": direction,
            "hs_email_status": "BOUNCED" if bounced else "SENT",
            "hs_email_subject": subject,
            "hs_email_text": f"{subject}\nMit freundlichen Grüßen",
            "hs_email_headers": orjson.dumps(headers).decode(),
            "hs_email_from_email": theirs if inward else ours,
            "hs_email_to_email": ours if inward else theirs,
        }

    def _call(self, direction: str) -> dict[str, str]:
        rng = self.rng
        outcome = rng.pick((CONNECTED, CONNECTED, CONNECTED, NO_ANSWER, VOICEMAIL))
        return {
            "hs_call_title": "Anruf",
            "hs_call_body": "Wegen der Bestellung",
            "hs_call_direction": direction,
            "hs_call_disposition": outcome,
            "hs_call_duration": str(rng.below(600) * 1000) if outcome == CONNECTED else "0",
            "hs_call_status": "NO_ANSWER" if outcome == NO_ANSWER else "COMPLETED",
        }

    # -- parts ---------------------------------------------------------------------------------------

    def _moment(self) -> int:
        return self.rng.randrange(SINCE, NOW)

    def _add(self, kind: str, props: Mapping[str, str], made: int, source: str, changed: int = 0) -> int:
        number = FIRST_CONTACT + len(self.records[kind])
        record: Record = {
            "id": str(number),
            "properties": {name: value for name, value in props.items() if value},
            "createdate": made * 1000,
            "lastmodifieddate": (changed or made) * 1000,
            "source": source,
        }
        self.records[kind].append(record)
        return number

    def _join(self, one: str, other: str, id: int, to: int, *, primary: bool = False) -> None:
        self.joins.setdefault((one, other), []).append((id, to, primary))


def _iso(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
