"""What django-allauth says has happened, put into the audit trail."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.signals import email_changed, password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from authserver.services.standing import security


@receiver(authenticator_added)
@receiver(authenticator_reset)
def on_factor_added(*, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    if authenticator.type != Authenticator.Type.TOTP:  # allauth tells of it once it is stored; the view records it
        note_factor(request, user, authenticator)


def note_factor(request: HttpRequest, user: User, factor: Authenticator) -> None:
    """Record that a factor was added, and that this session used it: whoever set it up a moment ago has it at hand."""
    security.factor_added(user, kind=factor.type)
    if request.user.is_authenticated and factor.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", type=factor.type, id=factor.pk, reauthenticated=True)


@receiver(authenticator_removed)
def on_factor_removed(*, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    security.factor_removed(user, kind=authenticator.type)


@receiver(password_changed)
def on_password_changed(*, user: User, **kwargs: Any) -> None:
    security.password_changed(user, way="changed")


@receiver(password_set)
def on_password_set(*, user: User, **kwargs: Any) -> None:
    security.password_changed(user, way="set")


@receiver(password_reset)
def on_password_reset(*, user: User, **kwargs: Any) -> None:
    security.password_changed(user, way="reset")


@receiver(email_changed)
def on_email_changed(*, user: User, **kwargs: Any) -> None:
    security.email_changed(user, now=timezone.now())
