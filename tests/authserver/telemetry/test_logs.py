"""Lines of the log: what a program reads, what is hidden, and who hears that something had to be."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from authserver import policy
from authserver.protocol import credentials
from authserver.telemetry import redaction
from authserver.telemetry.logs import JsonLine, Line
from authserver.telemetry.requests import RequestFacts, current_request
from tests.authserver.telemetry.eavesdropping import Eavesdropper
from tests.people import PASSWORD

pytestmark = pytest.mark.covers("OPS-3")
SECRETS = [credentials.generate(prefix) for prefix in redaction.PREFIXES]


def written(formatter: logging.Formatter, message: str, *args: Any, **more: Any) -> str:
    """Return what a handler with this formatter writes; nobody else hears of it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error(message, *args, **more)
    return out.getvalue()


def test_every_kind_of_secret_is_hidden_wherever_in_a_line_it_stands() -> None:
    assert set(redaction.PREFIXES) == {value for name, value in vars(policy).items() if name.endswith("_PREFIX")}
    for secret in SECRETS:
        for line in (written(Line(), "took %s", secret), written(JsonLine(), f"https://x/?token={secret}&y=1")):
            assert secret not in line
            assert secret[-20:] not in line
            assert "[hidden]" in line
    assert "Zm9vOmJhcmJheg" not in written(Line(), "Authorization: Basic Zm9vOmJhcmJheg==")
    try:
        raise ValueError(f"no such {SECRETS[0]}")
    except ValueError:
        for formatter in (Line(), JsonLine()):
            told = written(formatter, "failed", exc_info=True)
            assert "ValueError: no such mcpv1_[hidden]" in told
            assert SECRETS[0] not in told


def test_a_line_without_secrets_stays_as_it_is() -> None:
    line = "refused invalid_grant: refresh:expired (mcpv1_ is a prefix, Basic too; client pat_store) 0" + "9" * 49
    assert written(Line(), line) == line + "\n"


def test_a_program_reads_one_object_per_line_with_the_id_of_the_request() -> None:
    mark = current_request.set(RequestFacts(request_id="request-1"))
    try:
        told = json.loads(written(JsonLine(), "two\nlines of %s", "é"))
        own = json.loads(written(JsonLine(), "x", extra={"request_id": "request-2"}))
    finally:
        current_request.reset(mark)
    assert told.pop("time").endswith("+00:00")
    assert told == {"level": "ERROR", "logger": "test", "message": "two\nlines of é", "request_id": "request-1"}
    assert own["request_id"] == "request-2"
    assert "request_id" not in json.loads(written(JsonLine(), "x"))


def test_the_listener_of_the_test_run_hears_what_the_log_would_have_hidden(
    _listener: Eavesdropper, tmp_path: Path
) -> None:
    """Hiding must not hide a fault from the tests: whoever logs a secret is caught, by form and by acquaintance."""
    made = credentials.generate("")  # a code has no prefix
    _listener.learn("session-key-of-somebody")
    lines = [
        *(f"took {secret}" for secret in SECRETS),
        f"https://client.example/cb?code={made}&state=1",
        "cookie sessionid=session-key-of-somebody; x",
        f"POST password={PASSWORD}",
    ]
    for line in lines:
        logging.getLogger("authserver.test").error("%s", line)
        assert len(_listener.caught) == 1, line
        assert "test_logs.py" in _listener.caught.pop()
    log = tmp_path / "log"
    log.write_text(f"fine\ntook {SECRETS[1]}\n" + written(Line(), f"took {SECRETS[2]}"))
    _listener.read(log)
    caught, _listener.caught = _listener.caught, []
    assert [place.rpartition(":")[2] for place in caught] == ["2", "3"]
    heard = _listener.heard
    logging.getLogger("authserver.test").error("took mcpv1_%s and %s", "x" * 49, "0" * 49)  # of no use to anybody
    assert (_listener.caught, _listener.heard) == ([], heard + 1)
