"""What a secret looks like, and text without any: the last resort, where something went out that should not have."""

import re

from authserver import policy

PREFIXES = (
    policy.ACCESS_TOKEN_PREFIX,
    policy.REFRESH_TOKEN_PREFIX,
    policy.PERSONAL_ACCESS_TOKEN_PREFIX,
    policy.RESOURCE_SERVER_SECRET_PREFIX,
    policy.CLIENT_SECRET_PREFIX,
    policy.REGISTRATION_TOKEN_PREFIX,
    policy.INITIAL_ACCESS_TOKEN_PREFIX,
    policy.INVITATION_PREFIX,
)
SECRET = re.compile(rf"({'|'.join(PREFIXES)})[0-9A-Za-z]{{16,}}")
AUTHORIZATION = re.compile(r"\b(Bearer|Basic) [A-Za-z0-9+/=._~-]{8,}")
MAILBOX = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
HIDDEN = "[hidden]"


def without_secrets(text: str) -> str:
    """Return the text with every secret of ours, and every Authorization header's value, hidden."""
    return AUTHORIZATION.sub(rf"\1 {HIDDEN}", SECRET.sub(rf"\1{HIDDEN}", text))


def without_people(text: str) -> str:
    """Return the text without secrets and without e-mail addresses."""
    return MAILBOX.sub(HIDDEN, without_secrets(text))
