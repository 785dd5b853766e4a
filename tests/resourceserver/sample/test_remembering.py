"""The sample server's settings for remembering and reporting, and a process that does both."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from resourceserver.events.poll import PollSubscription
from resourceserver.events.push import PushSubscription
from resourceserver.sample.config import ConfigurationError, read
from resourceserver.sample.server import subscriptions
from tests.resourceserver.authority import Authority, listening
from tests.resourceserver.fakes import GATEWAY, ISSUER, credential, grant, tool_call
from tests.resourceserver.running import ENVIRONMENT, wait_until_ready
from tests.servers import free_port

ALICE = credential(1)
ROOT = Path(__file__).parents[3]
MCP = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


def test_nothing_is_remembered_unless_it_is_asked_for_and_calls_are_reported():
    settings = read(ENVIRONMENT)
    assert (settings.cache, settings.reports) == ("off", True)
    assert subscriptions(settings) is None


@pytest.mark.parametrize(("mode", "kind"), [("poll", PollSubscription), ("push", PushSubscription)])
def test_each_account_is_subscribed_the_way_that_is_set(mode: str, kind: type):
    made = subscriptions(read({**ENVIRONMENT, "MCP_CACHE": mode}))
    assert made is not None
    assert [type(one) for one in made._subscriptions] == [kind, kind]
    assert made.of("rs-main") is not None
    assert made.of("rs-other") is not None


def test_events_are_sent_to_the_gateways_origin_unless_another_address_is_set():
    assert read(ENVIRONMENT).events_url == "http://127.0.0.1:8001/.well-known/security-events"
    named = read({**ENVIRONMENT, "MCP_EVENTS_URL": "https://inside.example/events"})
    assert named.events_url == "https://inside.example/events"


def test_the_other_endpoints_are_beside_the_introspection_endpoint():
    assert read(ENVIRONMENT).service_url == ISSUER
    inside = {**ENVIRONMENT, "INTROSPECTION_URL": "http://app:8000/oauth/introspect"}
    assert read(inside).service_url == "http://app:8000"
    assert read({**ENVIRONMENT, "INTROSPECTION_URL": "http://app:8000/elsewhere"}).service_url == ISSUER


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MCP_CACHE", "on"),
        ("MCP_CACHE", ""),
        ("MCP_REPORTS", "1"),
        ("MCP_REPORTS", "ON"),
        ("MCP_TOOLS", "no"),
        ("MCP_EVENTS_URL", "inside.example/events"),
        ("MCP_EVENTS_URL", "https://inside.example"),
        ("MCP_EVENTS_URL", "https://inside.example/"),
        ("MCP_EVENTS_URL", "https://inside.example/events?a=b"),
        ("MCP_EVENTS_URL", "ftp://inside.example/events"),
    ],
)
def test_a_setting_that_is_none_stops_the_start_and_is_named(name: str, value: str):
    with pytest.raises(ConfigurationError, match=name):
        read({**ENVIRONMENT, name: value})


@contextmanager
def sample(authority_port: int, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The sample server as a process; its resource is the one of the grants, wherever it listens."""
    port = free_port()
    changes = {"INTROSPECTION_URL": f"http://127.0.0.1:{authority_port}/oauth/introspect", "PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "resourceserver.sample"],
        env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1", **changes, **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "Uvicorn running" in line:
                break
        wait_until_ready(f"http://127.0.0.1:{port}")
        yield process, f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.communicate()


def call(url: str, tool: str) -> httpx2.Response:
    headers = {**MCP, "host": "127.0.0.1:8001", "authorization": f"Bearer {ALICE}"}
    headers |= {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": tool}
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = tool_call(tool)
    body["params"]["_meta"] = meta
    with httpx2.Client(trust_env=False, timeout=60) as http:
        return http.post(url, headers=headers, json=body)


def called_until(url: str, tool: str, wanted: Any) -> httpx2.Response:
    """Call until the answer is as wanted; a thousand calls take longer than anything may."""
    for _ in range(1000):
        response = call(url, tool)
        if wanted(response):
            return response
    raise AssertionError(f"never: {response.status_code} {response.text}")


def test_a_process_remembers_hears_of_an_end_fails_closed_and_ends_without_a_word():
    authority = Authority(grants={ALICE: grant()})
    server = listening(authority)
    authority_port = server.__enter__()
    is_listening = True
    try:
        with sample(authority_port, MCP_CACHE="poll") as (process, url):
            called_until(url, "list_links", lambda _: any("poll" in path for _, path in authority.paths))
            called_until(
                url, "list_links", lambda _, seen=[]: seen.append(len(authority.asked)) or seen[-3:] == seen[-1:] * 3
            )
            asked = len(authority.asked)
            assert call(url, "list_links").status_code == 200
            assert call(url, "create_link").status_code == 403
            assert len(authority.asked) == asked
            called_until(url, "list_links", lambda _: len(told(authority)) > 1)
            authority.revoke("connection-alice-acme")
            called_until(url, "list_links", lambda response: response.status_code == 401)
            authority.grants[ALICE] = grant()
            called_until(url, "list_links", lambda response: response.status_code == 200)
            server.__exit__(None, None, None)
            is_listening = False
            called_until(url, "list_links", lambda response: response.status_code == 503)
            assert call(url, "list_links").status_code == 503
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
    finally:
        if is_listening:
            server.__exit__(None, None, None)
    assert "Warning" not in output
    assert "Traceback" not in output
    assert "rss_" not in output
    assert told(authority) == {("list_links", "allowed"), ("create_link", "insufficient_scope")}


def told(authority: Authority) -> set[tuple[str, str]]:
    """What the process reported so far: tools, and what came of calling them."""
    return {(one["tool"], one["outcome"]) for _, calls in authority.reports for one in calls}


def test_a_process_tells_what_is_left_and_ends_its_stream_when_it_is_stopped():
    authority = Authority(grants={ALICE: grant()})
    with listening(authority) as port, sample(port, MCP_CACHE="poll") as (process, url):
        assert call(url, "list_links").status_code == 200
        called_until(url, "list_links", lambda _: len(authority.streams) == 2)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
        assert authority.streams == {}
        assert sum(one["count"] for _, calls in authority.reports for one in calls) >= 1
    assert "Traceback" not in output
    assert json.dumps("mcpv1_")[1:-1] not in output


def test_a_process_that_shall_not_report_does_not():
    authority = Authority(grants={ALICE: grant()})
    with listening(authority) as port, sample(port, MCP_REPORTS="off", MCP_TOOLS="off") as (process, url):
        assert call(url, "create_link").status_code == 403
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert {path for _, path in authority.paths} == {"/oauth/introspect"}
    assert GATEWAY in json.dumps(grant())
