"""The signpost at the root, and the probes."""

from __future__ import annotations

import os
import socket
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, connections
from django.test import Client as Http
from django.test import override_settings

from authserver import __version__, policy
from authserver.services.operations import clocks, readiness
from authserver.services.receipts import keys
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


READY = {name: "ok" for name in ("status", "database", "clock", "migrations", "keys", "cache")}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than a node may, which is a matter of one test alone."""
    monkeypatch.setattr(policy, "READY_SECONDS_MAX", 30)


def probe() -> tuple[int, dict[str, str]]:
    """Look anew."""
    readiness._asked_at = -1_000.0
    answer = Http().get("/readyz")
    return answer.status_code, answer.json()


def test_ready_names_each_thing_that_was_looked_at_and_a_flood_looks_once(monkeypatch: Any) -> None:
    looks: list[object] = []
    monkeypatch.setattr(readiness, "_clock", lambda database: looks.append(database) or "ok")
    assert probe() == (200, READY)
    assert {Http().get("/readyz").status_code for _ in range(10)} == {200}
    assert len(looks) == 1


@pytest.mark.covers("OPS-1")
def test_what_a_node_cannot_serve_without_is_503_and_what_it_can_is_told(monkeypatch: Any) -> None:
    def gone(*_: Any) -> None:
        raise DatabaseError("connection to server at 10.0.0.1 failed: password authentication failed")

    with monkeypatch.context() as patch:
        patch.setattr(readiness, "_migrated", False)
        patch.setattr(readiness.MigrationExecutor, "migration_plan", lambda self, nodes: ["one"])
        patch.setattr(readiness.SigningKey, "objects", None)  # as good as no table
        found = READY | {"status": "unavailable", "migrations": "missing"}
        assert probe() == (503, {name: found[name] for name in found if name != "keys"})
    with monkeypatch.context() as patch:
        patch.setattr(clocks, "off_by", lambda database: clocks.distance(1_000.0, between=(1_007.0, 1_007.1)))
        assert probe() == (503, READY | {"status": "unavailable", "clock": "off by 7 s"})
    with monkeypatch.context() as patch:
        patch.setattr(readiness, "_clock", gone)
        assert probe() == (503, {"status": "unavailable", "database": "unreachable", "cache": "ok"})
    with monkeypatch.context() as patch:
        patch.setattr(readiness, "cache", SimpleNamespace(get=gone))
        patch.setattr(readiness, "_keys", lambda: readiness.NOT_OPENED)
        assert probe() == (200, READY | {"cache": "away", "keys": "sealed under another SECRET_KEY"})


def test_clocks_may_differ_by_what_the_way_took_and_a_little(settings: Any) -> None:
    for between in ((1_000.0, 1_000.0), (996.0, 1_004.0), (1_004.9, 1_060.0), (900.0, 995.1)):
        assert clocks.distance(1_000.0, between=between) == 0, between
    assert clocks.distance(1_000.0, between=(900.0, 950.0)) == 50


def test_a_database_that_keeps_silent_does_not_hold_the_probe_up(monkeypatch: Any) -> None:
    answers = Event()
    monkeypatch.setattr(readiness, "_clock", lambda database: answers.wait(30) and "ok")
    monkeypatch.setattr(policy, "READY_SECONDS_MAX", 0.1)
    try:
        assert probe() == (503, {"status": "unavailable", "database": "silent"})
        assert probe() == (503, {"status": "unavailable", "database": "silent"})  # and no second thread waits
    finally:
        answers.set()
    monkeypatch.setattr(policy, "READY_SECONDS_MAX", 30)
    probe()  # the one that waited, whose connection was broken meanwhile
    assert probe() == (200, READY)


@pytest.mark.skipif(os.environ.get("TEST_DATABASE") != "postgresql", reason="asks for a PostgreSQL")
def test_a_database_machine_without_power_that_is_named_first_is_no_reason_to_be_taken_out(monkeypatch: Any) -> None:
    named = connections.settings["default"]
    with socket.create_server(("127.0.0.1", 0)) as dark:  # it takes connections and says nothing
        both = {"HOST": f"127.0.0.1,{named['HOST']}", "PORT": f"{dark.getsockname()[1]},"}
        monkeypatch.setitem(connections.settings, "default", named | both)
        monkeypatch.setattr(readiness, "_reached", None)
        monkeypatch.setattr(policy, "READY_SECONDS_MAX", 0.2)
        assert probe() == (503, {"status": "unavailable", "database": "silent"})  # found, but too late for this answer
        assert readiness._running
        readiness._running.result()
        dark.settimeout(0)
        dark.accept()[0].close()
        monkeypatch.setattr(policy, "READY_SECONDS_MAX", 30)
        assert probe() == (200, READY)
        with pytest.raises(BlockingIOError):
            dark.accept()  # nobody asked it again


@pytest.mark.parametrize(
    ("hosts", "ports", "reached", "first"),
    [
        ("a,b,c", "1,2,3", ("b", 2), ("b,a,c", "2,1,3")),
        ("a,b", "5432", ("b", 5432), ("b,a", "5432,5432")),
        ("a,b", "", ("b", 5432), ("b,a", ",")),
        ("a,a", "1,2", ("a", 2), ("a,a", "2,1")),
        ("a,b", "1,2", ("gone", 1), ("a,b", "1,2")),
        ("a,b", "1,2", None, ("a,b", "1,2")),
        ("a", "1", ("a", 1), ("a", "1")),
        ("", "", None, ("", "")),
    ],
)
def test_the_host_that_answered_last_is_asked_first(
    hosts: str, ports: str, reached: tuple[str, int] | None, first: tuple[str, str]
) -> None:
    assert tuple(readiness.reached_first(hosts, ports, reached).values()) == first


def test_a_signing_key_counts_as_sound_while_a_key_opens_it(settings: Any) -> None:
    keys.signer()
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another key, long enough for nobody to guess it by chance"
    assert readiness._keys() == "sealed under another SECRET_KEY"
    settings.SECRET_KEY_FALLBACKS = [former]
    assert readiness._keys() == "ok"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_probe_is_answered_whatever_host_it_names_and_nothing_else_is(path: str) -> None:
    """Platforms ask under addresses of their own."""
    elsewhere = {"host": "10.0.0.7:8000", "accept": "application/json"}
    assert Http().get(path, headers=elsewhere).json()["status"] == "ok"
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


@pytest.mark.parametrize("address", ["203.0.113.7", "10.0.0.7", "2001:db8::7", ""])
def test_nobody_but_the_proxy_itself_learns_which_handles_there_are(world: World, address: str) -> None:
    for direct, proxies in ((address, 0), ("10.0.0.2", 1)):
        with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=proxies):
            asks = Http(REMOTE_ADDR=direct, HTTP_X_FORWARDED_FOR=f"127.0.0.1, {address}")
            assert asks.get("/internal/tls-ask", {"domain": "acme.mcp.localhost"}).status_code == 404
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):  # as Caddy hands on what it asks itself
        caddy = Http(REMOTE_ADDR="10.0.0.2", HTTP_X_FORWARDED_FOR="127.0.0.1")
        assert caddy.get("/internal/tls-ask", {"domain": "acme.mcp.localhost"}).status_code == 200


def test_a_certificate_for_an_active_handle_s_name_however_it_is_written(world: World) -> None:
    assert certificate_for("acme.mcp.localhost") == certificate_for("ACME.mcp.LOCALHOST") == 200


def test_no_certificate_once_the_hosted_endpoint_is_withdrawn(world: World) -> None:
    set_endpoint("hosted", is_active=False)
    assert certificate_for("acme.mcp.localhost") == 404
