"""What a client says of itself, read into what we register. Negotiated, not judged: what we cannot serve is dropped,
and the client is kept while one redirect URI and the code grant remain.

Obeys: RFC 7591 §2 (unknown members ignored, values may be replaced), §3.2.2 (error codes).
Departs: RFC 7591 §2 makes `client_secret_basic` the method of a client that names none; it is registered as `none`
here and told so, because such clients are installed apps that can keep no secret.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from authserver import policy
from authserver.protocol import names, redirects, signing_keys
from authserver.protocol.errors import Refusal
from authserver.protocol.signing_keys import Keys

AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")
SIGNED = "private_key_jwt"
NO_KEYS = Keys()
# What is compared apart (the ports of redirect URIs, the keys), or not at all: `scope` limits nothing.
KEYLESS = {"redirect_uris", "scope", "keys"}
Json = dict[str, Any]


@dataclass(frozen=True)
class ClientMetadata:
    """A client's own words, normalized. Everything in it is untrusted."""

    name: str
    redirect_uris: tuple[str, ...]
    auth_method: str
    may_refresh: bool
    scope: str
    website_url: str
    policy_url: str
    terms_url: str
    software_id: str
    software_version: str
    keys: Keys = NO_KEYS

    @cached_property
    def registration_key(self) -> str:
        """What two registrations share if they say the same of themselves, so that one row serves both."""
        named = [getattr(self, member.name) for member in fields(self) if member.name not in KEYLESS]
        return _digest([*named, self.keys.jwks, self.keys.uri, _without_ports(self.redirect_uris)])

    @classmethod
    def of_callback(cls, redirect_uri: str) -> "ClientMetadata":
        """Return what is known of a client of which nothing but a callback is known: it is named by that host."""
        host = redirects.destination(redirect_uri).host
        return cls(host, (redirect_uri,), "none", True, "", "", "", "", "", "")


def _invalid(what: str) -> Refusal:
    return Refusal("invalid_client_metadata", f"The member {what} has a value of the wrong form.", f"metadata:{what}")


NOT_JSON = Refusal("invalid_client_metadata", "The body is not JSON, or is too large.", "metadata:not_json")


def decoded(raw: bytes) -> object:
    """Return the value of a JSON body whose size and depth are within bounds, or NOT_JSON."""
    if len(raw) > policy.REGISTRATION_BODY_BYTES_MAX:
        return NOT_JSON
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return NOT_JSON


def parse(body: object, *, any_port: bool = False) -> ClientMetadata | Refusal:
    """Return the metadata of a registration request's JSON body, or the RFC 7591 error. `any_port` is for keys on this
    machine, in development."""
    if not isinstance(body, dict):
        return Refusal("invalid_client_metadata", "The body is not a JSON object.", "metadata:not_an_object")
    wrong = _wrong_type(body)
    if wrong:
        return _invalid(wrong)
    redirect_uris = _redirect_uris(body)
    if isinstance(redirect_uris, Refusal):
        return redirect_uris
    name = names.clean(body.get("client_name") or "")
    if problem := names.problem_with(name):
        return Refusal("invalid_client_metadata", problem, "metadata:look_alike")
    grants = body.get("grant_types")
    if grants is not None and "authorization_code" not in grants:
        return _unsupported("grant_types", "authorization_code")
    responses = body.get("response_types")
    if responses is not None and "code" not in responses:
        return _unsupported("response_types", "code")
    keys = signing_keys.named_by(body, any_port=any_port) if _wants_to_sign(body) else NO_KEYS
    if isinstance(keys, Refusal):
        return keys
    return ClientMetadata(
        name=name,
        redirect_uris=redirect_uris,
        auth_method=SIGNED if keys else _auth_method(body),
        keys=keys,
        may_refresh=grants is None or "refresh_token" in grants,
        scope=body.get("scope") or "",
        website_url=_web_address(body.get("client_uri")),
        policy_url=_web_address(body.get("policy_uri")),
        terms_url=_web_address(body.get("tos_uri")),
        software_id=(body.get("software_id") or "")[:255],
        software_version=(body.get("software_version") or "")[:255],
    )


def _unsupported(member: str, needed: str) -> Refusal:
    return Refusal("invalid_client_metadata", f"{member} must include {needed}.", f"metadata:{member}_without_{needed}")


TEXTS = (
    "client_name scope client_uri policy_uri tos_uri software_id software_version token_endpoint_auth_method".split()
)
LISTS = ("grant_types", "response_types")


def _wrong_type(body: Json) -> str | None:
    """Return the first member that is neither of its type nor null, which counts as left out."""
    for name in TEXTS:
        value = body.get(name)
        if value is not None and (not isinstance(value, str) or "\x00" in value or not _is_text(value)):
            return name
    for name in LISTS:
        value = body.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            return name
    return None


def _is_text(value: str) -> bool:
    """Tell whether the value can be stored: JSON may carry half a surrogate pair, which is no character."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _redirect_uris(body: Json) -> tuple[str, ...] | Refusal:
    """Return the registrable redirect URIs, each once, in order; the first problem where none remains."""
    uris = body.get("redirect_uris")
    if not isinstance(uris, list) or not uris or not all(isinstance(uri, str) for uri in uris):
        return Refusal(
            "invalid_redirect_uri", "redirect_uris must be a list of one or more URIs.", "redirect_uris:missing"
        )
    if len(uris) > policy.REDIRECT_URIS_MAX:
        return Refusal(
            "invalid_redirect_uri",
            f"No more than {policy.REDIRECT_URIS_MAX} redirect URIs can be registered.",
            "redirect_uris:too_many",
        )
    problems = {uri: redirects.problem_with(uri) for uri in uris}
    usable = tuple(uri for uri, problem in problems.items() if problem is None)
    if not usable:
        return Refusal("invalid_redirect_uri", str(problems[uris[0]]), "redirect_uris:none_usable")
    return usable


def _wants_to_sign(body: Json) -> bool:
    return body.get("token_endpoint_auth_method") == SIGNED


def _auth_method(body: Json) -> str:
    method = body.get("token_endpoint_auth_method")
    return method if method in AUTH_METHODS else "none"


def _web_address(value: str | None) -> str:
    """Return an https address that may be shown as a link, or nothing."""
    if not value or len(value) > policy.METADATA_URL_LENGTH_MAX or not redirects.URI_CHARACTERS.fullmatch(value):
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme == "https" and parts.hostname and "@" not in parts.netloc else ""


def _without_ports(uris: tuple[str, ...]) -> list[str]:
    """Return the redirect URIs in order, the ports of those on this computer left out: they vary from run to run."""
    return sorted(redirects.without_port(uri) if redirects.is_loopback(uri) else uri for uri in uris)


def _digest(content: list[object]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def fingerprint(metadata: ClientMetadata) -> str:
    """Return what all registrations of one product share, whatever their callback's path or their version: its name
    and the origins it returns to. It identifies a product only as far as those hosts are its own."""
    origins = sorted({redirects.origin(uri) for uri in _without_ports(metadata.redirect_uris)})
    return _digest([metadata.name, origins, metadata.software_id])
