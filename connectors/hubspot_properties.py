"""The properties of one HubSpot account's contacts: which there are, which are asked for, and the one of our own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from connectors import hubspot_wire as wire
from connectors.base import RemoteField
from connectors.errors import TooNarrow
from connectors.http import Http
from connectors.hubspot_facts import PROPERTIES
from connectors.hubspot_fields import OWN_KEY, remote_field, row_of
from connectors.hubspot_records import ALWAYS
from connectors.hubspot_ties import needing
from connectors.over_http import decoded
from mapping.fields import FieldTable

COMPANIES = frozenset(PROPERTIES["companies"])
_list = msgspec.json.Decoder(wire.Properties)


@dataclass
class Properties:
    """What the account says of its properties, asked at most once where it is only looked up."""

    apis: Callable[[], wire.Apis]
    http: Http
    fields: FieldTable
    own_key: bool
    subscriptions: frozenset[str] = frozenset()  # the numbers of those whose opt-outs must be seen

    def all(self, kind: str = "contacts") -> list[wire.Property]:
        """The account's own list of them."""
        response = self.apis().properties.get_all(kind, _preload_content=False)
        return decoded(self.http, _list, response, f"list properties of {kind}").results

    def of_companies(self) -> Sequence[RemoteField]:
        """Those of companies that are not carried anyway; all can only be read."""
        with needing("crm.schemas.companies.read", "read the list of properties of companies"):
            found = [one for one in self.all("companies") if not one.hidden and one.name not in COMPANIES]
        rows = [
            (one, row_of(one.name, one.label or one.name, one.type, one.fieldType, read_only=True)) for one in found
        ]
        return [RemoteField(one.name, one.label or one.name, one.type, writable=False, row=row) for one, row in rows]

    def shown(self) -> Sequence[RemoteField]:
        """Those that people see."""
        return [
            remote_field(found.name, found.label or found.name, found.type, found.fieldType, found.read_only)
            for found in self.all()
            if not found.hidden and found.name != OWN_KEY
        ]

    @cached_property
    def known(self) -> frozenset[str] | None:
        """The names of the account's properties; None where we may not ask."""
        try:
            return frozenset(found.name for found in self.all())
        except TooNarrow:
            return None

    @property
    def has_own_key(self) -> bool:
        """Whether the account has the property that carries our key."""
        return OWN_KEY in (self.known or ())

    @cached_property
    def wanted(self) -> list[str]:
        """The properties to ask for: without a list, only a handful come back."""
        rows = [name for row in self.fields if row.readable for name in row.remote.split("+")]
        extra = [name for name in ALWAYS if self.known is None or name in self.known]
        optouts = {name for name in self.known or () if re.fullmatch(r"hs_email_optout_\d+", name)}
        optouts |= {f"hs_email_optout_{number}" for number in self.subscriptions}
        own = [OWN_KEY] if self.own_key else []
        return list(dict.fromkeys((*rows, *extra, *sorted(optouts), *own)))

    def add_own_key(self) -> None:
        """Create the unique property `regulars_id`. At most ten such properties fit an object there."""
        if self.has_own_key:
            return
        group = {"name": "regulars", "label": "Regulars"}
        response = self.apis().groups.create("contacts", msgspec.json.encode(group), _preload_content=False)
        if not response.ok and response.status != 409:
            raise self.http.misread("create property group", self.http.explain(response))
        wanted = {
            "groupName": "regulars",
            "name": OWN_KEY,
            "label": "Regulars ID",
            "description": "Set by Regulars, so that nobody is created twice. Please leave it as it is.",
            "type": "string",
            "fieldType": "text",
            "hasUniqueValue": True,
        }
        response = self.apis().properties.create("contacts", msgspec.json.encode(wanted), _preload_content=False)
        if not response.ok and response.status != 409:
            raise self.http.misread("create property", self.http.explain(response))
        self.__dict__.pop("known", None)
