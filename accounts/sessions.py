"""Sessions in the database, asked for only by keys that we could have made."""

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """A cookie may hold anything, a NUL too, at which PostgreSQL fails the query; such a key is no session's."""

    def _validate_session_key(self, key: str | None) -> bool:
        return key is not None and len(key) >= 8 and key.isascii() and key.isalnum()
