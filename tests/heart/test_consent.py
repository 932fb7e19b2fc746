"""Consent: a withdrawal wins over everything but a newer explicit grant."""

from __future__ import annotations

from itertools import permutations

import pytest

from mapping.consent import Fact, Standing, may_mail, news, standing
from mapping.model import MARKETING, ConsentSeen, ConsentState
from tests.heart.build import ADA, bounced, granted, left

OLD = "old@example.org"
EVENTS = "events"
G, W, B, U = ConsentState.GRANTED, ConsentState.WITHDRAWN, ConsentState.UNDELIVERABLE, ConsentState.UNKNOWN


def left_events(at: int = 300) -> Fact:
    return Fact(ADA, EVENTS, W, at)


@pytest.mark.parametrize(
    ("facts", "purpose", "expected"),
    [
        pytest.param([], MARKETING, Standing(U), id="nothing-is-known"),
        pytest.param([granted()], MARKETING, Standing(G, granted()), id="explicit-grant"),
        pytest.param([granted(explicit=False)], MARKETING, Standing(U), id="a-mere-status-grants-nothing"),
        pytest.param([granted(at=0)], MARKETING, Standing(U), id="a-grant-without-a-date-is-none"),
        pytest.param([granted(OLD)], MARKETING, Standing(U), id="a-grant-is-for-its-own-address"),
        pytest.param([left()], MARKETING, Standing(W, left()), id="left"),
        pytest.param([left(at=0)], MARKETING, Standing(W, left(at=0)), id="left-without-a-date"),
        pytest.param([left(OLD)], MARKETING, Standing(W, left(OLD)), id="left-at-another-address"),
        pytest.param([left(), granted(at=301)], MARKETING, Standing(G, granted(at=301)), id="came-back"),
        pytest.param([left(OLD), granted(at=301)], MARKETING, Standing(G, granted(at=301)), id="came-back-elsewhere"),
        pytest.param([left(), granted(OLD, at=301)], MARKETING, Standing(W, left()), id="another-address-came-back"),
        pytest.param([left(), granted(at=300)], MARKETING, Standing(W, left()), id="equal-times-go-to-the-withdrawal"),
        pytest.param([left(), granted(at=299)], MARKETING, Standing(W, left()), id="an-older-grant"),
        pytest.param([left(), granted(at=301, explicit=False)], MARKETING, Standing(W, left()), id="ticked-back-on"),
        pytest.param(
            [left(at=10), granted(at=20), left(at=30)], MARKETING, Standing(W, left(at=30)), id="left-came-back-left"
        ),
        pytest.param([left(at=10), left(at=30), granted(at=20)], MARKETING, Standing(W, left(at=30)), id="left-twice"),
        pytest.param(
            [granted(at=10), granted(at=20), left(at=15)], MARKETING, Standing(G, granted(at=20)), id="the-newest-grant"
        ),
        pytest.param([bounced()], MARKETING, Standing(B, bounced()), id="bounced"),
        pytest.param([bounced(OLD)], MARKETING, Standing(U), id="another-address-bounced"),
        pytest.param([bounced(), granted(at=900)], MARKETING, Standing(B, bounced()), id="a-grant-heals-no-mailbox"),
        pytest.param([bounced(at=900), left()], MARKETING, Standing(W, left()), id="bounced-after-leaving"),
        pytest.param(
            [bounced(at=10), bounced(at=20)], MARKETING, Standing(B, bounced(at=20)), id="bounced-twice-the-last-counts"
        ),
        pytest.param([left()], EVENTS, Standing(W, left()), id="leaving-marketing-reaches-every-purpose"),
        pytest.param([left_events()], MARKETING, Standing(U), id="leaving-one-purpose-leaves-no-other"),
        pytest.param([left_events()], EVENTS, Standing(W, left_events()), id="leaving-one-purpose"),
        pytest.param([granted()], EVENTS, Standing(G, granted()), id="marketing-covers-each-purpose"),
        pytest.param(
            [left_events(), granted(at=400)],
            EVENTS,
            Standing(W, left_events()),
            id="marketing-brings-nobody-back-to-it",
        ),
        pytest.param(
            [left_events(), granted(at=400, purpose=EVENTS)],
            EVENTS,
            Standing(G, granted(at=400, purpose=EVENTS)),
            id="came-back-to-one-purpose",
        ),
        pytest.param(
            [left(), granted(at=400, purpose=EVENTS)],
            EVENTS,
            Standing(G, granted(at=400, purpose=EVENTS)),
            id="came-back-to-one-purpose-after-leaving-all",
        ),
        pytest.param([left(), granted(at=400, purpose=EVENTS)], MARKETING, Standing(W, left()), id="and-to-no-other"),
        pytest.param([granted(purpose=EVENTS)], MARKETING, Standing(U), id="one-purpose-is-not-marketing"),
        pytest.param([Fact(ADA, MARKETING, U, 400, True)], MARKETING, Standing(U), id="unknown-grants-nothing"),
        pytest.param([Fact(ADA, MARKETING, U, 400), left()], MARKETING, Standing(W, left()), id="unknown-says-nothing"),
    ],
)
def test_standing(facts: list[Fact], purpose: str, expected: Standing) -> None:
    """Where an address stands follows from the facts alone, in whatever order they came and however it is spelled."""
    spelled = (ADA, ADA.upper(), ADA.title())

    assert {standing(order, one, purpose) for order in permutations(facts) for one in spelled} == {expected}
    assert may_mail(facts, ADA, purpose) is (expected.state is G)


def seen(state: ConsentState, at: int = 0, *, explicit: bool = False, purpose: str = MARKETING) -> ConsentSeen:
    return ConsentSeen(ADA, state, purpose, at, "said so", explicit)


def fact(state: ConsentState, at: int, *, explicit: bool = False, purpose: str = MARKETING) -> Fact:
    return Fact(ADA, purpose, state, at, explicit, 7, "said so")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([], [seen(U)], [], id="unknown-is-no-news"),
        pytest.param([], [seen(W, 300)], [fact(W, 300)], id="left"),
        pytest.param([], [seen(W)], [fact(W, 500)], id="undated-is-dated-by-the-look"),
        pytest.param([], [seen(W, 501)], [fact(W, 500)], id="the-future-is-clamped"),
        pytest.param([seen(W)], [seen(W)], [], id="shown-again"),
        pytest.param([seen(G, 300)], [seen(G, 400)], [], id="a-mere-status-under-a-later-date"),
        pytest.param(
            [seen(G, 300, explicit=True)], [seen(G, 300, explicit=True)], [], id="the-same-explicit-grant-again"
        ),
        pytest.param(
            [seen(G, 300, explicit=True)],
            [seen(G, 400, explicit=True)],
            [fact(G, 400, explicit=True)],
            id="a-new-explicit-grant",
        ),
        pytest.param([seen(G, 300)], [seen(W, 400)], [fact(W, 400)], id="another-state"),
        pytest.param([seen(W, 300)], [], [], id="gone-is-no-grant"),
        pytest.param([], [seen(G, 300, explicit=True)], [fact(G, 300, explicit=True)], id="an-explicit-grant"),
        pytest.param([], [seen(G, explicit=True)], [fact(G, 500)], id="a-grant-without-a-date-is-a-mere-status"),
        pytest.param(
            [],
            [seen(G, 300, explicit=True)._replace(evidence="")],
            [fact(G, 300)._replace(evidence="")],
            id="a-grant-without-evidence-is-a-mere-status",
        ),
        pytest.param([seen(W)], [seen(W, purpose=EVENTS)], [fact(W, 500, purpose=EVENTS)], id="another-purpose"),
        pytest.param(
            [seen(W)], [seen(W)._replace(address=OLD)], [fact(W, 500)._replace(address=OLD)], id="another-address"
        ),
        pytest.param([], [seen(B), seen(W)], [fact(B, 500), fact(W, 500)], id="two-at-once"),
    ],
)
def test_news(before: list[ConsentSeen], after: list[ConsentSeen], expected: list[Fact]) -> None:
    """Only what a record did not show before goes into the ledger, never dated after our look."""
    assert news(before, after, record=7, observed=500) == expected
