"""`python -m benchmarks.seed fill N`, `… codes N FILE` and so on, in the environment of a migrated database."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys

import django


def main(arguments: list[str]) -> None:
    """Fill, and print what was seeded as JSON; or make values in a database that is filled."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
    django.setup()
    from benchmarks.seed import filling  # models cannot be imported before the set-up

    parser = argparse.ArgumentParser(prog="python -m benchmarks.seed")
    acts = parser.add_subparsers(dest="act", required=True)
    acts.add_parser("fill", help="fill an empty database").add_argument("count", type=int)
    options = parser.parse_args(arguments)
    if options.act == "fill":
        json.dump(dataclasses.asdict(filling.fill(options.count)), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
