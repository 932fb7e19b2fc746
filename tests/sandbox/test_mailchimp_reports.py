"""Campaigns and reports of the emulated Mailchimp: the vendor's SDK over a socket, and a test per behaviour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from sandbox.mailchimp import LIST, MailchimpSandbox, Switches
from sandbox.mailchimp_state import key_of
from sandbox.platform import ConnectionDropped
from tests.sandbox.mailchimp_caller import ADA, MEMBERS, Caller, Json
from tests.sandbox.mailchimp_served import Served, every, town_served

ACTIVE = ("open", "click", "bounce")


@pytest.fixture
def served() -> Iterator[Served]:
    with town_served() as opened:
        yield opened


def sent_to_ada(switches: Switches | None = None) -> tuple[Caller, str]:
    """A caller with two members, and the campaign that both got."""
    call = Caller(switches)
    call.box.human_subscribe("eve@post.example")
    campaign: str = call.box.human_send_campaign("Brotpost")["id"]
    call.box.clock.advance(60)
    return call, campaign


def activity(call: Caller, campaign: str, query: str = "") -> dict[str, list[Json]]:
    answer = call("GET", f"/reports/{campaign}/email-activity{query}").json
    return {one["email_address"]: one["activity"] for one in answer["emails"]}


# -- the past of a town, over the SDK ------------------------------------------------------------------------


def test_campaigns_are_listed(served: Served) -> None:
    """
    All campaigns of the past with their counts, filtered by time, audience and member, and sorted.
    """
    client = served.client()
    listed = every(client.campaigns.list, "campaigns", count=3, list_id=LIST)
    later = client.campaigns.list(since_send_time=listed[4]["send_time"], count=100)["campaigns"]
    one = client.campaigns.get(listed[2]["id"], fields=["id", "emails_sent", "report_summary.opens"])
    got = served.past.contacts[served.past.sent_to(7)[0]]
    audience = served.sandbox.list_of(None)
    theirs = client.campaigns.list(member_id=audience.keys[got], count=100)["campaigns"]

    assert [c["id"] for c in listed] == [c.id for c in served.past.campaigns]
    assert [c["id"] for c in later] == [c["id"] for c in listed[5:]]
    assert set(one) == {"id", "emails_sent", "report_summary"}
    assert one["emails_sent"] == len(served.past.sent_to(2))
    assert listed[7]["id"] in [c["id"] for c in theirs]
    down = client.campaigns.list(sort_field="send_time", sort_dir="DESC", count=1)["campaigns"]
    assert down[0]["id"] == listed[7]["id"]
    assert client.lists.get_list(LIST)["stats"]["campaign_count"] == 8


def test_the_truth_can_be_recounted(served: Served) -> None:
    """
    Sent, opens by people and by machines, clicks, bounces, leavers and complaints of each person, from the reports
    alone.
    """
    client = served.client()
    owners = {id: person.person for person in served.town.truth.people for id in person.members}
    keys = {member.key: owners[id] for id, member in _members(served.sandbox).items()}
    found: dict[str, Counter[str]] = {}

    def count(row: Json, kind: str, times: int = 1) -> None:
        if times:
            found.setdefault(keys[row["email_id"]], Counter())[kind] += times

    for report in every(client.reports.get_all_campaign_reports, "reports"):
        id = report["id"]
        for row in every(client.reports.get_campaign_recipients, "sent_to", id, count=50):
            count(row, "sent")
        for row in every(client.reports.get_campaign_open_details, "members", id, count=50):
            count(row, "open", row["proxy_excluded_opens_count"])
            count(row, "machine_open", row["opens_count"] - row["proxy_excluded_opens_count"])
        for row in every(client.reports.get_email_activity_for_campaign, "emails", id, count=50):
            for deed in row["activity"]:
                if deed["action"] != "open":
                    count(row, f"{deed['type']}_bounce" if deed["action"] == "bounce" else "click")
        for row in every(client.reports.get_unsubscribed_list_for_campaign, "unsubscribes", id):
            count(row, "unsub")
        for row in client.reports.get_campaign_abuse_reports(id)["abuse_reports"]:
            count(row, "abuse")

    assert {who: dict(kinds) for who, kinds in found.items()} == served.town.truth.touchpoints
    assert {kind for kinds in found.values() for kind in kinds} >= {"sent", "open", "machine_open", "click", "unsub"}


def _members(sandbox: MailchimpSandbox) -> Json:
    return {member.contact_id: member for member in sandbox.list_of(None).members.values()}


def test_a_report_counts_what_its_lists_show(served: Served) -> None:
    """
    The numbers of a report are those of its lists; a member alone is shown as in the list.
    """
    client = served.client()
    for report in every(client.reports.get_all_campaign_reports, "reports"):
        id = report["id"]
        opens = client.reports.get_campaign_open_details(id, count=1000)
        links = client.reports.get_campaign_click_details(id)
        emails = every(client.reports.get_email_activity_for_campaign, "emails", id)
        deeds = Counter(deed["action"] for row in emails for deed in row["activity"])

        assert report["emails_sent"] == len(emails)
        assert report["opens"]["opens_total"] == opens["total_opens"] == deeds["open"]
        assert report["opens"]["unique_opens"] == opens["total_items"]
        assert report["opens"]["proxy_excluded_opens"] == opens["total_proxy_excluded_opens"]
        assert report["clicks"]["clicks_total"] == deeds["click"]
        assert sum(link["total_clicks"] for link in links["urls_clicked"]) == deeds["click"]
        bounced = report["bounces"]["hard_bounces"] + report["bounces"]["soft_bounces"]
        assert bounced == deeds["bounce"]
        for link in links["urls_clicked"][:1]:
            who = every(client.reports.get_subscribers_info, "members", id, link["id"])
            assert sum(row["clicks"] for row in who) == link["total_clicks"]
            assert client.reports.get_campaign_click_details_for_link(id, link["id"]) == link
    opener, row = opens["members"][0]["email_id"], emails[0]
    assert client.reports.get_subscriber_info_for_opened_campaign(id, opener) == opens["members"][0]
    assert client.reports.get_email_activity_for_subscriber(id, row["email_id"]) == row
    assert client.reports.get_campaign_recipient(id, row["email_id"])["email_address"] == row["email_address"]
    assert client.reports.get_campaign_report(id)["opens"] == report["opens"]


def test_who_ended_is_consistent(served: Served) -> None:
    """
    Who left in a report is unsubscribed, after the campaign was sent; who complained or bounced hard is cleaned.
    """
    client, audience = served.client(), served.sandbox.list_of(None)
    left = 0
    for report in every(client.reports.get_all_campaign_reports, "reports"):
        for row in every(client.reports.get_unsubscribed_list_for_campaign, "unsubscribes", report["id"]):
            member = audience.members[row["email_id"]]
            assert (member.status, row["timestamp"] > report["send_time"]) == ("unsubscribed", True)
            left += 1
            assert client.reports.get_unsubscribed_list_member(report["id"], row["email_id"]) == row
        for row in client.reports.get_campaign_abuse_reports(report["id"])["abuse_reports"]:
            assert audience.members[row["email_id"]].left_by == "complaint"
    complaints = every(served.client().lists.get_list_abuse_reports, "abuse_reports", LIST)

    assert left > 0
    assert len(complaints) == sum(k.get("abuse", 0) for k in served.town.truth.touchpoints.values())


# -- what happens in the sandbox -----------------------------------------------------------------------------


def test_a_campaign_is_sent_and_read() -> None:
    """
    Opened by a person and by a machine, clicked, bounced softly: each shows up where the vendor shows it.
    """
    call, campaign = sent_to_ada()
    call.box.human_open(ADA, machine=True)
    call.box.human_open(ADA)
    call.box.human_click(ADA, "https://bakery.example/neu")
    call.box.human_soft_bounce("eve@post.example")
    clicked = call("GET", f"/reports/{campaign}/click-details?sort_field=total_clicks&sort_dir=DESC").json
    seen = activity(call, campaign)
    opens = call("GET", f"/reports/{campaign}/open-details").json
    report = call("GET", f"/reports/{campaign}").json

    assert [deed["action"] for deed in seen[ADA]] == ["open", "open", "click"]
    assert seen[ADA][2]["url"] == "https://bakery.example/neu"
    assert [link["total_clicks"] for link in clicked["urls_clicked"]] == [1, 0, 0]
    assert seen["eve@post.example"][0]["type"] == "soft"
    assert [one["is_proxy_open"] for one in opens["members"][0]["opens"]] == [True, False]
    assert (opens["total_opens"], opens["total_proxy_excluded_opens"]) == (2, 1)
    assert report["bounces"] == {"hard_bounces": 0, "soft_bounces": 1, "syntax_errors": 0}
    sent = call("GET", f"/reports/{campaign}/sent-to").json["sent_to"]
    assert {row["email_address"]: row["status"] for row in sent} == {ADA: "sent", "eve@post.example": "soft"}


@pytest.mark.parametrize(
    ("action", "status", "path"),
    [
        ("unsubscribe", "unsubscribed", "unsubscribed"),
        ("complain", "cleaned", "abuse-reports"),
        ("bounce", "cleaned", "email-activity"),
    ],
)
def test_a_member_leaves_through_a_campaign(action: str, status: str, path: str) -> None:
    """
    Leaving, complaining and bouncing for good stand in the report of the campaign, and change the status as ever.
    """
    call, campaign = sent_to_ada()
    call.box.human(action, {"email": ADA, "campaign_id": campaign})

    assert call.read()["status"] == status
    answer = call("GET", f"/reports/{campaign}/{path}").json
    rows = answer.get("unsubscribes") or answer.get("abuse_reports") or answer["emails"]
    assert rows[0]["email_id"] == key_of(ADA)
    assert call("GET", f"/reports/{campaign}").json["emails_sent"] == 2


def test_a_draft_and_a_segment() -> None:
    """
    A draft is listed and has no report; sent to a tag, it goes to those who have it.
    """
    call, _ = sent_to_ada()
    call.box.human_add_to_segment(ADA, "VIP")
    draft = call.box.human_draft_campaign("Later")["id"]
    before = call("GET", f"/campaigns/{draft}").json
    missing = call("GET", f"/reports/{draft}")
    call.box.human_send_campaign(campaign_id=draft, segment="VIP")
    after = call("GET", f"/campaigns/{draft}").json

    assert (before["status"], "report_summary" in before) == ("save", False)
    assert call.title(missing) == (404, "Resource Not Found")
    assert (after["status"], after["emails_sent"], after["recipients"]["segment_text"]) == ("sent", 1, "Tagged VIP")
    assert [c["status"] for c in call("GET", "/campaigns?status=sent").json["campaigns"]] == ["sent", "sent"]
    assert call("GET", "/campaigns?type=rss").json["total_items"] == 0
    with pytest.raises(ValueError, match="already"):
        call.box.human_send_campaign(campaign_id=draft)
    with pytest.raises(LookupError):
        call.box.human_open("eve@post.example", campaign_id=draft)


# -- switches: both settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [True, False])
def test_machine_opens_told_apart(told: bool) -> None:
    """
    (?) An account of the older description shows machine opens without any mark.
    """
    call, campaign = sent_to_ada(Switches(proxy_opens=told))
    call.box.human_open(ADA, machine=True)
    opens = call("GET", f"/reports/{campaign}/open-details").json
    report = call("GET", f"/reports/{campaign}").json
    summary = call("GET", f"/campaigns/{campaign}").json["report_summary"]

    assert ("is_proxy_open" in opens["members"][0]["opens"][0]) is told
    assert ("total_proxy_excluded_opens" in opens) is told
    assert ("proxy_excluded_opens" in report["opens"]) is told
    assert ("proxy_excluded_unique_opens" in summary) is told
    assert report["opens"]["opens_total"] == 1


@pytest.mark.parametrize("shown", [True, False])
def test_machine_opens_in_activity(shown: bool) -> None:
    """
    (?) Whether machine opens stand in the e-mail activity, where nothing marks them.
    """
    call, campaign = sent_to_ada(Switches(proxy_in_activity=shown))
    call.box.human_open(ADA, machine=True)

    assert len(activity(call, campaign)[ADA]) == int(shown)
    feed = call("GET", f"{MEMBERS}/{ADA}/activity-feed?activity_filters=open").json["activity"]
    assert len(feed) == int(shown)


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize("inclusive", [True, False])
def test_activity_since(quiet: bool, inclusive: bool) -> None:
    """
    (?) With since, and without: who did nothing is listed or not; whether the very second counts is open.
    """
    call, campaign = sent_to_ada(Switches(quiet_listed=quiet, quiet_listed_since=quiet, since_inclusive=inclusive))
    call.box.human_open(ADA)
    call.box.clock.advance(100)
    second = call.box.human_click(ADA)["timestamp"].replace("+", "%2B")

    assert {who: len(deeds) for who, deeds in activity(call, campaign).items()} == (
        {ADA: 2, "eve@post.example": 0} if quiet else {ADA: 2}
    )
    assert len(activity(call, campaign, f"?since={second}").get(ADA, [])) == int(inclusive)
    assert ("eve@post.example" in activity(call, campaign, f"?since={second}")) is quiet
    assert call("GET", f"/reports/{campaign}/email-activity?since=yesterday").status_code == 400


@pytest.mark.parametrize("touches", [True, False])
def test_activity_and_the_stamp(touches: bool) -> None:
    """
    (?) Whether opening a mail moves last_changed.
    """
    call, _ = sent_to_ada(Switches(deeds_touch=touches))
    before = call.read()["last_changed"]
    call.box.human_open(ADA)

    assert (call.read()["last_changed"] != before) is touches


# -- misbehaviour --------------------------------------------------------------------------------------------


def test_reports_may_lag() -> None:
    """
    With a late index a deed shows up later, with the time at which it happened.
    """
    call, campaign = sent_to_ada()
    call.box.late_index = 300.0
    done = call.box.human_open(ADA)
    early = activity(call, campaign)[ADA]
    call.box.clock.advance(301)

    assert early == []
    assert [deed["timestamp"] for deed in activity(call, campaign)[ADA]] == [done["timestamp"]]


@pytest.mark.parametrize("path", ["", "/email-activity", "/sent-to", "/open-details"])
def test_each_stream_misbehaves(path: str) -> None:
    """
    Throttling, gateways and lost answers meet reports as they meet members.
    """
    call, campaign = sent_to_ada()
    target = f"/reports/{campaign}{path}"
    call.box.faults.add("rate_limit")
    call.box.faults.add("html")
    call.box.faults.add("lost_answer")

    assert [call("GET", target).status_code for _ in range(2)] == [429, 502]
    with pytest.raises(ConnectionDropped):
        call("GET", target)
    assert call("GET", target).status_code == 200


@pytest.mark.parametrize(("how", "seen"), [("insert", [0, 1, 1, 2]), ("remove", [0, 1, 3])])
@pytest.mark.parametrize("stream", ["campaigns", "reports", "sent-to", "email-activity"])
def test_a_page_shifts(stream: str, how: str, seen: list[int]) -> None:
    """
    Paging by offset over a moving set repeats or leaves out a row, on each stream.
    """
    call, _ = sent_to_ada()
    for number in range(3):  # four campaigns; the last one goes to four members
        if number:
            call.box.human_subscribe(f"n{number}@post.example")
        call.box.human_send_campaign(f"More {number}")
    last = [*call.box.state.campaigns][-1]
    path = f"/{stream}" if stream in ("campaigns", "reports") else f"/reports/{last}/{stream}"
    name = {"sent-to": "sent_to", "email-activity": "emails"}.get(stream, stream)
    key = "id" if name == stream else "email_id"
    ids = [one[key] for one in call("GET", f"{path}?count=1000").json[name]]
    call.box.faults.add("page_shift", skip=1, how=how)

    pages = [call("GET", f"{path}?count=2&offset={offset}").json[name] for offset in (0, 2)]

    assert [ids.index(one[key]) for page in pages for one in page] == seen


def test_what_is_unknown_is_refused() -> None:
    """
    Parts of the description that are not emulated answer 501; wrong values 400; strange ids 404.
    """
    call, campaign = sent_to_ada()
    refused = [call("GET", f"/reports/{campaign}/{path}") for path in ("locations", "advice", "sent-to?since=1")]
    refused.append(call("GET", "/campaigns?folder_id=1"))
    wrong = [
        call("GET", "/campaigns?status=gone"),
        call("GET", "/reports?count=1001"),
        call("GET", f"/reports/{campaign}/open-details?sort_field=email"),
        call("GET", "/reports?since_send_time=soon"),
    ]
    strange = call("GET", f"/reports/{campaign}?fields=shoe_size")
    missing = [
        call("GET", "/reports/nothing"),
        call("GET", "/campaigns/nothing"),
        call("GET", f"/reports/{campaign}/click-details/nothing"),
        call("GET", f"/reports/{campaign}/open-details/{key_of(ADA)}"),
        call("GET", f"/reports/{campaign}/unsubscribed/{key_of(ADA)}"),
        call("GET", f"/reports/{campaign}/sent-to/nobody"),
    ]

    assert [answer.status_code for answer in refused] == [501] * 4
    assert {call.title(answer) for answer in wrong} == {(400, "Invalid Resource")}
    assert call.title(strange) == (422, "Requested Fields Invalid")
    assert {call.title(answer) for answer in missing} == {(404, "Resource Not Found")}


def test_the_erased_are_gone_from_reports() -> None:
    """
    Deleted for good, a member is in no report's list; the counts of the past stay.
    """
    call, campaign = sent_to_ada()
    call.box.human_open(ADA)
    call("POST", f"{MEMBERS}/{ADA}/actions/delete-permanent")

    assert list(activity(call, campaign)) == ["eve@post.example"]
    assert call("GET", f"/reports/{campaign}").json["opens"]["opens_total"] == 1


def test_a_snapshot_keeps_the_campaigns() -> None:
    """
    Campaigns, deeds and the past come back with the state.
    """
    with town_served(people=60, campaigns=3) as served:
        client = served.client()
        first = served.past.campaigns[0].id
        kept = served.sandbox.snapshot()
        before = client.reports.get_email_activity_for_campaign(first, count=100)
        someone = next(row["email_address"] for row in before["emails"])
        served.sandbox.human_open(someone, campaign_id=first)
        changed = client.reports.get_email_activity_for_campaign(first, count=100)
        served.sandbox.restore(kept)

        assert changed != before
        assert client.reports.get_email_activity_for_campaign(first, count=100) == before
        assert "campaign" in {line["kind"] for line in served.sandbox.dump()}


def test_a_restored_state_shows_its_own() -> None:
    """
    What was computed before a restore is not shown after it.
    """
    call, campaign = sent_to_ada()
    kept = call.box.snapshot()
    call.box.human_open(ADA)
    first = call("GET", f"/reports/{campaign}/open-details").json["members"]
    call.box.restore(kept)
    call.box.human_open("eve@post.example")
    second = call("GET", f"/reports/{campaign}/open-details").json["members"]

    assert [one["email_address"] for one in (*first, *second)] == [ADA, "eve@post.example"]
