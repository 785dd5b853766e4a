"""Discovery: one document, and a small 404 for every other."""

from __future__ import annotations

import pytest
from django.test import Client as Http

from authserver.models import Scope
from tests.flows.changes import set_scope

pytestmark = pytest.mark.django_db

DOCUMENT = "/.well-known/oauth-authorization-server"
SCOPES = (
    "mcp.connect skills.read links.read links.write analytics.read pages.read pages.write site.deployments.read "
    "site.deployments.write webhooks.read webhooks.write knowledge.query context_store.search context_store.manage "
    "offline_access"
).split()


# --- No


@pytest.mark.parametrize(
    "name",
    [
        "openid-configuration",
        "oauth-authorization-server/",
        "oauth-authorization-server/mcp",
        "oauth-authorization-server/oauth",
        "oauth-protected-resource",
        "oauth-protected-resource/mcp",
        "jwks.json",
        "",
        "change-password",
        "a\nb",
        "../admin/",
        "%00",
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/html", "*/*", ""])
def test_every_other_document_is_a_small_404_in_json(name: str, accept: str) -> None:
    answer = Http().get(f"/.well-known/{name}", headers={"accept": accept})
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["error"] == "not_found"
    assert len(answer.content) < 200
    assert answer["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_document_is_only_read(method: str) -> None:
    answer = getattr(Http(enforce_csrf_checks=True), method)(DOCUMENT)
    assert answer.status_code == 405
    assert "GET" in answer["Allow"]
    assert answer.json()["error"] == "invalid_request"


def test_a_scope_that_is_switched_off_is_not_advertised() -> None:
    set_scope("webhooks.write", is_active=False)
    assert Http().get(DOCUMENT).json()["scopes_supported"] == [name for name in SCOPES if name != "webhooks.write"]


# --- Yes


METHODS = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]


def test_the_document_is_exactly_this(settings) -> None:
    settings.ISSUER = "https://ai.example.com"
    assert Http().get(DOCUMENT).json() == {
        "issuer": "https://ai.example.com",
        "authorization_endpoint": "https://ai.example.com/oauth/authorize",
        "token_endpoint": "https://ai.example.com/oauth/token",
        "registration_endpoint": "https://ai.example.com/oauth/register",
        "revocation_endpoint": "https://ai.example.com/oauth/revoke",
        "introspection_endpoint": "https://ai.example.com/oauth/introspect",
        "jwks_uri": "https://ai.example.com/oauth/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "revocation_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "scopes_supported": SCOPES,
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "ui_locales_supported": ["en", "de", "fr", "es", "pt-BR", "ja", "zh-Hans", "ar"],
        "service_documentation": "https://ai.example.com",
    }


def test_the_catalog_of_the_document_is_the_catalog_of_the_table() -> None:
    assert sorted(SCOPES) == sorted(Scope.objects.values_list("name", flat=True))


def test_the_document_may_be_read_from_any_origin_and_kept_for_minutes() -> None:
    answer = Http().get(DOCUMENT, headers={"origin": "https://inspector.example"})
    assert answer["Content-Type"] == "application/json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer
    assert answer["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in answer


def test_the_head_of_the_document_is_answered() -> None:
    answer = Http().head(DOCUMENT)
    assert (answer.status_code, answer.content) == (200, b"")


def test_no_member_is_empty() -> None:
    assert [name for name, value in Http().get(DOCUMENT).json().items() if value in (None, "", [], {})] == []


def test_the_host_of_the_request_decides_nothing() -> None:
    answer = Http().get(DOCUMENT, headers={"host": "localhost", "x-forwarded-host": "evil.example"})
    assert answer.json()["issuer"] == "http://127.0.0.1:8000"


@pytest.mark.parametrize("path", [DOCUMENT, "/.well-known/openid-configuration"])
def test_a_preflight_is_answered(path: str) -> None:
    answer = Http().options(
        path,
        headers={
            "origin": "https://inspector.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": "mcp-protocol-version",
        },
    )
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Allow-Methods"] == "GET, OPTIONS"
    assert "mcp-protocol-version" in answer["Access-Control-Allow-Headers"].lower()


def test_discovery_is_one_statement(django_assert_num_queries) -> None:
    Http().get(DOCUMENT)
    with django_assert_num_queries(1):
        Http().get(DOCUMENT)
