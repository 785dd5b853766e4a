"""The bodies of the endpoints for security events: stream, verification, poll. Members that we do not know are passed
over; one of the wrong type refuses the request."""

import json
from dataclasses import dataclass
from typing import Any

from authserver import policy
from authserver.protocol import resources
from authserver.protocol.errors import Refusal

PUSH = "urn:ietf:rfc:8935"
POLL = "urn:ietf:rfc:8936"
Json = dict[str, Any]


@dataclass(frozen=True)
class StreamRequest:
    """How a resource server wants to be told. `endpoint_url` is canonical, and empty where it polls."""

    method: str
    endpoint_url: str = ""


@dataclass(frozen=True)
class VerificationRequest:
    stream_id: str
    state: str | None = None


@dataclass(frozen=True)
class PollRequest:
    """What was heard (`acknowledged`), what was heard and not understood (`errors`, our jti to its code), and how many
    more are wanted."""

    events_max: int = policy.EVENTS_PER_POLL_MAX
    acknowledged: tuple[str, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()


def _wrong(description: str, reason: str) -> Refusal:
    return Refusal("invalid_request", description, f"security_events:{reason}")


def body_of(raw: bytes) -> Json | Refusal:
    """Return the JSON object that a body holds. A member that comes twice refuses it: two readers could differ."""
    try:
        content = json.loads(raw, object_pairs_hook=_members, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return _wrong("The body is not JSON, or is too deep, or names a member twice.", "not_json")
    return content if isinstance(content, dict) else _wrong("The body is not a JSON object.", "not_an_object")


def _members(pairs: list[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON


def stream(body: Json) -> StreamRequest | Refusal:
    """Return how a stream is to be delivered. Obeys: SSF 1.0 §8.1.1.1, RFC 8935, RFC 8936."""
    delivery = body.get("delivery")
    if not isinstance(delivery, dict) or delivery.get("method") not in (PUSH, POLL):
        return _wrong("delivery.method has to be urn:ietf:rfc:8935 or urn:ietf:rfc:8936.", "method")
    if delivery["method"] == POLL:
        return StreamRequest(POLL)
    address = delivery.get("endpoint_url")
    canonical = resources.canonical(address) if isinstance(address, str) else None
    if canonical is None:
        return _wrong("delivery.endpoint_url has to be an absolute address without query or fragment.", "endpoint_url")
    return StreamRequest(PUSH, canonical)


def verification(body: Json) -> VerificationRequest | Refusal:
    """Return which stream is to be verified, with which words. Obeys: SSF 1.0 §8.1.4.2."""
    stream_id, state = body.get("stream_id"), body.get("state")
    if not isinstance(stream_id, str):
        return _wrong("stream_id is missing.", "stream_id")
    if state is not None and not _is_short(state, policy.VERIFICATION_STATE_LENGTH_MAX):
        return _wrong("state has to be a string of no more than 200 characters.", "state")
    return VerificationRequest(stream_id, state)


def poll(body: Json) -> PollRequest | Refusal:
    """Return what a poll says. Obeys: RFC 8936 §2.2 (members), §2.4 (acknowledgement), §2.6 (errors)."""
    events_max = body.get("maxEvents", policy.EVENTS_PER_POLL_MAX)
    if not isinstance(events_max, int) or isinstance(events_max, bool) or events_max < 0:
        return _wrong("maxEvents has to be a number, 0 or more.", "max_events")
    if not isinstance(body.get("returnImmediately", True), bool):
        return _wrong("returnImmediately has to be true or false.", "return_immediately")
    acknowledged, errors = body.get("ack", []), body.get("setErrs", {})
    if not isinstance(acknowledged, list) or not all(_is_short(jti, 64) for jti in acknowledged):
        return _wrong("ack has to be a list of jti.", "ack")
    if not isinstance(errors, dict) or not all(isinstance(each, dict) for each in errors.values()):
        return _wrong("setErrs has to be an object of objects.", "set_errs")
    if len(acknowledged) + len(errors) > policy.EVENT_ACKNOWLEDGEMENTS_MAX:
        return _wrong("That is too many acknowledgements for one poll.", "too_many")
    told = tuple((jti, error_code(error.get("err"))) for jti, error in errors.items())
    return PollRequest(min(events_max, policy.EVENTS_PER_POLL_MAX), tuple(acknowledged), told)


# RFC 8935 §2.4; nothing else that a receiver writes is kept.
ERROR_CODES = frozenset(
    "invalid_request invalid_key invalid_issuer invalid_audience authentication_failed access_denied".split()
)


def error_code(told: object) -> str:
    return told if isinstance(told, str) and told in ERROR_CODES else "other"


def _is_short(value: object, length_max: int) -> bool:
    return isinstance(value, str) and len(value) <= length_max and "\x00" not in value
