"""What a person sees and what follows from it, where the specification asks for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from authserver.models import Connection, Scope, ScopeBundle
from handles.models import Membership
from tests.people import CALLBACK, LOOPBACK_CALLBACK, READS, App, World, make_person, tokens_of
from tests.tiers import ROOT, production_environment


@pytest.mark.covers("AS-61", "AS-66", "req:P3")
def test_the_page_shows_who_asks_where_the_answer_goes_and_for_what(world: World, chatgpt: App) -> None:
    html = world.alice.open(chatgpt.authorize_url(scope=READS)).content.decode()
    assert "ChatGPT</bdi> wants to connect" in html or "ChatGPT wants to connect" in html
    assert CALLBACK in html
    assert "chatgpt.com" in html
    for name in READS.split():
        assert Scope.objects.get(pk=name).title in html
        assert name in html
    assert "alice@example.com" in html


@pytest.mark.covers("AS-67", "AS-66")
def test_a_program_on_this_computer_is_warned_of(world: World) -> None:
    html = world.alice.open(App.register(redirect_uri=LOOPBACK_CALLBACK).authorize_url()).content.decode()
    elsewhere = world.alice.open(App.register("Other").authorize_url()).content.decode()
    assert "this computer" in html.lower()
    assert "33418" in html
    assert "this computer" not in elsewhere.lower()


@pytest.mark.covers("AS-60", "AS-69")
def test_consent_for_one_client_is_none_for_another(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    other = App.register("Another client")
    page = world.alice.http.get(other.authorize_url(scope=READS))
    assert (page.status_code, "wants to connect" in page.content.decode()) == (200, True)
    assert list(Connection.objects.values_list("client__client_id", flat=True)) == [chatgpt.client_id]


@pytest.mark.covers("req:T2")
def test_one_handle_is_not_asked_for_many_are_and_none_is_explained(world: World, chatgpt: App) -> None:
    many = world.alice.open(chatgpt.authorize_url()).content.decode()
    none = world.carol.open(chatgpt.authorize_url())
    dave = make_person("dave@example.com")
    Membership.objects.create(user=dave.user, handle=Membership.objects.first().handle, role="member")
    one = dave.open(chatgpt.authorize_url()).content.decode()
    assert many.count('type="radio" name="handle"') == 2
    assert (none.status_code, 'name="request"' in none.content.decode()) == (403, False)
    assert 'type="radio"' not in one
    assert "Allow for" in one


@pytest.mark.covers("req:P4")
def test_a_person_sees_their_connections_ends_one_and_the_next_request_is_refused(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    assert "Disconnect ChatGPT from @acme" in world.alice.http.get("/connections").content.decode()
    assert "Disconnect" not in world.bob.sign_in().http.get("/connections").content.decode()
    path = f"/connections/{Connection.objects.get().pk}/disconnect"
    assert world.bob.http.post(path, {"confirm": "yes"}).status_code == 404
    assert world.asker.is_active(held.access)
    world.alice.http.post(path, {"confirm": "yes"})
    assert not world.asker.is_active(held.access)
    assert chatgpt.refresh(held.refresh).json()["error"] == "invalid_grant"


@pytest.mark.covers("req:P6")
def test_administrators_find_and_end_connections_and_nobody_else_does(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    address = "/admin/authserver/connection/"
    assert world.alice.http.get(address).status_code in (302, 403)
    admin = world.admin.sign_in()
    assert "ChatGPT" in admin.http.get(address, {"q": "alice@example.com"}).content.decode()
    assert held.access not in admin.http.get(address).content.decode()


@pytest.mark.covers("req:S1", "req:S2")
def test_the_catalog_and_its_bundles_are_data(db: None) -> None:
    assert Scope.objects.filter(is_active=True).count() == 15
    for scope in Scope.objects.all():
        assert scope.title
        assert scope.level in Scope.Level.values
        assert scope.description
    assert ScopeBundle.objects.count() == 9
    launch = ScopeBundle.objects.get(slug="site-launch").scopes.values_list("pk", flat=True)
    assert set(launch) == {"pages.read", "site.deployments.read", "site.deployments.write"}


@pytest.mark.covers("req:C5", "req:C6")
def test_an_id_that_is_not_known_is_answered_so_that_a_person_can_repair_it(world: World, chatgpt: App) -> None:
    page = world.alice.sign_in().http.get(App("gone").authorize_url())
    assert (page.status_code, "Location" in page) == (400, False)
    html = page.content.decode()
    assert "not known here" in html
    assert "add it again" in html
    assert tokens_of(chatgpt.exchange(_code(world, chatgpt))).access


def _code(world: World, app: App) -> str:
    page = world.alice.open(app.authorize_url())
    return world.alice.decide(page, handle="acme")["Location"].partition("code=")[2].partition("&")[0]


COOKIES = """
from django.conf import settings as s
for name in ("SESSION", "CSRF"):
    get = lambda part: getattr(s, f"{name}_COOKIE_{part}")
    print(get("NAME")[:7], get("SECURE"), get("HTTPONLY"), get("SAMESITE"), get("PATH"), get("DOMAIN"))
print(s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS > 0, s.DEBUG)
"""


@pytest.mark.covers("AS-63", "AS-07")
def test_in_production_cookies_are_bound_to_this_host_and_to_https() -> None:
    env = os.environ | dict(production_environment()) | {"DJANGO_SETTINGS_MODULE": "authserver.settings"}
    told = subprocess.run(
        [sys.executable, "-c", COOKIES], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert told.stdout.split("\n") == [*["__Host- True True Lax / None"] * 2, "True True False", ""]
