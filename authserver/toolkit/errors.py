"""What oauthlib says no with, and the refusal of ours that it comes to."""

import re

from oauthlib.common import Request
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from authserver.protocol.errors import Refusal

WORD_BEGINS = re.compile(r"(?<!^)(?=[A-Z])")
NOT_DESCRIPTION = re.compile(r"[^\x20\x21\x23-\x5B\x5D-\x7E]")  # RFC 6749 §5.2
SENTENCES = {
    "unauthorized_client": "This client may not make this request.",
    "unsupported_response_type": "Only response_type code is supported.",
    "invalid_scope": "None of the scopes can be granted.",
}
FATAL = {
    "InvalidClientIdError": Refusal("invalid_client", "This client is not known here.", "client:unknown"),
    "MismatchingRedirectURIError": Refusal(
        "invalid_redirect_uri", "The redirect URI is not one that this client registered.", "redirect:mismatch"
    ),
}


class RefusedError(OAuth2Error):
    """A refusal of ours on its way through oauthlib, which reports errors by raising and keeps no private reason.

    Give it the request once the redirect URI was checked: then, and only then, the error goes to the client. Whoever
    answers counts and logs it, once.
    """

    def __init__(self, refusal: Refusal, request: Request | None = None) -> None:
        self.error = refusal.code
        self.refusal = refusal
        super().__init__(description=refusal.description, status_code=refusal.status, request=request)


def refusal_of(error: OAuth2Error, *, subject: str) -> Refusal:
    """Return our refusal for an error of oauthlib's, whoever raised it. Its own words may repeat what was sent."""
    if isinstance(error, RefusedError):
        return error.refusal
    name = type(error).__name__
    code = error.error or "invalid_request"
    sentence = SENTENCES.get(code) or NOT_DESCRIPTION.sub("", error.description or "") or "The request was refused."
    # The name is oauthlib's own: MissingCodeChallengeError is authorize:missing_code_challenge.
    reason = f"{subject}:{WORD_BEGINS.sub('_', name.removesuffix('Error')).lower()}"
    return FATAL.get(name) or Refusal(code, sentence, reason)
