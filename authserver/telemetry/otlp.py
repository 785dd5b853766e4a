"""Spans by OpenTelemetry's SDK, sent over OTLP/HTTP. Imported only where traces are on."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

W3C = TraceContextTextMapPropagator()
NAME = "gatehouse"
STOP_SECONDS = 2.0


@dataclass
class RequestSpan:
    """A request under way, as the current one of its thread."""

    method: str
    span: trace.Span

    def close(self, endpoint: str, status: int) -> None:
        self.span.update_name(f"{self.method} {endpoint}")
        self.span.set_attributes({"http.request.method": self.method, "http.route": endpoint})
        _tell(self.span, status)


class Tracer:
    def __init__(self, provider: TracerProvider) -> None:
        self._provider, self._tracer = provider, provider.get_tracer(NAME)

    def after(self, endpoint: str, traceparent: str, *, status: int, took: float) -> None:
        ended = time.time_ns()
        span = self._tracer.start_span(
            endpoint,
            context=_caller(traceparent),
            kind=SpanKind.SERVER,
            attributes={"http.route": endpoint},
            start_time=ended - int(took * 1e9),
        )
        _tell(span, status)
        span.end(ended)

    @contextmanager
    def during(self, method: str, traceparent: str) -> Iterator[RequestSpan]:
        # An exception's text may hold what was to be stored: no span has it.
        with self._tracer.start_as_current_span(
            method,
            context=_caller(traceparent),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield RequestSpan(method, span)

    @contextmanager
    def of_task(self, name: str, traceparent: str) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            f"task {name}",
            context=_caller(traceparent) if traceparent else None,  # None: where it runs
            kind=SpanKind.CONSUMER,
            record_exception=False,
            set_status_on_exception=False,  # its text, again
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise

    def context(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        W3C.inject(headers)
        return headers

    def stop(self) -> None:
        # The SDK asks a collector that is away again and again; nobody's restart waits for that.
        last = Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(STOP_SECONDS)

    def trace_id(self, traceparent: str) -> str:
        known = trace.get_current_span(_caller(traceparent) if traceparent else None).get_span_context()
        return trace.format_trace_id(known.trace_id) if known.is_valid else ""


def tracer() -> Tracer:
    """Return a tracer that sends what it makes as the environment says (OTEL_EXPORTER_OTLP_…, OTEL_TRACES_SAMPLER,
    OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES), behind the requests; what cannot be sent is lost."""
    os.environ.setdefault("OTEL_SERVICE_NAME", NAME)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracer(provider)


def _caller(traceparent: str) -> contexts.Context:
    """Return the context that the caller names. A malformed one counts as none (W3C Trace Context §4.3)."""
    return W3C.extract({"traceparent": traceparent} if traceparent else {}, context=contexts.Context())


def _tell(span: trace.Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
