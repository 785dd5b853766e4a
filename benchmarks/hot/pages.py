"""`./dev bench pages`: how long a person waits for a page while introspection is saturated."""

from __future__ import annotations

import argparse
import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from benchmarks.hot import common
from benchmarks.load import Target, run
from benchmarks.ours import DATABASES, Gatehouse
from benchmarks.peers.base import CALLBACK, CHALLENGE, RESOURCE, SCOPE

EVERY_SECONDS = 0.5
Waits = dict[str, list[float]]  # by page, in milliseconds


def main(arguments: list[str]) -> None:
    """Measure both pages with and without load, in turn, and print what a person waits."""
    options = common.parser("pages", sizes="1000000", rounds=3, seconds=20.0).parse_args(arguments)
    for database in options.database:
        with common.up(database, options) as servers:
            for size, server in servers.items():
                measure(server, f"{DATABASES[database]}, {size:,} connections", options)


def measure(server: Gatehouse, name: str, options: argparse.Namespace) -> None:
    cookie = server.made("session", 1).strip()
    pages = {"connected apps": "/connections", "authorize": authorize_path(server)}
    alone: Waits = {page: [] for page in pages}
    beside: Waits = {page: [] for page in pages}
    target = server.target("introspection", 0)
    common.warm_up(server, "introspection")
    rates = []
    for _ in range(options.rounds):
        for page, wait in visits(server, pages, cookie, options.seconds):
            alone[page].append(wait)
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(saturate, target, options.seconds)
            for page, wait in visits(server, pages, cookie, options.seconds):
                beside[page].append(wait)
            rates.append(result.result())
    print(f"\n{name}: pages every {EVERY_SECONDS} s, introspection {common.median(rates):,.0f} req/s meanwhile")
    print(
        f"{'page, ms':18}" + "".join(f"{head:>14}" for head in ("p50 alone", "p99 alone", "p50 loaded", "p99 loaded"))
    )
    for page in pages:
        cells = [percentile(waits[page], share) for waits in (alone, beside) for share in (0.5, 0.99)]
        print(f"{page:18}" + "".join(f"{cell:>14.0f}" for cell in cells))


def saturate(target: Target, seconds: float) -> float:
    return run(target, connections=common.CONNECTIONS_OF_LOAD, seconds=seconds).requests_per_second


def authorize_path(server: Gatehouse) -> str:
    """The authorize page of the first client."""
    asked = {"response_type": "code", "client_id": str(server.seeded["client_id"]), "redirect_uri": CALLBACK}
    asked |= {"state": "s", "code_challenge": CHALLENGE, "code_challenge_method": "S256", "resource": RESOURCE}
    return "/oauth/authorize?" + urlencode(asked | {"scope": SCOPE})


def visits(server: Gatehouse, pages: dict[str, str], cookie: str, seconds: float) -> Iterator[tuple[str, float]]:
    """Open the pages by turns for so long, each as by somebody who comes anew; yield milliseconds until all is read.

    One that takes long holds up the next: with two a second that says enough.
    """
    begun, number = time.monotonic(), 0
    while (due := begun + number * EVERY_SECONDS) < begun + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        page = list(pages)[number % len(pages)]
        yield page, visit(server.url, pages[page], cookie)
        number += 1


def visit(url: str, path: str, cookie: str) -> float:
    """Open one page; raise where it is not the page."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", path, headers={"Cookie": cookie, "Accept": "text/html"})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path.partition('?')[0]} answered {answer.status}")
    return (time.monotonic() - begun) * 1000


def percentile(values: list[float], share: float) -> float:
    """The smallest value that this share of all does not exceed."""
    return sorted(values)[max(0, -(-int(len(values) * share * 100) // 100) - 1)] if values else 0.0
