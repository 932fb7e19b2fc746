"""Companies and who belongs to them, through the engine and over the sandbox, on both databases."""

from __future__ import annotations

import pytest

from mapping.model import Companies, Direction, WriteKind
from sync.guard import Limit, Limits
from sync.store.database import Database
from tests.deeds.rig import ASSOCIATE, CREATE, Rig
from tests.laws.world import NO_BRAKES, Killed


@pytest.fixture
def there(database: Database) -> Rig:
    """People are put to companies that are there."""
    return Rig(database, Companies.ASSOCIATE)


@pytest.fixture
def maker(database: Database) -> Rig:
    """Companies are made where there is none."""
    return Rig(database, Companies.CREATE)


def test_somebody_is_put_to_the_company_of_their_name(there: Rig) -> None:
    """Once, and planned before; afterwards there is nothing to do."""
    firm = there.company("Bäckerei  OST")
    ada = there.contact("Ada", "bäckerei ost")
    (planned,) = there.plan()
    first, second = there.sync(), there.sync()

    assert (planned.kind, planned.purpose, planned.settings[0].after) == (WriteKind.TIE, "Bäckerei  OST", firm)
    assert there.at(ada) == [firm]
    assert (first.planned, first.ok, second.planned) == (1, True, 0)


def test_off_unless_it_is_chosen(database: Database) -> None:
    """Without a word in the configuration nobody is put anywhere."""
    quiet = Rig(database)
    quiet.company("Ost")
    ada = quiet.contact("Ada", "Ost")
    balance = quiet.sync()

    assert (balance.planned, quiet.at(ada), quiet.found()) == (0, [], [])


def test_nothing_is_written_where_we_only_read(there: Rig) -> None:
    """Direction read writes nothing, whatever else is chosen."""
    there.direction = Direction.READ
    there.company("Ost")
    there.contact("Ada", "Ost")

    assert there.plan() == []


def test_who_has_a_company_keeps_it(there: Rig) -> None:
    """Whoever belongs to a company there already is left as they are, whatever their field says."""
    there.company("Ost")
    other = there.company("West")
    ada = there.contact("Ada", "Ost")
    there.box.human_associate("contacts", ada, "companies", other)
    balance = there.sync()

    assert (balance.planned, there.at(ada)) == (0, [other])


def test_a_company_that_a_person_took_off_is_never_put_back(there: Rig) -> None:
    """Neither ours, nor one that somebody had put there."""
    firm = there.company("Ost")
    ada, bob = there.contact("Ada", "Ost"), there.contact("Bob", "Ost")
    there.box.human_associate("contacts", bob, "companies", firm)
    there.sync()
    for one in (ada, bob):
        there.box.human_dissociate("contacts", one, "companies", firm)
    there.sync(full=True)
    quiet = there.sync()

    assert (there.at(ada), there.at(bob), quiet.planned) == ([], [], 0)
    assert there.found() == ["held: was taken off a company there, and is not put back"] * 2


def test_whoever_was_put_somewhere_meanwhile_is_left_there(there: Rig) -> None:
    """An association moves no stamp, so it is looked at directly before anything leaves."""
    other, ada = there.company("West"), there.contact("Ada")
    there.sync()
    there.company("Ost")
    there.sync()
    there.box.human_associate("contacts", ada, "companies", other)
    there.box.human_update(ada, {"company": "Ost"})
    balance, quiet = there.sync(), there.sync()

    assert there.at(ada) == [other]
    assert (sum(one.moved for one in balance.connections.values()), quiet.planned) == (1, 0)


def test_a_company_that_comes_later_is_found(there: Rig) -> None:
    """Whoever waits for it is planned again, without a change of their own."""
    ada = there.contact("Ada", "Ost")
    there.sync()
    waiting = there.found()
    firm = there.company("Ost")
    there.sync()

    assert waiting == ["held: there is no company 'Ost' there"]
    assert (there.at(ada), there.found()) == ([firm], [])


def test_a_company_is_made_once_for_all_who_work_there(maker: Rig) -> None:
    """Spelled as the first of them has it; and everybody is put to it in the same run."""
    people = [maker.contact(name, company) for name, company in (("Ada", "Ost"), ("Bob", "OST"), ("Cy", " ost "))]
    kinds = [write.kind for write in maker.plan()]
    first, second = maker.sync(), maker.sync()
    (firm,) = maker.companies()

    assert kinds == [WriteKind.COMPANY] + [WriteKind.TIE] * 3
    assert [maker.at(one) for one in people] == [[firm]] * 3
    assert (first.planned, first.ok, second.planned) == (4, True, 0)


def test_an_undo_takes_the_company_and_its_people_away(maker: Rig) -> None:
    """And the next runs leave it so."""
    ada = maker.contact("Ada", "Ost")
    run = maker.sync().run
    made = maker.companies()
    maker.sim.advance(60)
    undone = maker.engine().undo(run)
    quiet = [maker.sync().planned, maker.sync(full=True).planned]

    assert list(made.values()) == ["Ost"]
    assert (maker.companies(), maker.at(ada), undone.ok, quiet) == ({}, [], True, [0, 0])


def test_an_undo_of_the_undo_puts_people_back_where_the_company_still_is(there: Rig) -> None:
    """An association can be taken back and forth."""
    firm = there.company("Ost")
    ada = there.contact("Ada", "Ost")
    run = there.sync().run
    there.sim.advance(60)
    undo = there.engine().undo(run)
    off = there.at(ada)
    there.sim.advance(60)
    there.engine().undo(undo.run)

    assert (off, there.at(ada)) == ([], [firm])


def test_a_company_that_others_belong_to_by_now_stays(maker: Rig) -> None:
    """An undo leaves out what a person built upon, and says so."""
    ada, bob = maker.contact("Ada", "Ost"), maker.contact("Bob")
    run = maker.sync().run
    (firm,) = maker.companies()
    maker.box.human_associate("contacts", bob, "companies", firm)
    maker.sim.advance(60)
    undone = maker.engine().undo(run)

    assert (maker.at(ada), maker.at(bob)) == ([], [firm])
    assert (sum(one.refused_writes for one in undone.connections.values()), undone.ok) == (1, False)


def test_a_label_is_a_persons_word(there: Rig) -> None:
    """Whom somebody gave a part in the company since, the undo leaves there."""
    firm = there.company("Ost")
    ada = there.contact("Ada", "Ost")
    run = there.sync().run
    label = there.box.human_add_label("contacts", "companies", "Owner")
    there.box.human_associate("contacts", ada, "companies", firm, label)
    there.sim.advance(60)
    there.engine().undo(run)

    assert there.at(ada) == [firm]


def test_a_company_that_was_deleted_is_not_made_again(maker: Rig) -> None:
    """What people threw away stays away, until a person lets the connection try again."""
    ada = maker.contact("Ada", "Ost")
    maker.sync()
    (firm,) = maker.companies()
    maker.box.human_delete_object("companies", firm)
    bob = maker.contact("Bob", "Ost")
    maker.sync()
    maker.sync()
    held = maker.companies()
    maker.engine().release("crm")
    maker.sync()

    assert held == {}
    assert list(maker.companies().values()) == ["Ost"]
    assert (len(maker.at(bob)), maker.at(ada)) == (1, [])


def test_a_refused_company_is_told_and_not_asked_for_again(maker: Rig) -> None:
    """Its reason is listed at whoever waits for it."""
    maker.contact("Ada", "Ost")
    maker.box.faults.add("partial", path="*" + CREATE, every=1, message="Not today")
    first, second = maker.sync(), maker.sync()

    assert (first.ok, second.planned, maker.companies()) == (False, 0, {})
    assert maker.found() == ["held: 'Ost' is not made there: Not today"]


def test_a_refused_association_is_told_and_not_asked_for_again(there: Rig) -> None:
    """An admin's limit, say."""
    firm = there.company("Ost")
    there.contact("Ada", "Ost")
    there.box.human_limit_associations("contacts", "companies", 0)
    first, second = there.sync(), there.sync()

    assert firm in there.companies()
    assert (first.ok, second.planned) == (False, 0)
    assert there.found() == ["refused: the platform would not put it to 'Ost'"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("path", [CREATE, ASSOCIATE])
def test_killed_on_the_way_and_run_again(maker: Rig, path: str, when: str) -> None:
    """Everything ends as if nothing had happened: one company, and its people belong to it once."""
    people = [maker.contact(name, "Ost") for name in ("Ada", "Bob")]
    maker.line.path, maker.line.when = path, when
    with pytest.raises(Killed):
        maker.sync()
    again = [maker.sync() for _ in range(3)]
    (firm,) = maker.companies()

    assert [maker.at(one) for one in people] == [[firm], [firm]]
    assert (again[-1].planned, again[-1].ok) == (0, True)
    assert maker.box.joins.of(("contacts", "companies"), int(people[0])).keys() == {int(firm)}


@pytest.mark.parametrize("fault", ["lost_answer", "lost_request", "error_after", "error_before"])
@pytest.mark.parametrize("path", [CREATE, ASSOCIATE])
def test_a_call_that_goes_wrong_is_settled_by_the_next_runs(maker: Rig, path: str, fault: str) -> None:
    """A company whose answer was lost is looked for in a complete listing, and made again only where that lacks it."""
    ada = maker.contact("Ada", "Ost")
    maker.box.faults.add(fault, path="*" + path)
    runs = [maker.sync() for _ in range(4)]
    (firm,) = maker.companies()

    assert maker.at(ada) == [firm]
    assert (runs[-1].planned, runs[-1].ok) == (0, True)


def test_too_many_at_once_wait_for_a_person(database: Database) -> None:
    """The guard counts what would be made and who would be put somewhere, before the first call."""
    tight = Limits(**{**_loose(), "creates": Limit(0.1, 1), "associations": Limit(0.1, 2)})
    rig = Rig(database, Companies.CREATE, tight)
    for name in ("Ada", "Bob", "Cy"):
        rig.contact(name, f"{name} Ltd")
    balance = rig.sync()

    assert [stop.text for stop in balance.stops] == [
        "3 records would be created, of 3 records there",
        "3 associations with companies would be changed, of 3 records there",
    ]
    assert rig.companies() == {}


def _loose() -> dict[str, Limit]:
    return {name: getattr(NO_BRAKES, name) for name in NO_BRAKES.__slots__}
