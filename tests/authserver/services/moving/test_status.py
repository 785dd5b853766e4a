"""Who still comes by a former name: counted by what connections know, and when a name is worth closing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db.models import F
from django.utils import timezone

from authserver.models import Connection
from authserver.services.moving import status
from tests.flows.moving.names import NEW, OLD, app_at, live_at, mcp_at, move, person_at
from tests.people import App, World, tokens_of

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _begins_at_the_old_name(settings: Any) -> None:
    live_at(settings, OLD)


def aged(days: float) -> None:
    """Let all that was used have been used so much earlier."""
    Connection.objects.update(
        last_used_at=F("approved_at") - days * DAY, approved_at=F("approved_at") - (days + 1) * DAY
    )


def warned() -> list[str]:
    found = run_checks(databases=["default"])
    return [message.msg for message in found if message.id == "gatehouse.W010"]


def test_each_former_name_tells_its_clients_and_how_lately_they_came(world: World, settings: Any) -> None:
    app = app_at(App.register(), OLD)
    held = [
        world.connect(person_at(person, OLD), app, resource=resource.replace("{handle}", handle), handle=handle)
        for resource in mcp_at(OLD).values()
        for person, handle in ((world.alice, "acme"), (world.bob, "initech"))
    ]
    assert status.formers(now=timezone.now()) == []
    move(settings)

    issuer, *addresses = status.formers(now=timezone.now())
    [left] = issuer.left
    assert (issuer.what, issuer.name, issuer.today, left.connections, left.people) == ("issuer", OLD, NEW, 6, 2)
    assert [(each.what, each.name, each.today) for each in addresses] == [
        (kind, mcp_at(OLD)[name], mcp_at(NEW)[name])
        for kind, name in (("gateway", "GATEWAY_URL"), ("hosted", "HOSTED_URL"), ("compatibility", "COMPAT_URL"))
    ]
    assert [each.left[0].connections for each in addresses] == [2, 2, 2]

    for days, used in ((3, (6, 6)), (5, (0, 6)), (30, (0, 0))):
        aged(days)  # on top of the days before
        [left] = status.formers(now=timezone.now())[0].left
        assert (left.used_in_week, left.used_in_month) == used

    tokens_of(app_at(app, NEW).refresh(held[0].refresh))  # one that found the new name by itself
    assert status.formers(now=timezone.now())[0].left[0].connections == 5
    assert status.formers(now=timezone.now())[1].left[0].connections == 2


@pytest.mark.parametrize(
    ("days", "last_issuer", "is_warned"),
    [(89, OLD, False), (91, OLD, True), (1, NEW, True), (1, "", False), (91, "", True)],
)
def test_a_former_issuer_that_nobody_used_for_long_is_worth_closing(
    world: World, settings: Any, days: int, last_issuer: str, is_warned: bool
) -> None:
    world.connect(person_at(world.alice, OLD), app_at(App.register(), OLD), resource=f"{OLD}/mcp", handle="acme")
    assert warned() == []
    move(settings)
    aged(days)
    Connection.objects.update(last_issuer=last_issuer)
    assert bool(warned()) is is_warned
    assert status.unknown(now=timezone.now()) == (1 if (days, last_issuer) == (1, "") else 0)
    Connection.objects.update(last_issuer=OLD, last_used_at=timezone.now(), ended_at=timezone.now())
    assert warned() == [
        f"No connection of the last 90 days comes by the former issuer {OLD}."
    ]  # what ended does not count
