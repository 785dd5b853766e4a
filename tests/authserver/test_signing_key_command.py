"""`manage.py signing_key`: the keys that sign security events."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from authserver.models import SigningKey
from authserver.services.receipts import keys

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("signing_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_next_key_is_made_and_listed_and_the_old_one_signs_on() -> None:
    first = keys.signer().kid
    said = run("rotate")
    second = SigningKey.objects.get(number=2).kid
    assert first in said
    assert second in said
    assert keys.signer().kid == first
    assert run("list") == said


def test_nothing_private_is_listed() -> None:
    keys.signer()
    assert '"d"' not in run("list")
    assert len(run("list").splitlines()) == 1


def test_an_unknown_act_is_refused() -> None:
    with pytest.raises(CommandError):
        run("remove")
