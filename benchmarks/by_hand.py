"""The starter segments as somebody who knows both SQL and this store would write them by hand.

They say exactly the same as the rules, as plainly as the two databases allow: one statement each, no layers. Sets are
taken from each other by EXCEPT. CROSS JOIN keeps SQLite to the order in which the tables are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from benchmarks.crowd import DAY

SPOKEN = "'replied', 'wrote', 'called', 'met', 'chatted', 'ticket'"
ENGAGED = f"{SPOKEN}, 'opened', 'clicked', 'purchased', 'mentioned', 'commented', 'reacted', 'reviewed'"


def by_hand(dialect: str, now: int) -> Mapping[str, str]:
    """A statement for each starter, which gives the people in it."""

    def within(column: str, days: int) -> str:
        return f"{column} > {now - days * DAY} AND {column} <= {now}"

    def touched(kinds: str, *more: str) -> str:
        asked = " AND ".join((f"tp.kind IN ({kinds})", *more))
        return (
            "SELECT r.person FROM touchpoint tp JOIN record r ON r.id = tp.record"
            f" WHERE r.person IS NOT NULL AND {asked}"
        )

    def related(role: str) -> str:
        return f"SELECT person FROM relationship WHERE role = '{role}' AND until IS NULL"

    def bought(days: int, columns: str = "r.person") -> str:
        return (
            f"SELECT {columns} FROM deal d JOIN deal_party p ON p.deal = d.id JOIN record r ON r.id = p.record"
            f" WHERE d.state = 'won' AND {within('d.closed', days)} AND r.person IS NOT NULL"
        )

    def best(days: int) -> str:
        return f"""
            SELECT person FROM (
                SELECT person, rank() OVER (ORDER BY total DESC) AS place, count(*) OVER () AS everybody FROM (
                    SELECT person, sum(amount) AS total
                    FROM (SELECT DISTINCT * FROM ({bought(days, "r.person, d.id, d.amount")}) AS a) AS b
                    GROUP BY person) AS totals
                WHERE total > 0) AS ranked
            WHERE (place - 1) * 1000 < 200 * everybody"""

    today = datetime.fromtimestamp(now / 1000, UTC)
    week = ", ".join(f"'{today + timedelta(days=ahead):%m-%d}'" for ahead in range(7))
    birthday = (
        "substr(json_extract(fields, '$.birthday'), -5)"
        if dialect == "sqlite"
        else "right(CAST(fields AS jsonb) ->> 'birthday', 5)"
    )
    person, machine = "tp.\"by\" = 'person'", "tp.\"by\" = 'machine'"
    return {
        "new-subscribers": f"""
            SELECT DISTINCT r.person FROM consent c CROSS JOIN identifier i CROSS JOIN record r
            WHERE i.kind = 'email' AND i.value = c.address AND r.id = i.record AND r.person IS NOT NULL
            AND c.state = 'granted' AND c.explicit AND c.purpose = 'marketing' AND {within("c.at", 14)}
            AND NOT EXISTS (SELECT 1 FROM consent u WHERE u.address = c.address AND u.state = 'undeliverable')
            AND NOT EXISTS (
                SELECT 1 FROM record o CROSS JOIN identifier j CROSS JOIN consent w
                WHERE o.person = r.person AND j.record = o.id AND j.kind = 'email' AND w.address = j.value
                AND w.state = 'withdrawn' AND w.purpose = 'marketing' AND w.at >= c.at)""",
        "birthday-this-week": f"SELECT id FROM person WHERE {birthday} IN ({week})",
        "loyal-regulars": best(365),
        "gone-quiet": f"""
            {related("customer")}
            EXCEPT {touched("'opened', 'clicked', 'purchased'", person, within("tp.at", 90))}
            EXCEPT {bought(90)}""",
        "at-risk-and-valuable": f"{best(730)} EXCEPT {bought(90)}",
        "advocates": f"""
            SELECT person FROM (
                SELECT r.person FROM feedback f JOIN record r ON r.id = f.record
                WHERE r.person IS NOT NULL AND {within("f.at", 180)}
                AND ((lower(f.kind) = 'nps' AND f.score >= 9) OR (lower(f.kind) = 'csat' AND f.score >= 5))
                UNION SELECT person FROM relationship WHERE stage = 'advocacy' AND until IS NULL) AS liked
            EXCEPT {touched("'reviewed'", f"tp.at <= {now}")}
            EXCEPT SELECT r.person FROM feedback f JOIN record r ON r.id = f.record
                WHERE r.person IS NOT NULL AND lower(f.kind) = 'review' AND f.at <= {now}""",
        "leads-without-an-answer": f"""
            SELECT person FROM (
                SELECT r.person,
                    max(CASE WHEN tp.way = 'in' THEN tp.at END) AS came,
                    max(CASE WHEN tp.way = 'out' THEN tp.at END) AS answered
                FROM touchpoint tp JOIN record r ON r.id = tp.record
                WHERE r.person IN ({related("prospect")}) AND tp.kind IN ({SPOKEN}) AND tp.way IN ('in', 'out')
                AND tp."by" <> 'machine' AND tp.at <= {now}
                GROUP BY r.person) AS words
            WHERE {within("came", 30)} AND (answered IS NULL OR answered < came)""",
        "suppliers-not-spoken-to": f"{related('supplier')} EXCEPT {touched(SPOKEN, within('tp.at', 90))}",
        "machines-only": f"""
            {touched("'opened', 'clicked'", machine, within("tp.at", 180))}
            EXCEPT {touched(ENGAGED, person, within("tp.at", 180))}""",
    }
