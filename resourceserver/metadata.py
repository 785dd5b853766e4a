"""The two public documents: protected resource metadata of an endpoint, and the health document of the service.

Obeys: RFC 9728 §2, §3.2 (JSON, empty members omitted), §3.3 (``resource`` is the URL the client was given).
"""

import json
from collections.abc import Iterable

from resourceserver.answers import Answer, json_answer
from resourceserver.cors import ANY_ORIGIN
from resourceserver.endpoints import Endpoint, EndpointPattern

MAX_AGE_SECONDS = 300


def resource_metadata(
    endpoint: Endpoint, *, issuer: str, scopes: tuple[str, ...], service_name: str
) -> dict[str, str | list[str]]:
    """Return the metadata of one endpoint. Exactly one issuer: several clients read only the first."""
    name = f"{service_name} @{endpoint.handle}" if endpoint.handle else service_name
    return {
        "resource": endpoint.resource,
        "authorization_servers": [issuer],
        "scopes_supported": list(scopes),
        "bearer_methods_supported": ["header"],
        "resource_name": name,
    }


def metadata_answer(document: dict[str, str | list[str]]) -> Answer:
    """Return the answer that carries the metadata: any page may read it, for five minutes."""
    headers = (("Cache-Control", f"public, max-age={MAX_AGE_SECONDS}"), *ANY_ORIGIN)
    return json_answer(200, json.dumps(document).encode(), headers)


def health_answer(*, service_name: str, version: str, patterns: Iterable[EndpointPattern]) -> Answer:
    """Return name, version, status and endpoints (URLs with ``{handle}`` where a handle belongs)."""
    addresses: dict[str, str] = {}
    for pattern in patterns:
        addresses.setdefault(pattern.name, pattern.url)  # those of before come later
    document = {
        "name": service_name,
        "version": version,
        "status": "ok",
        "endpoints": addresses,
    }
    return json_answer(200, json.dumps(document).encode())
