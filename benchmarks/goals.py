"""What each step must have done to count at all, the least requests it could have made, and the goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from benchmarks.measured import Measured
from benchmarks.street import Facts

LIST, SEARCH, WRITE = 100, 200, 100  # HubSpot: records a page, results a search, inputs a batch
MEMBERS, BATCH = 1000, 500  # Mailchimp: members a page, writes a batch
JOB = 3  # requests that a Mailchimp batch job needs at least: start it, see that it is done, fetch its result
WHO = 1  # per connection and run: whose account is this?

SLACK = 1.01
MEMORY = 250.0
FLAT = 64.0
"""MB that ten times the records may take more: SQLite's page caches (sync.store.database) fill up to that size, and
nothing else may grow."""

PLATFORMS = ("hubspot", "mailchimp")
FORMULAS = {
    "pull hubspot": f"⌈contacts/{LIST}⌉ + 1 for the archived",
    "pull mailchimp": f"⌈members/{MEMBERS}⌉, present and archived apart",
    "run": f"1 for each account + the pages that show something + ⌈updates/{WRITE}⌉ + ⌈opt-outs/{WRITE}⌉ at HubSpot"
    f" + {JOB}⌈updates/{BATCH}⌉ + {JOB}⌈changes of tags/{BATCH}⌉ + ⌈opt-outs/{BATCH}⌉ at Mailchimp. Not in it: reading"
    " again before a write what was read a minute ago, and HubSpot's property list, where a new subscription's opt-out"
    " would show",
}


def least_requests(measured: Measured, facts: Facts) -> int:
    """The fewest requests with which the platforms would have let this step do what it did."""
    counts = measured.done.counts
    match measured.step:
        case "pull hubspot":
            return _contacts(facts)
        case "pull mailchimp":
            return _members(facts)
        case "sdk hubspot" | "raw hubspot":
            return ceil(facts.contacts / LIST)
        case "sdk mailchimp" | "raw mailchimp":
            return ceil((facts.members - facts.archived_members) / MEMBERS)
        case "first sync" | "re-read":
            pages = _contacts(facts) + _members(facts)
        case _:
            found = max(counts["hubspot.pulled"], 1), max(counts["mailchimp.pulled"], 1)
            pages = ceil(found[0] / SEARCH) + 1 + ceil(found[1] / MEMBERS) + 1
    return 2 * WHO + pages + _writes(counts)


def _contacts(facts: Facts) -> int:
    return ceil(facts.contacts / LIST) + 1


def _members(facts: Facts) -> int:
    return ceil((facts.members - facts.archived_members) / MEMBERS) + max(1, ceil(facts.archived_members / MEMBERS))


def _writes(counts: Mapping[str, int]) -> int:
    hubspot = ceil(counts["hubspot.update"] / WRITE) + ceil(counts["hubspot.opt_out"] / WRITE)
    jobs = [min(count, JOB * ceil(count / BATCH)) for count in (counts["mailchimp.update"], counts["mailchimp.tags"])]
    return hubspot + sum(jobs) + ceil(counts["mailchimp.opt_out"] / BATCH)


def faults(measured: Measured, facts: Facts, changed: int) -> list[str]:
    """What is wrong with a step, so that its figures are worth nothing. *changed* records were edited per side."""
    counts, step = measured.done.counts, measured.step
    expected = _run(step, facts, changed) if "people" in counts else _pull(step, facts)
    found = {**counts, "records": measured.done.records}
    wrong = [*measured.done.wrong]
    wrong += [f"{name}: {found[name]}, must be {must}" for name, must in expected.items() if found[name] != must]
    if step in ("first sync", "re-read"):  # pages may overlap, and so show a record twice
        sizes = {"hubspot": facts.contacts, "mailchimp": facts.members}
        wrong += [
            f"{name}: only {counts[f'{name}.pulled']} pulled"
            for name in PLATFORMS
            if counts[f"{name}.pulled"] < sizes[name]
        ]
    if step in ("first sync", "1 % changed"):
        wrong += [f"{name}: nothing was written" for name in PLATFORMS if not counts[f"{name}.applied"]]
    return wrong


def _pull(step: str, facts: Facts) -> dict[str, int]:
    """The counts of a pull, or of a loop."""
    kind, _, name = step.partition(" ")
    everything = {"hubspot": facts.contacts, "mailchimp": facts.members}[name]
    if kind != "pull":
        return {"records": everything - (facts.archived_members if name == "mailchimp" else 0)}
    return {"records": everything, "new": everything, "stored": everything, "refused": 0, "unfilled": 0}


def _run(step: str, facts: Facts, changed: int) -> dict[str, int]:
    """The counts of a run of the engine."""
    expected = {"people": facts.people}
    for name, size in (("hubspot", facts.contacts), ("mailchimp", facts.members)):
        expected |= {f"{name}.stored": size, f"{name}.refused": 0}
        expected |= {f"{name}.{left}": 0 for left in ("held", "pending", "gone")}
        if step == "first sync":
            expected[f"{name}.new"] = size
        if step == "re-read":
            expected |= {f"{name}.new": 0, f"{name}.changed": 0}
        if step == "1 % changed":
            expected[f"{name}.changed"] = changed
        if step in ("re-read", "no change", "echoes", "settling re-read"):
            expected[f"{name}.planned"] = 0
    return expected


@dataclass(frozen=True, slots=True)
class Verdict:
    """One goal: what was asked, what was found, and whether that is enough."""

    goal: str
    found: str
    met: bool


def verdicts(medians: Mapping[str, Measured], tenth: Mapping[str, Measured], facts: Facts) -> list[Verdict]:
    """Each goal beside what was measured. *tenth* are the same steps at a tenth of the records."""
    found: list[Verdict] = []

    def goal(text: str, value: float, good: bool, unit: str) -> None:
        found.append(Verdict(text, f"{value:,.{0 if value >= 100 else 1}f} {unit}", good))

    for step, least in (("pull hubspot", 15_000), ("pull mailchimp", 12_000), ("re-read", 30_000)):
        rate = medians[step].done.records / medians[step].cpu
        goal(f"{step}: at least {least:,} records per CPU s", rate, rate >= least, "records/CPU s")
    for step, most in (("first sync", 60.0), ("1 % changed", 3.0)):
        goal(f"{step}: below {most:g} CPU s", medians[step].cpu, medians[step].cpu < most, "CPU s")
    for step, one in medians.items():
        if step.startswith(("sdk", "raw")) or step in ("echoes", "settling re-read"):
            continue
        made, least = sum(one.done.requests.values()), least_requests(one, facts)
        found.append(
            Verdict(f"{step}: requests within 1 % of the least", f"{made:,} of {least:,}", made <= least * SLACK)
        )
    own = {step: one for step, one in medians.items() if not step.startswith(("sdk", "raw"))}
    worst = max(own.values(), key=lambda one: one.peak)
    goal(f"memory below {MEMORY:.0f} MB", worst.peak, worst.peak < MEMORY, f"MB ({worst.step})")
    grown = {step: one.peak - tenth[step].peak for step, one in own.items() if step in tenth}
    if grown:
        step = max(grown, key=lambda name: grown[name])
        text = f"memory flat: ten times the records, at most {FLAT:g} MB more (caches of that size)"
        goal(text, grown[step], grown[step] <= FLAT, f"MB ({step})")
    return found
