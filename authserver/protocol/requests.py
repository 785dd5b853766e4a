"""What every request carries, whatever it asks for."""

import random
import re

GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,36}")


def id_of(given: str) -> str:
    """Return the id of a request: the proxy's `X-Request-Id` where it has the form of one, else a new one. It names a
    request and protects nothing, so chance of the quick kind will do."""
    return given if given and GIVEN_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"  # noqa: S311
