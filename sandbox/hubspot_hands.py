"""What a person does in the product: the ``human_*`` actions of the HubSpot sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.clock import Clock
from sandbox.hubspot_kinds import kind_of
from sandbox.hubspot_links import HUBSPOT, PRIMARIES, USER, Joins
from sandbox.hubspot_lists import ListsApi
from sandbox.hubspot_members import MembersApi
from sandbox.hubspot_portal import WIDE, Portal
from sandbox.hubspot_records import Records
from sandbox.hubspot_rules import address, missing
from sandbox.hubspot_state import PERSON, Consent, CrmList, HubSpotState, Pair, Spec, ms


class Hands:
    """Actions of people; mixed into the emulator, which carries them out by name (`Emulator.human`)."""

    clock: Clock
    state: HubSpotState
    portal: Portal
    records: dict[str, Records]
    joins: Joins
    lists: ListsApi
    members: MembersApi

    # -- contacts ----------------------------------------------------------------------------------

    def human_create(self, props: Mapping[str, str]) -> str:
        return str(self.portal.create(props, ms(self.clock()), PERSON).id)

    def human_update(self, id: str, props: Mapping[str, str]) -> None:
        self.portal.update(self.portal.require(str(id)), props, ms(self.clock()), PERSON)

    def human_delete(self, id: str) -> None:
        self.portal.archive(self.portal.require(str(id)), ms(self.clock()))

    def human_merge(self, keep: str, lose: str) -> str:
        kept = self.portal.merge(self.portal.require(str(keep)), self.portal.require(str(lose)), ms(self.clock()))
        return str(kept.id)

    def human_opt_out(self, email: str, subscription_id: int | None = None) -> None:
        """The link in a mail: one type, or all (``None``)."""
        self._said(email, subscription_id, "UNSUBSCRIBED")

    def human_opt_in(self, email: str, subscription_id: int | None = None) -> None:
        """The preference page, after a second thought."""
        self._said(email, subscription_id, "SUBSCRIBED")

    def human_erase(self, id: str) -> None:
        self.portal.erase(self.portal.require(str(id)))

    def human_add_email(self, id: str, email: str) -> None:
        """A further address of the same contact (facts: Errors and merges)."""
        contact = self.portal.require(str(id))
        self.portal.add_email(contact, address(email), ms(self.clock()))

    def human_bounce(self, email: str, reason: str = "MAILBOX_DOES_NOT_EXIST") -> None:
        """A mail to *email* came back for good."""
        self.portal.bounce(address(email), reason, ms(self.clock()))

    def _said(self, email: str, subscription_id: int | None, state: str) -> None:
        consent = Consent(subscription_id or WIDE, state, ms(self.clock()), "PREFERENCE_PAGE")
        self.portal.consent(address(email), consent)

    # -- other objects -----------------------------------------------------------------------------

    def human_create_object(
        self, object: str, props: Mapping[str, str], to: Mapping[str, str | Sequence[str]] | None = None
    ) -> str:
        """A company, deal, ticket or activity, and what it is associated with: object type → id or ids."""
        records = self.records[kind_of(object).name]
        made = records.create(props, ms(self.clock()), PERSON)
        for other, ids in (to or {}).items():
            for id in [ids] if isinstance(ids, (str, int)) else ids:
                self.human_associate(object, str(made.id), other, str(id))
        return str(made.id)

    def human_update_object(self, object: str, id: str, props: Mapping[str, str]) -> None:
        records = self.records[kind_of(object).name]
        records.update(records.require(str(id)), props, ms(self.clock()), PERSON)

    def human_delete_object(self, object: str, id: str) -> None:
        records = self.records[kind_of(object).name]
        records.archive(records.require(str(id)), ms(self.clock()))

    def human_merge_objects(self, object: str, keep: str, lose: str) -> str:
        records = self.records[kind_of(object).name]
        return str(records.merge(records.require(str(keep)), records.require(str(lose)), ms(self.clock())).id)

    # -- associations ------------------------------------------------------------------------------

    def human_associate(
        self, object: str, id: str, other: str, to: str, label: int | None = None, *, primary: bool = False
    ) -> None:
        """Join two records; *label* is the number of one of the portal's own labels."""
        pair = self._pair(object, other)
        specs = [self.joins.known(pair, Spec(USER, label))] if label else []
        if primary:
            specs.append(self._primary(pair))
        self.joins.join(pair, *self._ends(pair, id, to), specs)

    def human_dissociate(self, object: str, id: str, other: str, to: str) -> None:
        pair = self._pair(object, other)
        self.joins.part(pair, *self._ends(pair, id, to))

    def human_add_label(self, object: str, other: str, label: str, inverse: str = "") -> int:
        """A label of the portal's own; the number of the type in this direction."""
        return self.joins.add_label(self._pair(object, other), label, inverse or label)[0][0].id

    def human_limit_associations(self, object: str, other: str, most: int | None) -> None:
        """An admin's limit for this object pair (facts: Associations)."""
        pair = self._pair(object, other)
        if most is None:
            self.state.association_limits.pop(pair, None)
        else:
            self.state.association_limits[pair] = most

    def _pair(self, object: str, other: str) -> Pair:
        return kind_of(object).name, kind_of(other).name

    def _ends(self, pair: Pair, id: str, to: str) -> tuple[int, int]:
        return self.records[pair[0]].require(str(id)).id, self.records[pair[1]].require(str(to)).id

    def _primary(self, pair: Pair) -> Spec:
        if pair in PRIMARIES:
            return PRIMARIES[pair]
        if pair[::-1] in PRIMARIES:
            return self.joins.inverse(pair[::-1], PRIMARIES[pair[::-1]])
        raise ValueError(f"there is no {HUBSPOT} primary between {pair[0]} and {pair[1]}")

    # -- lists -------------------------------------------------------------------------------------

    def human_create_list(
        self, name: str, object: str = "contacts", processing: str = "MANUAL", members: Sequence[str] = ()
    ) -> str:
        made = self.lists.make(name, kind_of(object), processing, ms(self.clock()))
        self.human_fill_list(str(made.id), members)
        return str(made.id)

    def human_fill_list(self, id: str, members: Sequence[str]) -> None:
        """Put records into a list; into a ``DYNAMIC`` one as HubSpot's own evaluation would."""
        one = self._list(id)
        records = self.records[kind_of(one.type_id).name]
        self.members.insert(one, [records.require(str(member)).id for member in members], ms(self.clock()))

    def human_empty_list(self, id: str, members: Sequence[str] | None = None) -> None:
        """Take these records, or all, out of a list."""
        one = self._list(id)
        gone = list(one.members) if members is None else [int(member) for member in members]
        self.members.remove(one, gone, ms(self.clock()))

    def human_rename_list(self, id: str, name: str) -> None:
        one = self._list(id)
        one.name, one.updated, one.version = name, ms(self.clock()), one.version + 1

    def human_delete_list(self, id: str) -> None:
        self._list(id).deleted = ms(self.clock())

    def human_restore_list(self, id: str) -> None:
        one = self.lists.find(str(id))
        if one is not None:
            one.deleted = None

    def _list(self, id: str) -> CrmList:
        one = self.lists.find(str(id))
        if one is None or one.deleted is not None:
            raise missing(f"there is no list {id}")
        return one
