"""Sessions in the database: asked for only by keys that we could have made, and at home under a new SECRET_KEY at once.

Django itself gives a session that a former SECRET_KEY signed another session key at its next request. That would sign
people out: django-allauth looks at all sessions of a person wherever one of them begins, and each look would move the
session away from the browser that holds its key. So a session keeps its key here, and only its signatures change.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends import db
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils.crypto import constant_time_compare

from accounts.models import User


class SessionStore(db.SessionStore):
    """A cookie may hold anything, a NUL too, at which PostgreSQL fails the query; such a key is no session's."""

    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and len(key) >= 8 and key.isascii() and key.isalnum()

    def load(self) -> dict[str, Any]:
        """Return what the session holds; where a former SECRET_KEY signed it, it is saved anew after this request."""
        row = self._get_session_from_db()  # type: ignore[attr-defined]
        if not row:
            return {}
        if settings.SECRET_KEY_FALLBACKS and place_of(row.session_data):
            self.modified = True
            return self.content_of(row.session_data)
        return self.decode(row.session_data)

    def content_of(self, session_data: str) -> dict[str, Any]:
        """Return what a session holds that a former SECRET_KEY signed, with the hash of its person as today's makes
        it."""
        content: dict[str, Any] = self.decode(session_data)
        known, person = content.get(HASH_SESSION_KEY), _person_of(content)
        if (
            person
            and known
            and any(constant_time_compare(known, old) for old in person.get_session_auth_fallback_hash())
        ):
            content[HASH_SESSION_KEY] = person.get_session_auth_hash()
        return content


def place_of(session_data: str) -> int | None:
    """Return which key signed a session: 0 for SECRET_KEY, n for the n-th of its fallbacks, None for another."""
    salt = SessionStore().key_salt
    for place, key in enumerate((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)):
        try:
            signing.TimestampSigner(key=key, fallback_keys=[], salt=salt).unsign(session_data)  # type: ignore[arg-type]
        except signing.BadSignature:
            continue
        return place
    return None


def renewed(session_data: str) -> str:
    """Return a session that a former SECRET_KEY signed as today's signs it."""
    store = SessionStore()
    return store.encode(store.content_of(session_data))


def _person_of(content: dict[str, Any]) -> User | None:
    try:
        return User.objects.filter(pk=str(content.get(SESSION_KEY, ""))).first()
    except ValidationError:  # nobody's session
        return None
