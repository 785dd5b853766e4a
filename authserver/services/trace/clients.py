"""Steps that programs take: registration, and token requests. One place for the door and for the views."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from authserver import policy
from authserver.protocol import client_ids, redirects
from authserver.protocol.client_metadata import ClientMetadata
from authserver.protocol.connections.token_requests import CodeRequest, TokenRequest
from authserver.protocol.errors import Refusal
from authserver.protocol.trace.steps import Kind, Whose, challenge_of, flow_of
from authserver.services.connections.issuing import Issued, Lost
from authserver.services.events import RequestFacts
from authserver.services.trace.notes import note

# Reasons under which a client id is only what somebody claimed.
CLAIMED = ("client:unknown", "client:two_authentications", "client:basic_for_document")
CLAIMED_SUBJECTS = ("assertion", "document", "fetch", "form", "request", "token")


def own_form(client_id: str | None) -> str:
    """Return a claimed client id where it has the form of ours, or of a document's address; else nothing: what a
    stranger made up is not kept."""
    if not client_id:
        return ""
    try:
        return str(UUID(client_id)) if len(client_id) == 36 else client_ids.document_url(client_id, any_port=True) or ""
    except ValueError:
        return ""


def shown_id(client_id: str | None, reason: str) -> str:
    """Return what may be kept of the client id of a request that was refused for this reason."""
    is_claimed = reason in CLAIMED or reason.partition(":")[0] in CLAIMED_SUBJECTS
    return own_form(client_id) if is_claimed else client_id or ""


def registered(metadata: ClientMetadata, client_id: str, *, facts: RequestFacts | None = None) -> None:
    """Note a registration that went well."""
    note(
        Kind.REGISTRATION,
        facts=facts,
        client_id=client_id,
        redirect_uris=len(metadata.redirect_uris),
        host=redirects.destination(metadata.redirect_uris[0]).host,
        auth_method=metadata.auth_method,
    )


def registration_refused(
    reason: str, *, facts: RequestFacts | None = None, body: object = None, client_id: str = ""
) -> None:
    """Note a registration, or a change of one, that was refused. Of its `body` only a number is kept."""
    named = body.get("redirect_uris") if isinstance(body, Mapping) else None
    counts: dict[str, Any] = {"redirect_uris": len(named)} if isinstance(named, list) else {}
    note(Kind.REGISTRATION, ok=False, code=reason, facts=facts, client_id=own_form(client_id), **counts)


def exchanged(asked: TokenRequest, outcome: Issued | Refusal | Lost, *, facts: RequestFacts | None = None) -> None:
    """Note what came of a token request: every code; of refreshes the first one of an authorization, those that came
    late or again, and those that were refused."""
    if isinstance(outcome, Lost):
        client_id = shown_id(asked.proof.client_id, "rehearsal:lost_answer")
        note(Kind.REFRESH, ok=False, code="rehearsal:lost_answer", facts=facts, client_id=client_id)
        return
    is_code = isinstance(asked, CodeRequest)
    is_refused = isinstance(outcome, Refusal)
    code = outcome.reason if isinstance(outcome, Refusal) else _went_well(outcome.whose, is_code=is_code)
    if not code:
        return
    whose, client_id = outcome.whose, shown_id(asked.proof.client_id, code if is_refused else "")
    flow = flow_of(client_id, challenge_of(asked.verifier)) if isinstance(asked, CodeRequest) and client_id else ""
    note(
        Kind.TOKEN if is_code else Kind.REFRESH,
        ok=not is_refused,
        code=code,
        facts=facts,
        client_id=client_id or (whose.client_id if whose else ""),
        flow=(whose.flow if whose else "") or flow,
        **_of_connection(whose),
    )


def _of_connection(whose: Whose | None) -> dict[str, Any]:
    if whose is None:
        return {}
    return {
        "connection_id": UUID(whose.connection_id),
        "person_id": UUID(whose.person_id),
        "handle": whose.handle,
        "resource": whose.resource,
    } | ({} if whose.seconds is None else {"seconds": whose.seconds})


def _went_well(whose: Whose | None, *, is_code: bool) -> str:
    """Return how it went well; nothing for what is not noted."""
    if is_code or whose is None:
        return "token:issued" if is_code else ""
    if whose.seconds is not None:
        return "refresh:late" if whose.seconds > policy.REFRESH_LEEWAY.total_seconds() else "refresh:again"
    return "refresh:first" if whose.flow else ""


def unreadable_token_request(refusal: Refusal, *, client_id: str | None, is_refresh: bool) -> None:
    """Note a token request of which not even what it asks can be told."""
    kind = Kind.REFRESH if is_refresh else Kind.TOKEN
    note(kind, ok=False, code=refusal.reason, client_id=own_form(client_id))
