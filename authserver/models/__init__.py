"""Rows. Read them anywhere above; write them only through `authserver.services`."""

from authserver.models.catalog import CatalogState, ProtectedResource, ResourceServer, Scope, ScopeBundle
from authserver.models.clients import Client
from authserver.models.connections import AccessToken, AuthorizationCode, Connection, IDToken, RefreshToken
from authserver.models.events import Event
from authserver.models.governance import ClientPolicy, ClientRule, InitialAccessToken, SeenAssertion

__all__ = [
    "AccessToken",
    "AuthorizationCode",
    "CatalogState",
    "Client",
    "ClientPolicy",
    "ClientRule",
    "Connection",
    "Event",
    "IDToken",
    "InitialAccessToken",
    "ProtectedResource",
    "RefreshToken",
    "ResourceServer",
    "Scope",
    "SeenAssertion",
    "ScopeBundle",
]
