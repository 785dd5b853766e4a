"""What an administrator's form may not store, and what a row says of itself."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from authserver.models import Client, Connection, ProtectedResource, ResourceServer, Scope
from tests.people import App, Tokens, World

pytestmark = pytest.mark.django_db


def problems(row: Client | ProtectedResource | Scope) -> set[str]:
    """Return the fields that a form would find wrong in what `clean` and the field validators check."""
    try:
        row.clean_fields(exclude=[] if isinstance(row, Scope) else ["kind"])
        row.clean()
    except ValidationError as error:
        return set(error.message_dict)
    return set()


# --- Clients


@pytest.mark.parametrize(
    "uris",
    [
        "",
        "   ",
        "http://evil.example/cb",
        "https://a.example/cb http://evil.example/cb",
        "https://a.example/cb#x",
        "javascript:alert(1)",
        "https://*.example/cb",
        "https://a.example:*/cb",
        "nonsense",
    ],
)
def test_an_administrator_is_held_to_the_redirect_rules(uris: str) -> None:
    client = Client(client_id="x", redirect_uris=uris)
    with pytest.raises(ValidationError) as raised:
        client.clean()
    assert set(raised.value.message_dict) == {"redirect_uris"}


@pytest.mark.parametrize("uris", ["https://a.example/cb", "https://a.example/cb\nhttp://127.0.0.1/cb", "cursor://x/cb"])
def test_good_redirect_uris_are_taken_one_a_line_or_a_space_apart(uris: str) -> None:
    Client(client_id="x", redirect_uris=uris).clean()


def test_a_client_that_is_blocked_or_ended_is_not_usable(chatgpt: App) -> None:
    row = Client.objects.get()
    assert row.is_usable(None)
    row.is_active = False
    assert not row.is_usable(None)
    row.is_active, row.expired_at = True, timezone.now()
    assert not row.is_usable(None)


def test_a_client_without_a_name_is_called_by_its_id() -> None:
    assert str(Client(client_id="the-id", name="")) == "the-id"


# --- Protected resources


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nonsense",
        "/mcp",
        "ftp://a.example/mcp",
        "https://A.example/mcp",
        "https://a.example:443/mcp",
        "https://a.example/",
        "https://a.example/mcp#x",
        "https://a.example/mcp?x",
        "https://u@a.example/mcp",
        "https://a.example/../mcp",
        "https://{handle}.{handle}.example/mcp",
        "https://{other}.example/mcp",
        "https://a.example/ mcp",
    ],
)
def test_an_address_that_clients_could_not_send_is_refused(address: str) -> None:
    assert "address" in problems(ProtectedResource(kind="other", name="X", address=address))


@pytest.mark.parametrize("address", ["https://a.example/mcp", "https://a.example", "http://127.0.0.1:9/mcp"])
def test_a_canonical_address_is_taken(address: str) -> None:
    assert problems(ProtectedResource(kind="other", name="X", address=address)) == set()


def test_the_platform_s_endpoints_take_no_address_of_their_own() -> None:
    assert problems(ProtectedResource(kind="gateway", name="X", address="https://a.example/mcp")) == {"address"}


@pytest.mark.parametrize("aliases", ["nonsense", "https://a.example/mcp\nhttps://B.example/mcp"])
def test_an_alias_that_clients_could_not_send_is_refused(aliases: str) -> None:
    row = ProtectedResource(kind="other", name="X", address="https://a.example/mcp", aliases=aliases)
    assert problems(row) == {"aliases"}


def test_each_platform_endpoint_exists_once() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ProtectedResource.objects.create(kind="gateway", name="Second gateway")


def test_each_other_address_exists_once() -> None:
    ProtectedResource.objects.create(name="One", address="https://a.example/mcp")
    with pytest.raises(IntegrityError), transaction.atomic():
        ProtectedResource.objects.create(name="Two", address="https://a.example/mcp")


def test_an_endpoint_with_connections_cannot_be_deleted_under_them(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    with pytest.raises(ProtectedError):
        ProtectedResource.objects.get(kind="gateway").delete()


# --- Scopes


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a\\b", "a\nb", "ümläut", "a" * 101])
def test_a_scope_that_could_not_stand_in_a_request_is_refused(name: str) -> None:
    assert "name" in problems(Scope(name=name, title="X", group="X"))


@pytest.mark.parametrize("name", ["links.read", "a:b", "https://a.example/scope", "!"])
def test_a_scope_that_can_stand_in_a_request_is_taken(name: str) -> None:
    assert problems(Scope(name=name, title="X", group="X")) == set()


# --- What a row says of itself


def test_no_row_shows_more_than_ids_and_names(world: World, chatgpt: App) -> None:
    held: Tokens = world.connect(world.alice, chatgpt, handle="acme")
    connection = Connection.objects.get()
    rows = [connection, *connection.codes.all(), *connection.access_tokens.all(), *connection.refresh_tokens.all()]
    shown = " ".join(repr(row) + str(row) for row in [*rows, *ResourceServer.objects.all()])
    assert str(connection.pk) in shown
    for secret in (held.access, held.refresh or "", world.asker.secret):
        assert secret not in shown
