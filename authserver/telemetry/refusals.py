"""Refusals on their way out: each is counted, and named in the log with the request it belongs to."""

import logging

from authserver.protocol.errors import Refusal
from authserver.telemetry import counts, spans

log = logging.getLogger(__name__)
TOO_MANY = 429


def told(refusal: Refusal, *, request_id: str = "", traceparent: str = "") -> None:
    """Count a refusal that somebody is told, and log it by its public code and private reason. That somebody came too
    often is counted alone: a flood must not fill the disk. The door, which has no thread of its own for a request, says
    which one it was."""
    counts.refused(refusal.code, refusal.reason)
    if refusal.status == TOO_MANY:
        return
    known = {"request_id": request_id, "trace_id": spans.trace_id(traceparent)}
    log.info("refused %s: %s", refusal.code, refusal.reason, extra={name: each for name, each in known.items() if each})
