"""Meta: one Facebook page, and the professional account on Instagram that is linked to it.

Docs     developers.facebook.com/docs (Graph API v26.0, Pages, Messenger Platform, Instagram Platform, lead ads; read
         2026-11), the vendor's SDK and its descriptions of nodes and edges
Pace     no number of calls is stated: each answer says how much was used, in per cent of what the app and the page
         may (calls, time, processor). Near all of it calls leave room for each other; a throttled one is told how many
         minutes to stay away
Quirks   Errors come with whatever status; what counts is the code in the body.
         People are not listed: they are whoever answered a form, wrote, commented or said how it was. Each is known by
         an id that holds for this page only. Answers to forms are records of their own, and alone carry an address.
         Nodes that do not exist and nodes that may not be seen are answered alike (100, subcode 33), answers to forms
         are shown for 90 days, profiles only of those who wrote: whoever is not shown is not known to be gone.
         A page that is short is not the last; comments hang on posts and messages on conversations.
         Conversations cannot be asked for by time, and are listed newest first.
         The address of a participant is made of the id and leads nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import msgspec

from connectors import kit
from connectors import meta_fields as own
from connectors import meta_streams as told
from connectors.meta_graph import APP_SECRET, CODE, GRAPH, LIMITS, NO_SUCH, PROOF, READINGS
from connectors.meta_hooks import HOOKS
from mapping.fields import Way
from mapping.values import Kind

LEAD = "id,created_time,form_id,field_data"
ME = (("fields", "id,name,instagram_business_account{id,username}"),)
TOKEN = kit.Option("page_token", "Page access token", "of a system user, or from the Graph API Explorer")


def _after(at: int) -> str:
    """The filter of answers that were given after a moment."""
    return msgspec.json.encode([{"field": "time_created", "operator": "GREATER_THAN", "value": at // 1000}]).decode()


class Meta(kit.ReadOnly):
    """A page and its account on Instagram."""

    name: ClassVar[str] = "meta"
    title: ClassVar[str] = "Meta"
    base_url: ClassVar[str] = GRAPH
    sign_ins = (kit.by_proven_token(TOKEN, APP_SECRET, PROOF),)
    limits = LIMITS
    readings = READINGS
    me = kit.Me("/me", "id", "name", ("It may read the page.",))
    people = told.listed(
        "/form/leads",
        LEAD,
        "list answers",
        stamp="created_time",
        since=kit.Since("filtering", 60_000, _after, before=1000),
    )
    one = kit.One("/{id}")
    created: ClassVar[str] = "created_time"
    forgets: ClassVar[bool] = True
    feeds = told.FEEDS
    own_fields = kit.OwnFields(told.FORMS, f"{own.ANSWERS}.", {"": Kind.TEXT}, "key", "label", way=Way.READS)
    table = own.TABLE
    cannot = own.CANNOT
    hooks: ClassVar[kit.Hooks | None] = HOOKS

    # -- what is there ------------------------------------------------------------------------------------------

    @cached_property
    def _owner(self) -> told.Owner:
        """A token of a person or of a system user opens no page by itself."""
        response = self._http.request("GET", self.me.path, query=ME, operation="account")
        if not response.ok and kit.dig(kit.said(response), CODE) == NO_SUCH:
            why = f"the token opens no page ({self._http.explain(response)})."
            fix = (
                "Take the page's own token (`/PAGE?fields=access_token`), with the app's secret if it demands a proof."
            )
            raise kit.BadCredentials(why, platform=self.title, fix=fix)
        body = self._typed(response, dict[str, Any])
        linked = body.get("instagram_business_account") or {}
        return told.Owner(str(body["id"]), body.get("name", ""), linked.get("id", ""), linked.get("username", ""))

    def check(self, *, rights: bool = False) -> kit.Account:
        """A page's token does not tell what it may."""
        owner = self._owner
        name = f"{owner.name} (@{owner.handle} on Instagram)" if owner.handle else owner.name
        account = kit.Account(owner.page, name, self.me.may)
        feeds = [feed for feed in self.feeds if not self._mute(feed.collection)]
        return self._tried(account, feeds) if rights else account

    def _mute(self, collection: kit.Collection) -> bool:
        """Whether nothing can be there, because no account on Instagram is linked."""
        return told.on_instagram(collection) and not self._owner.instagram

    @cached_property
    def _described(self) -> list[dict[str, Any]]:
        """The questions that the page's forms ask."""
        return [question for form in self._forms("id,questions") for question in form.get("questions", ())]

    def _forms(self, fields: str) -> list[dict[str, Any]]:
        return self._listed(replace(told.FORMS, query=(("fields", fields),)))

    def _located(self, collection: kit.Collection) -> kit.Collection:
        if self._mute(collection):
            fix = "Link one in the page's settings, or leave its streams out."
            raise kit.TooNarrow("no account on Instagram is linked to the page.", platform=self.title, fix=fix)
        if "{instagram}" not in collection.path:
            return collection
        return replace(collection, path=collection.path.format(instagram=self._owner.instagram))

    # -- pull ---------------------------------------------------------------------------------------------------

    def _parts(self) -> list[kit.Part]:
        """Who answered each form, then whoever shows in the streams that are read. Forms are asked for where they are
        read, or where nothing else was chosen: not every page has the right."""
        streams = self.settings.streams
        forms = [str(one["id"]) for one in self._forms("id")] if "forms" in streams or not streams else []
        parts = [kit.Part(f"form {one}", replace(self.people, path=f"/{one}/leads"), own.leads) for one in forms]
        shown = [feed for feed in self.feeds if feed.stream.name in streams and not self._mute(feed.collection)]
        return [*parts, *(self._shown_in(feed) for feed in shown if feed.shows is not None)]

    # -- read by id ---------------------------------------------------------------------------------------------

    def read(self, remote_ids: Sequence[str]) -> dict[str, kit.Raw | None]:
        """An answer to a form is shown, or is not any more. Of people whose profile nobody may see nothing is said."""
        found = zip(remote_ids, kit.spread(remote_ids, self._shown, self.limits.at_once), strict=True)
        return {one: raw for one, raw in found if raw is not None or one.startswith(own.LEAD)}

    def _shown(self, remote_id: str) -> kit.Raw | None:
        prefix = next((one for one in (own.LEAD, own.INSTAGRAM) if remote_id.startswith(one)), "")
        fields = {own.LEAD: LEAD, own.INSTAGRAM: "id,username"}.get(prefix, "id,name")
        path = self._path(remote_id.removeprefix(prefix))
        try:
            response = self._http.request("GET", path, query=(("fields", fields),), operation="read record")
        except kit.TooNarrow:  # who commented and never wrote has allowed nobody to see the profile
            return None
        if kit.dig(kit.said(response), CODE) == NO_SUCH:
            return None
        body = self._good(response, "read record").body
        if prefix == own.LEAD:
            return kit.Raw.of(remote_id, own.lead(body))
        return kit.Raw.of(remote_id, msgspec.json.encode(own.person({**msgspec.json.decode(body), "who": remote_id})))
