"""The sample server: its settings, its catalog of tools, and what they say."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import resourceserver.sample.config
from resourceserver.sample.config import ConfigurationError, read
from resourceserver.sample.tools import BASELINE_SCOPES, CATALOG
from tests.resourceserver.fakes import GATEWAY, HOSTED, Reply, bob, grant
from tests.resourceserver.running import ENVIRONMENT, RunningSample

S1 = {
    "mcp.connect",
    "skills.read",
    "links.read",
    "links.write",
    "analytics.read",
    "pages.read",
    "pages.write",
    "site.deployments.read",
    "site.deployments.write",
    "webhooks.read",
    "webhooks.write",
    "knowledge.query",
    "context_store.search",
    "context_store.manage",
}
ALL_SCOPES = " ".join(sorted(S1))


def rpc(sample: RunningSample, bearer: str | None, method: str, *, url: str = GATEWAY, **params: Any) -> Reply:
    """One request of the 2026-07-28 revision."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
    }
    if "name" in params:
        headers["mcp-name"] = params["name"]
    if bearer is not None:
        headers["authorization"] = f"Bearer {bearer}"
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return sample.ask("POST", url, headers=pairs, body=json.dumps(body).encode())


def call(sample: RunningSample, bearer: str | None, tool: str, **arguments: Any) -> dict[str, Any]:
    reply = rpc(sample, bearer, "tools/call", name=tool, arguments=arguments)
    assert reply.status == 200, reply
    return reply.json["result"]


@pytest.mark.covers("req:S1")
def test_every_scope_of_the_catalog_has_a_tool_and_no_tool_has_another():
    assert {scope for tool in CATALOG for scope in tool.scopes} == S1


def test_the_first_challenge_reads_everything_and_writes_nothing():
    assert set(BASELINE_SCOPES) < S1
    assert not [scope for scope in BASELINE_SCOPES if scope.endswith((".write", ".manage"))]


@pytest.mark.covers("req:R3")
def test_every_tool_says_what_it_does_and_which_scopes_it_needs(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    tools = rpc(sample, sample.server.add(1, grant()), "tools/list").json["result"]["tools"]
    assert {tool["name"] for tool in tools} >= {"whoami", "search", "fetch", "create_link"}
    for tool in tools:
        wrote = any(scope.endswith((".write", ".manage")) for scope in tool["_meta"]["securitySchemes"][0]["scopes"])
        assert tool["annotations"]["readOnlyHint"] is not wrote
        assert {"openWorldHint", "destructiveHint"} <= set(tool["annotations"])
        assert tool["_meta"]["securitySchemes"][0]["type"] == "oauth2"
        assert tool["inputSchema"]["type"] == "object"


@pytest.mark.parametrize(
    ("mode", "kinds"), [("oauth", ["oauth2"]), ("mixed", ["noauth", "oauth2"]), ("none", ["noauth"])]
)
def test_search_says_in_each_mode_whether_it_needs_a_sign_in(
    run_sample: Callable[..., RunningSample], mode: str, kinds: list[str]
):
    sample = run_sample(MCP_AUTH_MODE=mode)
    bearer = sample.server.add(1, grant()) if mode == "oauth" else None
    tools = {tool["name"]: tool for tool in rpc(sample, bearer, "tools/list").json["result"]["tools"]}
    assert [scheme["type"] for scheme in tools["search"]["_meta"]["securitySchemes"]] == kinds


@pytest.mark.covers("req:R6")
def test_who_is_calling_is_said_in_words(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    result = call(sample, sample.server.add(1, grant(scope="mcp.connect links.read")), "whoami")
    text = result["content"][0]["text"]
    assert all(word in text for word in ("@acme", "Alice", "alice@example.com", "owner", "mcp.connect links.read"))
    assert result["structuredContent"]["handle"] == "acme"


@pytest.mark.covers("req:R5")
def test_each_call_is_written_down_with_tool_person_and_handle(
    run_sample: Callable[..., RunningSample], caplog: pytest.LogCaptureFixture
):
    sample = run_sample()
    bearer = sample.server.add(1, grant())
    with caplog.at_level(logging.INFO, logger="resourceserver.audit"):
        call(sample, bearer, "search", query="a private question")
    line = json.loads(caplog.records[-1].message)
    assert (line["event"], line["tool"], line["person"], line["handle"]) == (
        "tool:called",
        "search",
        "person-alice",
        "acme",
    )
    assert "private" not in caplog.text
    assert bearer not in caplog.text


@pytest.mark.covers("req:R3")
def test_search_and_fetch_have_the_shapes_that_chatgpt_reads(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    bearer = sample.server.add(1, grant())
    found = json.loads(call(sample, bearer, "search", query="links")["content"][0]["text"])
    assert [set(result) for result in found["results"]] == [{"id", "title", "url"}]
    fetched = json.loads(call(sample, bearer, "fetch", id=found["results"][0]["id"])["content"][0]["text"])
    assert set(fetched) == {"id", "title", "text", "url", "metadata"}


@pytest.mark.covers("req:T2")
def test_a_handle_never_sees_what_another_wrote(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    acme, initech = sample.server.add(1, grant(scope=ALL_SCOPES)), sample.server.add(2, bob(scope=ALL_SCOPES))
    call(sample, acme, "create_link", slug="secret", target="https://acme.example/x")
    assert "secret" in str(call(sample, acme, "list_links"))
    assert "secret" not in str(call(sample, initech, "list_links"))


def test_a_document_of_another_handle_is_not_found(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    result = call(sample, sample.server.add(2, bob()), "fetch", id="acme-links")
    assert result["isError"] is True


@pytest.mark.parametrize(
    "arguments", [{}, {"slug": 1, "target": "x"}, {"slug": "", "target": "x"}, {"slug": "x" * 3000}]
)
def test_arguments_that_do_not_fit_are_named(run_sample: Callable[..., RunningSample], arguments: dict[str, Any]):
    sample = run_sample()
    result = call(sample, sample.server.add(1, grant(scope=ALL_SCOPES)), "create_link", **arguments)
    assert result["isError"] is True
    assert "slug" in result["content"][0]["text"]


def test_the_data_of_a_handle_does_not_grow_without_end(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    bearer = sample.server.add(1, grant(scope=ALL_SCOPES))
    results = [call(sample, bearer, "create_webhook", url="https://acme.example") for _ in range(201)]
    assert [result.get("isError", False) for result in results].count(True) == 1


def test_an_unknown_tool_is_an_error_of_the_protocol(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    reply = rpc(sample, sample.server.add(1, grant()), "tools/call", name="nothing", arguments={})
    assert reply.json["error"]["code"] == -32602


@pytest.mark.covers("TR-02", "TR-09", "TR-16", "T23")
def test_discovery_names_the_stateless_revision_and_opens_no_session(run_sample: Callable[..., RunningSample]):
    sample = run_sample()
    reply = rpc(sample, sample.server.add(1, grant()), "server/discover")
    assert "2026-07-28" in reply.json["result"]["supportedVersions"]
    assert "mcp-session-id" not in reply.headers


@pytest.mark.parametrize("revision", ["2025-03-26", "2025-06-18", "2025-11-25"])
@pytest.mark.covers("TR-16", "T23")
def test_each_revision_with_a_handshake_is_spoken(run_sample: Callable[..., RunningSample], revision: str):
    sample = run_sample()
    params = {"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    headers = [
        (b"authorization", f"Bearer {sample.server.add(1, grant())}".encode()),
        (b"content-type", b"application/json"),
        (b"accept", b"application/json, text/event-stream"),
    ]
    reply = sample.ask("POST", GATEWAY, headers=headers, body=json.dumps(body).encode())
    assert reply.json["result"]["protocolVersion"] == revision
    assert reply.headers["mcp-session-id"]


def test_an_open_hosted_endpoint_shows_the_data_of_its_handle(run_sample: Callable[..., RunningSample]):
    sample = run_sample(MCP_AUTH_MODE="mixed")
    url = HOSTED.format(handle="globex")
    reply = rpc(sample, None, "tools/call", url=url, name="search", arguments={"query": "links"})
    assert "globex-links" in str(reply.json)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MCP_AUTH_MODE", "open"),
        ("MCP_AUTH_MODE", ""),
        ("ISSUER", "http://127.0.0.1:8000/"),
        ("ISSUER", "127.0.0.1"),
        ("RESOURCE_SERVER_ID", ""),
        ("RESOURCE_SERVER_SECRET", ""),
        ("RESOURCE_SERVER_SECRET_FILE", "/nonexistent"),
        ("OTHER_RESOURCE_SERVER_ID", ""),
        ("OTHER_RESOURCE_SERVER_SECRET", ""),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("TRUSTED_PROXY_COUNT", "one"),
        ("MCP_CALLS_PER_MINUTE", "1.5"),
    ],
)
def test_a_setting_that_cannot_be_is_named_and_no_secret_is(name: str, value: str):
    with pytest.raises(ConfigurationError, match=name) as caught:
        read({**ENVIRONMENT, name: value})
    assert "rss_" not in str(caught.value)


def test_an_endpoint_that_cannot_be_stops_the_start():
    with pytest.raises(ConfigurationError, match="endpoint gateway"):
        read({**ENVIRONMENT, "GATEWAY_URL": "nowhere"})


def test_settings_do_not_show_secrets():
    assert "rss_main" not in repr(read(ENVIRONMENT))


def test_a_secret_may_come_from_a_file(tmp_path: Path):
    (tmp_path / "secret").write_text("rss_filed\n")
    environment = {**ENVIRONMENT, "RESOURCE_SERVER_SECRET_FILE": str(tmp_path / "secret")}
    assert read(environment).secrets["rs-main"] == "rss_filed"


def test_only_a_server_on_this_machine_serves_pages_on_this_machine():
    assert read(ENVIRONMENT).origins.allows("http://localhost:6274")
    away = read({**ENVIRONMENT, "GATEWAY_URL": "https://ai.mcp.test/mcp"})
    assert not away.origins.allows("http://localhost:6274")
    assert away.origins.allows("https://chatgpt.com")


def test_listed_origins_replace_the_defaults():
    origins = read({**ENVIRONMENT, "MCP_CORS_ORIGINS": "https://a.example, https://b.example"}).origins
    assert origins.allows("https://b.example")
    assert not origins.allows("https://chatgpt.com")


def test_every_environment_variable_is_documented_and_every_documented_one_is_read():
    source = Path(resourceserver.sample.config.__file__).read_text()
    documented = set(re.findall(r"``([A-Z][A-Z_]+)``", resourceserver.sample.config.__doc__ or ""))
    used = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', source.split('"""', 2)[2]))
    used |= {"RESOURCE_SERVER_ID", "RESOURCE_SERVER_SECRET", "OTHER_RESOURCE_SERVER_SECRET"}
    used |= {"SSL_CERT_FILE", "SSL_CERT_DIR"}  # by the HTTP client (events/test_authorities.py)
    assert documented == used - {"RESOURCE_SERVER", "OTHER_RESOURCE_SERVER"}


def test_a_wrong_setting_ends_the_start_with_one_line():
    run = subprocess.run(
        [sys.executable, "-m", "resourceserver.sample"],
        env={"PATH": "", "MCP_AUTH_MODE": "open"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr == "The resource server cannot start. MCP_AUTH_MODE: oauth, none or mixed is needed\n"
