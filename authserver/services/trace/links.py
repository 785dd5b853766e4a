"""Where a person reads what happened in one request and those around it."""

from django.conf import settings

from authserver.services import events


def error_uri(request_id: str = "") -> str:
    """Return the address that an error answer names, for the request of this id or the current one. Ids consist of
    letters, digits and hyphens, so it needs no escaping.

    Obeys: RFC 6749 §4.1.2.1, §5.2 (`error_uri`).
    """
    return f"{settings.ISSUER}{path_of(request_id or events.current_request.get().request_id)}"


def path_of(request_id: str) -> str:
    """Return the path of the page on this server."""
    return f"/attempts/{request_id}"
