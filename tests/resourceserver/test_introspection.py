"""The authorization server's word: only a clear yes lets in, and only here, for this handle, for now."""

import asyncio
import dataclasses
import logging

import httpx2
import pytest

from resourceserver.endpoints import Endpoint
from resourceserver.introspection import Identity, Rejected, Unreachable
from tests.resourceserver.fakes import (
    COMPAT,
    GATEWAY,
    ISSUER,
    NOW,
    FakeAuthorizationServer,
    endpoints,
    grant,
    introspection,
    run,
)


def endpoint(path: str = "/mcp", host: str = "127.0.0.1:8001") -> Endpoint:
    found = endpoints().match(host, path)
    assert found is not None
    return found.endpoint


def identify(server: FakeAuthorizationServer, bearer: str, where: Endpoint, **changes: object) -> Identity | Rejected:
    return run(introspection(server, **changes).identify(bearer, where))


def test_a_good_credential_says_who_calls():
    server = FakeAuthorizationServer()
    identity = identify(server, server.add(1, grant(scope="mcp.connect links.read")), endpoint())
    assert isinstance(identity, Identity)
    assert (identity.person, identity.handle, identity.scopes) == (
        "person-alice",
        "acme",
        ("mcp.connect", "links.read"),
    )
    assert server.asked[0][0] == "rs-main"


def test_the_other_resource_asks_with_its_own_id():
    server = FakeAuthorizationServer()
    other = endpoint("/other/mcp")
    identify(server, server.add(1, grant(aud=other.resource)), other)
    assert server.asked[0][0] == "rs-other"


def test_an_identity_does_not_hold_the_credential():
    server = FakeAuthorizationServer()
    bearer = server.add(1, grant())
    identity = identify(server, bearer, endpoint())
    assert bearer not in repr(identity)
    assert dataclasses.is_dataclass(identity)
    with pytest.raises(dataclasses.FrozenInstanceError):
        identity.handle = "globex"  # type: ignore[misc, union-attr]


@pytest.mark.parametrize(
    ("changes", "where", "reason"),
    [
        ({"aud": COMPAT.format(handle="acme")}, endpoint(), "foreign_resource"),
        ({"aud": GATEWAY}, endpoint("/mcp/acme/mcp"), "foreign_resource"),
        ({"aud": GATEWAY + "/"}, endpoint(), "foreign_resource"),
        ({"aud": "http://globex.mcp.localhost:8001/mcp"}, endpoint(host="acme.mcp.localhost:8001"), "foreign_resource"),
        ({"aud": COMPAT.format(handle="acme"), "handle": "globex"}, endpoint("/mcp/acme/mcp"), "foreign_handle"),
        ({"aud": [COMPAT, GATEWAY + "/x"]}, endpoint(), "foreign_resource"),
        ({"exp": NOW}, endpoint(), "expired"),
        ({"exp": NOW - 1}, endpoint(), "expired"),
    ],
)
def test_a_credential_for_elsewhere_or_over_is_rejected(changes: dict[str, object], where: Endpoint, reason: str):
    server = FakeAuthorizationServer()
    found = identify(server, server.add(1, grant(**{"exp": NOW + 60, **changes})), where, now=lambda: NOW)
    assert found == Rejected(reason)


def test_a_credential_for_several_resources_is_good_at_each_of_them():
    server = FakeAuthorizationServer()
    identity = identify(server, server.add(1, grant(aud=["http://elsewhere.test/mcp", GATEWAY])), endpoint())
    assert isinstance(identity, Identity)
    assert identity.resource == GATEWAY


def test_an_inactive_credential_is_rejected():
    assert identify(FakeAuthorizationServer(), "mcpv1_unknown", endpoint()) == Rejected("inactive")


@pytest.mark.parametrize("member", ["scope", "client_id", "sub", "aud", "iss", "exp", "handle", "connection_id"])
@pytest.mark.parametrize("value", [None, "absent", 17.5, True, [], [7], {}])
def test_a_member_missing_or_of_another_type_lets_nobody_in(member: str, value: object):
    answer = grant()
    if value == "absent":
        del answer[member]
    else:
        answer[member] = value
    server = FakeAuthorizationServer(answer=httpx2.Response(200, json=answer))
    if member == "exp" and value == 17.5:
        assert identify(server, "x", endpoint()) == Rejected("expired")
        return
    with pytest.raises(Unreachable):
        identify(server, "x", endpoint())


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(500, json=grant()),
        httpx2.Response(201, json=grant()),
        httpx2.Response(403, json=grant()),
        httpx2.Response(401, json={"error": "invalid_client"}),
        httpx2.Response(404, text="<html>"),
        httpx2.Response(204),
        httpx2.Response(302, headers={"Location": "http://evil.example/"}),
        httpx2.Response(200, text="<html>it works</html>"),
        httpx2.Response(200, text=""),
        httpx2.Response(200, json=[grant()]),
        httpx2.Response(200, json="active"),
        httpx2.Response(200, json={}),
        httpx2.Response(200, json={"active": "true"}),
        httpx2.Response(200, json={"active": 1}),
        httpx2.Response(200, json=grant(iss="http://elsewhere.test")),
        httpx2.Response(200, content=b"[" * 100_000),
        httpx2.Response(200, content=b"\xff\xfe{}"),
    ],
)
def test_an_unclear_answer_lets_nobody_in(answer: httpx2.Response):
    with pytest.raises(Unreachable):
        identify(FakeAuthorizationServer(answer=answer), "x", endpoint())


@pytest.mark.parametrize(
    "error",
    [
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("broken"),
        httpx2.PoolTimeout("full"),
        OSError("no network"),
    ],
)
def test_a_transport_error_lets_nobody_in(error: Exception):
    with pytest.raises(Unreachable):
        identify(FakeAuthorizationServer(error=error), "x", endpoint())


def test_a_kept_connection_that_was_just_closed_is_not_the_callers_problem():
    class Restarted(FakeAuthorizationServer):
        async def __call__(self, request: httpx2.Request) -> httpx2.Response:
            error, self.error = self.error, None
            if error is not None:
                raise error
            return await super().__call__(request)

    server = Restarted(error=httpx2.RemoteProtocolError("server disconnected"))
    assert isinstance(identify(server, server.add(1, grant()), endpoint()), Identity)


def test_an_answer_that_never_ends_lets_nobody_in():
    class Silent(FakeAuthorizationServer):
        async def __call__(self, request: httpx2.Request) -> httpx2.Response:
            await asyncio.Event().wait()
            raise AssertionError

    with pytest.raises(Unreachable, match="TimeoutError"):
        identify(Silent(), "x", endpoint(), timeout_seconds=0.01)


def test_a_fault_of_our_own_account_is_named_in_the_log_without_the_secret(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR), pytest.raises(Unreachable):
        identify(FakeAuthorizationServer(), "x", endpoint(), secrets={"rs-main": "rss_wrong"})
    assert "own id or secret" in caplog.text
    assert "rss_wrong" not in caplog.text


def test_an_exception_never_quotes_the_credential():
    server = FakeAuthorizationServer(error=httpx2.ConnectError("token=mcpv1_quoted"))
    with pytest.raises(Unreachable) as caught:
        identify(server, "mcpv1_quoted", endpoint())
    assert "mcpv1_quoted" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_issuer_is_the_one_of_the_settings():
    server = FakeAuthorizationServer()
    bearer = server.add(1, grant())
    with pytest.raises(Unreachable, match="issuer"):
        identify(server, bearer, endpoint(), issuer=ISSUER + "/")
