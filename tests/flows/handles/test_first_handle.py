"""Somebody without a handle, while a client waits: makes one, or joins one, and comes back to the same request."""

from __future__ import annotations

import json

import pytest

from authserver import policy
from authserver.models import Connection, Event
from handles.models import Handle, Invitation, Membership
from tests.flows.handles.people import (
    answer,
    create,
    invite,
    invite_by_link,
    join_by_link,
    letters,
    links_of,
    open_link,
    path_of,
    sign_up,
    words_of,
)
from tests.people import READS, App, Person, World, answer_of, hosted, tokens_of


@pytest.mark.covers("req:T2", "req:P2")
def test_from_no_handle_to_a_code_by_making_one(world: World, chatgpt: App) -> None:
    asked = chatgpt.authorize_url(scope=READS)
    dead_end = world.carol.open(asked)
    assert dead_end.status_code == 403
    (door,) = [link for link in links_of(dead_end) if link.startswith("/handles/new?next=")]
    page = world.carol.http.get(door)
    assert "Then you go back to connecting ChatGPT." in words_of(page)
    assert "https://chatgpt.com" in page["Content-Security-Policy"]
    assert 'class="site-nav"' not in page.content.decode()
    again = create(world.carol, "acme", next=asked)
    assert again.status_code == 400
    assert "This name is taken." in words_of(again)
    made = create(world.carol, "@Umbrella ", next=asked)
    assert (made.status_code, made["Location"]) == (302, asked)
    consent = world.carol.http.get(asked)
    assert "Connecting to @umbrella" in words_of(consent)
    tokens = tokens_of(chatgpt.exchange(answer_of(world.carol.decide(consent))["code"]))
    assert world.asker.knows(tokens.access)["handle_role"] == "owner"
    event = Event.objects.get(tag="handle:created")
    assert (event.handle, event.actor_id) == ("umbrella", str(world.carol.user.pk))


@pytest.mark.covers("req:P2")
def test_from_a_mail_to_a_connection_by_way_of_a_new_account(world: World, chatgpt: App) -> None:
    world.alice.sign_in()
    assert invite(world.alice, email="Dora@Example.com", role="admin").status_code == 302
    (letter,) = letters()
    assert (letter.to, letter.subject) == (["dora@example.com"], "Gatehouse: You are invited to @acme")
    row = Invitation.objects.get()
    assert f"/invitations/{row.pk}" in letter.body
    assert "alice@example.com invites you" in letter.body
    assert row.digest is None  # nothing in the mail is worth anything by itself
    dora = Person("dora@example.com")
    sent_on = dora.http.get(f"/invitations/{row.pk}")
    assert sent_on["Location"].startswith("/accounts/login/?next=")
    asked = chatgpt.authorize_url(scope=READS)
    assert sign_up(dora, asked)["Location"] == asked
    dead_end = dora.http.get(asked)
    assert "alice@example.com invites you to Acme Inc." in words_of(dead_end)
    joined = answer(dora, row, following=asked)
    assert joined["Location"] == asked
    consent = dora.http.get(asked)
    assert "Connecting to @acme" in words_of(consent)
    assert "You are now" not in words_of(consent)
    assert "code" in answer_of(dora.decide(consent))
    assert Connection.objects.get().user == dora.user
    assert [event.tag for event in Event.objects.filter(tag__contains=":a").order_by("id")][-3:] == [
        "invitation:accepted",
        "member:added",
        "connection:approved",
    ]


def test_a_link_that_is_opened_before_signing_in_says_what_it_is_and_is_kept(world: World, chatgpt: App) -> None:
    secret = invite_by_link(world.alice.sign_in())
    asked = chatgpt.authorize_url(scope=READS)
    opened = open_link(world.carol.http, f"http://127.0.0.1:8000/invitations#{secret}", asked)
    page = world.carol.http.get(opened["Location"])
    assert "Join @acme?" in words_of(page)
    assert "alice@example.com" in words_of(page)
    assert secret not in opened["Location"] + page.content.decode()
    world.carol.sign_in()
    joined = world.carol.http.post(opened["Location"], {"decision": "accept", "next": asked})
    assert joined["Location"] == asked
    assert "Connecting to @acme" in words_of(world.carol.http.get(asked))
    assert Membership.objects.get(user=world.carol.user).role == "member"
    assert world.carol.http.post(opened["Location"], {"decision": "accept", "next": asked})["Location"] == asked


def test_switching_the_account_keeps_the_link_open(world: World) -> None:
    secret = invite_by_link(world.alice.sign_in())
    open_link(world.bob.sign_in().http, secret)
    row = Invitation.objects.get()
    assert world.bob.http.get(f"/invitations/{row.pk}").status_code == 404  # a member has nothing to accept
    switched = world.bob.http.post(f"/invitations/{row.pk}/switch")
    assert switched["Location"].startswith("/accounts/login/?next=")
    carol = Person("carol@example.com", world.bob.http).sign_in()
    assert answer(carol, row)["Location"] == "/handles/acme"


@pytest.mark.covers("req:P2")
def test_who_meets_a_private_handle_asks_its_owners_and_is_let_in(world: World, chatgpt: App) -> None:
    asked = chatgpt.authorize_url(hosted("acme"), scope=READS)
    dead_end = world.carol.open(asked)
    (door,) = [link for link in links_of(dead_end) if path_of(link) == "/handles/acme/join"]
    page = world.carol.http.get(door)
    assert "Ask to join @acme?" in words_of(page)
    told = world.carol.http.post(door)
    assert "You asked to join @acme" in words_of(told)
    assert [letter.to for letter in letters()] == [["alice@example.com"]]  # owners and admins, no other member
    assert "You can ask once" not in words_of(world.carol.http.post(door))
    assert len(letters()) == 1
    world.alice.sign_in()
    members = words_of(world.alice.http.get("/handles/acme/members"))
    assert "Asking to join" in members
    assert "1 person asks to become a member." in words_of(world.alice.http.get("/handles/acme"))
    request = Handle.objects.get(slug="acme").join_requests.get()
    world.alice.http.post(f"/handles/acme/members/requests/{request.pk}", {"decision": "accept"})
    assert letters()[-1].to == ["carol@example.com"]
    assert "Connecting to @acme" in words_of(world.carol.http.get(asked))


def test_who_was_declined_is_not_told_and_may_not_ask_again_at_once(world: World) -> None:
    world.carol.sign_in().http.post("/handles/acme/join")
    request = Handle.objects.get(slug="acme").join_requests.get()
    world.alice.sign_in().http.post(f"/handles/acme/members/requests/{request.pk}", {"decision": "decline"})
    before = len(letters())
    assert "You asked to join @acme" in words_of(world.carol.http.post("/handles/acme/join"))
    assert len(letters()) == before
    assert not Membership.objects.filter(user=world.carol.user).exists()
    gone = world.alice.http.post(f"/handles/acme/members/requests/{request.pk}", {"decision": "accept"}, follow=True)
    assert "answered already" in words_of(gone)


def test_where_only_administrators_create_handles_nobody_else_is_offered_to(
    world: World, chatgpt: App, settings: object
) -> None:
    settings.HANDLE_CREATION = "administrators"  # type: ignore[attr-defined]
    dead_end = world.carol.open(chatgpt.authorize_url())
    assert not [link for link in links_of(dead_end) if link.startswith("/handles/new")]
    assert world.carol.http.get("/handles/new").status_code == 403
    assert create(world.carol, "umbrella").status_code == 403
    assert create(world.admin.sign_in(), "umbrella").status_code == 302


def test_the_door_that_checks_names_tells_what_the_form_would(world: World) -> None:
    def told(name: str) -> tuple[bool, str]:
        body = json.loads(world.carol.http.get("/handles/check", {"name": name}).content)
        return body["is_free"], body["told"]

    assert world.carol.http.get("/handles/check", {"name": "x"}).status_code == 401
    world.carol.sign_in()
    assert told("umbrella") == (True, "@umbrella is free.")
    for name in (
        "acme",
        "ACME",
        "@acme",
        "admin",
        "adm1n",
        "log-in",
        "gatehouse-1",
        "xn--80ak6aa92e",
        "-a",
        "",
        "a b",
    ):
        assert told(name)[0] is False, name
        assert create(world.carol, name).status_code == 400, name
    assert Handle.objects.count() == 3
    answers = [
        world.carol.http.get("/handles/check", {"name": "x"}) for _ in range(policy.HANDLE_NAMES_CHECKED_PER_MINUTE)
    ]
    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) > 0


def test_one_person_owns_so_many_handles_and_makes_so_many_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "HANDLES_OWNED_MAX", 1)
    world.carol.sign_in()
    assert create(world.carol, "one").status_code == 302
    assert "as many handles as one person may" in words_of(create(world.carol, "two"))
    monkeypatch.setattr(policy, "HANDLES_CREATED_PER_MINUTE", 2)
    assert "Wait a minute" in words_of(create(world.carol, "three"))


def test_who_holds_a_link_twice_joins_once(world: World) -> None:
    secret = invite_by_link(world.alice.sign_in(), uses="")
    world.carol.sign_in()
    assert join_by_link(world.carol, secret)["Location"] == "/handles/acme"
    row = Invitation.objects.get()
    assert open_link(world.carol.http, secret).status_code == 302
    assert answer(world.carol, row)["Location"] == "/handles"
    assert (Invitation.objects.get().uses, Membership.objects.filter(user=world.carol.user).count()) == (1, 1)
