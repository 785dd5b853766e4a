"""The connection and what hangs on it. End the connection and everything under it is refused.

django-oauth-toolkit's abstract token models are not inherited: they keep tokens in a text column, tie each refresh
token to an access-token row and know no object for the standing approval (docs/decisions.md).
"""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractIDToken

from authserver.models.catalog import ProtectedResource
from authserver.models.clients import Client
from handles.models import Handle


class Connection(models.Model):
    """The standing approval of one person for one client at one handle through one resource."""

    class EndReason(models.TextChoices):
        PERSON = "person", _("Disconnected by the person")
        HANDLE_ADMIN = "handle_admin", _("Disconnected by an admin of the handle")
        ADMINISTRATOR = "administrator", _("Ended by an administrator")
        CLIENT = "client", _("Revoked by the client")
        CODE_REPLAY = "code_replay", _("An authorization code was used twice")
        REFRESH_REPLAY = "refresh_replay", _("A replaced refresh token was used again")
        UNUSED = "unused", _("Unused: nothing of it was valid any more")
        CLIENT_DELETED = "client_deleted", _("The client removed its registration")
        MEMBER_REMOVED = "member_removed", _("The person is no longer a member of the handle")
        SIGNED_OUT = "signed_out", _("The person signed out everywhere")
        RESTORED = "restored", _("The server was restored from a backup")

    class PausedBy(models.TextChoices):
        """Who paused it, from least to most. Each ends their own pause; another's stays."""

        PERSON = "person", _("Paused by the person")
        HANDLE_ADMIN = "handle_admin", _("Paused by an admin of the handle")
        ADMINISTRATOR = "administrator", _("Paused by an administrator")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Without an index of their own: those below begin with them.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="connections", db_index=False
    )
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="connections", db_index=False)
    handle = models.ForeignKey(Handle, on_delete=models.CASCADE, related_name="connections", db_index=False)
    protected_resource = models.ForeignKey(ProtectedResource, on_delete=models.RESTRICT, related_name="connections")
    resource = models.CharField(max_length=500, help_text="The canonical address, as it stands in `aud`.")
    scopes = models.TextField(blank=True, help_text="What the person allows now, separated by spaces.")
    approved_scopes = models.TextField(
        blank=True, editable=False, help_text="All that the person ever allowed here: it may be ticked again."
    )
    withheld_scopes = models.TextField(
        blank=True, editable=False, help_text="What a handle's admin took away, whatever the person allows."
    )
    declined_scopes = models.TextField(
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Asked for, and left unticked on the last consent page.",
    )
    tools_version = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="The version of the endpoint's tools that the person saw."
    )
    client_name = models.CharField(
        max_length=255, blank=True, editable=False, help_text="What the client called itself when it was allowed."
    )
    client_metadata_digest = models.CharField(max_length=64, blank=True, editable=False)
    redirect_origin = models.CharField(
        max_length=500, blank=True, editable=False, help_text="Where the answer of the last approval was sent."
    )
    approved_address = models.GenericIPAddressField(null=True, editable=False)
    approved_agent = models.CharField(max_length=200, blank=True, editable=False)
    last_address = models.GenericIPAddressField(
        null=True, editable=False, help_text="Where the client last asked for credentials from."
    )
    last_agent = models.CharField(max_length=200, blank=True, editable=False)
    last_issuer = models.CharField(
        max_length=255,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="By which name of this server the client last got credentials.",
    )
    rehearsed_fault = models.CharField(
        max_length=16, blank=True, default="", db_default="", editable=False, help_text="The fault that it meets next."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    approved_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    end_reason = models.CharField(max_length=16, choices=EndReason.choices, blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_by = models.CharField(max_length=13, choices=PausedBy.choices, blank=True, editable=False)
    also_paused_by = models.CharField(
        max_length=30, blank=True, editable=False, help_text="Whose pauses remain once that one ends."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "client", "handle", "resource"],
                condition=models.Q(ended_at__isnull=True),
                name="one_live_connection",
            )
        ]
        indexes = [
            models.Index(fields=["-created_at"]),
            models.Index(fields=["handle", "ended_at"]),
            models.Index(fields=["user", "ended_at"]),
            models.Index(fields=["client", "ended_at"]),
            # For the lists of administrators: few among very many.
            models.Index(
                fields=["paused_by", "-created_at"],
                condition=models.Q(paused_at__isnull=False),
                name="paused_connections",
            ),
            models.Index(
                fields=["end_reason", "-created_at"],
                condition=models.Q(ended_at__isnull=False),
                name="ended_connections",
            ),
        ]

    def __str__(self) -> str:
        return f"connection {self.id}"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None

    @property
    def pauses(self) -> list[str]:
        """Everybody whose pause holds."""
        return [*([self.paused_by] if self.paused_by else []), *self.also_paused_by.split()]

    @property
    def scope_list(self) -> list[str]:
        """What holds now: allowed by the person, and not withheld by an admin of the handle."""
        withheld = set(self.withheld_scopes.split())
        return [name for name in self.scopes.split() if name not in withheld]


class AuthorizationCode(models.Model):
    """The one-minute code, by its digest. It stays after use so that a second use is noticed."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="codes")
    digest = models.BinaryField(max_length=32, unique=True)
    consent_id = models.UUIDField(unique=True, help_text="The consent page it answers: one page, one code.")
    scopes = models.TextField(blank=True)
    redirect_uri = models.TextField()
    code_challenge = models.CharField(max_length=128)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    redeemed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"code {self.pk}"


class AccessToken(models.Model):
    """A bridge credential, by its digest."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="access_tokens")
    # No constraint and no index: both would cost each refresh a write and a look-up, and each removal of a refresh
    # token another one. A refresh token that is gone has nothing left to be noted on it; ids are not given twice.
    refresh_token = models.ForeignKey(
        "RefreshToken",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="Answered together with it.",
    )
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = models.TextField(blank=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, help_text="When it was first seen in use: its client has it.")

    class Meta:
        indexes = [
            # For the purge: the few of clients that do not refresh.
            models.Index(fields=["expires_at"], condition=models.Q(refresh_token=None), name="access_tokens_alone")
        ]

    def __str__(self) -> str:
        return f"credential {self.pk}"


class RefreshToken(models.Model):
    """A refresh token, by its digest. `sealed_successor` is the pair that replaced it, which only the holder of this
    very token can open: the database alone cannot."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="refresh_tokens")
    digest = models.BinaryField(max_length=32, unique=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    rotated_at = models.DateTimeField(null=True)
    rotated_address = models.GenericIPAddressField(null=True)
    rotated_agent = models.CharField(max_length=200, blank=True)
    answer_seen_at = models.DateTimeField(
        null=True, help_text="When an access token that came with it was first seen in use: its client has both."
    )
    sealed_successor = models.BinaryField(null=True)

    def __str__(self) -> str:
        return f"refresh token {self.pk}"


class ScopeRequest(models.Model):
    """A scope that a connection's client tried to use without having it: it waits on the person's page, for clients
    that cannot ask again by themselves."""

    class Decision(models.TextChoices):
        ALLOWED = "allowed", "Allowed"
        DECLINED = "declined", "Declined"

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="scope_requests")
    scope = models.CharField(max_length=100)
    tool = models.CharField(max_length=128, blank=True, help_text="The tool that was called last, as its server says.")
    asked_at = models.DateTimeField()
    last_asked_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    decision = models.CharField(max_length=8, choices=Decision.choices, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "scope"], name="one_request_per_scope")]
        ordering = ["asked_at"]

    def __str__(self) -> str:
        return f"request for {self.scope} #{self.pk}"


class IDToken(AbstractIDToken):
    """Kept empty: django-oauth-toolkit wants all its swappable models in one app before the first migration."""
