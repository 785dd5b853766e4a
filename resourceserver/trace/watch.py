"""What the gate tells of connection attempts: each refusal under an id of its own, each reading of the metadata, and
the first things that work.

A person who is refused is given the id, and finds the whole attempt at the authorization server by it. What works is
told once: the first call of a connection and its first tool, and both again after a refusal.
"""

import random
import re
from collections import OrderedDict
from dataclasses import dataclass

from resourceserver.answers import RequestView
from resourceserver.challenges import Refusal
from resourceserver.endpoints import Endpoint
from resourceserver.introspection import Identity
from resourceserver.reports import Reports
from resourceserver.trace.steps import Step

ADDRESS_LENGTH_MAX = 100
AGENT_LENGTH_MAX = 200
DOCTOR = "gatehouse doctor"
MAX_CONNECTIONS = 20_000
MAX_CALLERS = 5_000

_GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,36}")
_NO_CREDENTIAL = ("credential:missing", "credential:in_url")
_UNCLEAR = "introspection:unclear"

_Caller = tuple[str, str, str]  # at which resource, from which address, by which program


@dataclass(frozen=True)
class Mark:
    """What the answer to a refused request carries: the id of the request, and where its attempt is explained, if it
    is told anywhere."""

    request_id: str
    about: str = ""


def request_id(request: RequestView) -> str:
    """Return the id of a request: a proxy's ``X-Request-Id`` where it has the form of one, else a new one. It names a
    request and protects nothing, so chance of the quick kind will do."""
    given = request.header("x-request-id") or ""
    return given if _GIVEN_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"  # noqa: S311


class Watch:
    """Notes the steps of a gate in its reports. Nothing here waits or fails; without reports nothing is noted."""

    def __init__(self, reports: Reports | None, *, issuer: str, trusted_proxy_count: int) -> None:
        self._reports = reports
        self._issuer = issuer
        self._trusted_proxy_count = trusted_proxy_count
        self._told: OrderedDict[str, bool] = OrderedDict()  # of a connection: its first call; True: a tool too
        self._refused: OrderedDict[_Caller, None] = OrderedDict()
        self._is_cut_off = False

    def metadata_read(self, request: RequestView, endpoint: Endpoint) -> None:
        """Somebody was told where to sign in."""
        if self._reports is not None:
            step = Step(kind="resource_metadata", ok=True, **self._where(request, endpoint))
            self._reports.note_step(endpoint.resource_server, step, request_id(request))

    def refused(
        self,
        request: RequestView,
        endpoint: Endpoint,
        refusal: Refusal,
        *,
        identity: Identity | None = None,
        tool: str = "",
        credential_digest: str = "",
    ) -> Mark:
        """Note a refusal; return what its answer carries. ``tool`` is one of this server's, where it was about that."""
        own = request_id(request)
        if self._reports is None:
            return Mark(own)
        where = self._where(request, endpoint)
        self._expect(where, identity)
        self._hear(is_answered=bool(identity or credential_digest), is_unclear=refusal.reason == _UNCLEAR)
        step = Step(
            kind="challenge" if refusal.reason in _NO_CREDENTIAL else "call",
            ok=False,
            code=refusal.reason,
            tool=tool,
            connection_id=identity.connection_id if identity else "",
            credential_digest=credential_digest,
            **where,
        )
        told = self._reports.note_step(endpoint.resource_server, step, own)
        return Mark(own, f"{self._issuer}/attempts/{told}" if told else "")

    def admitted(
        self, request: RequestView, endpoint: Endpoint, identity: Identity | None, tools: tuple[str, ...]
    ) -> None:
        """Note a call that may go on, where it is the first of its kind. ``tools`` are called, and this server's."""
        if self._reports is None or identity is None:
            return
        self._hear(is_answered=True)
        if self._is_news(request, endpoint, identity, bool(tools)):
            step = Step(
                kind="call",
                ok=True,
                code="tool:called" if tools else "call:admitted",
                tool=tools[0] if tools else "",
                connection_id=identity.connection_id,
                **self._where(request, endpoint),
            )
            self._reports.note_step(endpoint.resource_server, step, request_id(request))

    def _is_news(self, request: RequestView, endpoint: Endpoint, identity: Identity, calls_tool: bool) -> bool:
        connection = identity.connection_id
        told = self._told.get(connection)
        # Most of the time nobody was refused, and who calls need not be worked out.
        if self._refused and _caller(self._where(request, endpoint)) in self._refused:
            del self._refused[_caller(self._where(request, endpoint))]
            told = None
        self._told[connection] = calls_tool or bool(told)
        self._told.move_to_end(connection)
        if len(self._told) > MAX_CONNECTIONS:
            self._told.popitem(last=False)
        return told is None or (calls_tool and not told)

    def _expect(self, where: dict[str, str], identity: Identity | None) -> None:
        """Tell what works next, for this caller and this connection, though it was told before."""
        if identity is not None:
            self._told.pop(identity.connection_id, None)
        self._refused[_caller(where)] = None
        if len(self._refused) > MAX_CALLERS:
            self._refused.popitem(last=False)

    def _hear(self, *, is_answered: bool, is_unclear: bool = False) -> None:
        """Once the authorization server answers again, what could not be told meanwhile is told at once."""
        if is_unclear:
            self._is_cut_off = True
        elif is_answered and self._is_cut_off and self._reports is not None:
            self._is_cut_off = False
            self._reports.try_again()

    def _where(self, request: RequestView, endpoint: Endpoint) -> dict[str, str]:
        agent = (request.header("user-agent") or "")[:AGENT_LENGTH_MAX]
        if request.header("x-gatehouse-doctor"):
            agent = DOCTOR  # a walk, as whichever client; nobody's attempt
        return {
            "resource": endpoint.resource,
            "address": request.caller(self._trusted_proxy_count)[:ADDRESS_LENGTH_MAX],
            "agent": agent if agent.isprintable() else "",
        }


def _caller(where: dict[str, str]) -> _Caller:
    return where["resource"], where["address"], where["agent"]
