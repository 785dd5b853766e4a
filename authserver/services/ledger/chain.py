"""The chain: what the bytes of an event are, and how each link covers the one before it. Pure: no rows, no clock."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Any

# Every column of an event. One that is added later must be left out of the bytes where an older event has none.
COLUMNS = (
    "id",
    "at",
    "tag",
    "actor",
    "actor_id",
    "person_id",
    "client_id",
    "handle",
    "connection_id",
    "address",
    "request_id",
    "detail",
)
IDS = ("person_id", "connection_id")
GENESIS = bytes(32)  # what the first link of all covers
encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def canonical(row: Mapping[str, Any]) -> bytes:
    """Return the bytes of an event, given as a mapping of its COLUMNS: the same from every database.

    They are JSON: names sorted, no spaces, ASCII only, times in UTC to the microsecond.
    """
    told = dict(row)
    told["at"] = _time(row["at"])
    told["address"] = _address(row["address"])
    for name in IDS:
        told[name] = None if row[name] is None else str(row[name])
    return encode(told).encode()


def link_hash(previous: bytes, content: bytes) -> bytes:
    """Return the hash of a link: SHA-256 of the hash before it and the bytes of its event. `previous` is always of 32
    bytes, so that nothing can be shifted from one to the other."""
    return sha256(previous + content).digest()


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@lru_cache(maxsize=4096)
def _address(address: str | None) -> str | None:
    """Return an address in one spelling; Python and PostgreSQL each have their own for IPv4 inside IPv6."""
    if address is None:
        return None
    try:
        known = ip_address(address)
    except ValueError:
        return address
    mapped = known.ipv4_mapped if isinstance(known, IPv6Address) else None
    return f"::ffff:{mapped}" if mapped else known.compressed
