"""The protocol endpoints as functions: a request in, an answer or a refusal out."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.oauth2_backends import get_oauthlib_core
from oauthlib.oauth2.rfc6749.errors import FatalClientError, OAuth2Error

from authserver.models import Client
from authserver.protocol import client_ids, redirects
from authserver.protocol.errors import Refusal
from authserver.protocol.parameters import Parameters
from authserver.protocol.resources import Target
from authserver.services import assertions, clients, documents, registration
from authserver.toolkit.core import form_of, known
from authserver.toolkit.errors import refusal_of

ADOPTABLE_ID = re.compile(r"[A-Za-z0-9._~-]{8,128}")


@dataclass(frozen=True)
class AuthorizationRequest:
    """A valid authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2)."""

    client: Client
    redirect_uri: str
    state: str
    wanted: tuple[str, ...]
    named_scopes: bool
    target: Target
    code_challenge: str
    prompts: frozenset[str]
    login_hint: str


@dataclass(frozen=True)
class FailedRequest:
    """An authorization request that is refused: at `redirect_uri`, or, where that is empty, on a page of ours because
    the client or its redirect URI is not to be trusted (RFC 6749 §4.1.2.1)."""

    refusal: Refusal
    client: Client | None = None
    redirect_uri: str = ""
    state: str = ""
    document_url: str = ""


def read_authorization(parameters: Parameters, *, may_fetch: bool) -> AuthorizationRequest | FailedRequest:
    """Check an authorization request. Changes nothing but what is known of the client, and that only where `may_fetch`
    lets its document be fetched; so the same request may come any number of times."""
    client = _client_of(parameters, may_fetch=may_fetch)
    if isinstance(client, Refusal):
        return FailedRequest(client, document_url=parameters.get("client_id") or "")
    state = parameters.get("state") or ""
    uri = f"{settings.ISSUER}/oauth/authorize?{urlencode(known(parameters))}"
    try:
        wanted, checked = get_oauthlib_core().server.validate_authorization_request(uri, http_method="GET")
    except FatalClientError as error:
        return FailedRequest(refusal_of(error, subject="authorize"), client)
    except OAuth2Error as error:
        return FailedRequest(refusal_of(error, subject="authorize"), client, error.redirect_uri or "", state)
    return AuthorizationRequest(
        client=checked["request"].client,
        redirect_uri=checked["redirect_uri"],
        state=state,
        wanted=tuple(wanted),
        named_scopes=bool((parameters.get("scope") or "").split()),
        target=checked["target"],
        code_challenge=checked["code_challenge"],
        prompts=frozenset((parameters.get("prompt") or "").split()),
        login_hint=parameters.get("login_hint") or "",
    )


def _client_of(parameters: Parameters, *, may_fetch: bool) -> Client | Refusal | None:
    """Return the client of an authorization request. One that is unknown here is taken in by the document at its id,
    or only where an administrator named its callback's host (settings.ADOPT_UNKNOWN_CLIENTS_FROM)."""
    client_id, redirect_uri = parameters.get("client_id") or "", parameters.get("redirect_uri") or ""
    if may_fetch and client_ids.is_address(client_id):
        return documents.resolve(client_id, now=timezone.now())
    client = clients.find(client_id)
    if client or not ADOPTABLE_ID.fullmatch(client_id) or redirects.problem_with(redirect_uri):
        return client
    there = redirects.destination(redirect_uri)
    if there.kind != "https" or there.host not in settings.ADOPT_UNKNOWN_CLIENTS_FROM:
        return None
    return registration.adopt(client_id, redirect_uri)


def revoke(request: HttpRequest) -> None:
    """End the connection of a token (RFC 7009 §2). Raises Refused."""
    assertions.renew_keys(form_of(request).get("client_assertion"), now=timezone.now())
    get_oauthlib_core().create_revocation_response(request)
