"""The public keys that a client signs with: which of a key set can serve here, and what may never stand in one.

Obeys: RFC 7517 §4-5 (members, unknown keys ignored), CIMD §4.1 (no private key in a document).
"""

from dataclasses import dataclass, field
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from authserver import policy
from authserver.protocol import client_ids
from authserver.protocol.errors import Refusal

Json = dict[str, Any]
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
CURVES = {"EC": {"P-256"}, "OKP": {"Ed25519", "Ed448"}}
TOLD = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")


@dataclass(frozen=True)
class Keys:
    """Where a client's keys are: in its own words, or at an address. Neither: it has none that can serve."""

    jwks: Json = field(default_factory=dict)
    uri: str = ""

    def __bool__(self) -> bool:
        return bool(self.jwks.get("keys") or self.uri)


def named_by(metadata: Json, *, any_port: bool = False) -> Keys | Refusal:
    """Return the keys that a client names in `jwks` or `jwks_uri` (RFC 7591 §2: not in both; then the set counts)."""
    jwks = {} if metadata.get("jwks") is None else parse(metadata["jwks"])
    if isinstance(jwks, Refusal):
        return jwks
    address = metadata.get("jwks_uri")
    if jwks.get("keys") or not isinstance(address, str):
        return Keys(jwks)
    return Keys({}, client_ids.document_url(address, any_port=any_port) or "")


def _refused(what: str) -> Refusal:
    return Refusal("invalid_client_metadata", "The key set of the client cannot be used.", f"keys:{what}")


def parse(content: object) -> Json | Refusal:
    """Return the key set with the keys that can serve here, which may be none; private keys refuse the whole set."""
    keys = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(keys, list) or len(keys) > policy.JWKS_KEYS_MAX:
        return _refused("not_a_set")
    if any(isinstance(key, dict) and (PRIVATE & key.keys() or key.get("kty") == "oct") for key in keys):
        return _refused("private")
    return {"keys": [{name: key[name] for name in TOLD if name in key} for key in keys if _can_serve(key)]}


def _can_serve(key: object) -> bool:
    if not isinstance(key, dict) or not all(isinstance(key.get(name, ""), str) for name in TOLD):
        return False
    if key.get("use", "sig") != "sig" or key.get("alg", "RS256") not in policy.ASSERTION_ALGORITHMS:
        return False
    try:
        public = JWK(**{name: key[name] for name in TOLD if name in key})
        if key["kty"] == "RSA":
            return policy.RSA_KEY_BITS_MIN <= public.get_op_key("verify").key_size <= policy.RSA_KEY_BITS_MAX
        return key.get("crv") in CURVES.get(key["kty"], ()) and public.get_op_key("verify") is not None
    except (JWException, ValueError, TypeError, KeyError):
        return False


def serving(jwks: Json, *, key_id: str | None, algorithm: str) -> list[JWK]:
    """Return the keys of a parsed set that a signature by this algorithm and key id may be checked with."""
    kty = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}[algorithm]
    return [
        JWK(**key)
        for key in jwks.get("keys", [])
        if key["kty"] == kty and key.get("alg", algorithm) == algorithm and (key_id is None or key.get("kid") == key_id)
    ]
