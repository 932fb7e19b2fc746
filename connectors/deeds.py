"""What a platform may let us do beside its records: tasks for people, companies, and who belongs to which.

A connector that offers it hands out its `Deeds`. Companies and tasks have neither a key of ours nor a sure way to look
for one just made, so a create whose answer was lost is told as maybe made, and is never sent again unseen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mapping.facts import Tie
from mapping.model import Millis, Value

if TYPE_CHECKING:
    from connectors.base import Option, Outcome

Pair = tuple[str, str]
"""A record and a company, by their remote ids."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do for somebody. `owner` is the number of a user there; `done` says that it is not open any more."""

    subject: str
    due: Millis
    owner: str = ""
    note: str = ""
    done: bool = False


@dataclass(frozen=True, slots=True)
class Company:
    """A company as it stands there now: our fields, and the remote ids of the records that belong to it."""

    fields: Mapping[str, Value]
    people: tuple[str, ...] = ()


class Deeds(ABC):
    """The calls of one account. All raise `connectors.errors.Failure` and nothing else."""

    @abstractmethod
    def owners(self) -> Sequence[Option]:
        """Who may be given a task: number, name, and the address as `detail`."""

    @abstractmethod
    def create_task(self, who: str, task: Task) -> Outcome:
        """Something to do for the record *who*. Not to be repeated where the answer was lost."""

    @abstractmethod
    def task(self, number: str) -> Task | None:
        """A task as it stands there; None where there is none any more."""

    @abstractmethod
    def archive_task(self, number: str) -> None:
        """Take a task away, restorable by a person. Doing it twice changes nothing."""

    @abstractmethod
    def create_companies(self, wanted: Sequence[Mapping[str, Value]]) -> Sequence[Outcome]:
        """Companies with these fields of ours, one outcome for each. Not to be repeated where an answer was lost."""

    @abstractmethod
    def company(self, number: str) -> Company | None:
        """A company as it stands there; None where there is none any more."""

    @abstractmethod
    def archive_company(self, number: str) -> None:
        """Put a company away, restorable by a person. Doing it twice changes nothing."""

    @abstractmethod
    def companies_of(self, who: Sequence[str]) -> Mapping[str, Sequence[Tie]]:
        """The companies that records belong to, read directly; whoever belongs to none is left out."""

    @abstractmethod
    def associate(self, pairs: Sequence[Pair]) -> Mapping[Pair, str]:
        """Let records belong to companies, without a label. Returns what would not be taken, and why. Doing it twice
        changes nothing."""

    @abstractmethod
    def dissociate(self, pairs: Sequence[Pair]) -> Mapping[Pair, str]:
        """Let records belong to these companies no more. Returns what would not be taken, and why. Doing it twice
        changes nothing."""
