"""Notices that are owed to alice, each about something that happened at acme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives

from authserver.models import Connection, Notice
from authserver.services import notices
from authserver.services.connections import Issued
from authserver.services.events import RequestFacts, current_request
from tests.authserver.services.conftest import NOW
from tests.people import World

Kind = Notice.Kind
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
Owing = Callable[..., Notice]


@pytest.fixture
def owed(world: World, pair: Issued) -> Owing:
    """Owe a notice as the acts do, from a browser at 203.0.114.9. What approving the fixture owed is gone."""
    Notice.objects.all().delete()

    def owe(kind: Kind = Kind.CONNECTION_APPROVED, *, address: str = "203.0.114.9", **facts: Any) -> Notice:
        agent = facts.pop("agent", FIREFOX)
        connection = None if kind == Kind.TOKEN_CREATED else Connection.objects.get()
        mark = current_request.set(RequestFacts(address=address, agent=agent))
        try:
            return notices.owe(kind, world.alice.user, connection=connection, now=NOW, **facts)
        finally:
            current_request.reset(mark)

    return owe


def html_of(mail: EmailMessage) -> str:
    assert isinstance(mail, EmailMultiAlternatives)
    ((content, kind),) = [(each[0], each[1]) for each in mail.alternatives]
    assert kind == "text/html"
    return str(content)
