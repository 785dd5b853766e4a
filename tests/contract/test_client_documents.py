"""Real clients that do not register: their id is the address of a document that says who they are."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.contract import apps
from tests.contract.person import Person
from tests.document_host import DocumentHost

CLIENTS = ["ts1", "ts2", "python1", "python2", "oauth4webapi", "mcp_remote", "inspector"]
# A document cannot know which port a client on this machine will listen on (RFC 8252 §7.3).
CALLBACKS = ["http://127.0.0.1/callback", "http://127.0.0.1/oauth/callback", "http://localhost/oauth/callback"]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_with_a_document_connects_without_registering(
    client: str, publisher: tuple[DocumentHost, Path], short_lived: dict, alice: Person, clients: None, tmp_path: Path
) -> None:
    name = f"Documented {client}"
    document = publisher[0].publish(f"/{client}.json", client_name=name, redirect_uris=CALLBACKS)
    with apps.running(client, short_lived["gateway_url"], tmp_path, document=document) as app:
        app.order("tools")
        wanted = app.authorize_url()
        assert parse_qs(urlsplit(wanted).query)["client_id"] == [document]
        alice.allows(wanted, handle="acme")
        assert "whoami" in app.next("done")
        assert f"through {name}" in app.call("whoami")
