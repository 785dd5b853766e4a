"""Where our sign-in differs from django-allauth's."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.httpkit import clean_client_ip, get_client_ip
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

# A person who has just signed in sees that they did; said again, it would stand on top of the consent page.
QUIET_MESSAGES = {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}
WRONG_CREDENTIALS = "The email address or the password is not right."


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
        return bool(url) and url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that rate limits count by: the one that the outermost trusted proxy saw.

        A header shorter than the configured number of proxies, or one that names no address, comes from a request
        that went around them; such a request is counted by the address it really came from.
        """
        try:
            address = get_client_ip(request)
        except ImproperlyConfigured:
            address = None
        return address or clean_client_ip(request.META.get("REMOTE_ADDR", "")) or "unknown"

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in QUIET_MESSAGES:
            super().add_message(request, level, message_template, *args, **kwargs)
