"""Handles (tenants such as `acme`), who belongs to them and in which role."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from handles import slugs
from handles.roles import Role


def validate_slug(value: str) -> None:
    if slugs.parse(value) != value:
        raise ValidationError(
            _("Use 1 to 40 small letters, digits and hyphens, beginning and ending with a letter or digit."), "invalid"
        )
    if slugs.is_reserved(value):
        raise ValidationError(_("This name is reserved."), "reserved")


class Handle(models.Model):
    class Visibility(models.TextChoices):
        PRIVATE = "private", _("Private: members only")
        PUBLIC = "public", _("Public: anyone signed in, as a guest")

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")

    class SuspendedBy(models.TextChoices):
        """Whose suspension it is: an owner ends only an owner's, an administrator either. What nobody noted counts as
        an administrator's."""

        OWNER = "owner", _("By an owner")
        ADMINISTRATOR = "administrator", _("By an administrator")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField("handle", max_length=slugs.SLUG_LENGTH_MAX, unique=True, validators=[validate_slug])
    display_name = models.CharField(max_length=80)
    visibility = models.CharField(max_length=8, choices=Visibility.choices, default=Visibility.PRIVATE)
    status = models.CharField(
        max_length=10,
        choices=Status.choices,
        default=Status.ACTIVE,
        help_text="Suspend it and every connection to it is refused at once; activate it and they work again.",
    )
    suspended_by = models.CharField(max_length=13, choices=SuspendedBy.choices, blank=True, default="", db_default="")
    is_for_testing = models.BooleanField(
        "for testing",
        default=False,
        db_default=False,
        help_text="Administrators may let connections to it meet faults on purpose.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="handles")
    viewer_role: Role | None = None  # of the person a page is for; no column, and no page decides by it

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return f"@{self.slug}"


class Membership(models.Model):
    handle = models.ForeignKey(Handle, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(
        max_length=8, choices=[choice for choice in Role.choices if choice[0] != Role.PUBLIC], default=Role.MEMBER
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "handle"], name="one_role_per_person_and_handle")]
        ordering = ["handle__slug"]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.handle}"


class RetiredName(models.Model):
    """The name of a handle that is gone. Clients keep addresses with it, so it is given to nobody else before
    policy.HANDLE_NAME_REST is over; who removed the handle may have it back."""

    slug = models.CharField(primary_key=True, max_length=slugs.SLUG_LENGTH_MAX)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    retired_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"@{self.slug}"


class Invitation(models.Model):
    """An offer of a seat: to one address, of which it has to be proven, or to whoever holds a link. Of the link's
    secret only the digest is kept; an invitation by mail has none."""

    class Ending(models.TextChoices):
        USED = "used", _("Used")
        DECLINED = "declined", _("Declined")
        REVOKED = "revoked", _("Revoked")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    handle = models.ForeignKey(Handle, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=8, choices=[each for each in Role.choices if each[0] != Role.PUBLIC])
    email = models.EmailField(blank=True, db_index=True, help_text="Empty: whoever holds the link.")
    digest = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    uses_max = models.PositiveSmallIntegerField(null=True, help_text="None: as many as come before it expires.")
    uses = models.PositiveSmallIntegerField(default=0)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=8, choices=Ending.choices, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class JoinRequest(models.Model):
    """Somebody asks to become a member: once per person and handle, until it is answered."""

    handle = models.ForeignKey(Handle, on_delete=models.CASCADE, related_name="join_requests")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField()
    declined_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["handle", "user"], name="one_join_request_per_person")]
        ordering = ["asked_at"]

    def __str__(self) -> str:
        return f"join request #{self.pk}"
