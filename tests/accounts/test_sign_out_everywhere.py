"""Signing out everywhere: every session, connection and personal access token of a person, at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as Http
from django.utils import timezone

from accounts.models import User
from authserver.models import Connection, Event, PersonalAccessToken
from authserver.services import personal_tokens
from handles.models import Handle
from tests.people import PASSWORD, App, Person, Tokens, World
from tests.tampering import forget_events

PAGE = "/accounts/sign-out-everywhere"
CHANGE = "/accounts/password/change/"
NEW = "another battery, another staple"


@pytest.fixture
def phone(world: World) -> Person:
    """Alice's second browser, signed in; so is the first."""
    world.alice.sign_in()
    return Person(world.alice.email).sign_in()


@pytest.fixture
def held(world: World, chatgpt: App, phone: Person) -> Tokens:
    return world.connect(world.alice, chatgpt, handle="acme")


def make_token(user: User, slug: str = "acme") -> tuple[PersonalAccessToken, str]:
    made = personal_tokens.create(
        user,
        Handle.objects.get(slug=slug),
        name="CI",
        scopes=["links.read"],
        lifetime=timedelta(days=7),
        now=timezone.now(),
    )
    assert isinstance(made, tuple), made
    return made


def is_signed_in(http: Http) -> bool:
    return http.get("/connections").status_code == 200


def change(http: Http, **fields: str) -> int:
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW} | fields
    return http.post(CHANGE, form).status_code


def test_nobody_signed_out_is_asked_to_sign_in(world: World) -> None:
    assert world.alice.http.post(PAGE, {"confirm": "yes"})["Location"].startswith("/accounts/login/")
    assert world.alice.user.signed_out_at is None


@pytest.mark.parametrize("form", [{}, {"confirm": ""}, {"confirm": "no"}])
def test_without_the_answer_nothing_ends(world: World, held: Tokens, form: dict[str, str]) -> None:
    assert world.alice.http.post(PAGE, form).status_code == 200
    assert world.asker.is_active(held.access)
    assert is_signed_in(world.alice.http)


def test_opening_the_page_ends_nothing_and_says_how_much_would_end(world: World, held: Tokens) -> None:
    make_token(world.alice.user)
    answer = world.alice.http.get(f"{PAGE}?confirm=yes")
    assert answer["Cache-Control"] == "no-store"
    assert "1 connected app loses access." in answer.content.decode()
    assert "1 personal access token of yours stops working." in answer.content.decode()
    assert world.asker.is_active(held.access)


def test_a_form_of_another_site_is_refused(world: World, held: Tokens) -> None:
    strict = Http(enforce_csrf_checks=True)
    strict.cookies = world.alice.http.cookies
    assert strict.post(PAGE, {"confirm": "yes"}).status_code == 403
    assert world.asker.is_active(held.access)


def test_every_session_ends_this_one_too(world: World, phone: Person) -> None:
    answer = world.alice.http.post(PAGE, {"confirm": "yes"})
    assert answer["Location"] == "/accounts/login/"
    assert not is_signed_in(world.alice.http)
    assert not is_signed_in(phone.http)
    world.alice.sign_in()
    assert is_signed_in(world.alice.http)


def test_every_connection_and_token_is_refused_from_the_next_question_on(
    world: World, held: Tokens, chatgpt: App
) -> None:
    row, token = make_token(world.alice.user)
    world.alice.http.post(PAGE, {"confirm": "yes"})
    assert not world.asker.is_active(held.access)
    assert chatgpt.refresh(held.refresh).status_code == 400
    assert not isinstance(personal_tokens.authenticate(token, timezone.now()), PersonalAccessToken)
    row.refresh_from_db()
    assert row.ended_at is not None
    assert Connection.objects.get().end_reason == "signed_out"


def test_nobody_else_loses_anything(world: World, held: Tokens, chatgpt: App) -> None:
    bobs = world.connect(world.bob, chatgpt, handle="acme")
    _, token = make_token(world.bob.user)
    world.alice.http.post(PAGE, {"confirm": "yes"})
    assert world.asker.is_active(bobs.access)
    assert isinstance(personal_tokens.authenticate(token, timezone.now()), PersonalAccessToken)
    assert is_signed_in(world.bob.http)


def test_it_is_recorded_with_what_ended(world: World, held: Tokens) -> None:
    make_token(world.alice.user)
    forget_events()
    world.alice.http.post(PAGE, {"confirm": "yes"})
    tags = list(Event.objects.order_by("pk").values_list("tag", flat=True))
    assert tags == ["connection:revoked", "personal_token:revoked", "person:signed_out_everywhere"]
    event = Event.objects.latest("pk")
    assert event.detail == {"connections": 1, "tokens": 1}
    assert (event.person_id, event.actor) == (world.alice.user.pk, "person")


def test_a_wrong_password_changes_and_ends_nothing(world: World, held: Tokens, phone: Person) -> None:
    assert change(world.alice.http, oldpassword="wrong", everywhere="on") == 200
    assert world.asker.is_active(held.access)
    assert is_signed_in(phone.http)


def test_a_changed_password_alone_leaves_the_apps(world: World, held: Tokens, phone: Person) -> None:
    _, token = make_token(world.alice.user)
    assert change(world.alice.http) == 302
    assert world.asker.is_active(held.access)
    assert isinstance(personal_tokens.authenticate(token, timezone.now()), PersonalAccessToken)
    assert is_signed_in(world.alice.http)
    assert not is_signed_in(phone.http)


def test_a_changed_password_with_the_box_ends_all_but_this_session(world: World, held: Tokens, phone: Person) -> None:
    _, token = make_token(world.alice.user)
    assert change(world.alice.http, everywhere="on") == 302
    assert not world.asker.is_active(held.access)
    assert not isinstance(personal_tokens.authenticate(token, timezone.now()), PersonalAccessToken)
    assert is_signed_in(world.alice.http)
    assert not is_signed_in(phone.http)
    assert world.alice.user.check_password(NEW)


def test_sessions_from_before_an_upgrade_go_on(world: World) -> None:
    """The hash that Django keeps in a session only differs for those who signed out everywhere."""
    user = world.alice.user
    plain = super(User, user)._get_session_auth_hash()  # type: ignore[misc]
    assert user.get_session_auth_hash() == plain
    user.signed_out_at = timezone.now()
    assert user.get_session_auth_hash() != plain


def test_a_session_signed_with_a_former_key_goes_on(world: World, settings: object) -> None:
    world.alice.sign_in().http.post(PAGE, {"confirm": "yes"})
    world.alice.sign_in()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]  # type: ignore[attr-defined]
    settings.SECRET_KEY = "a new key, long enough to please every check of this server"  # type: ignore[attr-defined]
    assert is_signed_in(world.alice.http)
