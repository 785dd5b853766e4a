"""Sealing: the pair that replaced a refresh token, readable only with that very token.

The key is derived from the token, which we do not keep; so whoever holds the database alone opens nothing.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
PURPOSE = b"gatehouse refresh successor"


def _key(token: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(token.encode())


def seal(token: str, text: str) -> bytes:
    """Return `text`, encrypted and authenticated under a key that only the holder of `token` can derive."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_key(token)).encrypt(nonce, text.encode(), PURPOSE)


def unseal(token: str, sealed: bytes) -> str | None:
    """Return the text sealed under this token, or None where it is another's or was changed."""
    if len(sealed) <= NONCE_BYTES:
        return None
    try:
        return AESGCM(_key(token)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], PURPOSE).decode()
    except InvalidTag:
        return None
