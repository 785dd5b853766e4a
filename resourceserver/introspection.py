"""Who is calling: the authorization server's word on a credential, asked for on every request.

It is remembered only where a ``memory`` is given, and only for as long as that allows (see ``resourceserver.events``).

It fails closed. A clear "inactive" is a refusal of the credential; anything that is not a clear answer
(no connection, time-out, wrong status, wrong content, a missing member) means that nobody gets in.

Obeys: RFC 7662 §2.1 (POST form), §2.2 (members), §4 (the answer is checked); RFC 8707 §2 (audience); MCP
authorization, token handling: a credential for another resource is refused.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from time import time
from typing import Any, Literal, Protocol
from urllib.parse import urljoin

import httpx2

from resourceserver.answers import Answer, Receive, RequestView
from resourceserver.endpoints import Endpoint
from resourceserver.events.calls import http_client
from resourceserver.events.memory import Memory
from resourceserver.events.subjects import Subject
from resourceserver.telemetry.onward import headers_onward
from resourceserver.trace import rehearsal
from resourceserver.trace.rehearsal import Rehearsal

TIMEOUT_SECONDS = 5.0
_CONNECTIONS = 100
# A kept connection that the server closed just as it was used again; asking once more is safe and usually enough.
_CONNECTION_LOST = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)

logger = logging.getLogger(__name__)


RejectionReason = Literal["inactive", "foreign_resource", "foreign_handle", "expired"]


@dataclass(frozen=True)
class Identity:
    """Who is calling, for which handle, with which scopes. It does not hold the credential."""

    person: str
    username: str
    name: str
    handle: str
    handle_role: str
    client_id: str
    client_name: str
    connection_id: str
    scopes: tuple[str, ...]
    resource: str
    expires_at: float
    withheld_tools: frozenset[str] = frozenset()  # neither to be listed nor to be run, whatever the scopes
    rehearsal: Rehearsal | None = None  # a fault to be met, once it is claimed


@dataclass(frozen=True)
class Rejected:
    """A credential that is not good here. The reason is for the audit log; callers all hear the same."""

    reason: RejectionReason


class Unreachable(Exception):
    """The authorization server gave no answer that could be relied on. The text is for the log, not the caller."""


class Memories(Protocol):
    """The memories of all accounts, and what keeps them told: ``resourceserver.events.subscriptions.Subscriptions``."""

    def of(self, account: str) -> Memory | None:
        """Return the memory of an account, or None when it has none."""

    async def start(self) -> None:
        """Begin, in the running event loop."""

    async def stop(self) -> None:
        """End, and forget everything."""

    async def receive(self, request: RequestView, receive: Receive) -> Answer | None:
        """Return the answer to a request that is meant for them, or None."""


identity_of_request: ContextVar[Identity | None] = ContextVar("identity_of_request", default=None)


def current_identity() -> Identity | None:
    """Return who made the MCP request that is being served, or None where no credential was needed."""
    return identity_of_request.get()


class IntrospectionClient:
    """Asks one authorization server, over kept connections.

    ``former_issuers`` are other names of it, in which it may answer while it moves.
    ``secrets`` maps each resource server id to its secret; an endpoint names the id it asks with. With ``memory``, an
    active answer is given again instead of asking, while its account's memory is sure of it; a refusal never is.
    ``transport`` and ``now`` (Unix seconds) are there for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        issuer: str,
        former_issuers: Iterable[str] = (),
        secrets: Mapping[str, str],
        timeout_seconds: float = TIMEOUT_SECONDS,
        memory: Memories | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        now: Callable[[], float] = time,
    ) -> None:
        self.memory = memory
        self._url = url
        self._issuers = {issuer, *former_issuers}
        self._accounts = {name: httpx2.BasicAuth(name, secret) for name, secret in secrets.items()}
        self._timeout_seconds = timeout_seconds
        self._now = now
        limits = httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        self._http = http_client(transport, timeout=timeout_seconds, limits=limits)

    async def identify(self, credential: str, endpoint: Endpoint) -> Identity | Rejected:
        """Return who holds ``credential``, or why it is not good at ``endpoint``. Raises Unreachable."""
        memory = self.memory.of(endpoint.resource_server) if self.memory is not None else None
        if memory is not None and (remembered := memory.recall(credential)) is not None:
            return self._judge(remembered, endpoint)
        # Before the question is sent: what is heard from here on may make its answer untrue.
        ticket = memory.ticket() if memory is not None else None
        answer = await self._ask(credential, endpoint.resource_server)
        found = self._judge(answer, endpoint)
        if memory is not None and ticket is not None and isinstance(found, Identity) and found.rehearsal is None:
            memory.remember(credential, answer, subject=subject_of(found), expires_at=found.expires_at, ticket=ticket)
        return found

    async def claim(self, fault: Rehearsal, endpoint: Endpoint) -> bool:
        """Return whether this fault is ours to answer now. Without a clear yes it is not."""
        account = self._accounts[endpoint.resource_server]
        try:
            response = await self._http.post(urljoin(self._url, fault.path), auth=account)
            told = response.json() if response.status_code == 200 else None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RecursionError):
            return False
        return isinstance(told, dict) and told.get("fire") is True

    def _judge(self, answer: Mapping[str, Any], endpoint: Endpoint) -> Identity | Rejected:
        """Return what an answer means at this endpoint and now. Raises Unreachable when it is not a clear one."""
        if answer["active"] is False:
            return Rejected("inactive")
        if not endpoint.is_meant_by(_audiences(answer)):
            return Rejected("foreign_resource")
        identity = self._read(answer, endpoint.resource)
        if endpoint.handle not in (None, identity.handle):
            return Rejected("foreign_handle")
        return identity if identity.expires_at > self._now() else Rejected("expired")

    async def aclose(self) -> None:
        """Close the kept connections."""
        await self._http.aclose()

    async def _ask(self, credential: str, resource_server: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                try:
                    response = await self._post(credential, resource_server)
                except _CONNECTION_LOST:
                    response = await self._post(credential, resource_server)
        # The cause is named by its class alone: its text could quote the request.
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            raise Unreachable(type(error).__name__) from None
        return _checked(response)

    async def _post(self, credential: str, resource_server: str) -> httpx2.Response:
        return await self._http.post(
            self._url,
            data={"token": credential, "token_type_hint": "access_token"},
            auth=self._accounts[resource_server],
            headers={"Accept": "application/json", **headers_onward.get()},
        )

    def _read(self, answer: Mapping[str, Any], resource: str) -> Identity:
        """Return the identity in an active answer. Raises Unreachable when a member is missing or of another type."""
        if _text(answer, "iss") not in self._issuers:
            logger.error("the authorization server calls itself by another issuer than this server's settings")
            raise Unreachable("the answer is not of the configured issuer")
        return Identity(
            person=_text(answer, "sub"),
            username=_text(answer, "username", default=""),
            name=_text(answer, "name", default=""),
            handle=_text(answer, "handle"),
            handle_role=_text(answer, "handle_role", default=""),
            client_id=_text(answer, "client_id"),
            client_name=_text(answer, "client_name", default=""),
            connection_id=_text(answer, "connection_id"),
            scopes=tuple(_text(answer, "scope").split()),
            resource=resource,
            expires_at=_number(answer, "exp"),
            withheld_tools=_names(answer, "withheld_tools"),
            rehearsal=rehearsal.read(answer),
        )


def subject_of(identity: Identity) -> Subject:
    """Return whom an answer is about, as events name them."""
    return Subject(
        connection=identity.connection_id,
        person=identity.person,
        handle=identity.handle,
        client=identity.client_id,
    )


def _checked(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code == 401:
        logger.error("the authorization server refuses this resource server's own id or secret: check the settings")
    if response.status_code != 200:
        raise Unreachable(f"status {response.status_code}")
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        raise Unreachable("the answer is not JSON") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("active"), bool):
        raise Unreachable("the answer is not an introspection answer")
    return answer


def _text(answer: Mapping[str, Any], member: str, *, default: str | None = None) -> str:
    value = answer.get(member, default)
    if not isinstance(value, str) or (default is None and not value and member != "scope"):
        raise Unreachable(f"the answer has no good {member}")
    return value


def _names(answer: Mapping[str, Any], member: str) -> frozenset[str]:
    names = answer.get(member, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unreachable(f"the answer has no good {member}")
    return frozenset(names)


def _audiences(answer: Mapping[str, Any]) -> list[str]:
    audiences = answer.get("aud")
    if isinstance(audiences, str):
        return [audiences]
    if isinstance(audiences, list) and audiences and all(isinstance(audience, str) for audience in audiences):
        return audiences
    raise Unreachable("the answer has no good aud")


def _number(answer: Mapping[str, Any], member: str) -> float:
    value = answer.get(member)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreachable(f"the answer has no good {member}")
    return value
