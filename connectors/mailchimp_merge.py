"""The merge fields of one audience: what there are, and one more on request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors import mailchimp_wire as wire
from connectors.base import RemoteField
from connectors.errors import MaybeSent
from connectors.mailchimp_fields import MERGE, remote_field
from connectors.mailchimp_members import Members
from connectors.mailchimp_paging import PAGE_SIZE, typed
from mapping.values import Kind

LONGEST_TAG = 10
MOST_FIELDS = 80
"""How many an audience has at most, on the largest plan; on the others it is 30, which Mailchimp says itself."""
TYPES: Mapping[Kind, str] = {
    Kind.TEXT: "text",
    Kind.NAME: "text",
    Kind.PHONE: "phone",
    Kind.NUMBER: "number",
    Kind.DATE: "date",
    Kind.BIRTHDAY: "birthday",
    Kind.ADDRESS: "address",
}
"""The type of a merge field by the kind of ours."""
RESERVED = frozenset(
    {"ARCHIVE", "DATE", "EMAIL", "EMAIL_TYPE", "FORWARD", "INTERESTS", "REWARDS", "TO", "UNSUB", "USER_URL"}
)
"""Tags that mean something else in a mail."""
_TAG = re.compile(rf"[A-Z0-9_]{{1,{LONGEST_TAG}}}")


@dataclass(slots=True)
class MergeFields:
    """Reads the merge fields of one audience, and makes one."""

    members: Members

    def listed(self) -> list[RemoteField]:
        fields = ["merge_fields.tag", "merge_fields.name", "merge_fields.type"]
        response = self.members.lists.get_list_merge_fields(self.members.audience, fields=fields, count=PAGE_SIZE)
        found = typed(self.members.http, response, wire.MergeFields).merge_fields
        return [remote_field(one.tag, one.name, one.type) for one in found]

    def wanted(self, label: str, kind: Kind, tag: str) -> RemoteField:
        """The field that would be made, or the very same one that is there. Raises ValueError where it cannot be."""
        if kind not in TYPES:
            raise ValueError(f"Mailchimp has no field for {kind.value}")
        there = self.listed()
        given = tag.strip().upper()
        made = remote_field(given or _tag_of(label, {one.remote for one in there}), label, TYPES[kind])
        if given and not _TAG.fullmatch(given):
            raise ValueError(f'"{tag}" is no tag: it takes 1 to {LONGEST_TAG} letters A to Z, digits and underscores')
        if given in RESERVED:
            raise ValueError(f"{given} means something else in a mail of Mailchimp's")
        for one in there:
            if one.label.casefold() != label.casefold() and one.remote != made.remote:
                continue
            if (one.label, one.type) == (label, made.type) and (not given or one.remote == made.remote):
                return one
            tag_there = one.remote.removeprefix(MERGE)
            raise ValueError(
                f'there is a field "{one.label}" already, with the tag {tag_there} and the type {one.type}'
            )
        if len(there) >= MOST_FIELDS:
            raise ValueError(f"an audience has at most {MOST_FIELDS} fields, and this one has {len(there)}")
        return made

    def add(self, wanted: RemoteField) -> RemoteField:
        """Make that field; the one of its tag that is there otherwise. Where the answer is lost it is looked for, and
        never made twice. Raises ValueError with Mailchimp's own words where it refuses."""
        tag = wanted.remote.removeprefix(MERGE)
        if found := self._there(wanted.remote):
            return found
        body: dict[str, Any] = {
            "tag": tag,
            "name": wanted.label,
            "type": wanted.type,
            "required": False,
            "public": False,
        }
        if wanted.type == "phone":
            body["options"] = {"phone_format": "none"}  # else numbers are taken for American ones
        try:
            response = self.members.lists.add_list_merge_field(self.members.audience, msgspec.json.encode(body))
        except MaybeSent:
            if found := self._there(wanted.remote):
                return found
            raise
        if not response.ok:
            raise ValueError(f"Mailchimp refused the field {tag}: {self.members.http.explain(response)}")
        made = typed(self.members.http, response, wire.MergeField)
        return remote_field(made.tag, made.name, made.type)

    def _there(self, remote: str) -> RemoteField | None:
        return next((one for one in self.listed() if one.remote == remote), None)


def _tag_of(label: str, taken: set[str]) -> str:
    """A free tag made of a field's name: its letters and digits, as many as fit."""
    words = "_".join(re.findall(r"[A-Z0-9]+", label.upper()))[:LONGEST_TAG].strip("_") or "FIELD"
    for number in range(1, MOST_FIELDS + 2):
        tag = words if number == 1 else f"{words[: LONGEST_TAG - len(str(number))]}{number}"
        if MERGE + tag not in taken and tag not in RESERVED:
            return tag
    raise ValueError(f'no tag is free for "{label}": give one')
