"""What happened in the town of late: the months before the day on which the sandbox is opened.

A town is the same for each seed, and ends at a fixed day. So that segments of people who did something *lately* are not
empty a year after that, the last weeks are lived once more, by the hands that people have: mailings that some read and
some programs fetch, sign-ups, a shop and its orders, notes, events, and leads whose mail nobody has answered. Nobody
comes and nobody leaves, and no field changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from sandbox.clock import SimClock
from sandbox.town_business import answered
from sandbox.town_names import Dice

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox
    from sandbox.mailchimp import MailchimpSandbox
    from sandbox.platform import Emulator

MAILINGS = ((75, "Brotkurs"), (40, "Neues vom Ofen"), (6, "Frisch aus dem Ofen"))
"""How many days ago each was sent, and what it was called."""
READERS, FETCHED = 0.35, 0.15
"""Of a mailing's recipients: who reads it, and for whom only a program fetches the pictures."""
BUYERS, LEADS, SIGNED_UP, NOTED, EVENTS, ANSWERS = 40, 5, 3, 6, 12, 15
STORE, SHOP = "laden", "Backstube online"
WARES = ("Roggenmischbrot", "Hochzeitstorte", "Frühstückskorb", "Croissants 🥐", "Gutschein")
QUESTIONS = ("Haben Sie auch glutenfreies Brot?", "Angebot für unsere Feier", "Liefern Sie samstags?")


def live_on(hubspot: HubSpotSandbox, mailchimp: MailchimpSandbox, seed: int) -> None:
    """Live the last months, up to the sandboxes' present."""
    dice = Dice(f"regulars lately {seed}")
    members = [one for one in mailchimp.list_of(None).members.values() if one.status == "subscribed"]
    addresses = [one.email for one in members]
    if addresses:
        _sign_up(hubspot, mailchimp, addresses, dice)
        for days, title in MAILINGS:
            _mail(mailchimp, addresses, days, title, dice)
        _shop(mailchimp, addresses, dice)
        _tell(mailchimp, addresses, dice)
    _ask(hubspot, dice)
    _answer(hubspot, Dice(f"regulars answers {seed}"))


@contextmanager
def _ago(sandbox: Emulator, days: float) -> Iterator[datetime]:
    """Act as if it were so many days ago."""
    present = sandbox.clock
    then = present() - timedelta(days=days)
    sandbox.clock = SimClock(then)
    try:
        yield then
    finally:
        sandbox.clock = present


def _sign_up(hubspot: HubSpotSandbox, mailchimp: MailchimpSandbox, addresses: Sequence[str], dice: Dice) -> None:
    """Some who were imported fill in the form at last. Nobody of whom HubSpot knows more, who may have left there."""
    strangers = [one for one in addresses if one.lower() not in hubspot.state.by_email]
    for address in strangers[:SIGNED_UP]:
        with _ago(mailchimp, 1 + dice.below(10)):
            mailchimp.human_subscribe(address)


def _mail(mailchimp: MailchimpSandbox, addresses: Sequence[str], days: int, title: str, dice: Dice) -> None:
    with _ago(mailchimp, days):
        mailchimp.human_send_campaign(title)
    for address in addresses:
        chance = dice.random()
        with _ago(mailchimp, days - 0.1 - dice.random()):
            if chance < READERS:
                mailchimp.human_open(address)
            elif chance < READERS + FETCHED:
                mailchimp.human_open(address, machine=True)
            if chance < READERS / 4:
                mailchimp.human_click(address)


def _shop(mailchimp: MailchimpSandbox, addresses: Sequence[str], dice: Dice) -> None:
    with _ago(mailchimp, 330):
        mailchimp.human_open_store(STORE, SHOP)
    for number in range(min(BUYERS, len(addresses))):
        for _ in range(1 + dice.below(4)):
            with _ago(mailchimp, 1 + dice.below(320)):
                mailchimp.human_order(
                    addresses[number * 3 % len(addresses)], 5 + dice.below(9000) / 100, dice.pick(WARES)
                )


def _tell(mailchimp: MailchimpSandbox, addresses: Sequence[str], dice: Dice) -> None:
    for address in addresses[:NOTED]:
        with _ago(mailchimp, 1 + dice.below(60)):
            mailchimp.human_note(address, "Mag Roggen, kommt samstags.")
    for address in addresses[-EVENTS:]:
        with _ago(mailchimp, 1 + dice.below(60)):
            mailchimp.human_event(address, "kurs_gebucht", {"kurs": "Sauerteig"})


def _ask(hubspot: HubSpotSandbox, dice: Dice) -> None:
    """Leads write, and nobody has answered yet."""
    leads = [
        (address, number)
        for address, number in sorted(hubspot.state.by_email.items())
        if hubspot.state.contacts[number].props.get("lifecyclestage")
        in ("lead", "marketingqualifiedlead", "opportunity")
    ]
    for address, number in leads[:LEADS]:
        at = int((hubspot.clock() - timedelta(days=2 + dice.below(12))).timestamp())
        headers = {"from": {"email": address}, "to": [{"email": "laden@baeckerei.example"}]}
        props = {
            "hs_timestamp": f"{datetime.fromtimestamp(at, tz=hubspot.clock().tzinfo):%Y-%m-%dT%H:%M:%S}.000Z",
            "hs_email_direction": "INCOMING_EMAIL",
            "hs_email_status": "SENT",
            "hs_email_subject": dice.pick(QUESTIONS),
            "hs_email_headers": orjson.dumps(headers).decode(),
        }
        record = {
            "properties": props,
            "createdate": at * 1000,
            "lastmodifieddate": at * 1000,
            "source": "EMAIL_INTEGRATION",
        }
        (mail,) = hubspot.load([record], "emails")
        hubspot.load_associations("emails", "contacts", [(mail, int(number), False)])


def _answer(hubspot: HubSpotSandbox, dice: Dice) -> None:
    """Customers are asked how it was, and some answer."""
    customers = [
        number
        for _, number in sorted(hubspot.state.by_email.items())
        if hubspot.state.contacts[number].props.get("lifecyclestage") in ("customer", "evangelist")
    ]
    for number in customers[:ANSWERS]:
        at = int((hubspot.clock() - timedelta(days=3 + dice.below(150))).timestamp())
        record = {"properties": answered(dice, at), "createdate": at * 1000, "lastmodifieddate": at * 1000}
        (answer,) = hubspot.load([record], "feedback_submissions")
        hubspot.load_associations("feedback_submissions", "contacts", [(answer, int(number), False)])
