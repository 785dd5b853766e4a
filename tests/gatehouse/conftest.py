"""What the tests of the set-up command share: a deployment, and the command as a person runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from gatehouse import command
from tests.gatehouse import deployment as deployments
from tests.gatehouse.deployment import Deployment

CALLBACK = "https://chatgpt.com/connector/oauth/abc"


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with deployments.running() as found:
        yield found


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `gatehouse connect` with these arguments (and one callback, if they name none) and this environment."""
    monkeypatch.delenv("GATEHOUSE_ISSUER", raising=False)
    monkeypatch.delenv("GATEHOUSE_TOKEN", raising=False)

    def connect(*arguments: str, **environment: str) -> Ran:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        callback = () if "--redirect-uri" in arguments else ("--redirect-uri", CALLBACK)
        try:
            status = command.main(["connect", *arguments, *callback])
        except SystemExit as end:  # argparse
            status = int(end.code or 0)
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return connect
