"""Secrets overlap: the new one works at once, the one before for a week or until somebody ends it, and none before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from authserver import policy
from authserver.models import Client, Event, InitialAccessToken, ResourceServer
from authserver.protocol.errors import Refusal
from authserver.services import clients, introspection, resource_servers
from authserver.services.registration import initial_access
from tests.authserver.services.conftest import NOW
from tests.people import App, World

pytestmark = pytest.mark.django_db
WEEK = policy.SECRET_OVERLAP


@dataclass(frozen=True)
class Holder:
    """One row with a secret, and every door at which the secret is asked for."""

    key: str
    works: Callable[[str], set[bool]]


def a_client(world: World) -> Holder:
    app = App.register(token_endpoint_auth_method="client_secret_post")

    def works(secret: str) -> set[bool]:
        return {isinstance(clients.authenticate(app.client_id, secret, now=timezone.now()), Client)}

    return Holder(app.client_id, works)


def a_resource_server(world: World) -> Holder:
    server, _ = resource_servers.create("one", [])

    def works(secret: str) -> set[bool]:
        asked = introspection.describe("x", asker_id=str(server.pk), asker_secret=secret, now=timezone.now())
        let_in = resource_servers.authenticate(str(server.pk), secret)
        return {asked == {"active": False}, isinstance(let_in, ResourceServer)}

    return Holder(str(server.pk), works)


def an_initial_access_token(world: World) -> Holder:
    token = InitialAccessToken(name="one")
    initial_access.renew_secret(token)
    return Holder(str(token.pk), lambda secret: {initial_access.is_good(secret, now=timezone.now())})


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("keys", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


@pytest.mark.parametrize(
    ("what", "make"),
    [("client", a_client), ("resource-server", a_resource_server), ("initial-access-token", an_initial_access_token)],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_the_secret_before_works_for_a_week_or_until_it_is_ended(
    world: World, what: str, make: Callable[[World], Holder]
) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        holder = make(world)
        first, second = run("rotate", what, holder.key), run("rotate", what, holder.key)
        assert holder.works(first) == holder.works(second) == {True}
        assert f"Former secrets that work, {what}: 1, the last until {NOW + WEEK:%Y-%m-%d}" in run("status")
        assert holder.works("") == holder.works(first[:-1]) == {False}
        clock.move_to(NOW + WEEK - timedelta(seconds=1))
        assert holder.works(first) == {True}
        clock.move_to(NOW + WEEK)
        assert (holder.works(first), holder.works(second)) == ({False}, {True})
        with pytest.raises(CommandError, match="no former secret"):
            run("end-former", what, holder.key)
        third, fourth = run("rotate", what, holder.key), run("rotate", what, holder.key)
        assert holder.works(second) == {False}  # two back
        assert holder.works(third) == {True}
        run("end-former", what, holder.key)
        assert (holder.works(third), holder.works(fourth)) == ({False}, {True})
        for secret in (first, second, third, fourth):
            assert secret not in str(list(Event.objects.values()))


@pytest.mark.parametrize("what", ["client", "resource-server", "initial-access-token"])
@pytest.mark.parametrize("key", ["x", "00000000-0000-0000-0000-000000000000"])
def test_a_holder_that_is_not_there_is_refused(what: str, key: str) -> None:
    for act in ("rotate", "end-former"):
        with pytest.raises(CommandError, match="of this id"):
            run(act, what, key)


def test_a_public_client_has_no_secret_and_a_kind_without_id_takes_none(chatgpt: App) -> None:
    with pytest.raises(CommandError, match="public client"):
        run("rotate", "client", chatgpt.client_id)
    with pytest.raises(CommandError, match="An id is needed"):
        run("rotate", "client")
    with pytest.raises(CommandError, match="no id"):
        run("rotate", "signing", "x")
    assert isinstance(clients.authenticate(chatgpt.client_id, "mcs_x", now=NOW), Refusal)
