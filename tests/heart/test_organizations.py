"""Which companies are one organisation: by their own domain, by name and country, by a person's word."""

from __future__ import annotations

from itertools import permutations

import pytest

from mapping.organizations import Company, host, merged, name_key, own_domain, whole


def company(name: str, first: int = 1, domain: str = "", key: str = "") -> Company:
    """A company called CONNECTION NUMBER, such as "crm 1"."""
    connection, _, number = name.partition(" ")
    return Company(name, connection, number, first, domain, key)


def grouped(
    *companies: Company, same: tuple[tuple[str, str], ...] = (), apart: tuple[tuple[str, str], ...] = ()
) -> set[tuple[str, ...]]:
    """Who is one, and that it does not depend on the order in which they come."""
    found = {
        frozenset(tuple(one.id for one in group) for group in whole(order, same, apart))
        for order in permutations(companies)
    }
    assert len(found) == 1, "the order of companies matters"
    return set(next(iter(found)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://www.Ahorn.example/de?x=1", "ahorn.example"),
        ("info@ahorn.example", "ahorn.example"),
        ("ahorn.example.", "ahorn.example"),
        ("https://ahorn.example:8080/@us", "ahorn.example"),
        ("  Bäckerei.example ", "bäckerei.example"),
        ("", ""),
    ],
)
def test_a_domain_is_found_in_whatever_stands_in_its_place(text: str, expected: str) -> None:
    """
    Addresses, pages, ports and capital letters make no other domain.
    """
    assert host(text) == expected


def test_a_name_counts_only_with_its_country() -> None:
    """
    Dots, signs and capital letters are no difference; another legal form is another name.
    """
    assert name_key("Ahorn G.m.b.H. & Co. KG", "Germany") == name_key("AHORN GmbH Co KG", "DE") == "ahorn gmbh co kg DE"
    assert name_key("Ahorn GmbH", "") == name_key("", "DE") == name_key("Ahorn GmbH", "Atlantis") == ""
    assert name_key("Ahorn AG", "DE") != name_key("Ahorn GmbH", "DE")


def test_companies_of_two_connections_with_one_domain_are_one() -> None:
    """
    The organisation has the id of the company that was met first.
    """
    assert grouped(company("crm 1", 2, "a.example"), company("shop 7", 1, "a.example"), company("crm 2", 1)) == {
        ("shop 7", "crm 1"),
        ("crm 2",),
    }


@pytest.mark.parametrize("domain", ["gmail.com", "web.de", "facebook.com", "localhost"])
def test_a_domain_of_anybody_proves_nothing(domain: str) -> None:
    """
    Two companies that take mail at a free mailbox are two.
    """
    assert own_domain(domain) == ""
    assert len(grouped(company("crm 1", domain=domain), company("shop 1", domain=domain))) == 2


def test_a_name_joins_unless_the_domains_differ() -> None:
    """
    The same name in the same country is one where at most one domain is known, and where both are the same.
    """
    one, two = company("crm 1", key="ahorn DE", domain="a.example"), company("shop 1", key="ahorn DE")

    assert grouped(one, two) == {("crm 1", "shop 1")}
    assert len(grouped(one, two._replace(domain="b.example"))) == 2
    assert len(grouped(one, two._replace(key="ahorn AT"))) == 2


def test_two_with_other_domains_are_not_joined_over_a_third() -> None:
    """
    A company without a domain joins one of them, and always the same.
    """
    first, second = company("a 1", key="k", domain="a.example"), company("b 1", key="k", domain="b.example")

    assert grouped(first, second, company("c 1", key="k")) == {("a 1", "c 1"), ("b 1",)}


def test_what_two_of_one_connection_share_proves_nothing() -> None:
    """
    A platform that keeps two branches apart knows why; whoever shares the domain elsewhere joins neither.
    """
    branches = [company("crm 1", domain="a.example"), company("crm 2", domain="a.example")]

    assert len(grouped(*branches, company("shop 1", domain="a.example"))) == 3


def test_a_word_goes_before_all_of_it() -> None:
    """
    "The same" joins what shares nothing, even of one connection; "not the same" parts what shares all.
    """
    one, two = company("crm 1", domain="a.example"), company("crm 2", domain="b.example")
    shop = company("shop 1", domain="a.example")

    assert grouped(one, two, shop, same=(("crm 1", "crm 2"), ("crm 2", "shop 1"))) == {("crm 1", "crm 2", "shop 1")}
    assert len(grouped(one, shop, apart=(("crm 1", "shop 1"),))) == 2


def test_what_the_first_leaves_blank_the_next_says() -> None:
    """
    No value of a company is lost to a blank, and none of a later one replaces an earlier one's.
    """
    assert merged([{"name": "A", "city": ""}, {"name": "B", "city": "Ulm", "country": None}]) == {
        "name": "A",
        "city": "Ulm",
    }
