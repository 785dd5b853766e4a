"""What was found out about an endpoint, step by step, and the rules that judge its answers.

Pure: no network, no rows. A finding carries a reason from the list below and the facts that belong into its sentence;
`services/endpoints/words.py` says cause and fix in the reader's language.

Obeys: RFC 9728 §3.1 (where the metadata is), §3.3 (`resource` is compared byte by byte), §5.1 (the challenge names
the metadata); RFC 8414 §3.3 and RFC 9207 §2.4 (issuers are compared byte by byte).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

WELL_KNOWN = "/.well-known/oauth-protected-resource"
VALUE_LENGTH_MAX = 300  # of what an endpoint said, as far as a page repeats it
BEARER = re.compile(r"(?:^|[\s,])bearer(?:[\s,]|$)", re.IGNORECASE)
METADATA_PARAMETER = re.compile(r'resource_metadata\s*=\s*(?:"([^"]*)"|([^\s",]+))', re.IGNORECASE)

NAME = "name"  # the host name leads to an address
CONNECTION = "connection"  # somebody listens there, and proves to be that host
METADATA = "metadata"  # the document that leads clients to us
CHALLENGE = "challenge"  # a request without a credential is sent to that document
STEPS = (NAME, CONNECTION, METADATA, CHALLENGE)


@dataclass(frozen=True)
class Finding:
    """One step of a check: whether it went well, why not, and what belongs into the sentence about it."""

    step: str
    ok: bool
    reason: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered. Header names in lower case; of several headers of one name, all values."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def fault(step: str, reason: str, **facts: str) -> Finding:
    return Finding(step, False, reason, {name: clip(value) for name, value in facts.items()})


def clip(text: str) -> str:
    """Return a foreign text as far as a page repeats it, on one line of printable characters."""
    return "".join(character if character.isprintable() else "?" for character in text[:VALUE_LENGTH_MAX])


def metadata_url(resource: str) -> str:
    """Return where the metadata of a resource is: the well-known path goes between host and path."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path}"


def judge_metadata(answer: Answer, *, resource: str, issuer: str) -> Finding:
    """Tell whether this answer, given at `metadata_url(resource)`, leads clients to `issuer`."""
    url = metadata_url(resource)
    if 300 <= answer.status < 400:
        return fault(METADATA, "metadata_redirect", url=url, status=str(answer.status))
    if answer.status != 200:
        return fault(METADATA, "metadata_status", url=url, status=str(answer.status))
    document = _object_in(answer.body)
    if document is None:
        return fault(METADATA, "metadata_not_json", url=url, kind=answer.headers.get("content-type", "?"))
    told = document.get("resource")
    if told != resource:
        return fault(METADATA, "resource_differs", expected=resource, told=_shown(told))
    return _judge_issuer(document.get("authorization_servers"), issuer)


def _judge_issuer(told: object, issuer: str) -> Finding:
    servers = told if isinstance(told, list) else []
    if not servers:
        return fault(METADATA, "issuer_missing", expected=issuer)
    if servers[0] == issuer:
        return Finding(METADATA, True, "metadata_good")
    # Several clients read only the first.
    return fault(
        METADATA,
        "issuer_not_first" if issuer in servers else "issuer_differs",
        expected=issuer,
        told=_shown(servers[0]),
    )


def _object_in(body: bytes) -> dict[str, object] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _shown(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def judge_challenge(answer: Answer, *, resource: str) -> Finding:
    """Tell whether this answer to a request without a credential shows clients the way to the metadata."""
    if 200 <= answer.status < 300:
        return fault(CHALLENGE, "open", url=resource, status=str(answer.status))
    if answer.status != 401:
        return fault(CHALLENGE, "challenge_status", url=resource, status=str(answer.status))
    header = answer.headers.get("www-authenticate", "")
    named = METADATA_PARAMETER.search(header) if BEARER.search(header) else None
    if named is None:
        return fault(CHALLENGE, "challenge_missing", url=resource, expected=metadata_url(resource))
    told = named[1] if named[1] is not None else named[2]
    if told != metadata_url(resource):
        return fault(CHALLENGE, "challenge_elsewhere", expected=metadata_url(resource), told=told)
    return Finding(CHALLENGE, True, "challenge_good")
