"""A server that moves: its two names, and people, apps and resource servers who use one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.test import Client as Http

from authserver.door import http as door
from authserver.services.moving import issuers
from tests.people import App, Asker, Person

OLD, NEW = "http://old.example.com", "http://new.example.org"
MCP = {
    "GATEWAY_URL": "{origin}/mcp",
    "HOSTED_URL": "http://{{handle}}.mcp.{host}/mcp",
    "COMPAT_URL": "{origin}/mcp/{{handle}}/mcp",
}


def host_of(origin: str) -> str:
    return origin.removeprefix("http://")


def mcp_at(origin: str) -> dict[str, str]:
    """Return the three MCP addresses below this name."""
    return {name: shape.format(origin=origin, host=host_of(origin)) for name, shape in MCP.items()}


def live_at(settings: Any, issuer: str) -> None:
    """Let the server have this name alone, and no other was ever there."""
    settings.ALLOWED_HOSTS = [host_of(OLD), host_of(NEW), "testserver"]
    settings.ISSUER, settings.FORMER_ISSUERS = issuer, []
    for name, address in mcp_at(issuer).items():
        setattr(settings, name, address)
        setattr(settings, f"FORMER_{name}S", [])
    start_anew()


def start_anew() -> None:
    """Forget what a server keeps for as long as it runs, since its settings do not change meanwhile."""
    door.is_host_of_ours.cache_clear()
    issuers.of_host.cache_clear()


def move(settings: Any) -> None:
    """Move from OLD to NEW as docs/operate/move.md says: both are served before either is today's."""
    settings.FORMER_ISSUERS = [NEW, OLD]
    settings.ISSUER = NEW
    settings.FORMER_ISSUERS = [OLD]
    old, new = mcp_at(OLD), mcp_at(NEW)
    for name in MCP:
        setattr(settings, f"FORMER_{name}S", [new[name], old[name]])
        setattr(settings, name, new[name])
        setattr(settings, f"FORMER_{name}S", [old[name]])
    start_anew()


def http_at(origin: str, **headers: str) -> Http:
    return Http(headers={"host": host_of(origin)} | headers)


def person_at(person: Person, origin: str) -> Person:
    """The same person, whose browser is at this name: its cookies are this host's."""
    return Person(person.email, http_at(origin, accept="text/html"))


def app_at(app: App, origin: str) -> App:
    return replace(app, http=http_at(origin))


def asker_at(asker: Asker, origin: str) -> Asker:
    return replace(asker, http=http_at(origin))
