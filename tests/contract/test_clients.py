"""Every real client at each of the three URLs: from an unknown server to a call, a refresh, and the end.

The rows of one URL share their clients: while the others connect, the first credentials run out by themselves.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.contract.apps import Connections
from tests.contract.person import Person
from tests.contract.product import address, ask

CLIENTS = {  # program in clients/: the name that it registers, and that people see
    "ts1": "ts1",
    "ts2": "ts2",
    "ts2_stateless": "ts2_stateless",
    "python1": "python1",
    "python2": "python2",
    "oauth4webapi": "oauth4webapi",
    "mcp_remote": "MCP CLI Proxy",
    "inspector": "MCP Inspector",
}
# Where the credential of each place must not be taken: the other kinds, the other handles, the other resource.
PLACES = {
    "gateway acme": ["hosted acme", "hosted globex", "compat acme", "compat globex", "other"],
    "hosted acme": ["gateway acme", "hosted globex", "compat acme", "compat globex", "other"],
    "compat acme": ["gateway acme", "hosted acme", "hosted globex", "compat globex", "other"],
}
pytestmark = pytest.mark.parametrize("client", CLIENTS)
everywhere = pytest.mark.parametrize("at", PLACES, indirect=True)


@everywhere
def test_it_finds_the_way_by_itself_and_acts_for_the_allowed_handle_alone(at: Connections, client: str) -> None:
    app = at.of(client)
    assert "acting for @acme" in app.call("whoami")
    credential = app.ask("credential")
    assert ask(at.url, credential) == (200, "")
    assert {ask(address(at.ready, place), credential) for place in PLACES[at.place]} == {(401, "invalid_token")}


@pytest.mark.covers("req:B4")
@pytest.mark.parametrize("at", ["gateway acme"], indirect=True)  # elsewhere before the end, below
def test_it_refreshes_without_asking_the_person(at: Connections, client: str) -> None:
    app = at.of(client)
    before = app.ask("credential")
    app.ask("expire")
    assert ask(at.url, before) == (401, "invalid_token")
    assert "acting for @acme" in app.call("whoami")
    assert app.ask("credential") != before


@everywhere
def test_it_is_refused_once_disconnected(at: Connections, client: str, alice: Person) -> None:
    app = at.of(client)
    app.ask("expire")  # so that the call refreshes, and what is refused below is not simply old
    app.call("whoami")
    alice.disconnects(CLIENTS[client], handle="acme")
    assert ask(at.url, app.ask("credential")) == (401, "invalid_token")
    app.order("call", tool="whoami")
    assert urlsplit(app.authorize_url()).path == "/oauth/authorize"
