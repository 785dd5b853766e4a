"""Allow and Cancel."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from authserver import policy
from authserver.models import AuthorizationCode, Client, Connection, Notice, ScopeRequest
from authserver.protocol import credentials, redirects, scopes, tools
from authserver.protocol.errors import Refusal, Refused
from authserver.protocol.resources import Target
from authserver.services import catalog, clients, events, notices, receipts
from authserver.services.connections.changes import PAUSE, set_pauses
from authserver.services.connections.ending import end_if_nobody_holds_it
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from handles import access
from handles.models import Handle

Kind = Notice.Kind
# What an approval writes. Not the whole row: its last use is noted without its lock.
WRITTEN = (
    "scopes", "approved_scopes", "declined_scopes", "tools_version", "approved_at", "client_name",
    "client_metadata_digest", "redirect_origin", "approved_address", "approved_agent", "last_issuer", *PAUSE,
)  # fmt: skip
SIGNED_OUT = Refusal("access_denied", "The person signed out meanwhile.", "person:signed_out")
ANSWERED = Refusal("invalid_request", "This request was already answered.", "consent:answered")
CHANGED = Refusal("invalid_request", "What was allowed before has changed.", "consent:changed")


@dataclass(frozen=True)
class Approval:
    """One person's Allow, as the consent page was answered. `wanted` was asked for, `granted` was allowed."""

    user: User
    client: Client
    handle: Handle
    target: Target
    wanted: tuple[str, ...]
    granted: tuple[str, ...]
    redirect_uri: str
    code_challenge: str
    consent_id: UUID
    tools_version: int = 0  # of the endpoint's tools, as the page showed them
    is_remembered: bool = False  # nobody was asked again: the same as before, of the same client


@dataclass(frozen=True)
class Approved:
    """The code that a client gets, and the connection it is for."""

    code: str = field(repr=False)
    connection_id: UUID


def approve(approval: Approval, *, now: datetime) -> Approved | Refusal:
    """Make or grow the one live connection of this person, client, handle and resource, and return a code for it.

    The same consent page sent twice (a double click, or Back and another handle) answers with a fresh code, the first
    one void, as long as the first was not redeemed. Records connection:approved,
    connection:widened or, where nobody was asked again, connection:continued.

    Refuses: invalid_request, reason consent:answered, once its code was redeemed; consent:changed, where nobody was
             asked again and the connection no longer stands as it did; access_denied, reason person:signed_out.
    """
    try:
        approved, abandoned = _approve(approval, now=now)
    except Refused as no:
        return no.refusal
    if abandoned:
        end_if_nobody_holds_it(abandoned, now=now)
    return approved


@transaction.atomic
def _approve(approval: Approval, *, now: datetime) -> tuple[Approved, UUID | None]:
    """Return the code, and the connection that an earlier answer of the same page went to, if it was another one."""
    _need_same_session(approval.user)
    connection, is_new = _live_connection(approval, now=now)
    if approval.is_remembered and (is_new or not _stands(connection, approval)):
        raise Refused(CHANGED)  # ended, paused or narrowed a moment ago: what nobody sees must not undo that
    answered = AuthorizationCode.objects.filter(consent_id=approval.consent_id).first()
    if answered and not AuthorizationCode.objects.filter(pk=answered.pk, redeemed_at=None).delete()[0]:
        raise Refused(ANSWERED)  # it was redeemed, perhaps just now; what was made above is rolled back
    before = connection.scopes.split()
    _take_over(approval, connection, now=now)
    clients.mark_used([approval.client], now=now)
    code = _store_code(approval, connection, now=now)
    gained = set(connection.scopes.split()) - set(before)
    _tell(approval, connection, is_new=is_new, gained=gained, now=now)
    elsewhere = answered is not None and answered.connection_id != connection.pk
    return Approved(code, connection.pk), answered.connection_id if answered and elsewhere else None


def _stands(connection: Connection, approval: Approval) -> bool:
    """Tell whether a connection, now that it is locked, has all that goes on without asking."""
    same = connection.client_metadata_digest == approval.client.metadata_digest
    return same and not connection.paused_by and set(approval.granted) <= set(connection.scope_list)


def _need_same_session(user: User) -> None:
    """Refuse an Allow that was under way while the person signed out everywhere, was deactivated or erased: what those
    ended must not begin anew. Locks the person's row, before any connection's, as those acts do."""
    found = User.objects.select_for_update(no_key=True).filter(pk=user.pk)
    if found.values_list("is_active", "signed_out_at").first() != (True, user.signed_out_at):
        raise Refused(SIGNED_OUT)


def _take_over(approval: Approval, connection: Connection, *, now: datetime) -> None:
    """Write what the person decided, and what they saw, into the connection. Their Allow ends a pause of their own."""
    facts = events.current_request.get()
    before, known = connection.scopes.split(), catalog.current()
    connection.scopes = " ".join(scopes.after_approval(before, approval.wanted, approval.granted, known))
    connection.approved_scopes = _joined(connection.approved_scopes, connection.scopes)
    _note_tools(approval, connection, known)
    connection.approved_at = now
    connection.client_name = approval.client.name
    connection.client_metadata_digest = approval.client.metadata_digest
    connection.redirect_origin = redirects.destination(approval.redirect_uri).form_action
    connection.approved_address, connection.approved_agent = facts.address, facts.agent
    connection.last_issuer = facts.issuer
    set_pauses(connection, [who for who in connection.pauses if who != Connection.PausedBy.PERSON], now=now)
    connection.save(update_fields=WRITTEN)
    ScopeRequest.objects.filter(connection=connection, scope__in=connection.scopes.split(), decision="").update(
        decision=ScopeRequest.Decision.ALLOWED, decided_at=now
    )


def _note_tools(approval: Approval, connection: Connection, known: scopes.Catalog) -> None:
    """Write down what was left unticked, and which tools were on the page. Nobody saw a page that was not shown.

    What the person's role forbids was no choice of theirs: it may be asked for again when the role grows.
    """
    if approval.is_remembered:
        return
    left = set(approval.wanted) - set(approval.granted)
    offered = scopes.allowed_to(access.role_in(approval.handle, approval.user), left, known) if left else []
    declined = tools.declined_after(connection.declined_scopes.split(), offered, approval.granted)
    connection.declined_scopes = " ".join(sorted(declined))
    connection.tools_version = max(connection.tools_version, approval.tools_version)


def _joined(*lists: str) -> str:
    return " ".join(dict.fromkeys(name for names in lists for name in names.split()))


def _tell(approval: Approval, connection: Connection, *, is_new: bool, gained: set[str], now: datetime) -> None:
    """Record the approval; mail the person about what is new; tell resource servers what changed."""
    widened = bool(gained) and not is_new
    tag = Tag.CONNECTION_WIDENED if widened else Tag.CONNECTION_APPROVED
    if approval.is_remembered:
        tag = Tag.CONNECTION_CONTINUED
    event = events.record(tag, actor=Actor.PERSON, by=approval.user, connection=connection, scopes=connection.scopes)
    if is_new or widened:
        kind = Kind.CONNECTION_WIDENED if widened else Kind.CONNECTION_APPROVED
        notices.owe(kind, connection.user, connection=connection, scopes=sorted(gained), now=now)
    if not is_new and not approval.is_remembered:
        receipts.claims_changed(Subject(connection=connection), event=event, now=now)


def _store_code(approval: Approval, connection: Connection, *, now: datetime) -> str:
    code = credentials.generate("")
    try:
        with transaction.atomic():
            AuthorizationCode.objects.create(
                connection=connection,
                digest=credentials.digest(code),
                consent_id=approval.consent_id,
                scopes=" ".join(approval.granted),
                redirect_uri=approval.redirect_uri,
                code_challenge=approval.code_challenge,
                created_at=now,
                expires_at=now + policy.AUTHORIZATION_CODE_LIFETIME,
            )
    except IntegrityError as error:  # the same page, sent for another handle at the same moment
        raise Refused(ANSWERED) from error
    return code


def _live_connection(approval: Approval, *, now: datetime) -> tuple[Connection, bool]:
    """Return the live connection of this approval, locked, and whether it was made just now."""
    key = {
        "user": approval.user,
        "client": approval.client,
        "handle": approval.handle,
        "resource": approval.target.uri,
        "ended_at": None,
    }
    live = Connection.objects.select_for_update(of=("self",)).select_related("client", "handle")
    found = live.filter(**key).first()
    if found:
        return found, False
    try:
        with transaction.atomic():
            created = Connection.objects.create(
                **key, protected_resource_id=approval.target.pattern_id, created_at=now, approved_at=now
            )
        return created, True
    except IntegrityError:  # another tab's Allow came first
        return live.get(**key), False


@transaction.atomic
def deny(user: User, client: Client, *, target: Target) -> None:
    """Record that a person pressed Cancel; nothing else is kept of it."""
    events.record(
        Tag.CONNECTION_DENIED, actor=Actor.PERSON, by=user, client=client, person_id=user.pk, resource=target.uri
    )
