"""One example of everything that is sent and answered; a test holds each against its schema."""

from typing import Any

MAYA = {"id": "9b2f8a3e-52f4-4c38-9d6a-1f0f6b7d2c11", "email": "maya@example.com", "name": "Maya"}
CHATGPT = {"client_id": "508cdf96-de51-4c89-8ee5-a605225373ef", "name": "ChatGPT", "is_verified": False}
MONDAY, TUESDAY = "2026-11-16T09:30:00Z", "2026-11-17T14:05:12Z"
CONNECTION: dict[str, Any] = {
    "id": "3b0f1f0a-7c64-4d0e-9a35-0c9b4f9e7b52",
    "person": MAYA,
    "client": CHATGPT,
    "handle": "acme",
    "resource": "https://acme.mcp.example.com/mcp",
    "status": "active",
    "scopes": ["mcp.connect", "links.read"],
    "withheld_scopes": [],
    "paused_by": None,
    "created_at": MONDAY,
    "approved_at": MONDAY,
    "last_used_at": TUESDAY,
    "ended_at": None,
    "end_reason": None,
}
OWN_CONNECTION = CONNECTION | {
    "approved_scopes": ["mcp.connect", "links.read", "links.write"],
    "last_address": "203.0.113.7",
    "last_agent": "openai-mcp/1.0",
}
TOKEN: dict[str, Any] = {
    "id": "c0a8b3d2-90c1-4a5e-8a7b-5f3f1e7f6a10",
    "person": MAYA,
    "name": "Nightly export",
    "hint": "x7Qa",
    "scopes": ["links.read", "events.read"],
    "created_at": MONDAY,
    "expires_at": "2026-12-16T09:30:00Z",
    "last_used_at": None,
    "ended_at": None,
}
OWN_TOKEN = {"id": TOKEN["id"], "handle": "acme", "scopes": TOKEN["scopes"], "expires_at": TOKEN["expires_at"]}
ENTRY = {
    "id": "0d5e8f3bb0c14f6c8f1d0a9b7c6e5d4f",
    "kind": "client_id",
    "value": CHATGPT["client_id"],
    "name": "ChatGPT",
    "is_verified": False,
    "decision": "allow",
    "outcome": "allow",
    "registrations": 1,
    "people": 3,
    "connections": 4,
    "last_used_at": TUESDAY,
}
EVENT = {
    "id": 4711,
    "at": TUESDAY,
    "tag": "connection:paused",
    "actor": "person",
    "actor_id": MAYA["id"],
    "person_id": MAYA["id"],
    "client_id": CHATGPT["client_id"],
    "connection_id": CONNECTION["id"],
    "address": "203.0.113.7",
    "request_id": "6297994a-1a93-4186-89e6-678cd7a97a93",
    "detail": {},
}
INVITATION: dict[str, Any] = {
    "id": "5d8a3c61-0d3f-4f0a-8f5e-2b7c9f1a4e33",
    "email": None,
    "role": "member",
    "uses": 2,
    "uses_max": 10,
    "made_by": MAYA,
    "is_worth_something": True,
    "created_at": MONDAY,
    "expires_at": "2026-11-23T09:30:00Z",
}
CHECKED = {"answers": True, "checked_at": "2026-11-20T09:41:00Z"}
HOSTED = {
    "kind": "hosted",
    "name": "Hosted",
    "url": "https://acme.mcp.example.com/mcp",
    "stage": "production",
    "is_active": True,
    "is_canonical": True,
    "last_check": CHECKED,
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "EndpointCheck": CHECKED,
    "Person": MAYA,
    "Handle": {
        "handle": "acme",
        "name": "Acme Inc.",
        "visibility": "private",
        "status": "active",
        "role": "owner",
        "created_at": MONDAY,
    },
    "Member": {"person": MAYA, "role": "member", "created_at": MONDAY},
    "MemberBody": {"email": "maya@example.com", "role": "member"},
    "RoleBody": {"role": "admin"},
    "SettingsBody": {"name": "Acme Inc.", "visibility": "public"},
    "StatusBody": {"status": "suspended"},
    "Invitation": INVITATION,
    "InvitationBody": {"email": "noor@example.com", "role": "member", "expires_in_days": 7},
    "NewInvitation": INVITATION | {"link": "https://auth.example.com/invitations#inv_…"},
    "JoinRequest": {"id": 7, "person": MAYA, "asked_at": TUESDAY},
    "ConnectedClient": CHATGPT,
    "Connection": CONNECTION,
    "OwnConnection": OWN_CONNECTION,
    "ScopesBody": {"scopes": ["links.read"]},
    "Wish": {
        "id": 12,
        "scope": "links.write",
        "tool": "create_link",
        "count": 3,
        "asked_at": MONDAY,
        "last_asked_at": TUESDAY,
        "decision": None,
    },
    "ClientEntry": ENTRY,
    "DecisionBody": {"kind": "client_id", "value": CHATGPT["client_id"], "decision": "allow"},
    "PolicyBody": {"mode": "ask"},
    "ClientPolicy": {"mode": "ask"},
    "Event": EVENT,
    "Token": TOKEN,
    "TokenBody": {"name": "Nightly export", "scopes": ["events.read"], "expires_in_days": 30},
    "NewToken": TOKEN | {"secret": "pat_…"},
    "OwnToken": OWN_TOKEN,
    "Endpoint": HOSTED,
    "Resources": {"canonical": HOSTED["url"], "endpoints": [HOSTED]},
    "Use": {
        "connection_id": CONNECTION["id"],
        "person": MAYA,
        "client": CHATGPT,
        "calls": 14,
        "introspections": 20,
    },
    "Me": MAYA | {"csrf_token": None, "token": OWN_TOKEN},
    "ConnectionPage": {"items": [CONNECTION], "next": None},
}
