"""Which clients a handle lets in, and who may register at all."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from authserver.protocol import governance
from handles.models import Handle


class ClientPolicy(models.Model):
    """What a handle does about clients that it has no rule for. No row: all are let in."""

    Mode = governance.Mode

    handle = models.OneToOneField(Handle, primary_key=True, on_delete=models.CASCADE, related_name="client_policy")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.ALL)

    class Meta:
        verbose_name_plural = "client policies"

    def __str__(self) -> str:
        return f"{self.handle}: {self.mode}"


class ClientRule(models.Model):
    """A handle's word on one client, by its exact id or by its registration fingerprint."""

    Decision = governance.Decision
    Kind = governance.Kind

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    handle = models.ForeignKey(Handle, on_delete=models.CASCADE, related_name="client_rules")
    kind = models.CharField(max_length=11, choices=Kind.choices)
    value = models.CharField(max_length=255)
    client_name = models.CharField(max_length=255, blank=True)
    decision = models.CharField(max_length=7, choices=Decision.choices)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["client_name", "value"]
        constraints = [
            models.UniqueConstraint(fields=["handle", "kind", "value"], name="one_rule_per_handle_and_client")
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="rules_by_age"),
            models.Index(
                fields=["created_at"], condition=models.Q(decision=governance.Decision.PENDING), name="rules_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_name or self.value} at {self.handle}: {self.decision}"


class InitialAccessToken(models.Model):
    """Lets its holder register clients where registration is not open to all (RFC 7591 §3)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    secret_digest = models.BinaryField(max_length=32, editable=False, default=bytes)
    # Works on until then, so that its holders can change over (services/rotation/overlap.py).
    previous_secret_digest = models.BinaryField(max_length=32, editable=False, null=True)
    previous_secret_expires_at = models.DateTimeField(editable=False, null=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SeenAssertion(models.Model):
    """A client assertion that was used, so that no node accepts it again (RFC 7523 §3)."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"assertion until {self.expires_at}"
