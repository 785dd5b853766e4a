"""Tokens at acme: alice is its owner, bob a member, carol nobody there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User
from authserver.models import PersonalAccessToken
from authserver.services import personal_tokens
from handles.models import Handle
from tests.authserver.services.conftest import NOW
from tests.people import World

MONTH = timedelta(days=30)
Making = Callable[..., tuple[PersonalAccessToken, str]]


@pytest.fixture
def acme(world: World) -> Handle:
    return Handle.objects.get(slug="acme")


@pytest.fixture
def asking(acme: Handle) -> Callable[..., Any]:
    """Ask for a token as somebody may: what comes back may be a refusal."""

    def ask(user: User, **changes: Any) -> Any:
        usual = {"name": "CI", "scopes": ["links.read"], "lifetime": MONTH, "now": NOW} | changes
        return personal_tokens.create(user, usual.pop("handle", acme), **usual)

    return ask


@pytest.fixture
def making(asking: Callable[..., Any]) -> Making:
    def make(user: User, **changes: Any) -> tuple[PersonalAccessToken, str]:
        made = asking(user, **changes)
        assert isinstance(made, tuple), made
        return made

    return make
