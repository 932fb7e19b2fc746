"""The lists within one Mailchimp audience: static segments (which are its tags), saved segments, and interests.

Tags and interests hang on the members, and are read off all of them at once: a call per thousand. In an audience so
large that this is too dear for each run, and for saved segments always, only what shows another count, stamp or name
is read; somebody who leaves while somebody else joins is then seen by the next full pull. Saved segments, and static
ones read so, name their members by address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from connectors.base import Cursor, Raw, StreamPage
from connectors.http import Http
from connectors.mailchimp_paging import PAGE_SIZE, typed, whole
from mapping.facts import Facts, Listing

SMALL = 10_000
"""Up to so many members all of them are read in each run."""
INTEREST = "interest:"
# Whom else but the subscribed to count and list: a tag outlives a subscription.
EVERYONE = {"include_cleaned": True, "include_transactional": True, "include_unsubscribed": True}
STATIC = "static"


class Segment(msgspec.Struct):
    id: int
    name: str = ""
    type: str = ""
    member_count: int = 0
    updated_at: str = ""


class _Segments(msgspec.Struct):
    segments: list[Segment]


class _Tag(msgspec.Struct):
    id: int = 0


class _Inside(msgspec.Struct):
    """Somebody in a segment, or a member with tags and interests."""

    contact_id: str = ""
    email_address: str = ""
    tags: list[_Tag] = []
    interests: dict[str, bool] = {}

    @property
    def who(self) -> str:
        return self.contact_id or self.email_address


class _Members(msgspec.Struct):
    members: list[_Inside]
    total_items: int = 0


class _Category(msgspec.Struct):
    id: str
    title: str = ""


class _Categories(msgspec.Struct):
    categories: list[_Category]


class _Interest(msgspec.Struct):
    id: str
    category_id: str = ""
    name: str = ""
    subscriber_count: str = ""


class _Interests(msgspec.Struct):
    interests: list[_Interest]


class _Item(msgspec.Struct):
    """A list as it is kept: with its members, so that a change of them is seen."""

    id: str
    title: str
    kind: str
    who: list[str]


class _List(msgspec.Struct):
    """A list as it was listed; `mark` changes with what little that shows."""

    id: str
    title: str
    kind: str
    mark: str

    def raw(self, who: Sequence[str]) -> Raw:
        return Raw.of(self.id, msgspec.json.encode(_Item(self.id, self.title, self.kind, sorted(set(who)))))


_item = msgspec.json.Decoder(_Item)


def listing_facts(raw: Raw) -> Facts:
    """What an item says. Raises ValueError where it is none."""
    try:
        item = _item.decode(raw.body)
    except msgspec.DecodeError as error:
        raise ValueError(f"{raw.remote_id} is no list: {error}") from error
    return Facts(listings=[Listing(item.id, item.title, tuple(item.who), item.kind)])


@dataclass(slots=True)
class Segments:
    """Reads the lists of one audience. The cursor keeps what each list showed, and the number of members."""

    http: Http
    api: Any
    audience: str

    def pages(self, cursor: Cursor | None, *, full: bool) -> Iterator[StreamPage]:
        before = cursor if cursor is not None and (cursor["do"] != "done" or not full) else {}
        known: dict[str, str] = dict(before.get("known", {}))
        size = before.get("size", 0)
        there = [*self._segments(), *self._interests()]
        marks = {one.id: one.mark for one in there}
        hanging = {one.id: one for one in there if one.kind in (STATIC, "interest")}
        news = [one for one in there if known.get(one.id) != one.mark]
        if hanging and (size <= SMALL or any(one.kind == "interest" for one in news)):
            who, size = self._hanging(list(hanging))
            items = [one.raw(who[one.id]) for one in hanging.values()]
            known |= {one: marks[one] for one in hanging}
            news = [one for one in news if one.id not in hanging]
            yield StreamPage({"do": "go", "known": known, "size": size}, items, total=len(items) + len(news))
        for one in news:
            item = one.raw([inside.who for inside in self._inside(one.id)])
            known = {**known, one.id: one.mark}
            yield StreamPage({"do": "go", "known": known, "size": size}, [item], total=len(news))
        known = {**(cursor or {}).get("known", {}), **known}  # a full pull, too, asks for those that are not listed now
        gone = [one for one in known if one not in marks and self._gone(one)]
        known = {one: mark for one, mark in known.items() if one not in gone}
        done = {"do": "done", "known": known, "size": size}
        yield StreamPage(done, gone=gone, last=True, complete=not before)

    def _segments(self) -> list[_List]:
        names = ("id", "name", "type", "member_count", "updated_at")
        found = segments(self.http, self.api, self.audience, names, EVERYONE)
        kinds = {"static": STATIC}
        return [
            _List(
                str(one.id),
                one.name,
                kinds.get(one.type, "dynamic"),
                f"{one.updated_at} {one.member_count} {one.name}",
            )
            for one in found
        ]

    def _interests(self) -> Iterator[_List]:
        fields = ["categories.id", "categories.title"]
        response = self.api.get_list_interest_categories(self.audience, fields=fields, count=PAGE_SIZE)
        parts = [f"interests.{name}" for name in _Interest.__struct_fields__]
        for category in typed(self.http, response, _Categories).categories:
            response = self.api.list_interest_category_interests(
                self.audience, category.id, fields=parts, count=PAGE_SIZE
            )
            for one in typed(self.http, response, _Interests).interests:
                title = f"{category.title}: {one.name}"
                identity = f"{INTEREST}{category.id}:{one.id}"
                yield _List(identity, title, "interest", f"{one.subscriber_count} {title}")

    def _hanging(self, lists: Sequence[str]) -> tuple[dict[str, list[str]], int]:
        """Who has which tag and interest, and how many members there are."""
        names = ("contact_id", "email_address", "tags", "interests")
        fields = ["total_items", *(f"members.{name}" for name in names)]
        call = partial(self.api.get_list_members_info, self.audience, fields=fields)
        total = 0

        def listed(page: _Members) -> list[_Inside]:
            nonlocal total
            total = page.total_items
            return page.members

        who: dict[str, list[str]] = {one: [] for one in lists}
        named = {one.rpartition(":")[2]: one for one in lists if one.startswith(INTEREST)}
        for member in whole(self.http, call, _Members, listed, lambda one: one.who):
            for tag in member.tags:
                if (place := who.get(str(tag.id))) is not None:
                    place.append(member.who)
            for interest, chosen in member.interests.items():
                if chosen and interest in named:
                    who[named[interest]].append(member.who)
        return who, total

    def _inside(self, segment: str) -> Iterator[_Inside]:
        fields = ["members.email_address"]
        call = partial(self.api.get_segment_members_list, self.audience, segment, fields=fields, **EVERYONE)
        there = whole(self.http, call, _Members, lambda page: page.members, lambda one: one.who, deletable=True)
        return (one for one in there if one.who)

    def _gone(self, remote_id: str) -> bool:
        """Whether a list that was not listed is gone: a direct read says so."""
        if not remote_id.startswith(INTEREST):
            return bool(self.api.get_segment(self.audience, remote_id, fields=["id"]).status == 404)
        _, category, interest = remote_id.split(":")
        response = self.api.get_interest_category_interest(self.audience, category, interest, fields=["id"])
        return bool(response.status == 404)


def segments(http: Http, api: Any, audience: str, names: Sequence[str], more: Mapping[str, bool]) -> list[Segment]:
    """All segments of an audience, as far as *names* shows them."""
    fields = [f"segments.{name}" for name in names]
    call = partial(api.list_segments, audience, fields=fields, **more)
    return list(whole(http, call, _Segments, lambda page: page.segments, lambda one: str(one.id)))
