"""Administrators, in the Django admin: searching, looking, ending connections with a reason; blocking, suspending,
withdrawing. No page of theirs shows a token."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import User
from authserver.models import AccessToken, Client, Connection, Event, ProtectedResource, RefreshToken, Scope
from handles.models import Handle
from tests.flows.changes import live_connections, set_person
from tests.people import App, Person, Tokens, World, answer_of, hosted, make_person, tokens_of

CONNECTIONS = "/admin/authserver/connection/"


@pytest.fixture
def root(world: World) -> Person:
    """The administrator, signed in."""
    return world.admin.sign_in()


@pytest.fixture
def held(world: World, chatgpt: App) -> list[Tokens]:
    """Alice at acme and globex, bob at acme."""
    return [
        world.connect(world.alice, chatgpt, handle="acme"),
        world.connect(world.alice, chatgpt, handle="globex"),
        world.connect(world.bob, chatgpt, handle="acme"),
    ]


def of(world: World, tokens: Tokens) -> str:
    return world.asker.knows(tokens.access)["connection_id"]


def press(root: Person, action: str, chosen: list[str], **fields: Any) -> Any:
    """Run an action over rows of the list, as the form of the list posts it."""
    form = {"action": action, "_selected_action": chosen} | fields
    return root.http.post(CONNECTIONS, form, follow=True)


def active(world: World, held: list[Tokens]) -> list[bool]:
    return [world.asker.is_active(each.access) for each in held]


def save(root: Person, address: str, **changes: Any) -> Any:
    """Open a form of the admin, change some fields and save it."""
    page = root.http.get(address)
    form = page.context["adminform"].form
    posted = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    posted |= {"reason": "Because"} | changes
    for name, value in list(posted.items()):
        if value is None or value is False or value == "":
            posted.pop(name)
        elif hasattr(value, "__iter__") and not isinstance(value, str):
            posted[name] = [getattr(each, "pk", each) for each in value]
    for formset in page.context["inline_admin_formsets"]:
        posted |= {field.html_name: field.value() for field in formset.formset.management_form}
        for inline in formset.formset.forms:
            posted |= {field.html_name: field.value() for field in inline if field.value() is not None}
    posted |= {name: value for name, value in changes.items() if name not in form.fields}  # of the rows below the form
    answer = root.http.post(address, posted)
    assert answer.status_code == 302, answer.context and answer.context["errors"]
    return answer


# --- Who may come in


@pytest.mark.parametrize("path", ["/admin/", CONNECTIONS, "/admin/authserver/event/", "/admin/accounts/user/"])
def test_people_who_are_no_administrators_do_not_get_in(world: World, path: str) -> None:
    assert world.alice.http.get(path).status_code == 302
    answer = world.alice.sign_in().http.get(path, follow=True)
    assert "Gatehouse administration" not in answer.content.decode() or answer.status_code == 403


def test_an_owner_of_a_handle_cannot_press_an_administrator_s_button(world: World, held: list[Tokens]) -> None:
    press(world.alice, "revoke_selected", [of(world, held[2])], reason="mine now")
    assert active(world, held) == [True] * 3


def test_an_administrator_who_may_only_look_cannot_revoke(world: World, held: list[Tokens]) -> None:
    viewer = make_person("viewer@example.com", is_staff=True)
    viewer.user.user_permissions.add(Permission.objects.get(codename="view_connection"))
    viewer.sign_in()
    assert viewer.http.get(CONNECTIONS).status_code == 200
    press(viewer, "revoke_selected", [of(world, held[0])], reason="because")
    assert active(world, held) == [True] * 3


@pytest.mark.parametrize("what", ["add/", "{id}/delete/"])
def test_a_connection_cannot_be_typed_or_deleted(root: Person, world: World, held: list[Tokens], what: str) -> None:
    address = CONNECTIONS + what.format(id=of(world, held[0]))
    assert root.http.get(address).status_code == 403
    assert root.http.post(address, {"post": "yes"}).status_code == 403
    assert active(world, held) == [True] * 3


def test_a_connection_cannot_be_edited(root: Person, world: World, held: list[Tokens]) -> None:
    address = f"{CONNECTIONS}{of(world, held[0])}/change/"
    assert root.http.get(address).status_code == 200
    assert root.http.post(address, {"scopes": "webhooks.write"}).status_code == 403
    assert "webhooks.write" not in Connection.objects.get(pk=of(world, held[0])).scopes


@pytest.mark.parametrize("model", ["accesstoken", "refreshtoken", "authorizationcode", "idtoken"])
def test_tokens_have_no_page_at_all(root: Person, held: list[Tokens], model: str) -> None:
    assert f"/admin/authserver/{model}/" not in root.http.get("/admin/").content.decode()
    for what in ("", "add/", "1/change/", "1/delete/", "1/history/"):
        assert root.http.get(f"/admin/authserver/{model}/{what}").status_code in (302, 403, 404)


# --- Ending connections


def test_the_first_press_asks_why_and_ends_nothing(root: Person, world: World, held: list[Tokens]) -> None:
    page = press(root, "revoke_selected", [of(world, held[0]), of(world, held[1])])
    words = unescape(page.content.decode())
    assert "2 live connections will end" in words
    assert "<bdi>ChatGPT</bdi> on <bdi>@acme</bdi>, of <bdi>alice@example.com</bdi>" in words
    assert "on <bdi>@globex</bdi>, of <bdi>alice@example.com</bdi>" in words
    assert "bob@example.com" not in words
    assert active(world, held) == [True] * 3


def test_without_a_reason_nothing_ends(root: Person, world: World, held: list[Tokens]) -> None:
    page = press(root, "revoke_selected", [of(world, held[0])], reason="   ")
    assert "This field is required." in page.content.decode()
    assert active(world, held) == [True] * 3


def test_what_was_selected_ends_and_nothing_else(root: Person, world: World, held: list[Tokens], chatgpt: App) -> None:
    chosen = of(world, held[0])
    page = press(root, "revoke_selected", [chosen], reason="laptop lost")
    assert "1 of 1 connection ended" in unescape(page.content.decode())
    assert active(world, held) == [False, True, True]
    assert chatgpt.refresh(held[0].refresh).json()["error"] == "invalid_grant"
    event = Event.objects.get(tag="connection:revoked")
    assert (str(event.connection_id), event.actor, event.actor_id) == (chosen, "administrator", str(root.user.pk))
    assert event.detail == {"reason": "administrator", "note": "laptop lost"}


@pytest.mark.parametrize(
    ("action", "left"),
    [
        ("revoke_all_of_person", [False, False, True]),
        ("revoke_all_of_handle", [False, True, False]),
        ("revoke_all_of_client", [False, False, False]),
    ],
)
def test_all_of_a_person_a_handle_or_a_client_end_together(
    root: Person, world: World, held: list[Tokens], action: str, left: list[bool]
) -> None:
    other = world.connect(world.bob, App.register("Claude"), handle="initech")
    press(root, action, [of(world, held[0])], reason="tidying")
    assert active(world, held) == left
    assert world.asker.is_active(other.access)


def test_what_has_ended_already_is_not_ended_again(
    root: Person, world: World, held: list[Tokens], chatgpt: App
) -> None:
    gone = of(world, held[0])
    chatgpt.revoke(held[0].refresh or "")
    page = press(root, "revoke_selected", [gone])
    assert "None of these connections is live" in page.content.decode()
    press(root, "revoke_selected", [gone], reason="again")
    assert Connection.objects.get(pk=gone).end_reason == "client"
    assert Event.objects.filter(tag="connection:revoked").count() == 1


def test_more_than_twenty_need_the_count_typed(root: Person, world: World) -> None:
    apps = [App.register(f"Client {number}") for number in range(21)]
    held = [world.connect(world.alice, app, handle="acme") for app in apps]
    chosen = [str(pk) for pk in Connection.objects.values_list("pk", flat=True)]
    page = press(root, "revoke_selected", chosen)
    assert "Type REVOKE 21 to confirm" in page.content.decode()
    assert "and 1 more" in page.content.decode()
    for typed in ("", "revoke 21", "REVOKE 20", "REVOKE 210"):
        press(root, "revoke_selected", chosen, reason="all", confirmation=typed)
    assert all(active(world, held))
    press(root, "revoke_selected", chosen, reason="all", confirmation="REVOKE 21")
    assert not any(active(world, held))


# --- Searching and looking


FOUND = {
    "": 3,
    "q=alice@example.com": 2,
    "q=globex": 1,
    "q=ChatGPT": 3,
    "q=nobody": 0,
    "status=live": 3,
    "status=ended": 0,
    "used=never": 0,
    "used=7": 3,
    "level=read": 3,
    "level=manage": 0,
    "client__registration_source=dcr": 3,
}


def test_connections_are_found(root: Person, world: World, held: list[Tokens]) -> None:
    assert all(active(world, held))
    pages = {query: root.http.get(f"{CONNECTIONS}?{query}") for query in FOUND}
    assert {page.status_code for page in pages.values()} == {200}
    assert {query: len(page.context["cl"].result_list) for query, page in pages.items()} == FOUND


@pytest.mark.usefixtures("one_day")
def test_the_list_costs_no_more_queries_for_more_rows(
    root: Person, world: World, held: list[Tokens], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(14) as few:
        root.http.get(CONNECTIONS)
    number_before = len(few)
    for number in range(6):
        world.connect(world.bob, App.register(f"Client {number}"), handle="acme")
    with django_assert_max_num_queries(number_before):
        root.http.get(CONNECTIONS)


def test_no_page_of_the_admin_shows_a_token(root: Person, world: World, held: list[Tokens], chatgpt: App) -> None:
    confidential = App.register("Secretive", token_endpoint_auth_method="client_secret_basic")
    refreshed = tokens_of(chatgpt.refresh(held[0].refresh))
    code = answer_of(world.alice.decide(world.alice.open(chatgpt.authorize_url()), handle="acme"))["code"]
    secrets = [token for each in [*held, refreshed] for token in (each.access, each.refresh or "")]
    registration = [app.registration["registration_access_token"] for app in (chatgpt, confidential)]
    secrets += [code, confidential.secret or "", world.asker.secret, *registration]
    digests = [bytes(row.digest).hex() for model in (AccessToken, RefreshToken) for row in model.objects.all()]
    for address in every_page(root):
        text = root.http.get(address).content.decode()
        shown = [each for each in secrets + digests if each in text]
        assert shown == [], address


def every_page(root: Person) -> list[str]:
    """Every list of the admin, and the page and history of a first few rows of each."""
    lists = sorted(set(re.findall(r'href="(/admin/\w+/\w+/)"', root.http.get("/admin/").content.decode())))
    assert CONNECTIONS in lists
    rows = []
    for address in lists:
        found = re.findall(rf'href="({address}[^"?/]+/change/)', root.http.get(address).content.decode())
        rows += [page for change in found[:5] for page in (change, change.replace("/change/", "/history/"))]
    assert len(rows) > 10
    return ["/admin/", *lists, *rows]


# --- What else ends access


def test_blocking_a_client_in_the_admin_refuses_it_at_once(
    root: Person, world: World, held: list[Tokens], chatgpt: App
) -> None:
    row = Client.objects.get(client_id=chatgpt.client_id)
    address = reverse("admin:authserver_client_change", args=[row.pk])
    save(root, address, is_active=False)
    assert active(world, held) == [False] * 3
    assert chatgpt.refresh(held[0].refresh).status_code == 401
    assert Event.objects.filter(tag="client:blocked", actor_id=str(root.user.pk)).count() == 1
    save(root, address, is_active="on")
    assert active(world, held) == [True] * 3


def test_a_callback_added_in_the_admin_can_be_used(root: Person, world: World, chatgpt: App) -> None:
    row = Client.objects.get(client_id=chatgpt.client_id)
    address = reverse("admin:authserver_client_change", args=[row.pk])
    save(root, address, redirect_uris=f"{chatgpt.redirect_uri}\nhttps://chatgpt.com/oauth/callback")
    chatgpt.redirect_uri = "https://chatgpt.com/oauth/callback"
    assert world.asker.is_active(world.connect(world.alice, chatgpt, resource=hosted("acme")).access)


def test_verifying_a_client_changes_its_badge(root: Person, world: World, chatgpt: App) -> None:
    assert "Unverified" in world.alice.open(chatgpt.authorize_url()).content.decode()
    row = Client.objects.get(client_id=chatgpt.client_id)
    save(root, reverse("admin:authserver_client_change", args=[row.pk]), is_verified="on")
    page = world.alice.open(chatgpt.authorize_url()).content.decode()
    assert "Unverified" not in page
    assert "Verified" in page


def test_suspending_a_handle_in_the_admin_refuses_its_connections_at_once(
    root: Person, world: World, held: list[Tokens]
) -> None:
    address = reverse("admin:handles_handle_change", args=[Handle.objects.get(slug="acme").pk])
    save(root, address, status="suspended")
    assert active(world, held) == [False, True, False]
    save(root, address, status="active")
    assert active(world, held) == [True] * 3


def test_deactivating_a_person_in_the_admin_refuses_their_connections_at_once(
    root: Person, world: World, held: list[Tokens]
) -> None:
    save(root, reverse("admin:accounts_user_change", args=[world.alice.user.pk]), is_active=False)
    assert not User.objects.get(email=world.alice.email).is_active
    assert active(world, held) == [False, False, True]
    set_person(world.alice, is_active=True)
    assert active(world, held) == [True] * 3


def test_withdrawing_an_endpoint_in_the_admin_refuses_its_connections_at_once(
    root: Person, world: World, held: list[Tokens]
) -> None:
    address = reverse(
        "admin:authserver_protectedresource_change", args=[ProtectedResource.objects.get(kind="gateway").pk]
    )
    save(root, address, is_active=False)
    assert active(world, held) == [False] * 3


def test_taking_a_scope_out_in_the_admin_shrinks_live_credentials_at_once(
    root: Person, world: World, held: list[Tokens]
) -> None:
    assert "links.read" in world.asker.knows(held[0].access)["scope"]
    save(root, reverse("admin:authserver_scope_change", args=["links.read"]), is_active=False)
    assert not Scope.objects.get(pk="links.read").is_active
    assert "links.read" not in world.asker.knows(held[0].access)["scope"]
    assert live_connections() == 3
