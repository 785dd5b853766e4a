"""Whatever is sent, the sample server behind its gate answers with something below 500, and nobody gets in by it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.resourceserver.fakes import COMPAT, GATEWAY, HOSTED, OTHER, Reply, credential, grant
from tests.resourceserver.running import RunningSample

GOOD = credential(1)
HOSTED_ACME, COMPAT_ACME = HOSTED.format(handle="acme"), COMPAT.format(handle="acme")

URLS = st.sampled_from(
    [
        GATEWAY,
        HOSTED_ACME,
        COMPAT_ACME,
        OTHER,
        GATEWAY + "/messages?session_id=1",
        GATEWAY + "/sse",
        "http://127.0.0.1:8001/.well-known/oauth-protected-resource/mcp",
        "http://127.0.0.1:8001/",
    ]
)
ODD_URLS = st.builds(
    lambda host, path: f"http://{host}/{path}",
    st.text(st.characters(max_codepoint=255, exclude_characters="/"), max_size=20),
    st.text(st.characters(max_codepoint=255), max_size=30),
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X"])
VALUES = st.binary(max_size=30) | st.sampled_from(
    [
        b"2026-07-28",
        b"2025-03-26",
        b"1999-01-01",
        b"application/json",
        b"text/event-stream, */*",
        b"tools/call",
        b"whoami",
    ]
)
NAMES = st.sampled_from(
    [
        b"accept",
        b"content-type",
        b"content-length",
        b"mcp-session-id",
        b"mcp-protocol-version",
        b"mcp-method",
        b"mcp-name",
        b"mcp-param-x",
        b"last-event-id",
        b"x-forwarded-host",
        b"cookie",
    ]
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
TOOL_NAMES = st.sampled_from(["whoami", "search", "fetch", "create_link", "edit_page", "nothing"]) | JSON
RPC_METHODS = st.sampled_from(
    ["initialize", "server/discover", "tools/list", "tools/call", "ping", "resources/list", "subscriptions/listen"]
)
META = st.none() | JSON | st.just({"io.modelcontextprotocol/protocolVersion": "2026-07-28"})
PARAMS = JSON | st.fixed_dictionaries(
    {"name": TOOL_NAMES}, optional={"arguments": JSON | st.just({"query": "x", "id": "y"}), "_meta": META}
)
MESSAGES = st.fixed_dictionaries(
    {"method": RPC_METHODS | JSON},
    optional={"jsonrpc": st.just("2.0") | JSON, "id": st.just(1) | JSON, "params": PARAMS},
)
BODIES = st.binary(max_size=60) | (MESSAGES | JSON | st.lists(MESSAGES, max_size=2)).map(
    lambda value: json.dumps(value).encode()
)

GOOD_FORM = [
    (b"authorization", b"Bearer " + GOOD.encode()),
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
]
INITIALIZE = (
    b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25",'
    b' "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}}'
)

SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def sample(run_sample: Callable[..., RunningSample]) -> RunningSample:
    running = run_sample()
    running.server.grants[GOOD] = grant(scope="mcp.connect skills.read links.write pages.write")
    return running


def send(sample: RunningSample, method: str, url: str, *, headers: list[Any], body: bytes) -> Reply:
    reply = sample.ask(method, url, headers=headers, body=body)
    assert reply.status < 500, reply
    assert b"Traceback" not in reply.body
    return reply


@SETTINGS
@given(METHODS, URLS | ODD_URLS, HEADERS, BODIES, st.binary(max_size=80))
def test_nothing_sent_without_a_credential_gets_in(
    sample: RunningSample, method: str, url: str, headers: list[Any], body: bytes, authorization: bytes
):
    reply = send(sample, method, url, headers=[*headers, (b"authorization", authorization)], body=body)
    at_endpoint = url in (GATEWAY, HOSTED_ACME, COMPAT_ACME, OTHER)
    assert not at_endpoint or reply.status == 401 or (method == "OPTIONS" and reply.status == 204)


@SETTINGS
@given(METHODS, HEADERS, BODIES)
def test_nothing_sent_with_a_good_credential_breaks_the_server(
    sample: RunningSample, method: str, headers: list[Any], body: bytes
):
    send(sample, method, GATEWAY, headers=[*headers, (b"authorization", b"Bearer " + GOOD.encode())], body=body)


@SETTINGS
@given(st.sampled_from(["2026-07-28", "2025-11-25"]), st.booleans(), MESSAGES)
def test_no_message_in_good_form_breaks_the_server(
    sample: RunningSample, revision: str, in_session: bool, message: dict[str, Any]
):
    headers = [*GOOD_FORM, (b"mcp-protocol-version", revision.encode())]
    headers.append((b"mcp-method", str(message["method"]).encode()))
    if in_session:
        opened = send(sample, "POST", GATEWAY, headers=GOOD_FORM, body=INITIALIZE)
        headers.append((b"mcp-session-id", opened.headers["mcp-session-id"].encode()))
    reply = send(sample, "POST", GATEWAY, headers=headers, body=json.dumps(message).encode())
    called = message.get("params") if message["method"] == "tools/call" else None
    if isinstance(called, dict) and called.get("name") in ("get_analytics", "list_links"):
        assert reply.status == 403
