"""Every real client at each of the three URLs: from an unknown server to a call, a refresh, and the end.

The rows of one URL share their clients: while the others connect, the first credentials run out by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.contract import apps
from tests.contract.apps import App
from tests.contract.person import Person
from tests.contract.wire import ask

CLIENTS = {  # program: the name that people see
    "ts1": "ts1",
    "ts2": "ts2",
    "python1": "python1",
    "python2": "python2",
    "oauth4webapi": "oauth4webapi",
    "mcp_remote": "MCP CLI Proxy",
    "inspector": "MCP Inspector",
}
URLS = ["gateway", "hosted", "compat"]
every_client = pytest.mark.parametrize("client", CLIENTS)


class Connections:
    """The clients at one URL, each connected by alice to acme on first use."""

    def __init__(self, kind: str, *, ready: dict, alice: Person, folder, stack: ExitStack) -> None:
        self.kind, self.url = kind, ready[f"{kind}_url"].format(handle="acme")
        self._alice, self._folder, self._stack = alice, folder, stack
        self._apps: dict[str, App] = {}

    def of(self, client: str) -> App:
        if client not in self._apps:
            app = self._apps[client] = self._stack.enter_context(apps.running(client, self.url, self._folder / client))
            app.order("tools")
            # Only the gateway leaves the choice of the handle to the person.
            self._alice.allows(app.authorize_url(), handle="acme" if self.kind == "gateway" else None)
            assert {"whoami", "create_link"} <= set(app.next("done"))
        return self._apps[client]


<<<<<<< HEAD
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
=======
@pytest.fixture(scope="module", params=URLS)
def at(
    request: pytest.FixtureRequest, short_lived: dict, alice: Person, clients: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connections]:
    """The clients at one of the three URLs."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp(request.param)
        yield Connections(request.param, ready=short_lived, alice=alice, folder=folder, stack=stack)


@every_client
def test_it_finds_the_way_by_itself_and_acts_for_the_handle_that_was_allowed(at: Connections, client: str) -> None:
    assert "acting for @acme" in at.of(client).call("whoami")


@every_client
def test_it_refreshes_without_asking_the_person(at: Connections, client: str) -> None:
    app = at.of(client)
    before = app.ask("credential")
    app.ask("expire")
    assert ask(at.url, before) == (401, "invalid_token")
    assert "acting for @acme" in app.call("whoami")
    assert app.ask("credential") != before


@every_client
def test_it_is_refused_once_disconnected(at: Connections, client: str, alice: Person) -> None:
    app = at.of(client)
    app.call("whoami")
    alice.disconnects(CLIENTS[client], handle="acme")
    assert ask(at.url, app.ask("credential")) == (401, "invalid_token")
    app.order("call", tool="whoami")
    assert urlsplit(app.authorize_url()).path == "/oauth/authorize"
>>>>>>> t-contract
