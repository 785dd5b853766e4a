"""A fault on purpose: claimed before it is answered, answered once, and never instead of a real refusal."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from resourceserver.gate import Gate, GateSettings
from tests.resourceserver.fakes import (
    ISSUER,
    FakeAuthorizationServer,
    Inner,
    ask,
    endpoints,
    grant,
    introspection,
    policy,
    tool_call,
)

ID = "4b5c2a0e-0000-4000-8000-00000000000a"


class Rehearsing(FakeAuthorizationServer):
    """Tells of a fault with every answer; `fire` is what a claim comes to."""

    fire: Any = None

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith("/met"):
            return await super().__call__(request)
        self.claimed = [*getattr(self, "claimed", []), request.url.path]
        if isinstance(self.fire, Exception):
            raise self.fire
        return self.fire


def met(fire: Any, told: Any, **call: Any) -> tuple[int, str, list[str]]:
    """Return status and error of a call, and what was claimed, with this rehearsal in the answer."""
    server = Rehearsing()
    server.fire = fire
    bearer = server.add(1, grant(rehearsal=told) | call.pop("changes", {}))
    settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy())
    reply = ask(Gate(Inner(), settings, introspection(server)), bearer=bearer, **call)
    return reply.status, reply.json.get("error", ""), getattr(server, "claimed", [])


YES = httpx2.Response(200, json={"fire": True})
CLAIMED = [f"/oauth/rehearsals/{ID}/met"]


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("unavailable", 503, "temporarily_unavailable"),
        ("handle_mismatch", 401, "session_handle_mismatch"),
        ("clock_skew", 401, "invalid_token"),
    ],
)
def test_a_claimed_fault_is_answered(fault: str, status: int, error: str) -> None:
    assert met(YES, {"id": ID, "fault": fault}) == (status, error, CLAIMED)


@pytest.mark.parametrize(
    "fire",
    [
        httpx2.Response(200, json={"fire": False}),
        httpx2.Response(200, json={"fire": "true"}),
        httpx2.Response(200, json=["fire"]),
        httpx2.Response(200, content=b"true"),
        httpx2.Response(401, json={"fire": True}),
        httpx2.Response(302, headers={"location": "http://elsewhere.test/"}),
        httpx2.ConnectError("gone"),
    ],
)
def test_without_a_clear_yes_the_call_is_served(fire: Any) -> None:
    assert met(fire, {"id": ID, "fault": "unavailable"}) == (200, "", CLAIMED)


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "unavailable",
        {"id": ID},
        {"id": ID, "fault": "expiry"},
        {"id": ID, "fault": ["unavailable"]},
        {"id": "../../introspect?x=", "fault": "unavailable"},
        {"id": f"{ID}\n", "fault": "unavailable"},
        {"id": 7, "fault": "unavailable"},
    ],
)
def test_what_is_no_rehearsal_is_passed_over(told: Any) -> None:
    assert met(YES, told) == (200, "", [])


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ({"method": "GET"}, 200),
        ({"changes": {"exp": 1}}, 401),
        ({"changes": {"aud": "http://elsewhere.test/mcp"}}, 401),
        ({"changes": {"active": False}}, 401),
    ],
)
def test_only_a_call_that_would_be_served_meets_it(call: Any, status: int) -> None:
    assert met(YES, {"id": ID, "fault": "unavailable"}, **call)[::2] == (status, [])


def test_a_lacking_scope_is_refused_as_ever_where_nothing_fires() -> None:
    no = httpx2.Response(200, json={"fire": False})
    assert met(no, {"id": ID, "fault": "unavailable"}, body=tool_call("create_link"))[0] == 403
