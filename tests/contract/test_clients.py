"""Every real client at each of the three URLs: from an unknown server to a call, a refresh, and the end."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.contract import apps
from tests.contract.person import Person

CLIENTS = ["ts1", "ts2", "python1", "python2"]
# address, and the handle that the person chooses on the page: the other two addresses have chosen
URLS = {"gateway": "acme", "hosted": None, "compat": None}
EVERYWHERE = pytest.mark.parametrize("url", URLS)


@pytest.mark.parametrize("client", CLIENTS)
@EVERYWHERE
def test_a_client_connects_calls_refreshes_and_is_disconnected(
    client: str, url: str, short_lived: dict, alice: Person, clients: None, tmp_path: Path
) -> None:
    address = short_lived[f"{url}_url"].format(handle="acme")
    with apps.running(client, address, tmp_path) as app:
        app.order("tools")
        alice.allows(app.authorize_url(), handle=URLS[url])
        assert "whoami" in app.next("done")
        assert "acting for @acme" in app.call("whoami")

        first = app.ask("credential")
        app.ask("expire")
        assert status(address, first) == (401, "invalid_token")
        assert "acting for @acme" in app.call("whoami")
        second = app.ask("credential")
        assert second != first

        alice.disconnects(client, handle="acme")
        assert status(address, second) == (401, "invalid_token")
        app.order("call", tool="whoami")
        assert urlsplit(app.authorize_url()).path == "/oauth/authorize"


def status(address: str, credential: str) -> tuple[int, str]:
    """Ask an MCP endpoint with a credential. Return the status and the error code of the body."""
    there = urlsplit(address)
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Authorization": f"Bearer {credential}", "Content-Type": "application/json", "Host": there.netloc}
    request = urllib.request.Request(
        f"http://127.0.0.1:{there.port}{there.path}",
        json.dumps(body).encode(),
        headers | {"Accept": "application/json, text/event-stream"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["error"]
