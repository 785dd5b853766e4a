"""The `authorization` command of the MCP conformance suite, answered by a person in a real Chromium."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests import servers
from tests.contract import apps, installed
from tests.contract.person import Person

SUITE = installed.HERE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"


@pytest.fixture
def suite(short_lived: dict, clients: None, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The suite, started for a client that it finds registered. It prints an address and waits for the callback."""
    port = servers.free_port()
    client_id = register(short_lived["issuer"], f"http://127.0.0.1:{port}/callback")
    options = ["--url", short_lived["issuer"], "--client-id", client_id, "--resource", short_lived["gateway_url"]]
    command = ["node", SUITE, "authorization", *options, "--port", str(port), "-o", tmp_path / "results"]
    with subprocess.Popen(
        command, env=apps.environment(tmp_path), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        yield process
        process.kill()


def register(issuer: str, redirect_uri: str) -> str:
    """Register a public client. Returns its id."""
    client = {"client_name": "Conformance", "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"}
    request = Request(f"{issuer}/oauth/register", json.dumps(client).encode(), {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return json.load(answer)["client_id"]


def test_all_three_checks_of_the_authorization_command_pass(suite: subprocess.Popen[str], alice: Person) -> None:
    said = ""
    assert suite.stdout is not None
    for line in suite.stdout:
        said += line
        if found := re.search(r"http\S+/oauth/authorize\?\S+", line):
            alice.allows(found.group(), handle="acme")
    # A scenario that the suite skips leaves its exit status at 0.
    assert "3 passed" in said, said
    assert not re.search("skipped|[1-9] (failed|warning)", said, re.IGNORECASE), said
    assert suite.wait(10) == 0
