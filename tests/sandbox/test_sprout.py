"""The Sprout Social emulator: its questions, its limits, and its refusals."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.clock import SimClock
from sandbox.sprout import CUSTOMER, SproutSandbox

KEY = {"Authorization": "Bearer sandbox-sprout-demo"}
TIME = "created_time.in(2025-12-01T00:00:00..2026-02-01T00:00:00)"


@pytest.fixture
def box() -> SproutSandbox:
    return SproutSandbox(clock=SimClock())


def ask(box: SproutSandbox, what: str = "messages", **body: Any) -> Any:
    profiles = ", ".join(map(str, box.state.profiles))
    asked = {"filters": [f"customer_profile_id.eq({profiles})", TIME], "fields": ["guid", "from.name"], **body}
    return box.app.test_client().post(f"/v1/{CUSTOMER}/{what}", json=asked, headers=KEY)


def test_messages_come_by_cursor_with_the_fields_that_were_named(box: SproutSandbox) -> None:
    """Those received and those sent, in the order that was asked for."""
    box.human_write("Ada")
    box.human_publish("Rye at seven")
    rising: dict[str, Any] = {"sort": ["created_time:asc"], "limit": 1}

    first = ask(box, **rising).json
    second = ask(box, page_cursor=first["paging"]["next_cursor"], **rising).json

    assert [set(one) for one in first["data"]] == [{"guid", "from"}]
    assert [one["from"]["name"] for one in first["data"] + second["data"]] == ["Ada", "The Bakery"]
    assert second["paging"] == {}


def test_posts_come_by_page_and_a_page_too_many_is_refused(box: SproutSandbox) -> None:
    """Their figures by name; what was not counted is null; without fields there is only the guid."""
    post = box.human_publish("Rye at seven")
    box.human_engage(post, reactions=3)
    metrics = ["lifetime.reactions", "lifetime.video_views"]

    found = ask(box, "analytics/posts", fields=[], metrics=metrics).json

    shown = {"lifetime.reactions": 3, "lifetime.video_views": None}
    assert found == {"data": [{"guid": post, "metrics": shown}], "paging": {"current_page": 1, "total_pages": 1}}
    assert ask(box, "analytics/posts", fields=["guid"], page=2).status_code == 400
    assert ask(box, "analytics/posts", fields=["guid"], metrics=["lifetime.saves_count"]).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"filters": [TIME]}, 400),
        ({"filters": ["customer_profile_id.eq(1001)", "created_time.in(soon..later)"]}, 400),
        ({"filters": ["customer_profile_id.eq(9)", TIME]}, 403),
        ({"limit": 101}, 400),
        ({"filters": ["tag_id.eq(1)", TIME]}, 501),
        ({"fields": ["internal.tags"]}, 501),
        ({"sort": ["guid:asc"]}, 501),
        ({"timezone": "America/Chicago"}, 501),
        ({"page": 2}, 501),
    ],
)
def test_a_question_that_does_not_fit_is_refused(box: SproutSandbox, body: dict[str, Any], status: int) -> None:
    """What the documents know and the sandbox does not is answered 501, and noted."""
    assert ask(box, **body).status_code == status
    assert len(box.refused) == (status == 501)


def test_a_question_breaks_off(box: SproutSandbox) -> None:
    """Without a word that there is more."""
    box.most = 3
    for n in range(5):
        box.human_write(f"Name {n}")

    found = ask(box).json

    assert len(found["data"]) == 3
    assert found["paging"] == {}


def test_quotas_are_told_by_no_header() -> None:
    """By the minute and by the month."""
    clock = SimClock()
    box = SproutSandbox(clock=clock, a_minute=2, a_month=3)

    statuses = [ask(box).status_code for _ in range(3)]
    clock.advance(60)
    statuses += [ask(box).status_code for _ in range(2)]

    assert statuses == [200, 200, 429, 200, 429]
    assert "Retry-After" not in ask(box).headers


def test_who_is_not_let_in_and_what_is_not_ready(box: SproutSandbox) -> None:
    """401 without a good token, 403 at another customer, 202 where there is no answer yet."""
    client = box.app.test_client()
    box.unready = 1

    assert client.get("/v1/metadata/client").status_code == 401
    assert client.get("/v1/4711/metadata/customer", headers=KEY).status_code == 403
    assert ask(box).status_code == 202
    assert ask(box).status_code == 200


def test_a_state_is_kept_and_restored(box: SproutSandbox) -> None:
    """Messages and profiles."""
    ada = box.human_write("Ada")
    kept = box.snapshot()
    box.human_delete(ada)

    box.restore(kept)

    assert [one["from"]["name"] for one in box.dump()] == ["Ada"]
