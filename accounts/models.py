"""The person: signs in by e-mail address, is known elsewhere by a UUID that never changes."""

import uuid
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person; the address is stored in lower case so that it is unique however it is typed."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an administrator of the whole server (not of a handle)."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=self.normalize_email(username))


class User(AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=150, blank=True)
    language = models.CharField(
        default="",
        db_default="",
        max_length=12,
        blank=True,
        help_text="Of the pages and messages; empty: as the browser asks.",
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Clear it and every connection of this person is refused at once."
    )
    is_staff = models.BooleanField("administrator", default=False, help_text="May open the Django admin.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    signed_out_at = models.DateTimeField(
        "signed out everywhere", null=True, editable=False, help_text="No session from before it works any more."
    )

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []  # type: ignore[misc]

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ["email"]

    def __str__(self) -> str:
        return self.email

    @property
    def display_name(self) -> str:
        """The name to show; the part of the address before the @ where no name was given."""
        return self.name or self.email.partition("@")[0]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django compares this at every request. As it changes with the time of signing out everywhere too, that
        ends every session at once, without looking for them."""
        if self.signed_out_at is None:
            return super()._get_session_auth_hash(secret=secret)  # type: ignore[misc]
        seed = f"{self.password}{self.signed_out_at.isoformat()}"
        return salted_hmac("accounts.models.User.session", seed, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name
