"""The properties that object types other than contacts come with (a part of HubSpot's own).

Docs: the guides of companies, deals, tickets, calls, emails, meetings, notes, tasks and survey responses. Unconfirmed
(?): the full lists of options of `industry`, `dealtype` and `hs_object_source`; that `hs_object_source` tells a
workflow (``AUTOMATION_PLATFORM``) from a person (``CRM_UI``); that automatic replies carry ``auto-submitted`` in
`hs_email_headers`.
"""

from __future__ import annotations

from functools import lru_cache

from sandbox.hubspot_kinds import Kind
from sandbox.hubspot_rules import STAGES, options
from sandbox.hubspot_state import Property

# The guide of calls lists these outcomes with their internal values.
DISPOSITIONS = {
    "Busy": "9d9162e7-6cf3-4944-bf63-4dff82258764",
    "Connected": "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    "Left live message": "a4c4c377-d246-4b32-a13b-75a56a4cd0ff",
    "Left voicemail": "b2cf5968-551e-4856-9783-52b3da59a7d0",
    "No answer": "73a0d17f-1163-4015-bdd5-ec830791da20",
    "Wrong number": "17b47fee-58de-441e-a44c-c6300d46f273",
}
INDUSTRIES = (
    "ACCOUNTING ARTS_AND_CRAFTS BUSINESS_SUPPLIES_AND_EQUIPMENT COMPUTER_SOFTWARE CONSTRUCTION CONSUMER_GOODS DESIGN "
    "EDUCATION_MANAGEMENT EVENTS_SERVICES FOOD_BEVERAGES FOOD_PRODUCTION HEALTH_WELLNESS_AND_FITNESS HOSPITALITY "
    "HOSPITAL_HEALTH_CARE INSURANCE LAW_PRACTICE LEISURE_TRAVEL_TOURISM MARKETING_AND_ADVERTISING NON_PROFIT_"
    "ORGANIZATION_MANAGEMENT REAL_ESTATE RESTAURANTS RETAIL SPORTS TRANSPORTATION_TRUCKING_RAILROAD WHOLESALE"
)
SOURCES = "CRM_UI IMPORT INTEGRATION AUTOMATION_PLATFORM MERGE_OBJECTS EMAIL_INTEGRATION MEETINGS FORM CONVERSATIONS"

# One line per property: name, type and options where the type is a choice. A star keeps it from being written.
COMMON = f"""
hs_object_id* number
hs_object_source* choice {SOURCES}
hubspot_owner_id owner
"""
RECORD = """
createdate* datetime
hs_lastmodifieddate* datetime
hs_merged_object_ids* choice
"""
ACTIVITY = """
hs_createdate* datetime
hs_lastmodifieddate* datetime
hs_timestamp datetime
hs_attachment_ids checkbox
"""
SURVEY = """
hs_createdate* datetime
hs_lastmodifieddate* datetime
"""
OF_KIND = {
    "companies": f"""
name text
domain text
website text
phone text
description textarea
address text
address2 text
city text
state text
zip text
country text
industry choice {INDUSTRIES}
type choice PROSPECT PARTNER RESELLER VENDOR OTHER
lifecyclestage choice {" ".join(STAGES)}
hs_lead_status choice NEW OPEN IN_PROGRESS OPEN_DEAL UNQUALIFIED ATTEMPTED_TO_CONTACT CONNECTED BAD_TIMING
numberofemployees number
annualrevenue number
founded_year text
linkedin_company_page text
""",
    "deals": """
dealname text
amount number
deal_currency_code choice EUR USD GBP CHF
pipeline choice
dealstage choice
closedate datetime
dealtype choice newbusiness existingbusiness
description textarea
hs_priority choice low medium high
closed_lost_reason textarea
closed_won_reason textarea
hs_is_closed* bool
hs_is_closed_won* bool
hs_deal_stage_probability* number
""",
    "tickets": """
subject text
content textarea
hs_pipeline choice
hs_pipeline_stage choice
hs_ticket_priority choice LOW MEDIUM HIGH URGENT
hs_ticket_category checkbox PRODUCT_ISSUE BILLING_ISSUE FEATURE_REQUEST GENERAL_INQUIRY
source_type choice CHAT EMAIL FORM PHONE
closed_date* datetime
hs_is_closed* bool
""",
    "calls": f"""
hs_call_title text
hs_call_body textarea
hs_call_direction choice INBOUND OUTBOUND
hs_call_disposition choice {" ".join(DISPOSITIONS.values())}
hs_call_duration number
hs_call_from_number text
hs_call_to_number text
hs_call_recording_url text
hs_call_source text
hs_call_status choice BUSY CALLING_CRM_USER CANCELED COMPLETED CONNECTING FAILED IN_PROGRESS NO_ANSWER QUEUED RINGING
hs_call_callee_object_id number
hs_call_callee_object_type_id text
hs_activity_type choice
""",
    "emails": """
hs_email_subject text
hs_email_text textarea
hs_email_html textarea
hs_email_direction choice EMAIL INCOMING_EMAIL FORWARDED_EMAIL
hs_email_status choice BOUNCED FAILED SCHEDULED SENDING SENT
hs_email_headers textarea
hs_email_from_email* text
hs_email_from_firstname* text
hs_email_from_lastname* text
hs_email_to_email* text
hs_email_to_firstname* text
hs_email_to_lastname* text
""",
    "meetings": """
hs_meeting_title text
hs_meeting_body textarea
hs_internal_meeting_notes textarea
hs_meeting_external_url text
hs_meeting_location text
hs_meeting_start_time datetime
hs_meeting_end_time datetime
hs_meeting_outcome choice SCHEDULED COMPLETED RESCHEDULED NO_SHOW CANCELED
hs_activity_type choice
""",
    "notes": """
hs_note_body textarea
""",
    "tasks": """
hs_task_subject text
hs_task_body textarea
hs_task_status choice NOT_STARTED IN_PROGRESS WAITING DEFERRED COMPLETED
hs_task_priority choice NONE LOW MEDIUM HIGH
hs_task_type choice EMAIL CALL TODO
hs_task_reminders text
""",
    "feedback_submissions": """
hs_survey_id text
hs_survey_name text
hs_survey_type choice NPS CSAT CES KNOWLEDGE CUSTOM
hs_survey_channel choice EMAIL WEB CHAT
hs_submission_name text
hs_submission_timestamp datetime
hs_value number
hs_response_group choice DETRACTOR PASSIVE PROMOTER
hs_sentiment choice NEGATIVE NEUTRAL POSITIVE
hs_content textarea
""",
}
FORMS = {
    "text": ("string", "text"),
    "textarea": ("string", "textarea"),
    "number": ("number", "number"),
    "bool": ("bool", "booleancheckbox"),
    "datetime": ("datetime", "date"),
    "choice": ("enumeration", "select"),
    "checkbox": ("enumeration", "checkbox"),
    "owner": ("enumeration", "select"),
}


@lru_cache(maxsize=64)
def definitions(kind: Kind, created: int) -> tuple[Property, ...]:
    """The properties of a new portal; they are HubSpot's own, so nobody changes them."""
    text = COMMON + (SURVEY if kind.read_only else ACTIVITY if kind.activity else RECORD) + OF_KIND[kind.name]
    return tuple(_property(line, kind, created) for line in text.strip().splitlines() if line)


def _property(line: str, kind: Kind, created: int) -> Property:
    name, form, *values = line.split()
    type_, field_type = FORMS[form]
    bare = name.removesuffix("*")
    prop = Property(bare, bare.replace("_", " ").title(), type_, field_type, kind.group, options=options(*values))
    if bare == "hs_call_disposition":
        for option, label in zip(prop.options, DISPOSITIONS, strict=True):
            option["label"] = label
    prop.read_only = name.endswith("*")
    prop.created = created
    return prop
