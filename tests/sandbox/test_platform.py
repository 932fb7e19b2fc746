"""The parts that all emulators share: time, faults, rewriting, snapshots, control routes, sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import orjson
import pytest
import requests

from sandbox.hubspot import HubSpotSandbox
from sandbox.platform import AnswerTimedOut, ConnectionDropped, Faults, Rewrite, SimClock
from sandbox.server import serve, serving
from tests.sandbox.inprocess import TOKEN, Reply, call, control

CONTACTS = "/crm/v3/objects/contacts"


@pytest.fixture
def box() -> HubSpotSandbox:
    return HubSpotSandbox(clock=SimClock(), quotas=False)


def create(box: HubSpotSandbox, email: str = "one@people.example") -> Reply:
    return call(box, "POST", CONTACTS, {"properties": {"email": email}})


def test_sim_clock_orders_stamps_and_can_stand_still() -> None:
    """Each reading is later than the one before, unless the clock is frozen."""
    clock = SimClock()
    first, second = clock(), clock()
    clock.freeze()

    assert first < second
    assert clock() == clock() == second
    clock.advance(60)
    assert (clock() - second).total_seconds() == 60


@pytest.mark.parametrize("kind", ["rate_limit", "error_before", "html", "lost_request"])
def test_faults_before_the_effect_have_none(box: HubSpotSandbox, kind: str) -> None:
    """A call that is throttled, fails early or never arrives changes nothing; the next one works."""
    box.faults.add(kind)
    if kind == "lost_request":
        with pytest.raises(ConnectionDropped):
            create(box)
    else:
        assert create(box).status_code == {"rate_limit": 429, "error_before": 500, "html": 502}[kind]

    assert len(box.state.contacts) == 0
    assert create(box).status_code == 201
    assert box.faults.seen == {kind: 1}


@pytest.mark.parametrize("kind", ["error_after", "lost_answer", "timeout_after"])
def test_faults_after_the_effect_keep_it(box: HubSpotSandbox, kind: str) -> None:
    """A call whose answer is lost, late or an error was carried out all the same."""
    box.faults.add(kind, seconds=40)
    before = box.clock()
    if kind == "error_after":
        assert create(box).status_code == 500
    else:
        with pytest.raises(AnswerTimedOut if kind == "timeout_after" else ConnectionDropped):
            create(box)

    assert len(box.state.contacts) == 1
    assert box.faults.seen == {kind: 1}
    assert (box.clock() - before).total_seconds() >= (40 if kind == "timeout_after" else 0)


def test_a_call_carried_out_twice_meets_its_own_effect(box: HubSpotSandbox) -> None:
    """A proxy that sent a create again gets the answer of the second, which finds the first one's contact."""
    box.faults.add("answer_twice")
    answer = create(box)

    assert answer.status_code == 409
    assert "Existing ID: 101" in answer.json["message"]
    assert len(box.state.contacts) == 1


def test_rate_limit_may_say_when_to_come_back(box: HubSpotSandbox) -> None:
    """``retry_after`` becomes the header, and without it there is none."""
    box.faults.add("rate_limit", retry_after=7)
    box.faults.add("rate_limit")

    assert create(box).headers["Retry-After"] == "7"
    assert "Retry-After" not in create(box).headers


def test_a_fault_waits_for_its_call(box: HubSpotSandbox) -> None:
    """Method, path pattern, skip and times say which calls meet a fault."""
    box.faults.add("error_before", method="POST", path="*/contacts", skip=1, times=2)

    assert call(box, "GET", CONTACTS).status_code == 200
    statuses = [create(box, f"p{number}@people.example").status_code for number in range(4)]
    assert statuses == [201, 500, 500, 201]


def test_a_partial_fault_passes_by_calls_that_are_no_batch(box: HubSpotSandbox) -> None:
    """`partial` waits for a batch, of which it spoils each second input."""
    box.faults.add("partial")

    assert create(box).status_code == 201
    inputs = [{"properties": {"email": f"b{number}@people.example"}} for number in range(4)]
    answer = call(box, "POST", CONTACTS + "/batch/create", {"inputs": inputs})
    assert answer.status_code == 207
    assert [each["properties"]["email"] for each in answer.json["results"]] == [
        "b0@people.example",
        "b2@people.example",
    ]
    assert answer.json["numErrors"] == 2


def test_random_faults_are_the_same_for_the_same_seed() -> None:
    """A seed repeats its history, and cleared faults stay away."""

    def history(seed: int) -> list[str]:
        faults = Faults()
        faults.random(0.5, seed, ("rate_limit", "lost_answer", "partial"))
        able = ("rate_limit", "lost_answer")
        return [fault.kind if fault else "" for fault in (faults.take("GET", "/", able) for _ in range(50))]

    assert history(1) == history(1) != history(2)
    assert set(history(1)) == {"", "rate_limit", "lost_answer"}
    with pytest.raises(ValueError, match="no such fault"):
        Faults().add("earthquake")


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("lower", "ÀB", "àb"),
        ("upper", "ab", "AB"),
        ("trim", " a b ", "a b"),
        ("collapse", "a  b\tc", "a b c"),
        ("cut:3", "abcdef", "abc"),
        ("phone", "+44 (20) 7946-0958", "+44 2079 460958"),
        ("phone", "none", "none"),
        ("suffix:!", "a", "a!"),
        ("suffix:!", "", ""),
    ],
)
def test_rewriting_rules(rule: str, text: str, expected: str) -> None:
    """Each rule does what its name says."""
    assert Rewrite(rule).apply(text) == expected


def test_an_unknown_rewriting_rule_is_refused_at_once() -> None:
    """A typing error in a test does not pass as a platform without habits."""
    with pytest.raises(ValueError, match="no such rewriting rule"):
        Rewrite("sideways")


def test_snapshot_and_restore_bring_all_data_back(box: HubSpotSandbox) -> None:
    """After `restore` the platform answers as at the snapshot, also to look-ups by address and search."""
    create(box)
    before, records = box.snapshot(), list(box.dump())
    listed = call(box, "GET", CONTACTS).data
    create(box, "two@people.example")
    call(box, "DELETE", CONTACTS + "/101")
    box.restore(before)

    assert list(box.dump()) == records
    assert call(box, "GET", CONTACTS).data == listed
    assert create(box).status_code == 409
    assert call(box, "POST", CONTACTS + "/search", {}).json["total"] == 1


def test_what_is_unknown_is_refused_and_recorded(box: HubSpotSandbox) -> None:
    """Unknown paths, methods, parameters and body fields get 501 and a line in `refused`."""
    answers = [
        call(box, "GET", "/crm/v3/objects/starships"),
        call(box, "PUT", CONTACTS, {}),
        call(box, "HEAD", CONTACTS),
        call(box, "GET", CONTACTS + "?colour=red"),
        call(box, "POST", CONTACTS, {"properties": {"email": "a@b.example"}, "colour": "red"}),
        call(box, "POST", CONTACTS + "/search", {"filterGroups": [{"filters": [], "or": []}]}),
    ]

    assert [answer.status_code for answer in answers] == [501] * 6
    assert answers[0].json["message"].startswith("the sandbox does not know")
    assert len(box.refused) == 6
    assert len(box.state.contacts) == 0


def test_control_routes_are_never_counted(box: HubSpotSandbox) -> None:
    """A tester's own calls need no credential and leave the counters alone."""
    made = control(box, "POST", "edit", {"action": "create", "arguments": {"props": {"email": "h@x.example"}}})
    control(box, "POST", "faults", {"kind": "rate_limit"})
    control(box, "POST", "settings", {"late_index": 2, "rewrites": {"city": "upper"}})
    control(box, "POST", "clock", {"advance": 5})

    assert made.json == {"result": "101"}
    assert control(box, "GET", "healthy").json == {"name": "hubspot", "healthy": True}
    assert call(box, "GET", CONTACTS).status_code == 429
    assert box.late_index == 2.0
    assert control(box, "GET", "calls").json["calls"] == {f"GET {CONTACTS}": 1}
    lines = [orjson.loads(line) for line in control(box, "GET", "state").data.splitlines()]
    assert lines[0]["properties"]["email"] == "h@x.example"
    assert control(box, "POST", "edit", {"action": "dance"}).status_code == 400
    assert control(box, "POST", "calls", {"reset": True}).status_code == 200
    assert not box.calls


@pytest.fixture
def address() -> Iterator[tuple[HubSpotSandbox, str]]:
    box = HubSpotSandbox(quotas=False)
    with serving(box) as url:
        yield box, url


def test_over_a_socket_a_lost_answer_is_a_cut_connection(address: tuple[HubSpotSandbox, str]) -> None:
    """The client sees the line go dead, and the effect is there."""
    box, url = address
    box.faults.add("lost_answer", method="POST")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with pytest.raises(requests.ConnectionError):
        requests.post(url + CONTACTS, headers=headers, json={"properties": {"email": "a@x.example"}}, timeout=5)

    assert len(box.state.contacts) == 1
    assert requests.get(url + CONTACTS, headers=headers, timeout=5).status_code == 200


def test_over_a_socket_a_late_answer_is_late(address: tuple[HubSpotSandbox, str]) -> None:
    """The client's own time-out strikes, others are served meanwhile, and the effect is there."""
    box, url = address
    box.faults.add("timeout_after", method="POST", seconds=0.6)
    headers = {"Authorization": f"Bearer {TOKEN}"}

    body = {"properties": {"email": "a@x.example"}}

    def impatient() -> None:
        with pytest.raises(requests.ReadTimeout):
            requests.post(url + CONTACTS, headers=headers, json=body, timeout=0.2)

    thread = threading.Thread(target=impatient)
    thread.start()
    started = time.monotonic()
    assert requests.get(url + "/_sandbox/healthy", timeout=5).status_code == 200
    assert time.monotonic() - started < 0.5
    thread.join()
    assert len(box.state.contacts) == 1


def test_the_server_only_listens_on_this_machine() -> None:
    """Asked for another address the server refuses to start."""
    from sandbox.server import _server

    with pytest.raises(ValueError, match="only listens on this machine"):
        _server(HubSpotSandbox().app, "0.0.0.0", 0, 1, {})


def test_blocking_serve_says_where_it_listens() -> None:
    """`serve` hands the addresses to its callback, one port an emulator."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    heard: list[str] = []
    thread = threading.Thread(target=serve, args=([HubSpotSandbox()], [port], heard.extend), daemon=True)
    thread.start()
    for _ in range(100):
        if heard:
            break
        time.sleep(0.02)

    assert heard == [f"http://127.0.0.1:{port}"]
    assert requests.get(heard[0] + "/_sandbox/healthy", timeout=5).json()["name"] == "hubspot"
