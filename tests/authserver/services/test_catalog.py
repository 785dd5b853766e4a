"""The catalog in memory follows the table by its version; endpoints are asked fresh each time."""

from __future__ import annotations

import pytest
from django.db import transaction

from authserver.models import CatalogState, ProtectedResource, Scope
from authserver.services import catalog
from handles.models import Handle
from tests.flows.changes import set_endpoint, set_scope
from tests.people import GATEWAY, World, compat, hosted

pytestmark = pytest.mark.django_db


def version() -> int:
    return CatalogState.objects.get().version


# --- Scopes


def test_a_change_that_nobody_counted_is_not_seen(django_assert_num_queries) -> None:
    catalog.current()
    Scope.objects.filter(name="links.read").update(is_active=False)
    with django_assert_num_queries(1):
        assert "links.read" in catalog.current()
    catalog.touch()
    assert "links.read" not in catalog.current()


def test_each_touch_counts_one_up() -> None:
    before = version()
    catalog.touch()
    catalog.touch()
    assert version() == before + 2


def test_a_touch_repairs_a_lost_counter() -> None:
    CatalogState.objects.all().delete()
    catalog.touch()
    assert version() >= 1


def test_another_process_s_change_is_seen_through_the_version_it_read() -> None:
    catalog.current()
    Scope.objects.filter(name="links.read").update(is_active=False)
    assert "links.read" not in catalog.edition_of(version() + 1).catalog
    catalog.touch()


def test_a_change_that_was_rolled_back_is_forgotten() -> None:
    catalog.current()
    with pytest.raises(RuntimeError), transaction.atomic():
        set_scope("links.read", is_active=False)
        assert "links.read" not in catalog.current()
        raise RuntimeError("rolled back")
    assert "links.read" in catalog.current()
    set_scope("links.write", is_active=False)
    assert "links.read" in catalog.current()
    assert "links.write" not in catalog.current()


def test_the_order_is_the_catalog_s() -> None:
    set_scope("webhooks.write", position=1)
    assert next(iter(catalog.current())) == "webhooks.write"


def test_a_rule_says_what_the_row_says() -> None:
    rule = catalog.current()["site.deployments.write"]
    assert (rule.role, rule.level, rule.is_required, rule.is_shown) == ("admin", "manage", False, True)
    assert catalog.current()["mcp.connect"].is_required
    assert not catalog.current()["offline_access"].is_shown


# --- Endpoints


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/mcp",
        f"{GATEWAY}/",
        f"{GATEWAY}?x",
        f"{GATEWAY}#x",
        "http://127.0.0.1/mcp",
        "https://127.0.0.1:8001/mcp",
        "http://acme.evil.example:8001/mcp",
        "http://a.b.mcp.localhost:8001/mcp",
        "http://mcp.localhost:8001/mcp",
        "http://{handle}.mcp.localhost:8001/mcp",
        f"{GATEWAY}/acme",
        f"{GATEWAY}/acme/other/mcp",
        f"{GATEWAY}//mcp",
        f"{GATEWAY}/../mcp",
        "mcp",
        "x" * 10_000,
        "http://\x00/",
    ],
)
def test_what_is_no_endpoint_of_ours_is_none(uri: str) -> None:
    assert catalog.target_of(uri) is None


@pytest.mark.parametrize("uri", [None, "", GATEWAY, GATEWAY.upper().replace("/MCP", "/mcp")])
def test_the_gateway_is_named_by_its_address_or_by_nothing(uri: str | None) -> None:
    target = catalog.target_of(uri)
    assert target is not None
    assert (target.uri, target.kind, target.handle) == (GATEWAY, "gateway", None)


@pytest.mark.parametrize(("address", "kind"), [(hosted, "hosted"), (compat, "compatibility")])
def test_the_other_endpoints_name_their_handle(address, kind: str) -> None:
    target = catalog.target_of(address("acme"))
    assert target is not None
    assert (target.uri, target.kind, target.handle) == (address("acme"), kind, "acme")


def test_an_endpoint_that_was_withdrawn_is_none(world: World) -> None:
    set_endpoint("gateway", is_active=False)
    assert catalog.target_of(GATEWAY) is None
    assert catalog.target_of(None) is None
    assert catalog.target_of(hosted("acme")) is not None


def test_an_alias_is_stored_as_the_address() -> None:
    set_endpoint("gateway", aliases="https://old.example/mcp\nhttps://older.example/mcp")
    target = catalog.target_of("https://older.example/mcp")
    assert target is not None
    assert target.uri == GATEWAY


def test_an_alias_with_a_handle_brings_the_handle() -> None:
    set_endpoint("hosted", aliases="https://{handle}.old.example/mcp")
    target = catalog.target_of("https://acme.old.example/mcp")
    assert target is not None
    assert (target.uri, target.handle) == (hosted("acme"), "acme")


def test_an_address_of_one_handle_s_own_brings_that_handle(world: World) -> None:
    acme = Handle.objects.get(slug="acme")
    ProtectedResource.objects.create(name="Shop", address="https://shop.example/mcp", handle=acme)
    target = catalog.target_of("https://shop.example/mcp")
    assert target is not None
    assert target.handle == "acme"


def test_the_addresses_follow_the_settings(settings) -> None:
    settings.HOSTED_URL = "https://{handle}.mcp.example.com/mcp"
    target = catalog.target_of("https://acme.mcp.example.com/mcp")
    assert target is not None
    assert target.uri == "https://acme.mcp.example.com/mcp"
    assert catalog.target_of(hosted("acme")) is None
