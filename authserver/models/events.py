"""The audit rows. Ids and names only, so that they outlive what they tell of; never a secret."""

from django.db import models
from django.utils import timezone


class Event(models.Model):
    """One act. Append-only and chained (models/ledger.py): a new column has to join `services/ledger/chain.py` in a way
    that leaves the bytes of older events as they were."""

    class Tag(models.TextChoices):
        """`subject:verb` in the past tense; the closed list (docs/events.md describes each)."""

        CLIENT_REGISTERED = "client:registered"
        CLIENT_ADOPTED = "client:adopted"
        CLIENT_UPDATED = "client:updated"
        CLIENT_DELETED = "client:deleted"
        CLIENT_EXPIRED = "client:expired"
        CLIENT_DOCUMENT_CHANGED = "client_document:changed"
        CLIENT_BLOCKED = "client:blocked"
        CLIENT_UNBLOCKED = "client:unblocked"
        CLIENT_RULED = "client:ruled"
        CLIENT_POLICY_SET = "client_policy:set"
        INITIAL_ACCESS_TOKEN_CREATED = "initial_access_token:created"
        INITIAL_ACCESS_TOKEN_CHANGED = "initial_access_token:changed"
        CONNECTION_APPROVED = "connection:approved"
        CONNECTION_WIDENED = "connection:widened"
        CONNECTION_DENIED = "connection:denied"
        CONNECTION_NARROWED = "connection:narrowed"
        CONNECTION_PAUSED = "connection:paused"
        CONNECTION_RESUMED = "connection:resumed"
        CONNECTION_CONTINUED = "connection:continued"
        CONNECTION_REVOKED = "connection:revoked"
        SCOPE_ASKED = "scope:asked"
        SCOPE_DECLINED = "scope:declined"
        CODE_REDEEMED = "code:redeemed"
        CODE_REPLAYED = "code:replayed"
        CREDENTIAL_REFRESHED = "credential:refreshed"
        REFRESH_LATE = "refresh:late"
        REFRESH_REPLAYED = "refresh:replayed"
        RESOURCE_SERVER_CREATED = "resource_server:created"
        RESOURCE_SERVER_ROTATED = "resource_server:rotated"
        STREAM_CREATED = "stream:created"
        STREAM_VERIFIED = "stream:verified"
        STREAM_DELETED = "stream:deleted"
        SECURITY_EVENT_ABANDONED = "security_event:abandoned"
        SECRET_KEY_CHANGED = "secret_key:changed"
        SIGNING_KEY_CREATED = "signing_key:created"
        SIGNING_KEY_RETIRED = "signing_key:retired"
        LEDGER_SEALED = "ledger:sealed"
        LEDGER_REMOVED = "ledger:removed"
        DATABASE_RESTORED = "database:restored"
        PERSONAL_TOKEN_CREATED = "personal_token:created"
        PERSONAL_TOKEN_REVOKED = "personal_token:revoked"
        MEMBER_ADDED = "member:added"
        MEMBER_ROLE_CHANGED = "member:role_changed"
        MEMBER_REMOVED = "member:removed"
        HANDLE_CREATED = "handle:created"
        HANDLE_CHANGED = "handle:changed"
        HANDLE_TRANSFERRED = "handle:transferred"
        HANDLE_REMOVED = "handle:removed"
        INVITATION_CREATED = "invitation:created"
        INVITATION_ACCEPTED = "invitation:accepted"
        INVITATION_DECLINED = "invitation:declined"
        INVITATION_REVOKED = "invitation:revoked"
        JOIN_ASKED = "join:asked"
        JOIN_DECLINED = "join:declined"
        PERSON_CHANGED = "person:changed"
        FACTOR_ADDED = "person:factor_added"
        FACTOR_REMOVED = "person:factor_removed"
        PASSWORD_CHANGED = "person:password_changed"
        EMAIL_CHANGED = "person:email_changed"
        PERSON_SIGNED_OUT = "person:signed_out_everywhere"
        PERSON_EXPORTED = "person:exported"
        PERSON_ERASED = "person:erased"
        GROUP_CHANGED = "group:changed"
        CATALOG_CHANGED = "catalog:changed"
        TOOLS_PUBLISHED = "tools:published"
        TOOLS_APPROVED = "tools:approved"
        ALARM_CLOSED = "alarm:closed"
        REHEARSAL_BEGUN = "rehearsal:begun"
        REHEARSAL_MET = "rehearsal:met"
        REHEARSAL_ENDED = "rehearsal:ended"

    class Actor(models.TextChoices):
        PERSON = "person"
        ADMINISTRATOR = "administrator"
        CLIENT = "client"
        SYSTEM = "system"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    tag = models.CharField(max_length=40, choices=Tag.choices)
    actor = models.CharField(max_length=13, choices=Actor.choices)
    actor_id = models.CharField(max_length=255, blank=True)
    person_id = models.UUIDField(null=True)
    client_id = models.CharField(max_length=255, blank=True)
    handle = models.CharField(max_length=40, blank=True)
    connection_id = models.UUIDField(null=True, db_index=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=36, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["tag", "-id"]),
            models.Index(fields=["handle", "-id"], name="authserver_event_handle"),
            models.Index(fields=["client_id", "-id"], name="authserver_event_client"),
            models.Index(fields=["person_id", "-id"], name="authserver_event_person"),
            # Few among very many: what clients do, and that is most, has no place in them.
            models.Index(
                fields=["actor_id", "-id"], condition=models.Q(actor="administrator"), name="acts_of_administrators"
            ),
            models.Index(
                fields=["actor", "-id"],
                condition=models.Q(actor__in=["administrator", "person", "system"]),
                name="acts_of_few",
            ),
            # For whoever asks what is kept about them.
            models.Index(fields=["actor_id", "-id"], condition=models.Q(actor="person"), name="acts_of_people"),
        ]

    def __str__(self) -> str:
        return f"{self.tag} #{self.pk}"
