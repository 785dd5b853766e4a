"""Where passkeys work, and when a second step is demanded."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from django.http import HttpRequest

Type = Authenticator.Type


def host_of(request: HttpRequest) -> str:
    return urlsplit(f"//{request.get_host()}").hostname or ""


def passkeys_work(request: HttpRequest) -> bool:
    """Tell whether a browser lets a page of this host use passkeys: it wants a name (WebAuthn §5.1.2: a domain)."""
    try:
        ipaddress.ip_address(host_of(request))
    except ValueError:
        return True
    return False


def second_step_demanded(user: Any) -> bool:
    """Tell whether a password, or a code by mail, alone does not let this person in.

    A passkey by itself is a way in, not a demand: whoever took the offer at sign-up and lost the device would be
    locked out. The demand begins with recovery codes, which every factor from the security page brings along.
    """
    kinds = kinds_of(user)
    return Type.TOTP in kinds or {Type.WEBAUTHN, Type.RECOVERY_CODES} <= kinds


def kinds_of(user: Any) -> set[str]:
    """Return the kinds of factors that a person has."""
    return set(Authenticator.objects.filter(user_id=user.pk).values_list("type", flat=True))
