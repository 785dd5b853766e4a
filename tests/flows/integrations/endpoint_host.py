"""A deployment on this machine for the server under test: its MCP endpoints, and the sign-in server that they name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from authserver import policy
from authserver.services.endpoints import own_client
from tests.gatehouse.deployment import Deployment, Handler, Reply
from tests.gatehouse.doctor import world
from tests.gatehouse.doctor.world import AUTHORIZE, JSON, TOKEN, authorizing, exchanging

WELL_KNOWN = "/.well-known/oauth-protected-resource"
HOSTED = "/hosted/mcp"


@contextlib.contextmanager
def running(settings: Any) -> Iterator[Deployment]:
    """Run a deployment in which nothing is wrong with gateway and compatibility path of acme, and let it be ours. The
    hosted address of acme is there too, and names another sign-in server."""
    with world.running() as there:
        settings.ISSUER, settings.GATEWAY_URL = there.origin, there.url
        settings.COMPAT_URL = there.origin + "/mcp/{handle}/mcp"
        settings.HOSTED_URL = there.origin.replace("127.0.0.1", "{handle}.localhost") + HOSTED
        there.registered.append({"redirect_uris": [own_client.CALLBACK]})
        there.answers[AUTHORIZE] = _as_known(authorizing())
        there.answers[TOKEN] = _as_known(exchanging)
        publish(there, "/mcp/acme/mcp")
        publish(there, HOSTED, host="acme.localhost", authorization_servers=["https://old.example"])
        yield there


def publish(there: Deployment, path: str, *, host: str = "127.0.0.1", **members: Any) -> str:
    """Publish an MCP endpoint and return its address; `members` stand in its metadata instead of the good ones."""
    origin = there.origin.replace("127.0.0.1", host)
    url, document = origin + path, WELL_KNOWN + path
    good = {"resource": url, "authorization_servers": [there.origin], "scopes_supported": ["mcp.connect"]}
    there.answers[f"GET {document}"] = Reply(200, good | members, dict(JSON))
    world.challenging(origin + document)(there)
    there.answers[f"POST {path}"] = there.answers["POST /mcp"]
    world.challenging()(there)
    return url


def _as_known(answer: Any) -> Any:
    """Answer the doctor's own client as one that registered."""

    def known(handler: Handler) -> None:
        handler.path = handler.path.replace(policy.DOCTOR_CLIENT_ID, "c-1")
        handler.body = handler.body.replace(policy.DOCTOR_CLIENT_ID.encode(), b"c-1")
        answer(handler)

    return known
