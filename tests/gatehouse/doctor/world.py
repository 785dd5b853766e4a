"""A deployment in which every client gets to the sign-in page, and the faults that are seeded into it."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from gatehouse.doctor.clients import CLIENTS
from tests.gatehouse import deployment as deployments
from tests.gatehouse.deployment import AS_METADATA, MCP, REGISTER, RS_METADATA, Answer, Deployment, Handler, Reply

JSON = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
HTML = {"Content-Type": "text/html"}
GET_MCP, HEAD_MCP, OPTIONS_MCP = "GET /mcp", "HEAD /mcp", "OPTIONS /mcp"
AUTHORIZE, LOGIN, TOKEN = "GET /authorize", "GET /login", "POST /token"
OPTIONS_REGISTER, OPTIONS_TOKEN, REMOVE = "OPTIONS /register", "OPTIONS /token", "DELETE /register/c-1"
OPENID = "GET /.well-known/openid-configuration"
SCOPES = 'scope="mcp.connect skills.read"'
ALLOWED = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
    "Access-Control-Expose-Headers": "WWW-Authenticate",
}
DOCUMENTS = [
    document for client in CLIENTS.values() for document in (client.document, client.document_without_iss) if document
]
Fault = Callable[[Deployment], None]


@contextlib.contextmanager
def running() -> Iterator[Deployment]:
    """Run a deployment in which nothing is wrong."""
    with deployments.running() as found:
        _complete(found)
        yield found


def _complete(there: Deployment) -> None:
    for what in (MCP, GET_MCP, HEAD_MCP):
        there.answers[what] = _challenge
    for what in (OPTIONS_MCP, OPTIONS_REGISTER, OPTIONS_TOKEN):
        there.answers[what] = Reply(204, b"", dict(ALLOWED))
    for what in (AS_METADATA, RS_METADATA):
        there.reply(what).headers = dict(JSON)
    there.document(AS_METADATA).update(
        grant_types_supported=["authorization_code", "refresh_token"],
        token_endpoint_auth_methods_supported=["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
        scopes_supported=["mcp.connect", "skills.read", "links.read", "offline_access"],
        authorization_response_iss_parameter_supported=True,
        client_id_metadata_document_supported=True,
    )
    there.answers |= {
        REGISTER: registering(),
        REMOVE: Reply(204, b"", {}),
        AUTHORIZE: authorizing(),
        LOGIN: Reply(200, b"<h1>Sign in</h1>", HTML),
        TOKEN: exchanging,
    }


# --- Sound answers, of which one thing may be different


def challenging(
    pointer: str = "", *, without: str | None = None, refused: str | None = None, status: int = 401, **headers: str
) -> Fault:
    """The MCP URL answers with other challenges: to a call without and with a credential. In them, {pointer} is the
    metadata's address."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}

    def change(there: Deployment) -> None:
        def answer(handler: Handler) -> None:
            _challenge(handler, pointer=pointer, without=without, refused=refused, status=status, headers=told)

        there.answers |= dict.fromkeys((MCP, GET_MCP, HEAD_MCP), answer)

    return change


def _challenge(
    handler: Handler,
    *,
    pointer: str = "",
    without: str | None = None,
    refused: str | None = None,
    status: int = 401,
    headers: dict[str, str] | None = None,
) -> None:
    origin = handler.server.deployment.origin  # type: ignore[attr-defined]
    pointer = pointer or f"{origin}/.well-known/oauth-protected-resource/mcp"
    plain = 'Bearer resource_metadata="{pointer}", ' + SCOPES
    dead = 'Bearer error="invalid_token", resource_metadata="{pointer}", ' + SCOPES
    is_dead = "Authorization" in handler.headers
    value = (dead if refused is None else refused) if is_dead else (plain if without is None else without)
    named = {"WWW-Authenticate": value.replace("{pointer}", pointer)} if value else {}
    Reply(401 if is_dead else status, {"error": "missing"}, ALLOWED | JSON | named | (headers or {}))(handler)


def registering(status: int = 201, drop: str = "", **told: Any) -> Answer:
    """Register what comes, with everything in the answer that belongs there. `told` is answered instead, None leaves a
    member out; `drop` names a header that is missing."""

    def answer(handler: Handler) -> None:
        there: Deployment = handler.server.deployment  # type: ignore[attr-defined]
        said = json.loads(handler.body)
        there.registered.append(said)
        method = said.get("token_endpoint_auth_method", "none")
        secret = {} if method == "none" else {"client_secret": "mcs_once", "client_secret_expires_at": 0}
        home = {"registration_client_uri": f"{there.origin}/register/c-1", "registration_access_token": "mcr_hidden"}
        found = {"client_id": "c-1", "token_endpoint_auth_method": method, "client_id_issued_at": int(time.time())}
        found |= said | secret | home | told
        headers = {name: value for name, value in JSON.items() if name != drop}
        Reply(status, {name: value for name, value in found.items() if value is not None}, headers)(handler)

    return answer


def authorizing(*, error: str = "", returns: dict[str, str | None] | None = None, takes: str = "") -> Answer:
    """Answer authorization requests as one does: the resource, the client and its callback have to be known. `error`
    goes back to every client; `returns` changes what goes back with an error; `takes` names what is not compared."""

    def answer(handler: Handler) -> None:
        there: Deployment = handler.server.deployment  # type: ignore[attr-defined]
        asked = dict(parse_qsl(urlsplit(handler.path).query))
        uri = asked.get("redirect_uri", "")
        known = {d.url: (d.redirect_uri,) for d in DOCUMENTS}
        known["c-1"] = tuple(each for said in there.registered for each in said["redirect_uris"])
        refused = _refused(asked, known, takes)
        if refused:
            Reply(400, {"error": refused, "error_description": "No."}, JSON)(handler)
            return
        code = error or ("" if _resource(there, asked) or "resource" in takes else "invalid_target")
        code = code or ("login_required" if asked.get("prompt") == "none" else "")
        told = {"error": code, "state": asked.get("state", ""), "iss": there.origin, **(returns or {})}
        back = uri + "?" + urlencode({name: value for name, value in told.items() if value is not None})
        location = back if code else "/login?" + urlencode({"next": handler.path})
        Reply(302, b"", {"Location": location})(handler)

    return answer


def _resource(there: Deployment, asked: dict[str, str]) -> bool:
    return asked.get("resource") in (there.url, f"{there.origin}/mcp/acme/mcp", "https://acme.nowhere.invalid/mcp")


def _refused(asked: dict[str, str], known: dict[str, tuple[str, ...]], takes: str) -> str:
    client_id = asked.get("client_id", "")
    if client_id not in known:
        return "" if "client" in takes else "invalid_client"
    uri = asked.get("redirect_uri", "")
    loopback = any(_portless(uri) == _portless(each) for each in known[client_id])
    return "" if uri in known[client_id] or loopback or "callback" in takes else "invalid_redirect_uri"


def _portless(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname in ("localhost", "127.0.0.1") else uri


def exchanging(handler: Handler, headers: dict[str, str] = JSON) -> None:
    form = dict(parse_qsl(handler.body.decode()))
    ids = {"c-1", *(document.url for document in DOCUMENTS)}
    is_known = form.get("client_id") in ids or "Authorization" in handler.headers
    status, error = (400, "invalid_grant") if is_known else (401, "invalid_client")
    Reply(status, {"error": error}, headers)(handler)


# --- Faults


def answers(what: str, status: int = 200, content: Any = b"", **headers: str) -> Fault:
    """This request is answered so."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda there: there.answers.update({what: Reply(status, content, told or JSON)})


def does(what: str, answer: Answer) -> Fault:
    return lambda there: there.answers.update({what: answer})


def says(what: str, **members: Any) -> Fault:
    """The document says something else; None leaves the member out, what stands in braces is filled in."""

    def filled(there: Deployment, value: Any) -> Any:
        if isinstance(value, list):
            return [filled(there, each) for each in value]
        return there.filled(value) if isinstance(value, str) else value

    def change(there: Deployment) -> None:
        document = there.document(what) | {name: filled(there, value) for name, value in members.items()}
        there.reply(what).content = {name: value for name, value in document.items() if value is not None}

    return change


def headed(what: str, **headers: str) -> Fault:
    """The answer has other headers; empty ones are missing."""

    def change(there: Deployment) -> None:
        told = there.reply(what).headers | {name.replace("_", "-"): value for name, value in headers.items()}
        there.reply(what).headers = {name: value for name, value in told.items() if value}

    return change


def moved(what: str, path: str) -> Fault:
    """The document lies elsewhere."""
    return lambda there: there.answers.update({path: there.answers.pop(what)})


def redirected(what: str, path: str) -> Fault:
    def change(there: Deployment) -> None:
        there.answers[f"GET {path}"] = there.answers[what]
        there.answers[what] = Reply(302, b"", {"Location": path})

    return change


def zipped(what: str) -> Fault:
    def change(there: Deployment) -> None:
        packed = gzip.compress(json.dumps(there.document(what)).encode())
        there.answers[what] = Reply(200, packed, JSON | {"Content-Encoding": "gzip"})

    return change


def both(*faults: Fault) -> Fault:
    def change(there: Deployment) -> None:
        for fault in faults:
            fault(there)

    return change
