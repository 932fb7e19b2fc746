"""Meta, rehearsed: one Facebook page and its account on Instagram, on loopback.

Docs      the vendor's pages on the Graph API v26.0 (field expansion, errors, rate limits, webhooks), the Pages,
          Messenger and Instagram platforms and lead ads, its descriptions of nodes and edges (2026-04), and the Meta
          part of the project's platform facts; `Switches` holds what is unconfirmed
Emulates  page tokens with permissions, the app's proof; `/me`, nodes by id, and the edges of posts, comments, visitors'
          posts, conversations and messages, recommendations, forms and their leads, media and their comments; field
          expansion with limits, filters and summaries; cursors; errors by code; usage in per cent and throttling;
          webhooks of pages and Instagram, signed
Keys      only credentials that start with ``sandbox-`` exist here; `COMMENTS_ONLY` may read posts and comments only,
          `PERSON` is no page's
Not emulated
          writing of any kind: publishing, answering, hiding, messages, audiences; insights, ads, stories, mentions and
          tags, ratings by stars, shared posts, names of those who reacted, comments on comments as an edge of their
          own; before and until; batches; the login of people; the subscription of apps by API and its challenge;
          attachments; deletion requests; versions beside v26.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sandbox.meta_core import COMMENTS_ONLY, COMMON, EDGES, PERSON, SECRET, MetaCore
from sandbox.meta_state import INSTAGRAM, PAGE, Json, Node, Switches
from sandbox.meta_webhooks import MetaMailroom
from sandbox.platform import Answer, Call, Unknown
from sandbox.webhooks_postman import Postman

__all__ = ["COMMENTS_ONLY", "PERSON", "SECRET", "MetaSandbox", "Switches"]

NAME, HANDLE = "Rye & Crumb", "ryeandcrumb"
OPENED: Final = timedelta(days=60)  # how long ago what `load` puts there was
HOOKED: Final = {
    "page": ("leadgen", "feed", "messages", "message_echoes", "ratings"),
    "instagram": ("comments", "messages", "message_echoes"),
}


class MetaSandbox(MetaCore):
    """The page of a small bakery; `human_…` methods do what people do on Facebook and Instagram."""

    mailroom: MetaMailroom

    def __init__(self, **how: Any) -> None:
        """As `MetaCore` is opened."""
        super().__init__(**how)
        self.mailroom = MetaMailroom(self)
        self.postman = Postman(self.mailroom)
        edge = (*COMMON, "limit", "after", "since", "filter", "filtering", "platform", "summary")
        for base in ("", "/v26.0"):
            self.route("GET", f"{base}/<node>", self.read, query=COMMON)
            self.route("GET", f"{base}/<node>/", self.read, query=COMMON)  # as the vendor's SDK asks
            self.route("GET", f"{base}/<node>/<edge>", self.along, query=edge, named="edge")
        now = self.clock()
        linked = {"id": INSTAGRAM, "username": HANDLE}
        self.state.add("Page", now, {"name": NAME, "instagram_business_account": linked}, PAGE)
        self.state.add("IGUser", now, {"username": HANDLE, "name": NAME}, INSTAGRAM)
        self.state.add("User", now, {"name": "A baker"}, "person")

    # -- the paths -----------------------------------------------------------------------------------

    def read(self, call: Call) -> Answer:
        node = self.node(call.args["node"], call)
        return Answer(200, self.show(node, self.wanted(call.one("fields"), node.kind), call))

    def along(self, call: Call) -> Answer:
        node, edge = self.node(call.args["node"], call), call.args["edge"]
        if edge not in EDGES.get(node.kind, {}):
            raise Unknown(f"the edge {edge} of {node.kind}")
        arguments = {name: values[-1] for name, values in call.query.items() if name not in COMMON}
        if edge == "conversations":
            arguments.setdefault("platform", "messenger")
            if "since" in arguments:
                raise Unknown("conversations by time")  # "Time-based pagination is not available"
        self.permit(call, node, edge, arguments.get("platform", ""))
        fields = self.wanted(call.one("fields"), EDGES[node.kind][edge])
        return Answer(200, self.edge(node, edge, arguments, fields, call))

    # -- what is there -------------------------------------------------------------------------------

    @property
    def page(self) -> Node:
        return self.state.nodes[PAGE]

    @property
    def instagram(self) -> Node:
        return self.state.nodes[INSTAGRAM]

    def load(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Answers to the form of the newsletter, given a while ago; *answers* by the names of questions."""
        form, start, count = self.form("Newsletter"), self.clock() - OPENED, 0
        for count, record in enumerate(records, 1):
            self._lead(form, record["answers"], start + timedelta(seconds=count))
        return count

    def form(self, name: str, at: datetime | None = None) -> Node:
        """The form of that name, made where it is not there."""
        for one in self.page.edges.get("leadgen_forms", ()):
            if self.state.nodes[one].values["name"] == name:
                return self.state.nodes[one]
        asked = [{"key": key, "label": key.replace("_", " ")} for key in ("email", "full_name", "favourite_bread")]
        values = {"name": name, "status": "ACTIVE", "locale": "en_GB", "questions": asked}
        made = self.state.add("LeadgenForm", at or self.clock(), values)
        self.state.hang(self.page, "leadgen_forms", made)
        return made

    def _lead(self, form: Node, answers: Mapping[str, str], at: datetime) -> Node:
        data = [{"name": name, "values": [value]} for name, value in answers.items() if value]
        values = {"form_id": form.id, "field_data": data, "is_organic": False, "platform": "fb"}
        lead = self.state.add("Lead", at, values)
        self.state.hang(form, "leads", lead)
        return lead

    def leads(self) -> list[dict[str, str]]:
        """All answers by question, whoever may still see them."""
        found = [node for node in self.state.nodes.values() if node.kind == "Lead"]
        return [{one["name"]: one["values"][0] for one in lead.values["field_data"]} for lead in found]

    # -- what people do ------------------------------------------------------------------------------

    def human_answer_form(self, answers: Mapping[str, str], form: str = "Newsletter") -> str:
        now, asked = self.clock(), self.form(form)
        lead = self._lead(asked, answers, now)
        value = {"leadgen_id": lead.id, "form_id": asked.id, "page_id": PAGE, "created_time": int(now.timestamp())}
        self.mailroom.changed("page", "leadgen", value, now)
        return lead.id

    def human_delete_lead(self, identity: str) -> None:
        """The business deletes an answer."""
        del self.state.nodes[identity]

    def human_arrive(self, name: str, *, on: str = "facebook") -> str:
        """Somebody whom the page has not met; gives the id by which it will know them."""
        if on == "instagram":
            return self.state.add("IGProfile", self.clock(), {"username": name, "name": name.title()}).id
        first, _, last = name.partition(" ")
        return self.state.add("Profile", self.clock(), {"name": name, "first_name": first, "last_name": last}).id

    def _who(self, identity: str) -> Json:
        """A person as others' nodes show them."""
        node = self.state.nodes[identity]
        key = "username" if node.kind in ("IGProfile", "IGUser") else "name"
        ours = {"ours": True} if identity in (PAGE, INSTAGRAM) else {}
        return {"id": node.id, key: node.values[key], **ours}

    def human_post(self, message: str, *, who: str = PAGE) -> str:
        now = self.clock()
        values = {"message": message, "from": self._who(who), "ours": who == PAGE}
        post = self.state.add("PagePost", now, values, f"{PAGE}_{self.state.number('PagePost')}")
        self.state.hang(self.page, "feed", post)
        self.state.hang(self.page, "published_posts" if who == PAGE else "visitor_posts", post)
        self._fed("post", "add", who, {"post_id": post.id}, now)
        return post.id

    def human_comment(self, post: str, who: str, message: str, *, answers: str = "") -> str:
        now = self.clock()
        values = {"message": message, "from": self._who(who), "ours": who == PAGE}
        if answers:
            values["parent"] = {"id": answers}
        comment = self.state.add("Comment", now, values, f"{post.partition('_')[2]}_{self.state.number('Comment')}")
        self.state.hang(self.state.nodes[post], "comments", comment)
        self._fed("comment", "add", who, {"post_id": post, "comment_id": comment.id, "message": message}, now)
        return comment.id

    def human_react(self, post: str, who: str, sign: str = "like", *, verb: str = "add") -> None:
        node = self.state.nodes[post]
        node.reactions += 1 if verb == "add" else -1
        self._fed("reaction", verb, who, {"post_id": post, "reaction_type": sign}, self.clock())

    def human_share(self, post: str) -> None:
        shares = self.state.nodes[post].values.setdefault("shares", {"count": 0})
        shares["count"] += 1

    def _fed(self, item: str, verb: str, who: str, more: Json, now: datetime) -> None:
        told = {key: value for key, value in self._who(who).items() if key != "ours"}
        value = {"item": item, "verb": verb, "from": told, "created_time": int(now.timestamp()), **more}
        self.mailroom.changed("page", "feed", value, now)

    def human_recommend(self, who: str, text: str, *, yes: bool = True) -> None:
        said = {"recommendation_type": "positive" if yes else "negative", "review_text": text, "has_review": bool(text)}
        one = self.state.add("Recommendation", self.clock(), {**said, "reviewer": self._who(who)}, f"r{who}")
        self.state.hang(self.page, "ratings", one)
        self.mailroom.changed("page", "ratings", {"item": "rating", "verb": "add", "reviewer_id": who}, self.clock())

    def human_message(self, who: str, text: str, *, out: bool = False) -> str:
        """The person writes to the page or its account on Instagram, or is answered there."""
        now, person = self.clock(), self.state.nodes[who]
        kind = "instagram" if person.kind == "IGProfile" else "page"
        us = INSTAGRAM if kind == "instagram" else PAGE
        thread = self._thread(who, us, "instagram" if kind == "instagram" else "messenger", now)
        person.values["wrote"] = person.values.get("wrote") or not out
        sender, recipient = (us, who) if out else (who, us)
        values = {"from": self._who(sender), "to": {"data": [self._who(recipient)]}, "message": text, "ours": out}
        message = self.state.add("UnifiedMessage", now, values, f"m_{self.state.number('UnifiedMessage')}")
        self.state.hang(thread, "messages", message)
        thread.moved = now
        said: Json = {"mid": message.id, "text": text, **({"is_echo": True} if out else {})}
        millis = int(now.timestamp() * 1000)
        event = {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": millis, "message": said}
        self.mailroom.wrote(kind, event, now)
        return message.id

    def _thread(self, who: str, us: str, platform: str, now: datetime) -> Node:
        """The conversation with somebody. Facebook makes an address of each id, to which no mail can be sent."""
        if found := self.state.nodes.get(f"t_{who}"):
            return found
        both = [self._who(who), self._who(us)]
        if platform == "messenger":
            both = [{**one, "email": f"{one['id']}@facebook.com"} for one in both]
        values = {"platform": platform, "participants": {"data": both}}
        thread = self.state.add("UnifiedThread", now, values, f"t_{who}")
        self.state.hang(self.page, "conversations", thread)
        return thread

    def human_publish(self, caption: str, *, hides_likes: bool = False) -> str:
        """A post on Instagram."""
        likes = {} if hides_likes else {"like_count": 0}
        values = {"caption": caption, "media_type": "IMAGE", "username": HANDLE, **likes}
        media = self.state.add("IGMedia", self.clock(), values)
        self.state.hang(self.instagram, "media", media)
        return media.id

    def human_like(self, media: str) -> None:
        values = self.state.nodes[media].values
        if "like_count" in values:
            values["like_count"] += 1

    def human_comment_media(self, media: str, who: str, text: str, *, answers: str = "") -> str:
        now, author = self.clock(), self._who(who)
        values = {"text": text, "from": author, "username": author["username"], "ours": who == INSTAGRAM}
        comment = self.state.add("IGComment", now, {**values, **({"parent_id": answers} if answers else {})})
        self.state.hang(self.state.nodes[answers or media], "replies" if answers else "comments", comment)
        told = {key: value for key, value in author.items() if key != "ours"}
        value = {"id": comment.id, "text": text, "from": told, "media": {"id": media}}
        self.mailroom.changed("instagram", "comments", value, now)
        return comment.id

    def human_subscribe_app(self, url: str) -> None:
        """Somebody sets the app's webhooks up, and lets the page call it."""
        for kind, fields in HOOKED.items():
            self.state.hooks[kind] = {"url": url, "fields": list(fields)}
