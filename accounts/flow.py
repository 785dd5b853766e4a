"""What a sign-in page knows about the connection that a person is on the way to."""

from dataclasses import dataclass

from allauth.account.utils import get_next_redirect_url
from django.http import HttpRequest

AUTHORIZE_PATH = "/oauth/authorize"
SESSION_KEY = "flow"


@dataclass(frozen=True)
class Flow:
    """The client's name to show, and the origin its answer goes to (None where the authorize door named none)."""

    client_name: str
    redirect_origin: str | None


def of(request: HttpRequest) -> Flow | None:
    """Return the flow that this page belongs to, or None where `next` does not lead back to the authorize door."""
    following = get_next_redirect_url(request) or ""
    noted = request.session.get(SESSION_KEY)
    if following.partition("?")[0] != AUTHORIZE_PATH or not noted:
        return None
    return Flow(client_name=noted["client_name"], redirect_origin=noted.get("redirect_origin"))
