"""The steps from one version of the tables to the next, run by Alembic. A released step is never edited."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
"""All versions, oldest first; a test compares them with the files in `versions/`."""
