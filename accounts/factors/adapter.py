"""Where our passkeys and second factors differ from django-allauth's."""

import logging
import re

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.factors import sealing
from accounts.factors.demand import host_of

log = logging.getLogger(__name__)
XML_PROLOG = re.compile(r"^\s*<\?xml[^>]*\?>\s*")
DEVICES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Mac OS X", "Mac"),
    ("Windows", "Windows"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)


class FactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": gettext_lazy("This code is not right. Try the next one that your app shows."),
        "unverified_email": gettext_lazy("Confirm your e-mail address first."),
    }

    def encrypt(self, text: str) -> str:
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret; where no key opens it any more, one of chance, which no code fits. (An empty one has
        codes that anybody can compute.)"""
        try:
            return sealing.unseal(encrypted_text)
        except sealing.CannotOpen as problem:
            log.error("a second factor cannot be opened: %s", problem)
            return generate_totp_secret()

    def build_totp_svg(self, url: str) -> str:
        """Return the QR code as an element to stand in the page: an image from a `data:` address is not allowed."""
        return XML_PROLOG.sub("", super().build_totp_svg(url))

    def get_totp_issuer(self) -> str:
        return f"{settings.BRAND_NAME} ({context.request.get_host()})"

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:
        """Return a name to begin with: the kind of device, as its browser tells."""
        agent = context.request.headers.get("User-Agent", "")
        device = next((name for mark, name in DEVICES if mark in agent), "")
        return _("Passkey on {device}").format(device=device) if device else _("Passkey")

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": host_of(context.request), "name": f"{settings.BRAND_NAME}, {host_of(context.request)}"}
