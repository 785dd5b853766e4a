"""The server, as `python -m authserver.serve` starts it, over a small world, with limits that a test can wait for.

A question about the credential `hold` keeps its statement under way for as long as a test has the pipe open; one about
`fail` makes whatever statement it is in fail. `python -m tests.authserver.door.server PORT WORKERS`, in the folder of
DATA_DIR.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django

from authserver import policy

REQUEST_SECONDS = 1.0
WAITING = 20
PAGES_OF_CALLER = 12
HOLD, FAIL = "hold", "fail"
IS_SERVER = "TEST_DOOR_SERVER" in os.environ  # and not a test that wants to know its limits
if IS_SERVER:
    policy.REQUEST_SECONDS_MAX = REQUEST_SECONDS
    policy.DOOR_WAITING_MAX = WAITING
    policy.PAGES_OF_CALLER_WAITING_MAX = PAGES_OF_CALLER
if IS_SERVER and os.environ.get("TEST_DOOR_SECONDS"):
    policy.DOOR_SECONDS_MAX = policy.DOOR_STATEMENT_SECONDS = float(os.environ["TEST_DOOR_SECONDS"])
FOLDER = Path(os.environ["DATA_DIR"])
PIPE, WORLD = FOLDER / "pipe", FOLDER / "world.json"

django.setup()


def play(line: Any) -> None:
    """Have the line of introspection do as this module's docstring says, in whichever way it works."""
    name = "_act" if hasattr(line, "_act") else "_steps"
    work = getattr(line, name)

    def played(asked: Sequence[Any]) -> Any:
        tokens = {each.token for each in asked}
        if FAIL in tokens:
            raise RuntimeError("one of these fails")
        if HOLD in tokens:
            PIPE.read_bytes()
        return work(asked)

    setattr(line, name, played)


def make_world() -> None:
    from django.core.management import call_command

    from benchmarks.soak import seed
    from tests import people

    call_command("migrate", verbosity=0)
    world = people.make_world()
    held = [seed.connect(world, number) for number in range(2)]
    WORLD.write_text(json.dumps({"asker": [world.asker.id, world.asker.secret], "held": held}))
    os.mkfifo(PIPE)


def main() -> None:
    from authserver import serve

    if not WORLD.exists():
        make_world()
    sys.argv = ["serve", "--port", sys.argv[1], "--workers", sys.argv[2]]
    serve.main()


from authserver.door import introspection  # noqa: E402  after Django's set-up

if IS_SERVER:
    play(introspection.line)
if __name__ == "__main__":
    main()
