"""`manage.py purge` removes what the purge on the clock would, and says what went."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from authserver.models import AccessToken, Connection
from tests.people import App, World


def purge(*arguments: str) -> str:
    out = StringIO()
    call_command("purge", *arguments, stdout=out)
    return out.getvalue()


def test_with_nothing_to_remove_it_says_so(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    assert purge() == "Nothing more is left to remove.\n"
    assert world.asker.is_active(held.access)


def test_it_says_how_many_rows_of_what_went(world: World, chatgpt: App) -> None:
    world.connect(world.alice, chatgpt, handle="acme")
    AccessToken.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert "access tokens: 1 removed" in purge()
    assert (AccessToken.objects.count(), Connection.objects.get().is_live) == (0, True)


@pytest.mark.django_db
def test_without_time_it_stops_and_says_that_there_may_be_more() -> None:
    assert "there may be more" in purge("--seconds", "0")
