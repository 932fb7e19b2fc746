"""Recomputes what the demo claims, from the sandbox's own state and its hidden truth.

Imports nothing of Regulars: who is who comes from `truth.json`, what stood where from dumps of the emulators that
the demo took between its steps (`checks/<step>-<platform>.ndjson`), what Regulars says it did from `checks/told.json`.
Run as `python tests/demo_check.py FOLDER`; ends with 0 where everything holds.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

# Our field → the property of a HubSpot contact, the merge tag of a Mailchimp member, and who may be written to.
FIELDS: Mapping[str, tuple[str, str, frozenset[str]]] = {
    "given_name": ("firstname", "FNAME", frozenset({"hubspot", "mailchimp"})),
    "family_name": ("lastname", "LNAME", frozenset({"hubspot", "mailchimp"})),
    "phone": ("phone", "PHONE", frozenset({"hubspot", "mailchimp"})),
    "company": ("company", "COMPANY", frozenset({"hubspot", "mailchimp"})),
    "birthday": ("date_of_birth", "BIRTHDAY", frozenset({"mailchimp"})),
    "bread": ("favourite_bread", "BREAD", frozenset({"hubspot", "mailchimp"})),
}
LONGEST = 255
OUT = "unsubscribed"
PROBE = "POST /crm/v3/objects/contacts/batch/update"  # with no input: how a HubSpot client asks whether it may write

Key = tuple[str, str]  # (platform, record id)
State = dict[Key, dict[str, Any]]


def meaning(field: str, value: object) -> str:
    """What a value means, however it is written."""
    text = unicodedata.normalize("NFC", str(value or "")).strip()
    if field == "phone":
        digits = re.sub(r"[^\d+]", "", text)
        digits = "+" + digits[2:] if digits.startswith("00") else digits
        return "+49" + digits[1:] if digits.startswith("0") else digits
    if field == "birthday":
        return "-".join(f"{int(part):02}" for part in re.findall(r"\d+", text)[-2:])
    return " ".join(text.split()).casefold()


class Step:
    """Both platforms at one moment."""

    def __init__(self, folder: Path, name: str) -> None:
        self.records: State = {}
        self.whole: dict[str, str] = {}
        for platform in ("hubspot", "mailchimp"):
            self.whole[platform] = (folder / f"{name}-{platform}.ndjson").read_text("utf-8")
            for line in self.whole[platform].split("\n"):
                entry = json.loads(line or '{"kind": ""}')
                if entry["kind"] == "contact" and not entry["archived"]:
                    self.records["hubspot", entry["id"]] = _contact(entry)
                elif entry["kind"] == "member":
                    self.records["mailchimp", entry["contact_id"]] = _member(entry)
        calls = json.loads((folder / f"{name}-calls.json").read_text("utf-8"))
        self.writes = {platform: sum(found["writes"].values()) for platform, found in calls.items()}
        self.probes = {platform: found["writes"].get(PROBE, 0) for platform, found in calls.items()}
        self.unknown = [text for found in calls.values() for text in found["refused"]]


def _contact(entry: dict[str, Any]) -> dict[str, Any]:
    properties = entry["properties"]
    more = properties.get("hs_additional_emails", "").split(";")
    addresses = {one.lower() for one in (properties.get("email", ""), *more) if one}
    values = {field: properties.get(names[0]) or "" for field, names in FIELDS.items()}
    return {
        "live": True,
        "out": properties.get("hs_email_optout") == "true",
        "addresses": addresses,
        "main": next(iter(sorted(a for a in addresses if a == str(properties.get("email") or "").lower())), ""),
        "at": entry["updatedAt"],
        **values,
    }


def _member(entry: dict[str, Any]) -> dict[str, Any]:
    merge, status = entry["merge_fields"], entry["status"]
    values = {field: merge.get(names[1]) or "" for field, names in FIELDS.items()}
    addresses = {entry["email_address"].lower()}
    live = status != "archived"
    own_act = entry.get("ip_signup") and entry.get("timestamp_signup") and entry.get("ip_opt")
    said_yes = entry.get("timestamp_opt", "") if own_act and status == "subscribed" else ""
    facts = {"live": live, "out": status == OUT, "status": status, "at": entry["last_changed"], "said_yes": said_yes}
    return {**facts, "addresses": addresses, **values}


def people(truth: dict[str, Any]) -> list[list[Key]]:
    """Who an honest sync can know to be one person: records that share an address of one's own."""
    leader: dict[Key, Key] = {}

    def find(key: Key) -> Key:
        while leader.setdefault(key, key) != key:
            key = leader[key]
        return key

    for one in truth["people"]:
        for key in [("hubspot", id_) for id_ in one["contacts"]] + [("mailchimp", id_) for id_ in one["members"]]:
            find(key)
        for link in one["links"]:
            if link["by"] != "shared":
                leader[find(("mailchimp", link["member"]))] = find(("hubspot", link["contact"]))
    groups: dict[Key, list[Key]] = defaultdict(list)
    for key in list(leader):
        groups[find(key)].append(key)
    return list(groups.values())


def conflicts(step: Step, group: list[Key]) -> set[str]:
    """The fields in which a person's living records mean different things."""
    found = set()
    for field in FIELDS:
        meanings = {meaning(field, step.records[key][field]) for key in group if _live(step, key)} - {""}
        if len(meanings) > 1:
            found.add(field)
    return found


def _live(step: Step, key: Key) -> bool:
    return bool(step.records[key]["live"])


def changes(before: Step, after: Step) -> Iterator[tuple[Key, str]]:
    """Every (record, field) that differs between two moments."""
    for key, record in before.records.items():
        for field in FIELDS:
            if record[field] != after.records[key][field]:
                yield key, field


BADGE = "Regulars: Gone quiet"


class Badges:
    """Who carries the segment's tag, and who is on its list, at one moment."""

    def __init__(self, folder: Path, name: str) -> None:
        self.members: dict[str, dict[str, Any]] = {}
        self.tagged: set[Key] = set()
        self.listed: set[Key] = set()
        for platform in ("hubspot", "mailchimp"):
            for line in (folder / f"{name}-{platform}.ndjson").read_text("utf-8").split("\n"):
                entry = json.loads(line or '{"kind": ""}')
                if entry["kind"] == "member":
                    self.members[entry["contact_id"]] = entry
                    if BADGE in [tag["name"] for tag in entry["tags"]]:
                        self.tagged.add(("mailchimp", entry["contact_id"]))
                elif entry["kind"] == "list" and entry["name"] == BADGE:
                    self.listed |= {("hubspot", contact) for contact in entry["members"]}


class Check:
    """Collects what holds and what does not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checks"
        self.truth = json.loads((folder / "truth.json").read_text("utf-8"))
        self.told = json.loads((self.folder / "told.json").read_text("utf-8"))
        self.groups = people(self.truth)
        self.bad = 0

    def say(self, holds: bool, text: str) -> None:
        self.bad += not holds
        _line(f"  {'✓' if holds else '✗'} {text}")

    def run(self) -> bool:
        start, first, settled, quiet, undone, last = (
            Step(self.folder, name) for name in ("0-start", "1-first", "2-settled", "3-quiet", "4-undone", "5-last")
        )
        self.everybody(start)
        self.fills(start, first)
        self.opt_outs(start, last)
        self.open_conflicts(start, first)
        self.settled(first, settled)
        self.nothing_written("the sync after it", settled, quiet)
        self.undone(first, settled, undone)
        self.nothing_written("the last sync", undone, last)
        self.say(not last.unknown, f"the platforms met {len(last.unknown)} requests that they do not know")
        if "shown" in self.told:
            self.badges()
        if "told" in self.told:
            self.told_by_themselves()
        return not self.bad

    def told_by_themselves(self) -> None:
        """Who was renamed in the CRM is renamed in the newsletter, who left that is left alone by the CRM, and
        nobody else moved."""
        before, after = Step(self.folder, "7-left"), Step(self.folder, "8-told")
        told = self.told["told"]
        member = next(
            key for key, one in after.records.items() if key[0] == "mailchimp" and told["email"] in one["addresses"]
        )
        both = {("hubspot", told["contact"]), member}
        names = {after.records[key]["family_name"] for key in both}
        self.say(names == {told["name"]}, f"both sides call them {' and '.join(sorted(names))}")
        self.say(all(after.records[key]["out"] for key in both), "both sides know that they left")
        moved = {key for key, _ in changes(before, after)}
        moved |= {key for key in before.records if before.records[key]["out"] != after.records[key]["out"]}
        self.say(moved == both, f"{len(moved - both)} records of others moved")

    def badges(self) -> None:
        """A segment's people carry its tag in the newsletter and are on its list in the CRM; one who leaves it loses
        the tag and nothing else."""
        shown, left = Badges(self.folder, "6-shown"), Badges(self.folder, "7-left")
        size = self.told["shown"]
        at_both = [group for group in self.groups if any(key in shown.tagged or key in shown.listed for key in group)]
        self.say(
            len(at_both) == size and size > 0,
            f"{size} people in the segment; {len(at_both)} carry its tag or are on its list",
        )
        member = ("mailchimp", next(k for k, m in left.members.items() if m["id"] == self.told["left"]["member"]))
        status = shown.members[member[1]]["status"], left.members[member[1]]["status"]
        gone = shown.tagged - left.tagged
        self.say(gone == {member} and not left.tagged - shown.tagged, f"{len(gone)} tag taken off: whoever opened")
        self.say(status == ("subscribed", "subscribed"), f"their status was {status[0]} and is {status[1]}")
        others = [k for k in shown.members if shown.members[k]["status"] != left.members[k]["status"]]
        self.say(not others, f"{len(others)} other subscriptions changed by it")

    def everybody(self, start: Step) -> None:
        """As many people as the truth allows to tell apart."""
        told = self.told["first"]["people"]
        self.say(told == len(self.groups), f"{told} people; the hidden truth says {len(self.groups)}")

    def fills(self, start: Step, first: Step) -> None:
        """Blanks of one-to-one people are filled with what the other side means, and nothing is overwritten."""
        changed = set(changes(start, first))
        overwritten = [pair for pair in changed if start.records[pair[0]][pair[1]]]
        self.say(not overwritten, f"{len(overwritten)} values overwritten by the first sync")
        wanted, wrong = 0, []
        for group in self.groups:
            for key, field, value in self._blanks(start, group):
                wanted += 1
                if not _means(field, first.records[key][field], value):
                    wrong.append((key, field))
        self.say(
            not wrong,
            f"{wanted - len(wrong)} of {wanted} blanks filled with what the other side means {wrong[:3] or ''}",
        )
        strange = [pair for pair in changed if not any(pair[0] in group and len(group) > 1 for group in self.groups)]
        self.say(not strange, f"{len(strange)} fields changed of somebody who is on one side only")
        records = len({key for key, _ in changed})
        told = sum(part["applied"] - part["opt_outs"] for part in self.told["first"]["connections"].values())
        self.say(told == records, f"{told} records updated, says Regulars; {records} differ there")

    def _blanks(self, start: Step, group: list[Key]) -> Iterator[tuple[Key, str, str]]:
        """The blanks of people with one living record a side, and what belongs there."""
        if sorted(platform for platform, _ in group) != ["hubspot", "mailchimp"]:
            return
        if not all(_live(start, key) for key in group):
            return
        for key, other in (group, group[::-1]):
            for field, (_, _, writable) in FIELDS.items():
                value = str(start.records[other][field])
                if value and not start.records[key][field] and key[0] in writable:
                    yield key, field, value

    def opt_outs(self, start: Step, last: Step) -> None:
        """Whoever left anywhere is mailed nowhere, and nobody else was opted out."""
        left = {address for record in start.records.values() if record["out"] for address in record["addresses"]}
        # An opt-out holds for its address and for everybody who has that address, with all of their records; it does
        # not travel on to people who merely share another mailbox with them.
        reached = {
            key for group in self.groups for key in group if any(start.records[k]["addresses"] & left for k in group)
        }
        mailed = [key for key in reached if last.records[key].get("status") == "subscribed"]
        mailed += [key for key in reached if key[0] == "hubspot" and not last.records[key]["out"]]
        again = [key for key in mailed if self._came_back(start, key)]
        mailed = [key for key in mailed if key not in again]
        text = f"{len(mailed)} records of people who left would still be mailed"
        text += f" {mailed[:3]}" if mailed else ""
        self.say(not mailed, text + (f" ({len(again)} said yes again, later, by an act of their own)" if again else ""))
        carried = [key for key in reached if not start.records[key]["out"] and last.records[key]["out"]]
        wrongly = [key for key in last.records if last.records[key]["out"] and key not in reached]
        self.say(not wrongly, f"{len(wrongly)} people opted out who never left")
        back = [key for key in start.records if start.records[key]["out"] and not last.records[key]["out"]]
        self.say(not back, f"{len(back)} people turned on again")
        told = sum(part["opt_outs"] for part in self.told["first"]["connections"].values())
        self.say(told == len(carried), f"{told} opt-outs carried over, says Regulars; {len(carried)} are new there")

    def _came_back(self, start: Step, key: Key) -> bool:
        """Whether this address was signed up by an explicit, dated act after the last time that anybody left."""
        mine = start.records[key]
        main = {mine["main"]} if "main" in mine else mine["addresses"]
        yes = max(
            (one["said_yes"] for one in start.records.values() if one.get("said_yes") and one["addresses"] & main),
            default="",
        )
        if not yes:
            return False
        addresses = start.records[key]["addresses"]
        near = [k for g in self.groups if any(start.records[one]["addresses"] & addresses for one in g) for k in g]
        left = [datetime.fromisoformat(start.records[one]["at"]) for one in near if start.records[one]["out"]]
        return bool(left) and datetime.fromisoformat(yes) > max(left)

    def open_conflicts(self, start: Step, first: Step) -> None:
        """The conflicts that Regulars lists are those that the records show, field by field."""
        counts: dict[str, int] = defaultdict(int)
        for group in self.groups:
            for field in conflicts(start, group):
                counts[field] += 1
        told = {one["field"]: one["people"] for one in self.told["conflicts"]["fields"]}
        self.say(dict(counts) == told, f"{sum(told.values())} conflicts; the records show {sum(counts.values())}")
        moved = [
            1 for g in self.groups for f in conflicts(start, g) for k in g if start.records[k][f] != first.records[k][f]
        ]
        self.say(not moved, f"{len(moved)} undecided values touched")

    def settled(self, first: Step, settled: Step) -> None:
        """After settling one field, Mailchimp means what HubSpot means; nothing else moved."""
        field = self.told["settled"]["field"]
        open_ = [group for group in self.groups if field in conflicts(first, group)]
        told = self.told["settled"]["settled"]
        self.say(told == len(open_), f"{told} people settled in {field}; {len(open_)} were open")
        apart = 0
        for group in open_:
            ours = [settled.records[key][field] for key in group if key[0] == "hubspot"]
            theirs = [settled.records[key][field] for key in group if key[0] == "mailchimp" and _live(settled, key)]
            apart += not any(_means(field, one, str(ours[0])) for one in theirs)
        self.say(not apart, f"{apart} of them still differ")
        touched = {key for group in open_ for key in group}
        strange = [pair for pair in changes(first, settled) if pair[0] not in touched or pair[1] != field]
        self.say(not strange, f"{len(strange)} other values moved with it {strange[:3] or ''}")

    def undone(self, first: Step, settled: Step, undone: Step) -> None:
        """The undo put back what stood there before the settling, to the letter, and turned nobody on."""
        off = list(changes(first, undone))
        moved = len(list(changes(settled, undone)))
        self.say(not off, f"{moved} values put back by the undo; {len(off)} differ from before {off[:3] or ''}")
        back = [key for key in settled.records if settled.records[key]["out"] and not undone.records[key]["out"]]
        self.say(not back, f"{len(back)} opt-outs taken back by the undo")

    def nothing_written(self, what: str, before: Step, after: Step) -> None:
        same = before.whole == after.whole
        calls = sum(after.writes.values()) - sum(before.writes.values())
        probes = sum(after.probes.values()) - sum(before.probes.values())
        asked = ", an empty one to ask for its rights" if probes == 1 else ""
        text = f"{what} wrote nothing: {calls} write calls{asked}, and the platforms hold the same to the letter"
        self.say(same and calls == min(probes, 1), text)


def _means(field: str, shown: object, value: str) -> bool:
    """Whether a record shows what *value* means, or the part of it that a platform keeps."""
    return meaning(field, shown) in (meaning(field, value), meaning(field, value[:LONGEST]))


def _line(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> int:
    """Check the folder that the command line names."""
    good = Check(Path(sys.argv[1])).run()
    _line("Everything above was recounted without Regulars." if good else "The demo's claims do not hold.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
