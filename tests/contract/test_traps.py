"""What real clients do besides the plain flow: more scopes later, another address, many refreshes at once."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.contract.apps import Connections
from tests.contract.person import Person
from tests.contract.product import address

AT_ONCE = 6
pytestmark = pytest.mark.parametrize("at", ["gateway globex"], indirect=True)


@pytest.mark.parametrize("client", ["ts2", "ts2_stateless", "python1", "python2", "oauth4webapi", "mcp_remote"])
def test_a_tool_that_needs_more_shows_consent_again_and_then_succeeds(
    at: Connections, client: str, alice: Person
) -> None:
    app = at.of(client)
    assert "links.write" not in app.call("whoami")
    app.order("call", tool="create_link", arguments={"slug": client, "target": "https://example.com/"})
    wanted = app.authorize_url()
    assert "links.write" in parse_qs(urlsplit(wanted).query)["scope"][0].split()
    alice.allows(wanted, handle="globex")
    assert client in app.next("done")
    assert "links.write" in app.call("whoami")


@pytest.mark.parametrize("client", ["ts1", "inspector"])
def test_a_client_that_cannot_ask_for_more_is_refused_and_keeps_what_it_has(at: Connections, client: str) -> None:
    """Both answer `insufficient_scope` with a plain refresh, get the same scopes again, and give up."""
    app = at.of(client)
    app.order("call", tool="create_link", arguments={"slug": client, "target": "https://example.com/"})
    app.next("refused")
    assert "acting for @globex" in app.call("whoami")


@pytest.mark.parametrize(
    ("client", "at_least"), [("ts1", 1), ("ts2", 6), ("ts2_stateless", 6), ("python1", 6), ("python2", 6)]
)
def test_calls_at_once_on_an_expired_credential_never_ask_the_person_again(
    at: Connections, client: str, at_least: int
) -> None:
    """The TypeScript SDK sends one refresh per call, all with the same refresh token; version 1 gives up on some."""
    app = at.of(client)
    app.ask("expire")
    answers = app.ask("calls", tool="whoami", times=AT_ONCE)  # `ask` fails on a wish for a browser
    assert len([answer for answer in answers if "acting for @globex" in answer]) >= at_least, answers
    assert "acting for @globex" in app.call("whoami")


@pytest.mark.parametrize("client", ["ts1", "ts2"])
@pytest.mark.parametrize("place", ["hosted acme", "compat acme"])
def test_a_client_that_takes_its_tokens_to_another_handle_gets_nothing(
    at: Connections, client: str, place: str
) -> None:
    """The credential is refused there, and so is the refresh token: neither opens what the person did not choose."""
    app = at.of(client)
    app.order("call", tool="whoami", at=address(at.ready, place))
    assert "resource" in app.next("refused")
