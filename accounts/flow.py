"""What a sign-in page knows about the connection that a person is on the way to."""

from dataclasses import dataclass

from allauth.account.utils import get_next_redirect_url
from django.http import HttpRequest

AUTHORIZE_PATH = "/oauth/authorize"
SESSION_KEY = "flow"


@dataclass(frozen=True)
class Flow:
    """The client's name to show (empty where it is not known), and the origin that its answer goes to."""

    client_name: str = ""
    redirect_origin: str | None = None


def of(request: HttpRequest) -> Flow | None:
    """Return the flow that this page belongs to, or None where `next` does not lead back to the authorize door."""
    following = get_next_redirect_url(request) or ""
    if following.partition("?")[0] != AUTHORIZE_PATH:
        return None
    noted = request.session.get(SESSION_KEY) or {}
    return Flow(noted.get("client_name", ""), noted.get("redirect_origin"))
