"""Mailchimp Marketing API 3.0, rehearsed: one account with an audience or several, on loopback.

Docs      the vendor's descriptions of 3.0.55 and 3.0.80, and the Mailchimp part of the project's platform facts;
          comments quote the fact that a behaviour rests on, and `Switches` holds those that are unconfirmed
Emulates  ping, account, audiences, merge fields, interests, members (list, read, PUT, PATCH, POST, archive,
          delete for good, tags, notes, events, activity, activity feed), ``POST /lists/{id}`` for 500 members,
          static segments, campaigns (read), reports with their lists (e-mail activity, sent-to, open, click and
          unsubscribe details, complaints), stores and orders (read), batch jobs with their tar.gz, webhooks
          (`mailchimp_webhooks`); Basic and Bearer; ten calls at once; problem documents; compliance state,
          cleaned, forgotten, fake and role addresses; ``X-Trigger-Error``, ``X-HTTP-Method-Override``
Keys      only credentials that start with ``sandbox-`` exist here; `VIEWER` may read hardly anything
Identity  ``contact_id`` never changes; ``id`` is the MD5 of the lower-cased address and changes with it;
          ``unique_email_id`` stays too, or changes with the address (a switch: the facts and the description differ)
Not emulated
          writing campaigns over the API, A/B tests, RSS, automations, journeys, templates, goals; products,
          carts and customers of stores, writing orders; surveys, files, exports, searches, Audiences (beta),
          SMS; creating, changing or deleting audiences; changing or deleting merge fields and interests; saved
          (rule-based) segments; the filters by interest, e-mail type and last campaign; a report's hours,
          places, domains, advice, industry and list averages; a member's ``stats`` and rating; clicks by
          machines; batch webhooks; OAuth's own end points; ``_links``; too many sign-ups of one address in a
          short time; the 120-second cut of a request other than as a fault; deep offsets getting slower
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.mailchimp_bulk import BatchOfMembers, Jobs
from sandbox.mailchimp_campaigns import Campaigns
from sandbox.mailchimp_core import LIST, VIEWER, new_audience
from sandbox.mailchimp_feed import Feed
from sandbox.mailchimp_mailings import Mailings
from sandbox.mailchimp_members import Members
from sandbox.mailchimp_notes import Notes
from sandbox.mailchimp_oauth import OAuth
from sandbox.mailchimp_people import Refused
from sandbox.mailchimp_reports import Reports
from sandbox.mailchimp_rules import Switches
from sandbox.mailchimp_segments import Segments
from sandbox.mailchimp_setup import Setup
from sandbox.mailchimp_shop import Shop
from sandbox.mailchimp_state import Audience, MergeField
from sandbox.mailchimp_webhooks import MailchimpHooked, MailchimpMailroom
from sandbox.mailchimp_webhooks_api import Hooks
from sandbox.platform import Clock
from sandbox.webhooks_postman import Postman

__all__ = ["LIST", "VIEWER", "MailchimpSandbox", "Refused", "Switches"]

OPENED = int(datetime(2019, 3, 1, tzinfo=UTC).timestamp())
# What the bakery has set up beyond the defaults of a new audience.
EXTRA_FIELDS = (("COMPANY", "Company", "text"), ("BREAD", "Favourite bread", "text"))


class MailchimpSandbox(MailchimpHooked):
    """An account of a small bakery; `human_…` methods do what people do in the product."""

    def __init__(
        self,
        account_id: str = "sandbox-account",
        *,
        api_key: str = "sandbox-mailchimp-demo-us0",
        keys: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        quotas: bool = True,
        switches: Switches | None = None,
        double_optin: bool = False,
        permissions: bool = True,
        extra_fields: Iterable[tuple[str, str, str]] = EXTRA_FIELDS,
    ) -> None:
        """*keys* are further credentials with the role of their user: ``owner``, ``admin``, ``author``, ``viewer``.

        *permissions*: whether the audience has marketing permissions (GDPR fields) switched on.
        """
        super().__init__(account_id, api_key=api_key, keys=keys, clock=clock, quotas=quotas, switches=switches)
        self.mailroom = MailchimpMailroom(self)
        self.postman = Postman(self.mailroom)
        self._setup = Setup(self)
        self._oauth = OAuth(self)
        self.hooks = Hooks(self)
        self._members = Members(self)
        BatchOfMembers(self, self._members)
        Segments(self)
        self.mailings = Mailings(self)
        Campaigns(self, self.mailings)
        Reports(self, self.mailings)
        Feed(self, self.mailings)
        Notes(self)
        Shop(self)
        self._jobs = Jobs(self)
        audience = self.add_audience("Regulars of the bakery", LIST, permissions=permissions)
        audience.double_optin = double_optin
        for tag, name, kind in extra_fields:
            self.add_merge_field(tag, name, kind)

    def add_audience(self, name: str, list_id: str, *, permissions: bool = True) -> Audience:
        """Open another audience in the product."""
        audience = new_audience(name, OPENED, list_id, permissions=permissions)
        self.state.audiences[list_id] = audience
        return audience

    def add_merge_field(self, tag: str, name: str, kind: str, *, list_id: str | None = None, **more: Any) -> MergeField:
        """Add a merge field in the product; *more* are ``required``, ``options`` and the like."""
        audience = self.list_of(list_id)
        number = max((known.merge_id for known in audience.merge_fields), default=0) + 1
        known = MergeField(number, tag, name, kind, display_order=number + 1, **more)
        self._setup.add_field(audience, known)
        return known

    def merge_tags(self, list_id: str | None = None) -> list[str]:
        """The merge tags of an audience."""
        return [known.tag for known in self.list_of(list_id).merge_fields]

    @property
    def resubscribed(self) -> list[str]:
        """Addresses that the API moved to ``subscribed`` although they had left or were cleaned: should be none."""
        return [
            change.address
            for change in self.state.status_changes
            if change.by in ("api", "batch")
            and change.before in ("unsubscribed", "cleaned")
            and change.after == "subscribed"
        ]

    def restored(self) -> None:
        super().restored()
        self.mailings.forget()

    def do_later(self, what: tuple[Any, ...], now: datetime) -> None:
        match what:
            case ("batch", id):
                self._jobs.run(id, now)
            case _:
                super().do_later(what, now)
