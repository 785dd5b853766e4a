"""Traces (OpenTelemetry), with W3C context taken in and passed on. Off, and free, unless an endpoint for them is set.

A span has a method, the pattern of an address and a status: no query, no header, no body, nobody's address.
"""

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

log = logging.getLogger(__name__)


class Span(Protocol):
    """A request under way."""

    def close(self, endpoint: str, status: int) -> None:
        """Say which endpoint it was for, and what came of it."""


class Tracer(Protocol):
    """What `otlp.Tracer` is."""

    def after(self, endpoint: str, traceparent: str, *, status: int, took: float) -> None: ...
    def during(self, method: str, traceparent: str) -> AbstractContextManager[Span]: ...
    def of_task(self, name: str, traceparent: str) -> AbstractContextManager[object]: ...
    def context(self) -> dict[str, str]: ...
    def trace_id(self, traceparent: str) -> str: ...
    def stop(self) -> None: ...


class NoSpan:
    def close(self, endpoint: str, status: int) -> None:
        pass


NO_SPAN = NoSpan()
is_on = False
_tracer: Tracer | None = None


def start(endpoint: str) -> None:
    """Begin to trace, where there is an endpoint (OTEL_EXPORTER_OTLP_ENDPOINT) and what sends to it is installed."""
    if not endpoint:
        return
    try:
        from authserver.telemetry import otlp  # optional: mcp-gatehouse[telemetry]
    except ImportError:
        log.error("OTEL_EXPORTER_OTLP_ENDPOINT is set, but mcp-gatehouse[telemetry] is not installed: no traces")
        return
    use(otlp.tracer())


def stop() -> None:
    """Send what is left, and make no more."""
    if _tracer:
        _tracer.stop()
        use(None)


def use(tracer: Tracer | None) -> None:
    """Trace with this one from now on; with None no more."""
    global _tracer, is_on
    _tracer, is_on = tracer, tracer is not None


def after(endpoint: str, traceparent: str, *, status: int, took: float) -> None:
    """Tell of a request that was answered just now, and took so many seconds."""
    if _tracer:
        _tracer.after(endpoint, traceparent, status=status, took=took)


def during(method: str, traceparent: str) -> AbstractContextManager[Span]:
    """Make what happens inside part of a trace: of the caller's, where it names one."""
    return _tracer.during(method, traceparent) if _tracer else nullcontext(NO_SPAN)


def of_task(name: str, traceparent: str) -> AbstractContextManager[object]:
    """Make a span of the run of a task: in the trace of the request that asked for it, where its message names one, or
    where it runs inside that."""
    return _tracer.of_task(name, traceparent) if _tracer else nullcontext()


def context() -> dict[str, str]:
    """Return the headers by which whoever we ask can go on with this trace (W3C Trace Context)."""
    return _tracer.context() if _tracer else {}


def trace_id(traceparent: str = "") -> str:
    """Return the id of the trace that the caller names, or of the one that is under way here, or ""."""
    return _tracer.trace_id(traceparent) if _tracer else ""
