"""`./dev bench admin`: CPU and statements of every list of the admin over a database as large as it is meant for."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections import defaultdict

import django

from benchmarks.hot import common
from benchmarks.ours import DATABASES

BUDGET_MS = 300.0


def main(arguments: list[str]) -> None:
    """Measure on each database and print, per list, the dearest way to look at it."""
    options = common.parser("admin", sizes="1000000", rounds=1, seconds=0.0).parse_args(arguments)
    for name in options.database:
        with common.up(name, options) as servers:
            for size, server in servers.items():
                found = json.loads(server.run("-m", "benchmarks.admin"))
                print(f"\n{DATABASES[name]}, {size:,} connections\n" + table(found))


def table(found: list[dict[str, str | float]]) -> str:
    """One line per list: how many ways, median and worst milliseconds of CPU, and which way that was."""
    by_list = defaultdict(list)
    for each in found:
        by_list[str(each["address"]).partition("?")[0]].append(each)
    lines = [f"{'list':44}{'ways':>6}{'statements':>12}{'CPU ms':>9}{'worst':>8}  at"]
    for path, rows in by_list.items():
        dearest = max(rows, key=_cpu)
        middle = common.median([_cpu(row) for row in rows])
        most = max(int(row["statements"]) for row in rows)
        query = str(dearest["address"]).partition("?")[2]
        over = "  OVER THE BUDGET" if _cpu(dearest) > BUDGET_MS else ""
        lines.append(f"{path:44}{len(rows):>6}{most:>12}{middle:>9.0f}{_cpu(dearest):>8.0f}  {query}{over}")
    return "\n".join(lines)


def _cpu(row: dict[str, str | float]) -> float:
    return float(row["python_ms"]) + float(row["database_ms"])


def here() -> None:
    """In the environment of a seeded database: make it large in every table, measure, print JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authserver.settings")
    os.environ["ADMIN_SECOND_FACTOR"] = "0"  # the administrator of this database is a program
    django.setup()
    from benchmarks.admin import crowd, lists  # models cannot be imported before the set-up

    crowd.gather()
    http = lists.prepare()
    list(lists.run(http))  # imports, templates, statistics of plans
    json.dump([dataclasses.asdict(each) for each in lists.run(http)], sys.stdout)


if __name__ == "__main__":
    here()
