"""What a personal access token is worth now."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from authserver import policy
from authserver.models import PersonalAccessToken
from authserver.protocol import credentials, scopes
from authserver.protocol.control.scopes import CATALOG
from authserver.protocol.errors import Refusal
from authserver.services import catalog
from authserver.services.usage import marks
from handles import roles
from handles.models import Handle, Membership
from handles.roles import Role

INSIDE_MCP_ONLY = frozenset({policy.SESSION_SCOPE, policy.OFFLINE_ACCESS})


def offered() -> scopes.Catalog:
    """Return every scope that a personal token can carry: the catalog's that mean something outside MCP, then the
    control plane's, whose names nothing in the catalog can take over."""
    return {name: rule for name, rule in catalog.current().items() if name not in INSIDE_MCP_ONLY} | CATALOG


def live(now: datetime) -> QuerySet[PersonalAccessToken]:
    """Return the tokens that have neither ended nor expired; whether their person may still act is not asked."""
    return PersonalAccessToken.objects.filter(ended_at=None, expires_at__gt=now).select_related("user", "handle")


@dataclass(frozen=True)
class Found:
    """A token that works now, and the role that its person holds at its handle."""

    row: PersonalAccessToken
    role: Role


def find(token: str, now: datetime) -> Found | Refusal:
    """Return the token that this secret is, if it works now. A malformed one costs no query, any other one.

    Refuses: invalid_token, reason personal_token:malformed, :unknown, or why it does not work.
    """
    if not credentials.is_well_formed(token, policy.PERSONAL_ACCESS_TOKEN_PREFIX):
        return _invalid("malformed")
    held = Membership.objects.filter(handle=OuterRef("handle"), user=OuterRef("user")).values("role")[:1]
    rows = PersonalAccessToken.objects.select_related("user", "handle").annotate(held_role=Subquery(held))
    row = rows.filter(digest=credentials.digest(token)).first()
    if row is None:
        return _invalid("unknown")
    role = _membership_role(row.held_role)
    obstacle = _obstacle(row, now)
    if obstacle or role is None:
        return _invalid(obstacle or "no_member")
    return Found(row, role)


def authenticate(token: str, now: datetime) -> PersonalAccessToken | Refusal:
    """Return the row of a token that works now, its use noted; ask `effective_scopes` what it may do. Refuses as
    `find` does."""
    found = find(token, now)
    if isinstance(found, Refusal):
        return found
    mark_used(found.row, now)
    return found.row


def effective_scopes(row: PersonalAccessToken, now: datetime) -> list[str]:
    """Return what this token may do now: its own scopes within what its person's role reaches; nothing where it does
    not work at all. Guests of a public handle have no membership, so no token of theirs works there."""
    held = Membership.objects.filter(handle=row.handle_id, user=row.user_id).values_list("role", flat=True).first()
    return [] if _obstacle(row, now) else scopes.allowed_to(_membership_role(held), row.scope_list, offered())


def _membership_role(text: str | None) -> Role | None:
    """Return the role of a member; a guest's is none, and one that nobody knows neither."""
    role = roles.known(text)
    return role if role and role != Role.PUBLIC else None


def _obstacle(row: PersonalAccessToken, now: datetime) -> str:
    """Return why this token does not work now, whatever the role of its person, or nothing."""
    if row.ended_at is not None:
        return "ended"
    if row.expires_at <= now:
        return "expired"
    if not row.user.is_active:
        return "person_inactive"
    return "" if row.handle.status == Handle.Status.ACTIVE else "handle_suspended"


def mark_used(row: PersonalAccessToken, now: datetime) -> None:
    """Note the use, at most once per policy.LAST_USED_RESOLUTION; it is written a moment later."""
    marks.note_personal(token_id=row.pk, last_used_at=row.last_used_at, now=now)


def _invalid(reason: str) -> Refusal:
    """Return the one public answer for every token that does not work (RFC 6750 §3.1): nothing tells them apart."""
    return Refusal("invalid_token", "The personal access token is not valid.", f"personal_token:{reason}")
