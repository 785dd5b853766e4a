"""The metadata document and its neighbours, as clients read them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client as Http

from tests.people import App, World, answer_of, hosted

PATH = "/.well-known/oauth-authorization-server"
ISSUER = "http://127.0.0.1:8000"
LATER = (
    "authorization_endpoint",
    "token_endpoint",
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
)


@pytest.fixture
def metadata(db: None) -> dict[str, Any]:
    answer = Http().get(PATH)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    return answer.json()


@pytest.mark.covers("AS-02", "AS-03", "AS-05", "AS-06", "Q3", "RF-01", "req:T5")
def test_the_document_is_at_the_root_of_the_issuer_it_names(metadata: dict[str, Any]) -> None:
    assert metadata["issuer"] == ISSUER
    for member in LATER:
        assert metadata[member].startswith(ISSUER + "/oauth/")


@pytest.mark.covers("AS-04", "AS-14", "AS-03", "T13")
@pytest.mark.parametrize(
    "path",
    ["/.well-known/openid-configuration", PATH + "/mcp", "/mcp" + PATH, "/.well-known/oauth-authorization-server/"],
)
def test_where_there_is_no_document_there_is_a_404(db: None, path: str) -> None:
    answer = Http().get(path)
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) in (
        (404, "application/json"),
        (404, "text/html"),
    )
    assert answer["Content-Type"] == "application/json" or not path.startswith("/.well-known")


@pytest.mark.covers("T25", "RF-01")
def test_no_member_is_null_or_empty(metadata: dict[str, Any]) -> None:
    assert [name for name, value in metadata.items() if value in (None, "", [], {})] == []


@pytest.mark.covers("RF-02", "RF-04")
def test_every_member_with_a_default_that_is_not_ours_is_stated(metadata: dict[str, Any]) -> None:
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["response_modes_supported"] == ["query"]
    assert metadata["grant_types_supported"] == ["authorization_code", "refresh_token"]
    assert metadata["introspection_endpoint_auth_methods_supported"] == ["client_secret_basic"]
    assert metadata["revocation_endpoint_auth_methods_supported"] == metadata["token_endpoint_auth_methods_supported"]


@pytest.mark.covers("AS-09", "AS-21", "AS-42", "Q16", "req:T5")
def test_s256_iss_offline_access_and_the_methods_are_advertised(metadata: dict[str, Any]) -> None:
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert "offline_access" in metadata["scopes_supported"]
    assert {"none", "client_secret_basic", "client_secret_post"} <= set(
        metadata["token_endpoint_auth_methods_supported"]
    )
    assert not {"openid", "email", "profile", "introspection"} & set(metadata["scopes_supported"])


@pytest.mark.covers("AS-51", "AS-52", "DC-01", "DC-02")
@pytest.mark.parametrize(("registration", "announced"), [("open", True), ("token", True), ("closed", False)])
def test_the_ways_of_registering_are_announced_as_they_are(
    db: None, settings: Any, registration: str, announced: bool
) -> None:
    settings.REGISTRATION = registration
    told = Http().get(PATH).json()
    assert ("registration_endpoint" in told) == announced
    assert told["client_id_metadata_document_supported"] is True


@pytest.mark.covers("Q3", "AS-22", "AS-21")
def test_iss_is_the_issuer_byte_by_byte(world: World, chatgpt: App, metadata: dict[str, Any]) -> None:
    answer = answer_of(world.alice.decide(world.alice.open(chatgpt.authorize_url()), handle="acme"))
    assert answer["iss"] == metadata["issuer"]
    assert world.asker.knows(chatgpt.exchange(answer["code"]).json()["access_token"])["iss"] == metadata["issuer"]
    assert not metadata["issuer"].endswith("/")


@pytest.mark.covers("T22", "T20", "M-cors")
@pytest.mark.parametrize("agent", ["", "node", "undici", "python-httpx/0.28", "openai-mcp/1.0.0", "curl/8"])
def test_every_program_gets_it_from_every_origin(db: None, agent: str) -> None:
    headers = {"User-Agent": agent, "Origin": "https://inspector.example", "MCP-Protocol-Version": "2026-07-28"}
    answer = Http().get(PATH, headers=headers)
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.covers("T20", "M-cors", "RF-15")
@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        (PATH, "GET", True),
        ("/oauth/register", "POST", True),
        ("/oauth/token", "POST", True),
        ("/oauth/revoke", "POST", True),
        ("/oauth/authorize", "GET", False),
        ("/oauth/introspect", "POST", False),
        ("/connections", "GET", False),
        ("/accounts/login/", "POST", False),
    ],
)
def test_preflights_are_answered_where_scripts_may_call_and_only_there(
    db: None, path: str, method: str, allowed: bool
) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": method}
    answer = Http().options(path, headers=headers | {"Access-Control-Request-Headers": "authorization, content-type"})
    if not allowed:
        assert "Access-Control-Allow-Origin" not in answer
        return
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (204, "*")
    assert method in answer["Access-Control-Allow-Methods"]
    names = {name.strip().lower() for name in answer["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "mcp-protocol-version"} <= names
    assert "www-authenticate" in answer["Access-Control-Expose-Headers"].lower()


@pytest.mark.covers("AS-07", "AS-53")
@pytest.mark.parametrize(
    "issuer",
    [
        "http://ai.example.com",
        "https://ai.example.com/",
        "https://ai.example.com/tenant",
        "https://ai.example.com?x=1",
        "https://ai.example.com#x",
        "https://AI.example.com",
        "https://ai.example.com:443",
        "ai.example.com",
    ],
)
def test_an_issuer_that_is_no_https_origin_stops_the_start(settings: Any, issuer: str) -> None:
    settings.ISSUER = issuer
    assert {error.id for error in run_checks(tags=["security"])} & {"gatehouse.E001", "gatehouse.E002"}


@pytest.mark.covers("AS-53")
@pytest.mark.parametrize("issuer", ["https://ai.example.com", "https://ai.example.com:8443", "http://127.0.0.1:8000"])
def test_an_origin_is_an_issuer(settings: Any, issuer: str) -> None:
    settings.ISSUER = issuer
    assert not {error.id for error in run_checks(tags=["security"])} & {"gatehouse.E001", "gatehouse.E002"}


@pytest.mark.covers("req:T10", "req:T5")
def test_the_root_names_service_version_status_and_endpoints(metadata: dict[str, Any]) -> None:
    told = Http().get("/", headers={"Accept": "application/json"}).json()
    assert set(told) == {"name", "version", "status", "endpoints"}
    assert re.match(r"\d+\.\d+", told["version"])
    for member in LATER:
        assert told["endpoints"][member] == metadata[member]


@pytest.mark.covers("req:T4", "AS-34")
def test_the_audience_of_a_credential_is_what_its_client_asked_for(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, resource=hosted("acme"))
    assert world.asker.knows(held.access)["aud"] == hosted("acme")
