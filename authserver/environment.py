"""The environment, as settings read it: `NAME_FILE` stands for `NAME`, and what cannot be used ends the process with
one line that says what to change. Never with a stack trace, and never with the value: it may be a secret."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

FILE = "_FILE"


class Unusable(SystemExit):
    """Ends the process that reads the settings, with one line on its error output."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{Path(sys.argv[0]).name}: {text}")


class Variables(Mapping[str, str]):
    """The environment with the content of files in it. The file goes before the variable."""

    def __getitem__(self, name: str) -> str:
        path = os.environ.get(name + FILE)
        return read(name + FILE, path) if path else os.environ[name]

    def __contains__(self, name: object) -> bool:
        return name in os.environ or bool(os.environ.get(f"{name}{FILE}"))

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


VARIABLES = Variables()


def read(variable: str, path: str) -> str:
    """Return what the file that a variable names holds, without the end of its last line: editors and `echo` add one.
    Raises Unusable where it cannot be read or holds nothing."""
    try:
        text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as problem:
        raise Unusable(f"{variable} names {path}, which cannot be read: {problem.strerror}.") from None
    except ValueError:
        raise Unusable(f"{variable} names {path}, which is no UTF-8 text.") from None
    if not text.strip():
        raise Unusable(f"{variable} names {path}, which is empty. Write the value into it, or unset {variable}.")
    return text


class Environment(environ.Env):
    """`env.str("NAME")`, `env.int("NAME", default=1)` …, as django-environ has them, but that a value which begins with
    `$` is a value: a random key may, and no variable is meant by it."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        if var not in VARIABLES:
            if default is self.NOTSET:
                raise Unusable(f"{var} is not set. docs/operations.md says what it is.")
            return default
        with naming(var):
            value = VARIABLES[var]
            if value == "" and default is None:
                return None
            return value if value == default else self.parse_value(value, cast)

    def int(self, var: str, default: Any = environ.Env.NOTSET) -> Any:
        """Every number of ours counts something: none is below zero."""
        number = super().int(var, default)
        with naming(var):
            if number is not None and number < 0:
                raise ValueError
        return number

    def choice(self, var: str, known: Sequence[str], *, default: str) -> str:
        """Return the value, which has to be one of these. Raises Unusable."""
        value: str = self.str(var, default=default)
        if value not in known:
            raise Unusable(f"{var} is {', '.join(known[:-1])} or {known[-1]}.")
        return value

    def db_url(self, var: str = "DATABASE_URL", *args: Any, **kwargs: Any) -> Any:
        with naming(var):
            return super().db_url(var, *args, **kwargs)

    def cache_url(self, var: str = "CACHE_URL", *args: Any, **kwargs: Any) -> Any:
        with naming(var):
            return super().cache_url(var, *args, **kwargs)

    def email_url(self, var: str = "EMAIL_URL", *args: Any, **kwargs: Any) -> Any:
        with naming(var):
            return super().email_url(var, *args, **kwargs)


@contextmanager
def naming(variable: str) -> Iterator[None]:
    """Say which variable it is that cannot be used."""
    try:
        yield
    except (ValueError, KeyError, ImproperlyConfigured):
        raise Unusable(f"{variable} cannot be used. docs/operations.md says what it takes.") from None
