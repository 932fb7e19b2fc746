"""What all tables share: the metadata that lists them, and the type of our ids."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

Id = BigInteger().with_variant(Integer, "sqlite")
