"""A client ID metadata document, read into what we keep of the client. Negotiated like a registration: what we cannot
serve is dropped, and the client is kept while one method, the code grant and one redirect URI remain.

Obeys: CIMD §4 (client_id, no shared secret, no private key), §4.1 (unknown members ignored); RFC 7591 §2.
Departs: RFC 7591 §2 has `client_secret_basic` as the method of a client that names none; a document cannot have a
secret, so it is `none`.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from authserver import policy
from authserver.protocol import client_metadata, signing_keys
from authserver.protocol.client_metadata import NO_KEYS, SIGNED, ClientMetadata
from authserver.protocol.errors import Refusal

Json = dict[str, Any]
SECRETS = ("client_secret", "client_secret_expires_at")


@dataclass(frozen=True)
class ClientDocument:
    """A client's own words at its own address. `also_public`: it may come without proof, though it can sign."""

    metadata: ClientMetadata
    also_public: bool

    def digest(self) -> str:
        """Return what changes when the name, the redirects, the keys or the way of proof change: then a person who
        allowed the client is told so the next time."""
        told = self.metadata
        keys = [told.keys.jwks, told.keys.uri]
        content = [told.name, sorted(told.redirect_uris), told.auth_method, *keys, self.also_public]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _refused(what: str) -> Refusal:
    return Refusal("invalid_client", "The document at the address of this client cannot be used.", f"document:{what}")


def parse(content: object, *, url: str, any_port: bool = False) -> ClientDocument | Refusal:
    """Return the client that this document, fetched from `url`, describes; refuses with invalid_client."""
    if not isinstance(content, dict):
        return _refused("not_an_object")
    if content.get("client_id") != url:
        return _refused("client_id_differs")
    if any(name in content for name in SECRETS):
        return _refused("secret")
    if not isinstance(content.get("client_name"), str) or not content["client_name"].strip():
        return _refused("client_name")
    metadata = client_metadata.parse(content, any_port=any_port)
    if isinstance(metadata, Refusal):
        return _refused(metadata.reason)
    return _with_method(metadata, content, any_port=any_port)


def _with_method(metadata: ClientMetadata, content: Json, *, any_port: bool) -> ClientDocument | Refusal:
    """Settle how the client proves itself: by signature where it can, and without proof where it says it may."""
    listed = _methods(content)
    if isinstance(listed, Refusal):
        return listed
    keys = signing_keys.named_by(content, any_port=any_port)
    if isinstance(keys, Refusal):
        return _refused(keys.reason)
    alg = content.get("token_endpoint_auth_signing_alg") or policy.ASSERTION_ALGORITHMS[0]
    if SIGNED in listed and alg in policy.ASSERTION_ALGORITHMS and keys:
        return ClientDocument(replace(metadata, auth_method=SIGNED, keys=keys), "none" in listed)
    if "none" not in listed:
        return _refused("no_usable_method")
    return ClientDocument(replace(metadata, auth_method="none", keys=NO_KEYS), False)


def _methods(content: Json) -> set[str] | Refusal:
    """Return the methods that the document names, in the one member and in the list; `none` where it names none."""
    chosen = content.get("token_endpoint_auth_method")
    offered = content.get("token_endpoint_auth_methods_supported")
    if chosen is not None and chosen.startswith("client_secret"):
        return _refused("shared_secret_method")
    if offered is not None and not (isinstance(offered, list) and all(isinstance(each, str) for each in offered)):
        return _refused("methods")
    return set(offered or []) | ({chosen} if chosen else set()) or {"none"}
