"""Personal access tokens: for automation outside MCP, at one handle. No MCP endpoint takes them."""

import uuid

from django.conf import settings
from django.db import models

from handles.models import Handle


class PersonalAccessToken(models.Model):
    """A person's own token, by its digest. What it is worth is asked live, as for a connection."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="personal_tokens")
    handle = models.ForeignKey(Handle, on_delete=models.CASCADE, related_name="personal_tokens")
    name = models.CharField(max_length=80)
    scopes = models.TextField(help_text="Separated by spaces; never more than the person's role allows.")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=4, editable=False, help_text="Its last four characters, to tell it by.")
    form_id = models.UUIDField(
        null=True, unique=True, editable=False, help_text="The form that asked for it: one form, one token."
    )
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["handle", "ended_at"]),
            models.Index(fields=["-created_at"], name="tokens_by_age"),
        ]

    def __str__(self) -> str:
        return f"personal access token {self.id}"

    @property
    def scope_list(self) -> list[str]:
        return self.scopes.split()
