"""What access rests on: each act writes exactly its event, tells exactly whom it concerns, and nothing for nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from authserver.models import Connection, Event, EventStream, ProtectedResource, ResourceServer, Scope, SecurityEvent
from authserver.services import catalog, connections, resource_servers
from authserver.services.connections import PausedBy
from authserver.services.events import Actor
from authserver.services.standing import handles, offers, people, seats
from handles.models import Handle, Membership
from tests.authserver.services.conftest import NOW
from tests.flows.standing.control_plane import make_stream
from tests.people import App, World, hosted

Act = Callable[[World], Any]


@pytest.fixture
def stream(world: World) -> EventStream:
    return make_stream(world.asker.id)


def acme() -> Handle:
    return Handle.objects.get(slug="acme")


def scope() -> Scope:
    return Scope.objects.get(pk="links.write")


def endpoint() -> ProtectedResource:
    return ProtectedResource.objects.get(kind="hosted")


def by(world: World) -> dict[str, Any]:
    return {"by": world.admin.user, "now": NOW}


def bobs_seat(**changes: Any) -> Membership:
    seat = Membership.objects.get(handle__slug="acme", user__email="bob@example.com")
    for name, value in changes.items():
        setattr(seat, name, value)
    return seat


def changed(row: Any, **changes: Any) -> Any:
    for name, value in changes.items():
        setattr(row, name, value)
    return row


# What is done, its event, and how many news are owed to one stream.
ACTS: dict[str, tuple[Act, str, int]] = {
    "suspended": (lambda w: handles.set_status(acme(), Handle.Status.SUSPENDED, **by(w)), "handle:changed", 1),
    "made public": (
        lambda w: handles.set_visibility(acme(), Handle.Visibility.PUBLIC, **by(w)),
        "handle:changed",
        1,
    ),
    "renamed": (lambda w: handles.save(changed(acme(), display_name="ACME"), **by(w)), "handle:changed", 0),
    "a new handle": (
        lambda w: handles.save(Handle(slug="umbrella", display_name="Umbrella"), **by(w)),
        "handle:created",
        0,
    ),
    "a handle removed": (lambda w: handles.remove(acme(), **by(w)), "handle:removed", 1),
    "a person deactivated": (lambda w: people.set_active(w.bob.user, False, **by(w)), "person:changed", 1),
    "a person made administrator": (
        lambda w: people.save(changed(w.bob.user, is_staff=True), **by(w)),
        "person:changed",
        0,
    ),
    "a person removed": (lambda w: people.remove(w.carol.user, **by(w)), "person:changed", 1),
    "a scope changed": (
        lambda w: offers.save_scope(changed(scope(), role="owner"), changed=["role"], **by(w)),
        "catalog:changed",
        1,
    ),
    "a scope removed": (lambda w: offers.remove_scope(scope(), **by(w)), "catalog:changed", 1),
    "an endpoint withdrawn": (
        lambda w: offers.save_endpoint(changed(endpoint(), is_active=False), changed=["is_active"], **by(w)),
        "catalog:changed",
        1,
    ),
    "a server withdrawn": (
        lambda w: offers.save_server(ResourceServer.objects.get(pk=w.other_asker.id), changed=["is_active"], **by(w)),
        "catalog:changed",
        1,
    ),
    "a member added": (
        lambda w: seats.save(Membership(handle=acme(), user=w.carol.user, role="admin"), **by(w)),
        "member:added",
        1,
    ),
    "a role changed": (lambda w: seats.save(bobs_seat(role="admin"), **by(w)), "member:role_changed", 1),
    "a member removed": (lambda w: seats.remove(bobs_seat(), **by(w)), "member:removed", 1),
}
NOTHINGS: dict[str, Act] = {
    "active already": lambda w: handles.set_status(acme(), Handle.Status.ACTIVE, **by(w)),
    "private already": lambda w: handles.set_visibility(acme(), Handle.Visibility.PRIVATE, **by(w)),
    "a person active already": lambda w: people.set_active(w.bob.user, True, **by(w)),
    "the role that is held": lambda w: seats.save(bobs_seat(), **by(w)),
}


@pytest.mark.parametrize("name", ACTS)
def test_each_act_writes_its_event_and_owes_the_news(world: World, stream: EventStream, name: str) -> None:
    act, tag, news = ACTS[name]
    act(world)
    event = Event.objects.get(tag=tag)
    assert (event.actor, event.actor_id) == ("administrator", str(world.admin.user.pk))
    assert Event.objects.exclude(tag="resource_server:created").count() == 1
    assert SecurityEvent.objects.filter(stream=stream, event_id=event.pk).count() == news


@pytest.mark.parametrize("name", NOTHINGS)
def test_what_changes_nothing_writes_nothing_and_tells_nobody(world: World, stream: EventStream, name: str) -> None:
    before = Event.objects.count()
    assert NOTHINGS[name](world) is False
    assert Event.objects.count() == before
    assert not SecurityEvent.objects.exists()


@pytest.mark.parametrize("name", ACTS)
def test_an_act_that_is_rolled_back_leaves_nothing(world: World, stream: EventStream, name: str) -> None:
    before = Event.objects.count()
    with suppress(RuntimeError), transaction.atomic():
        ACTS[name][0](world)
        raise RuntimeError
    assert Event.objects.count() == before
    assert not SecurityEvent.objects.exists()


def test_an_event_of_a_handle_says_from_what_to_what(world: World) -> None:
    handles.set_status(acme(), Handle.Status.SUSPENDED, **by(world))
    assert Event.objects.get(tag="handle:changed").detail == {
        "fields": ["status", "suspended_by"],
        "states": {"status": ["active", "suspended"], "suspended_by": ["", "administrator"]},
    }


def test_the_name_of_a_handle_does_not_stand_in_its_event(world: World) -> None:
    handles.save(changed(acme(), display_name="Free text of somebody"), **by(world))
    assert "Free text" not in str(Event.objects.get(tag="handle:changed").detail)


def test_an_owner_may_be_the_one_who_changes_who_sees_a_handle(world: World) -> None:
    facts = {"by": world.alice.user, "now": NOW}
    assert handles.set_visibility(acme(), Handle.Visibility.PUBLIC, actor=Actor.PERSON, **facts)
    assert Event.objects.get(tag="handle:changed").actor == "person"


def test_a_withdrawn_endpoint_concerns_only_the_servers_that_may_ask_about_it(world: World) -> None:
    stranger = make_stream(world.other_asker.id)
    offers.save_endpoint(changed(endpoint(), is_active=False), changed=["is_active"], **by(world))
    assert not SecurityEvent.objects.filter(stream=stranger).exists()


def test_a_new_resource_server_is_told_of_by_its_secret_only(world: World) -> None:
    fresh = ResourceServer(name="third")
    offers.save_server(fresh, changed=["name"], **by(world))
    assert not Event.objects.filter(tag="catalog:changed").exists()
    resource_servers.renew_secret(fresh, by=world.admin.user)
    assert Event.objects.latest("pk").tag == "resource_server:created"


def test_a_changed_scope_is_seen_by_the_next_reading_of_the_catalog(world: World) -> None:
    before = catalog.current()["links.write"].role
    offers.save_scope(changed(scope(), role="owner"), changed=["role"], **by(world))
    assert (before, catalog.current()["links.write"].role) == ("member", "owner")


def test_removing_a_member_ends_what_they_connected_here_and_nothing_else(world: World, chatgpt: App) -> None:
    here = world.connect(world.bob, chatgpt, resource=hosted("acme"))
    there = world.connect(world.bob, chatgpt, resource=hosted("initech"))
    alices = world.connect(world.alice, chatgpt, resource=hosted("acme"))
    seats.remove(bobs_seat(), **by(world))
    assert [world.asker.is_active(each.access) for each in (here, there, alices)] == [False, True, True]
    ended = Connection.objects.get(ended_at__isnull=False)
    assert (ended.end_reason, ended.user.email) == ("member_removed", "bob@example.com")


def test_an_administrator_who_pauses_as_an_admin_of_the_handle_acts_as_a_person(world: World, chatgpt: App) -> None:
    world.connect(world.bob, chatgpt, resource=hosted("acme"))
    User.objects.filter(email="alice@example.com").update(is_staff=True)
    connections.pause(Connection.objects.get(), who=PausedBy.HANDLE_ADMIN, by=world.alice.user, now=NOW)
    assert Event.objects.get(tag="connection:paused").actor == "person"
