"""Making and ending personal access tokens: who may have which, and what is kept."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.forms import model_to_dict

from authserver import policy
from authserver.models import Event, Notice, PersonalAccessToken
from authserver.protocol import credentials
from authserver.services import personal_tokens
from authserver.services.personal_tokens import lifecycle
from handles.models import Handle, Membership
from tests.authserver.services.conftest import NOW, reason
from tests.authserver.services.personal_tokens.conftest import MONTH, Making
from tests.people import World, make_world

BAD = {
    "no name": ({"name": ""}, "name"),
    "a name of nothing visible": ({"name": "\u200b\r\n\u202e"}, "name"),
    "a name too long": ({"name": "x" * 81}, "name"),
    "no lifetime": ({"lifetime": timedelta(0)}, "lifetime"),
    "a negative one": ({"lifetime": timedelta(days=-7)}, "lifetime"),
    "an endless one": ({"lifetime": timedelta(days=36500)}, "lifetime"),
    "a day more than a year": ({"lifetime": timedelta(days=366)}, "lifetime"),
    "no scope": ({"scopes": []}, "no_scope"),
    "an unknown scope": ({"scopes": ["links.read", "root"]}, "scope"),
    "the session of MCP": ({"scopes": ["mcp.connect"]}, "scope"),
    "refresh tokens": ({"scopes": ["offline_access"]}, "scope"),
    "a scope of admins": ({"scopes": ["links.read", "webhooks.write"]}, "scope"),
    "a right of admins at the control plane": ({"scopes": ["members.write"]}, "scope"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused_and_nothing_is_kept(world: World, asking: Any, name: str) -> None:
    changes, why = BAD[name]
    assert reason(asking(world.bob.user, **changes)) == f"personal_token:{why}"
    assert not PersonalAccessToken.objects.exists()
    assert not Event.objects.filter(tag="personal_token:created").exists()
    assert not Notice.objects.exists()


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_who_is_no_member_gets_none_not_even_a_guest(world: World, acme: Handle, asking: Any, visibility: str) -> None:
    Handle.objects.filter(pk=acme.pk).update(visibility=visibility)
    acme.refresh_from_db()
    assert reason(asking(world.carol.user)) == "personal_token:no_member"


def test_neither_at_a_suspended_handle_nor_for_a_deactivated_person(world: World, acme: Handle, asking: Any) -> None:
    user = world.bob.user
    user.is_active = False
    assert reason(asking(user)) == "personal_token:no_member"
    acme.status = Handle.Status.SUSPENDED
    assert reason(asking(world.bob.user)) == "personal_token:no_member"


def test_one_more_than_the_limit_is_refused_until_one_ends(world: World, making: Making, asking: Any) -> None:
    bob = world.bob.user
    row = [making(bob)[0] for _ in range(policy.PERSONAL_TOKENS_MAX)][0]
    assert reason(asking(bob)) == "personal_token:too_many"
    making(world.alice.user)
    making(bob, handle=Handle.objects.get(slug="initech"))
    personal_tokens.revoke(row, by=bob, now=NOW)
    making(bob)
    assert reason(asking(bob)) == "personal_token:too_many"
    making(bob, now=NOW + MONTH)


def test_a_form_makes_one_token_however_often_it_comes(world: World, making: Making, asking: Any) -> None:
    form_id = uuid4()
    row, _ = making(world.bob.user, form_id=form_id)
    assert reason(asking(world.bob.user, form_id=form_id, name="other")) == "personal_token:form_used"
    personal_tokens.revoke(row, by=world.bob.user, now=NOW)
    assert reason(asking(world.bob.user, form_id=form_id)) == "personal_token:form_used"
    assert PersonalAccessToken.objects.count() == 1
    making(world.bob.user)
    making(world.bob.user)


def test_of_the_secret_only_digest_and_hint_are_kept(world: World, making: Making) -> None:
    row, token = making(world.bob.user)
    assert credentials.is_well_formed(token, "pat_")
    assert bytes(row.digest) == credentials.digest(token)
    assert row.hint == token[-4:]
    kept = str(model_to_dict(PersonalAccessToken.objects.get())) + str(list(Event.objects.values()))
    kept += str(list(Notice.objects.values()))
    assert token not in kept
    assert token[4:-4] not in kept


def test_what_is_kept_is_what_was_asked_for(world: World, making: Making) -> None:
    row, _ = making(world.bob.user, name="  Nightly\n export ", scopes=["tokens.read", "pages.read", "pages.read"])
    row.refresh_from_db()
    assert (row.name, row.scope_list) == ("Nightly export", ["pages.read", "tokens.read"])
    assert (row.created_at, row.expires_at, row.last_used_at) == (NOW, NOW + MONTH, None)


def test_the_person_is_told_by_mail_and_the_ledger_by_id(world: World, making: Making) -> None:
    row, _ = making(world.bob.user)
    event = Event.objects.get(tag="personal_token:created")
    assert (event.handle, event.person_id, event.detail["token"]) == ("acme", world.bob.user.pk, str(row.pk))
    assert "CI" not in str(event.detail)
    notice = Notice.objects.get()
    assert (notice.kind, notice.user_id) == ("token_created", world.bob.user.pk)
    assert notice.facts["token"] == str(row.pk)


def test_ending_it_twice_ends_it_once(world: World, making: Making) -> None:
    row, _ = making(world.bob.user)
    again = PersonalAccessToken.objects.get()
    assert personal_tokens.revoke(row, by=world.alice.user, now=NOW)
    assert not personal_tokens.revoke(again, by=world.bob.user, now=NOW + MONTH)
    again.refresh_from_db()
    assert again.ended_at == NOW
    assert Event.objects.filter(tag="personal_token:revoked").count() == 1


@pytest.mark.parametrize(("who", "actor"), [("bob", "person"), ("alice", "person"), ("admin", "administrator")])
def test_the_event_names_who_ended_it(world: World, making: Making, who: str, actor: str) -> None:
    row, _ = making(world.bob.user)
    by = getattr(world, who).user
    personal_tokens.revoke(row, by=by, now=NOW)
    event = Event.objects.get(tag="personal_token:revoked")
    assert (event.actor, event.actor_id, event.person_id) == (actor, str(by.pk), world.bob.user.pk)


def test_the_descriptions_are_fit_for_the_wire() -> None:
    for no in (lifecycle.NAME, lifecycle.LIFETIME, lifecycle.SCOPE, lifecycle.TOO_MANY, lifecycle.FORM_USED):
        assert no.description.isascii()
        assert no.description.isprintable()


def test_requests_at_once_do_not_pass_the_limit(
    content_restored: None, transactional_db: None, django_db_serialized_rollback: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "PERSONAL_TOKENS_MAX", 2)
    bob, acme = make_world().bob.user, Handle.objects.get(slug="acme")
    together, answers = Barrier(4), []

    def ask() -> None:
        together.wait()
        try:
            made = personal_tokens.create(bob, acme, name="CI", scopes=["links.read"], lifetime=MONTH, now=NOW)
            answers.append(isinstance(made, tuple))
        finally:
            connection.close()

    callers = [Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(answers) == [False, False, True, True]


def test_a_lowered_role_and_a_new_token_at_once_leave_none_beyond_the_role(
    content_restored: None, transactional_db: None, django_db_serialized_rollback: None
) -> None:
    alice, acme = make_world().alice.user, Handle.objects.get(slug="acme")
    together = Barrier(2)

    def lower() -> None:
        together.wait()
        try:
            Membership.objects.filter(handle=acme, user=alice).update(role="member")
        finally:
            connection.close()

    beside = Thread(target=lower)
    beside.start()
    together.wait()
    personal_tokens.create(alice, acme, name="CI", scopes=["members.write"], lifetime=MONTH, now=NOW)
    beside.join()
    assert all(personal_tokens.effective_scopes(row, NOW) == [] for row in PersonalAccessToken.objects.all())
