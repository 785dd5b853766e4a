"""What a person copies or clicks reads back as the server it is about, whatever stands in its name and address."""

from __future__ import annotations

import base64
import json
import shlex
import tomllib
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from authserver.protocol.setup import snippets
from authserver.protocol.setup.snippets import Server

GOOD = Server("acme", "https://acme.mcp.example.com/mcp")
# Every character that an address may have by RFC 3986, and quotes that none has: what is written stays data.
ODD = Server("acme-2", "https://mcp.example.com/$(id)/`id`/;&|*!'\"\\/%20/+=,@:~(x)?a=b#c")
SERVERS = pytest.mark.parametrize("server", [GOOD, ODD], ids=["usual", "odd"])


@SERVERS
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (snippets.claude_code, "claude mcp add --transport http NAME URL"),
        (snippets.codex, "codex mcp add NAME --url URL"),
        (snippets.codex_login, "codex mcp login NAME"),
        (snippets.gemini, "gemini mcp add --scope user --transport http NAME URL"),
        (snippets.mcp_remote, "npx -y mcp-remote URL"),
    ],
)
def test_a_shell_reads_each_command_as_the_words_it_is_made_of(server: Server, make: snippets.Make, words: str) -> None:
    meant = [{"NAME": server.name, "URL": server.url}.get(word, word) for word in words.split()]
    assert shlex.split(make(server)) == meant


@SERVERS
@pytest.mark.parametrize(
    ("make", "path"),
    [
        (snippets.vscode_file, ("servers", "NAME", "url")),
        (snippets.cursor_file, ("mcpServers", "NAME", "url")),
        (snippets.claude_code_file, ("mcpServers", "NAME", "url")),
        (snippets.gemini_file, ("mcpServers", "NAME", "url")),
        (snippets.codex_file, ("mcp_servers", "NAME", "url")),
        (snippets.mcp_remote_file, ("mcpServers", "NAME", "args", 2)),
    ],
)
def test_each_file_names_the_server_and_its_address(
    server: Server, make: snippets.Make, path: tuple[str | int, ...]
) -> None:
    text = make(server)
    found = tomllib.loads(text) if make is snippets.codex_file else json.loads(text)
    for step in path:
        found = found[server.name if step == "NAME" else step]
    assert found == server.url


@SERVERS
def test_one_click_links_decode_to_the_server_and_nothing_else(server: Server) -> None:
    scheme, _, content = snippets.vscode_link(server).partition("?")
    assert (scheme, json.loads(unquote(content))) == (
        "vscode:mcp/install",
        {"name": server.name, "type": "http", "url": server.url},
    )
    link = urlsplit(snippets.cursor_link(server))
    assert (link.scheme, link.netloc, link.path) == ("cursor", "anysphere.cursor-deeplink", "/mcp/install")
    query = parse_qs(link.query, strict_parsing=True)
    assert query["name"] == [server.name]
    assert json.loads(base64.b64decode(query["config"][0], validate=True)) == {"url": server.url}


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://127.0.0.1:8001/mcp", True),
        ("http://[::1]/mcp", True),
        ("http://localhost/mcp", True),
        ("http://acme.mcp.localhost:8001/mcp", True),
        ("https://localhost.example.com/mcp", False),
        ("https://notlocalhost/mcp", False),
        ("https://192.168.1.5/mcp", False),
    ],
)
def test_an_address_of_this_computer_is_known(url: str, is_here: bool) -> None:
    assert snippets.is_on_this_computer(url) is is_here


@pytest.mark.parametrize(
    ("url", "is_plain"),
    [
        ("http://localhost:8001/mcp", False),
        ("http://acme.mcp.localhost:8001/mcp", True),
        ("http://mcp.example.com/mcp", True),
        ("https://mcp.example.com/mcp", False),
    ],
)
def test_mcp_remote_is_told_where_plain_http_is_meant(url: str, is_plain: bool) -> None:
    assert ("--allow-http" in snippets.mcp_remote(Server("acme", url))) is is_plain
