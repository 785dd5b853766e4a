"""Who may ask what a credential is worth: resource servers of ours that prove themselves, each about its own
resources, and nobody else; and about nothing but bridge credentials."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.test import Client as Http
from django.utils import timezone

from authserver.models import ResourceServer
from authserver.services import resource_servers
from tests.people import GATEWAY, App, Asker, World, compat, hosted, post_form

PATH = "/oauth/introspect"
FORM = "application/x-www-form-urlencoded"


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def ask(token: str, headers: dict[str, str], **form: str) -> Any:
    return post_form(Http(), PATH, {"token": token} | form, headers=headers)


def assert_told_nothing(answer: Any) -> None:
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer["WWW-Authenticate"].startswith("Basic ")
    assert answer["Cache-Control"] == "no-store"


# --- Who asks


@pytest.mark.covers("C2")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_with_a_secret_is_no_resource_server(world: World, method: str) -> None:
    app = App.register(token_endpoint_auth_method=method)
    held = world.connect(world.alice, app, handle="acme")
    assert_told_nothing(ask(held.access, basic(app.client_id, app.secret or "")))
    assert_told_nothing(ask(held.access, {}, client_id=app.client_id, client_secret=app.secret or ""))


@pytest.mark.covers("C2")
@pytest.mark.parametrize("scope", ["mcp.connect introspection", "introspection"])
def test_a_persons_credential_is_no_resource_server(world: World, chatgpt: App, scope: str) -> None:
    page = world.alice.open(chatgpt.authorize_url(scope=scope))
    if scope == "introspection":  # there is no such scope to get
        assert page.status_code == 302
        assert "error=invalid_scope" in page["Location"]
        return
    held = world.connect(world.alice, chatgpt, handle="acme", scope=scope)
    assert "introspection" not in held.scope
    assert_told_nothing(ask(held.access, {"Authorization": f"Bearer {held.access}"}))


@pytest.mark.covers("C2")
def test_a_resource_server_proves_itself_in_the_header_only(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    assert_told_nothing(ask(held.access, {}, client_id=world.asker.id, client_secret=world.asker.secret))
    assert_told_nothing(ask(held.access, {"Authorization": f"Bearer {world.asker.secret}"}))


@pytest.mark.covers("C2")
@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic ", "Basic !!!", "Basic Og==", "Basic /w==", "Basic 4pyT", "Digest x", "Basic " + "A" * 9000],
)
def test_a_broken_header_is_refused_not_a_fault(world: World, chatgpt: App, header: str) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    assert_told_nothing(ask(held.access, {"Authorization": header} if header else {}))


@pytest.mark.covers("C2")
def test_a_wrong_a_foreign_and_an_old_secret_are_refused_alike(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    old = world.asker.secret
    server = ResourceServer.objects.get(pk=world.asker.id)
    world.asker.secret = resource_servers.renew_secret(server)
    resource_servers.end_former_secret(server, now=timezone.now())
    refused = [
        ask(held.access, basic(world.asker.id, wrong))
        for wrong in (old, "", "rss_x", world.other_asker.secret, world.asker.secret + " ", world.asker.secret[:-1])
    ]
    refused.append(ask(held.access, basic("00000000-0000-0000-0000-000000000000", world.asker.secret)))
    for answer in refused:
        assert_told_nothing(answer)
    assert {answer.content for answer in refused} == {refused[0].content}
    assert world.asker.is_active(held.access)


@pytest.mark.covers("C2")
def test_a_resource_server_without_a_secret_can_never_ask(world: World, chatgpt: App) -> None:
    """An empty digest is the digest of nothing."""
    held = world.connect(world.alice, chatgpt, handle="acme")
    bare = ResourceServer.objects.create(name="half made")
    bare.resources.set(ResourceServer.objects.get(pk=world.asker.id).resources.all())
    assert_told_nothing(ask(held.access, basic(str(bare.pk), "")))


# --- How


@pytest.mark.covers("M-introspection")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_only_a_post_asks(world: World, chatgpt: App, method: str) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    path = f"{PATH}?{urlencode({'token': held.access})}"
    answer = Http().generic(method, path, headers=basic(world.asker.id, world.asker.secret))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.covers("M-introspection")
def test_a_token_in_the_query_is_not_looked_at(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    headers = basic(world.asker.id, world.asker.secret)
    answer = Http().post(f"{PATH}?token={held.access}", "", content_type=FORM, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# --- About what


@pytest.mark.covers("RS-20", "RF-17", "req:B2")
@pytest.mark.parametrize("resource", [GATEWAY, hosted("acme"), compat("acme")])
def test_a_resource_server_of_another_resource_sees_an_inactive_credential(
    world: World, chatgpt: App, resource: str
) -> None:
    held = world.connect(world.alice, chatgpt, resource=resource, handle="acme")
    assert world.asker.is_active(held.access)
    assert world.other_asker.knows(held.access) == {"active": False}


@pytest.mark.covers("RS-20", "req:T2")
@pytest.mark.parametrize("resource", [GATEWAY, hosted("acme"), compat("acme")])
def test_the_answer_names_the_one_resource_and_handle_it_is_for(world: World, chatgpt: App, resource: str) -> None:
    held = world.connect(world.alice, chatgpt, resource=resource, handle="acme")
    known = world.asker.knows(held.access)
    assert (known["aud"], known["handle"]) == (resource, "acme")


@pytest.mark.covers("M-introspection", "req:P5")
def test_nothing_but_a_bridge_credential_is_active(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    others = [
        held.refresh,
        chatgpt.registration["registration_access_token"],
        App.register(token_endpoint_auth_method="client_secret_basic").secret,
        world.asker.secret,
        chatgpt.client_id,
        held.access.upper(),
        held.access[:-1],
        held.access + "A",
        held.access.replace("mcpv1_", "mcpv2_"),
        "mcpv1_" + "0" * 49,
        "pat_" + held.access.removeprefix("mcpv1_"),
        "ｍcpv1_",
        "x" * 4000,
    ]
    for other in others:
        assert world.asker.knows(other) == {"active": False}, other
    assert world.asker.is_active(held.access)


@pytest.mark.covers("RF-17", "AS-13")
def test_an_expired_credential_is_inactive_and_says_no_more(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    with time_machine.travel(timezone.now() + timedelta(seconds=held.expires_in + 1), tick=False):
        assert world.asker.knows(held.access) == {"active": False}


@pytest.mark.covers("RF-17", "M-introspection", "req:B2")
def test_an_active_answer_has_every_member_and_is_kept_by_nobody(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    answer = world.asker.ask(held.access)
    known = answer.json()
    assert answer["Cache-Control"] == "no-store"
    assert (known["token_type"], known["iss"]) == ("Bearer", "http://127.0.0.1:8000")
    assert (known["client_id"], known["client_name"]) == (chatgpt.client_id, "ChatGPT")
    assert (known["sub"], known["username"]) == (str(world.alice.user.pk), "alice@example.com")
    assert known["exp"] - known["iat"] == held.expires_in or known["exp"] - known["iat"] == held.expires_in + 1
    assert known["jti"] not in held.access
    assert len(known["jti"]) == 32
    assert known["name"] == "Alice"


@pytest.mark.covers("RF-17")
def test_the_hint_is_only_a_hint(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    headers = basic(world.asker.id, world.asker.secret)
    for hint in ("access_token", "refresh_token", "nonsense"):
        assert ask(held.access, headers, token_type_hint=hint).json()["active"] is True


@pytest.mark.covers("RF-17")
def test_the_identifier_may_be_percent_encoded(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    asker = Asker(world.asker.id.replace("-", "%2D"), world.asker.secret.replace("_", "%5F"))
    assert asker.is_active(held.access)
