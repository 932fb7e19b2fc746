"""The long run: thousands of histories judged by every law at once, and what occurred in them.

What has to occur is said here: each kind of event, each fault of a write, each lie of each stream, and the pairs that
have gone wrong before.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from tests.laws.histories import JUDGES, KINDS, PAIRS, STREAM_KINDS, History, breaches, histories, quiet, thrown
from tests.laws.liar_streams import STREAMS, Lie
from tests.laws.test_mutants import JUDGED, Judged, killed_after
from tests.laws.world import KINDS_OF_FAULT

SHARDS = 4
EACH = 525
DEMANDED = (
    *dict.fromkeys((*KINDS, *STREAM_KINDS)),
    *KINDS_OF_FAULT,
    *(f"{one} x {two}" for one, two in PAIRS),
    *("killed", "undone", "hidden", "conflict"),
    *(f"{stream.name}: {lie.value}" for stream in STREAMS for lie in Lie),
    *("badge taken off", "taken off a list"),
)
"""What thousands of histories must have had in them, or they prove nothing about it."""


def shard(number: int) -> tuple[int, Counter[str]]:
    """One process's share: how many histories it judged, and what occurred in how many of them. Half of the shards are
    drawn by Hypothesis, half by dice."""
    observed: Counter[str] = Counter()
    count = 0

    @seed(number)
    @quiet(EACH, same_each_time=False)
    @given(history=st.integers(0, 2**64).map(thrown) if number % 2 else histories())
    def judge(history: History) -> None:
        nonlocal count
        count += 1
        found = breaches(history, observed=observed)

        assert found == {}, history

    judge()
    return count, observed


@pytest.mark.long
def test_thousands_of_histories_keep_every_law() -> None:
    """No history breaks any law; every event, fault, lie of a stream and pair of them occurred."""
    with ProcessPoolExecutor(min(SHARDS, os.cpu_count() or 1)) as workers:
        shards = list(workers.map(shard, range(SHARDS)))
    count = sum(each for each, _ in shards)
    observed: Counter[str] = sum((seen for _, seen in shards), Counter())
    print(f"\n{count:,} histories x {len(JUDGES)} laws, none broken")
    for name, times in sorted(observed.items()):
        print(f"  {name:28} in {times:4} histories")

    assert [name for name in DEMANDED if not observed[name]] == []
    assert count >= 2000


@pytest.mark.long
@pytest.mark.parametrize("judged", JUDGED, ids=str)
def test_law_by_mutant(judged: Judged, record_property: Callable[[str, object], None]) -> None:
    """After how many histories each mutant dies stands in one table at the end of the run."""
    count = killed_after(*judged)
    record_property("mutant", (judged.mutant.law, judged.mutant.wrong, f"dies after {count} histories"))

    assert count > 0
