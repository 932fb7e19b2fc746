"""The words a town is made of: names, streets, companies and breads, drawn once from Faker.

Faker is asked for a few thousand words per town and never per person: asking it for each field of each person
takes minutes for 100,000 people, combining pools with one seeded generator takes seconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import TypeVar
from unicodedata import normalize

from faker import Faker

# Latin scripts first; the weight is the share of people who bear such a name.
LATIN = (("de_DE", 62), ("tr_TR", 9), ("pl_PL", 8), ("it_IT", 6), ("fr_FR", 5), ("en_GB", 4))
RIGHT_TO_LEFT = (("ar_SA", 1), ("he_IL", 1))
OTHER_SCRIPTS = (("ru_RU", 2), ("ja_JP", 2))

BREADS = (
    "Roggenmischbrot",
    "Dinkelbrot",
    "Sauerteig",
    "Baguette",
    "Brezel",
    "Körnerbrot",
    "Zwiebelbrot",
    "Ciabatta",
    "Pumpernickel",
    "Rosinenbrötchen 🥐",
)
TAGS = ("Stammkunde", "Newsletter", "Brotkurs", "Hochzeit", "Großkunde", "Frühstück 🥐")
MAIL_DOMAINS = (
    "post.example",
    "mail.example",
    "web.example",
    "funk.example",
    "example.org",
    "example.com",
    "example.net",
)
STATES = (
    "Baden-Württemberg",
    "Bayern",
    "Berlin",
    "Brandenburg",
    "Bremen",
    "Hamburg",
    "Hessen",
    "Niedersachsen",
    "Nordrhein-Westfalen",
    "Rheinland-Pfalz",
    "Sachsen",
    "Thüringen",
)
# Letters that do not decompose into a base letter and a mark.
_FOLD = str.maketrans(
    {"ß": "ss", "ł": "l", "Ł": "l", "ı": "i", "ø": "o", "æ": "ae", "đ": "d", "ä": "ae", "ö": "oe", "ü": "ue"}
)


T = TypeVar("T")


class Dice(Random):
    """A seeded generator with quick picks: a large town takes millions of them."""

    def below(self, end: int) -> int:
        """A whole number from zero to below *end*."""
        return int(self.random() * end)

    def pick(self, these: Sequence[T]) -> T:
        """One of *these*."""
        return these[int(self.random() * len(these))]


@dataclass(frozen=True, slots=True)
class NamePool:
    """First and last names of one locale, and whether an address can be spelt from them."""

    firsts: tuple[str, ...]
    lasts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pools:
    """Everything that a person, a company or an address is combined from."""

    latin: tuple[NamePool, ...]
    latin_weights: tuple[int, ...]
    right_to_left: tuple[NamePool, ...]
    other: tuple[NamePool, ...]
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str, str], ...]
    companies: tuple[str, ...]
    jobs: tuple[str, ...]


def draw_pools(seed: int, rng: Dice) -> Pools:
    """Ask Faker for the town's words; equal seeds give equal pools."""
    german = _faker("de_DE", seed)
    streets = _unique(german.street_name() for _ in range(600))
    cities = tuple(
        (city, f"{rng.randrange(10115, 99999):05d}", rng.pick(STATES))
        for city in _unique(german.city() for _ in range(300))
    )
    return Pools(
        latin=tuple(_names(locale, seed) for locale, _ in LATIN),
        latin_weights=tuple(weight for _, weight in LATIN),
        right_to_left=tuple(_names(locale, seed) for locale, _ in RIGHT_TO_LEFT),
        other=tuple(_names(locale, seed) for locale, _ in OTHER_SCRIPTS),
        streets=streets,
        cities=cities,
        companies=_unique(german.company() for _ in range(400)),
        jobs=_unique(german.job() for _ in range(150)),
    )


@lru_cache(maxsize=8192)
def ascii_slug(text: str) -> str:
    """Spell *text* as the local part of an address would: ASCII letters and digits only."""
    folded = normalize("NFKD", normalize("NFC", text.lower()).translate(_FOLD))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalnum())


class Addresses:
    """Hands out e-mail addresses, each only once in a town."""

    def __init__(self, rng: Dice) -> None:
        self._rng = rng
        self._taken: set[str] = set()

    def personal(self, first: str, last: str) -> str:
        """A private address made of a person's name."""
        one, two = ascii_slug(first), ascii_slug(last)
        style = self._rng.below(4)
        if not one or not two:
            local = f"kunde{self._rng.below(10**6)}"
        elif style == 0:
            local = f"{one[0]}.{two}"
        elif style == 1:
            local = f"{one}{two}"
        else:
            local = f"{one}.{two}"
        return self._claim(local[:40], self._rng.pick(MAIL_DOMAINS))

    def shared(self, company: str) -> str:
        """The mailbox that everybody at *company* reads."""
        slug = ascii_slug(company)[:30] or "firma"
        number, domain = 1, f"{slug}.example"
        while f"info@{domain}" in self._taken:
            number += 1
            domain = f"{slug}{number}.example"
        self._taken.add(f"info@{domain}")
        return f"info@{domain}"

    def _claim(self, local: str, domain: str) -> str:
        address, number = f"{local}@{domain}", 1
        while address in self._taken:
            number += self._rng.randrange(1, 60)
            address = f"{local}{number}@{domain}"
        self._taken.add(address)
        return address


class Phones:
    """Hands out German numbers that are valid, each only once in a town."""

    # A stride that shares no factor with the size of the range visits each number once.
    _STRIDE = 61_803_399

    def __init__(self, rng: Dice) -> None:
        self._next = rng.randrange(10**8)

    def number(self) -> str:
        """A mobile number in E.164."""
        self._next = (self._next + self._STRIDE) % 10**8
        return f"+49151{self._next:08d}"

    def switchboard(self, rng: Dice) -> str:
        """A company's landline in Berlin, shared by those who work there."""
        return f"+4930{rng.randrange(20_000_000, 99_999_999)}"


def spell_phone(e164: str, style: int) -> str:
    """Write a German number in one of the notations that people use; all mean the same number."""
    area, rest = (e164[3:5], e164[5:]) if e164.startswith("+4930") else (e164[3:6], e164[6:])
    match style % 6:
        case 0:
            return e164
        case 1:
            return f"+49 {area} {rest[:4]} {rest[4:]}"
        case 2:
            return f"0{area}/{rest}"
        case 3:
            return f"(0{area}) {rest[:3]} {rest[3:]}"
        case 4:
            return f"0049{area}{rest}"
        case _:
            return f"0{area} {rest[:2]} {rest[2:5]} {rest[5:]}"


def _faker(locale: str, seed: int) -> Faker:
    fake = Faker(locale, use_weighting=False)
    fake.seed_instance(seed)
    return fake


def _names(locale: str, seed: int) -> NamePool:
    fake = _faker(locale, seed)
    return NamePool(
        firsts=_unique(normalize("NFC", fake.first_name()) for _ in range(240)),
        lasts=_unique(normalize("NFC", fake.last_name()) for _ in range(320)),
    )


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
