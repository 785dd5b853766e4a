"""Where our sign-in differs from django-allauth's."""

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context, ratelimit
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import recent
from accounts.factors import demand, steps
from authserver.middleware import client_address
from authserver.services.notices import faults

log = logging.getLogger(__name__)
# What the next page says anyway; repeated, it would stand on top of the consent page.
QUIET_MESSAGES = {
    f"account/messages/{name}.txt"
    for name in ("logged_in", "logged_out", "email_confirmation_sent", "email_confirmed", "login_code_sent")
} | {f"mfa/messages/{name}.txt" for name in ("webauthn_added", "totp_activated", "recovery_codes_generated")}
WRONG_CREDENTIALS = gettext_lazy("The email address or the password is not right.")
NO_ADDRESS = "0.0.0.0"  # noqa: S104  rate limits and rows of sessions need some address

NEXT_LENGTH_MAX = 16_384
# One slash, then no second one and no backslash, which browsers read as one; no control character anywhere.
OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


class MailNotSent(Exception):
    """A code, or what stands for one where there is no account, could not be sent. `refused`: the mail server answers,
    and does not take it."""

    def __init__(self, *, refused: bool) -> None:
        super().__init__()
        self.refused = refused


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": WRONG_CREDENTIALS,
        "too_many_login_attempts": gettext_lazy(
            "Too many tries for this address. Wait five minutes, or reset your password."
        ),
        "incorrect_code": gettext_lazy("This code is not right. Check the newest e-mail from us."),
        "incorrect_password": gettext_lazy("This is not your password."),
        "rate_limited": gettext_lazy("A code was sent a moment ago. Wait a little before you ask for another."),
    }

    def is_safe_url(self, url: str | None) -> bool:
        """Tell whether `url` is a path on this host. Other hosts are refused, even our own other names."""
        # Django's own check refuses every address over 2,048 characters, and authorize URLs are longer than that:
        # their person would sign in and land elsewhere, the client never answered.
        return url is not None and len(url) <= NEXT_LENGTH_MAX and OWN_PATH.fullmatch(url) is not None

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that rate limits count by: the one that events have."""
        return client_address(request) or NO_ADDRESS

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Tell whether this browser may make an account, as settings.SIGN_UP decides. Doubt is a no."""
        if settings.SIGN_UP == "invited":
            is_invited: Callable[[HttpRequest], bool] = import_string(settings.INVITATION_READER)
            return bool(is_invited(request))
        return bool(settings.SIGN_UP == "open")

    def get_login_stages(self) -> list[str]:
        return steps.ours(super().get_login_stages())

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """A sign-in of a moment ago will do; allauth would ask for the password once more."""
        return not recent.is_recent(context.request)

    def get_reauthentication_methods(self, user: Any) -> list[dict]:
        """Return the ways to show again who one is, the strongest first; at least one for whoever is signed in.

        A person who has neither a password nor a factor signs in by mail or elsewhere, and does so again.
        """
        if not user.is_authenticated:
            return []
        found = {method["id"]: method for method in super().get_reauthentication_methods(user)}
        if not demand.passkeys_work(context.request):
            found.pop("mfa_reauthenticate:webauthn", None)
        has_app = demand.Type.TOTP in demand.kinds_of(user)
        words = {
            "mfa_reauthenticate:webauthn": _("Use a passkey"),
            "reauthenticate": _("Use your password"),
            "mfa_reauthenticate": _("Use a code from your app") if has_app else _("Use a recovery code"),
        }
        ways = [found[name] | {"description": text} for name, text in words.items() if name in found]
        return ways or [{"id": "again", "description": _("Sign in again"), "url": reverse("sign_in_again")}]

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send what somebody waits for. Raises MailNotSent, which `accounts.doors` answers."""
        try:
            super().send_mail(template_prefix, email, context)
        except faults.FAULTS as problem:
            log.warning("mail %s could not be sent: %s", template_prefix, type(problem).__name__)
            # allauth has counted the code that never came; the next try would wait for it.
            ratelimit.clear(self.request, action="confirm_email", key=email.lower())
            # Not `from problem`: its text may hold the address, and a report of this error would carry it.
            raise MailNotSent(refused=faults.is_refusal(problem)) from None

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Tell a person of a change. It has happened: a mail server that is away does not undo it."""
        with suppress(MailNotSent):
            super().send_notification_mail(*args, **kwargs)

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in QUIET_MESSAGES:
            super().add_message(request, level, message_template, *args, **kwargs)
