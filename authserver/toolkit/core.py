"""Between Django's requests and oauthlib's: strict reading, one transaction around what is decided."""

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauthlib.common import urlencode

from authserver import policy
from authserver.protocol import parameters
from authserver.protocol.errors import Refusal, Refused

FORM = "application/x-www-form-urlencoded"


def form_of(request: HttpRequest) -> parameters.Parameters:
    """Return the form parameters of a POST.

    Obeys:   RFC 6749 §3.2 and appendix B. Raises Refused with invalid_request on any other body.
    """
    if request.content_type != FORM:
        raise Refused(Refusal("invalid_request", f"Send the parameters as {FORM}.", "form:content_type"))
    if len(request.body) > policy.FORM_BODY_BYTES_MAX:
        raise Refused(Refusal("invalid_request", "The request body is too large.", "form:too_large"))
    try:
        read = parameters.parse(request.body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise Refused(Refusal("invalid_request", "The request body is not urlencoded.", "form:not_ascii")) from error
    if isinstance(read, Refusal):
        raise Refused(read)
    return read


class Core(OAuthLibCore):
    """django-oauth-toolkit's adapter with the reading replaced: no query string, no last-value-wins."""

    def _extract_params(self, request: HttpRequest) -> tuple[str, str, str, dict[str, str]]:
        body = urlencode(form_of(request).items())
        headers = {"Content-Type": FORM, "Authorization": request.headers.get("Authorization", "")}
        return settings.ISSUER + request.path, request.method or "POST", body, headers

    def create_token_response(self, request: HttpRequest) -> tuple[str | None, dict[str, str], str, int]:
        """Answer a token request in one transaction. Errors are returned, not raised, so that what a refusal wrote
        (a replay ends its connection) is kept."""
        with transaction.atomic():
            return super().create_token_response(request)
