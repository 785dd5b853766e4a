"""What can be approved (scopes), for which endpoints (protected resources), and who may ask about it (resource
servers)."""

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from authserver.protocol import resources
from authserver.protocol.control.scopes import CATALOG
from handles.models import Handle
from handles.roles import Role

# RFC 6749 §3.3: a scope token is printable ASCII without space, quote and backslash.
scope_token = RegexValidator(r"^[\x21\x23-\x5B\x5D-\x7E]+$", "A scope is printable ASCII without spaces or quotes.")


class Scope(models.Model):
    """One entry of the catalog: what a person reads on the consent page, and who may approve it."""

    class Level(models.TextChoices):
        READ = "read", _("Read")
        CHANGE = "change", _("Change")
        MANAGE = "manage", _("Manage")

    name = models.CharField(primary_key=True, max_length=100, validators=[scope_token])
    title = models.CharField(max_length=80, help_text='A sentence in the person\'s own words: "Create and edit links".')
    description = models.CharField(max_length=200, blank=True)
    consequence = models.CharField(
        max_length=200, blank=True, help_text="Shown beside Manage scopes: what others will notice."
    )
    level = models.CharField(max_length=6, choices=Level.choices, default=Level.READ)
    group = models.CharField(max_length=60)
    role = models.CharField("role needed", max_length=8, choices=Role.choices, default=Role.MEMBER)
    is_required = models.BooleanField(default=False, help_text="Part of every connection; cannot be unticked.")
    is_shown = models.BooleanField(default=True, help_text="Clear it for scopes that the page says in other words.")
    is_active = models.BooleanField(
        default=True, help_text="Clear it and the scope leaves every connection at once; set it and it returns."
    )
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.name in CATALOG:
            raise ValidationError({"name": "This name means something at the control-plane API."})


class ScopeBundle(models.Model):
    """A use case and the scopes it needs, offered when a client is set up by hand."""

    slug = models.SlugField(primary_key=True, max_length=40)
    title = models.CharField(max_length=80)
    scopes = models.ManyToManyField(Scope, related_name="bundles")
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.title


class CatalogState(models.Model):
    """One row that counts changes of the catalog, so that every process notices one within the statement it runs
    anyway."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"catalog {self.version}"


class ProtectedResource(models.Model):
    """An MCP endpoint, or a family of them: `{handle}` in the address stands for any handle.

    The gateway, hosted and compatibility endpoints take their address from the deployment's settings; others carry
    their own. Draft and production endpoints of one project are two rows, with separate connections.
    """

    class Kind(models.TextChoices):
        GATEWAY = "gateway", "Gateway: one address, the person picks the handle"
        HOSTED = "hosted", "Hosted: the handle is in the host name"
        COMPATIBILITY = "compatibility", "Compatibility path: the handle is in the path"
        OTHER = "other", "Other address"

    class Stage(models.TextChoices):
        PRODUCTION = "production", "Production"
        DRAFT = "draft", "Draft"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=13, choices=Kind.choices, default=Kind.OTHER)
    name = models.CharField(max_length=80)
    address = models.CharField(
        max_length=500,
        blank=True,
        help_text="As clients type it, for example https://draft.example.com/mcp; {handle} stands for any handle. "
        "Leave it empty for the three platform kinds: they follow the settings.",
    )
    aliases = models.TextField(
        blank=True, help_text="Other spellings that clients may send, one a line; they are stored as the address."
    )
    handle = models.ForeignKey(
        Handle, null=True, blank=True, on_delete=models.CASCADE, help_text="Set it where the address is one handle's."
    )
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.PRODUCTION)
    scopes = models.ManyToManyField(Scope, blank=True, help_text="Only these can be approved here; none means all.")
    takes_personal_tokens = models.BooleanField(
        "takes personal access tokens",
        default=False,
        help_text="For other APIs than MCP: their servers may ask about personal access tokens too.",
    )
    is_active = models.BooleanField(
        default=True, help_text="Clear it and every connection to this endpoint is refused at once."
    )
    tools_version = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="Rises with each change of the tools published here."
    )
    tools_published_at = models.DateTimeField(null=True, editable=False)
    # How far the mail about them is (services/tools/telling.py).
    tools_told_version = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="People were told by mail of the tools up to this version."
    )
    tools_telling_version = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="They are being told of this one; 0: of none."
    )
    tools_told_to = models.UUIDField(
        null=True, editable=False, help_text="The connection, in the order of ids, up to which they are."
    )

    class Meta:
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=~models.Q(kind="other"), name="one_row_per_platform_endpoint"
            ),
            models.UniqueConstraint(
                fields=["address"], condition=models.Q(kind="other"), name="one_row_per_other_address"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if any(resources.parse_pattern(alias) is None for alias in self.aliases.split()):
            raise ValidationError({"aliases": "An alias is not an absolute http(s) address in its canonical form."})
        if self.kind != self.Kind.OTHER:
            if self.takes_personal_tokens:
                raise ValidationError({"takes_personal_tokens": "No MCP endpoint takes personal access tokens."})
            if self.address:
                raise ValidationError({"address": "The platform endpoints take their address from the settings."})
            return
        if resources.parse_pattern(self.address) is None:
            raise ValidationError(
                {"address": "Write an absolute http(s) address without fragment, in its canonical form."}
            )


class ResourceServer(models.Model):
    """A program that may ask about credentials, and only about those of its own resources (RFC 7662 §2.1)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    secret_digest = models.BinaryField(max_length=32, editable=False, default=bytes)
    # Works on until then, so that its holders can change over (services/rotation/overlap.py).
    previous_secret_digest = models.BinaryField(max_length=32, editable=False, null=True)
    previous_secret_expires_at = models.DateTimeField(editable=False, null=True)
    resources = models.ManyToManyField(ProtectedResource, related_name="resource_servers")
    event_origins = models.TextField(
        blank=True,
        help_text="Where security events may be pushed to besides the origins of its endpoints, one origin a line: "
        "https://mcp-1.internal.example.com:8443",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if any(resources.origin(each) != each for each in self.event_origins.split()):
            raise ValidationError({"event_origins": "An origin is written like https://mcp.example.com, nothing more."})
