"""Between Django's requests and oauthlib's: strict reading, one transaction around what is decided."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, UnreadablePostError
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauthlib.common import urlencode

from authserver import policy
from authserver.protocol import parameters
from authserver.protocol.errors import Refusal, Refused

# What oauthlib gets to see. It answers attribute look-ups on a request from the request's parameters, so that a
# parameter of any other name could stand in for a mark of ours or of oauthlib's own.
KNOWN = frozenset(
    "client_assertion client_assertion_type client_id client_secret code code_challenge code_challenge_method "
    "code_verifier grant_type redirect_uri refresh_token request request_uri resource response_mode response_type "
    "scope token token_type_hint".split()
)


def known(read: parameters.Parameters) -> list[tuple[str, str]]:
    """Return the parameters that oauthlib is to see."""
    return [(name, value) for name, value in read.items() if name in KNOWN]


def form_of(request: HttpRequest) -> parameters.Parameters:
    """Return the form parameters of a POST.

    Obeys:   RFC 6749 §3.2 and appendix B. Raises Refused with invalid_request on any other body.
    """
    try:
        body = request.body
    except RequestDataTooBig:
        body = b" " * (policy.FORM_BODY_BYTES_MAX + 1)
    except (UnreadablePostError, ValueError) as error:  # ValueError: a length that is no number
        raise Refused(Refusal("invalid_request", "The request body is not urlencoded.", "form:unreadable")) from error
    read = parameters.read_form(request.headers.get("Content-Type", ""), body)
    if isinstance(read, Refusal):
        raise Refused(read)
    return read


class Core(OAuthLibCore):
    """django-oauth-toolkit's adapter with the reading replaced: no query string, no last-value-wins."""

    def _extract_params(self, request: HttpRequest) -> tuple[str, str, str, dict[str, str]]:
        body = urlencode(known(form_of(request)))
        headers = {"Content-Type": parameters.FORM, "Authorization": request.headers.get("Authorization", "")}
        return settings.ISSUER + request.path, request.method or "POST", body, headers

    def create_revocation_response(self, request: HttpRequest) -> tuple[str | None, dict[str, str], str, int]:
        """Answer in one transaction. Raises Refused after its end, so that what a refusal wrote is kept."""
        with transaction.atomic():
            try:
                return super().create_revocation_response(request)
            except Refused as no:
                refused = no
        raise refused
