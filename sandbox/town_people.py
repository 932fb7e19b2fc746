"""One inhabitant: who they really are, and how a contact and a member of theirs come to look."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import md5
from typing import cast
from unicodedata import normalize

from sandbox.town_names import BREADS, TAGS, Addresses, Dice, Phones, Pools, spell_phone
from sandbox.town_truth import BLANK, FIELDS, Shown

Sheet = dict[str, Shown]
Home = tuple[str, str, str, str, str]

OPENED = int(datetime(2019, 3, 1, tzinfo=UTC).timestamp())  # the shop's first day
CLOSED = int(datetime(2025, 12, 20, tzinfo=UTC).timestamp())  # the last day on which anything was edited
IMPORTED = int(datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC).timestamp())  # a bulk import: many equal stamps
IMPORT_SHARE = 0.12
LONGEST_MERGE_TEXT = 255

EMOJI = ("🌻", "🥨", "👩🏽‍🍳", "❤️")
COMBINING = ("Zoë", "Renée", "Jürgen", "Çağla", "Nguyễn", "Ångström")
STAGES = ("subscriber", "lead", "marketingqualifiedlead", "opportunity", "customer", "customer", "evangelist")
LEADS = ("NEW", "OPEN", "IN_PROGRESS", "CONNECTED")
OWNERS = ("501", "502")
INDUSTRIES = ("RETAIL", "HOSPITALITY", "FOOD_PRODUCTION", "RESTAURANTS")
SIZES = ("3", "8", "25", "60")

# How a field of somebody on both platforms stands there, in per cent of those people.
RELATIONS = ("same", "equivalent", "differs", "member_blank", "contact_blank", "both_blank")
WEIGHTS: Mapping[str, tuple[int, ...]] = {
    "first_name": (84, 2, 5, 6, 3, 0),
    "last_name": (84, 2, 5, 6, 3, 0),
    "phone": (25, 30, 7, 18, 10, 10),
    "company": (38, 0, 6, 16, 8, 32),
    "birthday": (0, 40, 3, 20, 12, 25),
    "bread": (38, 0, 8, 20, 14, 20),
    "address": (0, 45, 6, 22, 9, 18),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """A human being as they are, whatever any platform says."""

    first: str
    last: str
    phone: str
    company: str
    birth: str
    bread: str
    address: tuple[str, str, str, str]
    email: str
    job: str
    text: str


class Registry:
    """Makes inhabitants, one after the other, from one seeded generator."""

    def __init__(self, pools: Pools, rng: Dice) -> None:
        self.rng = rng
        self.pools = pools
        self.addresses = Addresses(rng)
        self.phones = Phones(rng)

    def profile(self, text: str) -> Profile:
        """Somebody new, whose values are of the *text* kind (plain, emoji, rtl, script, combining, long)."""
        rng, pools = self.rng, self.pools
        first, last = self._name(text)
        company = rng.pick(pools.companies)
        if text == "long":
            # One fits into a merge field of Mailchimp, the other does not.
            company = (company + " und Söhne ") * 60
            company = company[: rng.choice((240, 400))].rstrip()
        return Profile(
            first=first,
            last=last,
            phone=self.phones.number(),
            company=company,
            birth=f"{rng.randrange(1940, 2008)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
            bread=rng.pick(BREADS),
            address=self.home(),
            email=self.addresses.personal(first, last),
            job=rng.pick(pools.jobs),
            text=text,
        )

    def home(self) -> tuple[str, str, str, str]:
        """Street and number, city, state, postcode. Three in ten leave the state out, as Germans do."""
        rng, pools = self.rng, self.pools
        city, code, state = rng.pick(pools.cities)
        street = f"{rng.pick(pools.streets)} {rng.randrange(1, 180)}"
        return street, city, state if rng.random() < 0.7 else "", code

    def _name(self, text: str) -> tuple[str, str]:
        rng, pools = self.rng, self.pools
        match text:
            case "rtl":
                pool = rng.choice(pools.right_to_left)
            case "script":
                pool = rng.choice(pools.other)
            case _:
                (pool,) = rng.choices(pools.latin, pools.latin_weights)
        first = rng.pick(pool.firsts)
        last = rng.pick(pool.lasts)
        if text == "emoji":
            first = f"{first} {rng.choice(EMOJI)}"
        elif text == "combining":
            first = rng.choice(COMBINING)
        return first, last

    # -- how a person is written down ------------------------------------------------------------

    def contact_sheet(self, who: Profile) -> Sheet:
        """All that is known of *who*, the way HubSpot would hold it."""
        style = self.rng.below(6)
        street, city, state, code = who.address
        return {
            "first_name": Shown(who.first, who.first),
            "last_name": Shown(who.last, who.last),
            "phone": Shown(who.phone, spell_phone(who.phone, style)),
            "company": Shown(who.company, who.company),
            "birthday": Shown(who.birth[5:], who.birth),
            "bread": Shown(who.bread, who.bread),
            "address": Shown("|".join(who.address), (street, city, state, code, "Germany")),
        }

    def member_sheet(self, who: Profile) -> Sheet:
        """The same, the way Mailchimp would hold it."""
        street, city, state, code = who.address
        postal = {"addr1": street, "addr2": "", "city": city, "state": state, "zip": code, "country": "DE"}
        month, day = who.birth[5:7], who.birth[8:10]
        sheet = self.contact_sheet(who)
        sheet["birthday"] = Shown(who.birth[5:], f"{month}/{day}")
        sheet["address"] = Shown("|".join(who.address), postal)
        if len(who.company) > LONGEST_MERGE_TEXT:
            sheet["company"] = BLANK
        return sheet

    def thinned(self, sheet: Sheet, share: float) -> Sheet:
        """*sheet* with some of its fields left blank, never the last name."""
        return {
            name: shown if name == "last_name" or self.rng.random() >= share else BLANK for name, shown in sheet.items()
        }

    def pair(self, who: Profile) -> tuple[Sheet, Sheet]:
        """A contact's and a member's sheet for one person: blanks, differences and other spellings."""
        contact, member = self.contact_sheet(who), self.member_sheet(who)
        for name in FIELDS:
            (how,) = self.rng.choices(RELATIONS, WEIGHTS[name])
            if who.text == "combining" and name == "first_name":
                how = "equivalent"
            if who.text == "long" and name == "company":
                how = "member_blank"
            match how:
                case "both_blank":
                    contact[name] = member[name] = BLANK
                case "contact_blank":
                    contact[name] = BLANK
                case "member_blank":
                    member[name] = BLANK
                case "differs":
                    member[name] = self._different(who, name)
                case "equivalent":
                    member[name] = self._respelt(name, contact[name], member[name])
                case _ if name == "phone":
                    member[name] = contact[name]
        if not contact["first_name"].meaning and not contact["last_name"].meaning:
            contact["last_name"] = Shown(who.last, who.last)
        return contact, member

    def _respelt(self, name: str, contact: Shown, member: Shown) -> Shown:
        """The same meaning in another spelling, where the field has one."""
        if name == "phone":
            styles = [spell_phone(contact.meaning, style) for style in range(6)]
            return Shown(contact.meaning, self.rng.choice([text for text in styles if text != contact.text]))
        if name in ("first_name", "last_name"):
            return Shown(contact.meaning, normalize("NFD", contact.meaning))
        return member

    def _different(self, who: Profile, name: str) -> Shown:
        """Another value of this field: a slip of the pen, a move, a new number."""
        rng = self.rng
        match name:
            case "first_name":
                other = replace(who, first=self._slip(who.first))
            case "last_name":
                fresh = rng.random() < 0.4  # married; otherwise a typing error
                last = self._name("plain")[1] + "-Neu" if fresh else self._slip(who.last)
                other = replace(who, last=last)
            case "phone":
                other = replace(who, phone=self.phones.number())
            case "company":
                other = replace(who, company=f"{who.company[:200]} & Partner")
            case "birthday":
                month, day = int(who.birth[5:7]), int(who.birth[8:])
                other = replace(who, birth=f"{who.birth[:5]}{month:02d}-{day % 28 + 1:02d}")
            case "bread":
                other = replace(who, bread=BREADS[(BREADS.index(who.bread) + 1) % len(BREADS)])
            case _:
                moved = self.home()
                while moved == who.address:
                    moved = self.home()
                other = replace(who, address=moved)
        return self.member_sheet(other)[name]

    def _slip(self, word: str) -> str:
        """*word* with a typing error that changes it for sure."""
        if len(word) < 3:
            return word + word[-1:]
        spot = self.rng.randrange(1, len(word) - 1)
        swapped = word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :]
        return swapped if normalize("NFC", swapped) != word else word[:spot] + word[spot] + word[spot:]

    # -- records -----------------------------------------------------------------------------------

    def stamps(self) -> tuple[int, int]:
        """When a record was made and last changed, in seconds."""
        rng = self.rng
        if rng.random() < IMPORT_SHARE:
            return IMPORTED - 86_400, IMPORTED
        made = rng.randrange(OPENED, CLOSED - 86_400)
        return made, rng.randrange(made, CLOSED)

    def contact(self, number: int, sheet: Sheet, who: Profile, email: str, extra: str, out: bool) -> dict[str, object]:
        """A HubSpot record with up to 30 properties, as `HubSpotSandbox.load` takes it; blank ones are absent."""
        rng = self.rng
        made, changed = self.stamps()
        street, city, state, code, country = cast(Home, sheet["address"].text or ("", "", "", "", ""))
        shop = rng.random() < 0.3
        properties = {
            "email": email,
            "firstname": sheet["first_name"].text,
            "lastname": sheet["last_name"].text,
            "salutation": rng.pick(("Frau", "Herr", "")),
            "phone": sheet["phone"].text,
            "mobilephone": self.phones.number() if rng.random() < 0.2 else "",
            "fax": "",
            "company": sheet["company"].text,
            "jobtitle": who.job * (40 if who.text == "long" else 1),
            "address": street,
            "city": city,
            "state": state,
            "zip": code,
            "country": country,
            "website": f"https://www.{email.partition('@')[2]}/" if shop else "",
            "date_of_birth": sheet["birthday"].text,
            "favourite_bread": sheet["bread"].text,
            "lifecyclestage": rng.pick(STAGES),
            "hs_lead_status": rng.pick(LEADS),
            "hubspot_owner_id": rng.pick(OWNERS),
            "hs_email_optout": "true" if out else "",
            "hs_language": "de",
            "industry": rng.pick(INDUSTRIES),
            "numemployees": rng.pick(SIZES),
            "annualrevenue": str(rng.randrange(1, 900) * 1000),
            "message": f"Bestellt gern {who.bread}.",
            "twitterhandle": "",
        }
        return {
            "id": str(number),
            "properties": {name: value for name, value in properties.items() if value},
            "additional_emails": [extra] if extra else [],
            "createdate": made * 1000,
            "lastmodifieddate": changed * 1000 + (0 if changed == IMPORTED else rng.randrange(1000)),
        }

    def member(self, number: int, sheet: Sheet, email: str, status: str) -> dict[str, object]:
        """A Mailchimp record, as `MailchimpSandbox.load` takes it."""
        rng = self.rng
        made, changed = self.stamps()
        evidence = rng.random() < 0.7  # the others were imported by the owner, years ago
        opted = evidence and status in ("subscribed", "unsubscribed", "cleaned", "archived")
        host = f"203.0.113.{rng.randrange(1, 255)}"
        tags = [tag for tag in TAGS if rng.random() < 0.12]
        return {
            "contact_id": md5(f"contact {number}".encode(), usedforsecurity=False).hexdigest(),
            "email_address": email,
            "status": status,
            "merge_fields": {
                "FNAME": sheet["first_name"].text,
                "LNAME": sheet["last_name"].text,
                "ADDRESS": sheet["address"].text,
                "PHONE": sheet["phone"].text,
                "BIRTHDAY": sheet["birthday"].text,
                "COMPANY": sheet["company"].text,
                "BREAD": sheet["bread"].text,
            },
            "tags": tags,
            "vip": rng.random() < 0.02,
            "language": "de",
            "timestamp_signup": _seconds(made) if evidence else "",
            "ip_signup": host if evidence else "",
            "timestamp_opt": _seconds(made) if opted else "",
            "ip_opt": host if opted else "",
            "last_changed": _seconds(changed),
            "unsubscribed_by": "person" if status == "unsubscribed" else "",
        }


def _seconds(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
