"""What a token request asks: read from its form, before anything is looked up."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from authserver.protocol import assertions, client_ids, credentials
from authserver.protocol.errors import Refusal, invalid_client
from authserver.protocol.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Proof:
    """Who the client says it is, and how it proves it: by a secret, by an assertion it signed, or not at all."""

    client_id: str | None
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """An authorization code to be exchanged (RFC 6749 §4.1.3, RFC 7636 §4.5)."""

    proof: Proof
    code: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str | None
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """A refresh (RFC 6749 §6). `scopes` is None where none are named: all that stand."""

    proof: Proof
    token: str = field(repr=False)
    scopes: tuple[str, ...] | None
    resources: tuple[str, ...]


TokenRequest = CodeRequest | RefreshRequest


def read(form: Parameters, authorization: str) -> TokenRequest | Refusal:
    """Return what a token request asks; `authorization` is its header, or empty.

    Obeys:   RFC 6749 §3.2, §4.1.3, §6; RFC 7636 §4.5; RFC 8707 §2.2.
    Refuses: invalid_request, unsupported_grant_type, invalid_client for two proofs at once.
    """
    grant_type = form.get("grant_type")
    if grant_type is None:
        return _missing("grant_type")
    if grant_type not in READERS:
        sentence = "This server knows the grants authorization_code and refresh_token."
        return Refusal("unsupported_grant_type", sentence, "token:grant_type")
    proof = proof_of(form, authorization)
    return proof if isinstance(proof, Refusal) else READERS[grant_type](form, proof)


def _missing(name: str) -> Refusal:
    return Refusal("invalid_request", f"The parameter {name} is missing.", f"token:no_{name}")


def _code(form: Parameters, proof: Proof) -> CodeRequest | Refusal:
    code, verifier = form.get("code"), form.get("code_verifier")
    if code is None:
        return _missing("code")
    if verifier is None:
        return _missing("code_verifier")
    return CodeRequest(proof, code, verifier, form.get("redirect_uri"), form.all("resource"))


def _refresh(form: Parameters, proof: Proof) -> RefreshRequest | Refusal:
    token, scope = form.get("refresh_token"), form.get("scope")
    if token is None:
        return _missing("refresh_token")
    return RefreshRequest(proof, token, tuple(scope.split()) if scope else None, form.all("resource"))


READERS = {"authorization_code": _code, "refresh_token": _refresh}


def proof_of(form: Parameters, authorization: str) -> Proof | Refusal:
    """Return how a client proves itself. A secret may come by header or form; two that differ are refused.

    Obeys: RFC 6749 §2.3 (one way of authentication at a time), RFC 7521 §4.2 (an assertion stands alone).
    """
    client_id, secret, assertion = form.get("client_id"), form.get("client_secret"), form.get("client_assertion")
    basic = credentials.of_basic(authorization) if authorization else None
    if assertion:
        if basic or secret:
            return invalid_client("client:two_authentications")
        if form.get("client_assertion_type") != assertions.TYPE:
            return invalid_client("assertion:type")
        return Proof(client_id, assertion=assertion)
    if basic is None:
        return Proof(client_id, secret)
    if client_ids.is_address(basic[0]):  # a document cannot have a secret, and its colon breaks the header
        return invalid_client("client:basic_for_document")
    if (client_id and client_id != basic[0]) or (secret and secret != basic[1]):
        return invalid_client("client:two_authentications")
    return Proof(basic[0], basic[1] or None)


def is_verified_by(challenge: str, verifier: str) -> bool:
    """Tell whether the S256 challenge of an authorization request was made from this verifier (RFC 7636 §4.6)."""
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(made, challenge.encode())
