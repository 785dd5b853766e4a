"""What goes out about how this server is doing: figures, log lines, traces, faults. Never a secret, nobody's mailbox.

It stands below everything that is counted and told of: it knows no rows and asks no database.

    requests   which request something belongs to
    counts     integers in the memory of a process
    runs       runs of tasks, of which workers tell through the database
    node       the figures of all processes of a node, by files that they share
    folding    those of processes that are gone, in one file of each kind
    refusals   expected noes, counted and logged
    redaction  what a secret looks like, and text without any
    logs       lines for people or for programs
    spans      traces, where an endpoint for them is set; otlp makes them by OpenTelemetry
    faults     errors told to Sentry, where it is set
"""

from authserver.telemetry import faults as _faults
from authserver.telemetry import spans as _spans


def start(*, traces: str, faults: str) -> None:
    """Begin to tell of traces and of errors, as far as a process is told where to: once, before its first request."""
    _spans.start(traces)
    _faults.start(faults)


def stop() -> None:
    """Send the spans that are left: for processes that end without atexit, as forked ones do."""
    _spans.stop()
