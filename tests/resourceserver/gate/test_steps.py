"""Each refusal has an id that leads to its attempt, and is told once; what works is told where it is news."""

from typing import Any

import httpx2
import pytest

from resourceserver.gate import Gate, GateSettings
from resourceserver.reports import Call
from resourceserver.trace.steps import Step
from tests.resourceserver.fakes import (
    COMPAT,
    GATEWAY,
    ISSUER,
    OTHER,
    PING,
    FakeAuthorizationServer,
    Inner,
    Reply,
    ask,
    bob,
    credential,
    endpoints,
    grant,
    introspection,
    policy,
    tool_call,
)

METADATA = "http://127.0.0.1:8001/.well-known/oauth-protected-resource/mcp"
AGENT = {"User-Agent": "probe/1"}


class Told:
    """Takes in steps, in place of what sends them."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Step, str]] = []
        self.tries = 0

    def note(self, account: str, call: Call) -> None:
        pass

    def note_step(self, account: str, step: Step, request_id: str) -> str:
        self.steps.append((account, step, request_id))
        return request_id

    def try_again(self) -> None:
        self.tries += 1

    @property
    def said(self) -> list[tuple[str, bool, str]]:
        return [(step.kind, step.ok, step.code) for _, step, _ in self.steps]


def watched(server: FakeAuthorizationServer, told: Any, *, inner: Inner | None = None, **changes: Any) -> Gate:
    settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy(**changes))
    return Gate(inner or Inner(), settings, introspection(server), reports=told)


REFUSALS: list[tuple[dict[str, Any], tuple[int, str, str]]] = [
    ({}, (401, "challenge", "credential:missing")),
    ({"url": f"{GATEWAY}?access_token=x"}, (401, "challenge", "credential:in_url")),
    ({"bearer": "pat_secret"}, (401, "call", "credential:malformed")),
    ({"bearer": credential(9)}, (401, "call", "credential:refused")),
    ({"bearer": credential(1), "url": OTHER}, (401, "call", "credential:other_resource")),
    ({"bearer": credential(3)}, (401, "call", "credential:expired")),
    ({"bearer": credential(4), "url": COMPAT.format(handle="acme")}, (401, "call", "credential:other_handle")),
    ({"bearer": credential(1), "url": f"{GATEWAY}?access_token=x"}, (400, "call", "credential:several")),
    ({"bearer": credential(1), "body": tool_call("create_link")}, (403, "call", "scope:missing")),
    ({"bearer": credential(1), "body": tool_call("nothing_listed")}, (403, "call", "tool:unlisted")),
    ({"bearer": credential(5), "body": tool_call("list_links")}, (403, "call", "tool:withheld")),
    ({"bearer": credential(1), "body": b"{"}, (400, "call", "body:unreadable")),
    ({"bearer": credential(1), "body": b" " * 2000}, (413, "call", "body:too_large")),
    ({"bearer": credential(1), "headers": {"Mcp-Session-Id": "gone"}}, (404, "call", "session:unknown")),
    ({"headers": {"Origin": "https://evil.example"}}, (403, "call", "origin:not_allowed")),
]


@pytest.fixture
def server() -> FakeAuthorizationServer:
    made = FakeAuthorizationServer()
    made.add(1, grant())
    made.add(2, bob())
    made.add(3, grant(exp=1))
    made.add(4, bob(aud=COMPAT.format(handle="acme")))
    made.add(5, grant(withheld_tools=["list_links"]))
    return made


def leads_to(reply: Reply) -> str:
    """The address of the page about a refusal, wherever its body has it."""
    error = reply.json["error"]
    return error["data"]["error_uri"] if isinstance(error, dict) else reply.json["error_uri"]


@pytest.mark.parametrize(("request_", "told"), REFUSALS, ids=[told[2] for _, told in REFUSALS])
def test_every_refusal_is_told_under_the_id_that_its_answer_carries(
    server: FakeAuthorizationServer, request_: dict[str, Any], told: tuple[int, str, str]
):
    told_of = Told()
    reply = ask(watched(server, told_of, max_body_bytes=1000), **request_)
    ((account, step, request_id),) = told_of.steps
    assert (reply.status, step.kind, step.code, step.ok) == (told[0], told[1], told[2], False)
    assert account == ("rs-other" if request_.get("url") == OTHER else "rs-main")
    assert reply.headers["x-request-id"] == request_id
    assert leads_to(reply) == f"{ISSUER}/attempts/{request_id}"
    assert len(request_id) == 32
    assert not any(secret in repr(told_of.steps) for secret in (*server.grants, "pat_secret", credential(9)))
    has_digest = told[2] in ("credential:refused", "credential:other_resource", "credential:expired") or (
        told[2] == "credential:other_handle"
    )
    assert len(step.credential_digest) == (64 if has_digest else 0)
    assert step.tool == {"scope:missing": "create_link", "tool:withheld": "list_links"}.get(told[2], "")


def test_a_foreign_session_and_too_many_calls_name_their_connection(server: FakeAuthorizationServer):
    told = Told()
    protected = watched(server, told, inner=Inner(session_to_issue="s-1"), calls_per_minute=1)
    assert ask(protected, bearer=credential(1)).status == 200
    assert ask(protected, bearer=credential(2), headers={"Mcp-Session-Id": "s-1"}).status == 401
    assert ask(protected, bearer=credential(1)).status == 429
    assert [(step.code, step.connection_id) for _, step, _ in told.steps] == [
        ("call:admitted", "connection-alice-acme"),
        ("session:foreign", "connection-bob-initech"),
        ("connection:limited", "connection-alice-acme"),
    ]


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        ("0123abcd-x", True),
        ("a" * 36, True),
        ("short", False),
        ("a" * 37, False),
        ("<script>", False),
        ("é" * 9, False),
    ],
)
def test_the_id_of_a_proxy_is_kept_where_it_has_the_form_of_one(given: str, is_taken: bool):
    told = Told()
    reply = ask(watched(FakeAuthorizationServer(), told), headers={"X-Request-Id": given})
    assert (reply.headers["x-request-id"] == given) is is_taken
    assert leads_to(reply).endswith(told.steps[0][2])


def test_without_reports_there_is_an_id_and_no_page_that_nobody_could_fill():
    settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy())
    reply = ask(Gate(Inner(), settings, introspection(FakeAuthorizationServer())))
    assert set(reply.json) == {"error", "error_description"}
    assert len(reply.headers["x-request-id"]) == 32


def test_the_address_is_the_one_that_our_own_proxies_saw():
    told = Told()
    forwarded = {"X-Forwarded-For": "10.9.9.9, 203.0.113.7", **AGENT}
    ask(watched(FakeAuthorizationServer(), told, trusted_proxy_count=1), headers=forwarded)
    ask(watched(FakeAuthorizationServer(), told), headers=forwarded)
    ask(watched(FakeAuthorizationServer(), told), headers={"User-Agent": "\x85" + "x" * 300})
    assert [(step.address, step.agent) for _, step, _ in told.steps] == [
        ("203.0.113.7", "probe/1"),
        ("192.0.2.7", "probe/1"),
        ("192.0.2.7", ""),
    ]


def test_reading_the_metadata_is_told_for_the_endpoint_that_it_is_about():
    told = Told()
    protected = watched(FakeAuthorizationServer(), told)
    assert ask(protected, "GET", METADATA, headers=AGENT).status == 200
    assert ask(protected, "GET", f"{METADATA}/acme/mcp").status == 200
    assert ask(protected, "OPTIONS", METADATA).status == 204
    assert [(step.kind, step.ok, step.resource) for _, step, _ in told.steps] == [
        ("resource_metadata", True, GATEWAY),
        ("resource_metadata", True, COMPAT.format(handle="acme")),
    ]


def test_what_works_is_told_once_and_again_after_a_refusal(server: FakeAuthorizationServer):
    told = Told()
    protected = watched(server, told)

    def after(*bodies: Any, bearer: str | None = credential(1)) -> list[str]:
        told.steps.clear()
        for body in bodies:
            ask(protected, bearer=bearer, body=body, headers=AGENT)
        return [step.code for _, step, _ in told.steps]

    assert after(PING, PING, tool_call("list_links"), tool_call("list_links"), PING) == ["call:admitted", "tool:called"]
    assert [step.tool for _, step, _ in told.steps] == ["", "list_links"]
    assert after(PING, bearer=credential(2)) == ["call:admitted"]  # each connection for itself
    assert after(tool_call("create_link"), PING, tool_call("whoami"), PING) == [
        "scope:missing",
        "call:admitted",
        "tool:called",
    ]
    assert after(PING, bearer=credential(9)) == ["credential:refused"]  # whose, is not known here: the caller is
    assert after(tool_call("whoami"), PING) == ["tool:called"]
    assert after(tool_call("invented\n")) == ["tool:unlisted"]
    assert "invented" not in repr(told.steps)


def test_once_the_authorization_server_answers_again_it_is_told_at_once(server: FakeAuthorizationServer):
    told = Told()
    protected = watched(server, told)
    server.error = httpx2.ConnectError("away")
    assert ask(protected, bearer=credential(1)).status == 503
    assert ask(protected).status == 401  # nobody was asked about this one
    assert told.tries == 0
    server.error = None
    assert [ask(protected, bearer=credential(1)).status for _ in range(3)] == [200] * 3
    assert told.tries == 1
    assert told.said == [
        ("call", False, "introspection:unclear"),
        ("challenge", False, "credential:missing"),
        ("call", True, "call:admitted"),
    ]


def test_a_caller_without_a_credential_is_let_in_without_a_word():
    told = Told()
    assert ask(watched(FakeAuthorizationServer(), told, mode="mixed"), body=tool_call("search")).status == 200
    assert told.steps == []
