"""Secrets of second factors, kept so that the database alone does not open them."""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes

PURPOSE = b"gatehouse second factors 1"


class CannotOpen(Exception):
    """Sealed with a key that is neither SECRET_KEY nor one of its fallbacks."""


def seal(secret: str) -> str:
    """Return `secret` sealed with a key made from SECRET_KEY."""
    return _keys(*_secrets()).encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what `seal` was given; raises CannotOpen where no key fits."""
    try:
        return _keys(*_secrets()).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise CannotOpen("SECRET_KEY changed, and its former value is not among SECRET_KEY_FALLBACKS.") from None


def place_of(sealed: str) -> int | None:
    """Return which key opens what was sealed: 0 for SECRET_KEY, n for the n-th of its fallbacks, None for another."""
    for place, secret in enumerate(_secrets()):
        try:
            _keys(secret).decrypt(sealed.encode())
        except InvalidToken:
            continue
        return place
    return None


def _secrets() -> tuple[bytes, ...]:
    return tuple(force_bytes(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=16)
def _keys(*secrets: bytes) -> MultiFernet:
    """The first key seals, every key opens."""
    made = [HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(secret) for secret in secrets]
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in made])
