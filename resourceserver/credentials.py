"""The shape of a bridge credential, so that a malformed one is refused without asking anybody.

``mcpv1_`` + 43 characters + 6 characters, 55 in all:

* the alphabet is ``0-9A-Za-z`` in that order, the digits of base 62;
* the 43 are 32 random bytes read as one big-endian number, left-padded with ``0``;
* the 6 are ``zlib.crc32`` of the 49 ASCII characters before them (prefix included), left-padded with ``0``.

The checksum proves nothing about origin. It saves a query on typing errors and foreign tokens, and lets
secret scanners match credentials without false alarms.
"""

import re
import zlib

PREFIX = "mcpv1_"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_CHARACTERS = 43
CHECKSUM_CHARACTERS = 6

_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{SECRET_CHARACTERS + CHECKSUM_CHARACTERS}}}\Z", re.ASCII)
_LARGEST_SECRET = 2**256 - 1
_VALUE = {character: value for value, character in enumerate(ALPHABET)}


def base62(number: int, *, width: int) -> str:
    """Return ``number`` (not negative) in base 62, left-padded with "0" to ``width`` characters."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits.rjust(width, "0")


def checksum(text: str) -> str:
    """Return the six characters that must follow ``text`` (the prefix and the 43 characters, ASCII)."""
    return base62(zlib.crc32(text.encode("ascii")), width=CHECKSUM_CHARACTERS)


def is_well_formed(credential: str) -> bool:
    """Return whether ``credential`` has the shape and checksum above. It may still be unknown, expired or revoked."""
    if not _SHAPE.match(credential):
        return False
    body, check = credential[:-CHECKSUM_CHARACTERS], credential[-CHECKSUM_CHARACTERS:]
    if _number(body.removeprefix(PREFIX)) > _LARGEST_SECRET:
        return False
    return checksum(body) == check


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * 62 + _VALUE[digit]
    return number
