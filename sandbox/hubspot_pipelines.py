"""Pipelines and their stages, and what deals and tickets owe to them.

Docs: "Pipelines", "Deals" and "Tickets": internal ids of stages are what the API takes and gives; a pipeline that
is left out is the default one; a stage's metadata say ``probability`` (deals) or ``ticketState`` (tickets).
Unconfirmed (?): that a stage outside its pipeline is refused as INVALID_OPTION.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.hubspot_kinds import DEALS, TICKETS, Kind, kind_of
from sandbox.hubspot_records import Records
from sandbox.hubspot_rules import invalid, missing
from sandbox.hubspot_state import API, Origin, Pipeline, Record, Stage, stamp
from sandbox.platform import Answer, Call, Unknown

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

WON, LOST = "closedwon", "closedlost"
SALES = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    (WON, "Closed Won", "1.0"),
    (LOST, "Closed Lost", "0.0"),
)
SUPPORT = (
    ("1", "New", "OPEN"),
    ("2", "Waiting on contact", "OPEN"),
    ("3", "Waiting on us", "OPEN"),
    ("4", "Closed", "CLOSED"),
)


def new_pipelines(created: int) -> dict[str, dict[str, Pipeline]]:
    """What a new portal has: one sales pipeline (``default``), one support pipeline (``0``)."""
    sales = [
        Stage(id, label, {"isClosed": str(id in (WON, LOST)).lower(), "probability": chance})
        for id, label, chance in SALES
    ]
    support = [
        Stage(id, label, {"isClosed": str(state == "CLOSED").lower(), "ticketState": state})
        for id, label, state in SUPPORT
    ]
    return {
        DEALS.name: {"default": Pipeline("default", "Sales Pipeline", sales, created)},
        TICKETS.name: {"0": Pipeline("0", "Support Pipeline", support, created)},
    }


class Staged(Records):
    """Records that stand in a stage of a pipeline."""

    def complete(self, props: dict[str, str]) -> None:
        super().complete(props)
        self._place(props, {})

    def adjust(self, record: Record, wanted: dict[str, str]) -> None:
        kind = self.kind
        if kind.pipeline in wanted or kind.stage in wanted:
            self._place(wanted, record.props)

    def put(self, record: Record, wanted: Mapping[str, str], now: int, origin: Origin = API) -> None:
        """A ticket that closes is stamped by the portal."""
        if self.kind is TICKETS and wanted.get("hs_is_closed") == "true" and record.props.get("hs_is_closed") != "true":
            wanted = {**wanted, "closed_date": stamp(now)}
        super().put(record, wanted, now, origin)

    def _place(self, wanted: dict[str, str], before: Mapping[str, str]) -> None:
        """Check pipeline and stage, and let the calculated properties follow."""
        kind, pipelines = self.kind, self.whole.pipelines[self.kind.name]
        name = wanted.get(kind.pipeline) or before.get(kind.pipeline) or next(iter(pipelines))
        if name not in pipelines:
            raise invalid("INVALID_OPTION", kind.pipeline, f"{name[:40]} was not one of the pipelines")
        key = wanted.get(kind.stage) or before.get(kind.stage, "")
        stage = next((one for one in pipelines[name].stages if one.id == key), None)
        if stage is None:
            listed = ", ".join(one.id for one in pipelines[name].stages)
            raise invalid("INVALID_OPTION", kind.stage, f"{key[:40]} was not one of the allowed options: [{listed}]")
        wanted[kind.pipeline] = name
        wanted[kind.stage] = key
        wanted.update(closing(kind, stage))


def closing(kind: Kind, stage: Stage) -> dict[str, str]:
    """The calculated properties of a record in *stage*."""
    found = {"hs_is_closed": stage.metadata["isClosed"]}
    if kind is DEALS:
        found["hs_is_closed_won"] = str(stage.id == WON).lower()
        found["hs_deal_stage_probability"] = stage.metadata["probability"]
    return found


class PipelinesApi:
    """Handlers that show pipelines and stages; they are changed in the product."""

    def __init__(self, box: HubSpotSandbox) -> None:
        self.box = box
        for base in ("/crm/v3/pipelines/<object>", "/crm/pipelines/2026-03/<object>"):
            self._add(base, self.pipelines)
            self._add(base + "/<pipeline>", self.pipeline)
            self._add(base + "/<pipeline>/stages", self.stages)
            self._add(base + "/<pipeline>/stages/<stage>", self.stage)

    def _add(self, path: str, handler: Callable[[Call], Answer]) -> None:
        self.box.route("GET", path, self.box.saying(handler), scopes=lambda call: kind_of(call.args["object"]).read)

    def _known(self, call: Call) -> dict[str, Pipeline]:
        kind = kind_of(call.args["object"])
        known: dict[str, Pipeline] | None = self.box.state.pipelines.get(kind.name)
        if known is None:
            raise Unknown(f"pipelines of {kind.name}")
        return known

    def _one(self, call: Call) -> Pipeline:
        found = self._known(call).get(call.args["pipeline"])
        if found is None:
            raise missing(f"Pipeline {call.args['pipeline'][:40]} does not exist")
        return found

    def pipelines(self, call: Call) -> Answer:
        known = self._known(call).values()
        return Answer(200, {"results": [_pipeline(one, order) for order, one in enumerate(known)]})

    def pipeline(self, call: Call) -> Answer:
        found = self._one(call)
        return Answer(200, _pipeline(found, list(self._known(call)).index(found.id)))

    def stages(self, call: Call) -> Answer:
        return Answer(200, {"results": _pipeline(self._one(call), 0)["stages"]})

    def stage(self, call: Call) -> Answer:
        for stage in _pipeline(self._one(call), 0)["stages"]:
            if stage["id"] == call.args["stage"]:
                return Answer(200, stage)
        raise missing(f"Stage {call.args['stage'][:40]} does not exist")


def _pipeline(pipeline: Pipeline, order: int) -> dict[str, Any]:
    about = {"createdAt": stamp(pipeline.created), "updatedAt": stamp(pipeline.created), "archived": False}
    stages = [
        {
            "id": stage.id,
            "label": stage.label,
            "displayOrder": place,
            "metadata": dict(stage.metadata),
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            **about,
        }
        for place, stage in enumerate(pipeline.stages)
    ]
    return {"id": pipeline.id, "label": pipeline.label, "displayOrder": order, "stages": stages, **about}
