"""Tasks for a person, through the engine and over the sandbox, on both databases: made once at most."""

from __future__ import annotations

import pytest

from mapping.model import WriteKind
from sync.runs import NoSuchRun
from sync.store.database import Database
from sync.uncertain import looked_at, same_task, uncertain
from tests.deeds.rig import TASKS, Rig
from tests.laws.world import Killed


@pytest.fixture
def rig(database: Database) -> Rig:
    return Rig(database)


@pytest.fixture
def ada(rig: Rig) -> str:
    """Somebody whom the store knows."""
    number = rig.contact("Ada")
    rig.sync()
    return number


def test_a_task_is_put_down(rig: Rig, ada: str) -> None:
    """At the contact, with all that was said; it is a run like any other, and no later run repeats it."""
    balance = rig.engine().task(rig.task(ada, "Call about the order", owner="501", note="She likes rye"))
    later = rig.sync()
    ((number, subject),) = rig.tasks().items()
    there = rig.box.records["tasks"].state.records[int(number)].props

    assert (balance.kind, balance.planned, balance.ok, balance.closes()) == ("task", 1, True, True)
    assert (subject, there["hubspot_owner_id"], there["hs_task_body"]) == (
        "Call about the order",
        "501",
        "She likes rye",
    )
    assert list(rig.box.joined(("tasks", "contacts"), int(number))) == [int(ada)]
    assert (rig.states(WriteKind.TASK), later.planned) == (["applied"], 0)


def test_an_undo_takes_it_away(rig: Rig, ada: str) -> None:
    """A task that is still as we made it; an undo of that undo does not make it again, and says so."""
    run = rig.engine().task(rig.task(ada, note="She likes rye", owner="501")).run
    rig.sim.advance(60)
    undo = rig.engine().undo(run)
    gone = rig.tasks()
    rig.sim.advance(60)
    again = rig.engine().undo(undo.run)

    assert (gone, undo.ok, rig.sync().planned) == ({}, True, 0)
    assert (rig.tasks(), again.notes) == ({}, ["1 companies or tasks that were taken back are not made again."])


@pytest.mark.parametrize(
    "changed", [{"hs_task_subject": "Call today"}, {"hs_task_status": "COMPLETED"}, {"hs_task_body": "Did it"}]
)
def test_a_task_that_somebody_changed_stays(rig: Rig, ada: str, changed: dict[str, str]) -> None:
    """An undo leaves it out, and says so."""
    run = rig.engine().task(rig.task(ada)).run
    (number,) = rig.tasks()
    rig.box.human_update_object("tasks", number, changed)
    rig.sim.advance(60)
    undo = rig.engine().undo(run)

    assert list(rig.tasks()) == [number]
    assert (undo.ok, rig.states(WriteKind.TASK)) == (False, ["applied", "refused"])


def test_a_task_that_somebody_took_away_is_no_trouble(rig: Rig, ada: str) -> None:
    """There is nothing left to undo."""
    run = rig.engine().task(rig.task(ada)).run
    rig.box.human_delete_object("tasks", *rig.tasks())
    rig.sim.advance(60)

    assert rig.engine().undo(run).ok


def test_a_refused_task_is_told(rig: Rig, ada: str) -> None:
    """With the platform's reason."""
    balance = rig.engine().task(rig.task(ada, owner="999"))

    assert (rig.tasks(), balance.ok, balance.closes(), rig.states(WriteKind.TASK)) == ({}, False, True, ["refused"])


@pytest.mark.parametrize(("when", "there"), [("before", 0), ("after", 1)])
def test_killed_on_the_way_it_is_uncertain_and_never_repeated(rig: Rig, ada: str, when: str, there: int) -> None:
    """Whether it arrived or not: nobody can tell, so a person has to look."""
    rig.line.path, rig.line.when = TASKS, when
    write = rig.task(ada)
    with pytest.raises(Killed):
        rig.engine().task(write)
    open_ = rig.states(WriteKind.TASK)
    balances = [rig.sync() for _ in range(3)]
    with rig.database.read() as conn:
        (one,) = uncertain(conn)

    assert (open_, rig.states(WriteKind.TASK), len(rig.tasks())) == (["intended"], ["uncertain"], there)
    assert (one.write, one.reason, one.who) == (write, "the run was broken off before the answer came", "Ada")
    assert [balance.planned for balance in balances] == [0, 0, 0]


@pytest.mark.parametrize(("fault", "there"), [("lost_answer", 1), ("lost_request", 0), ("error_after", 1)])
def test_a_lost_answer_is_uncertain(rig: Rig, ada: str, fault: str, there: int) -> None:
    """The run says so, its sums close, and an undo of it says where to look."""
    rig.box.faults.add(fault, path="*" + TASKS)
    balance = rig.engine().task(rig.task(ada))
    part = balance.connections["crm"]
    rig.sim.advance(60)
    with pytest.raises(NoSuchRun, match="regulars status"):
        rig.engine().undo(balance.run)

    assert (part.uncertain, part.applied, balance.ok, balance.closes()) == (1, 0, False, True)
    assert (rig.states(WriteKind.TASK), len(rig.tasks())) == (["uncertain"], there)


def test_a_person_who_has_looked_ends_it(rig: Rig, ada: str) -> None:
    """What is uncertain stays listed until then, and is found by the words of the task."""
    rig.box.faults.add("lost_answer", path="*" + TASKS)
    write = rig.task(ada)
    rig.engine().task(write)
    with rig.database.read() as conn:
        known, other = same_task(conn, write), same_task(conn, rig.task(ada, "Something else"))
    with rig.database.write() as conn:
        looked = [looked_at(conn, [write.record]), looked_at(conn, [write.record])]
        left = uncertain(conn)

    assert ([one.write for one in known], other) == ([write], [])
    assert (looked, left, rig.states(WriteKind.TASK)) == ([1, 0], [], ["looked_at"])


def test_an_undo_that_is_killed_can_be_run_again(rig: Rig, ada: str) -> None:
    """A task may be taken away twice."""
    run = rig.engine().task(rig.task(ada)).run
    rig.sim.advance(60)
    rig.line.path, rig.line.when = "/tasks/batch/archive", "after"
    with pytest.raises(Killed):
        rig.engine().undo(run)
    rig.sync()

    assert (rig.tasks(), rig.states(WriteKind.TASK)) == ({}, ["applied", "applied"])


def test_busy_is_not_lost(rig: Rig, ada: str) -> None:
    """A platform that takes nothing now has not taken it: the task may simply be asked for again."""
    rig.box.faults.add("rate_limit", path="*" + TASKS, times=9)
    balance = rig.engine().task(rig.task(ada))

    assert (rig.tasks(), rig.states(WriteKind.TASK), balance.closes()) == ({}, ["not_sent"], True)
