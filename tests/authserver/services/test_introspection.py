"""What a credential is worth: asked live in one statement. The wire is tested in views/test_introspect.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from authserver import policy
from authserver.models import Connection
from authserver.protocol.errors import Refusal
from authserver.services import connections, introspection
from authserver.services.connections import EndReason, Issued
from authserver.services.usage import marks
from handles.models import Membership
from tests.authserver.services.conftest import NOW, READS, reason
from tests.flows.changes import set_scope
from tests.people import World

LIFETIME = policy.ACCESS_TOKEN_LIFETIME


def describe(world: World, token: str, now: Any = NOW) -> Any:
    return introspection.describe(token, asker_id=world.asker.id, asker_secret=world.asker.secret, now=now)


@pytest.mark.parametrize("asker_id", ["", "platform", "8f6f6a2e-0000-4000-8000-000000000000", "\x00", "x" * 10_000])
def test_an_unknown_asker_is_refused(world: World, pair: Issued, asker_id: str) -> None:
    answer = introspection.describe(pair.access_token, asker_id=asker_id, asker_secret=world.asker.secret, now=NOW)
    assert reason(answer) == "resource_server:unknown"


@pytest.mark.parametrize("secret", ["", "x", "\ud800"])
def test_a_wrong_secret_is_refused(world: World, pair: Issued, secret: str) -> None:
    answer = introspection.describe(pair.access_token, asker_id=world.asker.id, asker_secret=secret, now=NOW)
    assert reason(answer) == "resource_server:secret_wrong"


def test_unknown_and_wrong_are_publicly_the_same(world: World, pair: Issued) -> None:
    asked = [("8f6f6a2e-0000-4000-8000-000000000000", "x"), (world.asker.id, "x"), ("x", "x")]
    answers = [introspection.describe("t", asker_id=one, asker_secret=two, now=NOW) for one, two in asked]
    assert len({each.description for each in answers if isinstance(each, Refusal)}) == 1


@pytest.mark.parametrize(
    ("passed", "active"),
    [
        (timedelta(0), True),
        (LIFETIME - timedelta(microseconds=1), True),
        (LIFETIME, False),
        (LIFETIME + timedelta(days=999), False),
    ],
)
def test_a_credential_runs_out_to_the_microsecond(world: World, pair: Issued, passed: timedelta, active: bool) -> None:
    assert describe(world, pair.access_token, NOW + passed)["active"] is active


def test_an_id_in_capitals_or_without_hyphens_is_the_same_asker(world: World, pair: Issued) -> None:
    for spelling in (world.asker.id.upper(), world.asker.id.replace("-", "")):
        answer = introspection.describe(pair.access_token, asker_id=spelling, asker_secret=world.asker.secret, now=NOW)
        assert answer["active"] is True  # type: ignore[index]


def test_scopes_are_what_token_connection_role_and_catalog_agree_on(world: World, pair: Issued) -> None:
    assert describe(world, pair.access_token)["scope"] == " ".join(READS)
    Connection.objects.update(scopes="mcp.connect links.read links.write")
    assert describe(world, pair.access_token)["scope"] == "mcp.connect links.read"
    set_scope("links.read", role="owner")
    Membership.objects.filter(user=world.alice.user).update(role="admin")
    assert describe(world, pair.access_token)["scope"] == "mcp.connect"


def test_a_revocation_is_seen_by_the_next_question(world: World, pair: Issued) -> None:
    assert describe(world, pair.access_token)["active"]
    connections.revoke(Connection.objects.get(), reason=EndReason.PERSON, now=NOW)
    assert describe(world, pair.access_token) == {"active": False}


def test_a_change_of_the_catalog_costs_one_more_statement_once(
    world: World, pair: Issued, django_assert_num_queries: Any
) -> None:
    describe(world, pair.access_token)
    set_scope("links.write", position=5)
    with django_assert_num_queries(2):
        describe(world, pair.access_token)
    with django_assert_num_queries(1):
        describe(world, pair.access_token)


def test_the_last_use_is_noted_only_when_it_is_older_than_a_minute(world: World, pair: Issued) -> None:
    resolution = policy.LAST_USED_RESOLUTION
    for now in (NOW, NOW + resolution):
        describe(world, pair.access_token, now)
        marks.flush()
        assert Connection.objects.get().last_used_at == NOW
    describe(world, pair.access_token, NOW + resolution + timedelta(microseconds=1))
    marks.flush()
    assert Connection.objects.get().last_used_at == NOW + resolution + timedelta(microseconds=1)


def test_a_credential_that_is_worth_nothing_is_no_use(world: World, pair: Issued) -> None:
    describe(world, pair.access_token, NOW + LIFETIME)
    marks.flush()
    assert Connection.objects.get().last_used_at is None


def test_the_answer_names_the_issuer_of_now(world: World, pair: Issued, settings: Any) -> None:
    settings.ISSUER = "https://ai.example.com"
    assert describe(world, pair.access_token)["iss"] == "https://ai.example.com"
