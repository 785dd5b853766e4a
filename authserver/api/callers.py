"""Who calls the control-plane API: a person signed in on our pages, or a program with a personal access token."""

from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import User
from authserver import policy
from authserver.authentication import bearer_of
from authserver.models import PersonalAccessToken
from authserver.protocol.control.problems import CHALLENGE, Kind, Problem, Stopped
from authserver.protocol.control.scopes import ControlScope
from authserver.protocol.errors import Refusal
from authserver.services import personal_tokens

NOT_HERE = "Send a personal access token (pat_…) of this handle; MCP clients have no place here."


class TokenCaller(BaseAuthentication):
    """A personal access token as bearer (RFC 6750 §2.1). A request that carries any other authorization is refused:
    it never falls back on the session beside it."""

    def authenticate(self, request: Request) -> tuple[User, PersonalAccessToken] | None:
        if "Authorization" not in request.headers:
            return None
        bearer = bearer_of(request) or ""
        if bearer.startswith(policy.ACCESS_TOKEN_PREFIX):
            raise Stopped(Problem(Kind.BRIDGE_CREDENTIAL, NOT_HERE))
        found = personal_tokens.authenticate(bearer, now=timezone.now())
        if isinstance(found, Refusal):
            raise Stopped(Problem(Kind.BAD_TOKEN, "It is unknown, malformed, expired or revoked."))
        return found.user, found

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class SessionCaller(SessionAuthentication):
    """A person's session. What changes something has to prove that it comes from our own pages, as a form does."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            detail = "Send the csrf_token of /api/v1/me as X-CSRFToken, from this origin."
            raise Stopped(Problem(Kind.BAD_CSRF, detail)) from error


CALLERS = [TokenCaller, SessionCaller]


class MayCall(BasePermission):
    """Signed in; and with a token, only what the view's `scopes` name for the method, if the token carries it.

    Whether the role still reaches it is asked where the handle is looked up: there the answer is that nothing is there.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.user is None:
            raise Stopped(Problem(Kind.UNAUTHENTICATED))
        needed = scope_needed(view, request.method or "")
        if request.auth is not None and needed and needed.value not in request.auth.scope_list:
            raise Stopped(Problem(Kind.MISSING_SCOPE, f"It needs {needed.value}.", scope=needed.value))
        return True


def scope_needed(view: Any, method: str) -> ControlScope | None:
    """Return the scope that a token needs for this method of this view; None where every token will do."""
    scopes: dict[str, ControlScope] = getattr(view, "scopes", {})
    return scopes.get("GET" if method == "HEAD" else method)
