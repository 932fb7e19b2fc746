"""Mailchimp: the members of one audience.

Docs     mailchimp.com/developer/marketing (read 2026-11), SDK 3.0.80
Pace     ten requests at once per user, no rate otherwise; a 403 or 429 without JSON is the same throttle
Quirks   A member's address names it in calls (MD5 of the lower-cased address); `contact_id` is what stays.
         Listing goes by offset over a moving set: see `mailchimp_pull`. Archived members are listed apart.
         `last_changed` counts whole seconds: one stamp may cover two edits.
         Nobody is ever subscribed by a field update: see docs/decisions/0002. Statuses are written by `create` and
         by `opt_out` alone (`mailchimp_statuses`).
         A member who left, bounced or was forgotten is refused with a known title: that is a fact about the
         person, not an error.
         A second audience of the account is a connection of its own: see docs/decisions/0019.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import ClassVar

from connectors import mailchimp_wire as wire
from connectors.auth import Auth, Basic, Bearer, Credential, Renewed
from connectors.base import Account, Change, Cursor, Option, Outcome, Page, Raw, RemoteField
from connectors.errors import BadCredentials
from connectors.hooks import Hooks, HookUp
from connectors.http import Response, Verdict, judge
from connectors.mailchimp_fields import CANNOT, MERGE, TABLE, custom_row
from connectors.mailchimp_hooked import Hooked
from connectors.mailchimp_hooks import HOOKS
from connectors.mailchimp_members import AT_ONCE, BATCH_SIZE, JOB_FROM, OVERLAP
from connectors.mailchimp_merge import MergeFields
from connectors.mailchimp_paging import PAGE_SIZE
from connectors.mailchimp_pull import Audience
from connectors.mailchimp_statuses import Statuses
from connectors.mailchimp_streams import Streams
from connectors.mailchimp_tags import Tags
from connectors.mailchimp_update import Updates
from connectors.oauth_app import OAuthApp, Tells
from connectors.pace import Clock, Pace, Sleep
from mapping.fields import Field, Way
from mapping.model import Millis, Seen
from mapping.values import Kind

__all__ = ["ASKS_OAUTH", "ASKS_TOKEN", "JOB_FROM", "Mailchimp", "mailchimp_judge"]

FULL_RIGHTS = frozenset({"owner", "admin", "manager"})


def mailchimp_judge(response: Response) -> Verdict:
    """A refusal without a JSON body comes from the gate in front, which throttles so."""
    if response.status == 403 and not response.is_json:
        return Verdict.BUSY
    return judge(response)


class Mailchimp(Streams):
    """The members of one Mailchimp audience."""

    name: ClassVar[str] = "mailchimp"
    title: ClassVar[str] = "Mailchimp"
    table = TABLE
    cannot = CANNOT
    batch: ClassVar[int] = BATCH_SIZE
    exact_stamp: ClassVar[bool] = False
    by_member: ClassVar[str] = "tags"
    members_lag: ClassVar[Millis] = OVERLAP
    mails: ClassVar[bool] = True
    erases: ClassVar[bool] = True
    hooks: ClassVar[Hooks | None] = HOOKS

    def _base_url(self, given: str, credential: Credential) -> str:
        """The account's own address: the data centre ends the API key, or comes with the OAuth access."""
        if given:
            return given.rstrip("/") if given.rstrip("/").endswith("/3.0") else f"{given.rstrip('/')}/3.0"
        centre = credential.get("server") or credential.get("api_key", "").rpartition("-")[2]
        if not centre.isalnum():
            raise BadCredentials(
                "the API key does not end in its data centre (like -us19).", platform="Mailchimp", fix="Copy it whole."
            )
        return f"https://{centre}.api.mailchimp.com/3.0"

    def _auth(self, credential: Credential, renewed: Renewed | None) -> Auth:
        key = credential.get("api_key", "")
        return Basic(key) if key else Bearer(credential["access_token"])

    def _pace(self, clock: Clock, sleep: Sleep) -> Pace:
        return Pace(at_once=AT_ONCE, clock=clock, sleep=sleep)

    def _judge(self, response: Response) -> Verdict:
        return mailchimp_judge(response)

    @cached_property
    def _merge_fields(self) -> MergeFields:
        return MergeFields(self._members)

    @cached_property
    def _tags(self) -> Tags:
        return Tags(self._members, self._lookup.read)

    @cached_property
    def _statuses(self) -> Statuses:
        return Statuses(self._members, self._lookup.find)

    # -- what is there ------------------------------------------------------------------------------------------

    def check(self, *, rights: bool = False) -> Account:
        wanted, audience = ["account_id", "account_name", "role"], self.settings.audience
        root = self._typed(wire.root_api(self._http).get_root(fields=wanted), wire.Root)
        audiences = self._audiences() if rights or not audience else ()
        may = ["It may read audiences and members."]
        may_not = []
        if not root.role or root.role in FULL_RIGHTS:
            may += ["It may write members, tags and opt-outs."]
        else:
            may_not += [f"Its user is {root.role!r} there, who may not write members: ask for the manager role."]
        if rights and audience and audience not in {one.id for one in audiences}:
            may_not += [f"The audience {audience} is not there."]
        # Another audience is as little what a connection was as another account is: a guard stops both.
        account = f"{root.account_id}/{audience}" if audience else root.account_id
        return Account(account, root.account_name, tuple(may), tuple(may_not), audiences)

    def _audiences(self) -> tuple[Option, ...]:
        fields = ["lists.id", "lists.name", "lists.double_optin", "lists.stats.member_count"]
        found = self._typed(self._members.lists.get_all_lists(fields=fields, count=PAGE_SIZE), wire.Audiences)
        return tuple(Option(one.id, one.name, f"{one.stats.member_count} members") for one in found.lists)

    def remote_fields(self) -> Sequence[RemoteField]:
        own = [row for row in TABLE if not row.remote.startswith(MERGE)]
        merge = self._merge_fields.listed()
        return [RemoteField(row.remote, row.label, row.kind, row.writable, row) for row in own] + merge

    def wanted_field(self, label: str, kind: Kind, tag: str = "") -> RemoteField:
        return self._merge_fields.wanted(label, kind, tag)

    def add_field(self, wanted: RemoteField) -> RemoteField:
        return self._merge_fields.add(wanted)

    def hook_up(self, address: str, spare: str, *, known: bool) -> HookUp:
        return Hooked(self._members).up(address, spare, known=known)

    @classmethod
    def custom_row(cls, name: str, remote: str, kind: Kind, way: Way) -> Field | None:
        """A row for a merge field mapped by hand, where it needs a spelling of Mailchimp's own."""
        return custom_row(name, remote, kind, way)

    # -- read ---------------------------------------------------------------------------------------------------

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        return Audience(self._members, self._now).pages(cursor, full=full)

    def decode(self, raw: Raw) -> Seen:
        return self._members.seen(raw)

    def read(self, remote_ids: Sequence[str]) -> dict[str, Raw | None]:
        return self._lookup.read(remote_ids)

    def find(self, addresses: Sequence[str], keys: Sequence[str]) -> dict[str, Raw]:
        """Members by address; Mailchimp has no field for our keys."""
        return self._lookup.find(addresses)

    # -- write --------------------------------------------------------------------------------------------------

    def update(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Fields first, which cannot change a status; tags follow, for those whose fields were taken."""
        return self._tags.after(changes, Updates(self._members).send(changes))

    def create(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """New members, with their tags; a known member is never touched."""
        return self._tags.after(changes, self._statuses.create(changes))

    def opt_out(self, changes: Sequence[Change], purpose: str) -> Sequence[Outcome]:
        """Unsubscribe: it only ever turns off."""
        return self._statuses.opt_out(changes)

    def archive(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return self._statuses.archive(changes)

    def erase(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """Erased for good: the address can be brought back by its owner alone, through a form."""
        return self._statuses.erase(changes, self._lookup.addresses([change.remote_id for change in changes]))


ASKS_TOKEN = (Option("api_key", "API key", "from Account › Extras › API keys; it ends in -us19 or the like"),)
APP = OAuthApp(
    "https://login.mailchimp.com/oauth2/authorize",
    "https://login.mailchimp.com/oauth2/token",
    tells=Tells("server", "https://login.mailchimp.com/oauth2/metadata", "dc", scheme="OAuth"),
)
ASKS_OAUTH = (Option("access_token", "Access token"), Option("server", "Data centre", "like us19"))
