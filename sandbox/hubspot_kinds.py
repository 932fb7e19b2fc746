"""HubSpot's object types: their names and numbers, what an answer shows, what a create needs, who may.

Docs: "Understanding the CRM" (object type ids), the guides of each object and of each activity (required
properties, scopes), "Scopes". The default properties of an answer and the scope of e-mails are unconfirmed (?).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.platform import Unknown


@dataclass(frozen=True, slots=True)
class Kind:
    """One object type."""

    name: str  # in paths: companies
    singular: str  # in association types: company
    type_id: str  # in lists: 0-2
    default: tuple[str, ...]  # properties of an answer when none are asked for
    needs_one: tuple[str, ...] = ()  # a create needs one of these
    needs: tuple[str, ...] = ()  # and all of these
    searched: tuple[str, ...] = ()  # what the free text of a search looks at
    minimal: Mapping[str, str] = field(default_factory=dict, hash=False)  # a record that a person might type
    spare: str = ""  # a text that a person might change
    activity: bool = False
    read_only: bool = False
    pipeline: str = ""  # the property that names the pipeline, and its stage
    stage: str = ""
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    schema_read: tuple[str, ...] = ()
    schema_write: tuple[str, ...] = ()

    @property
    def created(self) -> str:
        return "hs_createdate" if self.activity or self.read_only else "createdate"

    @property
    def modified(self) -> str:
        """Facts: Reading, ``lastmodifieddate`` (contacts) or ``hs_lastmodifieddate`` (all other objects)."""
        return "lastmodifieddate" if self.name == "contacts" else "hs_lastmodifieddate"

    @property
    def always(self) -> tuple[str, ...]:
        return (self.created, "hs_object_id", self.modified)

    @property
    def group(self) -> str:
        return f"{self.singular}information" if not self.activity else self.singular


OBJECT, SCHEMA = "crm.objects.{}.{}", "crm.schemas.{}.{}"
SALES_EMAIL = "sales-email-read"


def _object(name: str, singular: str, type_id: str, default: str, **more: object) -> Kind:
    """An object type with scopes of its own."""
    scopes = {
        "read": (OBJECT.format(name, "read"),),
        "write": (OBJECT.format(name, "write"),),
        "schema_read": (SCHEMA.format(name, "read"),),
        "schema_write": (SCHEMA.format(name, "write"),),
    }
    return Kind(name, singular, type_id, tuple(default.split()), **{**scopes, **more})  # type: ignore[arg-type]


def _activity(name: str, singular: str, type_id: str, spare: str, *extra: str) -> Kind:
    """An engagement: the scopes of contacts open it (guides of the activities)."""
    read, write = (OBJECT.format("contacts", "read"), *extra), (OBJECT.format("contacts", "write"),)
    return Kind(
        name,
        singular,
        type_id,
        ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
        needs=("hs_timestamp",),
        searched=(spare,),
        minimal={"hs_timestamp": "2026-01-01T08:00:00.000Z", spare: "Typed in"},
        spare=spare,
        activity=True,
        read=read,
        write=write,
        schema_read=read,
        schema_write=write,
    )


CONTACTS = _object(
    "contacts",
    "contact",
    "0-1",
    "createdate email firstname hs_object_id lastmodifieddate lastname",
    searched=("firstname", "lastname", "email", "phone", "company"),
    spare="message",
)
COMPANIES = _object(
    "companies",
    "company",
    "0-2",
    "createdate domain hs_lastmodifieddate hs_object_id name",
    needs_one=("name", "domain"),
    searched=("name", "domain", "phone", "website"),
    minimal={"name": "Inserted by hand"},
    spare="description",
)
DEALS = _object(
    "deals",
    "deal",
    "0-3",
    "amount closedate createdate dealname dealstage hs_lastmodifieddate hs_object_id pipeline",
    needs=("dealname", "dealstage"),
    searched=("dealname", "description"),
    minimal={"dealname": "Inserted by hand", "dealstage": "appointmentscheduled"},
    spare="description",
    pipeline="pipeline",
    stage="dealstage",
)
TICKETS = _object(
    "tickets",
    "ticket",
    "0-5",
    "content createdate hs_lastmodifieddate hs_object_id hs_pipeline hs_pipeline_stage hs_ticket_category "
    "hs_ticket_priority subject",
    needs=("subject", "hs_pipeline_stage"),
    searched=("subject", "content"),
    minimal={"subject": "Inserted by hand", "hs_pipeline_stage": "1"},
    spare="content",
    pipeline="hs_pipeline",
    stage="hs_pipeline_stage",
    schema_read=(OBJECT.format("tickets", "read"),),
    schema_write=(OBJECT.format("tickets", "write"),),
)
CALLS = _activity("calls", "call", "0-48", "hs_call_body")
EMAILS = _activity("emails", "email", "0-49", "hs_email_subject", SALES_EMAIL)
MEETINGS = _activity("meetings", "meeting", "0-47", "hs_meeting_title")
NOTES = _activity("notes", "note", "0-46", "hs_note_body")
TASKS = _activity("tasks", "task", "0-27", "hs_task_subject")

FEEDBACK = _object(
    "feedback_submissions",
    "feedback_submission",
    "0-19",
    "hs_createdate hs_lastmodifieddate hs_object_id",
    searched=("hs_content", "hs_submission_name"),
    minimal={"hs_survey_type": "CSAT", "hs_value": "3"},
    spare="hs_content",
    read_only=True,
    write=(),
    schema_read=(OBJECT.format("feedback_submissions", "read"),),
    schema_write=(),
)

KINDS = (CONTACTS, COMPANIES, DEALS, TICKETS, CALLS, EMAILS, MEETINGS, NOTES, TASKS, FEEDBACK)
OTHERS = KINDS[1:]
BY_NAME = {alias: kind for kind in KINDS for alias in (kind.name, kind.singular, kind.type_id)}
SCOPES = frozenset(
    scope for kind in KINDS for scope in (*kind.read, *kind.write, *kind.schema_read, *kind.schema_write)
)


def kind_of(name: str) -> Kind:
    """The object type with this name, singular or number (``companies``, ``company``, ``0-2``)."""
    kind = BY_NAME.get(name)
    if kind is None:
        raise Unknown(f"the object type {name[:40]}")
    return kind
