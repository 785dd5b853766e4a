"""The ASGI gate in front of an MCP server: routing, public documents, CORS, and the admission of each request."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from resourceserver import __version__, challenges, cors, metadata
from resourceserver.admission import Admission, Passage, Policy, Refused, Visit
from resourceserver.answers import (
    Answer,
    ASGIApp,
    ClientGone,
    Headers,
    Message,
    Receive,
    RequestView,
    Scope,
    Send,
    refusal_answer,
    replayed,
)
from resourceserver.challenges import Challenger
from resourceserver.endpoints import EndpointTable, Match, request_authority
from resourceserver.introspection import IntrospectionClient, identity_of_request
from resourceserver.limits import ToolCall, record
from resourceserver.reports import Reports
from resourceserver.telemetry import onward
from resourceserver.telemetry.onward import MarkedSend, Tracer, headers_onward
from resourceserver.tools.listing import FilteredList
from resourceserver.tools.publishing import Publisher
from resourceserver.trace.watch import Watch

_SSE_SESSION = re.compile(rb"[?&]session_id=([0-9A-Za-z._~-]+)[\s&]")
_SSE_PEEK_BYTES = 2048


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """What a resource server decides: its endpoints, its authorization server, who gets in, which pages may call."""

    endpoints: EndpointTable
    issuer: str
    policy: Policy
    origins: cors.OriginPolicy = field(default_factory=cors.OriginPolicy)
    service_name: str = "MCP resource server"
    service_version: str = __version__


class Gate:
    """An ASGI application that protects another one.

    The protected application finds ``resourceserver.identity`` and ``resourceserver.endpoint`` in its scope and the
    identity in ``current_identity()``. ``root_path`` is set so that one application with the paths ``/mcp`` (and
    ``/sse``, ``/messages``) serves every endpoint. ``on_tool_call`` hears of each admitted tool call, ``reports`` of
    refused ones too; ``clock`` is in monotonic seconds. With a ``publisher``, tools run once they are published. The
    lifespan starts and stops ``reports``, ``publisher`` and the memory of ``introspection``; under a server without
    lifespan nothing is told or published, and nothing remembered. With a ``tracer``, each request is a span.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: GateSettings,
        introspection: IntrospectionClient | None,
        *,
        on_tool_call: Callable[[ToolCall], None] | None = None,
        reports: Reports | None = None,
        publisher: Publisher | None = None,
        tracer: Tracer | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._app = app
        self._tracer = tracer
        self._outcomes: Counter[str] = Counter()  # "admitted", and the codes of refusals
        self._settings = settings
        self._introspection = introspection
        self._memory = introspection.memory if introspection is not None else None
        self._reports = reports
        self._publisher = publisher
        if publisher is not None:
            publisher.forget_with(self._memory)
        self._watch = Watch(reports, issuer=settings.issuer, trusted_proxy_count=settings.policy.trusted_proxy_count)
        self._admission = Admission(
            settings.policy,
            introspection,
            on_tool_call=on_tool_call,
            reports=reports,
            publisher=publisher,
            issuer=settings.issuer,
            clock=clock,
        )

    @property
    def usage(self) -> dict[ToolCall, int]:
        """How often each tool was called since the start, per person and handle."""
        return self._admission.usage.snapshot()

    def figures(self) -> dict[str, dict[str, int]]:
        """Return what was counted since the start, for a figure of your own: ``requests`` to endpoints by outcome
        (``admitted``, or the code of the refusal), ``tool_calls`` by tool. Names are of this server's own making."""
        tools: Counter[str] = Counter()
        for call, count in self.usage.items():
            tools[call.tool] += count
        return {"requests": dict(self._outcomes), "tool_calls": dict(tools)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            request = RequestView.of(scope)
            goes_on = onward.of(request)
            token = headers_onward.set(goes_on)
            try:
                await self._http(request, scope, receive, MarkedSend(send, goes_on["X-Request-Id"]))
            finally:
                headers_onward.reset(token)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        companions = [one for one in (self._memory, self._reports, self._publisher) if one is not None]

        async def stop() -> None:
            await asyncio.gather(*(companion.stop() for companion in companions))

        async def receive_and_stop() -> Message:
            message = await receive()
            # The server waits until the application says that it has shut down, and not until it returns.
            if message["type"] == "lifespan.shutdown":
                await stop()
            return message

        try:
            for companion in companions:
                await companion.start()
            await self._app(scope, receive_and_stop, send)
        finally:
            await stop()
            if self._introspection is not None:
                await self._introspection.aclose()

    async def _http(self, request: RequestView, scope: Scope, receive: Receive, send: MarkedSend) -> None:
        authority = self._authority(request)
        match = self._settings.endpoints.match(authority, request.path)
        if match is None:
            answer = await self._event(request, receive) or self._beside_endpoints(request, authority)
            await answer.send(scope, send)
        elif match.door == "metadata":
            await self._metadata(request, match).send(scope, send)
        else:
            await self._traced(Visit(request, match, self._challenger(match)), scope, receive, send)

    async def _traced(self, visit: Visit, scope: Scope, receive: Receive, send: MarkedSend) -> None:
        if self._tracer is None:
            await self._endpoint(visit, scope, receive, send)
            return
        caller = headers_onward.get().get("traceparent", "")
        with self._tracer.during(visit.request.method, visit.match.endpoint.name, caller) as span:
            headers_onward.set({**headers_onward.get(), "traceparent": span.traceparent})
            await self._endpoint(visit, scope, receive, send)
            span.close(send.status)

    def _authority(self, request: RequestView) -> str:
        forwarded = ",".join(request.headers.get("x-forwarded-host", ()))
        count = self._settings.policy.trusted_proxy_count
        return request_authority(request.header("host"), forwarded_host=forwarded, trusted_proxy_count=count) or ""

    def _challenger(self, match: Match) -> Challenger:
        return Challenger(match.endpoint.metadata_url, self._settings.policy.baseline_scopes)

    async def _event(self, request: RequestView, receive: Receive) -> Answer | None:
        """Return the answer to a security event that was sent to us, or None when this is something else."""
        try:
            return await self._memory.receive(request, receive) if self._memory is not None else None
        except ClientGone:
            return Answer(400)

    def _beside_endpoints(self, request: RequestView, authority: str) -> Answer:
        readable = request.method in ("GET", "HEAD")
        if request.path == "/livez" and readable:
            return Answer(200, b"ok", (("Content-Type", "text/plain"), ("Cache-Control", "no-store")))
        if request.path == "/readyz" and readable:
            return self._ready()
        if request.path == "/" and readable and self._settings.endpoints.knows_host(authority):
            return metadata.health_answer(
                service_name=self._settings.service_name,
                version=self._settings.service_version,
                patterns=self._settings.endpoints.patterns,
            )
        answer = refusal_answer(challenges.NOT_FOUND)
        return answer.having(cors.ANY_ORIGIN) if request.path.startswith("/.well-known/") else answer

    def _ready(self) -> Answer:
        """Whether tools can be called: not before the authorization server knows them."""
        headers = (("Content-Type", "text/plain"), ("Cache-Control", "no-store"))
        if self._publisher is None or self._publisher.is_done:
            return Answer(200, b"ok", headers)
        return Answer(503, b"the tools are not published yet", headers)

    def _metadata(self, request: RequestView, match: Match) -> Answer:
        if self._settings.policy.mode == "none":
            return refusal_answer(challenges.NOT_FOUND).having(cors.ANY_ORIGIN)
        if request.method == "OPTIONS":
            return cors.preflight(cors.ANY_ORIGIN, methods="GET, OPTIONS")
        if request.method not in ("GET", "HEAD"):
            return Answer(405, headers=(("Allow", "GET, HEAD, OPTIONS"), *cors.ANY_ORIGIN))
        document = metadata.resource_metadata(
            match.endpoint,
            issuer=match.endpoint.issuer or self._settings.issuer,
            scopes=self._settings.policy.baseline_scopes,
            service_name=self._settings.service_name,
        )
        self._watch.metadata_read(request, match.endpoint)
        return metadata.metadata_answer(document)

    async def _endpoint(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        origin = visit.request.header("origin")
        if origin is not None and not self._settings.origins.allows(origin):
            await self._refusal(visit, Refused(challenges.ORIGIN_NOT_ALLOWED)).send(scope, send)
            return
        cors_headers = self._settings.origins.answer_headers(origin) if origin is not None else ()
        if visit.request.method == "OPTIONS":
            await cors.preflight(cors_headers).send(scope, send)
            return
        try:
            passage = await self._admission.admit(visit, receive)
        except ClientGone:
            return
        except Refused as refused:
            self._outcomes[refused.refusal.error] += 1
            facts = {"code": refused.refusal.error, "reason": refused.reason}
            record(refused.event, endpoint=visit.match.endpoint, identity=refused.identity, **facts)
            await self._refusal(visit, refused).having(cors_headers).send(scope, send)
            return
        self._outcomes["admitted"] += 1
        self._watch.admitted(visit.request, visit.match.endpoint, passage.identity, passage.tools)
        watched = _WatchedSend(send, self._admission, visit=visit, passage=passage, headers=cors_headers)
        await self._pass(visit, passage, scope, receive, watched)

    def _refusal(self, visit: Visit, refused: Refused) -> Answer:
        """Return the answer to a refused request, under an id by which its attempt is found."""
        mark = self._watch.refused(
            visit.request,
            visit.match.endpoint,
            refused.refusal,
            identity=refused.identity,
            tool=refused.tool,
            credential_digest=refused.credential_digest,
        )
        return refused.answer(refused.refusal, mark.about).having((("X-Request-Id", mark.request_id),))

    async def _pass(
        self, visit: Visit, passage: Passage, scope: Scope, receive: Receive, watched: "_WatchedSend"
    ) -> None:
        """Let an admitted request through to the protected application."""
        inner = dict(scope)
        inner["root_path"] = visit.match.root_path
        inner["resourceserver.identity"] = passage.identity
        inner["resourceserver.endpoint"] = visit.match.endpoint
        if passage.session_id is None:
            inner["headers"] = [pair for pair in scope["headers"] if pair[0].lower() != b"mcp-session-id"]
        send: Send = watched
        if passage.lists_tools and passage.identity is not None:
            # Compressed, the list could not be read here.
            inner["headers"] = [pair for pair in inner["headers"] if pair[0].lower() != b"accept-encoding"]
            send = FilteredList(watched, passage.identity.withheld_tools)
        read = receive if passage.body is None else replayed(passage.body, receive)
        token = identity_of_request.set(passage.identity)
        try:
            await self._app(inner, read, send)
        finally:
            identity_of_request.reset(token)
            watched.finish()


class _WatchedSend:
    """The ``send`` of an admitted request: adds headers, learns which sessions begin and end, holds back no byte."""

    def __init__(self, send: Send, admission: Admission, *, visit: Visit, passage: Passage, headers: Headers) -> None:
        self._send = send
        self._sessions = admission.sessions
        self._visit = visit
        self._passage = passage
        self._headers = headers
        self._status = 0
        self._stream_start = b""
        self._stream_session: str | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = self._started(message)
        elif message["type"] == "http.response.body" and self._visit.match.door == "sse":
            self._peek(message.get("body", b""))
        await self._send(message)

    def _started(self, message: Message) -> Message:
        self._status = message["status"]
        headers = list(message.get("headers", ()))
        issued = [value.decode("latin-1") for name, value in headers if name.lower() == b"mcp-session-id"]
        if issued and self._status < 400:
            self._sessions.remember(issued[0], self._passage.owner)
        names = {name.lower() for name, _ in headers}
        added = (("Cache-Control", "no-store"), *self._headers)
        headers += [(n.lower().encode(), v.encode("latin-1")) for n, v in added if n.lower().encode() not in names]
        return {**message, "headers": headers}

    def _peek(self, chunk: bytes) -> None:
        """Learn the session id that the first event of an SSE stream tells the client."""
        if self._stream_session is not None or len(self._stream_start) > _SSE_PEEK_BYTES:
            return
        self._stream_start += chunk[:_SSE_PEEK_BYTES]
        if found := _SSE_SESSION.search(self._stream_start):
            self._stream_session = found[1].decode()
            self._sessions.remember(self._stream_session, self._passage.owner)

    def finish(self) -> None:
        """Forget sessions that ended with this request: a deleted one, or that of a closed SSE stream."""
        if self._stream_session is not None:
            self._sessions.forget(self._stream_session)
        if self._visit.request.method == "DELETE" and self._status < 400 and self._passage.session_id is not None:
            self._sessions.forget(self._passage.session_id)
