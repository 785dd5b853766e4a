"""What the services are given: one approval of alice's for ChatGPT at acme, through the gateway, and how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from authserver.models import AccessToken, Client, RefreshToken
from authserver.protocol import credentials
from authserver.protocol.client_metadata import ClientMetadata
from authserver.protocol.connections.token_requests import CodeRequest, Proof, RefreshRequest
from authserver.protocol.errors import Refusal
from authserver.services import catalog, clients, connections, events, registration
from authserver.services.connections import Approval, Arrived, Issued
from authserver.services.registration import Registered
from handles.models import Handle
from tests.people import GATEWAY, App, World

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
READS = ("mcp.connect", "skills.read", "links.read")

UNKNOWN = "8f6f6a2e-0000-4000-8000-000000000000"
PUBLIC = ClientMetadata(
    name="ChatGPT",
    redirect_uris=("https://chatgpt.com/connector/oauth/abc", "http://127.0.0.1/cb"),
    auth_method="none",
    may_refresh=True,
    scope="mcp.connect",
    website_url="https://chatgpt.com/",
    policy_url="",
    terms_url="",
    software_id="openai",
    software_version="1",
)
CONFIDENTIAL = replace(PUBLIC, auth_method="client_secret_basic")
Approving = Callable[..., Approval]


@pytest.fixture
def client_row(chatgpt: App) -> Client:
    return Client.objects.get(client_id=chatgpt.client_id)


@pytest.fixture
def approval(world: World, client_row: Client) -> Approving:
    """Make an approval; each call is a consent page of its own."""
    target = catalog.target_of(GATEWAY)
    assert target is not None
    usual = Approval(
        user=world.alice.user,
        client=client_row,
        handle=Handle.objects.get(slug="acme"),
        target=target,
        wanted=READS,
        granted=READS,
        redirect_uri="https://chatgpt.com/connector/oauth/abc",
        code_challenge=CHALLENGE,
        consent_id=uuid4(),
    )

    def make(**changes: Any) -> Approval:
        return replace(usual, **{"consent_id": uuid4()} | changes)

    return make


def approve(approval: Approval, now: datetime = NOW) -> str:
    approved = connections.approve(approval, now=now)
    assert isinstance(approved, connections.Approved)
    return approved.code


def proof_of(client: Client) -> Proof:
    """Return the proof of a client; one that has a secret is given another, that is known here."""
    if not client.has_secret:
        return Proof(client.client_id)
    Client.objects.filter(pk=client.pk).update(secret_digest=credentials.digest("known"))
    return Proof(client.client_id, "known")


def exchange(code: str, client: Client, now: datetime = NOW, **asked: Any) -> Issued | Refusal:
    """Exchange a code as the token endpoint does."""
    usual = {"verifier": VERIFIER, "redirect_uri": None, "resources": ()}
    request = CodeRequest(proof_of(client), code, **usual | asked)
    return connections.exchange(Arrived(request, events.current_request.get()), now=now)


def refresh(token: str | None, client: Client, now: datetime = NOW, scope_list: Any = READS) -> Issued | Refusal:
    """Refresh as the token endpoint does."""
    request = RefreshRequest(proof_of(client), token or "", tuple(scope_list), ())
    return connections.refresh(Arrived(request, events.current_request.get()), now=now)


def issued(answer: Issued | Refusal) -> Issued:
    assert isinstance(answer, Issued), answer
    return answer


def reason(answer: Any) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.reason


def seen(pair: Issued) -> None:
    """A resource server asks about the credential of this pair: its client has the answer that it came in."""
    AccessToken.objects.filter(digest=credentials.digest(pair.access_token)).update(used_at=NOW)
    RefreshToken.objects.filter(digest=credentials.digest(pair.refresh_token or "")).update(answer_seen_at=NOW)


@pytest.fixture
def pair(approval: Approving, client_row: Client) -> Issued:
    """A pair that ChatGPT holds since NOW."""
    return issued(exchange(approve(approval()), client_row))


def authenticate(client_id: str | None, secret: str | None, now: datetime = NOW) -> Client | Refusal:
    return clients.authenticate(client_id, secret, now=now)


@pytest.fixture
def public() -> Registered:
    return registration.register(PUBLIC)


@pytest.fixture
def confidential() -> Registered:
    return registration.register(CONFIDENTIAL)
