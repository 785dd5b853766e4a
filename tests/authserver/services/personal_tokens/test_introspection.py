"""Who is told what of a personal access token: servers of resources that take them, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from authserver.models import ProtectedResource, ResourceServer, Scope
from authserver.protocol import credentials
from authserver.services import introspection, resource_servers
from authserver.services.usage import marks
from handles.models import Handle, Membership
from tests.authserver.services.conftest import NOW, reason
from tests.authserver.services.personal_tokens.conftest import MONTH, Making
from tests.people import Asker, World

API = "https://api.example.com/v1"
INACTIVE = {"active": False}


@pytest.fixture
def api(world: World) -> ProtectedResource:
    return ProtectedResource.objects.create(name="API", address=API, takes_personal_tokens=True)


@pytest.fixture
def server(world: World, api: ProtectedResource) -> Asker:
    """A server of an API outside MCP."""
    row, secret = resource_servers.create("api", [api])
    return Asker(str(row.pk), secret)


def described(token: str, asker: Asker, **changes: Any) -> Any:
    usual = {"asker_id": asker.id, "asker_secret": asker.secret, "now": NOW} | changes
    return introspection.describe(token, **usual)


def test_a_server_without_its_secret_is_told_nothing(world: World, making: Making, server: Asker) -> None:
    _, token = making(world.bob.user)
    assert reason(described(token, server, asker_secret="rss_wrong")) == "resource_server:secret_wrong"
    assert reason(described(token, server, asker_id=world.asker.id)) == "resource_server:secret_wrong"
    assert reason(described(token, server, asker_id="nobody")) == "resource_server:unknown"
    ResourceServer.objects.filter(pk=server.id).update(is_active=False)
    assert reason(described(token, server)) == "resource_server:unknown"


def test_the_servers_of_mcp_endpoints_are_told_it_is_nothing(world: World, making: Making, server: Asker) -> None:
    _, token = making(world.bob.user)
    assert described(token, world.asker) == INACTIVE
    assert described(token, world.other_asker) == INACTIVE
    assert described(token, server)["active"]


def test_a_flag_on_an_mcp_endpoint_changes_nothing(world: World, making: Making) -> None:
    _, token = making(world.bob.user)
    ProtectedResource.objects.exclude(kind="other").update(takes_personal_tokens=True)
    assert described(token, world.asker) == INACTIVE


@pytest.mark.parametrize("kind", ["gateway", "hosted", "compatibility"])
def test_no_administrator_can_set_it_there(db: None, kind: str) -> None:
    row = ProtectedResource.objects.get(kind=kind)
    row.takes_personal_tokens = True
    with pytest.raises(ValidationError, match="No MCP endpoint"):
        row.full_clean()


def test_no_administrator_can_name_a_scope_like_a_right_of_the_control_plane(db: None) -> None:
    with pytest.raises(ValidationError, match="control-plane"):
        Scope(name="members.write", title="Forged", group="x").full_clean()


def test_no_other_server_is_told_and_no_use_is_noted(world: World, making: Making, api: ProtectedResource) -> None:
    row, token = making(world.bob.user)
    assert described(token, world.other_asker) == INACTIVE
    row.refresh_from_db()
    assert row.last_used_at is None


def test_a_resource_of_another_handle_is_none_of_its_business(
    world: World, making: Making, api: ProtectedResource, server: Asker
) -> None:
    row, token = making(world.bob.user)
    api.handle = Handle.objects.get(slug="globex")
    api.save()
    assert described(token, server) == INACTIVE
    row.refresh_from_db()
    assert row.last_used_at is None
    api.handle = row.handle
    api.save()
    assert described(token, server)["aud"] == API


@pytest.mark.parametrize("change", [{"is_active": False}, {"takes_personal_tokens": False}])
def test_a_resource_withdrawn_takes_none(
    world: World, making: Making, api: ProtectedResource, server: Asker, change: dict[str, bool]
) -> None:
    _, token = making(world.bob.user)
    ProtectedResource.objects.filter(pk=api.pk).update(**change)
    assert described(token, server) == INACTIVE


@pytest.mark.parametrize(
    "token", ["pat_", "pat_x", "pat_" + "0" * 49, credentials.encode("pat_", bytes(32)), "pat_\x00"]
)
def test_junk_is_inactive(server: Asker, token: str) -> None:
    assert described(token, server) == INACTIVE


def test_expired_and_ex_member_are_inactive(world: World, making: Making, server: Asker) -> None:
    row, token = making(world.bob.user)
    assert described(token, server, now=NOW + MONTH) == INACTIVE
    Membership.objects.filter(user=row.user_id, handle=row.handle_id).delete()
    assert described(token, server) == INACTIVE


def test_the_answer_says_whose_for_what_and_until_when(world: World, making: Making, server: Asker) -> None:
    row, token = making(world.bob.user, scopes=["links.read", "tokens.read"])
    bob = world.bob.user
    assert described(token, server) == {
        "active": True,
        "scope": "links.read",
        "sub": str(bob.pk),
        "username": "bob@example.com",
        "name": "Bob",
        "aud": API,
        "iss": "http://127.0.0.1:8000",
        "exp": int((NOW + MONTH).timestamp()),
        "iat": int(NOW.timestamp()),
        "jti": bytes(row.digest).hex()[:32],
        "token_type": "Bearer",
        "handle": "acme",
        "handle_role": "member",
        "token_kind": "personal_access_token",
        "personal_access_token_id": str(row.pk),
    }
    marks.flush()
    row.refresh_from_db()
    assert row.last_used_at == NOW


def test_a_lowered_role_lowers_the_scopes_in_the_answer(world: World, making: Making, server: Asker) -> None:
    row, token = making(world.alice.user, scopes=["links.read", "webhooks.write"])
    assert described(token, server)["scope"] == "links.read webhooks.write"
    Membership.objects.filter(user=row.user_id, handle=row.handle_id).update(role="member")
    answer = described(token, server)
    assert (answer["scope"], answer["handle_role"]) == ("links.read", "member")


def test_a_resource_with_its_own_scopes_is_told_only_those(
    world: World, making: Making, api: ProtectedResource, server: Asker
) -> None:
    _, token = making(world.bob.user, scopes=["links.read", "pages.read"])
    api.scopes.set(["pages.read"])
    assert described(token, server)["scope"] == "pages.read"


def test_a_server_of_several_resources_gets_all_their_addresses(
    world: World, making: Making, api: ProtectedResource, server: Asker
) -> None:
    _, token = making(world.bob.user)
    second = ProtectedResource.objects.create(
        name="B", address="https://{handle}.api.example.com", takes_personal_tokens=True
    )
    ResourceServer.objects.get(pk=server.id).resources.add(second)
    assert described(token, server)["aud"] == [API, "https://acme.api.example.com"]


def test_bridge_credentials_still_cost_one_statement(world: World, server: Asker) -> None:
    with CaptureQueriesContext(connection) as queries:
        described(credentials.generate("mcpv1_"), server)
    assert len(queries) == 1
