"""What a personal access token is worth is asked live: no job, no cache between a loss of access and a no."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from authserver import policy
from authserver.models import PersonalAccessToken, Scope
from authserver.protocol import credentials
from authserver.services import catalog, personal_tokens
from authserver.services.usage import marks
from handles.models import Handle, Membership
from tests.authserver.services.conftest import NOW, reason
from tests.authserver.services.personal_tokens.conftest import MONTH, Making
from tests.people import World

SECOND = timedelta(seconds=1)
ADMINS = ["links.read", "webhooks.write", "members.write", "tokens.read"]


def suspend(row: PersonalAccessToken) -> None:
    Handle.objects.filter(pk=row.handle_id).update(status="suspended")


def deactivate(row: PersonalAccessToken) -> None:
    User.objects.filter(pk=row.user_id).update(is_active=False)


def leave(row: PersonalAccessToken) -> None:
    Membership.objects.filter(handle=row.handle_id, user=row.user_id).delete()


def leave_a_public_handle(row: PersonalAccessToken) -> None:
    leave(row)
    Handle.objects.filter(pk=row.handle_id).update(visibility="public")


def hold_an_unknown_role(row: PersonalAccessToken) -> None:
    Membership.objects.filter(handle=row.handle_id, user=row.user_id).update(role="emperor")


def be_a_guest(row: PersonalAccessToken) -> None:
    Membership.objects.filter(handle=row.handle_id, user=row.user_id).update(role="public")


def end(row: PersonalAccessToken) -> None:
    personal_tokens.revoke(row, by=row.user, now=NOW)


LOSSES: dict[str, tuple[Callable[[PersonalAccessToken], None], str]] = {
    "the handle is suspended": (suspend, "handle_suspended"),
    "the person is deactivated": (deactivate, "person_inactive"),
    "the person is no member any more": (leave, "no_member"),
    "nor a guest's worth": (leave_a_public_handle, "no_member"),
    "the role is unknown": (hold_an_unknown_role, "no_member"),
    "the role is a guest's": (be_a_guest, "no_member"),
    "the token was ended": (end, "ended"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_lost_is_refused_from_the_next_question_on(world: World, making: Making, name: str) -> None:
    row, token = making(world.bob.user)
    assert isinstance(personal_tokens.authenticate(token, NOW), PersonalAccessToken)
    lose, why = LOSSES[name]
    lose(row)
    assert reason(personal_tokens.authenticate(token, NOW)) == f"personal_token:{why}"
    assert personal_tokens.effective_scopes(PersonalAccessToken.objects.get(), NOW) == []


def test_it_works_to_the_last_second(world: World, making: Making) -> None:
    row, token = making(world.bob.user)
    assert isinstance(personal_tokens.authenticate(token, NOW + MONTH - SECOND), PersonalAccessToken)
    assert reason(personal_tokens.authenticate(token, NOW + MONTH)) == "personal_token:expired"
    assert personal_tokens.effective_scopes(row, NOW + MONTH) == []


@pytest.mark.parametrize("change", ["first", "last", "case", "shorter", "longer", "other kind", "nothing", "unicode"])
def test_a_malformed_one_costs_no_query(world: World, making: Making, change: str) -> None:
    _, token = making(world.bob.user)
    wrong = {
        "first": f"{token[:4]}{'1' if token[4] == '0' else '0'}{token[5:]}",
        "last": token[:-1] + ("1" if token[-1] == "0" else "0"),
        "case": token.swapcase(),
        "shorter": token[:-1],
        "longer": token + "0",
        "other kind": "mcpv1_" + token[4:],
        "nothing": "",
        "unicode": token[:-1] + "é",
    }[change]
    with CaptureQueriesContext(connection) as queries:
        assert reason(personal_tokens.authenticate(wrong, NOW)) == "personal_token:malformed"
    assert len(queries) == 0


def test_an_unknown_one_costs_one_query(db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert reason(personal_tokens.authenticate(credentials.generate("pat_"), NOW)) == "personal_token:unknown"
    assert len(queries) == 1


def test_every_no_sounds_alike(world: World, making: Making) -> None:
    row, token = making(world.bob.user)
    end(row)
    answers = [personal_tokens.authenticate(text, NOW) for text in (token, credentials.generate("pat_"), "junk")]
    assert {(no.code, no.description, no.status) for no in answers if not isinstance(no, PersonalAccessToken)} == {
        ("invalid_token", "The personal access token is not valid.", 401)
    }
    assert not any(isinstance(answer, PersonalAccessToken) for answer in answers)


def test_a_use_is_noted_once_in_five_minutes(world: World, making: Making) -> None:
    row, token = making(world.bob.user)

    def used(after: timedelta) -> Any:
        with CaptureQueriesContext(connection) as queries:
            personal_tokens.authenticate(token, NOW + after)
            marks.flush()
        row.refresh_from_db()
        return row.last_used_at, len(queries)

    assert used(timedelta(0)) == (NOW, 2)
    assert used(policy.LAST_USED_RESOLUTION) == (NOW, 1)
    later = policy.LAST_USED_RESOLUTION + SECOND
    assert used(later) == (NOW + later, 2)


def test_a_refused_one_is_not_used(world: World, making: Making) -> None:
    row, token = making(world.bob.user)
    leave(row)
    personal_tokens.authenticate(token, NOW)
    marks.flush()
    row.refresh_from_db()
    assert row.last_used_at is None


def test_scopes_shrink_with_the_role_and_come_back_with_it(world: World, making: Making) -> None:
    row, token = making(world.alice.user, scopes=ADMINS)
    held = Membership.objects.filter(handle=row.handle_id, user=row.user_id)
    for role, worth in (("owner", ADMINS), ("member", ["links.read", "tokens.read"]), ("admin", ADMINS)):
        held.update(role=role)
        found = personal_tokens.authenticate(token, NOW)
        assert isinstance(found, PersonalAccessToken)
        assert personal_tokens.effective_scopes(found, NOW) == worth


def test_a_scope_that_the_catalog_withdraws_is_gone_at_once(world: World, making: Making) -> None:
    row, _ = making(world.bob.user, scopes=["links.read", "pages.read"])
    Scope.objects.filter(pk="links.read").update(is_active=False)
    catalog.touch()
    assert personal_tokens.effective_scopes(row, NOW) == ["pages.read"]


def test_a_scope_of_the_catalog_cannot_lower_what_the_control_plane_asks_for(world: World, making: Making) -> None:
    row, _ = making(world.alice.user, scopes=["members.write"])
    Scope.objects.create(name="members.write", title="Forged", group="Forged", role="public")
    catalog.touch()
    Membership.objects.filter(handle=row.handle_id, user=row.user_id).update(role="member")
    assert personal_tokens.effective_scopes(row, NOW) == []


def test_what_only_mcp_knows_is_not_offered(db: None) -> None:
    offered = personal_tokens.offered()
    assert "mcp.connect" not in offered
    assert "offline_access" not in offered
    assert {"skills.read", "links.write", "events.read"} <= set(offered)
