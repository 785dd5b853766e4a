"""Resource servers that hear security events: one that is pushed to, on a real port of this machine, and one that
polls. They check what they hear as a stranger would, by the published keys."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.test import Client as Http
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import JWS

from tests.people import Asker

PUSH = "urn:ietf:rfc:8935"
POLL = "urn:ietf:rfc:8936"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
REVOKED = f"{CAEP}session-revoked"
CHANGED = f"{CAEP}token-claims-change"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"


def send(asker: Asker, method: str, path: str, body: object = None) -> Any:
    """Call an endpoint for resource servers, as this one."""
    pair = base64.b64encode(f"{asker.id}:{asker.secret}".encode()).decode()
    content = body if isinstance(body, bytes) else json.dumps(body)
    return Http().generic(
        method, path, content, content_type="application/json", headers={"Authorization": f"Basic {pair}"}
    )


def claims_of(token: str) -> dict[str, Any]:
    """Return what a security event token says, its signature checked by the published keys."""
    jws = JWS()
    jws.deserialize(token)
    assert jws.jose_header["typ"] == "secevent+jwt"
    key = JWKSet.from_json(Http().get("/oauth/jwks").content.decode()).get_key(jws.jose_header["kid"])
    assert key is not None, "signed by a key that is not published"
    jws.verify(key, alg="ES256")
    return json.loads(jws.payload)


def kind_of(claims: dict[str, Any]) -> str:
    (kind,) = claims["events"]
    return kind


@dataclass
class Stream:
    """One stream of a resource server that polls."""

    asker: Asker
    id: str

    @classmethod
    def open(cls, asker: Asker, *, verified: bool = True) -> Stream:
        answer = send(asker, "POST", "/oauth/events/stream", {"delivery": {"method": POLL}})
        assert answer.status_code == 201, answer.content
        stream = cls(asker, answer.json()["stream_id"])
        if verified:
            stream.verify()
            stream.acknowledge(*stream.poll()["sets"])
        return stream

    def verify(self, state: str = "a state") -> None:
        answer = send(self.asker, "POST", "/oauth/events/verify", {"stream_id": self.id, "state": state})
        assert answer.status_code == 204, answer.content

    def ask(self, **body: Any) -> Any:
        return send(self.asker, "POST", f"/oauth/events/poll/{self.id}", {"returnImmediately": True} | body)

    def poll(self, **body: Any) -> dict[str, Any]:
        answer = self.ask(**body)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def hear(self, **body: Any) -> list[dict[str, Any]]:
        """Poll and return what the events say; nothing is acknowledged."""
        return [claims_of(token) for token in self.poll(**body)["sets"].values()]

    def acknowledge(self, *jtis: str) -> dict[str, Any]:
        return self.poll(ack=list(jtis))


Answer = Callable[[BaseHTTPRequestHandler], None]


def accept(request: BaseHTTPRequestHandler) -> None:
    request.send_response(202)
    request.end_headers()


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


@dataclass
class Receiver:
    """A server that is pushed to. `answer` decides what it says; it keeps what it was sent."""

    port: int = 0
    answer: Answer = accept
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def tokens(self) -> list[str]:
        return [body for _, _, body in self.requests]

    def hang(self, request: BaseHTTPRequestHandler) -> None:
        """Answer nothing until the test is over."""
        self.released.wait(30)

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a byte at a time, for ever."""
        with contextlib.suppress(OSError):
            request.wfile.write(b"HTTP/1.1 202 Accepted\r\nX-Slow: ")
            while not self.released.wait(0.05):
                request.wfile.write(b"x")


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a port of its own."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            receiver.requests.append((self.path, dict(self.headers), body))
            receiver.answer(self)

        do_GET = do_POST

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def wait_until(true: Callable[[], bool], *, seconds: float = 60) -> None:
    """Return as soon as something is so; fail when it does not come about."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
