"""Servers killed outright in the middle of refreshes: no client ever has to ask a person. `./dev bench soak` is the
long run of this."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.soak import nodes, refresh
from tests import tiers

pytestmark = pytest.mark.covers("ask:9")


def test_clients_whose_answers_are_lost_and_whose_servers_are_killed_stay_connected() -> None:
    tiers.need(tiers.POSTGRESQL)
    with nodes.running(connections=12, lifetime_seconds=refresh.LIFETIME_SECONDS) as cluster:
        counts = asyncio.run(refresh.run(cluster, seconds=20))
    assert counts["kills"] >= 2
    assert counts["requests that broke off"] > 0
    assert counts["renewals"] > 24
    assert {name: counts[name] for name in refresh.MUST_BE_ZERO if counts[name]} == {}
