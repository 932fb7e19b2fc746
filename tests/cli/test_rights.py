"""Rights that a chosen stream needs and the credential lacks: said when connecting, and by the doctor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from regulars import street
from sandbox.hubspot_access import ALL_SCOPES
from tests.cli.shop import Shop

NARROW = "sandbox-hubspot-narrow"
LACKING = "crm.objects.deals.read"
SENTENCE = f"It may not read deals: the scope {LACKING} is missing."


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Shop]:
    """A business, and a HubSpot account whose credential may not read deals."""
    made = street.build(8, 3, quotas=False)
    made.hubspot.allow(NARROW, sorted(ALL_SCOPES - {LACKING}))
    with street.open_street(made, [0, 0]) as (hubspot, mailchimp):
        shop = Shop(tmp_path, hubspot, mailchimp, made)
        assert shop.run("init", "--name", "Backhaus", "--country", "DE").code == 0
        yield shop


def connected(shop: Shop, streams: str, *options: str) -> tuple[str, str]:
    """What `connect` says of the credential."""
    arguments = ["--base-url", shop.hubspot, "--streams", streams, *options]
    answer = shop.run("connect", "hubspot", *arguments, HUBSPOT_TOKEN=NARROW)
    assert answer.code == 0, answer.err
    return answer.out, answer.err


def test_connect_names_the_scope_that_a_chosen_stream_lacks(narrow: Shop) -> None:
    """
    In words and in JSON; not where the stream was not chosen.
    """
    said, _ = connected(narrow, "companies,deals")
    document, _ = connected(narrow, "companies,deals", "--json")
    other, _ = connected(narrow, "companies")

    assert f"! {SENTENCE}" in said
    assert "✓ It may read companies." in said
    assert SENTENCE in document
    assert SENTENCE not in other


def test_the_doctor_says_what_to_do_about_it_even_where_nothing_is_written(narrow: Shop) -> None:
    """
    A stream is wanted whatever the direction; with the right scope there is nothing to say.
    """
    connected(narrow, "deals")
    ill = narrow.run("doctor", "--json")
    assert narrow.street is not None
    narrow.street.hubspot.allow(NARROW, sorted(ALL_SCOPES))
    well = narrow.run("doctor", "--json")

    (found,) = [one for one in ill.json["checks"] if one["text"] == SENTENCE]
    assert (found["state"], ill.code) == ("warn", 1)
    assert "regulars connect hubspot --name hubspot" in found["fix"]
    assert (well.code, [one for one in well.json["checks"] if one["state"] != "good"]) == (0, [])


def test_the_stream_that_may_not_be_read_fails_alone(narrow: Shop) -> None:
    """
    People and the other streams go on.
    """
    connected(narrow, "companies,deals")
    answer = narrow.run("sync", "--json").json["connections"]["hubspot"]

    assert answer["pulled"] > 0
    assert answer["streams"]["companies"]["failure"] == ""
    assert f"the scope {LACKING} is missing" in answer["streams"]["deals"]["failure"]
