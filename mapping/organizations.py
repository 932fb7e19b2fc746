"""Which companies of several platforms are one organisation, and what it is then.

Two companies are one where they have the same domain, unless it is one at which anybody gets a mailbox or a page; or
the same name in the same country, unless their domains differ. A platform that keeps two companies apart knows why:
what two companies of one connection share proves nothing, and no two of one connection are joined by it. A person's
word goes first, as with people.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from mapping.countries import country_code
from mapping.identity import Identifier, Node, cluster
from mapping.model import Value
from mapping.values import blank

# fmt: off
ANYBODYS = frozenset([
    "163.com", "aol.com", "arcor.de", "bluewin.ch", "comcast.net", "email.de", "facebook.com", "free.fr",
    "freenet.de", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.co.uk",
    "hotmail.com", "hotmail.de", "hotmail.fr", "hotmail.it", "icloud.com", "instagram.com", "kabelmail.de",
    "laposte.net", "libero.it", "linkedin.com", "linktr.ee", "live.com", "live.de", "mac.com", "mail.com", "mail.de",
    "mail.ru", "mailbox.org", "me.com", "msn.com", "orange.fr", "outlook.com", "outlook.de", "pm.me", "posteo.de",
    "proton.me", "protonmail.com", "qq.com", "sfr.fr", "t-online.de", "tiktok.com", "tutanota.com", "twitter.com",
    "vodafone.de", "wanadoo.fr", "web.de", "x.com", "xing.com", "yahoo.co.uk", "yahoo.com", "yahoo.de", "yahoo.fr",
    "yandex.ru", "youtube.com", "ymail.com",
])
# fmt: on
"""Domains at which anybody gets a mailbox or a page: they say nothing of whose company it is."""

LARGEST = 24
"""How many companies may hold one value before it proves nothing."""


class Company(NamedTuple):
    """A company of one platform. `first` is the revision that met it."""

    id: str
    connection: str
    remote_id: str
    first: int
    domain: str
    key: str


def host(text: str) -> str:
    """A domain as it is compared, from whatever stands in its place: an address, a page, a name."""
    word = unicodedata.normalize("NFC", text).strip().casefold()
    word = re.split(r"[/?#\s]", re.sub(r"^[a-z][a-z0-9+.-]*://", "", word), maxsplit=1)[0]
    return word.rpartition("@")[2].partition(":")[0].removeprefix("www.").rstrip(".")


def name_key(name: str, country: str) -> str:
    """A name and a country as they are compared; nothing where either is missing."""
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", name).casefold().replace(".", ""))
    code = country_code(country)
    return f"{' '.join(words)} {code}" if words and code else ""


def own_domain(domain: str) -> str:
    """The domain where it is an organisation's own, else nothing."""
    return domain if "." in domain and domain not in ANYBODYS else ""


def whole(
    companies: Sequence[Company], same: Iterable[tuple[str, str]], not_same: Iterable[tuple[str, str]]
) -> list[list[Company]]:
    """Group companies into organisations, each group in the order of age: the first gives it its id."""
    ordered = sorted(companies, key=lambda one: (one.first, one.connection, one.remote_id))
    number = {one.id: place for place, one in enumerate(ordered, 1)}
    together = [(number[left], number[right]) for left, right in same if left in number and right in number]
    told = {frozenset(pair) for pair in together}
    apart = [(number[left], number[right]) for left, right in not_same if left in number and right in number]
    for left, right in combinations(ordered, 2):
        pair = (number[left.id], number[right.id])
        if _apart(left, right) and frozenset(pair) not in told:
            apart.append(pair)
    nodes = [Node(one.first, one.connection, one.remote_id, number[one.id], one.id) for one in ordered]
    groups, _ = cluster(nodes, _holders(ordered, number), together, apart, largest=LARGEST)
    return [[ordered[node.record - 1] for node in group] for group in groups]


def _apart(left: Company, right: Company) -> bool:
    """Whether two companies are not joined by what they share with a third."""
    mine, theirs = own_domain(left.domain), own_domain(right.domain)
    return left.connection == right.connection or bool(mine and theirs and mine != theirs)


def _holders(companies: Sequence[Company], number: Mapping[str, int]) -> dict[Identifier, Collection[int]]:
    """What may join companies, and who holds it."""
    held: dict[Identifier, list[Company]] = {}
    for one in companies:
        for value in (("domain", own_domain(one.domain)), ("name", one.key)):
            if value[1]:
                held.setdefault(value, []).append(one)
    proves = {value: group for value, group in held.items() if len({one.connection for one in group}) == len(group)}
    return {value: [number[one.id] for one in group] for value, group in proves.items()}


def merged(told: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    """An organisation's fields: what the first says, and what it leaves blank the next."""
    fields: dict[str, Value] = {}
    for one in told:
        for name, value in one.items():
            if not blank(value):
                fields.setdefault(name, value)
    return fields
