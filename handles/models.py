"""Handles (tenants such as `acme`), who belongs to them and in which role."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from handles import slugs
from handles.roles import Role


def validate_slug(value: str) -> None:
    if slugs.parse(value) != value:
        raise ValidationError(
            "Use 1 to 40 small letters, digits and hyphens, beginning and ending with a letter or digit.", "invalid"
        )
    if slugs.is_reserved(value):
        raise ValidationError("This name is reserved.", "reserved")


class Handle(models.Model):
    class Visibility(models.TextChoices):
        PRIVATE = "private", "Private: members only"
        PUBLIC = "public", "Public: anyone signed in, as a guest"

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"

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
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="handles")

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
