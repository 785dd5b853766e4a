"""`python -m benchmarks.seed fill N` in the environment of a migrated, empty database; the other acts in one that is
filled, with what `fill` printed as a file."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

import django


def main(arguments: list[str]) -> None:
    """Fill, and print what was seeded as JSON; or make more, and print the values, one per line."""
    options = parser().parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
    django.setup()
    from benchmarks.seed import filling, later  # models cannot be imported before the set-up

    if options.act == "fill":
        json.dump(dataclasses.asdict(filling.fill(options.count)), sys.stdout)
        return
    seeded = filling.Seeded(**json.loads(options.seeded.read_text()))
    acts = {
        "codes": later.codes,
        "refresh": later.refresh_tokens,
        "session": later.sessions,
        "backlog": later.backlog,
    }
    make = acts[options.act]
    sys.stdout.writelines(f"{value}\n" for value in make(seeded, options.count))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks.seed")
    acts = made.add_subparsers(dest="act", required=True)
    for act in ("fill", "codes", "refresh", "session", "backlog"):
        of_act = acts.add_parser(act)
        of_act.add_argument("count", type=int)
        if act != "fill":
            of_act.add_argument("seeded", type=Path, help="a file with what `fill` printed")
    return made


if __name__ == "__main__":
    main(sys.argv[1:])
