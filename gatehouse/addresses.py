"""From a handle or the gateway to its MCP URL: the authorization server's signpost names the addresses."""

import re
from dataclasses import dataclass, replace

from gatehouse import documents, wire
from gatehouse.documents import Json, text
from gatehouse.words import Failed, failed, shown
from gatehouse.words.marking import gettext_noop

PLACEHOLDER = "{handle}"
HANDLE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
GATEWAY, HOSTED, COMPATIBILITY = "mcp_gateway", "mcp_hosted", "mcp_compatibility"


@dataclass(frozen=True)
class Place:
    """An MCP URL, and the one that leads to the same handle while the first has no DNS record yet, or nothing."""

    url: str
    instead: str = ""

    def advise(self, failure: Failed) -> Failed:
        """Return the failure; where only the host name of the handle is missing, with the other address as fix."""
        is_missing = failure.finding.code == "host_not_found" and self.instead
        fix = f"Add a wildcard DNS record for the handles' hosts; until then use --url {shown(self.instead)}"
        return Failed(replace(failure.finding, fix=fix)) if is_missing else failure


def parse_handle(typed: str) -> str | None:
    """Return the handle in lower case, without a leading `@`, or None where it cannot be one."""
    handle = typed.strip().lower().removeprefix("@")
    return handle if HANDLE.fullmatch(handle) else None


def gateway(issuer: str) -> Place:
    """Return where everybody connects. Raises Failed."""
    url = text(_signpost(issuer), GATEWAY)
    if not url:
        raise failed("kind_not_offered", url=issuer, kind="gateway")
    return Place(url)


def of_handle(issuer: str, handle: str) -> Place:
    """Return where this handle is: in the host name if the server offers that, else in the path. Raises Failed."""
    signpost = _signpost(issuer)
    patterns = [text(signpost, kind) for kind in (HOSTED, COMPATIBILITY)]
    found = [pattern.replace(PLACEHOLDER, handle) for pattern in patterns if PLACEHOLDER in pattern]
    if not found:
        raise failed("kind_not_offered", url=issuer, kind="handle")
    return Place(*found)


def _signpost(issuer: str) -> Json:
    url = issuer.rstrip("/") + "/"
    if wire.split(url).scheme != "https" and not wire.is_loopback(url):
        raise failed("not_https", url=url, what=gettext_noop("the authorization server"))
    endpoints = documents.read(wire.get(url), gettext_noop("the signpost of the authorization server")).get("endpoints")
    if not isinstance(endpoints, dict):
        raise failed("no_signpost", url=url)
    return endpoints
