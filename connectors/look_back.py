"""What a platform shows after our write, where its answer does not tell: the record is read once more.

Somebody may have edited it between. So a field is taken as our result only where it shows what we sent, or what a
platform may have made of it (cut, another case or notation); anything else is left for the next pull to find, as an
edit. This keeps the pair honest (docs/how-sync-works.md).
"""

from __future__ import annotations

from dataclasses import replace

from connectors.base import Change, Outcome, Raw
from mapping.fields import FieldTable
from mapping.model import Seen
from mapping.values import equivalent, lossy_image, same


def shown_after(change: Change, outcome: Outcome, raw: Raw, seen: Seen, table: FieldTable) -> Outcome:
    """*outcome* with what the record shows of *change*."""
    fields = dict(seen.fields)
    edited = False
    for name, value in change.values.items():
        row = table.get(name)
        if row is None:
            continue
        sent, now = row.image(value), fields.get(name)
        if same(sent, now) or lossy_image(sent, now) or equivalent(row.kind, sent, now):
            continue
        edited = True
        if sent is None:
            fields.pop(name, None)
        else:
            fields[name] = sent
    if not edited:
        return replace(outcome, shown=seen, raw=raw)
    return replace(outcome, shown=replace(seen, fields=fields, version=""))
