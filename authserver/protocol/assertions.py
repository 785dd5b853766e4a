"""Client assertions: a client proves itself by signing, with a key that it publishes (private_key_jwt).

Obeys: RFC 7523 §3 (claims), RFC 7521 §4.2, RFC 8725 §3.1 (algorithms by our list, never by the token's word).
Departs: RFC 7523 §3 leaves `jti` optional; OpenID Connect Core §9 requires it, and so do we, to notice a second use.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jwcrypto.common import JWException, base64url_decode
from jwcrypto.jws import JWS

from authserver import policy
from authserver.protocol import signing_keys

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
TIME_MAX = 253_402_300_799  # the end of the year 9999
Json = dict[str, Any]


@dataclass(frozen=True)
class Assertion:
    """A client assertion whose claims are in order. Nothing is proven before `is_signed_by`."""

    client_id: str
    algorithm: str
    key_id: str | None
    expires_at: datetime
    digest: bytes
    token: str = field(repr=False)

    def is_signed_by(self, jwks: Json) -> bool:
        """Tell whether one of these keys, as `signing_keys.parse` returns them, made the signature."""
        return any(
            _verifies(self.token, key, self.algorithm)
            for key in signing_keys.serving(jwks, key_id=self.key_id, algorithm=self.algorithm)
        )

    def knows_key(self, jwks: Json) -> bool:
        """Tell whether the set has a key that this assertion may be signed with."""
        return bool(signing_keys.serving(jwks, key_id=self.key_id, algorithm=self.algorithm))


def read(token: str, *, audiences: frozenset[str], now: datetime) -> Assertion | str:
    """Return the assertion in this token if its claims are in order for one of `audiences`, or the reason, such as
    `expired`, why they are not. `client_id` is its issuer and subject."""
    parts = _parts(token)
    if isinstance(parts, str):
        return parts
    header, claims = parts
    wrong = _wrong_header(header) or _wrong_party(claims, audiences) or _wrong_time(claims, now)
    if wrong:
        return wrong
    return Assertion(
        client_id=claims["iss"],
        algorithm=header["alg"],
        key_id=header.get("kid"),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        digest=hashlib.sha256(f"{claims['iss']}\n{claims['jti']}".encode("utf-8", "surrogatepass")).digest(),
        token=token,
    )


def _parts(token: str) -> tuple[Json, Json] | str:
    """Return header and claims of a signed token in compact form."""
    if not COMPACT.fullmatch(token):
        return "malformed"
    try:
        header, claims = (json.loads(base64url_decode(part)) for part in token.split(".")[:2])
    except (ValueError, RecursionError):
        return "malformed"
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else "malformed"


def _wrong_header(header: Json) -> str | None:
    if header.get("alg") not in policy.ASSERTION_ALGORITHMS:
        return "algorithm"
    if "crit" in header or "b64" in header:
        return "critical_extension"
    return None if isinstance(header.get("kid", ""), str) else "key_id"


def _wrong_party(claims: Json, audiences: frozenset[str]) -> str | None:
    issuer, audience, token_id = claims.get("iss"), claims.get("aud"), claims.get("jti")
    if not isinstance(issuer, str) or not issuer.isascii() or issuer != claims.get("sub"):
        return "issuer_or_subject"
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or audience not in audiences:
        return "audience"
    if not isinstance(token_id, str) or not 0 < len(token_id) <= policy.ASSERTION_ID_LENGTH_MAX:
        return "token_id"
    return None


def _wrong_time(claims: Json, now: datetime) -> str | None:
    """Hold the assertion to a short life. `exp` bounds how long its use must be remembered."""
    skew = policy.ASSERTION_CLOCK_SKEW.total_seconds()
    moment = now.timestamp()
    expiry = _moment(claims.get("exp"))
    if expiry is None or expiry <= moment - skew:
        return "expired"
    if expiry > moment + policy.ASSERTION_LIFETIME_MAX.total_seconds() + skew:
        return "lives_too_long"
    for name in ("iat", "nbf"):
        value = _moment(claims.get(name, moment))
        if value is None or value > moment + skew:
            return "not_yet"
    return None


def _moment(value: object) -> float | None:
    """Return a NumericDate (RFC 7519 §2), or None where it is none that a clock could show."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= TIME_MAX:
        return None
    return value


def _verifies(token: str, key: Any, algorithm: str) -> bool:
    checked = JWS()
    checked.allowed_algs = [algorithm]
    try:
        checked.deserialize(token, key)
    except (JWException, ValueError, TypeError):
        return False
    return bool(checked.is_valid)
