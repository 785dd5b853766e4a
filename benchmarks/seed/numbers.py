"""What follows from a number: secrets and ids, alike in every database of the same seed."""

import hashlib

from authserver import policy
from authserver.protocol import credentials

SEED = "gatehouse benchmark "


def _secret(prefix: str, number: int | str) -> str:
    return credentials.encode(prefix, hashlib.sha256(f"{SEED}{prefix}{number}".encode()).digest())


def token_of(number: int) -> str:
    """The access token of the connection with this number; numbers begin with 1."""
    return _secret(policy.ACCESS_TOKEN_PREFIX, number)


def refresh_token_of(number: int) -> str:
    """The refresh token of the connection with this number."""
    return _secret(policy.REFRESH_TOKEN_PREFIX, number)


def code_of(run: str, number: int) -> str:
    """The authorization code with this number, of one call for codes."""
    return _secret("", f"{run}/{number}")


def id_of(kind: str, number: int) -> str:
    """A UUID as 32 hexadecimal digits, spread as random ones are."""
    return hashlib.md5(f"{SEED}{kind}{number}".encode()).hexdigest()
