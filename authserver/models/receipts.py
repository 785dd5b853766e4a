"""What resource servers that remember answers are told, and what they said they heard (RFC 8417, 8935, 8936)."""

import uuid

from django.db import models

from authserver.models.catalog import ResourceServer


class SigningKey(models.Model):
    """A key that signs security events and ledger seals. The private half is encrypted under SECRET_KEY, and goes when
    the key retires; the public half stays, for the seals that it signed."""

    kid = models.CharField(primary_key=True, max_length=43)
    number = models.PositiveIntegerField(unique=True, help_text="Counts up: of two processes that make one, one does.")
    public_jwk = models.JSONField()
    sealed_private = models.BinaryField(editable=False)
    created_at = models.DateTimeField()
    signs_from = models.DateTimeField(help_text="It is published before it signs, so that nobody meets it unknown.")
    retired_at = models.DateTimeField(null=True, help_text="It signs no more; it stays published a while.")

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"signing key {self.kid}"


class EventStream(models.Model):
    """One process of a resource server that remembers answers and wants to be told."""

    class Method(models.TextChoices):
        PUSH = "urn:ietf:rfc:8935", "Push (RFC 8935)"
        POLL = "urn:ietf:rfc:8936", "Poll (RFC 8936)"

    class Status(models.TextChoices):
        ENABLED = "enabled", "Enabled"
        PAUSED = "paused", "Paused: it does not answer"
        ENDED = "ended", "Ended; kept for what it confirmed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    resource_server = models.ForeignKey(ResourceServer, on_delete=models.CASCADE, related_name="streams")
    method = models.CharField(max_length=17, choices=Method.choices)
    endpoint_url = models.CharField(max_length=500, blank=True, help_text="Where events are pushed to.")
    issuer = models.CharField(
        max_length=255, blank=True, default="", db_default="", help_text="That was asked for it; empty: today's."
    )
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.ENABLED)
    created_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, help_text="When it last confirmed a verification event.")
    last_contact_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"stream {self.id}"


class SecurityEvent(models.Model):
    """One security event for one stream, until it is acknowledged or given up."""

    jti = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    stream = models.ForeignKey(EventStream, on_delete=models.CASCADE, related_name="security_events")
    event_id = models.BigIntegerField(null=True, db_index=True, help_text="The ledger's event that it tells of.")
    claims = models.JSONField()
    created_at = models.DateTimeField(db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    abandoned_at = models.DateTimeField(null=True, help_text="Given up: the dead letters.")
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["created_at"]
        indexes = [
            models.Index(
                fields=["stream", "next_attempt_at"],
                condition=models.Q(acknowledged_at__isnull=True, abandoned_at__isnull=True),
                name="undelivered_events",
            )
        ]

    def __str__(self) -> str:
        return f"security event {self.jti}"
