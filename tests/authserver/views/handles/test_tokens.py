"""The page of personal access tokens: who finds it, what it refuses, and that a secret is shown exactly once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Http
from django.utils import timezone
from time_machine import travel

from authserver import policy
from authserver.models import PersonalAccessToken
from authserver.services import personal_tokens
from authserver.views.handles.token_page import Made, TokenCard
from handles.models import Handle, Membership
from tests.people import App, Person, World, field_value

PAGE = "/handles/acme/tokens"
SECRET = re.compile(r"pat_[0-9A-Za-z]{49}")


def form_of(person: Person, path: str = PAGE, **changes: Any) -> dict[str, Any]:
    """Open the page and fill in its form."""
    hidden = field_value(person.http.get(path).content.decode(), "form")
    return {"form": hidden, "name": "Nightly export", "scope": ["links.read"], "days": "30"} | changes


def make(person: Person, **changes: Any) -> Any:
    return person.http.post(PAGE, form_of(person, **changes))


def secret_in(answer: Any) -> str:
    found = set(SECRET.findall(answer.content.decode()))
    assert len(found) == 1
    return found.pop()


@pytest.fixture
def alice(world: World) -> Person:
    return world.alice.sign_in()


@pytest.fixture
def bob(world: World) -> Person:
    return world.bob.sign_in()


def row_of(person: Person) -> PersonalAccessToken:
    make(person)
    return PersonalAccessToken.objects.get(user=person.user)


# --- Who finds it


@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_signed_out_sees_it(world: World, method: str) -> None:
    for path in (PAGE, f"{PAGE}/{uuid4()}/revoke"):
        answer = getattr(Http(), method)(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("visibility", ["private", "public"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_for_who_is_no_member_it_is_not_there(world: World, visibility: str, method: str) -> None:
    Handle.objects.filter(slug="acme").update(visibility=visibility)
    carol = world.carol.sign_in()
    assert getattr(carol.http, method)(PAGE).status_code == 404


def test_at_a_suspended_handle_or_none_it_is_not_there(world: World, alice: Person) -> None:
    Handle.objects.filter(slug="acme").update(status="suspended")
    for path in (PAGE, "/handles/nowhere/tokens", "/handles/%00/tokens", "/handles/-/tokens"):
        assert alice.http.get(path).status_code == 404


# --- What the form refuses


BAD: dict[str, dict[str, Any]] = {
    "no name": {"name": ""},
    "an invisible name": {"name": "\u200b\u202e"},
    "a long name": {"name": "x" * 81},
    "no scope": {"scope": []},
    "a scope forged": {"scope": ["links.read", "webhooks.write"]},
    "a right forged": {"scope": ["members.write"]},
    "the session of MCP": {"scope": ["mcp.connect"]},
    "refresh tokens": {"scope": ["offline_access"]},
    "a scope that is none": {"scope": ["\x00", "a b", "x" * 9000]},
    "no lifetime": {"days": ""},
    "an endless one": {"days": "36500"},
    "a negative one": {"days": "-7"},
    "a lifetime in other digits": {"days": "٣٠"},
    "a lifetime past any clock": {"days": "9" * 30},
    "no form id": {"form": ""},
    "a form id forged": {"form": "eyJ1IjoiIn0:1abc:def"},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_form_is_answered_with_the_reason_and_makes_nothing(bob: Person, name: str) -> None:
    answer = make(bob, **BAD[name])
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert not SECRET.search(answer.content.decode())
    assert not PersonalAccessToken.objects.exists()


def test_what_was_typed_is_kept(bob: Person) -> None:
    html = make(bob, scope=["links.read"], days="1").content.decode()
    assert 'value="Nightly export"' in html
    assert re.search(r'value="links.read"[^>]*checked', html)


def test_a_form_of_another_site_is_refused(world: World, bob: Person) -> None:
    form = form_of(bob)
    strict = Http(enforce_csrf_checks=True)
    strict.cookies = bob.http.cookies
    assert strict.post(PAGE, form).status_code == 403
    assert not PersonalAccessToken.objects.exists()


def test_a_form_of_somebody_else_or_of_another_handle_is_refused(alice: Person, bob: Person) -> None:
    assert make(bob, form=form_of(alice)["form"]).status_code == 400
    assert make(bob, form=form_of(bob, "/handles/initech/tokens")["form"]).status_code == 400
    assert not PersonalAccessToken.objects.exists()


def test_a_form_that_was_open_too_long_is_refused_and_kept(bob: Person) -> None:
    form = form_of(bob)
    with travel(timezone.now() + policy.CONSENT_FORM_LIFETIME + timedelta(seconds=2), tick=False):
        answer = bob.http.post(PAGE, form)
    assert answer.status_code == 400
    assert "open for too long" in answer.content.decode()
    assert 'value="Nightly export"' in answer.content.decode()


def test_a_form_sent_after_the_role_was_lowered_is_refused(world: World, alice: Person) -> None:
    form = form_of(alice, scope=["webhooks.write"])
    Membership.objects.filter(user=world.alice.user, handle__slug="acme").update(role="member")
    assert alice.http.post(PAGE, form).status_code == 400
    assert not PersonalAccessToken.objects.exists()


# --- The secret


def test_the_secret_is_on_the_one_answer_and_kept_by_nobody(bob: Person) -> None:
    answer = make(bob)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    secret = secret_in(answer)
    assert isinstance(personal_tokens.authenticate(secret, timezone.now()), PersonalAccessToken)
    assert secret not in bob.http.get(PAGE).content.decode()
    assert secret not in str(dict(bob.http.session.items()))
    assert secret not in str(bob.http.cookies)


def test_a_reload_neither_shows_it_again_nor_makes_a_second_one(bob: Person) -> None:
    form = form_of(bob)
    bob.http.post(PAGE, form)
    again = bob.http.post(PAGE, form)
    assert again.status_code == 400
    assert "was sent before" in again.content.decode()
    assert not SECRET.search(again.content.decode())
    assert 'value="Nightly export"' not in again.content.decode()
    assert PersonalAccessToken.objects.count() == 1


def test_two_tabs_make_two(bob: Person) -> None:
    first, second = form_of(bob), form_of(bob)
    assert secret_in(bob.http.post(PAGE, first)) != secret_in(bob.http.post(PAGE, second))


def test_the_text_of_what_was_made_does_not_hold_it(world: World, bob: Person) -> None:
    card = TokenCard(row_of(bob), (), is_expired=False, obstacle="")
    assert "pat_" not in repr(Made(card, "pat_secret"))


# --- What it shows


def test_what_the_role_does_not_reach_is_disabled_and_says_why(bob: Person) -> None:
    html = bob.http.get(PAGE).content.decode()
    box = re.search(r'<input type="checkbox" name="scope" value="webhooks.write"[^>]*>', html)
    assert box is not None
    assert "disabled" in box.group()
    assert "Needs the role admin." in html
    assert 'value="mcp.connect"' not in html
    assert 'value="offline_access"' not in html


def test_a_member_sees_their_own_and_an_admin_everybodys(alice: Person, bob: Person) -> None:
    make(alice, name="Of alice")
    make(bob, name="Of bob")
    seen_by_bob, seen_by_alice = (each.http.get(PAGE).content.decode() for each in (bob, alice))
    assert "Of bob" in seen_by_bob
    assert "Of alice" not in seen_by_bob
    assert "bob@example.com" in seen_by_alice
    assert "Tokens of other members" in seen_by_alice
    assert seen_by_alice.index("Of alice") < seen_by_alice.index("Of bob")


def test_bridge_credentials_are_not_on_it(world: World, alice: Person, chatgpt: App) -> None:
    world.connect(alice, chatgpt, handle="acme")
    assert "ChatGPT" not in alice.http.get(PAGE).content.decode()


def test_what_a_lowered_role_took_away_is_said(world: World, alice: Person) -> None:
    make(alice, scope=["links.read", "webhooks.write"])
    Membership.objects.filter(user=world.alice.user, handle__slug="acme").update(role="member")
    text = " ".join(re.sub(r"<[^>]+>", "", alice.http.get(PAGE).content.decode()).split())
    assert "Read your links; Create and edit webhooks (not in the role held now)" in text


def test_admins_see_that_tokens_of_former_members_do_not_work(world: World, alice: Person, bob: Person) -> None:
    row_of(bob)
    Membership.objects.filter(user=world.bob.user, handle__slug="acme").delete()
    assert "no longer a member" in alice.http.get(PAGE).content.decode()


def test_an_expired_one_is_shown_for_a_while_and_then_no_more(bob: Person) -> None:
    row = row_of(bob)
    PersonalAccessToken.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert ">Expired</span>" in bob.http.get(PAGE).content.decode()
    long_ago = timezone.now() - policy.EXPIRED_TOKENS_SHOWN - timedelta(days=1)
    PersonalAccessToken.objects.filter(pk=row.pk).update(expires_at=long_ago)
    assert "Nightly export</bdi>" not in bob.http.get(PAGE).content.decode()


@pytest.mark.parametrize("number", ["2", "0", "-1", "x", "9" * 40, "\x00"])
def test_any_page_number_gets_a_page(alice: Person, number: str) -> None:
    assert alice.http.get(PAGE, {"page": number}).status_code == 200


def test_many_tokens_of_others_come_in_pages_with_few_queries(
    world: World, alice: Person, django_assert_max_num_queries: Any
) -> None:
    now = timezone.now()
    acme, user = Handle.objects.get(slug="acme"), world.bob.user
    rows = [
        PersonalAccessToken(
            user=user, handle=acme, name=f"T{n}", scopes="links.read", digest=bytes([n]) * 32, hint="abcd",
            created_at=now, expires_at=now + timedelta(days=n + 1),
        )
        for n in range(60)
    ]  # fmt: skip
    PersonalAccessToken.objects.bulk_create(rows)
    with django_assert_max_num_queries(18):
        html = alice.http.get(PAGE).content.decode()
    assert html.count("Revoke T") == 25
    assert 'href="?page=2"' in html
    assert alice.http.get(PAGE, {"page": "3"}).content.decode().count("Revoke T") == 10


def test_the_list_of_handles_leads_members_to_it(bob: Person) -> None:
    assert 'href="/handles/acme"' in bob.http.get("/handles").content.decode()
    html = bob.http.get("/handles/acme").content.decode()
    assert f'href="{PAGE}"' in html
    assert 'href="/handles/acme/connections"' not in html


# --- Revoking


def test_opening_the_page_in_between_ends_nothing(bob: Person) -> None:
    row = row_of(bob)
    for answer in (
        bob.http.get(f"{PAGE}/{row.pk}/revoke?confirm=yes"),
        bob.http.post(f"{PAGE}/{row.pk}/revoke"),
        bob.http.post(f"{PAGE}/{row.pk}/revoke", {"confirm": "no"}),
    ):
        assert answer.status_code == 200
        assert "Revoke <bdi>Nightly export</bdi>?" in answer.content.decode()
    row.refresh_from_db()
    assert row.ended_at is None


def test_a_member_cannot_end_somebody_elses(alice: Person, bob: Person) -> None:
    row = row_of(alice)
    assert bob.http.post(f"{PAGE}/{row.pk}/revoke", {"confirm": "yes"}).status_code == 404
    row.refresh_from_db()
    assert row.ended_at is None


def test_an_admin_cannot_end_one_of_another_handle(world: World, alice: Person, bob: Person) -> None:
    form = form_of(bob, "/handles/initech/tokens")
    bob.http.post("/handles/initech/tokens", form)
    row = PersonalAccessToken.objects.get()
    for path in (f"{PAGE}/{row.pk}/revoke", f"/handles/initech/tokens/{row.pk}/revoke"):
        assert alice.http.post(path, {"confirm": "yes"}).status_code == 404
    row.refresh_from_db()
    assert row.ended_at is None


def test_one_that_ended_or_never_was_is_not_found(bob: Person) -> None:
    row = row_of(bob)
    bob.http.post(f"{PAGE}/{row.pk}/revoke", {"confirm": "yes"})
    for token_id in (row.pk, uuid4()):
        assert bob.http.post(f"{PAGE}/{token_id}/revoke", {"confirm": "yes"}).status_code == 404


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_its_person_and_an_admin_end_it_at_once(world: World, bob: Person, alice: Person, who: str) -> None:
    secret = secret_in(make(bob))
    row = PersonalAccessToken.objects.get()
    person = getattr(world, who)
    answer = person.http.post(f"{PAGE}/{row.pk}/revoke", {"confirm": "yes"}, follow=True)
    assert "Nightly export no longer works." in answer.content.decode()
    assert not isinstance(personal_tokens.authenticate(secret, timezone.now()), PersonalAccessToken)
