"""What a client that signs holds: its keys, and the assertions it makes with them."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from authserver.protocol import assertions

ISSUER = "http://127.0.0.1:8000"
KINDS = {
    "RS256": {"kty": "RSA", "size": 2048},
    "PS256": {"kty": "RSA", "size": 2048},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
}


@cache
def _key(algorithm: str, key_id: str) -> JWK:
    """Making an RSA key takes a while: each is made once."""
    return JWK.generate(kid=key_id, use="sig", **KINDS[algorithm])


@dataclass
class Signer:
    """A client's key, and what it signs."""

    client_id: str
    algorithm: str = "ES256"
    key_id: str = "key-1"
    aud: Any = f"{ISSUER}/oauth/token"
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> JWK:
        return _key(self.algorithm, self.key_id)

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [json.loads(self.key.export_public())]}

    def assertion(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a good assertion; `claims` and `header` take the place of its own, None leaves one out."""
        now = int(time.time())
        told = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.aud,
            "iat": now,
            "exp": now + 60,
            "jti": uuid.uuid4().hex,
        } | claims
        token = JWS(json.dumps({name: value for name, value in told.items() if value is not None}))
        protected = {"alg": self.algorithm, "kid": self.key_id} | (header or {})
        protected = {name: value for name, value in protected.items() if value is not None}
        token.allowed_algs = [protected["alg"]]
        token.add_signature(self.key, None, json.dumps(protected))
        return token.serialize(compact=True)

    def form(self, **claims: Any) -> dict[str, str]:
        """Return the form parameters that prove this client."""
        return {"client_assertion_type": assertions.TYPE, "client_assertion": self.assertion(**claims)}
