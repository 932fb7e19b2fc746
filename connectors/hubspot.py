"""HubSpot: contacts of one account, and what hangs on them (`hubspot_streams`).

Docs     developers.hubspot.com/docs/api-reference (read 2026-11); the SDK's v3 paths, 2026-03 for consent
Pace     100 calls in any 10 s (answers may state more), 5 searches in any second; a DAILY 429 is not waited for;
         a twentieth of the ten seconds and of the day is kept for people who leave
Quirks   Search shows a change only after a moment, ends at 10,000 results and never shows archived records. So a
         search is read slice by slice from the last stamp seen (ties walked by id), with an overlap; archived
         records come from a list of their own, and a write is never checked by searching.
         The vendor's API description types `sorts` as texts; the service wants objects (hubspot-api-python #236).
         Values are texts; an empty text clears. A batch answers 207 and names the inputs that failed, or refuses
         the whole batch because of one: it is then halved until that one stands alone.
         A merge turns the loser's id into an alias: reading it gives the winner, `hs_merged_object_ids` tells.
         An association that changes need not move the stamp of either record: a full pull sees it, another may not.
         `hs_email_optout_<id>` properties differ by account; their names are read from its property list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Unpack

from connectors import hubspot_wire as wire
from connectors.auth import Auth, Bearer, ClientCredentials, Credential, OAuth, Renewed
from connectors.base import (
    Account,
    Change,
    Cursor,
    Listed,
    Option,
    Outcome,
    Outside,
    Page,
    Raw,
    RemoteField,
    Settings,
    Stream,
    StreamPage,
)
from connectors.deeds import Deeds
from connectors.hooks import Hooks, Journal
from connectors.http import Http, Response, Verdict, judge
from connectors.hubspot_answers import Answers
from connectors.hubspot_facts import facts_of
from connectors.hubspot_fields import CANNOT, TABLE
from connectors.hubspot_hooks import HOOKS
from connectors.hubspot_journal import CONTACT, SCOPES, SCOPES_OF, TYPES, HubSpotJournal
from connectors.hubspot_lookup import BATCH_SIZE, Lookup
from connectors.hubspot_optouts import OptOuts
from connectors.hubspot_properties import Properties
from connectors.hubspot_records import Reader
from connectors.hubspot_rights import Rights
from connectors.hubspot_streams import STREAMS, Streams
from connectors.hubspot_walk import Source, Walk
from connectors.hubspot_writes import Writes
from connectors.oauth_app import OAuthApp
from connectors.over_http import OverHttp
from connectors.pace import Clock, Pace, Sleep, Window
from mapping.facts import Facts
from mapping.model import Millis, Seen

BASE_URL = "https://api.hubapi.com"
KEPT = 0.05
"""The share of every limit that only opt-outs, and the look that may bring one, may use."""


def hubspot_judge(response: Response) -> Verdict:
    """A 429 of the daily policy does not clear by waiting seconds."""
    if response.status == 429 and b"DAILY" in response.body:
        return Verdict.SPENT
    return judge(response)


def learn(pace: Pace, headers: Mapping[str, str]) -> None:
    """Take the limits over that the answer states."""
    most, length = headers.get("x-hubspot-ratelimit-max"), headers.get("x-hubspot-ratelimit-interval-milliseconds")
    if most and length and most.isdigit() and length.isdigit():
        pace.limit(int(most), int(length) / 1000)
    left, day = headers.get("x-hubspot-ratelimit-daily-remaining"), headers.get("x-hubspot-ratelimit-daily", "")
    if left and left.isdigit():
        pace.quota(int(left), int(day) if day.isdigit() else 0)


class HubSpot(OverHttp):
    """Contacts of one HubSpot account."""

    name: ClassVar[str] = "hubspot"
    title: ClassVar[str] = "HubSpot"
    table = TABLE
    cannot = CANNOT
    batch: ClassVar[int] = BATCH_SIZE
    exact_stamp: ClassVar[bool] = True
    mails: ClassVar[bool] = False
    subscriptions: ClassVar[bool] = True
    streams: ClassVar[tuple[Stream, ...]] = STREAMS
    lists: ClassVar[bool] = True
    tasks: ClassVar[bool] = True
    companies_in: ClassVar[str] = "companies"
    erases: ClassVar[bool] = True
    hooks: ClassVar[Hooks | None] = HOOKS

    def __init__(self, credential: Credential, settings: Settings, **outside: Unpack[Outside]) -> None:
        super().__init__(credential, settings, **outside)
        self._credential: Callable[[], Credential] = lambda: credential  # shown by no `repr`
        self._outside = outside
        self._app_http: Http | None = None

    def _base_url(self, given: str, credential: Credential) -> str:
        return given or BASE_URL

    def _auth(self, credential: Credential, renewed: Renewed | None) -> Auth:
        return OAuth(credential, wire.TOKEN, renewed) if "access_token" in credential else Bearer(credential["token"])

    def _pace(self, clock: Clock, sleep: Sleep) -> Pace:
        windows = Window(100, 10.0, air=0.1), Window(5, 1.0, "search", keeps=False)  # no opt-out needs a search
        return Pace(*windows, share=KEPT, learn=learn, clock=clock, sleep=sleep)

    def _judge(self, response: Response) -> Verdict:
        return hubspot_judge(response)

    # -- what is there ------------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> Account:
        details = self._typed(self._http.request("GET", wire.ACCOUNT, operation="account"), wire.AccountDetails)
        found = Rights.of(self._http, self.settings.streams) if rights else Rights()
        number, own = str(details.portalId), self._properties.has_own_key
        name = f"HubSpot account {number}"
        return Account(number, name, found.may, found.may_not, has_own_key=own, lacks=found.lacks)

    def remote_fields(self) -> Sequence[RemoteField]:
        return self._properties.shown()

    def organization_fields(self) -> Sequence[RemoteField]:
        return self._properties.of_companies()

    def add_own_key(self) -> None:
        self._properties.add_own_key()

    @cached_property
    def _apis(self) -> wire.Apis:
        return wire.Apis.over(self._http)

    @cached_property
    def _properties(self) -> Properties:
        settings = self.settings
        own = frozenset(settings.purposes)
        return Properties(lambda: self._apis, self._http, self.fields, settings.own_key, own)

    # -- pull ---------------------------------------------------------------------------------------------------

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        return (found.page for found in self._walk.slices(cursor, full=full))

    @cached_property
    def _walk(self) -> Walk:
        apis = self._apis
        source = Source(
            "contacts", "lastmodifieddate", lambda: self._properties.wanted, apis.basic.get_page, apis.search.do_search
        )
        return Walk(source, self._http, self._now)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.fields, self.settings.purposes)

    def decode(self, raw: Raw) -> Seen:
        return self._reader.seen(raw)

    # -- streams and lists --------------------------------------------------------------------------------------

    @cached_property
    def _streams(self) -> Streams:
        own = tuple(row.remote for row in self.settings.organization)
        return Streams(self._http, self._now, own)

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        return self._streams.pages(name, cursor, full=full)

    def facts(self, name: str, item: Raw) -> Facts:
        return facts_of(name, item, self.settings.organization)

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        return self._streams.lists.put(title, listing, add, remove)

    @property
    def deeds(self) -> Deeds:
        return self._streams.deeds

    # -- journal ------------------------------------------------------------------------------------------------

    @cached_property
    def journal(self) -> Journal | None:
        """Where the connection signed in by OAuth: the journal belongs to an app, and the token of one account does
        not open it."""
        if not {"client_id", "client_secret"} <= set(self._credential()):
            return None
        app = {part: self._credential()[part] for part in ("client_id", "client_secret")}
        scope = " ".join((*SCOPES, SCOPES_OF[CONTACT], *(SCOPES_OF[TYPES[n]] for n in self._heard_streams)))
        self._app_http = Http(
            platform=self.title,
            base_url=self._base_url(self.settings.base_url, self._credential()),
            auth=ClientCredentials(app, wire.TOKEN, scope=scope),
            pace=Pace(Window(100, 1.0, air=0.05), clock=self._clock, sleep=self._sleep),
            judge=self._judge,
            transport=self._outside.get("transport"),
            clock=self._clock,
            sleep=self._sleep,
        )
        return HubSpotJournal(
            self._app_http,
            lambda: int(self._account),
            lambda: self._properties.wanted,
            self._heard_streams,
        )

    @property
    def _heard_streams(self) -> Sequence[str]:
        return [name for name in self.settings.streams if name in TYPES]

    @cached_property
    def _account(self) -> str:
        return self.check().id

    def close(self) -> None:
        super().close()
        if self._app_http is not None:
            self._app_http.close()

    # -- read by id ---------------------------------------------------------------------------------------------

    @cached_property
    def _lookup(self) -> Lookup:
        return Lookup(lambda: self._apis, self._http, self._properties)

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        return self._lookup.read(remote_ids)

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        return self._lookup.find(addresses, keys)

    def history(self, remote_ids: Sequence[str], names: Sequence[str]) -> dict[tuple[str, str], Millis]:
        return self._lookup.history(remote_ids, names)

    # -- write --------------------------------------------------------------------------------------------------

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self._http, self.fields, self._reader)

    @cached_property
    def _writes(self) -> Writes:
        return Writes(lambda: self._apis, self._answers, self._lookup, self.settings.own_key)

    @cached_property
    def _optouts(self) -> OptOuts:
        return OptOuts(self._http, self._answers, self.settings.purposes)

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._writes.update(changes)

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._writes.create(changes)

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        return self._optouts.send(changes, purpose)

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._writes.archive(changes)

    def erase(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._writes.erase(changes)


ASKS_TOKEN = (Option("token", "Access token", "of a service key or a private app, from Settings › Integrations"),)
APP = OAuthApp(
    "https://app.hubspot.com/oauth/authorize",
    "https://api.hubapi.com/oauth/v1/token",
    scopes=("oauth", "crm.objects.contacts.read", "crm.schemas.contacts.read"),
    optional=(
        *("crm.objects.contacts.write", "communication_preferences.read_write", "communication_preferences.read"),
        *("crm.lists.read", "crm.lists.write", "crm.objects.owners.read", "crm.objects.companies.read"),
        *("crm.objects.deals.read", "crm.objects.tickets.read", "sales-email-read"),
        "crm.objects.feedback_submissions.read",
    ),
)
"""It must be able to read contacts; whatever else the app does not ask for is left out, and the account is not asked
for what it has not."""
ASKS_OAUTH = (
    Option("access_token", "Access token"),
    Option("refresh_token", "Refresh token"),
    Option("client_id", "Client id of the app"),
    Option("client_secret", "Client secret of the app"),
)
