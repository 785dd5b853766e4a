"""Lines of the log: text for people, or JSON for programs (settings.LOG_FORMAT). No secret of ours leaves in one.

What is hidden is hidden in the line and not in the record: who else listens, such as the tests, meets what was said.
"""

import json
import logging
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
            "trace_id": spans.trace_id(),
            "error": self.formatException(record.exc_info) if record.exc_info else "",
        }
        hidden = {name: redaction.without_secrets(value) for name, value in told.items() if value}
        return json.dumps(hidden, ensure_ascii=False)
