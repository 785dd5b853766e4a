"""Traces: one from the client's program through the server to whom it asks; sent only where somebody said where to."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client as Http
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from authserver import tasks
from authserver.door import http
from authserver.services.receipts import posting
from authserver.telemetry import runs, spans
from tests import through_door
from tests.people import App, World

pytestmark = pytest.mark.covers("OPS-4")
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Receiver(HTTPServer):
    """Takes whatever is posted to it."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.taken.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_requests_to_pages_and_to_the_door_are_spans_of_the_caller_s_trace_and_say_nothing_of_anybody(
    world: World, chatgpt: App, spans_kept: InMemorySpanExporter
) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    spans_kept.clear()
    Http(headers={"traceparent": TRACEPARENT}).get(f"/handles/acme/members?token={held.access}&who=alice@example.com")
    asked = http.Request("GET", "/livez", {b"traceparent": TRACEPARENT.encode()}, "203.0.113.7", "id", b"")
    assert through_door.ask(asked, lambda *_: None)
    Http(headers={"traceparent": "00-junk"}).post("/oauth/token", {"grant_type": "refresh_token"})
    page, door, token = spans_kept.get_finished_spans()
    for span in (page, door):
        assert f"{span.context.trace_id:032x}" == TRACE
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert token.parent is None
    assert page.name == "GET /handles/<str:slug>/members"
    assert (door.name, door.attributes) == ("/livez", {"http.route": "/livez", "http.response.status_code": 200})
    told = " ".join(span.to_json() for span in spans_kept.get_finished_spans())
    for hidden in ("mcpv1_", "example.com", "203.0.113", "127.0.0.1", "acme"):
        assert hidden not in told


def test_whom_the_server_asks_is_told_the_trace_and_only_while_there_is_one(
    spans_kept: InMemorySpanExporter, receiver: Receiver
) -> None:
    assert posting.send(f"{receiver.url}/hook", b"{}", headers={}) == ""
    with spans.during("POST", TRACEPARENT) as span:
        assert spans.trace_id() == TRACE
        assert posting.send(f"{receiver.url}/hook", b"{}", headers={}) == ""
        span.close("/x", 503)
    [ended] = spans_kept.get_finished_spans()
    assert not ended.status.is_ok
    (_, before, _), (_, inside, _) = receiver.taken
    assert "traceparent" not in before
    assert inside["traceparent"] == f"00-{TRACE}-{ended.context.span_id:016x}-01"


def test_spans_go_where_the_environment_says_and_without_it_nothing_is_made(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans.start("")
    assert (spans.is_on, spans.context(), spans.trace_id()) == (False, {}, "")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "gatehouse at home")
    spans.start(receiver.url)
    try:
        spans.after("/oauth/introspect", TRACEPARENT, status=200, took=0.5)
        spans.stop()
    finally:
        spans.use(None)
    [(path, _, body)] = receiver.taken
    assert path == "/v1/traces"
    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    assert "gatehouse at home" in str(sent.resource)
    [span] = sent.scope_spans[0].spans
    assert (span.name, span.trace_id.hex()) == ("/oauth/introspect", TRACE)
    assert 0.4e9 < span.end_time_unix_nano - span.start_time_unix_nano < 0.6e9


def test_the_run_of_a_task_is_a_span_below_who_asked_for_it_and_says_nothing_of_what_it_was_given(
    spans_kept: InMemorySpanExporter,
) -> None:
    task = "authserver.tasks.refresh_client_document"
    with spans.during("POST", ""), contextlib.suppress(ValueError):
        tasks.refresh_client_document("alice@example.com")  # without a broker, within the request
    with runs.of(task, {"traceparent": TRACEPARENT, "request_id": "request-1"}):
        assert runs.onward() == {"traceparent": spans.context()["traceparent"], "request_id": "request-1"}
    with runs.of(task, {}):
        assert "request_id" not in runs.onward()
    within, request, asked, alone = spans_kept.get_finished_spans()
    assert within.parent == request.context
    assert {"task refresh_client_document"} == {within.name, asked.name, alone.name}
    assert (within.attributes, within.status.is_ok, within.events) == ({"error.type": "ValueError"}, False, ())
    assert "alice" not in within.to_json()
    assert f"{asked.context.trace_id:032x}" == TRACE
    assert alone.parent is None
