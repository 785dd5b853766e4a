"""Where our sign-in differs from django-allauth's."""

import re
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from authserver.middleware import client_address

# What the next page says anyway; repeated, it would stand on top of the consent page.
QUIET_MESSAGES = {
    f"account/messages/{name}.txt" for name in ("logged_in", "logged_out", "email_confirmation_sent", "email_confirmed")
}
WRONG_CREDENTIALS = "The email address or the password is not right."


NEXT_LENGTH_MAX = 16_384
# One slash, then no second one and no backslash, which browsers read as one; no control character anywhere.
OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": WRONG_CREDENTIALS,
        "too_many_login_attempts": "Too many tries for this address. Wait five minutes, or reset your password.",
        "incorrect_code": "This code is not right. Check the newest e-mail from us.",
        "rate_limited": "A code was sent a moment ago. Wait a little before you ask for another.",
    }

    def is_safe_url(self, url: str | None) -> bool:
        """Tell whether `url` is a path on this host. Other hosts are refused, even our own other names."""
        # Django's own check refuses every address over 2,048 characters, and authorize URLs are longer than that:
        # their person would sign in and land elsewhere, the client never answered.
        return url is not None and len(url) <= NEXT_LENGTH_MAX and OWN_PATH.fullmatch(url) is not None

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that rate limits count by: the one that events have."""
        return client_address(request) or "unknown"

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in QUIET_MESSAGES:
            super().add_message(request, level, message_template, *args, **kwargs)
