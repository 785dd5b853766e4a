"""What a program is called to a person, by the little it says of itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.protocol.connections import agents

MOZILLA = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
KNOWN = {*(name for table in (agents.PROGRAMS, agents.LIBRARIES) for _, name in table), "Another program", ""}


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("", ""),
        ("   ", ""),
        ("something-of-its-own/1", "Another program"),
        ("claude-code/2.0.14 (cli)", "Claude Code"),
        ("claude-cli/1.0", "Claude Code"),
        ("Claude-User/1.0", "Claude"),
        ("openai-mcp/1.0.0", "ChatGPT"),
        ("codex_cli_rs/0.46", "Codex"),
        ("python-httpx/0.28.1", "Python program"),
        ("Python-urllib/3.11", "Python program"),
        ("node", "Node.js program"),
        ("undici", "Node.js program"),
        ("Bun/1.2.0", "Bun program"),
        ("Go-http-client/2.0", "Go program"),
        ("reqwest/0.12", "Rust program"),
        ("curl/8.5.0", "curl"),
        (f"{MOZILLA} Chrome/131.0.0.0 Safari/537.36", "Chrome on macOS"),
        (f"{WINDOWS} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "Edge on Windows"),
        (f"{MOZILLA} Version/18.1 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/131.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) CriOS/131.0 Safari/604.1", "Chrome on iOS"),
        (f"{MOZILLA} Code/1.95.0 Chrome/128.0 Electron/32.2 Safari/537.36", "Visual Studio Code"),
        ("Firefox/133.0", "Firefox"),
    ],
)
def test_a_program_is_called_by_its_family(agent: str, name: str) -> None:
    assert agents.family(agent) == name


@given(st.text(max_size=200))
def test_nothing_of_what_was_sent_is_repeated(agent: str) -> None:
    browsers = {name for _, name in agents.BROWSERS}
    said = agents.family(agent)
    assert said in KNOWN or said.partition(" on ")[0] in browsers
