"""Tools that were left out: how many are kept, for how long, and what forgetting them changes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from authserver import policy
from authserver.models import ProtectedResource, ResourceServer, Tool
from authserver.protocol.tools import publication
from authserver.services import purge
from authserver.services.tools import manifests, publishing
from tests.authserver.services.conftest import NOW
from tests.people import World

KEPT = policy.GONE_TOOL_KEPT
SECOND = timedelta(seconds=1)


def publish(world: World, *names: str, now: datetime = NOW) -> None:
    wanted = publication.parse({"tools": [{"name": name, "scopes": []} for name in names], "resources": ["gateway"]})
    assert isinstance(wanted, publication.Publication)
    publishing.publish(wanted, ResourceServer.objects.get(pk=world.asker.id), now=now)


def there(name: str) -> int:
    """Return the version since which a published tool is what it is."""
    gateway = ProtectedResource.objects.get(kind="gateway")
    (found,) = [tool for tool in manifests.manifest_of(gateway.pk).tools if tool.name == name]
    return found.since


def gone() -> set[str]:
    return set(Tool.objects.filter(gone_at__isnull=False).values_list("name", flat=True))


def test_as_many_as_may_be_published_may_be_gone_and_the_oldest_make_room(world: World) -> None:
    first, second = ([f"{letter}{number}" for number in range(policy.TOOLS_MAX)] for letter in "ab")
    publish(world, *first)
    publish(world, *second, now=NOW + SECOND)
    assert gone() == set(first)
    publish(world, *second[10:], now=NOW + 2 * SECOND)
    assert len(gone()) == policy.GONE_TOOLS_MAX
    assert gone() >= set(second[:10])
    publish(world, *first, now=NOW + 3 * SECOND)
    assert gone() == set(second)


@pytest.mark.parametrize(
    ("away", "purged", "since"),
    [(KEPT, True, 2), (KEPT, False, 2), (KEPT + SECOND, False, 4), (KEPT + SECOND, True, 4)],
)
def test_what_comes_back_in_time_is_not_new(world: World, away: timedelta, purged: bool, since: int) -> None:
    publish(world, "a")
    publish(world, "a", "b")
    publish(world, "a")
    if purged:
        assert purge.purge_expired(now=NOW + away) == (away > KEPT)
        assert gone() == ({"b"} if away == KEPT else set())
        assert ProtectedResource.objects.get(kind="gateway").tools_version == 3
    publish(world, "a", "b", now=NOW + away)
    assert (there("a"), there("b"), gone()) == (0, since, set())
