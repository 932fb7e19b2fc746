"""The Meta emulator, driven by the vendor's own SDK over a real socket, and its refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from facebook_business.adobjects.iguser import IGUser
from facebook_business.adobjects.lead import Lead
from facebook_business.adobjects.leadgenform import LeadgenForm
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.pagepost import PagePost
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from sandbox.clock import SimClock
from sandbox.meta import COMMENTS_ONLY, PERSON, SECRET, MetaSandbox, Switches
from sandbox.meta_fields import parsed
from sandbox.meta_state import INSTAGRAM, PAGE
from sandbox.server import serving
from tests.described import SPECS
from tests.described_graph import DescribedGraph, expanded, meta

TOKEN = "sandbox-meta-demo"


def box(**more: Any) -> MetaSandbox:
    return MetaSandbox(clock=SimClock(step=timedelta(0)), **more)


def get(one: MetaSandbox, path: str, token: str = TOKEN) -> Any:
    return one.app.test_client().get(path, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def served() -> MetaSandbox:
    return MetaSandbox(quotas=False, switches=Switches(demands_proof=True))


@pytest.fixture
def sdk(served: MetaSandbox) -> Iterator[FacebookAdsApi]:
    """The vendor's SDK over a socket, with every call held against the vendor's descriptions where they are there."""
    described = meta(served.app) if SPECS.is_dir() else None
    with serving(served, app=described or served.app) as address:
        session = FacebookSession(app_secret=SECRET, access_token=TOKEN)
        session.GRAPH = address
        yield FacebookAdsApi(session)
    if described is not None:
        print(described.report())
        assert described.violations == []


def test_the_vendors_sdk_reads_a_page(served: MetaSandbox, sdk: FacebookAdsApi) -> None:
    """It signs with its own proof, turns pages by itself, and finds what it asks for in the answers."""
    who = served.human_arrive("Bo Lund")
    post = served.human_post("Rye is back")
    for number in range(7):
        served.human_comment(post, who, f"Question {number}")
    served.human_message(who, "Are you open?")
    lead = served.human_answer_form({"email": "ada@example.org", "full_name": "Ada Berg"})

    page = Page(PAGE, api=sdk).api_get(fields=["name", "instagram_business_account"])
    posts = list(page.get_published_posts(fields=["id", "message"]))
    comments = list(PagePost(posts[0]["id"], api=sdk).get_comments(fields=["message", "from"], params={"limit": 3}))
    (form,) = page.get_lead_gen_forms(fields=["name", "leads_count"])
    (answer,) = LeadgenForm(form["id"], api=sdk).get_leads(fields=["field_data"])
    (thread,) = page.get_conversations(fields=["participants", "updated_time"])
    read = Lead(lead, api=sdk).api_get(fields=["created_time", "form_id"])

    assert (page["name"], page["instagram_business_account"]["id"]) == ("Rye & Crumb", INSTAGRAM)
    assert sorted(one["message"] for one in comments) == [f"Question {number}" for number in range(7)]
    assert {one["from"]["name"] for one in comments} == {"Bo Lund"}
    assert (form["leads_count"], answer["id"], read["form_id"]) == (1, lead, form["id"])
    assert [one["name"] for one in thread["participants"]["data"]] == ["Bo Lund", "Rye & Crumb"]


def test_the_vendors_sdk_reads_instagram(served: MetaSandbox, sdk: FacebookAdsApi) -> None:
    """Media with their figures, newest first, and the comments on one."""
    who = served.human_arrive("cy.bakes", on="instagram")
    media = served.human_publish("New buns")
    served.human_like(media)
    served.human_comment_media(media, who, "Lovely")

    (one,) = IGUser(INSTAGRAM, api=sdk).get_media(fields=["caption", "like_count", "comments_count"])
    (comment,) = one.get_comments(fields=["text", "username"])

    assert (one["caption"], one["like_count"], one["comments_count"]) == ("New buns", 1, 1)
    assert (comment["text"], comment["username"]) == ("Lovely", "cy.bakes")


def test_the_vendors_sdk_understands_its_refusals(served: MetaSandbox, sdk: FacebookAdsApi) -> None:
    """What is not there is code 100, and what fails for a moment is transient."""
    with pytest.raises(FacebookRequestError) as nothing:
        Lead("620000000000999", api=sdk).api_get()
    served.faults.add("error_before")
    with pytest.raises(FacebookRequestError) as passing:
        Page(PAGE, api=sdk).api_get()

    assert (nothing.value.api_error_code(), nothing.value.api_error_subcode()) == (100, 33)
    assert passing.value.api_transient_error()


def test_what_it_does_not_know_it_refuses() -> None:
    """An unknown edge, field, parameter or method is answered 501, and noted."""
    one = box()
    client, headers = one.app.test_client(), {"Authorization": f"Bearer {TOKEN}"}

    answers = [
        get(one, "/v26.0/me/insights"),
        get(one, "/v26.0/me?fields=fan_count"),
        get(one, "/v26.0/me/feed?until=5"),
        get(one, "/v26.0/me/conversations?since=5"),
        client.post("/v26.0/me/feed", headers=headers, json={"message": "Hello"}),
        get(one, "/v26.0/me/feed?fields=id,comments.colour(red){id}"),
    ]

    assert [answer.status_code for answer in answers[:5]] == [501] * 5
    assert answers[5].status_code == 200  # nothing is there that could be asked so
    assert len(one.refused) == 5


def test_errors_are_told_by_their_code() -> None:
    """A token that is dead, one that may not, one that is no page's, a proof that is wrong."""
    one = box()
    answers = [
        get(one, "/me", "sandbox-meta-nobody"),
        get(one, "/me/conversations", COMMENTS_ONLY),
        get(one, "/me?fields=instagram_business_account", PERSON),
        get(one, "/me?appsecret_proof=abc"),
        get(one, "/me/feed?fields=id,comments{"),
        get(one, "/me/feed?limit=101"),
    ]

    assert [answer.json["error"]["code"] for answer in answers] == [190, 200, 100, 100, 100, 100]


def test_usage_is_told_in_per_cent_until_calls_are_refused() -> None:
    """Then the answer says in how many minutes it is over."""
    one = box(most=4)
    shares = [orjson.loads(get(one, "/me").headers["X-App-Usage"])["call_count"] for _ in range(4)]
    refused = get(one, "/me")
    told = orjson.loads(refused.headers["X-Business-Use-Case-Usage"])[PAGE][0]
    one.clock.advance(86_400)

    assert shares == [25, 50, 75, 100]
    assert (refused.json["error"]["code"], told["estimated_time_to_regain_access"]) == (80001, 1441)
    assert get(one, "/me").status_code == 200


def test_an_answer_to_a_form_is_shown_for_ninety_days() -> None:
    """Then it cannot be told from one that never was."""
    one = box()
    lead = one.human_answer_form({"email": "ada@example.org"})
    form = one.form("Newsletter").id

    before = get(one, f"/{form}/leads").json["data"]
    one.clock.advance(90 * 86_400)
    after, direct = get(one, f"/{form}/leads").json["data"], get(one, f"/{lead}").json["error"]

    assert [each["id"] for each in before] == [lead]
    assert after == []
    assert direct["error_subcode"] == 33


@pytest.mark.parametrize("more", [{}, {"short": True}, {"trails": True}, {"short": True, "trails": True}])
def test_pages_show_everybody_once_while_others_leave(more: dict[str, bool]) -> None:
    """Whether pages are short or the last one is empty; a cursor stands where the one whom it names is gone."""
    one = box(switches=Switches(**more))
    one.load({"answers": {"email": f"p{n}@example.org"}} for n in range(9))
    form, seen, after = one.form("Newsletter").id, list[str](), ""

    while True:
        answer = get(one, f"/{form}/leads?limit=3{after}").json
        seen += [each["id"] for each in answer["data"]]
        if len(seen) == 3:
            one.human_delete_lead(seen[-1])
        if "next" not in answer.get("paging", {}):
            break
        after = f"&after={answer['paging']['cursors']['after']}"

    assert len(seen) == len(set(seen)) == 9


def test_fields_are_taken_apart_to_any_depth() -> None:
    """Arguments and what stands in braces."""
    (post,) = parsed("comments.filter(stream).limit(5){id,from{name}}")
    assert post.inner is not None
    inner = [one.name for one in post.inner]

    assert (post.name, post.arguments, inner) == ("comments", {"filter": "stream", "limit": "5"}, ["id", "from"])
    for text in ("", "id,", "id{", "id{name", "id)"):
        with pytest.raises(ValueError, match=r"expected|closed|unexpected"):
            parsed(text)


@pytest.mark.skipif(not SPECS.is_dir(), reason="the vendors' API descriptions (../shared/specs) are not here")
def test_what_is_not_described_is_found() -> None:
    """A field, a field within an edge, a parameter and an edge that Meta does not describe are told, each of them."""
    one = box()
    one.human_post("Rye is back")
    described: DescribedGraph = meta(one.app)
    client, headers = described, {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "REQUEST_METHOD": "GET"}

    for path, query in (
        ("/me", "fields=id,shoe_size"),
        ("/me/feed", "fields=id,comments{id,shoe_size}"),
        ("/me/feed", "fields=id&colour=red"),
        ("/me/shoes", ""),
    ):
        environ = {**headers, "PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": None, "SERVER_NAME": "x"}
        list(client({**environ, "SERVER_PORT": "80", "wsgi.url_scheme": "http"}, lambda *_: None))

    said = " ".join(described.violations)
    assert "Page has no field or edge shoe_size" in said
    assert "Comment has no field or edge shoe_size" in said
    assert "unknown parameter colour" in said
    assert dict(described.undescribed) == {"GET me/shoes": 1}


def test_the_checker_takes_fields_apart_by_itself() -> None:
    """Names, those of their arguments, and what their braces hold."""
    text = "id,comments.filter(stream).limit(5){id,from{id,name}},shares"

    assert expanded(text) == [("id", [], ""), ("comments", ["filter", "limit"], "id,from{id,name}"), ("shares", [], "")]
