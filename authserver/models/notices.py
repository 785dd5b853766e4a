"""Mail that is owed: written in the transaction of what it tells of, sent behind the request."""

from django.conf import settings
from django.db import models


class Notice(models.Model):
    class Kind(models.TextChoices):
        CONNECTION_APPROVED = "connection_approved", "An app was connected"
        CONNECTION_WIDENED = "connection_widened", "An app may do more than before"
        CONNECTION_STOLEN = "connection_stolen", "A connection was ended: its key was used twice"
        TOOLS_WAITING = "tools_waiting", "Tools that are new wait for a person's word"
        TOKEN_CREATED = "token_created", "A personal access token was created"
        INVITATION = "invitation", "Somebody is invited to a handle"
        JOIN_ASKED = "join_asked", "Somebody asks to become a member"
        JOIN_ACCEPTED = "join_accepted", "Somebody who asked became a member"
        ACCOUNT_DELETED = "account_deleted", "An account was deleted"
        ALARMS = "alarms", "Operators are told of alarms"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+", help_text="Whom it is for."
    )
    email = models.EmailField(
        blank=True, default="", db_default="", help_text="Where it goes instead, to somebody who may have no account."
    )
    facts = models.JSONField(help_text="Names, scopes, addresses: what the mail says. Never a secret.")
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        # Few among a month of those that were sent.
        indexes = [models.Index(fields=["next_attempt_at"], condition=models.Q(sent_at=None), name="notices_to_send")]

    def __str__(self) -> str:
        return f"notice #{self.pk}"

    @property
    def address(self) -> str:
        return self.user.email if self.user else self.email
