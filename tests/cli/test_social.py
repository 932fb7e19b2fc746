"""A business with a page on Facebook: who answered its ads is known, who only commented is somebody new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.signing import agreed_token
from regulars.workspace import Workspace
from sandbox.meta import SECRET, MetaSandbox
from sync import inbox
from sync.inbox import Mail
from sync.wired import Silent
from tests.cli.shop import Shop, beside

STREAMS = "forms,comments,messages,posts,reviews,instagram_messages"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """HubSpot, Mailchimp and Meta of a small town."""
    with beside(tmp_path, 30, "meta", "--streams", STREAMS) as shop:
        yield shop


def page(shop: Shop) -> MetaSandbox:
    assert shop.street is not None
    box = shop.street.others["meta"]
    assert isinstance(box, MetaSandbox)
    return box


def test_an_address_joins_and_a_name_does_not(shop: Shop) -> None:
    """
    Who answered a form is the customer with that address. Two of one name who commented and wrote, on Facebook and on
    Instagram, are two people, each with what they did. Nothing is ever written to Meta.
    """
    assert shop.street is not None
    box = page(shop)
    lead = next(answers for answers in box.leads())
    stranger, other = box.human_arrive("Bo Lundqvist-Kay"), box.human_arrive("bo.lundqvist.kay", on="instagram")
    box.human_comment(box.human_post("Rye is back"), stranger, "At last!")
    box.human_message(stranger, "Are you open?")
    box.human_recommend(stranger, "The best rye")
    box.human_message(other, "Are you open?")

    done = [shop.run("sync", "--json") for _ in range(3)]
    answered = shop.run("person", lead["email"], "--json").json
    there = shop.run("person", "bo.lundqvist.kay", "--json").json
    commented = shop.run("person", "Bo Lundqvist-Kay", "--json").json

    assert [one.code in (0, 1) for one in done] == [True] * 3, done[-1].err
    assert {record["connection"] for record in answered["records"]} >= {"meta"}
    assert len({record["connection"] for record in answered["records"]}) > 1
    assert [record["connection"] for record in commented["records"]] == ["meta"]
    assert {touch["kind"] for touch in commented["touchpoints"]} == {"commented", "chatted"}
    assert [word["score"] for word in commented["feedback"]] == [1.0]
    assert [record["connection"] for record in there["records"]] == ["meta"]
    assert commented["id"] != there["id"]
    assert box.writes.total() == 0
    assert box.refused == []


def test_answers_that_meta_forgot_leave_nobody_gone(shop: Shop) -> None:
    """
    Ninety days later a full sync finds none of them, and everybody is still there.
    """
    box = page(shop)
    lead = next(answers for answers in box.leads())
    shop.run("sync")
    for one in [key for key, node in box.state.nodes.items() if node.kind == "Lead"]:
        box.human_delete_lead(one)

    done = shop.run("sync", "--full", "--json")
    answered = shop.run("person", lead["email"], "--json").json

    assert done.code in (0, 1), done.err
    assert [record["state"] for record in answered["records"] if record["connection"] == "meta"] == ["live"]


def test_setting_webhooks_up_takes_the_secret_before_it_tells_the_token(shop: Shop) -> None:
    """
    Meta checks our address with a token, which follows from the app secret: without that there is nothing to show.
    """
    with (shop.folder / "regulars.toml").open("a", encoding="utf-8") as file:
        file.write('\n[webhooks]\npublic_url = "https://hooks.bakery.example"\n')

    early = shop.run("webhooks", "meta", "--setup", "--wait", "0")
    shop.run("webhooks", "meta", "--secret", stdin=SECRET + "\n")
    steps = shop.run("webhooks", "meta", "--setup", "--wait", "0")

    assert (early.code, "takes the secret" in early.err) == (2, True)
    assert "https://hooks.bakery.example/webhooks/meta" in steps.err
    assert agreed_token(SECRET) in steps.err
    assert SECRET not in steps.err


def test_erasing_is_confirmed_only_where_meta_can_say_so(shop: Shop) -> None:
    """
    An answer that is shown no more is erased; of somebody who only wrote nothing is ever said, so that it waits.
    """
    box = page(shop)
    lead = next(answers for answers in box.leads())
    numbers = [key for key, node in box.state.nodes.items() if node.kind == "Lead"]
    bo = box.human_arrive("Bo Lundqvist-Kay")
    box.human_comment(box.human_post("Rye is back"), bo, "At last!")
    shop.run("sync")

    for who in (lead["email"], "Bo Lundqvist-Kay"):
        asked = shop.run("erase", who, "--yes")
        assert asked.code in (0, 1), asked.err
    for number in numbers:
        box.human_delete_lead(number)
    for _ in range(2):
        shop.run("sync")

    answered, commented = sorted(shop.run("erase", "--json").json["erasures"], key=lambda one: int(one["id"]))

    assert (bool(answered["done"]), answered["waiting"]) == (True, {})
    assert (bool(commented["done"]), commented["waiting"]) == (False, {"meta": 1})


def test_a_delivery_is_looked_into_and_whom_meta_hides_is_not_gone(shop: Shop) -> None:
    """
    A reaction is kept though nothing shows it later; somebody who blocked the page meanwhile, so that the profile is
    hidden, is still there.
    """
    box = page(shop)
    box.human_subscribe_app("https://hooks.bakery.example/webhooks/meta")
    bo, post = box.human_arrive("Bo Lundqvist-Kay"), box.human_post("Rye is back")
    box.human_message(bo, "Are you open?")
    shop.run("sync")
    box.human_react(post, bo, "love")
    box.human_message(bo, "Hello?")
    box.state.nodes[bo].values["wrote"] = False  # whoever blocks a page takes back what they allowed it
    letters = box.mailroom.pack(box.mailroom.due(box.clock()))
    bodies = [box.mailroom.seal(letter, box.clock()).body for letter in letters]

    business = Workspace(shop.folder)
    with business.database.durable() as conn:
        inbox.file(conn, [Mail("meta", inbox.key_of(body), business.database.now(), body) for body in bodies])
    balance = business.engine(Silent()).hear()
    business.close()
    shown = shop.run("person", "Bo Lundqvist-Kay", "--json").json

    assert balance.failures == {}
    assert [record["state"] for record in shown["records"]] == ["live"]
    kinds = [touch["kind"] for touch in shown["touchpoints"]]
    assert (kinds.count("chatted"), kinds.count("reacted")) == (2, 1)
