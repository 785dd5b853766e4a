"""A person takes out all that is kept about them, and leaves: nothing lets them in again, and nothing names them."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import connection as database

from accounts.models import User
from authserver.models import Connection, Event, PersonalAccessToken
from authserver.tasks import send_notices
from handles.models import Handle, Membership
from tests.accounts.test_sign_out_everywhere import make_token
from tests.people import PASSWORD, App, Person, Tokens, World
from tests.tampering import forget_events

PAGE, DOWNLOAD, DELETE = "/accounts/your-data", "/accounts/your-data/download", "/accounts/delete"


def everywhere(text: str) -> list[str]:
    """The tables of the whole database in which some row holds this text."""
    found = []
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            if any(text in str(value) for row in cursor.fetchall() for value in row):
                found.append(table)
    return found


def long_ago(person: Person) -> None:
    """Let it be long since this browser showed who it is."""
    session = person.http.session
    session["account_authentication_methods"] = [{"method": "password", "at": 1}]
    session.save()


@pytest.fixture
def held(world: World, chatgpt: App) -> Tokens:
    world.alice.sign_in()
    return world.connect(world.bob, chatgpt, handle="acme")


def test_what_is_kept_comes_as_one_document_without_secrets_and_without_others(world: World, held: Tokens) -> None:
    token, secret = make_token(world.bob.user)
    connection = Connection.objects.get()
    row = Handle.objects.get(slug="acme")
    world.alice.http.post(f"/handles/acme/members/{world.bob.user.pk}/role", {"role": "admin"})
    assert world.bob.http.get(PAGE).status_code == 200
    answer = world.bob.http.post(DOWNLOAD)
    assert answer["Content-Disposition"] == 'attachment; filename="your-data.json"'
    text = b"".join(answer.streaming_content).decode()
    kept: dict[str, Any] = json.loads(text)
    assert kept["account"]["email"] == "bob@example.com"
    assert {seat["name"] for seat in kept["handles"]} == {row.slug, "initech"}
    assert [each["client_name"] for each in kept["connections"]] == ["ChatGPT"]
    assert kept["connections"][0]["id"] == str(connection.pk)
    assert [each["name"] for each in kept["personal_access_tokens"]] == [token.name]
    told = {event["tag"] for event in kept["events_about_you"]}
    assert told >= {"connection:approved", "code:redeemed", "personal_token:created", "person:exported"}
    own = str(world.bob.user.pk)
    assert all(event["address"] is None for event in kept["events_about_you"] if event["actor_id"] == "")
    assert {event["actor_id"] for event in kept["events_about_you"] if event["actor"] == "person"} <= {own, ""}
    for each in (secret, held.access, held.refresh or "mcprt_", "alice@example.com", world.bob.user.password):
        assert each not in text


def test_whoever_left_is_let_in_nowhere_and_named_nowhere(
    world: World, chatgpt: App, held: Tokens, mailoutbox: list[EmailMessage]
) -> None:
    make_token(world.bob.user)
    page = world.bob.http.get(DELETE)
    assert "@initech" in page.content.decode()
    assert world.bob.http.post(DELETE, {"confirm": "yes"}).status_code == 409  # nobody else owns @initech
    assert world.asker.is_active(held.access)
    Membership.objects.create(user=world.alice.user, handle=Handle.objects.get(slug="initech"), role="owner")
    assert "1 connected app loses access" in world.bob.http.get(DELETE).content.decode()
    assert User.objects.filter(email="bob@example.com").exists()
    number = world.bob.user.pk
    forget_events()
    assert world.bob.http.post(DELETE, {"confirm": "yes"}).status_code == 302
    assert not world.asker.is_active(held.access)
    assert chatgpt.refresh(held.refresh).status_code == 400
    assert world.bob.http.get("/connections").status_code == 302
    again = world.bob.http.post("/accounts/login/", {"login": "bob@example.com", "password": PASSWORD})
    assert again.status_code == 200
    send_notices()
    assert everywhere("bob@example.com") == []
    assert (mailoutbox[-1].to, mailoutbox[-1].subject) == (["bob@example.com"], "Gatehouse: Your account was deleted")
    assert "If this was not you" in mailoutbox[-1].body
    assert not PersonalAccessToken.objects.exists()
    tags = list(Event.objects.filter(person_id=number).order_by("id").values_list("tag", flat=True))
    left = ["member:removed", "member:removed"]
    assert tags == ["connection:revoked", "personal_token:revoked", *left, "person:erased"]
    assert Membership.objects.filter(user=world.alice.user).count() == 3


@pytest.mark.parametrize("path", [PAGE, DOWNLOAD, DELETE])
def test_a_browser_left_open_gets_nothing_and_ends_nothing(world: World, held: Tokens, path: str) -> None:
    long_ago(world.bob)
    answer = world.bob.http.post(path, {"confirm": "yes"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert Person(world.bob.email).http.post(path)["Location"].startswith("/accounts/login/")
    assert world.asker.is_active(held.access)
    assert not Event.objects.filter(tag__in=["person:exported", "person:erased"]).exists()


def test_a_command_does_both_and_refuses_what_a_page_refuses(world: World, held: Tokens, tmp_path: Any) -> None:
    out, file = StringIO(), tmp_path / "bob.json"
    call_command("person", "export", "Bob@example.com", output=file)
    assert json.loads(file.read_text())["account"]["email"] == "bob@example.com"
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("person", "export", "bob@example.com", output=file)
    for email, why in (("bob", "last_owner.*initech"), ("admin", "is_administrator"), ("nobody", "no person")):
        with pytest.raises(CommandError, match=why):
            call_command("person", "erase", f"{email}@example.com", yes=True)
    Handle.objects.filter(slug="initech").delete()
    for noted in ("bob@example.com is member of @acme", "jimbob@example.com"):
        LogEntry.objects.create(user=world.admin.user, object_repr=noted, action_flag=CHANGE)
    call_command("person", "erase", "bob@example.com", stdout=out)
    assert "1 connections, 0 tokens and 1 seats would end" in out.getvalue()
    assert world.asker.is_active(held.access)
    call_command("person", "erase", "bob@example.com", yes=True, stdout=out)
    assert [noted.object_repr for noted in LogEntry.objects.all()] == ["jimbob@example.com"]  # of somebody else
    assert not world.asker.is_active(held.access)
    assert not User.objects.filter(email="bob@example.com").exists()
