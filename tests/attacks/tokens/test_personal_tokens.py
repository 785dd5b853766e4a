"""What somebody tries with a personal access token, or to get one, that is not theirs to have."""

from __future__ import annotations

import json
import logging
from urllib.parse import quote

import pytest
from django.core import mail
from django.test import Client as Http
from django.utils import timezone
from django.utils.html import escape

from accounts.models import User
from authserver.models import Client, Connection, Event, Notice, PersonalAccessToken
from authserver.services import notices, personal_tokens
from handles.models import Handle
from tests.attacks.conftest import at_once
from tests.attacks.test_secrets_stay_secret import Recorder, cells
from tests.flows.tokens.holder import SECRET, api_server, make_token, post_form
from tests.people import App, Person, World, field_value
from tests.people import post_form as post_oauth

pytestmark = pytest.mark.covers("req:P5")


@pytest.fixture
def bob(world: World) -> Person:
    return world.bob.sign_in()


@pytest.fixture
def token(bob: Person) -> str:
    return make_token(bob)


# --- The token where it does not belong


@pytest.mark.parametrize("place", ["code", "refresh_token", "client_secret", "client_assertion"])
def test_the_token_endpoint_gives_nothing_for_it(world: World, chatgpt: App, token: str, place: str) -> None:
    for grant in ("authorization_code", "refresh_token", "client_credentials", token):
        answer = chatgpt.token(**{"grant_type": grant, place: token})
        assert answer.status_code in (400, 401)
        assert token not in answer.content.decode()


def test_no_client_can_exchange_it_for_credentials(chatgpt: App, token: str) -> None:
    answer = chatgpt.token(
        grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token=token,
        subject_token_type="urn:ietf:params:oauth:token-type:access_token",
    )
    assert answer.json()["error"] == "unsupported_grant_type"


def test_no_client_can_revoke_it(world: World, chatgpt: App, token: str) -> None:
    assert chatgpt.revoke(token).status_code == 200
    assert api_server().is_active(token)


def test_it_opens_no_page(world: World, token: str) -> None:
    bearer = {"Authorization": f"Bearer {token}", "accept": "text/html"}
    for path in ("/connections", "/handles/acme/tokens", "/admin/", "/oauth/authorize"):
        assert Http(headers=bearer).get(path).status_code in (302, 400)
    assert Http(headers=bearer).post("/handles/acme/tokens", {}).status_code in (302, 403)


def test_it_registers_and_manages_no_client(chatgpt: App, token: str, settings: object) -> None:
    settings.REGISTRATION = "token"  # type: ignore[attr-defined]
    bearer = {"Authorization": f"Bearer {token}"}
    body = json.dumps({"redirect_uris": ["https://a.example/cb"]})
    assert Http().post("/oauth/register", body, content_type="application/json", headers=bearer).status_code == 401
    assert Http().delete(f"/oauth/register/{chatgpt.client_id}", headers=bearer).status_code == 401


def test_it_does_not_authenticate_a_resource_server(world: World, token: str) -> None:
    row = PersonalAccessToken.objects.get()
    for name in (str(row.pk), world.asker.id, "bob@example.com"):
        basic = {"Authorization": f"Basic {quote(name)}:{token}"}
        assert post_oauth(Http(), "/oauth/introspect", {"token": token}, headers=basic).status_code == 401
        assert post_oauth(Http(), "/oauth/introspect", {"token": token}).status_code == 401


def test_an_asker_without_its_secret_cannot_tell_a_live_token_from_a_dead_one(world: World, token: str) -> None:
    server = api_server()
    server.secret = "rss_wrong"
    live, dead = server.ask(token), server.ask("pat_" + "0" * 49)
    assert (live.status_code, live.content) == (dead.status_code, dead.content) == (401, live.content)


# --- Getting one, or more than one's due


@pytest.mark.parametrize("forged", ["webhooks.write", "members.write", "mcp.connect", "offline_access", "*", "pat_"])
def test_a_scope_beyond_the_role_that_is_posted_by_hand_makes_nothing(bob: Person, forged: str) -> None:
    assert post_form(bob, scope=["links.read", forged]).status_code == 400
    assert not PersonalAccessToken.objects.exists()


@pytest.mark.parametrize("field", ["user", "handle_id", "role", "user_id", "expires_at", "digest"])
def test_fields_that_the_form_does_not_have_mean_nothing(world: World, bob: Person, field: str) -> None:
    alice, globex = str(world.alice.user.pk), str(Handle.objects.get(slug="globex").pk)
    other = {"user": alice, "user_id": alice, "handle_id": globex}
    post_form(bob, **{field: other.get(field, "owner")})
    row = PersonalAccessToken.objects.get()
    assert (row.user, row.handle.slug) == (world.bob.user, "acme")
    assert (row.expires_at - row.created_at).days == 30


def test_a_guest_of_a_public_handle_gets_none(world: World) -> None:
    Handle.objects.filter(slug="acme").update(visibility="public")
    carol = world.carol.sign_in()
    assert carol.http.get("/handles/acme/tokens").status_code == 404
    assert carol.http.post("/handles/acme/tokens", {"name": "x", "scope": "links.read", "days": "7"}).status_code == 404
    assert not PersonalAccessToken.objects.exists()


def test_a_form_from_before_one_was_removed_makes_nothing(world: World, bob: Person) -> None:
    form = field_value(bob.http.get("/handles/acme/tokens").content.decode(), "form")
    world.bob.user.memberships.filter(handle__slug="acme").delete()
    asked = {"form": form, "name": "x", "scope": ["links.read"], "days": "7"}
    assert bob.http.post("/handles/acme/tokens", asked).status_code == 404
    assert not PersonalAccessToken.objects.exists()


def test_one_form_sent_ten_times_at_once_makes_one(crowd: World) -> None:
    bob = crowd.bob.sign_in()
    form = field_value(bob.http.get("/handles/acme/tokens").content.decode(), "form")
    asked = {"form": form, "name": "x", "scope": ["links.read"], "days": "7"}

    def send() -> str:
        mine = Http(headers={"accept": "text/html"})
        mine.cookies = bob.http.cookies
        return mine.post("/handles/acme/tokens", asked).content.decode()

    pages = at_once(*[send] * 6)
    assert sum(bool(SECRET.search(page)) for page in pages) == 1
    assert PersonalAccessToken.objects.count() == 1


# --- Ending somebody else's


@pytest.mark.parametrize("who", ["bob", "carol", "admin"])
def test_only_its_person_and_admins_of_its_handle_end_it(world: World, who: str) -> None:
    token = make_token(world.alice.sign_in())
    row = PersonalAccessToken.objects.get()
    person = getattr(world, who).sign_in()
    for handle in ("acme", "globex", "initech"):
        path = f"/handles/{handle}/tokens/{row.pk}/revoke"
        assert person.http.post(path, {"confirm": "yes"}).status_code == 404
        assert person.http.get(path).status_code == 404
    assert api_server().is_active(token)


def test_a_demoted_admin_ends_nobody_elses_any_more(world: World, token: str) -> None:
    row = PersonalAccessToken.objects.get()
    alice = world.alice.sign_in()
    assert alice.http.get(f"/handles/acme/tokens/{row.pk}/revoke").status_code == 200
    alice.user.memberships.filter(handle__slug="acme").update(role="member")
    assert alice.http.post(f"/handles/acme/tokens/{row.pk}/revoke", {"confirm": "yes"}).status_code == 404
    assert "bob@example.com" not in alice.http.get("/handles/acme/tokens").content.decode()


# --- Names


HOSTILE = [
    '"><script>alert(1)</script>',
    "</title><img src=x onerror=alert(1)>",
    "{{ request }}{% csrf_token %}",
    "'\"&",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text_on_every_page(world: World, bob: Person, name: str) -> None:
    pages = [post_form(bob, name=name), post_form(bob, name=name, days="1"), bob.http.get("/handles/acme/tokens")]
    row = PersonalAccessToken.objects.get()
    path = f"/handles/acme/tokens/{row.pk}/revoke"
    pages += [world.alice.sign_in().http.get("/handles/acme/tokens"), world.alice.http.get(path)]
    pages.append(world.alice.http.post(path, {"confirm": "yes"}, follow=True))
    for page in pages:
        html = page.content.decode()
        assert "<script>alert" not in html
        assert "<img" not in html
        assert escape(name) in html


def test_a_name_with_line_feeds_and_turned_letters_is_made_plain(bob: Person) -> None:
    make_token(bob, name="CI\r\nSet-Cookie: x=1\u202e\u2066\x07 end")
    assert PersonalAccessToken.objects.get().name == "CI Set-Cookie: x=1 end"


# --- The secret is nowhere but once


def test_the_secret_is_in_one_answer_and_nowhere_else(
    world: World, caplog: pytest.LogCaptureFixture, settings: object
) -> None:
    caplog.set_level(logging.DEBUG)
    world.bob.http = Recorder(headers={"accept": "text/html"})
    token = make_token(world.bob.sign_in())
    server = api_server()
    server.ask(token)
    world.asker.ask(token)
    row = PersonalAccessToken.objects.get()
    world.bob.http.get("/handles/acme/tokens")
    world.alice.sign_in().http.get("/handles/acme/tokens")
    world.admin.sign_in().http.get("/admin/authserver/event/")
    notices.send_due(now=timezone.now())
    (message,) = mail.outbox
    world.bob.http.get(f"/handles/acme/tokens/{row.pk}/revoke")
    world.bob.http.post(f"/handles/acme/tokens/{row.pk}/revoke", {"confirm": "yes"}, follow=True)
    server.ask(token)
    body = token[len("pat_") : -4]  # without the hint
    shown = [path for path, text in world.bob.http.seen if body in text]
    assert shown == ["POST /handles/acme/tokens"]
    assert [place for place, value in cells() if body in value] == []
    assert body not in str(list(Event.objects.values())) + str(list(Notice.objects.values()))
    assert body not in message.message().as_string()
    assert body not in caplog.text
    assert body not in repr(row) + str(row) + str(vars(row))
    assert all(body not in path for path, _ in world.bob.http.seen)


def test_what_a_client_calls_itself_does_not_get_into_a_subject(world: World, bob: Person) -> None:
    app = App.register(name="Your bill is due: pay at evil.example")
    world.connect(bob, app, handle="acme")
    Client.objects.filter(client_id=app.client_id).update(name="x\r\nBcc: everybody@example.com")
    notices.send_due(now=timezone.now())
    (message,) = mail.outbox
    assert message.subject == "Gatehouse: An app was connected to @acme"
    assert message.recipients() == ["bob@example.com"]
    assert not [line for line in message.message().as_string().splitlines() if line.startswith("Bcc")]


def test_opening_the_links_of_a_mail_ends_nothing(world: World, bob: Person, token: str, chatgpt: App) -> None:
    """Mail programs and scanners open links by themselves, some with the person's session."""
    world.connect(bob, chatgpt, handle="acme")
    notices.send_due(now=timezone.now())
    links = {line.strip().removeprefix("http://127.0.0.1:8000") for message in mail.outbox
             for line in message.body.splitlines() if line.startswith("  http")}  # fmt: skip
    assert len(links) == 3
    for link in links:
        assert bob.http.get(link).status_code == 200
        assert bob.http.head(link).status_code == 200
    assert Connection.objects.get().is_live
    found = personal_tokens.authenticate(token, timezone.now())
    assert isinstance(found, PersonalAccessToken)
    assert User.objects.get(email="bob@example.com").signed_out_at is None
