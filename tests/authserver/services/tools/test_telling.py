"""Mail about new tools: to whom they wait for, once for each version, a little at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from authserver import policy
from authserver.models import Connection, Notice, ProtectedResource, ResourceServer
from authserver.protocol.tools import publication
from authserver.services import notices
from authserver.services.batches import Pace
from authserver.services.connections import Issued
from authserver.services.tools import approvals, publishing, telling
from tests.authserver.services.conftest import NOW
from tests.people import App, World

SECOND = timedelta(seconds=1)
SETTLED = NOW + policy.TOOLS_MAIL_AFTER
WAITING = Notice.Kind.TOOLS_WAITING


def publish(world: World, *names: str, at: datetime = NOW, scopes: tuple[str, ...] = ()) -> None:
    tools = [{"name": name, "title": name.title(), "scopes": list(scopes)} for name in names]
    wanted = publication.parse({"tools": tools, "resources": ["gateway"]})
    assert isinstance(wanted, publication.Publication)
    publishing.publish(wanted, ResourceServer.objects.get(pk=world.asker.id), now=at)


def owed() -> list[Any]:
    return [notice.facts["tools"] for notice in Notice.objects.filter(kind=WAITING).order_by("pk")]


def sent(now: datetime) -> None:
    """The letters of a round went out."""
    assert notices.send_due(now=now) == 1


@pytest.fixture
def waiting(world: World, pair: Issued) -> Connection:
    """Alice's connection, in use, from before its endpoint had the tool "b"."""
    Notice.objects.all().delete()
    Connection.objects.update(last_used_at=NOW)
    publish(world, "a")
    publish(world, "a", "b")
    return Connection.objects.get()


def test_a_person_is_told_once_of_each_version_by_a_letter_that_leads_to_the_tools(
    world: World, waiting: Connection
) -> None:
    assert telling.tell_due(now=SETTLED - SECOND) == 0  # more may be published in a moment
    assert telling.tell_due(now=SETTLED) == 1
    assert telling.tell_due(now=SETTLED) == 0
    sent(SETTLED)
    assert telling.tell_due(now=SETTLED) == 0
    letter = mail.outbox[-1]
    assert letter.to == ["alice@example.com"]
    assert f"/connections/{waiting.pk}/tools" in letter.body
    assert "- B\n" in letter.body
    assert "- A\n" not in letter.body
    publish(world, "a", "b", "c", at=SETTLED)
    assert telling.tell_due(now=SETTLED + policy.TOOLS_MAIL_AFTER) == 1
    assert owed() == [["B"], ["C"]]


NOBODY: dict[str, Callable[[World, Connection], object]] = {
    "unused for a month": lambda w, c: update(c, last_used_at=NOW - policy.TOOLS_MAIL_USED_WITHIN),
    "never used": lambda w, c: update(c, last_used_at=None),
    "ended": lambda w, c: update(c, ended_at=NOW),
    "paused": lambda w, c: update(c, paused_at=NOW, paused_by="person"),
    "switched off": lambda w, c: type(w.alice.user).objects.update(is_active=False),
    "no member any more": lambda w, c: c.handle.memberships.all().delete(),
    "the endpoint is off": lambda w, c: ProtectedResource.objects.update(is_active=False),
    "approved by its person": lambda w, c: approvals.approve(c, 2, by=w.alice.user, now=NOW),
    "approved for everybody": lambda w, c: approvals.approve_for_everybody(
        c.handle, c.protected_resource, 2, by=w.alice.user, now=NOW
    ),
    "tools for which it has no scope": lambda w, c: publish(w, "a", "b", scopes=("links.write",)),
    "the tool is gone again": lambda w, c: publish(w, "a"),
}


def update(row: Connection, **fields: Any) -> None:
    Connection.objects.filter(pk=row.pk).update(**fields)


@pytest.mark.parametrize("why", NOBODY)
def test_nobody_is_told_of_what_does_not_wait_for_them(world: World, waiting: Connection, why: str) -> None:
    NOBODY[why](world, waiting)
    assert telling.tell_due(now=SETTLED + SECOND) == 0
    assert owed() == []


def test_a_round_is_bounded_waits_for_its_mail_and_goes_on_where_it_ended(
    world: World, waiting: Connection, chatgpt: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "BATCH", 1)
    monkeypatch.setattr(policy, "TOOLS_MAIL_PER_ROUND", 1)
    world.connect(world.alice, chatgpt, handle="globex")
    Notice.objects.all().delete()
    Connection.objects.update(last_used_at=NOW, tools_version=1)
    assert telling.tell_due(now=SETTLED, pace=Pace(timedelta())) == 0
    assert telling.tell_due(now=SETTLED) == 1
    assert telling.tell_due(now=SETTLED) == 0  # its letter has not gone yet
    publish(world, "a", "b", "c", at=SETTLED)  # in the middle of telling of "b"
    later = SETTLED + policy.TOOLS_MAIL_AFTER
    sent(later)
    for told in (1, 1, 1, 0):
        assert telling.tell_due(now=later) == told
        if told:
            sent(later)
    assert owed() == [["B"], ["B"], ["C"], ["C"]]
    by = Notice.objects.filter(kind=WAITING).order_by("pk").values_list("facts__connection", flat=True)
    assert len(set(by[:2])) == len(set(by[2:])) == 2
