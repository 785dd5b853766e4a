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
    """The authorization request that a consent page was shown for: its query string, to whom, the page's id, and the
    version of the endpoint's tools that it showed."""

    query: str
    user_id: str
    consent_id: uuid.UUID
    is_expired: bool = False
    tools_version: int = 0


def sign(query: str, user: User, *, tools_version: int = 0) -> str:
    """Return the hidden field of a consent page. Nothing is stored before Allow, so two tabs never meet."""
    content = {"q": query, "u": str(user.pk), "c": str(uuid.uuid4()), "t": tools_version}
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
    return SignedRequest(content["q"], content["u"], uuid.UUID(content["c"]), expired, content.get("t", 0))


@dataclass(frozen=True)
class Choice:
    """What a person chose on the consent page. `decision` is allow, cancel, or nothing we offered; with a `preset`, or
    a search for a handle, the page comes back as it was chosen so far."""

    decision: str
    handle: str
    ticked: frozenset[str]
    preset: str = ""
    search: str = ""
    is_search: bool = False

    @property
    def is_decided(self) -> bool:
        return not self.preset and not self.is_search

    @classmethod
    def of(cls, form: QueryDict) -> "Choice":
        return cls(
            decision=form.get("decision", ""),
            handle=form.get("handle", ""),
            ticked=frozenset(form.getlist("scope")),
            preset=form.get("preset", ""),
            search=form.get("q", "").replace("\x00", "").strip()[: policy.HANDLE_SEARCH_LENGTH_MAX],
            is_search="find" in form,
        )
