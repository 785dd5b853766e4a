"""Rows. Read them anywhere above; write them only through `authserver.services`."""

from authserver.models.catalog import CatalogState, ProtectedResource, ResourceServer, Scope, ScopeBundle
from authserver.models.clients import Client, ClientDocument
from authserver.models.connections import (
    AccessToken,
    AuthorizationCode,
    Connection,
    IDToken,
    RefreshToken,
    ScopeRequest,
)
from authserver.models.events import Event
from authserver.models.governance import ClientPolicy, ClientRule, InitialAccessToken, SeenAssertion
from authserver.models.ledger import LedgerLink, LedgerSeal, LedgerState
from authserver.models.notices import Notice
from authserver.models.operations import TaskRuns
from authserver.models.personal_tokens import PersonalAccessToken
from authserver.models.receipts import EventStream, SecurityEvent, SigningKey
from authserver.models.secret_keys import SecretKeyUse
from authserver.models.tools import Tool, ToolApproval
from authserver.models.trace import Alarm, AlarmTelling, DoctorReport, Rehearsal, TraceStep
from authserver.models.usage import ConnectionUse, ToolCall, ToolUse

__all__ = [
    "AccessToken",
    "Alarm",
    "AlarmTelling",
    "AuthorizationCode",
    "CatalogState",
    "Client",
    "ClientDocument",
    "ClientPolicy",
    "ClientRule",
    "Connection",
    "ConnectionUse",
    "DoctorReport",
    "Event",
    "EventStream",
    "IDToken",
    "InitialAccessToken",
    "LedgerLink",
    "LedgerSeal",
    "LedgerState",
    "Notice",
    "PersonalAccessToken",
    "ProtectedResource",
    "RefreshToken",
    "Rehearsal",
    "ResourceServer",
    "Scope",
    "ScopeBundle",
    "ScopeRequest",
    "SecretKeyUse",
    "SecurityEvent",
    "SeenAssertion",
    "SigningKey",
    "TaskRuns",
    "Tool",
    "ToolApproval",
    "ToolCall",
    "ToolUse",
    "TraceStep",
]
