"""The acts of this room, and the events that each writes: for tests/authserver/services/test_events.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authserver import policy
from authserver.models import PersonalAccessToken
from authserver.services import personal_tokens
from authserver.services.standing import sign_out
from tests.authserver.services.conftest import NOW
from tests.tampering import forget_events


def make(stage: Any) -> str:
    lifetime = policy.PERSONAL_TOKEN_LIFETIMES[0]
    made = personal_tokens.create(
        stage.world.alice.user, stage.connection.handle, name="CI", scopes=["links.read"], lifetime=lifetime, now=NOW
    )
    assert isinstance(made, tuple)
    return made[1]


def revoke(stage: Any) -> None:
    make(stage)
    forget_events()
    personal_tokens.revoke(PersonalAccessToken.objects.get(), by=stage.world.alice.user, now=NOW)


def sign_out_everywhere(stage: Any) -> None:
    make(stage)
    forget_events()
    sign_out.everywhere(stage.world.alice.user, now=NOW)


ENDS = [("connection:revoked", "person"), ("personal_token:revoked", "person")]
ACTS: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "a person makes a personal access token": (make, [("personal_token:created", "person")]),
    "a person ends one": (revoke, [("personal_token:revoked", "person")]),
    "a person signs out everywhere": (sign_out_everywhere, [*ENDS, ("person:signed_out_everywhere", "person")]),
}
