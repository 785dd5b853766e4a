"""Errors told to Sentry, where SENTRY_DSN is set: what broke and where, without what was sent and by whom."""

import logging
from typing import Any

from authserver.telemetry import redaction
from authserver.telemetry.requests import current_request

log = logging.getLogger(__name__)
KEPT_HEADERS = frozenset({"content-type", "content-length", "host", "user-agent", "x-request-id", "traceparent"})
NOT_TOLD = "(not told)"
DATABASES = ("django.db", "psycopg", "sqlite3")  # whose errors quote what was to be stored


def start(dsn: str, *, transport: Any = None) -> None:
    """Begin to tell, where there is a DSN and Sentry's SDK is installed. `transport` takes the place of the network in
    tests. What concerns people is not collected by default (`send_default_pii`), and here nothing beyond.
    """
    if not dsn:
        return
    try:
        import sentry_sdk  # optional: mcp-gatehouse[sentry]
        from sentry_sdk.integrations.django import DjangoIntegration
    except ImportError:
        log.error("SENTRY_DSN is set, but mcp-gatehouse[sentry] is not installed: errors are told to nobody")
        return
    sentry_sdk.init(
        dsn=dsn,
        transport=transport,
        max_request_body_size="never",
        include_local_variables=False,
        max_breadcrumbs=0,
        traces_sample_rate=None,
        auto_enabling_integrations=False,
        integrations=[DjangoIntegration(transaction_style="url", middleware_spans=False, signals_spans=False)],
        before_send=scrubbed,
    )


def scrubbed(event: Any, hint: Any = None) -> Any:
    """Return the event without bodies, cookies, query strings, people, headers that may hold a secret, the text of
    database errors, and anything in it that looks like a secret or a mailbox."""
    request = event.get("request", {})
    for part in ("data", "cookies", "query_string", "env"):
        request.pop(part, None)
    request["url"] = str(request.get("url", "")).partition("?")[0]
    headers = request.get("headers", {})
    request["headers"] = {name: value for name, value in headers.items() if name.lower() in KEPT_HEADERS}
    for part in ("user", "breadcrumbs", "extra"):
        event.pop(part, None)
    if current_request.get().request_id:
        event["tags"] = dict(event.get("tags", ())) | {"request_id": current_request.get().request_id}
    for error in event.get("exception", {}).get("values", ()):
        if str(error.get("module", "")).startswith(DATABASES):
            error["value"] = NOT_TOLD
        for frame in (error.get("stacktrace") or {}).get("frames", ()):
            frame.pop("vars", None)
    return _clean(event)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redaction.without_people(value)
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list | tuple) else value
