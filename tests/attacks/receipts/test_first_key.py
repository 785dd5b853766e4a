"""Many processes that need the first signing key at the same moment: they all sign by one."""

from __future__ import annotations

from authserver.models import Event, SigningKey
from authserver.services.receipts import keys
from tests.attacks.conftest import at_once
from tests.people import World
from tests.tampering import forget_events

ROUNDS = 5


def test_eight_that_need_the_first_key_at_once_make_one(crowd: World) -> None:
    for _ in range(ROUNDS):
        SigningKey.objects.all().delete()
        forget_events()
        signed = at_once(*[lambda: keys.signer().kid] * 8)
        assert set(signed) == {SigningKey.objects.get().kid}
        assert Event.objects.filter(tag="signing_key:created").count() == 1
