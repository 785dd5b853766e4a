"""What a sign-in page knows about the connection that a person is on the way to."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from allauth.account.utils import get_next_redirect_url
from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string


@dataclass(frozen=True)
class Flow:
    """The client's name to show, and the origin its answer goes to, which `form-action` has to name."""

    client_name: str
    redirect_origin: str


def onward(following: str | None) -> str:
    """Return the query that carries `next` along, or nothing where nothing follows."""
    return f"?{urlencode({'next': following})}" if following else ""


def of(request: HttpRequest) -> Flow | None:
    """Return the flow that this page belongs to, or None where `next` leads nowhere in particular.

    It is read out of `next` each time: nothing is kept, so two tabs never show each other's client. The floor above
    names the reader in `settings.FLOW_READER`, because accounts know nothing of authorization.
    """
    following = get_next_redirect_url(request)
    if not following:
        return None
    read: Callable[[str], tuple[str, str] | None] = import_string(settings.FLOW_READER)
    found = read(following)
    return Flow(*found) if found else None
