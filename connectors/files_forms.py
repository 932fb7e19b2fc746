"""The exports that we know by their headings, and what each of their columns means.

A column's *meaning* is one of our fields, or one of the facts beside them (`FACTS`). Headings are compared without
case and spacing. A person may say what a renamed column means; nothing is guessed from cells alone.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from connectors.errors import Misread
from connectors.files_open import Source
from connectors.files_text import Shape, shape_of

SUBSCRIBED, UNSUBSCRIBED, CLEANED, NONSUBSCRIBED = "subscribed", "unsubscribed", "cleaned", "nonsubscribed"
KINDS = (SUBSCRIBED, UNSUBSCRIBED, CLEANED, NONSUBSCRIBED)
NOTHING = "-"
"""Said of a column that is to be left out."""
OPTED_OUT_OF = "opted out of email:"
"""How HubSpot's columns of single subscriptions begin."""


@dataclass(frozen=True, slots=True)
class Form:
    """One platform's export. `columns` gives the headings of each meaning; `marks` are headings nobody else has."""

    name: str
    title: str
    columns: Mapping[str, tuple[str, ...]]
    marks: frozenset[str]
    least: int
    others: Mapping[str, str] = field(default_factory=dict)  # headings of exports that are not about people
    stems: tuple[str, ...] = ()  # how the platform begins the names of its files

    def recognises(self, headings: Collection[str], stem: str = "") -> bool:
        """Whether these are its headings. Of a file that is named as the platform names it, the address is enough: an
        export of those who left must not be passed over because somebody took columns out of it."""
        if len(self.marks.intersection(headings)) >= self.least:
            return True
        known = {plain(one) for one in self.columns["email"][:1]}
        return stem.startswith(self.stems) and bool(known.intersection(headings))

    @property
    def expected(self) -> str:
        """The headings by which people may know it."""
        shown = [headings[0] for headings in self.columns.values()]
        return ", ".join(shown)


MAILCHIMP = Form(
    "mailchimp",
    "Mailchimp",
    {
        "email": ("Email Address", "Email"),
        "given_name": ("First Name", "FNAME"),
        "family_name": ("Last Name", "LNAME"),
        "phone": ("Phone Number", "Phone"),
        "company": ("Company", "Company Name"),
        "birthday": ("Birthday",),
        "tags": ("TAGS",),
        "member_rating": ("MEMBER_RATING",),
        "optin_time": ("OPTIN_TIME",),
        "optin_ip": ("OPTIN_IP",),
        "confirm_time": ("CONFIRM_TIME",),
        "confirm_ip": ("CONFIRM_IP",),
        "last_changed": ("LAST_CHANGED",),
        "unsub_time": ("UNSUB_TIME",),
        "unsub_reason": ("UNSUB_REASON",),
        "clean_time": ("CLEAN_TIME",),
        "euid": ("EUID",),
        "leid": ("LEID",),
    },
    frozenset(
        {
            "member_rating",
            "optin_time",
            "optin_ip",
            "confirm_time",
            "confirm_ip",
            "last_changed",
            "gmtoff",
            "dstoff",
            "leid",
            "euid",
            "unsub_time",
            "unsub_campaign_title",
            "clean_time",
            "clean_campaign_title",
        }
    ),
    3,
    stems=tuple(f"{kind}_" for kind in KINDS),
)
HUBSPOT = Form(
    "hubspot",
    "HubSpot",
    {
        "record_id": ("Record ID", "Record ID - Contact", "Contact ID"),
        "email": ("Email",),
        "given_name": ("First Name",),
        "family_name": ("Last Name",),
        "phone": ("Phone Number",),
        "mobile": ("Mobile Phone Number",),
        "company": ("Company Name",),
        "job_title": ("Job Title",),
        "website": ("Website URL",),
        "street": ("Street Address",),
        "city": ("City",),
        "region": ("State/Region",),
        "postcode": ("Postal Code",),
        "country": ("Country/Region",),
        "lifecycle": ("Lifecycle Stage",),
        "owner": ("Contact owner",),
        "additional_emails": ("Additional email addresses",),
        "opted_out": ("Unsubscribed from all email",),
        "bounce_reason": ("Email hard bounce reason",),
        "emails_opened": ("Marketing emails opened",),
        "emails_clicked": ("Marketing emails clicked",),
        "created": ("Create Date",),
        "modified": ("Last Modified Date",),
    },
    frozenset(
        {
            "record id",
            "record id - contact",
            "contact id",
            "contact owner",
            "lifecycle stage",
            "create date",
            "last modified date",
            "unsubscribed from all email",
            "lead status",
            "marketing contact status",
        }
    ),
    2,
    {"company owner": "companies", "deal name": "deals", "deal stage": "deals", "ticket name": "tickets"},
)
FORMS = (HUBSPOT, MAILCHIMP)

USUAL: Mapping[str, tuple[str, ...]] = {
    "email": ("e-mail", "e-mail-adresse", "mail", "mailadresse", "adresse e-mail", "courriel", "correo electrónico"),
    "given_name": ("vorname", "given name", "prénom", "nombre", "nome", "voornaam"),
    "family_name": ("nachname", "surname", "family name", "nom", "apellidos", "cognome", "achternaam"),
    "phone": ("telefon", "telefonnummer", "téléphone", "teléfono", "telephone"),
    "mobile": ("handy", "mobil", "mobiltelefon", "mobile", "portable"),
    "company": ("firma", "unternehmen", "entreprise", "empresa", "organisation", "organization"),
    "birthday": ("geburtstag", "geburtsdatum", "anniversaire", "cumpleaños"),
    "tags": ("schlagwörter", "étiquettes"),
    "lifecycle": ("lifecycle-phase", "lifecyclephase", "phase du cycle de vie", "etapa del ciclo de vida"),
    "opted_out": (
        "von allen e-mails abgemeldet",
        "abonnement für alle e-mails abgemeldet",
        "abgemeldet",
        "désinscrit de tous les e-mails",
        "désabonné",
        "cancelada la suscripción a todos los correos electrónicos",
        "opted out",
        "unsubscribed",
    ),
    "unsub_time": ("unsubscribed at", "abgemeldet am"),
}
"""What people call such columns: what we ask whether it is meant, and never take for granted."""


def plain(heading: str) -> str:
    """A heading without case, spacing and marks of encoding."""
    return " ".join(unicodedata.normalize("NFKC", heading.replace("\ufeff", "")).split()).casefold()


@dataclass(frozen=True, slots=True)
class Layout:
    """One table, understood. `places` gives the columns of each meaning, the first that is filled counts."""

    source: Source
    shape: Shape
    form: Form
    kind: str  # of Mailchimp's files; "" elsewhere
    places: Mapping[str, tuple[int, ...]]
    single_opt_outs: tuple[int, ...] = ()

    @property
    def unused(self) -> list[str]:
        """The columns that mean nothing to us."""
        taken = {place for places in self.places.values() for place in places} | set(self.single_opt_outs)
        return [heading for place, heading in enumerate(self.shape.heading) if place not in taken and heading]

    def has(self, *meanings: str) -> bool:
        return all(meaning in self.places for meaning in meanings)


class UnknownForm(Misread):
    """A table that is no export we know."""

    def __init__(self, source: Source, heading: Iterable[str], text: str = "") -> None:
        self.heading = tuple(heading)
        self.askable = not text
        found = ", ".join(f'"{one}"' for one in self.heading[:30]) + (", …" if len(self.heading) > 30 else "")
        known = "; ".join(f"{form.title} has {form.expected}" for form in FORMS)
        super().__init__(text or f"{source.name} is no export that Regulars knows. Its columns are {found}. {known}.")
        self.source = source


class NoAddress(Misread):
    """An export of which no column is the e-mail address."""

    def __init__(self, source: Source, form: Form, heading: tuple[str, ...]) -> None:
        found = ", ".join(f'"{one}"' for one in heading[:30]) + (", …" if len(heading) > 30 else "")
        wanted = form.columns["email"][0]
        super().__init__(f'{source.name} has no column "{wanted}", the e-mail address. Its columns are {found}.')
        self.source, self.form, self.heading = source, form, heading


def understand(source: Source, renamed: Mapping[str, str], stated: str = "") -> Layout:
    """What *source* is. *renamed* gives the meaning of columns by heading, "" for none; *stated* names the form where
    a person said it, with the kind of Mailchimp's file after a colon. Raises Misread."""
    shape = shape_of(source)
    headings = [plain(heading) for heading in shape.heading]
    name, _, kind = stated.partition(":")
    form = next(
        (one for one in FORMS if one.name == name or (not name and one.recognises(headings, source.stem))), None
    )
    if form is None:
        raise UnknownForm(source, shape.heading)
    for heading, what in form.others.items():
        if heading in headings:
            raise UnknownForm(source, shape.heading, f"{source.name} is an export of {form.title}'s {what}: not read.")
    places = _places(form, headings, renamed)
    if "email" not in places:
        raise NoAddress(source, form, shape.heading)
    single = tuple(place for place, one in enumerate(headings) if form is HUBSPOT and one.startswith(OPTED_OUT_OF))
    return Layout(source, shape, form, _kind(form, source, places, kind), places, single)


def _places(form: Form, headings: list[str], renamed: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    said = {plain(heading): meaning for heading, meaning in renamed.items()}
    places: dict[str, tuple[int, ...]] = {}
    for meaning, known in form.columns.items():
        mine = [place for place, heading in enumerate(headings) if said.get(heading) == meaning]
        for name in map(plain, known):
            mine += [place for place, heading in enumerate(headings) if heading == name and heading not in said]
            if mine:
                break
        if mine:
            places[meaning] = tuple(mine)
    return places


def _kind(form: Form, source: Source, places: Mapping[str, object], stated: str) -> str:
    """Which of Mailchimp's files it is: by what a person said, by its name, by the columns that only one has."""
    if form is not MAILCHIMP:
        return ""
    if stated:
        return stated
    named = next((kind for kind in KINDS if source.stem.startswith(kind)), "")
    if named:
        return named
    return UNSUBSCRIBED if "unsub_time" in places else CLEANED if "clean_time" in places else SUBSCRIBED


def meanings(form: Form | None = None) -> list[str]:
    """The words for what a column may be, of one form or of all."""
    forms = FORMS if form is None else (form,)
    return list(dict.fromkeys(meaning for one in forms for meaning in one.columns))


def suggestion(form: Form, heading: str, taken: Iterable[str] = ()) -> str:
    """The meaning that a renamed column most likely has; "" where none is near."""
    names = {plain(known): meaning for meaning, headings in form.columns.items() for known in headings}
    names |= {usual: meaning for meaning, words in USUAL.items() for usual in words if meaning in form.columns}
    names |= {meaning.replace("_", " "): meaning for meaning in form.columns}
    free = {name: meaning for name, meaning in names.items() if meaning not in set(taken)}
    near = difflib.get_close_matches(plain(heading).replace("_", " "), free, n=1, cutoff=0.8)
    return free[near[0]] if near else ""


Ask = Callable[[Source, Form, str, str], str]
"""Asked what a column is, given the nearest known meaning: (source, form, heading, suggestion) -> meaning or ""."""
