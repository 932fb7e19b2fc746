"""What `python -m benchmarks` may be told."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.activity import MEMBERS, RECORDS
from benchmarks.quotas import PEOPLE as PULLED
from benchmarks.segments import PEOPLE
from benchmarks.visible import EDITS

PARTS = ("sync", "activity", "segments", "receiver", "visible", "quotas")


def arguments(given: Sequence[str] | None, about: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=about)
    parser.add_argument("--records", type=int, default=100_000, help="records on each side (default 100,000)")
    parser.add_argument("--only", choices=PARTS, action="append", help="leave the other parts out; may be repeated")
    parser.add_argument(
        "--activity", type=int, default=RECORDS, metavar="N", help="records of activity (default 2,000,000)"
    )
    parser.add_argument(
        "--members", type=int, default=MEMBERS, metavar="N", help="members with activity (default 50,000)"
    )
    parser.add_argument(
        "--segments-people", type=int, default=PEOPLE, metavar="N", help="people in segments (default 1,000,000)"
    )
    parser.add_argument(
        "--segments-store", choices=("sqlite", "postgresql"), action="append", help="segments on this store only"
    )
    parser.add_argument("--quick", action="store_true", help="5,000 records, one round, and the other parts as small")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of the short steps (default 3; 1 when quick)")
    parser.add_argument("--seed", type=int, default=7, help="of the town")
    parser.add_argument("--no-profile", action="store_true", help="leave the profiled runs out")
    parser.add_argument("--profiles", type=Path, metavar="DIR", help="keep the profiles in DIR, as pstats reads them")
    parser.add_argument("--postgres", action="store_true", help="the store on PostgreSQL, named by REGULARS_DATABASE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE as well")
    options = parser.parse_args(given)
    if options.quick:
        options.records = min(options.records, 5_000)
        options.activity, options.members = min(options.activity, 50_000), min(options.members, 2_000)
        options.segments_people = min(options.segments_people, 20_000)
    options.deliveries = 0.2 if options.quick else 1.0
    options.quota_people = 2_000 if options.quick else PULLED
    options.edits = 10 if options.quick else EDITS
    options.rounds = options.rounds or (1 if options.quick else 3)
    if options.postgres and not os.environ.get("REGULARS_DATABASE", "").startswith("postgres"):
        parser.error("--postgres wants REGULARS_DATABASE=postgresql://…")
    options.database = os.environ.get("REGULARS_DATABASE", "")
    if not options.postgres:
        os.environ.pop("REGULARS_DATABASE", None)
    if options.profiles:
        options.profiles.mkdir(parents=True, exist_ok=True)
    if min(options.records, options.members, options.segments_people) < 1000:
        parser.error("with fewer than 1,000 records there is nothing to measure")
    return options
