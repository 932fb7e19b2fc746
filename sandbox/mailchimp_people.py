"""What people do in Mailchimp itself: by a form, by the link in a mail, or in the product. And `load`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sandbox.mailchimp_core import MailchimpCore, unique_email_id
from sandbox.mailchimp_rules import Switches, member_exists, merged, refuse_address
from sandbox.mailchimp_state import (
    LISTED,
    Audience,
    Member,
    key_of,
    seconds,
    show_member,
)
from sandbox.platform import Answer

Json = dict[str, Any]

LOADED = frozenset(
    {
        *(
            "email_address",
            "status",
            "merge_fields",
            "tags",
            "vip",
            "language",
            "timestamp_signup",
            "ip_signup",
        ),
        *(
            "timestamp_opt",
            "ip_opt",
            "last_changed",
            "contact_id",
            "unsubscribed_by",
            "marketing_permissions",
        ),
    }
)


class Refused(ValueError):
    """The product would not let a person do this."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode() if isinstance(answer.body, bytes) else str(answer.body))


class MailchimpPeople(MailchimpCore):
    """The human side. *email* is the member's present address; *list_id* defaults to the first audience."""

    def load(self, records: Iterable[Mapping[str, object]], list_id: str | None = None) -> int:
        """Take over members as an account with a past would hold them; no rule is asked, no clock is read."""
        with self.lock:
            audience = self.list_of(list_id)
            count = 0
            for record in records:
                self._load(audience, cast(Json, record))
                count += 1
            audience.version += 1
            self.restored()
            return count

    def _load(self, audience: Audience, record: Json) -> None:
        if not record.keys() <= LOADED or record["status"] not in LISTED:
            raise ValueError(f"no member of the sandbox: {sorted(record.keys() - LOADED)} {record['status']}")
        address, status = record["email_address"], record["status"]
        number = self.number()
        changed = seconds(record.get("last_changed", ""))
        member = Member(
            contact_id=record.get("contact_id") or f"{number:032x}",
            web_id=number,
            email=address,
            unique_email_id=unique_email_id(address),
            status=status,
            merge={tag: value for tag, value in record.get("merge_fields", {}).items() if value != ""},
            permissions=dict(record.get("marketing_permissions", {})),
            vip=record.get("vip", False),
            language=record.get("language", ""),
            ip_signup=record.get("ip_signup", ""),
            timestamp_signup=seconds(record.get("timestamp_signup", "")),
            ip_opt=record.get("ip_opt", ""),
            timestamp_opt=seconds(record.get("timestamp_opt", "")),
            last_changed=changed,
            source="Import",
        )
        if status in ("unsubscribed", "cleaned"):
            member.left_by = record.get("unsubscribed_by") or ("person" if status == "unsubscribed" else "bounce")
            member.left_at = changed
        if status == "archived":
            member.before_archive = "subscribed"
        for name in record.get("tags", ()):
            member.tags[audience.tag(name, changed).id] = changed
        audience.add(member)

    # -- at the form and by the link in a mail -------------------------------------------------------

    def human_subscribe(
        self,
        email: str,
        merge_fields: Mapping[str, Any] | None = None,
        *,
        ip: str = "203.0.113.9",
        confirm: bool = True,
        permissions: Mapping[str, bool] | None = None,
        list_id: str | None = None,
    ) -> Json:
        """Sign up at the form: new, or back after leaving; the only way back for a forgotten address.

        With double opt-in and *confirm* false the person has not clicked the link yet: ``pending``.
        """
        audience, now = self.list_of(list_id), self.clock()
        stamp = int(now.timestamp())
        member = audience.find(key_of(email))
        if member is None:
            if refusal := refuse_address(email, Switches(roles=frozenset())):
                raise Refused(refusal)
            audience.forgotten.discard(key_of(email))
            member = self.new_member(audience, email, now)
            member.source = "Hosted Signup Form"
            audience.add(member)
        member.ip_signup, member.timestamp_signup = ip, stamp
        waiting = audience.double_optin and not confirm
        self.set_status(audience, member, "pending" if waiting else "subscribed", now, "person")
        if not waiting:
            member.ip_opt, member.timestamp_opt = ip, stamp
        member.permissions.update(permissions or {})
        return self._edited(audience, member, merge_fields or {})

    def human_confirm(self, email: str, *, ip: str = "203.0.113.9", list_id: str | None = None) -> Json:
        """Click the confirmation link of a pending subscription."""
        audience, member = self._who(email, list_id)
        now = self.clock()
        self.set_status(audience, member, "subscribed", now, "person")
        member.ip_opt, member.timestamp_opt = ip, int(now.timestamp())
        return self._edited(audience, member, {})

    def human_update(self, email: str, merge_fields: Mapping[str, Any], *, list_id: str | None = None) -> Json:
        """Edit the profile; ``""`` clears a field."""
        audience, member = self._who(email, list_id)
        return self._edited(audience, member, merge_fields)

    def human_unsubscribe(self, email: str, *, by: str = "person", list_id: str | None = None) -> Json:
        """Leave by the link in a mail, or be taken off by an *admin*."""
        audience, member = self._who(email, list_id)
        self.set_status(audience, member, "unsubscribed", self.clock(), by)
        return self._edited(audience, member, {})

    def human_change_address(self, old: str, new: str, *, list_id: str | None = None) -> Json:
        """Change the address in the profile: ``contact_id`` stays, the hash does not."""
        audience, member = self._who(old, list_id)
        if key_of(new) in audience.members and key_of(new) != member.key:
            raise Refused(member_exists(new))
        audience.forgotten.discard(key_of(new))
        if refusal := self.change_address(audience, member, new):
            raise Refused(refusal)
        return self._edited(audience, member, {})

    def human_complain(self, email: str, *, list_id: str | None = None) -> Json:
        """Press "this is spam": Mailchimp cleans the address (facts, Consent: bounced or complained)."""
        return self._cleaned(email, "complaint", list_id)

    def human_bounce(self, email: str, *, list_id: str | None = None) -> Json:
        """The mailbox is gone for good: a hard bounce cleans the address."""
        return self._cleaned(email, "bounce", list_id)

    # -- in the product --------------------------------------------------------------------------------

    def human_tag(self, email: str, tag: str, *, list_id: str | None = None) -> Json:
        audience, member = self._who(email, list_id)
        self.write_tags(audience, member, {tag: True}, self.clock())
        return show_member(audience, member)

    def human_untag(self, email: str, tag: str, *, list_id: str | None = None) -> Json:
        audience, member = self._who(email, list_id)
        self.write_tags(audience, member, {tag: False}, self.clock())
        return show_member(audience, member)

    def human_archive(self, email: str, *, list_id: str | None = None) -> Json:
        audience, member = self._who(email, list_id)
        self.set_status(audience, member, "archived", self.clock(), "admin")
        return self._edited(audience, member, {})

    def human_unarchive(self, email: str, *, list_id: str | None = None) -> Json:
        """Bring an archived contact back with the status it had."""
        audience, member = self._who(email, list_id)
        self.set_status(audience, member, member.before_archive or "subscribed", self.clock(), "admin")
        return self._edited(audience, member, {})

    def human_delete_permanent(self, email: str, *, list_id: str | None = None) -> None:
        audience, member = self._who(email, list_id)
        self.forget(audience, member)

    # -- shared ------------------------------------------------------------------------------------------

    def _who(self, email: str, list_id: str | None) -> tuple[Audience, Member]:
        audience = self.list_of(list_id)
        member = audience.find(key_of(email))
        if member is None:
            raise LookupError(f"{email} is not in the audience {audience.name}")
        return audience, member

    def _cleaned(self, email: str, why: str, list_id: str | None) -> Json:
        audience, member = self._who(email, list_id)
        now = self.clock()
        self.set_status(audience, member, "cleaned", now, "mailchimp")
        member.left_by, member.left_at = why, int(now.timestamp())
        return self._edited(audience, member, {})

    def _edited(self, audience: Audience, member: Member, merge_fields: Mapping[str, Any]) -> Json:
        """Write a person's values, which the form checks as the API does, and move ``last_changed``."""
        now = self.clock()
        result, errors = merged(
            audience, member.merge, merge_fields, Switches(unknown_merge="refuse"), skip_required=True
        )
        if errors:
            raise ValueError(f"the form refuses: {errors}")
        for tag in merge_fields:
            result[tag] = self.rewritten(tag, result[tag], by_person=True)
            self.rewrite_later(tag, now, "rewrite", audience.id, member.contact_id, tag, by_person=True)
        member.merge = result
        self.touched(audience, member, now)
        return show_member(audience, member)
