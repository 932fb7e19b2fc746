"""What the tests of HubSpot's objects share: a box on a socket, the vendor's SDK, and all descriptions of objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hubspot import HubSpot

from sandbox.hubspot import HubSpotSandbox
from sandbox.platform import SimClock
from sandbox.server import serving
from tests.described import Described
from tests.sandbox.inprocess import TOKEN, Reply, call

V3 = [
    "companies contacts deals tickets objects-calls objects-emails objects-meetings objects-notes objects-tasks",
    "objects properties pipelines associations-v4 associations-v4-schema lists owners",
]
TODAY = [
    "objects-companies objects-contacts objects-deals objects-tickets objects-calls objects-emails objects-meetings",
    "objects-notes objects-tasks objects properties pipelines associations lists owners",
]
FILES = [f"hubspot/v3/crm-{name}.json" for name in " ".join(V3).split()]
FILES += [f"hubspot/2026-03/crm-{name}.json" for name in " ".join(TODAY).split()]

OBJECTS = {
    "companies": {"name": "Café Eins"},
    "deals": {"dealname": "Torte", "dealstage": "appointmentscheduled"},
    "tickets": {"subject": "Hilfe", "hs_pipeline_stage": "1"},
    "calls": {"hs_timestamp": "2026-01-01T08:00:00.000Z", "hs_call_body": "Hallo"},
    "emails": {"hs_timestamp": "2026-01-01T08:00:00.000Z", "hs_email_subject": "Hallo"},
    "meetings": {"hs_timestamp": "2026-01-01T08:00:00.000Z", "hs_meeting_title": "Hallo"},
    "notes": {"hs_timestamp": "2026-01-01T08:00:00.000Z", "hs_note_body": "Hallo"},
    "tasks": {"hs_timestamp": "2026-01-01T08:00:00.000Z", "hs_task_subject": "Hallo"},
}


def new_box(**facts: Any) -> HubSpotSandbox:
    return HubSpotSandbox(clock=SimClock(), quotas=False, **facts)


def described(box: HubSpotSandbox, *newer: str) -> Described:
    """*newer* are members that a description lacks."""
    return Described(box.app, FILES, newer=newer)


@contextmanager
def talking(box: HubSpotSandbox) -> Iterator[tuple[HubSpot, Described, str]]:
    """The vendor's SDK over a real socket; nothing may be outside the descriptions or unknown to the box."""
    checked = described(box)
    with serving(box, app=checked) as url:
        yield HubSpot(access_token=TOKEN, host=url), checked, url
    print(checked.report())
    assert checked.violations == []
    assert checked.undescribed == {}
    assert box.refused == []


def objects(name: str, rest: str = "") -> str:
    return f"/crm/v3/objects/{name}{rest}"


def make(box: HubSpotSandbox, name: str, **props: str) -> str:
    answer = call(box, "POST", objects(name), {"properties": {**OBJECTS[name], **props}})
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def contact(box: HubSpotSandbox, email: str) -> str:
    return str(box.human_create({"email": email}))


def find(box: HubSpotSandbox, name: str, *filters: dict[str, Any], **more: Any) -> Reply:
    body: dict[str, Any] = dict(more)
    if filters:
        body["filterGroups"] = [{"filters": list(filters)}]
    return call(box, "POST", objects(name, "/search"), body)
