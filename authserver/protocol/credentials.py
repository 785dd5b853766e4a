"""Secrets: how they are made, recognized without a query, and kept.

Format of every secret: prefix + 43 base62 characters (32 random bytes, big-endian, zero-padded) + 6 base62 characters
(CRC-32 of everything before). The checksum lets a malformed one be refused without a query, and lets secret scanners
tell a real one from a look-alike; it protects nothing else.
"""

import binascii
import hashlib
import secrets
import zlib
from urllib.parse import unquote

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_BYTES = 32
BODY_LENGTH = 43
CHECKSUM_LENGTH = 6


PAIRS = [high + low for high in ALPHABET for low in ALPHABET]  # two digits at a time take half the divisions


def _base62(number: int, length: int) -> str:
    pairs = []
    while number:
        number, remainder = divmod(number, 62 * 62)
        pairs.append(PAIRS[remainder])
    return "".join(reversed(pairs)).rjust(length, "0")[-length:]


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode("ascii")), CHECKSUM_LENGTH)


def encode(prefix: str, random: bytes) -> str:
    """Return the secret that carries these 32 bytes under this prefix."""
    head = prefix + _base62(int.from_bytes(random, "big"), BODY_LENGTH)
    return head + _checksum(head)


def generate(prefix: str) -> str:
    """Return a new secret of 256 random bits. Only the caller ever knows it: store `digest` of it."""
    return encode(prefix, secrets.token_bytes(RANDOM_BYTES))


def is_well_formed(secret: str, prefix: str) -> bool:
    """Tell whether this has the form of a secret of this kind, without asking whether it exists."""
    if len(secret) != len(prefix) + BODY_LENGTH + CHECKSUM_LENGTH:
        return False
    if not secret.startswith(prefix) or not secret.isascii() or not secret[len(prefix) :].isalnum():
        return False
    return secret[-CHECKSUM_LENGTH:] == _checksum(secret[:-CHECKSUM_LENGTH])


def digest(secret: str) -> bytes:
    """Return the 32 bytes kept in the database. A fast hash is right for 256 random bits: there is nothing to guess,
    and junk costs microseconds."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def of_basic(header: str) -> tuple[str, str] | None:
    """Return id and secret of an HTTP Basic header, or None where it is none.

    Both may be percent-encoded (RFC 6749 §2.3.1) or not, as clients do either; ours hold no character that differs.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = binascii.a2b_base64(encoded.strip(), strict_mode=True).decode("utf-8")
    except ValueError:  # neither base64 nor text
        return ("", "")
    name, _, secret = text.partition(":")
    return (unquote(name), unquote(secret)) if "%" in text else (name, secret)
