"""The keys that sign security events and ledger seals: made, published, used, retired.

Only public halves ever leave this module. Private ones rest in the database, sealed under a key derived from SECRET_KEY
(or a former one, SECRET_KEY_FALLBACKS, until `reseal`); the database alone signs nothing.
"""

import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from jwcrypto.common import JWException, base64url_encode
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from authserver import policy
from authserver.models import SigningKey
from authserver.services import events
from authserver.services.events import Actor, Tag

ALGORITHM = "ES256"
PURPOSE = b"gatehouse signing key"
NONCE_BYTES = 12
ATTEMPTS = 3


@dataclass(frozen=True)
class Signer:
    """The key that signs now, opened."""

    kid: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def sign(self, payload: bytes | dict[str, Any], *, typ: str) -> str:
        """Return a compact JWS over this payload; `typ` (RFC 7515 §4.1.9) keeps one kind from passing for another."""
        # By hand (RFC 7515 §7.1, RFC 7518 §3.4): jwcrypto takes four times as long, and a poll may sign hundreds.
        text = payload if isinstance(payload, bytes) else _json(payload)
        header = _json({"typ": typ, "alg": ALGORITHM, "kid": self.kid})
        signed = f"{base64url_encode(header)}.{base64url_encode(text)}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{base64url_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def sign(payload: bytes | dict[str, Any], *, typ: str) -> str:
    """Return a compact JWS over this payload, by the key that signs now."""
    return signer().sign(payload, typ=typ)


def signer() -> Signer:
    """Return the key that signs now. The first use makes one; so does a node that can open none of those there are."""
    for _ in range(ATTEMPTS):
        now = timezone.now()
        rows = list(SigningKey.objects.filter(retired_at=None))
        opened = [(row.signs_from, key) for row in rows if (key := _open(row))]
        if opened:
            return next((key for signs_from, key in opened if signs_from <= now), opened[-1][1])
        _make(rows[0].number + 1 if rows else 1, signs_from=now, now=now)
    raise RuntimeError("no signing key could be made or opened")


def can_open(row: SigningKey) -> bool:
    """Tell whether the private half rests under today's SECRET_KEY or a former one that is still set."""
    return _unsealed(row) is not None


def public_set() -> dict[str, list[dict[str, str]]]:
    """Return the JWK set of all that sign, will, or did until policy.SIGNING_KEY_RETENTION ago (RFC 7517 §5)."""
    if not SigningKey.objects.filter(retired_at=None).exists():
        signer()
    recent = Q(retired_at=None) | Q(retired_at__gt=timezone.now() - policy.SIGNING_KEY_RETENTION)
    return {"keys": list(SigningKey.objects.filter(recent).values_list("public_jwk", flat=True))}


def verify(token: str, *, typ: str) -> bytes | None:
    """Return what a JWS of ours says, or None where it is none. Every key that ever was counts: seals outlive keys."""
    jws = JWS()
    jws.allowed_algs = [ALGORITHM]
    try:
        jws.deserialize(token)
        header = jws.jose_header
        key = SigningKey.objects.filter(kid=str(header.get("kid"))).first()
        if key is None or header.get("typ") != typ:
            return None
        jws.verify(JWK(**key.public_jwk))
    except (JWException, ValueError, AttributeError):
        return None
    return bytes(jws.payload)


@transaction.atomic
def turn(*, now: datetime) -> int:
    """Do what the clock asks for: make the next key when the newest has signed for policy.SIGNING_KEY_LIFETIME, retire
    those whose successor signs. Return how many were made or retired."""
    newest = SigningKey.objects.first()
    is_due = newest is None or newest.signs_from + policy.SIGNING_KEY_LIFETIME <= now
    return int(is_due and rotate(now=now)) + _retire(now=now)


def rotate(*, now: datetime) -> bool:
    """Make the next key: published at once, signing after policy.SIGNING_KEY_NOTICE; the very first signs at once.
    Return False where another process made one in this moment. Records signing_key:created."""
    newest = SigningKey.objects.first()
    if newest is None:
        return _make(1, signs_from=now, now=now)
    return _make(newest.number + 1, signs_from=now + policy.SIGNING_KEY_NOTICE, now=now)


def _retire(*, now: datetime) -> int:
    """Retire every key older than the newest that signs: its private half is removed. Records signing_key:retired."""
    signing = SigningKey.objects.filter(retired_at=None, signs_from__lte=now).first()
    if signing is None:
        return 0
    replaced = SigningKey.objects.select_for_update().filter(retired_at=None, number__lt=signing.number)
    kids = list(replaced.values_list("kid", flat=True))
    for kid in kids:
        SigningKey.objects.filter(kid=kid).update(retired_at=now, sealed_private=b"")
        events.record(Tag.SIGNING_KEY_RETIRED, actor=Actor.SYSTEM, kid=kid)
    return len(kids)


def _make(number: int, *, signs_from: datetime, now: datetime) -> bool:
    """Make one key. The number, one more than the caller saw, decides between processes: the second makes none."""
    key = JWK.generate(kty="EC", crv="P-256")
    kid = key.thumbprint()
    public = {name: key.export_public(as_dict=True)[name] for name in ("kty", "crv", "x", "y")}
    try:
        with transaction.atomic():
            SigningKey.objects.create(
                kid=kid,
                number=number,
                public_jwk=public | {"kid": kid, "use": "sig", "alg": ALGORITHM},
                sealed_private=_seal(kid, key.export_private().encode()),
                created_at=now,
                signs_from=signs_from,
            )
            events.record(Tag.SIGNING_KEY_CREATED, actor=Actor.SYSTEM, kid=kid)
    except IntegrityError:
        return False
    return True


# --- The private halves


def place_of(row: SigningKey) -> int | None:
    """Return which key opens a private half: 0 for SECRET_KEY, n for the n-th of its fallbacks, None for another."""
    opened = _unsealed(row)
    return None if opened is None else opened[0]


def reseal() -> int:
    """Seal private halves that rest under a former SECRET_KEY under today's; return how many."""
    done = 0
    for row in SigningKey.objects.filter(retired_at=None):
        place, private = _unsealed(row) or (0, b"")
        if place:
            again = SigningKey.objects.filter(kid=row.kid, retired_at=None)
            done += again.update(sealed_private=_seal(row.kid, private))
    return done


def _open(row: SigningKey) -> Signer | None:
    opened = _unsealed(row)
    return None if opened is None else Signer(row.kid, JWK.from_json(opened[1].decode()).get_op_key("sign"))


def _key_from(secret: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return AESGCM(derived)


def _seal(kid: str, private: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _key_from(settings.SECRET_KEY).encrypt(nonce, private, kid.encode())


def _unsealed(row: SigningKey) -> tuple[int, bytes] | None:
    """Return the private half and the place of the key that opened it, or None where no key does."""
    for place, secret in enumerate((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)):
        private = _opened(row, secret)
        if private is not None:
            return place, private
    return None


def _opened(row: SigningKey, secret: str) -> bytes | None:
    sealed = bytes(row.sealed_private)
    try:
        return _key_from(secret).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], row.kid.encode())
    except (InvalidTag, ValueError):
        return None
