"""The Buffer emulator: its queries, its windows, and its refusals."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.buffer import ORGANIZATION, BufferSandbox, Switches
from sandbox.clock import SimClock
from sandbox.graphql import Invalid, parse

KEY = {"Authorization": "Bearer sandbox-buffer-demo"}
IDS = "query Q($input: PostsInput!, $first: Int, $after: String) { posts(input: $input, first: $first, after: $after) "
IDS += "{ edges { node { id } } pageInfo { hasNextPage endCursor } } }"


def ask(box: BufferSandbox, query: str, headers: dict[str, str] = KEY, **variables: Any) -> Any:
    return box.app.test_client().post("/", json={"query": query, "variables": variables}, headers=headers)


def posts(box: BufferSandbox, after: str | None = None, **wanted: Any) -> tuple[list[str], Any]:
    """Two of them."""
    found = ask(box, IDS, input={"organizationId": ORGANIZATION, **wanted}, first=2, after=after).json
    listed = found["data"]["posts"]
    return [edge["node"]["id"] for edge in listed["edges"]], listed["pageInfo"]


def test_only_what_is_asked_for_is_answered() -> None:
    """Literals and variables both; one level within another."""
    box = BufferSandbox()
    box.human_publish("Rye at seven")
    channels = f'channels(input: {{organizationId: "{ORGANIZATION}"}}) {{ service }}'
    query = f"{{ account {{ organizations {{ name }} }} {channels} }}"

    found = ask(box, query).json

    assert found == {
        "data": {"account": {"organizations": [{"name": "The Bakery"}]}, "channels": [{"service": "instagram"}]}
    }


def test_posts_come_by_cursor_sorted_and_filtered() -> None:
    """Two to a page; a cursor goes on after the post that it names, whatever was added meanwhile."""
    box = BufferSandbox(clock=SimClock())
    ids = [box.human_publish(f"Loaf {n}", "facebook" if n == 1 else "linkedin") for n in range(5)]
    rising: dict[str, Any] = {"sort": [{"field": "dueAt", "direction": "asc"}]}

    first, info = posts(box, **rising)
    box.human_publish("Later")
    second, _ = posts(box, after=info["endCursor"], **rising)
    channel, _ = posts(box, filter={"channelIds": [box.channel_of("facebook")], "status": ["sent"]})

    assert (first, second, info["hasNextPage"]) == (ids[:2], ids[2:4], True)
    assert channel == [ids[1]]


@pytest.mark.parametrize(
    "query",
    [
        "mutation { deletePost { id } }",
        "{ ideas { id } }",
        "{ account { connectedApps { name } } }",
        "{ mine: account { id } }",
        "{ account { ...All } }",
        "{ account @include(if: true) { id } }",
    ],
)
def test_what_it_does_not_know_it_refuses(query: str) -> None:
    """Answered 501, and noted."""
    box = BufferSandbox()

    assert ask(box, query).status_code == 501
    assert len(box.refused) == 1


@pytest.mark.parametrize(
    "query",
    [
        "{ account }",
        "{ account { id { name } } }",
        "{ account { id ",
        "query Q($input: ChannelsInput!) { posts(input: $input) { pageInfo { hasNextPage } } }",
        "{ posts { pageInfo { hasNextPage } } }",
        "{ account { } }",
        "{ account { id } } %",
    ],
)
def test_a_query_that_does_not_fit_is_refused(query: str) -> None:
    """As a query, with 400: that one is the caller's."""
    box = BufferSandbox()

    found = ask(box, query)

    assert found.status_code == 400
    assert found.json["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_variables_have_to_be_there_and_declared() -> None:
    """A value that no variable takes is as wrong as a lacking one."""
    box = BufferSandbox()

    assert ask(box, IDS).status_code == 400
    assert ask(box, "{ account { id } }", surplus=1).status_code == 400


def test_values_are_read_as_they_stand() -> None:
    """Numbers, texts, flags, nothing, lists and enums."""
    (one,) = parse('{ f(a: 1, b: -2.5, c: "x y", d: [true, null], e: {g: sent}) { id } }').fields

    assert one.args == {"a": 1, "b": -2.5, "c": "x y", "d": [True, None], "e": {"g": "sent"}}
    with pytest.raises(Invalid):
        parse("")


@pytest.mark.parametrize("hint", ["body", "header"])
def test_windows_are_stacked(hint: str) -> None:
    """The tightest one refuses, and says for how long; afterwards it is open again."""
    clock = SimClock()
    box = BufferSandbox(clock=clock, quarter=3, day=4, switches=Switches(hint=hint))
    query = "{ account { id } }"

    statuses = [ask(box, query).status_code for _ in range(4)]
    refused = ask(box, query)
    told = refused.json["errors"][0]["extensions"].get("retryAfter") or int(refused.headers["Retry-After"])
    clock.advance(told)
    after = [ask(box, query).status_code for _ in range(2)]

    assert statuses == [200, 200, 200, 429]
    assert 890 < told <= 900
    assert after == [200, 429]


def test_headers_state_the_limits_in_either_form() -> None:
    """Each window by its length, or the tightest without one."""
    policies = ask(BufferSandbox(), "{ account { id } }").headers
    plain = ask(BufferSandbox(switches=Switches(stated="plain")), "{ account { id } }").headers

    assert policies["RateLimit-Policy"].count(";w=") == 3
    assert (plain["RateLimit-Limit"], plain["RateLimit-Remaining"]) == ("100", "99")


def test_a_refresh_token_used_twice_ends_its_grant() -> None:
    """What was given for it meanwhile holds no longer."""
    box = BufferSandbox()
    grant = box.app_access.begin()
    form = {"grant_type": "refresh_token", "refresh_token": grant["refresh_token"]}
    app = {"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"}
    client = box.app.test_client()

    first: Any = client.post("/token", data={**form, **app}).json
    again: Any = client.post("/token", data={**form, **app}).json

    assert again["error"] == "invalid_grant"
    assert not box.app_access.holds(first["access_token"])
    assert client.post("/token", data=form).status_code == 401


def test_a_state_is_kept_and_restored() -> None:
    """Posts, channels and their figures."""
    box = BufferSandbox()
    post = box.human_publish("Rye at seven")
    kept = box.snapshot()
    box.human_delete(post)

    box.restore(kept)

    assert posts(box)[0] == [post]
    assert [one["text"] for one in box.dump()] == ["Rye at seven"]
