"""All tables there are: what a new store gets, and where migrations end."""

from __future__ import annotations

from sync.store import schema, schema_dues, schema_erasure, schema_events, schema_inbox, schema_notices

ROOMS = (schema, schema_inbox, schema_events, schema_erasure, schema_notices, schema_dues)
"""The modules that declare tables; what is not loaded would not be made."""

metadata = schema.metadata
