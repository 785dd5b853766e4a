"""An approval that nobody looked at counts only for what stands when its connection is locked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from authserver.models import AuthorizationCode, Client, Connection, Event, Notice
from authserver.services import connections
from authserver.services.connections import EndReason, Issued, PausedBy
from handles.models import Handle
from tests.authserver.services.conftest import NOW, READS, Approving, approve
from tests.people import World

Act = Callable[[World, Connection], Any]
CHANGES: dict[str, Act] = {
    "ended": lambda world, mine: connections.revoke(mine, reason=EndReason.PERSON, now=NOW),
    "paused": lambda world, mine: connections.pause(mine, who=PausedBy.PERSON, by=world.alice.user, now=NOW),
    "narrowed": lambda world, mine: connections.allow_scopes(mine, [], by=world.alice.user, now=NOW),
    "withheld": lambda world, mine: connections.withhold(mine, ["links.read"], by=world.alice.user, now=NOW),
    "of another client": lambda world, mine: Connection.objects.update(client_metadata_digest="other"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_before_the_lock_is_not_undone(world: World, pair: Issued, approval: Approving, what: str) -> None:
    CHANGES[what](world, Connection.objects.get())
    codes, told, mails = AuthorizationCode.objects.count(), Event.objects.count(), Notice.objects.count()
    before = Connection.objects.values().get()
    assert connections.approve(approval(is_remembered=True), now=NOW) == connections.CHANGED
    assert Connection.objects.values().get() == before
    assert (AuthorizationCode.objects.count(), Event.objects.count(), Notice.objects.count()) == (codes, told, mails)


@pytest.mark.parametrize("wider", [{"granted": (*READS, "links.write"), "wanted": (*READS, "links.write")}])
def test_it_never_widens(pair: Issued, approval: Approving, wider: dict[str, Any]) -> None:
    assert connections.approve(approval(is_remembered=True, **wider), now=NOW) == connections.CHANGED


def test_it_makes_no_connection(client_row: Client, pair: Issued, approval: Approving) -> None:
    elsewhere = approval(is_remembered=True, handle=Handle.objects.get(slug="globex"))
    assert connections.approve(elsewhere, now=NOW) == connections.CHANGED
    assert Connection.objects.count() == 1


def test_what_stands_goes_on_without_mail(pair: Issued, approval: Approving) -> None:
    Notice.objects.all().delete()
    assert approve(approval(is_remembered=True))
    assert Event.objects.order_by("pk").last().tag == "connection:continued"  # type: ignore[union-attr]
    assert not Notice.objects.exists()
