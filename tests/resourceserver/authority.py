"""A whole small authorization server for the kit: introspection, signed events, reports. It can lie, hang and die."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import httpx2
import uvicorn
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from resourceserver.answers import Receive, Scope, Send
from resourceserver.events.sets import CAEP, VERIFICATION
from tests.resourceserver.fakes import ISSUER, SECRETS

REVOKED = f"{CAEP}session-revoked"
CHANGED = f"{CAEP}token-claims-change"
Json = dict[str, Any]


@cache
def key(name: str) -> JWK:
    return JWK.generate(kty="EC", crv="P-256", kid=name, use="sig", alg="ES256")


def connection(connection_id: str) -> Json:
    return {"format": "complex", "session": {"format": "opaque", "id": connection_id}}


def sign(claims: Any, *, by: JWK | None = None, **header: Any) -> str:
    """A compact token; a header member of None is left out."""
    by = by or key("key-1")
    members = {"typ": "secevent+jwt", "alg": "ES256", "kid": by.get("kid"), **header}
    token = JWS(claims if isinstance(claims, str) else json.dumps(claims))
    token.allowed_algs = ["ES256", "HS256", "ES384"]
    protected = {name: value for name, value in members.items() if value is not None}
    token.add_signature(by, None, json.dumps(protected), None)
    return token.serialize(compact=True)


@dataclass
class Stream:
    account: str
    delivery: Json
    stream_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    owed: dict[str, str] = field(default_factory=dict)


@dataclass
class Authority:
    """What it knows, what it was told, and how it misbehaves: ``broken`` maps a path's beginning to what happens there,
    a status or a coroutine function that answers instead."""

    grants: dict[str, Json] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)
    published: list[JWK] = field(default_factory=lambda: [key("key-1")])
    signer: JWK = field(default_factory=lambda: key("key-1"))
    asked: list[str] = field(default_factory=list)
    paths: list[tuple[str, str]] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    errors: dict[str, Json] = field(default_factory=dict)
    reports: list[tuple[str, list[Json]]] = field(default_factory=list)
    tools: list[tuple[str, list[Json]]] = field(default_factory=list)
    pushed: list[httpx2.Response] = field(default_factory=list)
    broken: dict[str, Any] = field(default_factory=dict)
    more: bool = False
    verifies: bool = True
    push: Callable[[str, str], Any] | None = None
    now: Callable[[], float] = time.time

    # What ends

    def claims(self, account: str, subject: Json, kind: str = REVOKED, **changes: Any) -> Json:
        event = {"event_timestamp": int(self.now()), "initiating_entity": "user"}
        made = {"iss": ISSUER, "aud": account, "iat": int(self.now()), "jti": uuid.uuid4().hex, "txn": "request-1"}
        return {**made, "sub_id": subject, "events": {kind: event}, **changes}

    def tell(self, subject: Json, kind: str = REVOKED, **changes: Any) -> list[str]:
        """Owe every polling stream an event; return its jtis."""
        told = []
        for stream in self.streams.values():
            claims = self.claims(stream.account, subject, kind, **changes)
            stream.owed[claims["jti"]] = sign(claims, by=self.signer)
            told.append(claims["jti"])
        return told

    def revoke(self, connection_id: str) -> list[str]:
        """End a connection: introspection says so from now on, and everybody is told."""
        self.grants = {name: one for name, one in self.grants.items() if one["connection_id"] != connection_id}
        return self.tell(connection(connection_id))

    # The wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path, method = scope["path"], scope["method"]
        self.paths.append((method, path))
        for beginning, failure in self.broken.items():
            if path.startswith(beginning):
                if isinstance(failure, int):
                    await answer(send, failure, b"{}")
                else:
                    await failure(send)
                return
        status, members = await self.route(method, path, scope["query_string"].decode(), headers, body)
        await answer(send, status, json.dumps(members).encode() if members is not None else b"")

    async def route(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Json | None]:
        if path == "/oauth/jwks":
            return 200, {"keys": [json.loads(one.export_public()) for one in self.published]}
        pair = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        account, _, secret = pair.partition(":")
        if SECRETS.get(account) != secret:
            return 401, {"error": "invalid_client"}
        if path == "/oauth/introspect":
            token = parse_qs(body.decode())["token"][0]
            self.asked.append(token)
            return 200, self.grants.get(token, {"active": False})
        if method == "DELETE":
            return (204, None) if self.streams.pop(parse_qs(query)["stream_id"][0], None) else (404, {})
        return await self.events(path, account, json.loads(body))

    async def events(self, path: str, account: str, asking: Json) -> tuple[int, Json | None]:
        if path == "/oauth/tools":
            self.tools.append((account, asking["tools"]))
            return 200, {"resources": [], "warnings": []}
        if path == "/oauth/reports":
            self.reports.append((account, asking["calls"]))
            return 202, {}
        if path == "/oauth/events/stream":
            return self.subscribe(account, asking["delivery"])
        stream = self.streams.get(asking.get("stream_id") or path.rpartition("/")[2])
        if stream is None or stream.account != account:
            return 404, {"error": "not_found"}
        if path == "/oauth/events/verify":
            return await self.verify(stream, asking["state"])
        return self.poll(stream, asking)

    def subscribe(self, account: str, delivery: Json) -> tuple[int, Json]:
        stream = Stream(account, delivery)
        self.streams[stream.stream_id] = stream
        members = {"stream_id": stream.stream_id, "iss": ISSUER, "aud": account, "status": "enabled"}
        return 201, members | {"delivery": delivery, "events_delivered": [REVOKED, CHANGED]}

    async def verify(self, stream: Stream, state: str) -> tuple[int, None]:
        subject = {"format": "opaque", "id": stream.stream_id}
        claims = self.claims(stream.account, subject, events={VERIFICATION: {"state": state}})
        if not self.verifies:
            return 204, None
        token = sign(claims, by=self.signer)
        if self.push is not None:
            await self.push(stream.delivery["endpoint_url"], token)
        else:
            stream.owed[claims["jti"]] = token
        return 204, None

    def poll(self, stream: Stream, asking: Json) -> tuple[int, Json]:
        for jti in asking["ack"]:
            self.acknowledged.append(jti)
            stream.owed.pop(jti, None)
        for jti in asking["setErrs"]:
            stream.owed.pop(jti, None)
        self.errors |= asking["setErrs"]
        owed = dict(list(stream.owed.items())[: asking["maxEvents"]])
        return 200, {"sets": owed, "moreAvailable": self.more or len(owed) < len(stream.owed)}


async def answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def hang(send: Send) -> None:
    await asyncio.Event().wait()


async def never_ending(send: Send) -> None:
    """An answer that goes on and on."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b" " * 65536, "more_body": True})
        await asyncio.sleep(0)


@contextmanager
def listening(authority: Any, port: int = 0) -> Iterator[int]:
    """Serve an application on a real socket, in a thread of its own; yield the port."""
    config = uvicorn.Config(authority, port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise OSError("it does not listen")
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
