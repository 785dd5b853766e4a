"""How a seeded fault is written down: one row."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from gatehouse.doctor.report import Outcome
from tests.gatehouse.deployment import AS_METADATA, MCP, SIGNPOST, Deployment, Handler
from tests.gatehouse.doctor.world import (
    GET_MCP,
    HEAD_MCP,
    JSON,
    Fault,
    answers,
    both,
    challenging,
    says,
)

BAD, WARN = Outcome.FAILED, Outcome.WARNED
ROOT_RS = "GET /.well-known/oauth-protected-resource"
HOSTED = "https://{handle}.nowhere.invalid/mcp"
DISCOVERY = (MCP, GET_MCP, HEAD_MCP)
NO_CORS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
NO_DOCUMENTS = says(AS_METADATA, client_id_metadata_document_supported=None)


def sound(there: Deployment) -> None:
    """The fault is in what is asked for."""


def everywhere(status: int, **headers: str) -> Fault:
    return both(*(answers(what, status, b"", **(headers or JSON)) for what in DISCOVERY))


def hosted(pattern: str) -> Fault:
    return lambda there: there.document(SIGNPOST)["endpoints"].update(mcp_hosted=pattern)


def clock(seconds: float) -> Fault:
    return lambda there: setattr(there, "clock_ahead_seconds", seconds)


def hangs(what: str) -> Fault:
    return lambda there: there.answers.update({what: lambda handler: bool(there.over.wait(20)) and None})


def hangs_up(what: str) -> Fault:
    return lambda there: there.answers.update({what: lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)})


def dawdles(what: str) -> Fault:
    def change(there: Deployment) -> None:
        sound_answer = there.answers[what]

        def answer(handler: Handler) -> None:
            there.over.wait(0.15)
            sound_answer(handler)

        there.answers[what] = answer

    return change


def renamed(header: str, status: int = 401) -> Fault:
    """The challenge stands in another header."""
    return lambda there: challenging(
        without="", refused=None, status=status, **{header: f'Bearer resource_metadata="{there.origin}/x"'}
    )(there)


def row(
    title: str,
    client: str,
    step: str,
    outcome: Outcome,
    codes: str,
    fault: Fault,
    named: tuple[str, ...] = (),
    **options: Any,
) -> Any:
    """`codes`: the one that is expected first, and what is found beside it."""
    return pytest.param(client, step, outcome, codes.split(), fault, options, named, id=f"{title} ({client})")
