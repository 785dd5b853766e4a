"""How a client proves itself at the token and revocation endpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from authserver.models import Client
from authserver.protocol.connections.token_requests import Proof
from authserver.protocol.errors import Refusal
from authserver.services import assertions, clients


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that was let in. `is_proven` says that it showed a secret or key of its own."""

    client: Client
    is_proven: bool


def let_in(proof: Proof, *, now: datetime) -> Caller | Refusal:
    """Return the client of one proof, as `let_in_all` does."""
    return let_in_all([proof], now=now)[0]


def let_in_all(proofs: Sequence[Proof], *, now: datetime) -> list[Caller | Refusal]:
    """Return the client of each proof, in their order, or invalid_client. An assertion is used up.

    Obeys: RFC 6749 §2.3, §3.2.1; RFC 7523 §3.
    """
    found = clients.find_all({proof.client_id for proof in proofs if not proof.assertion})
    return [_let_in(proof, found.get(proof.client_id or ""), now) for proof in proofs]


def _let_in(proof: Proof, found: Client | None, now: datetime) -> Caller | Refusal:
    if proof.assertion:
        signer = assertions.authenticate(proof.client_id, proof.assertion, now=now)
        # One that may come without proof may have been let in because its keys could not be had.
        return signer if isinstance(signer, Refusal) else Caller(signer, is_proven=not signer.also_public)
    client = clients.proven(found, proof.secret, now=now)
    return client if isinstance(client, Refusal) else Caller(client, is_proven=bool(proof.secret))
