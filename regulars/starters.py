"""Segments that come with Regulars, as one would write them in `regulars.toml`.

They stand until a segment of the same name is configured; `regulars segments --add NAME` writes one into the file.
"""

from __future__ import annotations

STARTERS = """\
# They said yes to the newsletter in the last two weeks.
[segments.new-subscribers]
title = "New subscribers to welcome"
all = [{ consent = "granted", within = "14d" }]

# The birthday is today or in the next six days.
[segments.birthday-this-week]
title = "Birthday this week"
all = [{ anniversary = "birthday", within_next = "7d" }]

# The fifth of your buyers who spent the most in a year. If you sell in more than one currency, name one.
[segments.loyal-regulars]
title = "Loyal regulars"
all = [{ bought = "top", share = "20%", within = "365d" }]

# Customers who have not opened, clicked or bought anything for 90 days.
[segments.gone-quiet]
title = "Gone quiet"
all = [
    { role = "customer" },
    { touched = ["opened", "clicked", "purchased"], by = "person", none_within = "90d" },
    { bought = true, none_within = "90d" },
]

# They were among the best, and have bought nothing for 90 days.
[segments.at-risk-and-valuable]
title = "At risk and valuable"
all = [
    { bought = "top", share = "20%", within = "2y" },
    { bought = true, none_within = "90d" },
]

# They gave the best marks lately, and have not reviewed you yet.
[segments.advocates]
title = "Advocates to ask for a review"
all = [
    { any = [
        { feedback = "nps", score_at_least = 9, within = "180d" },
        { feedback = "csat", score_at_least = 5, within = "180d" },
        { stage = "advocacy" },
    ] },
    { touched = "reviewed", never = true },
    { feedback = "review", never = true },
]

# Prospects who wrote or called in the last 30 days, and nobody has answered.
[segments.leads-without-an-answer]
title = "Leads without an answer"
all = [
    { role = "prospect" },
    { unanswered = true, within = "30d" },
]

# No call, mail, meeting or chat with a supplier for 90 days, either way.
[segments.suppliers-not-spoken-to]
title = "Suppliers not spoken to in 90 days"
all = [
    { role = "supplier" },
    { touched = "spoken", none_within = "90d" },
]

# Their mail is opened by scanners; nobody has shown a sign of life for half a year.
[segments.machines-only]
title = "Hears from machines only"
all = [
    { touched = ["opened", "clicked"], by = "machine", within = "180d" },
    { touched = "engaged", by = "person", none_within = "180d" },
]
"""
