"""Every seeded fault is named: its cause with both strings where two differ, and a fix. In one table."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatehouse import discovery, wire, words
from tests import document_host, servers
from tests.gatehouse import deployment as deployments
from tests.gatehouse.conftest import CALLBACK, Run
from tests.gatehouse.deployment import (
    ACME_METADATA,
    AS_METADATA,
    MCP,
    REGISTER,
    RS_METADATA,
    SIGNPOST,
    Deployment,
    Handler,
    Reply,
)

Fault = Callable[[Deployment], None]
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}
BAD_URI = Reply(400, {"error": "invalid_redirect_uri", "error_description": "It has to be https.\x1b[31m"})
GATEWAY = ("--gateway",)


def answers(what: str, status: int = 200, content: Any = b"", **headers: str) -> Fault:
    """This request is answered so."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda there: there.answers.update({what: Reply(status, content, told or JSON)})


def says(what: str, **members: Any) -> Fault:
    """The document says something else; None leaves the member out."""

    def change(there: Deployment) -> None:
        there.document(what).update(members)
        there.reply(what).content = {name: value for name, value in there.document(what).items() if value is not None}

    return change


def challenges(value: str) -> Fault:
    return lambda there: there.reply(MCP).headers.update({"WWW-Authenticate": value})


def refuses(status: int, error: str = "", **headers: str) -> Fault:
    return answers(REGISTER, status, {"error": error, "error_description": "No."}, **(JSON | headers))


def registers(**told: Any) -> Fault:
    return lambda there: there.answers.update({REGISTER: lambda handler: there.register(handler, **told)})


def hangs(there: Deployment) -> None:
    there.answers[MCP] = lambda handler: bool(there.over.wait(20)) and None


def drips(there: Deployment) -> None:
    def byte_by_byte(handler: Handler) -> None:
        while not there.over.wait(0.02):
            handler.wfile.write(b"a")

    there.answers[MCP] = byte_by_byte


def hangs_up(there: Deployment) -> None:
    there.answers[MCP] = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)


def sound(there: Deployment) -> None:
    """The fault is in the arguments."""


TOKEN = ("--gateway", "--token", "mci_secret")
FAULTS: list[tuple[str, str, Fault, tuple[str, ...], tuple[str, ...]]] = [
    # name, code, fault, arguments, what the cause or the fix names
    ("no address at all", "bad_address", sound, ("--url", ""), ('""',)),
    ("a fragment in the address", "bad_address", sound, ("--url", "https://x/#y"), ("https://x/#y",)),
    ("a user in the address", "bad_address", sound, ("--url", "https://a:b@x/mcp"), ("user name",)),
    ("a port that is none", "bad_address", sound, ("--url", "https://x:99999/mcp"), ("99999",)),
    ("a host nobody knows", "host_not_found", sound, ("--url", "https://nowhere.invalid/mcp"), ("nowhere.invalid",)),
    ("a name that is no name", "host_not_found", sound, ("--url", f"https://{'a' * 64}.x/mcp"), ("DNS",)),
    ("the handle's host is not in DNS yet", "host_not_found",
     lambda there: there.document(SIGNPOST)["endpoints"].update(mcp_hosted="https://{handle}.nowhere.invalid/mcp"),
     ("--handle", "acme"), ("acme.nowhere.invalid", "--url http://127.0.0.1", "/mcp/acme/mcp")),
    ("http to another computer", "not_https", sound, ("--url", "http://mcp.example.com/mcp"), ("https",)),
    ("http to the signpost elsewhere", "not_https", sound, ("--gateway", "--issuer", "http://ai.example.com"), ()),
    ("TLS where none is spoken", "tls_failed", sound, ("--url", "https://127.0.0.1:{port}/mcp"), ("127.0.0.1",)),
    ("it says nothing", "too_slow", hangs, GATEWAY, ("0.5 seconds",)),
    ("it says a byte now and then", "too_slow", drips, GATEWAY, ("0.5 seconds",)),
    ("it hangs up", "no_http", hangs_up, GATEWAY, ("/mcp",)),
    ("it speaks something else", "no_http", lambda there: there.answers.update(
        {MCP: lambda handler: bool(handler.wfile.write(b"220 mail.example ESMTP\r\n")) and None}), GATEWAY, ("HTTP",)),
    ("it never ends", "too_large", answers(AS_METADATA, 200, b" " * (wire.ANSWER_BYTES_MAX + 1)), GATEWAY, ()),
    ("the document is elsewhere", "moved", answers(RS_METADATA, 302, Location="https://x.example/y"), GATEWAY,
     ("https://x.example/y",)),
    ("the document is in a circle", "moved", answers(RS_METADATA, 302, Location=RS_METADATA[4:]), GATEWAY, ()),
    ("the MCP URL has moved", "moved", answers(MCP, 308, Location="/mcp/"), GATEWAY, ("/mcp/",)),
    # The signpost
    ("another server's root", "no_signpost", answers(SIGNPOST, 200, {"hello": 1}), GATEWAY, ("--url",)),
    ("a page at the root", "not_json", answers(SIGNPOST, 200, b"<p>", **HTML), GATEWAY, ("text/html",)),
    ("no gateway there", "kind_not_offered", answers(SIGNPOST, 200, {"endpoints": {}}), GATEWAY, ("gateway",)),
    ("no handles there", "kind_not_offered", answers(SIGNPOST, 200, {"endpoints": {"mcp_hosted": "https://x/mcp"}}),
     ("--handle", "acme"), ("handle",)),
    # The challenge
    ("no MCP server there", "not_found", answers(MCP, 404), GATEWAY, ("/mcp", "404")),
    ("it asks for no sign-in", "no_challenge", answers(MCP, 200, {}), GATEWAY, ("200",)),
    ("it is down", "no_challenge", answers(MCP, 502), GATEWAY, ("502",)),
    ("a 401 without challenge", "no_bearer", answers(MCP, 401), GATEWAY, ("WWW-Authenticate",)),
    ("another scheme", "no_bearer", challenges('Basic realm="Bearer"'), GATEWAY, ("Bearer",)),
    ("metadata on another origin", "metadata_elsewhere",
     challenges('Bearer resource_metadata="https://x.example/m"'), GATEWAY, ("https://x.example/m",)),
    ("metadata at no address", "bad_address", challenges('Bearer resource_metadata="/m"'), GATEWAY, ("/m",)),
    # The resource metadata
    ("the metadata is missing", "not_found", answers(RS_METADATA, 404), GATEWAY, ("resource metadata",)),
    ("the server of the metadata is ill", "bad_status", answers(RS_METADATA, 500), GATEWAY, ("500",)),
    ("a page in its place", "not_json", answers(RS_METADATA, 200, b"<html>", **HTML), GATEWAY, ("text/html",)),
    ("JSON that is cut off", "not_json", answers(RS_METADATA, 200, b'{"resource": '), GATEWAY, ()),
    ("JSON too deep", "not_json", answers(RS_METADATA, 200, b"[" * 100_000), GATEWAY, ()),
    ("a list", "not_json", answers(RS_METADATA, 200, ["resource"]), GATEWAY, ()),
    ("a slash too many", "resource_differs", says(RS_METADATA, resource="http://127.0.0.1:1/mcp/"), GATEWAY,
     ("http://127.0.0.1:1/mcp/ ", "{origin}/mcp", "character 18")),
    ("the gateway at the handle's path", "resource_differs",
     lambda there: says(ACME_METADATA, resource=there.url)(there), ("--handle", "acme"), ("{origin}/mcp/acme/mcp",)),
    ("no resource at all", "resource_differs", says(RS_METADATA, resource=None), GATEWAY, ('""',)),
    ("no authorization server", "no_authorization_server", says(RS_METADATA, authorization_servers=[]), GATEWAY, ()),
    ("the wrong authorization server", "wrong_authorization_server",
     says(RS_METADATA, authorization_servers=["https://evil.example"]), GATEWAY, ("https://evil.example", "{origin}")),
    ("the right one with a slash", "wrong_authorization_server",
     lambda there: says(RS_METADATA, authorization_servers=[there.origin + "/"])(there), GATEWAY, ("{origin}/,",)),
    ("an http server elsewhere", "not_https", says(RS_METADATA, authorization_servers=["http://ai.example.com"]),
     ("--url", "{origin}/mcp"), ("http://ai.example.com",)),
    # The authorization server's metadata
    ("no metadata at the root", "not_found", answers(AS_METADATA, 404), GATEWAY, ("authorization server's",)),
    ("another issuer in it", "issuer_differs", says(AS_METADATA, issuer="https://ai.example.com"), GATEWAY,
     ("https://ai.example.com", "{origin}")),
    ("a slash behind the issuer", "issuer_differs",
     lambda there: says(AS_METADATA, issuer=there.origin + "/")(there), GATEWAY, ("{origin}/ ",)),
    ("no token endpoint", "member_missing", says(AS_METADATA, token_endpoint=None), GATEWAY, ("token_endpoint",)),
    ("no code", "member_missing", says(AS_METADATA, response_types_supported=["token"]), GATEWAY, ("code",)),
    ("no PKCE", "no_pkce", says(AS_METADATA, code_challenge_methods_supported=None), GATEWAY, ("S256",)),
    ("plain PKCE", "no_pkce", says(AS_METADATA, code_challenge_methods_supported=["plain"]), GATEWAY, ("S256",)),
    ("an endpoint that is not https", "not_https", says(AS_METADATA, token_endpoint="http://ai.example.com/t"),
     GATEWAY, ("token_endpoint", "http://ai.example.com/t")),
    ("no public clients", "method_not_offered",
     says(AS_METADATA, token_endpoint_auth_methods_supported=["private_key_jwt"]), GATEWAY, ("private_key_jwt",)),
    ("no secrets", "method_not_offered", says(AS_METADATA, token_endpoint_auth_methods_supported=["none"]),
     ("--gateway", "--confidential"), ("client_secret_basic",)),
    # Registration
    ("nobody may register", "registration_closed", says(AS_METADATA, registration_endpoint=None), GATEWAY, ()),
    ("nobody may register any more", "registration_closed", refuses(403, "access_denied"), GATEWAY, ("administrator",)),
    ("a token is needed", "registration_needs_token", refuses(401, "invalid_token"), GATEWAY, ("GATEHOUSE_TOKEN",)),
    ("the token is used up", "token_refused", refuses(401, "invalid_token"), TOKEN, ("administrator",)),
    ("the callback is refused", "callback_refused", lambda there: there.answers.update({REGISTER: BAD_URI}), GATEWAY,
     (CALLBACK, "It has to be https.?[31m")),
    ("one callback is left out", "callback_refused", registers(redirect_uris=["https://a.example/b"]), GATEWAY,
     (CALLBACK,)),
    ("the name is refused", "registration_refused", refuses(400, "invalid_client_metadata"), GATEWAY,
     ("invalid_client_metadata", "No.")),
    ("too many came", "too_many", refuses(429, "slow_down", Retry_After="37"), GATEWAY, ("37 seconds",)),
    ("no registration endpoint there", "not_found", answers(REGISTER, 404), GATEWAY, ("/register",)),
    ("it breaks down", "bad_status", answers(REGISTER, 500), GATEWAY, ("500",)),
    ("a page for an answer", "not_json", answers(REGISTER, 201, b"<p>", **HTML), GATEWAY, ("text/html",)),
    ("no id", "answer_incomplete", registers(client_id=None), GATEWAY, ("client_id",)),
    ("another method", "answer_incomplete", registers(token_endpoint_auth_method="client_secret_basic"), GATEWAY,
     ("token_endpoint_auth_method",)),
    ("no secret", "answer_incomplete", registers(client_secret=None), ("--gateway", "--confidential"),
     ("client_secret",)),
]  # fmt: skip
ELSEWHERE = {"connection_refused"}  # shown below


@pytest.mark.covers("req:C4")
@pytest.mark.parametrize(
    ("code", "fault", "arguments", "named"), [row[1:] for row in FAULTS], ids=[r[0] for r in FAULTS]
)
def test_a_fault_ends_with_its_cause_and_a_fix(
    deployment: Deployment,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    fault: Fault,
    arguments: tuple[str, ...],
    named: tuple[str, ...],
) -> None:
    monkeypatch.setattr(wire, "TIMEOUT_SECONDS", 0.5 if code == "too_slow" else 60)  # the machine may be busy
    fault(deployment)
    here = {"{origin}": deployment.origin, "{port}": deployment.origin.rpartition(":")[2]}

    def filled(text: str) -> str:
        for name, value in here.items():
            text = text.replace(name, value)
        return text

    issuer = () if "--issuer" in arguments or "--url" in arguments else ("--issuer", deployment.origin)
    ran = run(*map(filled, arguments), *issuer, "--json")
    told = json.loads(ran.out)
    assert (ran.status, told["error"]) == (1, code), told
    assert ran.err == f"Cause: {told['cause']}\nFix: {told['fix']}\n"
    assert ran.err.count("\n") == 2
    for text in named:
        assert filled(text) in ran.err
    assert "mci_secret" not in ran.out + ran.err
    assert all(character.isprintable() or character == "\n" for character in ran.out + ran.err)


def test_every_failure_that_has_words_is_in_the_table() -> None:
    assert {row[1] for row in FAULTS} | ELSEWHERE == set(words.CONNECTING)


def test_a_closed_port_is_named(run: Run) -> None:
    port = servers.free_port()
    ran = run("--url", f"http://127.0.0.1:{port}/mcp")
    assert ran.status == 1
    assert f"at 127.0.0.1, port {port}." in ran.err


def test_a_certificate_of_nobody_is_refused_until_its_authority_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with document_host.running(tmp_path) as (host, authority):
        host.answers["/mcp"] = document_host.raw(b"{}", status="404 Not Found")
        assert "could not prove by TLS to be that host" in run("--url", host.url("/mcp")).err
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert wire.get(host.publish()).status == 200


def test_a_wrong_authorization_server_is_never_asked_anything(deployment: Deployment, run: Run) -> None:
    with deployments.running() as wrong:
        says(RS_METADATA, authorization_servers=[wrong.origin])(deployment)
        assert run("--gateway", "--issuer", deployment.origin, "--token", "mci_secret").status == 1
        assert wrong.requests == []
        assert REGISTER not in deployment.asked


def test_a_server_elsewhere_cannot_send_us_to_this_computer(deployment: Deployment) -> None:
    with pytest.raises(words.Failed, match="not_https"):
        discovery.server_metadata("https://mcp.example.com/mcp", deployment.origin)
    assert deployment.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--gateway",),
        ("--handle", "acme"),
        ("--gateway", "--handle", "acme", "--issuer", "https://ai.example.com"),
        ("--handle", "a.b", "--issuer", "https://ai.example.com"),
        ("--handle", "", "--issuer", "https://ai.example.com"),
        ("--url", "https://mcp.example.com/mcp", "--token", "mci_secret"),
        ("--gateway", "--issuer", "https://ai.example.com", "--token", "mci_secret\n"),
    ],
)
def test_wrong_arguments_end_with_2_before_anything_is_asked(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert "usage: gatehouse" in ran.err
    assert "mci_secret" not in ran.err
