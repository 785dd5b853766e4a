"""The signpost at the root, and the probes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client as Http

from authserver import __version__
from authserver.views import home
from tests.authserver.views.test_consent_page import words
from tests.flows.changes import set_endpoint, set_handle
from tests.people import World

pytestmark = pytest.mark.django_db


# --- The root


@pytest.mark.parametrize("accept", ["application/json", "*/*", ""])
def test_programs_get_name_version_status_and_endpoints(accept: str) -> None:
    answer = Http().get("/", headers={"accept": accept})
    body = answer.json()
    assert answer.status_code == 200
    assert (body["name"], body["version"], body["status"]) == ("Gatehouse", __version__, "ok")
    assert body["endpoints"]["token_endpoint"] == "http://127.0.0.1:8000/oauth/token"
    assert body["endpoints"]["metadata"] == "http://127.0.0.1:8000/.well-known/oauth-authorization-server"


def test_every_endpoint_on_the_signpost_is_there() -> None:
    told = Http().get("/").json()["endpoints"]
    for name, url in ((name, url) for name, url in told.items() if not name.startswith("mcp_")):
        path = url.removeprefix("http://127.0.0.1:8000")
        assert Http().get(path, headers={"accept": "application/json"}).status_code in (200, 400, 405), name


def test_the_signpost_names_the_mcp_urls_that_are_in_use() -> None:
    set_endpoint("compatibility", is_active=False)
    told = Http().get("/").json()["endpoints"]
    assert {name: url for name, url in told.items() if name.startswith("mcp_")} == {
        "mcp_gateway": "http://127.0.0.1:8001/mcp",
        "mcp_hosted": "http://{handle}.mcp.localhost:8001/mcp",
    }


def test_people_get_a_page_that_leads_to_their_connected_apps(world: World) -> None:
    page = Http(headers={"accept": "text/html"}).get("/")
    said = words(page)
    assert '<h1 id="heading">Gatehouse</h1>' in page.content.decode()
    assert "Sign in" in said
    assert __version__ in said
    assert "http://127.0.0.1:8000/oauth/authorize" in said
    assert "See your connected apps" in words(world.alice.sign_in().http.get("/"))


def test_the_page_holds_no_python() -> None:
    page = Http(headers={"accept": "text/html"}).get("/").content.decode()
    assert "{'" not in page
    assert "&#x27;" not in page


# --- The probes


def test_alive_is_told_without_asking_the_database(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = Http().get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_is_told_after_asking_the_database() -> None:
    answer = Http().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


class Unreachable:
    def cursor(self) -> None:
        raise DatabaseError("connection to server at 10.0.0.1 failed: password authentication failed")


def test_a_database_that_does_not_answer_is_503_and_tells_nothing_of_itself(monkeypatch: Any) -> None:
    monkeypatch.setattr(home, "connection", Unreachable())
    answer = Http().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "database": "unreachable"}


def test_a_database_without_every_migration_is_503(monkeypatch: Any) -> None:
    monkeypatch.setattr(home, "_migrated", False)
    monkeypatch.setattr(home.MigrationExecutor, "migration_plan", lambda self, nodes: ["one"])
    answer = Http().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "database": "migrations are missing"}
    monkeypatch.undo()
    assert Http().get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_probe_is_answered_whatever_host_it_names_and_nothing_else_is(path: str) -> None:
    """Platforms ask under addresses of their own."""
    elsewhere = {"host": "10.0.0.7:8000", "accept": "application/json"}
    assert Http().get(path, headers=elsewhere).json() == {"status": "ok"}
    assert Http().get(f"{path}x", headers=elsewhere).status_code == 400
    assert Http().post(path, headers=elsewhere).status_code == 400


# --- What the reverse proxy asks before it gets a certificate


def certificate_for(domain: str | None) -> int:
    return Http().get("/internal/tls-ask", {"domain": domain} if domain is not None else {}).status_code


@pytest.mark.parametrize(
    "domain",
    [
        None,
        "",
        "mcp.localhost",
        "nosuch.mcp.localhost",
        "acme.evil.example",
        "a.acme.mcp.localhost",
        "acme.mcp.localhost.evil.example",
        "acme.mcp.localhost:8001",
        "acme.mcp.localhost/mcp",
        "acme.mcp.localhost?",
        "x@acme.mcp.localhost",
        "127.0.0.1",
        "127.0.0.1:8001/mcp/acme",
        "{handle}.mcp.localhost",
        "*.mcp.localhost",
        "www.mcp.localhost",
        "xn--acme.mcp.localhost",
        "a\x00b",
        "x" * 10_000,
    ],
)
def test_no_certificate_for_what_is_no_handle_s_name(world: World, domain: str | None) -> None:
    assert certificate_for(domain) == 404


def test_no_certificate_for_a_suspended_handle(world: World) -> None:
    assert certificate_for("acme.mcp.localhost") == 200
    set_handle("acme", status="suspended")
    assert certificate_for("acme.mcp.localhost") == 404


def test_a_certificate_for_an_active_handle_s_name_however_it_is_written(world: World) -> None:
    assert certificate_for("acme.mcp.localhost") == certificate_for("ACME.mcp.LOCALHOST") == 200


def test_no_certificate_once_the_hosted_endpoint_is_withdrawn(world: World) -> None:
    set_endpoint("hosted", is_active=False)
    assert certificate_for("acme.mcp.localhost") == 404
