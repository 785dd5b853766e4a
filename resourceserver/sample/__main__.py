"""``python -m resourceserver.sample``: the sample server, configured by environment variables (see config.py)."""

import logging
import os
import sys

import uvicorn

from resourceserver.sample import config
from resourceserver.sample.server import application
from resourceserver.telemetry.onward import Tracer

# A stream that a client holds open must not hold up the end of the process.
SHUTDOWN_SECONDS = 2


def main() -> int:
    """Serve until interrupted. Returns 2 when a setting is wrong, after one line that says which."""
    try:
        settings = config.read(os.environ)
        served = application(settings, tracer())
    except (config.ConfigurationError, OSError) as error:
        sys.stderr.write(f"The resource server cannot start. {error}\n")
        return 2
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for noisy in ("mcp", "httpx2", "httpcore2", "sse_starlette"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    uvicorn.run(
        served,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return 0


def tracer() -> Tracer | None:
    """Return what makes spans, where OTEL_EXPORTER_OTLP_ENDPOINT says where they go and the extra is installed."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    try:
        from resourceserver.telemetry import spans  # optional: the extra "telemetry"
    except ImportError:
        logging.getLogger(__name__).error("OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra telemetry is missing")
        return None
    return spans.from_environment(os.environ)


if __name__ == "__main__":
    sys.exit(main())
