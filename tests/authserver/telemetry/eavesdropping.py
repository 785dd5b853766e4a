"""Who listens to every line that is logged while tests run, at its source: before anything is hidden from the log.

It knows each secret that is made meanwhile, whatever its kind, those of the settings, and what the form of our secrets
is. A line that holds one fails its test. It hears each logger that is there, also those that tell the root nothing.

Not known: the six digits of an authenticator, of which there are too few to tell them from other numbers, and what
servers of their own make that has no form, such as the keys of their sessions.
"""

from __future__ import annotations

import base64
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from allauth.account import adapter
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.providers.oauth2 import utils as upstream
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.middleware import csrf
from jwcrypto.jwk import JWK

from authserver.protocol import credentials
from authserver.telemetry.redaction import HIDDEN, PREFIXES
from tests import people

WORD = re.compile(r"[A-Za-z0-9_~.-]{8,}")  # what a secret is within a line, an address or a header
PARTS = re.compile(rf"(?:{'|'.join(PREFIXES)})?[0-9A-Za-z]{{49}}")  # of our form; a code has no prefix
BASIC = re.compile(r"Basic ([A-Za-z0-9+/]{8,}={0,2})")
SHORTEST = 12
SHORTEST_MADE_BY_CHANCE = 8  # a code by mail, a recovery code
OF_SETTINGS = ("SECRET_KEY", "METRICS_TOKEN", "ALARM_WEBHOOK_SECRET", "EMAIL_HOST_PASSWORD")
# Where secrets are made: what each of these returns is one, or a list of them.
MAKERS: tuple[tuple[Any, str], ...] = (
    (credentials, "generate"),
    (SessionBase, "_get_new_session_key"),
    (csrf, "_get_new_csrf_string"),
    (csrf, "_mask_cipher_secret"),  # what a form carries
    (adapter, "generate_user_code"),  # codes by mail
    (totp, "generate_totp_secret"),
    (RecoveryCodes, "generate_codes"),
    (upstream, "token_urlsafe"),  # for who signs in elsewhere
    (secrets, "token_urlsafe"),  # the kit's, and verifiers of clients
)


class Eavesdropper:
    """Keeps, of each line with a secret in it, where it came from: not the line."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.phrases: set[str] = set()  # of more than one word
        self.caught: list[str] = []
        self.heard = 0

    def learn(self, secret: Any, *, shortest: int = SHORTEST) -> None:
        if isinstance(secret, str) and len(secret) >= shortest:
            (self.known if WORD.fullmatch(secret) else self.phrases).add(secret)

    def hear(self, record: logging.LogRecord) -> None:
        self.heard += 1
        try:
            line = logging.Formatter().format(record)  # the traceback with it
        except Exception:  # what cannot be formatted goes out nowhere
            return
        if self.holds_secret(line):
            self.caught.append(f"{record.name}, {record.pathname}:{record.lineno}")

    def read(self, *logs: Path) -> None:
        """Read what servers of their own wrote: neither a secret, nor a place where one had to be hidden."""
        for log in logs:
            for number, line in enumerate(log.read_text(errors="replace").splitlines(), start=1):
                self.heard += 1
                if HIDDEN in line or self.holds_secret(line):
                    self.caught.append(f"{log}:{number}")

    def holds_secret(self, line: str) -> bool:
        if any(phrase in line for phrase in (people.PASSWORD, *self.phrases, *of_settings())):
            return True
        if any(self.holds_secret(opened(word)) for word in BASIC.findall(line)):
            return True
        for word in WORD.findall(line):
            if word in self.known or word.strip(".-") in self.known:
                return True
            if any(is_ours(part) or part in self.known for part in PARTS.findall(word)):
                return True
        return False


def of_settings() -> Iterator[str]:
    """What the settings of this moment hold: tests change them."""
    known = [getattr(settings, name, "") for name in OF_SETTINGS]
    known += [*settings.SECRET_KEY_FALLBACKS, settings.DATABASES["default"].get("PASSWORD", "")]
    known += [app["secret"] for app in settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]]
    return (secret for secret in known if len(secret or "") >= SHORTEST)


def opened(word: str) -> str:
    """What an Authorization header of the kind Basic says."""
    return base64.b64decode(word.rstrip("=") + "=" * (-len(word.rstrip("=")) % 4)).decode(errors="replace")


def is_ours(text: str) -> bool:
    """Tell whether this is a secret of ours, by its checksum."""
    prefix = next((prefix for prefix in PREFIXES if text.startswith(prefix)), "")
    return credentials.is_well_formed(text, prefix)


LISTENER = Eavesdropper()


def _heard(make: Callable[..., Any]) -> Callable[..., Any]:
    def making(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        for each in made if isinstance(made, list) else [made]:
            LISTENER.learn(each, shortest=SHORTEST_MADE_BY_CHANCE)
        return made

    return making


@contextmanager
def listening() -> Iterator[Eavesdropper]:
    """Listen to all loggers, whoever sets them up anew, and wherever secrets are made. What was caught after the last
    test fails the run, too: some servers write their log to its end then."""
    set_password, generate, handlers_of = AbstractBaseUser.set_password, JWK.generate, logging.Logger.callHandlers

    def setting(user: Any, raw: str | None) -> None:
        LISTENER.learn(raw)
        set_password(user, raw)

    @staticmethod
    def generating(**kind: Any) -> JWK:
        key = generate(**kind)
        LISTENER.learn(key.export(as_dict=True)["d"])
        return key

    def calling(logger: logging.Logger, record: logging.LogRecord) -> None:
        LISTENER.hear(record)
        handlers_of(logger, record)

    with pytest.MonkeyPatch.context() as patch:
        for place, name in MAKERS:
            patch.setattr(place, name, _heard(getattr(place, name)))
        patch.setattr(AbstractBaseUser, "set_password", setting)
        patch.setattr(JWK, "generate", generating)
        patch.setattr(logging.Logger, "callHandlers", calling)
        yield LISTENER
    assert LISTENER.caught == [], "a secret was logged"
