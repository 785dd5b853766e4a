"""The OAuth client: ChatGPT, Claude, an editor."""

from django.core.exceptions import ValidationError
from django.db import models
from oauth2_provider.models import AbstractApplication, ApplicationManager

from authserver.protocol import redirects


class Client(AbstractApplication):
    """A client as registered, by itself (RFC 7591) or by an administrator.

    django-oauth-toolkit's own secret columns are left out: a generated 256-bit secret is kept as its SHA-256 digest,
    because hashing it like a password costs 200 ms of CPU to anybody who sends junk.
    """

    class AuthMethod(models.TextChoices):
        NONE = "none", "None (public client, PKCE only)"
        BASIC = "client_secret_basic", "Secret in the Authorization header"
        POST = "client_secret_post", "Secret in the form"
        PRIVATE_KEY_JWT = "private_key_jwt", "Signed assertion (its own key)"

    client_secret = None
    hash_client_secret = None
    user = None
    post_logout_redirect_uris = None
    skip_authorization = None
    algorithm = None
    allowed_origins = None

    auth_method = models.CharField("authentication", max_length=24, choices=AuthMethod.choices, default=AuthMethod.NONE)
    also_public = models.BooleanField(
        default=False, help_text="Its document lists `none` beside its own method: it may come without proof too."
    )
    secret_digest = models.BinaryField(max_length=32, editable=False, default=bytes)
    previous_secret_digest = models.BinaryField(max_length=32, editable=False, default=bytes)
    previous_secret_expires_at = models.DateTimeField(null=True, editable=False)
    jwks = models.JSONField(default=dict, blank=True, help_text="Its public keys (RFC 7517).")
    jwks_uri = models.URLField(max_length=1024, blank=True)
    jwks_fetched_at = models.DateTimeField(null=True, editable=False)
    registration_token_digest = models.BinaryField(max_length=32, editable=False, default=bytes)
    may_refresh = models.BooleanField(
        default=True, help_text="Whether it receives refresh tokens (grant type refresh_token)."
    )
    website_url = models.URLField(max_length=1024, blank=True)
    policy_url = models.URLField(max_length=1024, blank=True)
    terms_url = models.URLField(max_length=1024, blank=True)
    software_id = models.CharField(max_length=255, blank=True)
    software_version = models.CharField(max_length=255, blank=True)
    fingerprint = models.CharField(
        max_length=64,
        blank=True,
        db_index=True,
        editable=False,
        help_text="Equal for registrations that say the same of themselves, however often they register.",
    )
    registration_key = models.CharField(
        max_length=64, null=True, unique=True, editable=False, help_text="What equal public registrations share."
    )
    metadata_digest = models.CharField(max_length=64, blank=True, editable=False)
    document_fetched_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    expired_at = models.DateTimeField(
        null=True, editable=False, help_text="Set when the registration ended; the row stays and says so."
    )
    is_verified = models.BooleanField(
        default=False, help_text="An administrator has checked who is behind it; the consent page says so."
    )
    verified_at = models.DateTimeField(null=True, editable=False)
    is_active = models.BooleanField(
        default=True, help_text="Clear it and every connection of this client is refused at once."
    )

    objects = ApplicationManager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "client"
        indexes = [
            # For the purge.
            models.Index(
                fields=["last_used_at", "created"], condition=models.Q(expired_at=None), name="registrations_unused"
            ),
            models.Index(fields=["-created"], name="clients_by_age"),
            models.Index(
                fields=["expired_at"], condition=models.Q(expired_at__isnull=False), name="registrations_ended"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.client_id

    @property
    def redirect_uri_list(self) -> list[str]:
        return self.redirect_uris.split()

    @property
    def has_secret(self) -> bool:
        return self.auth_method in (self.AuthMethod.BASIC, self.AuthMethod.POST)

    @property
    def signs(self) -> bool:
        return self.auth_method == self.AuthMethod.PRIVATE_KEY_JWT

    @property
    def has_document(self) -> bool:
        return self.registration_source == self.RegistrationSource.CIMD

    def is_usable(self, request: object) -> bool:
        return self.is_active and self.expired_at is None

    def clean(self) -> None:
        """Hold an administrator's form to the same redirect rules as registration (RFC 9700 §2.1)."""
        problems = [problem for uri in self.redirect_uri_list if (problem := redirects.problem_with(uri))]
        if not self.redirect_uri_list:
            problems.append("Name at least one redirect URI.")
        if problems:
            raise ValidationError({"redirect_uris": problems})


class ClientDocument(models.Model):
    """What stands at the address of a client that is known by its document: as it was fetched, and as it was before it
    last changed. A row of its own, so that no request of the flow reads it along."""

    client = models.OneToOneField(Client, primary_key=True, on_delete=models.CASCADE, related_name="document")
    content = models.TextField(help_text="JSON, as text: what strangers write is not always what a database takes.")
    previous = models.TextField(null=True)
    changed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"document of client {self.pk}"
