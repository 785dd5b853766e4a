"""Security event tokens: what is checked before one is believed, and what it then says.

Obeys: RFC 8417 §2.2 (claims), §2.3 (explicit type), §4.5 (a token of another kind is never taken for one); RFC 8725
§3.1 (one algorithm, ours), §3.11 (type); RFC 8935 §2.4 (error codes).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jwcrypto.common import JWException, base64url_decode
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from resourceserver.events import subjects
from resourceserver.events.subjects import EVERYTHING, Subject

MAX_CHARACTERS = 16 * 1024
MAX_ID_CHARACTERS = 200
MAX_AGE_SECONDS = 3600
MAX_AHEAD_SECONDS = 60

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"
ABOUT_A_SUBJECT = frozenset({f"{CAEP}session-revoked", f"{CAEP}token-claims-change"})

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z", re.ASCII)


class SetRefused(Exception):
    """A token that is not believed. ``code`` and ``description`` are told to who sent it and quote nothing of it."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


@dataclass(frozen=True)
class Verification:
    """The answer to a request for verification: the state that was asked with, and the stream it came on."""

    state: str
    stream_id: str


@dataclass(frozen=True)
class News:
    """What a believed token says: whose answers are over (None: nobody's), and whether it verifies a stream."""

    jti: str
    subject: Subject | None
    verification: Verification | None


def key_id(compact: str) -> str:
    """Return which key a token claims to be signed with. Raises SetRefused unless its header is exactly ours."""
    if len(compact) > MAX_CHARACTERS or not _COMPACT.match(compact):
        raise SetRefused("invalid_request", "Not a signed token in compact form.")
    header = _object(compact.partition(".")[0])
    if header.get("typ") != "secevent+jwt":
        raise SetRefused("invalid_request", "Not a security event token.")
    if header.get("alg") != "ES256":
        raise SetRefused("invalid_key", "Only ES256 is accepted.")
    found = header.get("kid")
    if not set(header) <= {"typ", "alg", "kid"} or not isinstance(found, str) or not found:
        raise SetRefused("invalid_request", "The header is not understood.")
    return found


def read(compact: str, *, key: JWK, issuer: str, audience: str, now: float) -> News:
    """Return what a token says, once its signature, issuer, audience and age are good. ``now`` is Unix time.

    Raises SetRefused. An event or subject that is not understood is about everything.
    """
    token = JWS()
    token.allowed_algs = ["ES256"]
    try:
        token.deserialize(compact, key)
    except (JWException, ValueError, TypeError):
        raise SetRefused("authentication_failed", "The signature is not good.") from None
    claims = _object(compact.split(".")[1])
    if claims.get("iss") != issuer:
        raise SetRefused("invalid_issuer", "Another issuer's token.")
    if audience not in _audiences(claims.get("aud")):
        raise SetRefused("invalid_audience", "Meant for somebody else.")
    _check_age(claims.get("iat"), now)
    return _news(claims, issuer)


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(base64url_decode(part), object_pairs_hook=_unique_members)
    except (ValueError, RecursionError):
        raise SetRefused("invalid_request", "A part of the token is not JSON.") from None
    if not isinstance(found, dict):
        raise SetRefused("invalid_request", "A part of the token is not a JSON object.")
    return found


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name stands twice")
    return members


def _audiences(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _check_age(issued_at: Any, now: float) -> None:
    """Refuse what is too old: whatever it tells has long been in every answer that could still be remembered."""
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
        raise SetRefused("invalid_request", "There is no good iat.")
    if not now - MAX_AGE_SECONDS <= issued_at <= now + MAX_AHEAD_SECONDS:
        raise SetRefused("invalid_request", "Issued too long ago, or in the future.")


def _news(claims: dict[str, Any], issuer: str) -> News:
    jti, events = claims.get("jti"), claims.get("events")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_ID_CHARACTERS:
        raise SetRefused("invalid_request", "There is no good jti.")
    if not isinstance(events, dict) or not events:
        raise SetRefused("invalid_request", "There are no events.")
    others = set(events) - {VERIFICATION}
    subject = None
    if others:
        subject = subjects.read(claims.get("sub_id"), issuer=issuer) if others <= ABOUT_A_SUBJECT else EVERYTHING
    return News(jti, subject, _verification(events.get(VERIFICATION), claims.get("sub_id")))


def _verification(event: Any, stream: Any) -> Verification | None:
    if not isinstance(event, Mapping) or not isinstance(stream, Mapping) or stream.get("format") != "opaque":
        return None
    state, stream_id = event.get("state"), stream.get("id")
    if not isinstance(state, str) or not isinstance(stream_id, str):
        return None
    return Verification(state, stream_id)
