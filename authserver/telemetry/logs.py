"""Lines of the log: text for people, or JSON for programs (settings.LOG_FORMAT). No secret of ours leaves in one.

What is hidden is hidden in the line and not in the record: who else listens, such as the tests, meets what was said.
"""

import json
import logging
import traceback
from datetime import UTC, datetime

from authserver.telemetry import redaction, spans
from authserver.telemetry.requests import current_request


class Line(logging.Formatter):
    """One line, or several with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return redaction.without_secrets(super().format(record))


class JsonLine(logging.Formatter):
    """One JSON object per line: time, level, logger, message; request_id and trace_id where there are any; error with
    its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", "") or current_request.get().request_id,
            "trace_id": getattr(record, "trace_id", "") or spans.trace_id(),
            "error": (record.exc_text or self.formatException(record.exc_info)) if record.exc_info else "",
        }
        hidden = {name: redaction.without_secrets(value) for name, value in told.items() if value}
        return json.dumps(hidden, ensure_ascii=False)


def of_failed_task(record: logging.LogRecord) -> bool:
    """Let Celery's line about a task that failed say the kind of the error and its place, as our own lines do. Never
    its text or what the task was given: they may hold what was to be stored. A filter: what is kept is the record."""
    error = record.exc_info[1] if record.exc_info else None
    if error and isinstance(record.args, dict):
        record.msg, record.args = "%s failed: %s", (record.args.get("name"), type(error).__name__)
        record.exc_text = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    return True
