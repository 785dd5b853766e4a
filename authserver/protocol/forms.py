"""The body of a form, read strictly, whoever brought it here."""

from authserver import policy
from authserver.protocol import parameters
from authserver.protocol.errors import Refusal
from authserver.protocol.parameters import Parameters

FORM = "application/x-www-form-urlencoded"


def read(content_type: str, body: bytes) -> Parameters | Refusal:
    """Return the form parameters of a POST, or invalid_request. `content_type` is the header as it came.

    Obeys: RFC 6749 §3.2 and appendix B.
    """
    if content_type.partition(";")[0].strip().lower() != FORM:
        return Refusal("invalid_request", f"Send the parameters as {FORM}.", "form:content_type")
    if len(body) > policy.FORM_BODY_BYTES_MAX:
        return Refusal("invalid_request", "The request body is too large.", "form:too_large")
    try:
        return parameters.parse(body.decode("ascii"))
    except UnicodeDecodeError:
        return Refusal("invalid_request", "The request body is not urlencoded.", "form:unreadable")
