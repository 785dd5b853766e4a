"""What anybody may read: metadata, the health document; and what pages in a browser are told."""

import pytest

from resourceserver import __version__
from resourceserver.cors import OriginPolicy, is_loopback
from resourceserver.sample.tools import BASELINE_SCOPES
from tests.resourceserver.fakes import (
    COMPAT,
    GATEWAY,
    HOSTED,
    ISSUER,
    OTHER,
    FakeAuthorizationServer,
    Inner,
    ask,
    gate,
    grant,
)

WELL_KNOWN = "/.well-known/oauth-protected-resource"
HOSTED_ACME = HOSTED.format(handle="acme")
CHATGPT = {"Origin": "https://chatgpt.com"}
PREFLIGHT = {
    **CHATGPT,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,mcp-session-id",
}


@pytest.mark.parametrize(
    ("url", "resource"),
    [
        (f"http://127.0.0.1:8001{WELL_KNOWN}/mcp", GATEWAY),
        (f"http://127.0.0.1:8001{WELL_KNOWN}", GATEWAY),
        (f"http://acme.mcp.localhost:8001{WELL_KNOWN}/mcp", HOSTED_ACME),
        (f"http://acme.mcp.localhost:8001{WELL_KNOWN}", HOSTED_ACME),
        (f"http://127.0.0.1:8001{WELL_KNOWN}/mcp/acme/mcp", COMPAT.format(handle="acme")),
        (f"http://127.0.0.1:8001{WELL_KNOWN}/other/mcp", OTHER),
    ],
)
@pytest.mark.covers("RS-01", "RS-02", "RS-04", "RS-06", "RS-07", "RF-05", "RF-06", "T12", "req:T1", "req:T4")
def test_each_endpoint_has_its_metadata_on_its_own_host(url: str, resource: str):
    reply = ask(gate(FakeAuthorizationServer(), Inner()), "GET", url)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["cache-control"] == "public, max-age=300"
    assert reply.json["resource"] == resource
    assert reply.json["authorization_servers"] == [ISSUER]
    assert reply.json["scopes_supported"] == list(BASELINE_SCOPES)
    assert reply.json["bearer_methods_supported"] == ["header"]
    assert "offline_access" not in reply.json["scopes_supported"]
    assert all(reply.json.values())


@pytest.mark.parametrize("url", [GATEWAY, HOSTED_ACME, COMPAT.format(handle="acme"), OTHER])
@pytest.mark.covers("RS-05", "req:T3", "Q12")
def test_the_challenge_leads_to_metadata_that_names_the_url_that_was_called(url: str):
    protected = gate(FakeAuthorizationServer(), Inner())
    where = ask(protected, "POST", url).challenge["resource_metadata"]
    assert ask(protected, "GET", where).json["resource"] == url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001/.well-known/oauth-authorization-server",
        "http://127.0.0.1:8001/.well-known/openid-configuration",
        f"http://127.0.0.1:8001{WELL_KNOWN}/nowhere",
        f"http://127.0.0.1:8001{WELL_KNOWN}/mcp/-bad-/mcp",
        f"http://evil.example{WELL_KNOWN}/mcp",
        "http://evil.example/mcp",
        "http://evil.example/",
        "http://127.0.0.1:8001/favicon.ico",
        "http://127.0.0.1:8001/mcp/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
@pytest.mark.covers("T13", "req:T7")
def test_anything_else_is_a_small_json_404(url: str, method: str):
    reply = ask(gate(FakeAuthorizationServer(), Inner()), method, url)
    assert reply.status == 404
    assert reply.headers["content-type"] == "application/json"
    if method != "HEAD":
        assert reply.json["error"] == "not_found"


def test_a_forwarded_host_decides_nothing_without_trusted_proxies():
    headers = {"X-Forwarded-Host": "acme.mcp.localhost:8001"}
    protected = gate(FakeAuthorizationServer(), Inner())
    assert ask(protected, "GET", f"http://127.0.0.1:8001{WELL_KNOWN}", headers=headers).json["resource"] == GATEWAY
    behind = gate(FakeAuthorizationServer(), Inner(), trusted_proxy_count=1)
    assert ask(behind, "GET", f"http://127.0.0.1:8001{WELL_KNOWN}", headers=headers).json["resource"] == HOSTED_ACME


@pytest.mark.covers("T20")
def test_metadata_is_read_only_and_open_to_every_page():
    protected = gate(FakeAuthorizationServer(), Inner())
    url = f"http://127.0.0.1:8001{WELL_KNOWN}/mcp"
    assert ask(protected, "POST", url).status == 405
    assert ask(protected, "HEAD", url).body == b""
    preflight = ask(protected, "OPTIONS", url, headers={**PREFLIGHT, "Origin": "https://any.example"})
    assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (204, "*")
    assert "MCP-Protocol-Version" in preflight.headers["access-control-allow-headers"]


@pytest.mark.parametrize("host", ["127.0.0.1:8001", "acme.mcp.localhost:8001"])
@pytest.mark.covers("req:T10")
def test_the_root_names_the_service_its_version_its_status_and_its_endpoints(host: str):
    reply = ask(gate(FakeAuthorizationServer(), Inner()), "GET", f"http://{host}/")
    assert (reply.json["status"], reply.json["version"]) == ("ok", __version__)
    assert list(reply.json["endpoints"].items())[:2] == [("gateway", GATEWAY), ("hosted", HOSTED)]
    assert reply.json["name"]


def test_the_liveness_probe_needs_no_host_name():
    assert ask(gate(FakeAuthorizationServer(), Inner()), "GET", "http://10.0.0.9/livez").body == b"ok"


@pytest.mark.parametrize("origin", ["https://chatgpt.com", "https://chat.openai.com", "https://platform.openai.com"])
@pytest.mark.covers("req:R4")
def test_a_listed_page_may_call(origin: str):
    reply = ask(gate(FakeAuthorizationServer(), Inner()), "OPTIONS", headers={**PREFLIGHT, "Origin": origin})
    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == origin
    assert {"GET", "POST", "OPTIONS", "DELETE"} == set(reply.headers["access-control-allow-methods"].split(", "))
    allowed = reply.headers["access-control-allow-headers"].lower()
    for name in ("authorization", "content-type", "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"):
        assert name in allowed
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.covers("T20", "req:R4")
def test_a_listed_page_can_read_refusals_and_answers():
    server = FakeAuthorizationServer()
    protected = gate(server, Inner(session_to_issue="s"))
    for reply in (ask(protected, headers=CHATGPT), ask(protected, headers=CHATGPT, bearer=server.add(1, grant()))):
        assert reply.headers["access-control-allow-origin"] == "https://chatgpt.com"
        assert reply.headers["access-control-expose-headers"] == "WWW-Authenticate, Mcp-Session-Id"
        assert reply.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "https://chatgpt.com.evil.example",
        "https://chatgpt.com:444",
        "http://chatgpt.com",
        "https://CHATGPT.com",
        "http://localhost:6274",
        "*",
    ],
)
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
@pytest.mark.covers("TR-13", "req:R4")
def test_any_other_page_is_refused_before_anybody_is_asked(origin: str, method: str):
    server = FakeAuthorizationServer()
    inner = Inner()
    reply = ask(gate(server, inner), method, headers={"Origin": origin}, bearer=server.add(1, grant()))
    assert (reply.status, reply.json["error"]) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in reply.headers
    assert (server.asked, inner.scopes) == ([], [])


@pytest.mark.parametrize(
    "origin", ["http://localhost:6274", "http://127.0.0.1:6274", "http://[::1]:1", "http://a.localhost"]
)
def test_pages_on_this_machine_may_call_in_development(origin: str):
    policy = OriginPolicy(loopback=True)
    protected = gate(FakeAuthorizationServer(), Inner(), settings={"origins": policy})
    assert ask(protected, "OPTIONS", headers={"Origin": origin}).status == 204


def test_a_star_lets_every_page_call():
    protected = gate(FakeAuthorizationServer(), Inner(), settings={"origins": OriginPolicy(("*",))})
    reply = ask(protected, "POST", headers={"Origin": "https://any.example"})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (401, "https://any.example")


@pytest.mark.parametrize(
    "url", ["http://localhost.evil.example", "http://127.0.0.1.nip.io", "file://localhost", "http://[", "localhost", ""]
)
def test_only_this_machine_is_this_machine(url: str):
    assert not is_loopback(url)
