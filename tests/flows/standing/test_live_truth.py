"""What access rests on changes in the Django admin: the very next question says so, with no job in between; what is
lifted works again; it is recorded; and servers that remember answers are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import User
from authserver.models import Client, Event, EventStream, ProtectedResource, Scope, SecurityEvent
from handles.models import Handle, Membership
from tests.flows.standing.control_plane import make_stream, owed
from tests.flows.test_administrator import save
from tests.people import PASSWORD, READS, App, Person, Tokens, World, answer_of, hosted, tokens_of

WIDE = f"{READS} links.write site.deployments.write"
EVERYTHING = {"format": "uri", "uri": "http://127.0.0.1:8000"}


@pytest.fixture
def root(world: World) -> Person:
    return world.admin.sign_in()


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    """Alice, owner of acme, with everything allowed there."""
    page = world.alice.open(chatgpt.authorize_url(hosted("acme"), scope=WIDE))
    return tokens_of(chatgpt.exchange(answer_of(world.alice.decide(page, scope=WIDE.split()))["code"]))


@pytest.fixture
def stream(world: World) -> EventStream:
    return make_stream(world.asker.id)


def of_handle(world: World, **changes: Any) -> None:
    acme = Handle.objects.get(slug="acme")
    save(world.admin, reverse("admin:handles_handle_change", args=[acme.pk]), **changes)


def of_person(world: World, **changes: Any) -> None:
    save(world.admin, reverse("admin:accounts_user_change", args=[world.alice.user.pk]), **changes)


def of_client(world: World, **changes: Any) -> None:
    save(world.admin, reverse("admin:authserver_client_change", args=[Client.objects.get().pk]), **changes)


def of_endpoint(world: World, **changes: Any) -> None:
    hosted_endpoint = ProtectedResource.objects.get(kind="hosted")
    save(world.admin, reverse("admin:authserver_protectedresource_change", args=[hosted_endpoint.pk]), **changes)


def of_scope(world: World, **changes: Any) -> None:
    save(world.admin, reverse("admin:authserver_scope_change", args=["links.write"]), **changes)


def of_seat(world: World, **changes: Any) -> None:
    """Change alice's row among the members on acme's page."""
    acme = Handle.objects.get(slug="acme")
    address = reverse("admin:handles_handle_change", args=[acme.pk])
    forms = world.admin.http.get(address).context["inline_admin_formsets"][0].formset.forms
    row = next(form for form in forms if form.instance.pk and form.instance.user_id == world.alice.user.pk)
    save(world.admin, address, **{f"{row.prefix}-{name}": value for name, value in changes.items()})


def claims(**parts: Any) -> dict[str, Any]:
    return {"format": "complex"} | parts


def tenant() -> dict[str, Any]:
    return {"format": "opaque", "id": "acme"}


def person() -> dict[str, Any]:
    alice = User.objects.get(email__startswith="alice")
    return {"format": "iss_sub", "iss": "http://127.0.0.1:8000", "sub": str(alice.pk)}


Change = Callable[[World], None]
# What is done, what undoes it, the tag of its event, whom servers are told of, and what is left of the scopes.
ROWS: dict[str, tuple[Change, Change, str, Callable[[], dict[str, Any]], str | None]] = {
    "handle suspended": (
        lambda w: of_handle(w, status="suspended"),
        lambda w: of_handle(w, status="active"),
        "handle:changed",
        lambda: claims(tenant=tenant()),
        None,
    ),
    "person deactivated": (
        lambda w: of_person(w, is_active=False),
        lambda w: of_person(w, is_active="on"),
        "person:changed",
        lambda: claims(user=person()),
        None,
    ),
    "client blocked": (
        lambda w: of_client(w, is_active=False),
        lambda w: of_client(w, is_active="on"),
        "client:blocked",
        lambda: claims(application={"format": "opaque", "id": Client.objects.get().client_id}),
        None,
    ),
    "endpoint withdrawn": (
        lambda w: of_endpoint(w, is_active=False),
        lambda w: of_endpoint(w, is_active="on"),
        "catalog:changed",
        lambda: EVERYTHING,
        None,
    ),
    "scope taken out": (
        lambda w: of_scope(w, is_active=False),
        lambda w: of_scope(w, is_active="on"),
        "catalog:changed",
        lambda: EVERYTHING,
        f"{READS} site.deployments.write",
    ),
    "role lowered": (
        lambda w: of_seat(w, role="member"),
        lambda w: of_seat(w, role="owner"),
        "member:role_changed",
        lambda: claims(user=person(), tenant=tenant()),
        f"{READS} links.write",
    ),
}
every_row = pytest.mark.parametrize("name", ROWS)


@every_row
def test_the_next_question_says_so(root: Person, world: World, held: Tokens, name: str) -> None:
    assert world.asker.knows(held.access)["scope"] == WIDE
    ROWS[name][0](world)
    left = ROWS[name][4]
    known = world.asker.knows(held.access)
    assert known["scope"] == left if left else known == {"active": False}


@every_row
def test_lifting_it_brings_everything_back(root: Person, world: World, held: Tokens, name: str) -> None:
    ROWS[name][0](world)
    ROWS[name][1](world)
    assert world.asker.knows(held.access)["scope"] == WIDE


@every_row
def test_servers_that_remember_are_owed_the_news_and_told_again_when_it_is_lifted(
    root: Person, world: World, held: Tokens, stream: EventStream, name: str
) -> None:
    change, undo, tag, subject, _ = ROWS[name]
    change(world)
    assert owed(stream, tag) == [subject()]
    undo(world)
    assert SecurityEvent.objects.filter(stream=stream).count() == 2


@every_row
def test_the_administrator_stands_in_the_event(root: Person, world: World, held: Tokens, name: str) -> None:
    ROWS[name][0](world)
    event = Event.objects.get(tag=ROWS[name][2])
    assert (event.actor, event.actor_id) == ("administrator", str(root.user.pk))
    assert event.address
    assert event.request_id


@pytest.mark.parametrize("form", [of_handle, of_person])
def test_saving_a_form_unchanged_tells_nobody_anything(
    root: Person, world: World, held: Tokens, stream: EventStream, form: Change
) -> None:
    before = Event.objects.count()
    form(world)
    assert Event.objects.count() == before
    assert not SecurityEvent.objects.exists()


# --- Membership and visibility


def test_a_removed_member_loses_access_for_good(
    root: Person, world: World, chatgpt: App, held: Tokens, stream: EventStream
) -> None:
    of_seat(world, DELETE="on")
    assert world.asker.knows(held.access) == {"active": False}
    assert owed(stream, "member:removed") == [claims(user=person(), tenant=tenant())]
    event = Event.objects.get(tag="connection:revoked")
    assert (event.actor_id, event.detail["reason"]) == (str(root.user.pk), "member_removed")
    acme = Handle.objects.get(slug="acme")
    Membership.objects.create(handle=acme, user=world.alice.user, role="owner")
    assert not world.asker.is_active(held.access)
    assert world.asker.is_active(world.connect(world.alice, chatgpt, resource=hosted("acme")).access)


def test_a_handle_made_private_refuses_its_guests_until_it_is_public_again(
    root: Person, world: World, chatgpt: App, stream: EventStream
) -> None:
    of_handle(world, visibility="public")
    guest = world.connect(world.carol, chatgpt, resource=hosted("acme"))
    member = world.connect(world.bob, chatgpt, resource=hosted("acme"))
    of_handle(world, visibility="private")
    assert not world.asker.is_active(guest.access)
    assert world.asker.is_active(member.access)
    of_handle(world, visibility="public")
    assert world.asker.is_active(guest.access)
    assert owed(stream, "handle:changed") == [claims(tenant=tenant())] * 3


def test_a_new_member_is_recorded_and_told(root: Person, world: World, stream: EventStream) -> None:
    acme = Handle.objects.get(slug="acme")
    address = reverse("admin:handles_handle_change", args=[acme.pk])
    seats = acme.memberships.count()
    new = {f"memberships-{seats}-user": str(world.carol.user.pk), f"memberships-{seats}-role": "admin"}
    save(world.admin, address, **new, **{"memberships-TOTAL_FORMS": seats + 1})
    assert Membership.objects.get(handle=acme, user=world.carol.user).role == "admin"
    event = Event.objects.get(tag="member:added")
    assert (event.person_id, event.handle, event.detail["role"]) == (world.carol.user.pk, "acme", "admin")


def test_a_seat_cannot_be_handed_to_somebody_else(root: Person, world: World, held: Tokens) -> None:
    of_seat(world, user=str(world.carol.user.pk))
    assert not Membership.objects.filter(handle__slug="acme", user=world.carol.user).exists()
    assert world.asker.is_active(held.access)


# --- Removing


def test_what_is_or_was_connected_is_suspended_or_deactivated_not_removed(
    root: Person, world: World, held: Tokens
) -> None:
    acme = Handle.objects.get(slug="acme")
    assert (
        root.http.post(
            reverse("admin:handles_handle_delete", args=[acme.pk]), {"post": "yes", "reason": "Gone"}
        ).status_code
        == 403
    )
    form = {"action": "delete_selected", "_selected_action": [str(world.alice.user.pk)], "reason": "Gone"}
    root.http.post("/admin/accounts/user/", form)
    assert world.asker.is_active(held.access)


def test_a_handle_and_a_person_that_are_removed_are_recorded_and_told(
    root: Person, world: World, stream: EventStream
) -> None:
    acme, told = Handle.objects.get(slug="acme"), person()
    root.http.post(reverse("admin:handles_handle_delete", args=[acme.pk]), {"post": "yes", "reason": "Gone"})
    form = {"action": "delete_selected", "_selected_action": [str(world.alice.user.pk)]}
    root.http.post("/admin/accounts/user/", form)
    assert User.objects.filter(email="alice@example.com").exists()
    root.http.post("/admin/accounts/user/", form | {"reason": "Gone"})
    assert not Handle.objects.filter(slug="acme").exists()
    assert not User.objects.filter(email="alice@example.com").exists()
    assert owed(stream, "handle:removed") == [claims(tenant=tenant())]
    assert owed(stream, "person:changed") == [claims(user=told)]


def test_a_removed_scope_leaves_every_connection_and_tells(
    root: Person, world: World, held: Tokens, stream: EventStream
) -> None:
    address = reverse("admin:authserver_scope_delete", args=["links.write"])
    root.http.post(address, {"post": "yes"})
    assert Scope.objects.filter(pk="links.write").exists()
    root.http.post(address, {"post": "yes", "reason": "Unused"})
    assert not Scope.objects.filter(pk="links.write").exists()
    assert "links.write" not in world.asker.knows(held.access)["scope"]
    assert owed(stream, "catalog:changed") == [EVERYTHING]


def test_a_server_that_may_ask_no_more_is_refused_and_everybody_asks_again(
    root: Person, world: World, held: Tokens, stream: EventStream
) -> None:
    address = reverse("admin:authserver_resourceserver_change", args=[world.asker.id])
    save(root, address, resources=[str(ProtectedResource.objects.get(kind="gateway").pk)])
    assert not world.asker.is_active(held.access)
    assert owed(stream, "catalog:changed") == [EVERYTHING]


# --- What a handle's admins decide


def test_a_decision_of_the_handle_is_told(world: World, chatgpt: App, held: Tokens, stream: EventStream) -> None:
    world.alice.sign_in()
    world.alice.http.post("/handles/acme/clients/policy", {"mode": "listed"})
    assert not world.asker.is_active(held.access)
    assert owed(stream, "client_policy:set") == [claims(tenant=tenant())]
    world.alice.http.post("/handles/acme/clients/decide", {"client_id": chatgpt.client_id, "decision": "allow"})
    assert world.asker.is_active(held.access)
    assert owed(stream, "client:ruled") == [claims(tenant=tenant())]


# --- What events say, and do not say


def test_renaming_a_person_is_told_and_the_event_has_no_address_of_theirs(
    root: Person, world: World, held: Tokens, stream: EventStream
) -> None:
    of_person(world, name="Alice B.", email="alice.b@example.com")
    assert world.asker.knows(held.access)["username"] == "alice.b@example.com"
    event = Event.objects.get(tag="person:changed")
    assert event.detail == {"is_new": False, "fields": ["email", "name"], "states": {}, "note": "Because"}
    assert len(owed(stream, "person:changed")) == 1


def test_a_new_password_by_an_administrator_is_recorded_without_it(root: Person, world: World) -> None:
    address = reverse("admin:auth_user_password_change", args=[world.alice.user.pk])
    new = "another correct horse 7"
    root.http.post(address, {"password1": new, "password2": "different"})
    assert not Event.objects.filter(tag="person:changed").exists()
    root.http.post(address, {"password1": new, "password2": new, "usable_password": "true", "reason": "Locked out"})
    assert User.objects.get(pk=world.alice.user.pk).check_password(new)
    event = Event.objects.get(tag="person:changed")
    assert event.detail["fields"] == ["password"]
    assert new not in str(event.detail)
    assert "$" not in str(event.detail)


def test_a_new_person_and_a_new_handle_are_recorded_and_told_to_nobody(
    root: Person, world: World, stream: EventStream
) -> None:
    person = {"email": "dora@example.com", "name": "Dora", "password1": PASSWORD, "password2": PASSWORD}
    root.http.post("/admin/accounts/user/add/", person | {"usable_password": "true", "reason": "New"})
    dora = User.objects.get(email="dora@example.com")
    assert Event.objects.get(tag="person:changed").person_id == dora.pk
    handle = {"slug": "umbrella", "display_name": "Umbrella", "visibility": "private", "status": "active"}
    formset = {f"memberships-{name}_FORMS": number for name, number in (("TOTAL", 0), ("INITIAL", 0))}
    root.http.post("/admin/handles/handle/add/", handle | formset | {"reason": "Asked for"})
    assert Handle.objects.filter(slug="umbrella").exists()
    assert Event.objects.get(tag="handle:created").handle == "umbrella"
    assert not SecurityEvent.objects.exists()


def test_a_form_with_a_fault_changes_and_records_nothing(root: Person, world: World, held: Tokens) -> None:
    acme = Handle.objects.get(slug="acme")
    before = Event.objects.count()
    answer = root.http.post(reverse("admin:handles_handle_change", args=[acme.pk]), {"status": "gone"})
    assert answer.status_code == 200
    assert Event.objects.count() == before
    assert world.asker.is_active(held.access)
