"""What a request takes along to the authorization server, what its answer carries, and what the gate counted."""

import json
import logging
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from resourceserver.gate import Gate, GateSettings
from resourceserver.introspection import IntrospectionClient
from resourceserver.telemetry.onward import Tracer
from resourceserver.telemetry.spans import GateTracer
from tests.resourceserver.fakes import (
    GATEWAY,
    ISSUER,
    SECRETS,
    FakeAuthorizationServer,
    Inner,
    Reply,
    ask,
    endpoints,
    grant,
    policy,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
CALL = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami"}}).encode()


class Story:
    """A gate, and what it asked the authorization server."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self.server = FakeAuthorizationServer()
        self.credential = self.server.add(1, grant())
        self.asked: list[httpx2.Headers] = []

        async def listen(request: httpx2.Request) -> httpx2.Response:
            self.asked.append(request.headers)
            return await self.server(request)

        transport = httpx2.MockTransport(listen)
        client = IntrospectionClient(f"{ISSUER}/oauth/introspect", issuer=ISSUER, secrets=SECRETS, transport=transport)
        settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy())
        self.gate = Gate(Inner(), settings, client, tracer=tracer)

    def call(self, credential: str = "", **headers: str) -> Reply:
        told = {"Authorization": f"Bearer {credential or self.credential}", "Content-Type": "application/json"}
        return ask(self.gate, "POST", GATEWAY, headers=told | headers, body=CALL)


def test_a_request_keeps_its_id_and_its_trace_on_the_way(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "resourceserver.audit")
    story = Story()
    given = {"X-Request-Id": "from-the-proxy-1", "traceparent": TRACEPARENT}
    assert story.call(**given).headers["x-request-id"] == "from-the-proxy-1"
    assert (story.asked[0]["x-request-id"], story.asked[0]["traceparent"]) == ("from-the-proxy-1", TRACEPARENT)
    refused = story.call("junk", **given)
    assert (refused.status, refused.headers["x-request-id"]) == (401, "from-the-proxy-1")
    assert json.loads(caplog.messages[-1])["request"] == "from-the-proxy-1"


@pytest.mark.parametrize(
    "given",
    [{}, {"X-Request-Id": "x", "traceparent": "x"}, {"X-Request-Id": "a b c d e f g", "traceparent": "00-0-0-1"}],
)
def test_what_has_not_the_form_goes_no_further(given: dict[str, str]) -> None:
    story = Story()
    first, second = story.call(**given), story.call(**given)
    ids = [reply.headers["x-request-id"] for reply in (first, second)]
    assert [headers["x-request-id"] for headers in story.asked] == ids
    assert len({*ids, given.get("X-Request-Id", "")}) == 3
    assert "traceparent" not in story.asked[0]


@pytest.mark.covers("OPS-4")
def test_with_a_tracer_what_goes_on_names_the_span_of_the_gate_which_tells_nothing_of_anybody() -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    story = Story(GateTracer(provider))
    story.call(traceparent=TRACEPARENT)
    story.server.error = httpx2.ConnectError("10.0.0.1 does not answer")
    story.call()
    with pytest.raises(ValueError, match="alice"), GateTracer(provider).during("POST", "gateway", ""):
        raise ValueError("no such person: alice@example.com")  # of the application behind the gate
    first, second, broken = kept.get_finished_spans()
    assert not broken.status.is_ok
    assert "alice" not in broken.to_json()
    assert story.asked[0]["traceparent"] == f"00-{TRACE}-{first.context.span_id:016x}-01"
    assert first.parent is not None
    assert f"{first.parent.span_id:016x}" == "b7ad6b7169203331"
    facts: dict[str, Any] = {"http.request.method": "POST", "http.route": "gateway"}
    assert first.attributes == facts | {"http.response.status_code": 200}
    assert second.attributes == facts | {"http.response.status_code": 503}
    assert (second.status.is_ok, second.parent, second.events) == (False, None, ())


def test_the_gate_counts_what_came_of_requests_under_names_of_its_own() -> None:
    story = Story()
    assert story.gate.figures() == {"requests": {}, "tool_calls": {}}
    for credential in ("", "", "mcpv1_junk"):
        story.call(credential)
    assert story.gate.figures() == {
        "requests": {"admitted": 2, "invalid_token_format": 1},
        "tool_calls": {"whoami": 2},
    }
