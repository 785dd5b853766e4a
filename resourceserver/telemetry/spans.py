"""Spans of OpenTelemetry for the gate: ``pip install mcp-gatehouse-resourceserver[telemetry]``.

``GateTracer`` makes them with whatever provider your program has set up; ``from_environment`` sets one up that sends
over OTLP/HTTP, where ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set. A span has a method, the endpoint's name and a status;
never a header, a body, a person or an address of the network.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_W3C = TraceContextTextMapPropagator()
NAME = "gatehouse-resourceserver"


@dataclass(frozen=True)
class GateSpan:
    """A request that is traced."""

    span: trace.Span

    @property
    def traceparent(self) -> str:
        """What those who are asked on the way are told."""
        told: dict[str, str] = {}
        _W3C.inject(told, context=trace.set_span_in_context(self.span))
        return told.get("traceparent", "")

    def close(self, status: int) -> None:
        """Say what came of it."""
        self.span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self.span.set_status(Status(StatusCode.ERROR))


class GateTracer:
    """Makes the spans of a gate."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer(NAME, tracer_provider=provider)

    @contextmanager
    def during(self, method: str, endpoint: str, traceparent: str) -> Iterator[GateSpan]:
        """Return the span of a request, the current one inside the ``with``."""
        caller = _W3C.extract({"traceparent": traceparent} if traceparent else {}, context=contexts.Context())
        facts = {"http.request.method": method, "http.route": endpoint}
        # An exception's text may hold what the caller sent: no span has it, neither as an event nor as its status.
        with self._tracer.start_as_current_span(
            f"{method} {endpoint}",
            context=caller,
            kind=SpanKind.SERVER,
            attributes=facts,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield GateSpan(span)
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise


def from_environment(environ: Mapping[str, str]) -> GateTracer | None:
    """Return a tracer that sends as the environment says, or None where it names no endpoint. Raises ImportError where
    only the API is installed."""
    if not environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    os.environ.setdefault("OTEL_SERVICE_NAME", NAME)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return GateTracer(provider)
