"""Commands, configuration files and one-click links that make a client know an MCP server.

Pure. Every value is quoted for the place it stands in: a POSIX shell, JSON, TOML, a URL. A link's scheme is written
here and never comes from data.
"""

import base64
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from authserver.protocol import addresses

VSCODE_INSTALL = "vscode:mcp/install?"
CURSOR_INSTALL = "cursor://anysphere.cursor-deeplink/mcp/install?"
LOCALHOST = "localhost"


@dataclass(frozen=True)
class Server:
    """An MCP server as a client is told of it: `name` is what the person will see there, `url` its address."""

    name: str
    url: str


Make = Callable[[Server], str]


def is_on_this_computer(url: str) -> bool:
    """Tell whether an address leads to the computer of whoever opens it (RFC 6761 §6.3: every name below localhost)."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return host == LOCALHOST or is_below_localhost(url) or addresses.is_loopback(host)


def is_below_localhost(url: str) -> bool:
    """Tell whether an address has a name such as acme.localhost: browsers know it, not every program does."""
    return (urlsplit(url).hostname or "").rstrip(".").endswith(f".{LOCALHOST}")


# --- Terminals


def claude_code(server: Server) -> str:
    return shlex.join(["claude", "mcp", "add", "--transport", "http", server.name, server.url])


def codex(server: Server) -> str:
    return shlex.join(["codex", "mcp", "add", server.name, "--url", server.url])


def codex_login(server: Server) -> str:
    return shlex.join(["codex", "mcp", "login", server.name])


def gemini(server: Server) -> str:
    return shlex.join(["gemini", "mcp", "add", "--scope", "user", "--transport", "http", server.name, server.url])


def gemini_login(server: Server) -> str:
    return f"/mcp auth {server.name}"


def mcp_remote(server: Server) -> str:
    return shlex.join(["npx", *_mcp_remote_arguments(server)])


def _mcp_remote_arguments(server: Server) -> list[str]:
    # It refuses plain http to anything that is not called localhost or 127.0.0.1, unless it is told to.
    parts = urlsplit(server.url)
    is_plain = parts.scheme == "http" and parts.hostname not in (LOCALHOST, "127.0.0.1")
    return ["-y", "mcp-remote", server.url, *(["--allow-http"] if is_plain else [])]


# --- Files


def vscode_file(server: Server) -> str:
    return _json({"servers": {server.name: {"type": "http", "url": server.url}}})


def cursor_file(server: Server) -> str:
    return _json({"mcpServers": {server.name: {"url": server.url}}})


def claude_code_file(server: Server) -> str:
    return _json({"mcpServers": {server.name: {"type": "http", "url": server.url}}})


def gemini_file(server: Server) -> str:
    # As its own command writes it; without `type` it would be the older transport.
    return _json({"mcpServers": {server.name: {"url": server.url, "type": "http"}}})


def mcp_remote_file(server: Server) -> str:
    return _json({"mcpServers": {server.name: {"command": "npx", "args": _mcp_remote_arguments(server)}}})


def codex_file(server: Server) -> str:
    # A basic string of TOML is written like a string of JSON; quoted keys are too.
    return f"[mcp_servers.{json.dumps(server.name)}]\nurl = {json.dumps(server.url)}"


def _json(content: object) -> str:
    return json.dumps(content, indent=2)


# --- One click


def vscode_link(server: Server) -> str:
    """Return the link that makes Visual Studio Code ask whether to install this server."""
    content = json.dumps({"name": server.name, "type": "http", "url": server.url}, separators=(",", ":"))
    return VSCODE_INSTALL + quote(content, safe="")


def cursor_link(server: Server) -> str:
    """Return the link that makes Cursor ask whether to install this server."""
    content = base64.b64encode(json.dumps({"url": server.url}, separators=(",", ":")).encode()).decode()
    return f"{CURSOR_INSTALL}name={quote(server.name, safe='')}&config={quote(content, safe='')}"
