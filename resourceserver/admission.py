"""The steps by which a request to an MCP endpoint is let in or refused.

    credential -> identity -> rate -> session -> body -> scopes -> tools

Obeys: MCP authorization (401, 403 and their challenges; a credential only in the header, on every request),
RFC 6750 §2.1, §3.1 (``invalid_request`` for several credentials).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from time import monotonic
from typing import Any, Literal

from resourceserver import challenges, operations
from resourceserver.answers import Answer, Receive, RequestView, parse_error_answer, read_body, refusal_answer
from resourceserver.challenges import Challenger, Refusal
from resourceserver.credentials import is_well_formed
from resourceserver.endpoints import Match
from resourceserver.introspection import Identity, IntrospectionClient, Rejected, RejectionReason, Unreachable
from resourceserver.limits import RateLimiter, ToolCall, Usage, record
from resourceserver.operations import Operations, ToolRule
from resourceserver.reports import ANY_TOOL, Call, Outcome, Reports
from resourceserver.sessions import Owner, SessionBook
from resourceserver.tools.publishing import Publisher
from resourceserver.trace import rehearsal

Mode = Literal["oauth", "none", "mixed"]

# The revisions that have sessions; every later one is stateless, and its servers ignore Mcp-Session-Id.
SESSION_REVISIONS = frozenset({"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})
REJECTED: Mapping[RejectionReason, str] = {
    "inactive": "credential:refused",
    "foreign_resource": "credential:other_resource",
    "foreign_handle": "credential:other_handle",
    "expired": "credential:expired",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is needed to get in. ``required_scopes`` are needed for everything, each tool's rule adds its own.

    ``baseline_scopes`` is what a first connection is asked to request. ``unlisted_tools`` lets calls of tools
    without a rule through to the server: leave it off unless the server refuses those by itself.
    ``calls_per_minute`` counts per connection; 0 means no limit. ``max_body_bytes`` bounds what is read.
    """

    baseline_scopes: tuple[str, ...]
    tools: Mapping[str, ToolRule] = field(default_factory=dict)
    required_scopes: tuple[str, ...] = ("mcp.connect",)
    unlisted_tools: bool = False
    mode: Mode = "oauth"
    calls_per_minute: int = 600
    max_body_bytes: int = 4 * 1024 * 1024
    trusted_proxy_count: int = 0


@dataclass(frozen=True)
class Visit:
    """One request to an MCP endpoint on its way in."""

    request: RequestView
    match: Match
    challenger: Challenger

    @property
    def session_ids(self) -> tuple[str, ...]:
        """The MCP sessions this request names: none or one, unless somebody is trying something."""
        if self.match.door == "messages":
            return self.request.query.get("session_id", ())
        return self.request.headers.get("mcp-session-id", ())

    @property
    def has_sessions(self) -> bool:
        """Whether the request is of a protocol revision with sessions. No header means 2025-03-26."""
        revision = self.request.header("mcp-protocol-version")
        return revision is None or revision in SESSION_REVISIONS or self.match.door == "messages"


@dataclass(frozen=True)
class Passage:
    """An admitted request: by whom, its body if it had one, and its session if that is the caller's own."""

    owner: Owner
    identity: Identity | None
    body: bytes | None
    session_id: str | None
    lists_tools: bool = False
    tools: tuple[str, ...] = ()  # that are called, of those that this server has


class Refused(Exception):
    """A step said no. The event and the private reason are for the audit log; ``tool``, one of this server's that is
    lacking something, and ``credential_digest``, of a credential that is not good, for the authorization server, so
    that it can say why."""

    def __init__(
        self,
        refusal: Refusal,
        *,
        event: str = "credential:refused",
        identity: Identity | None = None,
        reason: str | None = None,
        tool: str = "",
        credential_digest: str = "",
        answer: Callable[[Refusal, str], Answer] = refusal_answer,
    ) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal
        self.event = event
        self.identity = identity
        self.reason = reason
        self.tool = tool
        self.credential_digest = credential_digest
        self.answer = answer


class Admission:
    """Takes requests through the steps. Holds the sessions, the rate limits and the usage counts."""

    def __init__(
        self,
        policy: Policy,
        introspection: IntrospectionClient | None,
        *,
        on_tool_call: Callable[[ToolCall], None] | None = None,
        reports: Reports | None = None,
        publisher: Publisher | None = None,
        issuer: str = "",
        clock: Callable[[], float] = monotonic,
    ) -> None:
        if introspection is None and policy.mode != "none":
            raise ValueError("without an introspection client only mode none is possible")
        self.policy = policy
        self.sessions = SessionBook()
        self.usage = Usage()
        self._introspection = introspection
        self._on_tool_call = on_tool_call
        self._reports = reports
        self._publisher = publisher
        self._issuer = issuer
        self._clock = clock
        self._limiter = RateLimiter(per_minute=policy.calls_per_minute)

    async def admit(self, visit: Visit, receive: Receive) -> Passage:
        """Return the passage of a request that may go on. Raises Refused, ClientGone."""
        # Before anybody is asked: a tool that is taken on the way must not meet an answer from before.
        waiting = self._waiting_tools(visit)
        identity = _lacking(await self._identify(visit), waiting, open_tools=self._open_tools)
        self._check_rate(visit, identity)
        owner = Owner.of(visit.match.endpoint.resource, identity)
        session_id = self._own_session(visit, identity, owner)
        body, asked = await self._read(visit, identity, receive)
        self._check_scopes(visit, identity, asked)
        self._check_tools(visit, identity, asked, waiting)
        self._count(visit, identity, asked)
        known = tuple(tool for tool in asked.tools if tool in self.policy.tools)
        return Passage(owner, identity, body, session_id, asked.lists_tools, known)

    async def _identify(self, visit: Visit) -> Identity | None:
        """Return who calls; None where the mode asks for no credential, and none came."""
        if self._introspection is None or self.policy.mode == "none":
            return None
        credential = _credential(visit)
        if credential is None:
            if self.policy.mode == "mixed":
                return None
            raise Refused(visit.challenger.missing_bearer_token(in_query="access_token" in visit.request.query))
        if not is_well_formed(credential):
            raise Refused(visit.challenger.invalid_token_format())
        try:
            found = await self._introspection.identify(credential, visit.match.endpoint)
        except Unreachable as error:
            logger.warning("nobody gets in, the authorization server gave no clear answer: %s", error)
            raise Refused(challenges.temporarily_unavailable(), reason=str(error)) from None
        if isinstance(found, Rejected):
            digest = sha256(credential.encode()).hexdigest()
            refusal = visit.challenger.invalid_token(REJECTED[found.reason])
            raise Refused(refusal, reason=found.reason, credential_digest=digest)
        await self._rehearse(visit, found, self._introspection)
        record("credential:accepted", endpoint=visit.match.endpoint, identity=found)
        return found

    async def _rehearse(self, visit: Visit, identity: Identity, introspection: IntrospectionClient) -> None:
        """Refuse a call of a connection that is to meet a fault, once. Other requests wait for nothing."""
        fault = identity.rehearsal
        if fault is None or visit.request.method != "POST":
            return
        if await introspection.claim(fault, visit.match.endpoint):
            refusal = rehearsal.refusal_of(fault, visit.challenger)
            raise Refused(refusal, identity=identity, reason=f"rehearsal {fault.fault}")

    def _check_rate(self, visit: Visit, identity: Identity | None) -> None:
        key = identity.connection_id if identity else f"peer {visit.request.caller(self.policy.trusted_proxy_count)}"
        if seconds := self._limiter.take(key, now=self._clock()):
            if identity is not None:
                self._note(visit, identity, tool=ANY_TOOL, outcome="limited")
            raise Refused(challenges.rate_limited(seconds), event="connection:limited", identity=identity)

    def _own_session(self, visit: Visit, identity: Identity | None, owner: Owner) -> str | None:
        """Return the session the request names, if it is the caller's own. A foreign one is refused.

        An unknown one is answered 404, at which clients open a new session. Revisions without sessions go on
        without it: the server behind never sees an id that the gate does not know.
        """
        if not visit.session_ids:
            return None
        if len(visit.session_ids) > 1:
            raise Refused(challenges.SEVERAL_SESSIONS, event="session:refused", identity=identity)
        verdict = self.sessions.judge(visit.session_ids[0], owner)
        if verdict == "own":
            return visit.session_ids[0]
        if verdict == "foreign" and identity is None:
            raise Refused(visit.challenger.missing_bearer_token(), event="session:refused")
        if verdict == "foreign":
            raise Refused(visit.challenger.session_handle_mismatch(), event="session:refused", identity=identity)
        if visit.has_sessions:
            raise Refused(challenges.SESSION_NOT_FOUND, event="session:refused", identity=identity)
        return None

    async def _read(self, visit: Visit, identity: Identity | None, receive: Receive) -> tuple[bytes | None, Operations]:
        """Return the body of a POST and what it asks for. Other methods carry no body that counts."""
        if visit.request.method != "POST":
            return None, Operations()
        body = await read_body(receive, limit_bytes=self.policy.max_body_bytes)
        if body is None:
            raise Refused(challenges.BODY_TOO_LARGE, event="body:refused", identity=identity)
        asked = operations.read(body)
        if asked is None:
            raise Refused(
                challenges.UNREADABLE_BODY, event="body:refused", identity=identity, answer=parse_error_answer
            )
        return body, asked

    def _check_scopes(self, visit: Visit, identity: Identity | None, asked: Operations) -> None:
        policy = self.policy
        if policy.mode == "none":
            return
        needed = asked.needed_scopes(policy.tools, required=policy.required_scopes)
        if identity is None:
            if not asked.are_open(policy.tools):
                raise Refused(visit.challenger.missing_bearer_token(scopes=needed))
            return
        if missing := tuple(scope for scope in needed if scope not in identity.scopes):
            self._report(visit, identity, asked.tools, outcome="insufficient_scope")
            refusal = visit.challenger.insufficient_scope(needed=needed, missing=missing)
            tool = next((tool for tool in asked.tools if tool in policy.tools), "")
            raise Refused(refusal, event="scope:refused", identity=identity, reason=" ".join(missing), tool=tool)
        if asked.unlisted(policy.tools) and not policy.unlisted_tools:
            raise Refused(challenges.UNLISTED_TOOL, event="scope:refused", identity=identity)

    @property
    def _open_tools(self) -> frozenset[str]:
        """The tools that anybody may call, signed in or not."""
        if self.policy.mode != "mixed":
            return frozenset()
        return frozenset(name for name, rule in self.policy.tools.items() if not rule.oauth)

    def _waiting_tools(self, visit: Visit) -> frozenset[str]:
        """Return the tools that the authorization server did not take yet; none where tools are not published."""
        if self._publisher is None:
            return frozenset()
        return frozenset(self.policy.tools) - self._publisher.taken(visit.match.endpoint.resource_server)

    def _check_tools(self, visit: Visit, identity: Identity | None, asked: Operations, waiting: frozenset[str]) -> None:
        """Refuse tools that are withheld although their scopes are there."""
        if identity is None:
            return
        for tool in identity.withheld_tools.intersection(asked.tools):
            if tool in waiting:
                raise Refused(challenges.not_published(), event="tool:refused", identity=identity, tool=tool)
            needed = Operations(tools=(tool,)).needed_scopes(self.policy.tools, required=self.policy.required_scopes)
            self._note(visit, identity, tool=tool, outcome="insufficient_scope", scopes=needed)
            refusal = visit.challenger.new_tool(
                needed=needed, approve_at=f"{self._issuer}/connections/{identity.connection_id}/tools"
            )
            raise Refused(refusal, event="tool:refused", identity=identity, tool=tool)

    def _count(self, visit: Visit, identity: Identity | None, asked: Operations) -> None:
        owner = Owner.of(visit.match.endpoint.resource, identity)
        for tool in asked.tools:
            if tool in self.policy.tools:
                call = ToolCall(tool, owner.resource, owner.person, owner.handle, owner.client_id)
                self.usage.add(call)
                if self._on_tool_call is not None:
                    self._on_tool_call(call)
        self._report(visit, identity, asked.tools, outcome="allowed")

    def _report(self, visit: Visit, identity: Identity | None, tools: tuple[str, ...], *, outcome: Outcome) -> None:
        """Note calls of tools that there are. Of a refused batch, those that lacked a scope are what was refused."""
        if identity is None:
            return
        for tool in tools:
            if tool not in self.policy.tools:
                continue
            needed = Operations(tools=(tool,)).needed_scopes(self.policy.tools, required=self.policy.required_scopes)
            missing = tuple(scope for scope in needed if scope not in identity.scopes)
            if missing or outcome == "allowed":
                self._note(visit, identity, tool=tool, outcome=outcome, scopes=needed, missing=missing)

    def _note(self, visit: Visit, identity: Identity, **facts: Any) -> None:
        if self._reports is not None:
            call = Call(connection_id=identity.connection_id, **facts)
            self._reports.note(visit.match.endpoint.resource_server, call)


def _lacking(identity: Identity | None, waiting: frozenset[str], *, open_tools: frozenset[str]) -> Identity | None:
    """Return the caller with all tools withheld that are: by the authorization server, or because they wait."""
    if identity is None or not (waiting or identity.withheld_tools):
        return identity
    return replace(identity, withheld_tools=(identity.withheld_tools | waiting) - open_tools)


def _credential(visit: Visit) -> str | None:
    """Return the bearer of a request, or None when it has none. Raises Refused when there are several."""
    values = visit.request.headers.get("authorization", ())
    bearers = [value for value in values if value.lower().startswith("bearer ") or value.lower() == "bearer"]
    if len(values) > 1 or (bearers and "access_token" in visit.request.query):
        raise Refused(visit.challenger.several_credentials())
    return bearers[0][len("bearer") :].strip(" ") if bearers else None
