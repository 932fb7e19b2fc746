"""The SDK's api objects and the shapes that the streams need: other objects, associations, pipelines, owners, lists.

An `Item` is what the streams store: the record as it came, and beside it whatever else its facts rest on, so that
reading the facts asks nobody and a change of any of it changes the item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connectors.http import Http
from connectors.hubspot_wire import Paged, Rest, Trouble, opened


@dataclass(frozen=True, slots=True)
class StreamApis:
    """The SDK's api objects that the streams use."""

    objects: Any
    batch: Any
    search: Any
    associations: Any
    pipelines: Any
    owners: Any
    lists: Any
    members: Any

    @staticmethod
    def over(http: Http) -> StreamApis:
        """Opened when first used: the SDK takes a while to load."""
        from hubspot.crm import lists, objects, owners, pipelines  # noqa: PLC0415 - slow to load
        from hubspot.crm.associations import v4  # noqa: PLC0415 - slow to load

        rest = Rest(http)
        return StreamApis(
            opened(rest, objects, "BasicApi"),
            opened(rest, objects, "BatchApi"),
            opened(rest, objects, "SearchApi"),
            opened(rest, v4, "BatchApi"),
            opened(rest, pipelines, "PipelinesApi"),
            opened(rest, owners, "OwnersApi"),
            opened(rest, lists, "ListsApi"),
            opened(rest, lists, "MembershipsApi"),
        )


# -- associations ----------------------------------------------------------------------------------


class AssociationType(msgspec.Struct):
    category: str
    typeId: int
    label: str | None = None


class To(msgspec.Struct):
    """What a record is associated with. Ids are described as texts, and numbers in truth."""

    toObjectId: str | int
    associationTypes: list[AssociationType] = []


class From(msgspec.Struct):
    id: str | int


class Association(Paged, kw_only=True, rename={"from_": "from"}):
    from_: From
    to: Sequence[To] = ()


class Associations(msgspec.Struct):
    results: list[Association] = []
    errors: list[Trouble] = []


# -- pipelines and owners --------------------------------------------------------------------------


class Stage(msgspec.Struct):
    id: str
    label: str = ""
    metadata: dict[str, str] = {}


class Pipeline(msgspec.Struct):
    id: str
    stages: list[Stage] = []


class Pipelines(msgspec.Struct):
    results: list[Pipeline] = []


class Owner(msgspec.Struct):
    id: str
    firstName: str | None = None
    lastName: str | None = None
    email: str | None = None

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.firstName, self.lastName) if part) or self.email or self.id


class Owners(Paged):
    results: Sequence[Owner] = ()


# -- lists -----------------------------------------------------------------------------------------


class CrmList(msgspec.Struct):
    listId: str
    name: str
    objectTypeId: str = ""
    processingType: str = ""


class OneList(msgspec.Struct):
    list: CrmList


class Lists(msgspec.Struct):
    lists: list[CrmList]
    total: int = 0
    offset: int = 0
    hasMore: bool = False


class Member(msgspec.Struct):
    recordId: str | int


class Members(Paged):
    results: Sequence[Member] = ()
    total: int | None = None


class Changed(msgspec.Struct):
    """Which records a change of a list did not find; `recordsIdsAdded` is theirs, too, and nobody needs it."""

    recordIdsMissing: list[str] = []


# -- what is stored --------------------------------------------------------------------------------


class Joined(msgspec.Struct, array_like=True):
    """One record at the other end of an association."""

    id: str
    label: str = ""
    primary: bool = False


class Record(msgspec.Struct):
    id: str
    properties: dict[str, str | None]
    createdAt: str = ""
    updatedAt: str = ""


class Pointers(msgspec.Struct):
    """The properties of a record that point to something read elsewhere."""

    hubspot_owner_id: str | None = None
    pipeline: str | None = None
    dealstage: str | None = None
    deal_currency_code: str | None = None
    hs_merged_object_ids: str | None = None


class Pointing(msgspec.Struct):
    properties: Pointers


class Item(msgspec.Struct, omit_defaults=True):
    """One object of a stream. `state` and `stage` are those of a deal's stage, `currency` the account's own."""

    record: Record
    contacts: list[Joined] = []
    companies: list[Joined] = []
    owner: str = ""
    stage: str = ""
    state: str = ""
    currency: str = ""


class ListItem(msgspec.Struct):
    """One list with everybody on it; `whole` is false where members slipped away while they were read."""

    about: CrmList
    members: list[str]
    whole: bool = True


pointing = msgspec.json.Decoder(Pointing)
associations = msgspec.json.Decoder(Associations)
item = msgspec.json.Decoder(Item)
list_item = msgspec.json.Decoder(ListItem)
