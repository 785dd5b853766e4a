"""Who hopes for a restore: the backup believes what was true then, and lines of exports that are old, forged or of a
ledger that is gone must neither give anything back nor take away what stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.utils import timezone

from authserver.models import InitialAccessToken, ResourceServer
from authserver.services import resource_servers
from authserver.services.registration import initial_access
from authserver.services.standing import members, offers, ownership, people, security
from handles.models import Handle, Membership
from handles.roles import Role
from tests.authserver.services.rotation.test_overlap import (
    Holder,
    a_client,
    a_resource_server,
    an_initial_access_token,
    run,
)
from tests.flows.lasting.losses import Backup, after_restore, export
from tests.people import App, World

HOLDERS: dict[str, Callable[[World], Holder]] = {
    "client": a_client, "resource-server": a_resource_server, "initial-access-token": an_initial_access_token
}  # fmt: skip


def roles_at(slug: str) -> dict[str, str]:
    seats = Membership.objects.filter(handle__slug=slug)
    return {email.partition("@")[0]: role for email, role in seats.values_list("user__email", "role")}


@pytest.mark.parametrize("what", HOLDERS)
@pytest.mark.parametrize("since", ["rotate", "end-former"])
def test_no_secret_that_was_replaced_or_ended_comes_back(world: World, tmp_path: Path, what: str, since: str) -> None:
    """The backup knows the first and the second one, and believes both."""
    holder = HOLDERS[what](world)
    first, second = run("rotate", what, holder.key), run("rotate", what, holder.key)
    backup = Backup(tmp_path)
    newest: list[str] = []
    events = backup.lose(lambda: newest.append(run(since, what, holder.key)))
    assert holder.works(first) == holder.works(second) == {True}  # the danger
    after_restore(events)
    assert holder.works(first) == {False}
    assert holder.works(second) == {since == "end-former"}  # which was in use, and hurt nobody
    assert holder.works(newest[0]) == {False}
    assert holder.works("") == {False}


def test_a_resource_server_that_was_turned_off_asks_nothing(world: World, tmp_path: Path) -> None:
    server = ResourceServer.objects.get(pk=world.asker.id)

    def since() -> None:
        server.is_active = False
        offers.save_server(server, by=world.admin.user, changed=["is_active"], now=timezone.now())

    after_restore(Backup(tmp_path).lose(since))
    assert world.asker.ask("x").status_code == 401


def test_old_exports_take_and_give_nothing_that_the_backup_knows_better(
    world: World, chatgpt: App, tmp_path: Path
) -> None:
    """Each export ends with events of its last seconds, which have no link yet. All of them are given, the old too."""
    now, initech = timezone.now(), Handle.objects.get(slug="initech")
    alice, bob = world.alice.user, world.bob.user
    Membership.objects.create(user=alice, handle=initech, role="member")
    held = world.connect(world.alice, chatgpt, handle="acme")
    security.password_changed(bob, way="reset")
    ownership.transfer(initech, alice, by=bob, now=now)
    old = export(tmp_path / "old.jsonl")
    ownership.transfer(initech, bob, by=alice, now=now)
    told = after_restore(old, Backup(tmp_path).lose())
    assert "0 events read" in told
    assert roles_at("initech") == {"bob": "owner", "alice": "admin"}
    assert world.asker.is_active(held.access)
    bob.refresh_from_db()
    assert bob.has_usable_password()


def test_exports_tell_the_same_in_whichever_order_they_are_given(world: World, tmp_path: Path) -> None:
    now, initech = timezone.now(), Handle.objects.get(slug="initech")
    alice, bob = world.alice.user, world.bob.user
    Membership.objects.create(user=alice, handle=initech, role="member")
    backup = Backup(tmp_path)
    early = tmp_path / "early.jsonl"

    def since() -> None:
        ownership.transfer(initech, alice, by=bob, now=now)
        export(early)  # before that has its link
        ownership.transfer(initech, bob, by=alice, now=now)

    after_restore(backup.lose(since), early)
    assert roles_at("initech") == {"bob": "owner", "alice": "admin"}


def test_a_second_line_in_the_place_of_a_link_is_not_believed(world: World, tmp_path: Path) -> None:
    acme, now = Handle.objects.get(slug="acme"), timezone.now()
    backup = Backup(tmp_path)
    events = backup.lose(lambda: members.set_role(acme, world.bob.user, Role.ADMIN, by=world.alice.user, now=now))
    line = json.loads(events.read_text().splitlines()[-1])
    line["event"] |= {"tag": "handle:transferred", "person_id": str(world.bob.user.pk), "handle": "acme"}
    line["event"]["actor_id"] = str(world.alice.user.pk)
    events.write_text(events.read_text() + json.dumps(line))
    after_restore(events)
    assert roles_at("acme") == {"alice": "owner", "bob": "member"}


def test_what_no_line_can_hold_ends_everything_rather_than_half(world: World, chatgpt: App, tmp_path: Path) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    backup = Backup(tmp_path)
    events = backup.lose(lambda: people.set_active(world.bob.user, False, by=world.admin.user, now=timezone.now()))
    line = json.loads(events.read_text().splitlines()[-1]) | {"link": None, "hash": None}
    line["event"] |= {"id": line["event"]["id"] + 1, "person_id": "nobody"}
    events.write_text(events.read_text() + json.dumps(line))
    with pytest.raises(CommandError, match="could not be carried out"):
        after_restore(events)
    assert not world.asker.is_active(held.access)


def test_the_same_backup_restored_once_more_knows_what_the_first_restore_took_away(
    world: World, chatgpt: App, tmp_path: Path
) -> None:
    """What was exported after the first restore is all there is: the ledger has gone its own way since."""
    acme, now = Handle.objects.get(slug="acme"), timezone.now()
    holder = a_resource_server(world)
    secret, server = run("rotate", "resource-server", holder.key), ResourceServer.objects.get(pk=holder.key)
    token = InitialAccessToken(name="one")
    initial = initial_access.renew_secret(token)
    held = world.connect(world.bob, chatgpt, handle="acme")
    backup = Backup(tmp_path)

    def since() -> None:
        members.remove(acme, world.bob.user, by=world.alice.user, now=now)
        resource_servers.renew_secret(server)
        initial_access.renew_secret(token)
        security.password_changed(world.carol.user, way="reset")

    events = backup.lose(since)
    again = backup.lose(lambda: after_restore(events))
    assert holder.works(secret) == {True}
    after_restore(again)
    assert not world.asker.is_active(held.access)
    assert roles_at("acme") == {"alice": "owner"}
    assert holder.works(secret) == {initial_access.is_good(initial, now=now)} == {False}
    world.carol.user.refresh_from_db()
    assert not world.carol.user.has_usable_password()
