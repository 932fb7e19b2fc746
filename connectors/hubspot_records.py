"""One contact in our words. Pure: a stored record decodes without asking anybody.

The field table is compiled once into a typed struct that holds just the properties we read, so that a record of
30 properties costs one pass of the JSON library and one pass over a tuple.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import astuple

from connectors.base import Raw
from connectors.codecs import millis, put
from mapping.fields import Codec, Field
from mapping.model import MARKETING, ConsentSeen, ConsentState, RecordState, Seen, Value
from mapping.values import Kind

BOUNCES = ("hs_email_hard_bounce_reason_enum", "hs_email_hard_bounce_reason")
ENGAGEMENT = (("hs_email_open", 1.0), ("hs_email_click", 3.0))
OURS = ("email", "hs_additional_emails", "hs_email_optout", "hs_merged_object_ids", *BOUNCES)
ALWAYS = (*OURS, "lastmodifieddate", *(name for name, _ in ENGAGEMENT))
"""Properties asked for whatever the field table says."""

_optouts = re.compile(rb'"hs_email_optout_(\d+)":\s*"true"').findall

Texts = tuple[str | None, ...]


class Loose(msgspec.Struct):
    """A record with a property that is no text, against the documentation: only that property is lost."""

    id: str
    properties: dict[str, Any]
    createdAt: str = ""  # noqa: N815 - theirs
    updatedAt: str = ""  # noqa: N815 - theirs
    archived: bool = False


class Reader:
    """Decodes contacts through one field table."""

    def __init__(self, rows: Iterable[Field], purposes: Mapping[str, str] | None = None) -> None:
        self._purposes = purposes or {}
        readable = [row for row in rows if row.readable]
        plain = [row for row in readable if row.reads is None]
        self._remotes = list(
            dict.fromkeys(
                (
                    *(row.remote for row in plain),
                    *(remote for row in readable if row.reads is not None for remote in row.remote.split("+")),
                    *OURS,
                    *(name for name, _ in ENGAGEMENT),
                )
            )
        )
        place = {remote: index for index, remote in enumerate(self._remotes)}
        self._plain = tuple((row.name, place[row.remote]) for row in plain)
        self._names = tuple(row.name for row in plain)
        self._straight = [index for _, index in self._plain] == list(range(len(plain)))
        self._coded: list[tuple[str, int, Codec]] = []
        self._composed: list[tuple[str, tuple[tuple[str, int], ...], Codec]] = []
        for row in readable:
            if row.reads is not None and row.kind is Kind.ADDRESS:
                parts = tuple((remote, place[remote]) for remote in row.remote.split("+"))
                self._composed.append((row.name, parts, row.reads))
            elif row.reads is not None:
                self._coded.append((row.name, place[row.remote], row.reads))
        self._ours = tuple(place[name] for name in OURS)
        self._engagement = tuple((place[name], weight) for name, weight in ENGAGEMENT)
        self._decode = msgspec.json.Decoder(_shape(self._remotes)).decode
        self._loose = msgspec.json.Decoder(Loose).decode

    def seen(self, raw: Raw) -> Seen:
        """The record. Raises ValueError where it is none."""
        problems: list[str] = []
        try:
            found: Any = self._decode(raw.body)
            texts: Texts = astuple(found.properties)
        except msgspec.ValidationError:
            found, texts = self._loosely(raw, problems)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ValueError(f"record {raw.remote_id} is not JSON: {error}") from error
        email, additional, optout, merged, bounce, older_bounce = (texts[index] for index in self._ours)
        updated = found.updatedAt
        return Seen(
            found.id,
            self._fields(texts, problems),
            addresses_of(email, additional),
            updated,
            millis(updated),
            millis(found.createdAt),
            RecordState.ARCHIVED if found.archived else RecordState.LIVE,
            _consent(email, optout, bounce or older_bounce, raw.body, self._purposes),
            optout != "true" if email else None,
            tuple(merged.split(";")) if merged else (),
            self._engaged(texts),
            tuple(problems),
        )

    def fields(self, properties: Mapping[str, Any], problems: list[str]) -> dict[str, Value]:
        """The fields in *properties* alone, of an answer that shows only some."""
        get = properties.get
        return self._fields(tuple(get(remote) for remote in self._remotes), problems)

    def _fields(self, texts: Texts, problems: list[str]) -> dict[str, Value]:
        fields: dict[str, Value]
        if self._straight:
            fields = {name: text for name, text in zip(self._names, texts, strict=False) if text and not text.isspace()}
        else:
            fields = {name: text for name, index in self._plain if (text := texts[index]) and not text.isspace()}
        for name, index, read in self._coded:
            if texts[index]:
                put(fields, name, read, texts[index], problems)
        for name, places, read in self._composed:
            parts = {remote: text for remote, index in places if (text := texts[index])}
            if parts:
                put(fields, name, read, parts, problems)
        return fields

    def _engaged(self, texts: Texts) -> float:
        """Opens, and clicks threefold."""
        total = 0.0
        for index, weight in self._engagement:
            text = texts[index]
            if text:
                try:
                    total += weight * float(text)
                except ValueError:
                    continue
        return total

    def _loosely(self, raw: Raw, problems: list[str]) -> tuple[Loose, Texts]:
        try:
            found = self._loose(raw.body)
        except msgspec.DecodeError as error:
            raise ValueError(f"record {raw.remote_id} is no contact: {error}") from error
        get = found.properties.get
        problems += [
            f"{name}: not a text" for name, text in found.properties.items() if not isinstance(text, str | None)
        ]
        return found, tuple(text if isinstance(text := get(name), str) else None for name in self._remotes)


def _shape(remotes: list[str]) -> type[msgspec.Struct]:
    """A contact with just these properties. Their names need not be Python's."""
    own = {f"p{index}": remote for index, remote in enumerate(remotes)}
    properties = msgspec.defstruct("Properties", [(name, str | None, None) for name in own], rename=own, gc=False)
    return msgspec.defstruct(
        "Contact",
        [
            ("id", str),
            ("properties", properties),
            ("createdAt", str, ""),
            ("updatedAt", str, ""),
            ("archived", bool, False),
        ],
        gc=False,
    )


def addresses_of(main: str | None, additional: str | None) -> tuple[str, ...]:
    """All addresses, the main one first."""
    if not additional:
        return (main,) if main else ()
    return tuple(dict.fromkeys(part for part in (main, *additional.split(";")) if part))


def _consent(
    address: str | None, optout: str | None, bounce: str | None, body: bytes, purposes: Mapping[str, str]
) -> tuple[ConsentSeen, ...]:
    """Withdrawals and bounces of the main address. HubSpot dates none of them here, and an account without
    opt-out says nothing: silence is no grant. A subscription that nobody gave a purpose counts as marketing."""
    single = _optouts(body) if b"hs_email_optout_" in body else ()
    if not address or not (optout == "true" or single or bounce):
        return ()
    found = []
    if optout == "true":
        found.append(_withdrawn(address, "HubSpot: opted out of all e-mail"))
    for number in single:
        name = number.decode()
        purpose = purposes.get(name, MARKETING)
        found.append(_withdrawn(address, f"HubSpot: opted out of subscription {name}", purpose))
    if bounce:
        evidence = f"HubSpot: hard bounce ({bounce})"
        found.append(ConsentSeen(address, ConsentState.UNDELIVERABLE, MARKETING, 0, evidence))
    return tuple(found)


def _withdrawn(address: str, evidence: str, purpose: str = MARKETING) -> ConsentSeen:
    return ConsentSeen(address, ConsentState.WITHDRAWN, purpose, 0, evidence)
