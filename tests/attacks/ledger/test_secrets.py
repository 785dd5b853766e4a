"""Whoever reads the ledger, by page, download, export or command, finds no secret in it."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from authserver.models import Event, InitialAccessToken, LedgerSeal, ResourceServer, SigningKey
from authserver.services import ledger, resource_servers
from authserver.services.receipts import keys
from authserver.services.registration import initial_access
from tests.attacks.test_secrets_stay_secret import Story, tell
from tests.people import App, World

pytestmark = pytest.mark.covers("RS-24", "M-secrets")
EVENTS = "/admin/authserver/event/"


@pytest.fixture
def story(world: World) -> Story:
    """A whole life of connections with every misuse (tests/attacks/test_secrets_stay_secret.py), and what an
    administrator does; all of it linked."""
    told = tell(world)
    root = world.admin.user
    told.keep(initial=initial_access.renew_secret(InitialAccessToken(name="one"), by=root))
    told.keep(renewed=resource_servers.renew_secret(ResourceServer.objects.get(pk=world.asker.id), by=root))
    app = App.register(token_endpoint_auth_method="client_secret_post")
    told.keep(second=app.secret, second_registration=app.registration["registration_access_token"])
    private = keys.signer().key.private_numbers().private_value
    told.keep(private=str(private), private_hex=f"{private:064x}")
    ledger.link()
    world.admin.sign_in()
    assert len(told.secrets) > 12
    return told


def test_the_export_holds_no_secret(story: Story, tmp_path: Path) -> None:
    call_command("ledger", "export", "--output", str(tmp_path / "all"), stderr=io.StringIO())
    text = (tmp_path / "all").read_text()
    assert len(text.splitlines()) == Event.objects.count() > 10
    assert "code:replayed" in text
    assert story.found_in(text) == []


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_no_download_holds_a_secret(story: Story, world: World, kind: str) -> None:
    text = b"".join(world.admin.http.get(f"{EVENTS}download/{kind}/").streaming_content).decode()
    assert text.count("\n") >= Event.objects.count()
    assert story.found_in(text) == []


def test_no_page_of_an_event_holds_a_secret(story: Story, world: World) -> None:
    pages = [EVENTS, *(f"{EVENTS}{event.pk}/change/" for event in Event.objects.all())]
    for page in pages:
        answer = world.admin.http.get(page)
        assert answer.status_code == 200
        assert story.found_in(answer.content.decode()) == [], page


def test_what_the_commands_say_holds_no_secret(story: Story) -> None:
    out = io.StringIO()
    ledger.seal(now=timezone.now() + timedelta(days=62))
    for act in ("status", "verify", "link", "seal"):
        call_command("ledger", act, stdout=out)
    assert "verified" in out.getvalue()
    seal = LedgerSeal.objects.get()
    assert story.found_in(out.getvalue() + seal.signature + repr(seal) + repr(SigningKey.objects.all())) == []
    finding = ledger.verify(now=timezone.now())
    assert story.found_in(repr(finding)) == []
