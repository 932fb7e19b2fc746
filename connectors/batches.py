"""Writes in batches: one bad record never stops the rest, and every change gets an outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from connectors.base import Change, Outcome, Result
from connectors.errors import ConnectionFailure, Failure, Later, MaybeSent

T = TypeVar("T")
R = TypeVar("R")
Send = Callable[[Sequence[Change]], Sequence[Outcome]]
"""Sends one batch and gives one outcome per change, in order; raises RefusedWhole where nothing was taken."""


class RefusedWhole(Exception):
    """The platform refused a whole batch because of some of it.

    Where it says so, `concerns` picks the culprits, and `blamed` names the fields of one that were wrong.
    """

    def __init__(
        self,
        reason: str,
        code: str = "invalid",
        concerns: Callable[[Change], bool] | None = None,
        blamed: Callable[[Change], tuple[str, ...]] = lambda _: (),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.concerns = concerns
        self.blamed = blamed


def in_batches(changes: Sequence[Change], size: int, send: Send, key: Callable[[Change], str]) -> list[Outcome]:
    """Outcomes of *changes*, sent at most *size* at a time and no *key* twice in one batch.

    A batch refused as a whole is halved until the bad record stands alone. A failure before anything was written
    is raised; after that, what was not sent is `LATER`, so that no outcome is lost.
    """
    outcomes: dict[int, Outcome] = {}
    failure: Failure | None = None
    for batch in _chunks(changes, size, key):
        if failure is None:
            try:
                _send(changes, batch, send, outcomes)
            except (Later, ConnectionFailure) as error:
                if all(found.result is Result.REFUSED for found in outcomes.values()):
                    raise
                failure = error
        for index in batch:
            if failure is not None:
                outcomes.setdefault(index, Outcome(Result.LATER, changes[index].remote_id, reason=str(failure)))
    return [outcomes[index] for index in range(len(changes))]


def _chunks(changes: Sequence[Change], size: int, key: Callable[[Change], str]) -> Iterator[list[int]]:
    waiting = list(range(len(changes)))
    while waiting:
        batch: list[int] = []
        held: list[int] = []
        taken: set[str] = set()
        for index in waiting:
            name = key(changes[index])
            if len(batch) < size and name not in taken:
                batch.append(index)
                taken.add(name)
            else:
                held.append(index)
                if len(batch) == size:
                    break
        done = len(batch) + len(held)
        yield batch
        waiting = held + waiting[done:]


def _send(changes: Sequence[Change], batch: list[int], send: Send, outcomes: dict[int, Outcome]) -> None:
    if not batch:
        return
    chosen = [changes[index] for index in batch]
    try:
        outcomes.update(zip(batch, send(chosen), strict=True))
    except MaybeSent as lost:
        for index in batch:
            outcomes[index] = Outcome(Result.MAYBE, changes[index].remote_id, reason=str(lost))
    except RefusedWhole as refused:
        concerned = [i for i in batch if refused.concerns is not None and refused.concerns(changes[i])]
        culprits = batch if len(batch) == 1 else concerned
        for index in culprits:
            outcomes[index] = Outcome(
                Result.REFUSED,
                changes[index].remote_id,
                reason=refused.reason,
                code=refused.code,
                blamed=refused.blamed(changes[index]),
            )
        rest = [index for index in batch if index not in set(culprits)]
        halves = [rest] if culprits else [rest[: len(rest) // 2], rest[len(rest) // 2 :]]
        for half in halves:
            _send(changes, half, send, outcomes)


def one_by_one(changes: Sequence[Change], act: Callable[[Change], Outcome], at_once: int) -> list[Outcome]:
    """Outcomes of single calls, *at_once* in flight. Raises as `in_batches` does."""
    failures: list[Failure] = []

    def guarded(change: Change) -> Outcome:
        if failures:
            return Outcome(Result.LATER, change.remote_id, reason=str(failures[0]))
        try:
            return act(change)
        except MaybeSent as lost:
            return Outcome(Result.MAYBE, change.remote_id, reason=str(lost))
        except (Later, ConnectionFailure) as error:
            failures.append(error)
            return Outcome(Result.LATER, change.remote_id, reason=str(error))

    outcomes = spread(changes, guarded, at_once)
    if failures and all(found.result in (Result.REFUSED, Result.LATER) for found in outcomes):
        raise failures[0]
    return outcomes


def spread(items: Sequence[T], act: Callable[[T], R], at_once: int) -> list[R]:
    """*act* on each item, in order, *at_once* in flight."""
    if len(items) < 2:
        return [act(item) for item in items]
    contexts = [copy_context() for _ in items]  # who goes first does so in every thread
    with ThreadPoolExecutor(max_workers=min(at_once, len(items))) as pool:
        return list(pool.map(lambda context, item: context.run(act, item), contexts, items))
