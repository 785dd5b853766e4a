"""Who listens to every line that is logged while tests run, at its source: before anything is hidden from the log.

It knows each secret that is made meanwhile, and what the form of our secrets is. A line that holds one fails its test.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase

from authserver.protocol import credentials
from authserver.telemetry.redaction import HIDDEN, PREFIXES
from tests import people

WORD = re.compile(r"[A-Za-z0-9_~.-]{12,}")  # what a secret is within a line, an address or a header
PARTS = re.compile(rf"(?:{'|'.join(PREFIXES)})?[0-9A-Za-z]{{49}}")  # of our form; a code has no prefix
SHORTEST = 12


class Eavesdropper(logging.Handler):
    """Keeps, of each line with a secret in it, where it came from: not the line."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.known: set[str] = set()
        self.caught: list[str] = []
        self.heard = 0

    def learn(self, secret: Any) -> None:
        if isinstance(secret, str) and len(secret) >= SHORTEST:
            self.known.add(secret)

    def emit(self, record: logging.LogRecord) -> None:
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
        if people.PASSWORD in line:
            return True
        for word in WORD.findall(line):
            if word in self.known or word.strip(".-") in self.known:
                return True
            if any(is_ours(part) or part in self.known for part in PARTS.findall(word)):
                return True
        return False


def is_ours(text: str) -> bool:
    """Tell whether this is a secret of ours, by its checksum."""
    prefix = next((prefix for prefix in PREFIXES if text.startswith(prefix)), "")
    return credentials.is_well_formed(text, prefix)


LISTENER = Eavesdropper()


def _heard(make: Callable[..., Any]) -> Callable[..., Any]:
    def making(*args: Any, **kwargs: Any) -> Any:
        made = make(*args, **kwargs)
        LISTENER.learn(made)
        return made

    return making


@contextmanager
def listening() -> Iterator[Eavesdropper]:
    """Listen at the root of all loggers, and wherever secrets are made."""
    set_password, app = AbstractBaseUser.set_password, people.App.__init__

    def setting(user: Any, raw: str | None) -> None:
        LISTENER.learn(raw)
        set_password(user, raw)

    def registering(self: people.App, *args: Any, **kwargs: Any) -> None:
        app(self, *args, **kwargs)
        LISTENER.learn(self.verifier)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "generate", _heard(credentials.generate))
        patch.setattr(SessionBase, "_get_new_session_key", _heard(SessionBase._get_new_session_key))
        patch.setattr(totp, "generate_totp_secret", _heard(totp.generate_totp_secret))
        patch.setattr(AbstractBaseUser, "set_password", setting)
        patch.setattr(people.App, "__init__", registering)
        logging.getLogger().addHandler(LISTENER)
        try:
            yield LISTENER
        finally:
            logging.getLogger().removeHandler(LISTENER)
