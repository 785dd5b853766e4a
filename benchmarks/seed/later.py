"""What load needs of a database that is filled and served: codes, refresh tokens, a backlog for the purge."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from django.test import Client as Http
from django.utils import timezone

from accounts.models import User
from authserver import policy
from authserver.models import AccessToken, AuthorizationCode, RefreshToken
from benchmarks.peers.base import CHALLENGE
from benchmarks.seed import rows, writing
from benchmarks.seed.filling import Seeded, table, target
from benchmarks.seed.numbers import code_of, refresh_token_of
from benchmarks.seed.rows import Plan
from tests.people import CALLBACK, READS

CODES_LIVE = timedelta(hours=1)  # instead of a minute: they are made before the load
BATCH = 10_000


def codes(seeded: Seeded, count: int) -> Iterator[str]:
    """Make so many fresh codes of the first client, and yield them in the order in which they are to be exchanged."""
    plan = _plan(seeded)
    kept = {"scopes": READS, "redirect_uri": CALLBACK, "code_challenge": CHALLENGE}
    sample = AuthorizationCode(**kept, created_at=plan.now, expires_at=plan.now + CODES_LIVE)
    writing.fill(target(), plan, [(table(sample, rows.codes), range(count))], label=f"{count:,} codes")
    return (code_of(plan.run, number) for number in range(count))


def refresh_tokens(seeded: Seeded, count: int) -> Iterator[str]:
    """Yield refresh tokens that are as seeded, from anywhere among the first client's: one per connection, `count` at
    most. What earlier load replaced is made as it was."""
    numbers = random.sample(range(1, seeded.persons + 1), min(count, seeded.persons, seeded.connections))
    rest = iter(numbers)
    while batch := list(islice(rest, BATCH)):
        replaced = RefreshToken.objects.filter(pk__in=batch).exclude(rotated_at=None)
        replaced.update(rotated_at=None, rotated_address=None, rotated_agent="", sealed_successor=None)
    return map(refresh_token_of, numbers)


def sessions(seeded: Seeded, count: int) -> Iterator[str]:
    """Sign so many of the seeded persons in; yield the Cookie header of each."""
    for number in range(count):
        browser = Http()
        browser.force_login(User.objects.get(email=f"person-{number}@example.com"))
        yield "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())


def backlog(seeded: Seeded, count: int) -> Iterator[str]:
    """Add so many rows that the purge removes: access tokens, refresh tokens and codes, a third of each, on connections
    that live."""
    plan = _plan(seeded)
    long_ago = plan.now - policy.REFRESH_TOKEN_IDLE_LIFETIME - timedelta(days=2)
    samples = [
        table(AccessToken(scopes=READS, issued_at=long_ago), rows.spent_access_tokens),
        table(RefreshToken(issued_at=long_ago, rotated_at=long_ago), rows.spent_refresh_tokens),
        table(_spent_code(plan), rows.spent_codes),
    ]
    writing.fill(target(), plan, [(each, range(count // 3)) for each in samples], label="backlog")
    return iter(())


def _spent_code(plan: Plan) -> AuthorizationCode:
    at = plan.now - policy.REFRESH_TOKEN_IDLE_LIFETIME - timedelta(days=1)
    kept = {"scopes": READS, "redirect_uri": CALLBACK, "code_challenge": CHALLENGE}
    return AuthorizationCode(**kept, created_at=at, redeemed_at=at)


def _plan(seeded: Seeded) -> Plan:
    return Plan(seeded.connections, min(seeded.persons, seeded.connections), 0, (), timezone.now(), uuid.uuid4().hex)
