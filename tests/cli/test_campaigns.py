"""`regulars campaigns`: what reached many, and what was done with it."""

from __future__ import annotations

from tests.cli.shop import CREDENTIALS, Shop


def test_mailings_are_listed_with_what_was_done(settled_town: Shop) -> None:
    """
    The newest first, each with the counts of its platform, none of which is less than what we filed of it.
    """
    path = ["--base-url", settled_town.mailchimp, "--streams", "activity"]
    assert settled_town.run("connect", "mailchimp", *path, **CREDENTIALS).code == 0
    assert settled_town.run("sync").code in (0, 1)
    found = settled_town.run("campaigns", "--limit", "1000", "--json").json
    one = next(line for line in found["campaigns"] if line["figures"]["opened"])
    shown = settled_town.run("campaigns", "--limit", "1")

    assert found["total"] == len(found["campaigns"]) > 3
    assert [line["at"] for line in found["campaigns"]] == sorted(
        (line["at"] for line in found["campaigns"]), reverse=True
    )
    assert one["figures"]["sent"] >= one["figures"]["opened by people"] > 0
    assert found["campaigns"][0]["title"] in shown.out
    assert f"{found['total']} campaigns" in shown.out


def test_a_connection_that_is_none_is_named(settled_town: Shop) -> None:
    """With the nearest that there is."""
    refused = settled_town.run("campaigns", "mailchip")

    assert refused.code == 2
    assert "mailchimp" in refused.err
