"""Lines of the log: what a program reads, what is hidden, and who hears that something had to be."""

from __future__ import annotations

import base64
import io
import itertools
import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.middleware import csrf
from django.test import Client as Http
from django.test import RequestFactory
from jwcrypto.jwk import JWK

from accounts.factors import sealing
from accounts.models import User
from accounts.sessions import SessionStore
from authserver import policy
from authserver.door import http
from authserver.protocol import credentials
from authserver.telemetry import redaction, refusals
from authserver.telemetry.logs import JsonLine, Line
from authserver.telemetry.requests import RequestFacts, current_request
from authserver.throttles import TOO_MANY_REQUESTS
from resourceserver.events.memory import Memory
from resourceserver.events.push import PushSubscription
from tests import through_door
from tests.authserver.telemetry.eavesdropping import Eavesdropper, listening
from tests.people import PASSWORD, App, World

pytestmark = pytest.mark.covers("OPS-3")
SECRETS = [credentials.generate(prefix) for prefix in redaction.PREFIXES]


def written(formatter: logging.Formatter, message: str, *args: Any, **more: Any) -> str:
    """Return what a handler with this formatter writes; no logger hears of it."""
    exc_info = sys.exc_info() if more.pop("exc_info", None) else None
    record = logging.Logger("test").makeRecord("test", logging.ERROR, __file__, 1, message, args, exc_info, **more)
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    handler.handle(record)
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


def made(user: User, settings: Any) -> dict[str, str]:
    """A fresh secret of every kind that has no form of ours, from where the product gets its own."""
    adapter, request = get_adapter(), RequestFactory().get("/")
    factor = Authenticator(user=user, data={"seed": sealing.seal(RecoveryCodes.generate_seed())})
    user.set_password(password := f"a password of {user.pk}'s")
    kinds = {
        "authorization code": credentials.generate(""),
        "session": SessionStore()._get_new_session_key(),
        "csrf field": csrf.get_token(request),
        "csrf cookie": request.META["CSRF_COOKIE"],
        "sign-in code": adapter.generate_login_code(),
        "confirmation code": adapter.generate_email_verification_code(),
        "reset code": adapter.generate_password_reset_code(),
        "recovery code": RecoveryCodes(factor).generate_codes()[9],
        "authenticator": totp.generate_totp_secret(),
        "verifier": App("App", "http://127.0.0.1/cb", {}).verifier,
        "push address": push_address(),
        "signing key": JWK.generate(kty="EC", crv="P-256").export(as_dict=True)["d"],
        "password": password,
        "the password of everybody": PASSWORD,
    }
    settings.SECRET_KEY, settings.METRICS_TOKEN = f"a secret key of {user.pk}", f"metrics-{user.pk}"
    settings.ALARM_WEBHOOK_SECRET, settings.SECRET_KEY_FALLBACKS = f"webhook-{user.pk}", [f"a former {user.pk}"]
    return kinds | {
        "SECRET_KEY": settings.SECRET_KEY,
        "SECRET_KEY_FALLBACKS": settings.SECRET_KEY_FALLBACKS[0],
        "METRICS_TOKEN": settings.METRICS_TOKEN,
        "ALARM_WEBHOOK_SECRET": settings.ALARM_WEBHOOK_SECRET,
    }


def push_address() -> str:
    source: Any = SimpleNamespace(issuer="")
    return PushSubscription(source, Memory("account"), url="https://rs.example").delivery()["endpoint_url"]


def test_the_listener_of_the_test_run_hears_every_kind_of_secret_from_every_logger(
    _listener: Eavesdropper, world: World, settings: Any
) -> None:
    """Hiding must not hide a fault from the tests: whoever logs a secret is caught, by form and by acquaintance."""
    kinds = made(world.alice.user, settings) | {secret[:6]: secret for secret in SECRETS}
    kinds["an Authorization header"] = "Basic " + base64.b64encode(f"rs:{SECRETS[3]}".encode()).decode()
    silent = logging.Logger("tells the root nothing")
    silent.propagate = False
    names = ("authserver.door.lines", "resourceserver", "celery.app.trace", "django.request", "uvicorn.error")
    speakers = itertools.cycle([silent, *map(logging.getLogger, names)])
    for kind, secret in kinds.items():
        for line in (f"took {secret}, and more", f"https://client.example/cb?x={secret}&state=1"):
            next(speakers).error("%s", line)
            assert len(_listener.caught) == 1, f"{kind}: {line}"
            assert "test_logs.py" in _listener.caught.pop()
        try:
            raise ValueError(secret)
        except ValueError:
            next(speakers).exception("failed")
        assert _listener.caught.pop(), kind
        assert not _listener.caught
    heard = _listener.heard
    silent.error("took mcpv1_%s, %s and Basic of the kind", "x" * 49, "0" * 49)  # of no use to anybody
    assert (_listener.caught, _listener.heard) == ([], heard + 1)


def test_the_listener_reads_what_servers_of_their_own_wrote_and_a_secret_at_the_end_fails_the_run(
    _listener: Eavesdropper, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.write_text(f"fine\ntook {SECRETS[1]}\n" + written(Line(), f"took {SECRETS[2]}"))
    _listener.read(log)
    assert [place.rpartition(":")[2] for place in _listener.caught] == ["2", "3"]
    with pytest.raises(AssertionError, match="a secret was logged"), listening():
        """Its last test is over, and something was caught since."""
    _listener.caught.clear()


def test_a_refusal_is_logged_with_the_request_and_the_trace_it_belongs_to_by_the_door_and_by_django(
    db: None, caplog: pytest.LogCaptureFixture, spans_kept: Any
) -> None:
    caplog.set_level(logging.INFO)
    trace = "0af7651916cd43dd8448eb211c80319c"
    told = {
        "X-Request-Id": "client-call-1",
        "traceparent": f"00-{trace}-b7ad6b7169203331-01",
        "Authorization": "Basic " + base64.b64encode(b"nobody:wrong").decode(),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    asked = http.Request(
        "POST", "/oauth/introspect", {name.lower().encode(): value.encode() for name, value in told.items()},
        "203.0.113.7", "client-call-1", b"token=x",
    )  # fmt: skip
    assert through_door.ask(asked, lambda *_: None)
    with pytest.MonkeyPatch.context() as patch:  # in the thread of the request, as a handler does
        lines: list[str] = []
        patch.setattr(through_door, "answer", lambda _: None)
        patch.setattr(caplog.handler, "emit", lambda record: lines.append(JsonLine().format(record)))
        Http(headers=told).post("/oauth/introspect", "token=x", content_type=told["Content-Type"])
    [door] = [JsonLine().format(record) for record in caplog.records if record.getMessage().startswith("refused")]
    [django] = [line for line in lines if "refused" in line]
    for line in map(json.loads, (door, django)):
        assert (line["message"], line["request_id"]) == (
            "refused invalid_client: resource_server:unknown",
            "client-call-1",
        )
        assert line["trace_id"] == trace
    refusals.told(TOO_MANY_REQUESTS)  # a flood fills no disk
    assert "too_many" not in caplog.text
