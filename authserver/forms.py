"""The consent form: what a person posted, and the request it answers, which rides signed."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.http import QueryDict

from accounts.models import User
from authserver import policy

SALT = "authserver.consent"


@dataclass(frozen=True)
class SignedRequest:
    """The authorization request that a consent page was shown for: its query string, to whom, and the page's id."""

    query: str
    user_id: str
    consent_id: uuid.UUID
    is_expired: bool = False


def sign(query: str, user: User) -> str:
    """Return the hidden field of a consent page. Nothing is stored before Allow, so two tabs never meet."""
    content = {"q": query, "u": str(user.pk), "c": str(uuid.uuid4())}
    return signing.dumps(content, salt=SALT, compress=True)


def read(text: str) -> SignedRequest | None:
    """Return the request that this hidden field carries, or None where we did not sign it."""
    try:
        content: dict[str, Any] = signing.loads(text, salt=SALT)
    except signing.BadSignature:
        return None
    try:
        signing.loads(text, salt=SALT, max_age=policy.CONSENT_FORM_LIFETIME)
        expired = False
    except signing.SignatureExpired:
        expired = True
    return SignedRequest(content["q"], content["u"], uuid.UUID(content["c"]), expired)


@dataclass(frozen=True)
class Choice:
    """What a person chose on the consent page. `decision` is allow, cancel, or nothing we offered."""

    decision: str
    handle: str
    ticked: frozenset[str]

    @classmethod
    def of(cls, form: QueryDict) -> "Choice":
        return cls(form.get("decision", ""), form.get("handle", ""), frozenset(form.getlist("scope")))
