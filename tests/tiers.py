"""Every tier of tests, one after the other, and a table of what ran: `./dev test` calls this.

A tier whose real component is absent is skipped with a loud line; with REQUIRE_ALL_TIERS=1 that is a failure.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import migrated, servers

ROOT = Path(__file__).resolve().parent.parent
NOTHING_COLLECTED = 5  # pytest's exit status
WORKERS = "3"  # on two cores: tests wait for servers, timeouts and browsers for a third of their time
# What asks no database is not run a second time on another one; nor are pages, which are drawn from the same rows, and
# what is decided before any row is asked for.
WITHOUT_ROWS = """
    test_house.py test_dev_command.py docs resourceserver gatehouse corpus accounts
    deploy conformance/test_claims.py conformance/test_limits.py
    authserver/protocol authserver/languages authserver/services/endpoints/test_checking.py authserver/checks
    authserver/test_files.py authserver/test_settings.py authserver/views/brand authserver/views/connections
    authserver/views/handles
    authserver/views/integrations authserver/door/test_listener.py authserver/door/test_stopping.py
    authserver/door/test_twins.py
    flows/accounts flows/integrations flows/languages flows/documents/test_signed_clients.py
    flows/rehearsals/test_each_fault.py flows/test_administrator.py flows/test_admin_pages.py
    flows/standing/test_admin_connections.py authserver/views/events authserver/views/test_consent_page.py
    attacks/test_consent_form.py
    attacks/test_secrets_stay_secret.py attacks/ledger/test_secrets.py
    attacks/accounts attacks/documents/test_ssrf.py attacks/test_open_redirect.py attacks/api/test_every_operation.py
    api/test_description.py api/test_problems.py
"""
ON_ROWS = [f"--ignore=tests/{path}" for path in WITHOUT_ROWS.split()]
ON_ROWS.append(
    "--deselect=tests/attacks/usage/test_forged_reports.py"
    "::test_ten_thousand_malformed_bodies_are_refused_and_none_is_a_failure"
)
# Thousands of random requests, and a seeded server: once is enough, and PostgreSQL refuses more than SQLite does
# (a NUL, a length, a type).
ONCE = ("api/test_driven.py", "attacks/test_random_requests.py", "benchmarks/test_seed.py")
NOT_TWICE = [f"--ignore=tests/{name}" for name in ONCE]
# Where the tests are that need such a thing: their tiers read nothing else, the others not these folders.
HOMES = {
    "redis": ("tests/authserver/test_tasks.py", "tests/authserver/services/operations/test_outages.py"),
    "browser": ("tests/browser",),
    "contract": ("tests/contract", "tests/test_dev_command.py"),
}
PLAIN = ["not browser and not contract and not redis", "--ignore=tests/browser", "--ignore=tests/contract"]
# A copy of the migrated database is there already.
COPIED = ["--reuse-db"]
# A browser on a busy machine loses a click now and then. What fails is asked once more, alone, and the table says so.
MOODY = {"browser"}
AGAIN = ["--last-failed", "--last-failed-no-failures", "none"]
# A plugin that takes most of a second to load, in every process, and drives the API's description alone.
UNDRIVEN = ["-p", "no:schemathesis"]
CLOSING = re.compile(r"=+ .* in \d+\.\d+s\b.* =+$")


@dataclass(frozen=True)
class Component:
    """Something real that tests need and pip cannot install."""

    name: str
    packages: str
    find: Callable[[], object]


POSTGRESQL = Component("PostgreSQL", "postgresql", servers.find_postgresql)
REDIS = Component("Valkey or Redis", "redis-server", servers.find_redis)
CHROMIUM = Component("Chromium", "chromium fonts-noto-core fonts-noto-cjk", servers.find_chromium)
NODE = Component("Node", "nodejs npm", servers.find_node)


@dataclass(frozen=True)
class Tier:
    """Some commands under one name. Commands that end in ` pytest` get the arguments of `./dev test` too."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    needs: Component | None = None
    wants: tuple[Component, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a tier ended: `ran`, `skipped` or `FAILED`; and in how many seconds."""

    tier: str
    state: str
    note: str
    seconds: float = 0.0


def need(component: Component) -> None:
    """Skip the test that calls this when the component is absent; fail it where every tier is required."""
    if component.find():
        return
    reason = f"{component.name} is not installed: apt-get install {component.packages}"
    (pytest.fail if all_required() else pytest.skip)(reason)


def all_required() -> bool:
    """Tell whether a skipped tier counts as a failure."""
    return os.environ.get("REQUIRE_ALL_TIERS", "0") not in ("", "0")


def production_environment() -> tuple[tuple[str, str], ...]:
    """What a deployment sets at the least; Django's deployment checks must find nothing to say about it."""
    return (
        ("DEBUG", "0"),
        ("DEMO", "0"),
        ("SECRET_KEY", secrets.token_urlsafe(64)),
        ("ISSUER", "https://ai.example.com"),
        ("GATEWAY_URL", "https://ai.example.com/mcp"),
        ("HOSTED_URL", "https://{handle}.mcp.example.com/mcp"),
        ("COMPAT_URL", "https://ai.example.com/mcp/{handle}/mcp"),
        ("DATABASE_URL", f"postgres://gatehouse:{secrets.token_hex(16)}@db/gatehouse"),
        ("CACHE_URL", "redis://valkey/0"),
        ("CELERY_BROKER_URL", "redis://valkey/1"),
        ("EMAIL_URL", "smtp://mail.example.com:25"),
        ("TRUSTED_PROXY_COUNT", "1"),
    )


def tiers() -> list[Tier]:
    """Every tier, in the order of how soon it can say no."""
    python = sys.executable
    here = (("DJANGO_SETTINGS_MODULE", "authserver.settings"), ("DEBUG", "1"), ("DATABASE_URL", "sqlite://:memory:"))
    return [
        Tier(
            "style",
            (
                (python, "-m", "ruff", "check", ".", "dev"),
                (python, "-m", "ruff", "format", "--check", ".", "dev"),
                (str(Path(python).with_name("lint-imports")),),
                (python, "-m", "mypy"),
                (python, "manage.py", "makemigrations", "--check", "--dry-run"),
            ),
            env=here,
        ),
        Tier(
            "deployment checks",
            ((python, "manage.py", "check", "--deploy", "--fail-level", "WARNING"),),
            env=production_environment(),
        ),
        Tier("documentation", ((python, "dev", "docs"),)),  # every warning of the builder fails it
        Tier(
            "tests on SQLite",
            (pytest_command(*PLAIN, "-n", WORKERS, *COPIED, *(NOT_TWICE if POSTGRESQL.find() else [])),),
        ),
        Tier(
            "tests on PostgreSQL",
            (pytest_command(*PLAIN, "-n", WORKERS, *ON_ROWS),),
            needs=POSTGRESQL,
            env=(("TEST_DATABASE", "postgresql"), ("TEST_DOOR", "1")),  # and through the door; above, without
        ),
        Tier(
            "tasks on Valkey/Redis",
            (pytest_command("redis and not browser and not contract", *at("redis"), *COPIED, *UNDRIVEN),),
            needs=REDIS,
        ),
        Tier(
            "browser",
            (pytest_command("browser", *at("browser"), "-n", WORKERS, *COPIED, *UNDRIVEN),),
            needs=CHROMIUM,
        ),
        Tier(
            "contract",
            (
                # Apart: where Playwright's event loop has once run, nobody else can start one (asyncio.run).
                *(
                    pytest_command(f"contract and not browser and {which}", *at("contract"), "-n", "2", *UNDRIVEN)
                    for which in ("not playwright", "playwright")
                ),
            ),
            wants=(POSTGRESQL, NODE, CHROMIUM),
        ),
    ]


def pytest_command(marker: str, *arguments: str) -> tuple[str, ...]:
    """Return the command of one pytest run over the tests of a tier."""
    return (sys.executable, "-m", "pytest", "-m", marker, *arguments)


def at(tier: str) -> tuple[str, str]:
    """Return the argument that makes pytest look only where the tests of a tier are, unless the caller names others."""
    return ("-o", f"testpaths={' '.join(HOMES[tier])}")


def misplaced(path: Path, markers: Collection[str]) -> list[str]:
    """Return the tiers of these markers that would never meet a test in this file."""
    return [
        tier
        for tier, homes in HOMES.items()
        if tier in markers and not any(path.is_relative_to(ROOT / home) for home in homes)
    ]


def run(tier: Tier, extra: Sequence[str], env: dict[str, str]) -> tuple[Outcome, Counter]:
    """Run all commands of a tier. Return how it ended, and pytest's own counts."""
    if tier.needs and not tier.needs.find():
        return skipped(tier), Counter()
    counts: Counter = Counter()
    started = time.monotonic()
    failed, note = [], ""
    for command in tier.commands:
        is_pytest = "pytest" in command
        print(f"\n--- {tier.name}: {shown(command)}", flush=True)
        status, closing = stream([*command, *extra] if is_pytest else list(command), env | dict(tier.env))
        if is_pytest:
            counts.update(parse_closing(closing))
            note = ", ".join(filter(None, [note, closing.strip("= ")]))
        # A filter of the caller's may leave nothing of a tier; a tier without tests is a failure where all count.
        if status == NOTHING_COLLECTED and is_pytest:
            status = int(all_required() and not extra)
        if status and is_pytest and tier.name in MOODY:
            again = [*command, *extra, *AGAIN]
            print(f"\n!!! {tier.name}: these failed, and are asked once more alone: {shown(again)}", flush=True)
            status, closing = stream(again, env | dict(tier.env))
            note += f"; failed at first, asked again: {closing.strip('= ')}"
        if status:
            failed.append(shown(command))
    for component in (component for component in tier.wants if not component.find()):
        loud(component)
        note += f"; without {component.name}"
        failed += [component.name] if all_required() else []
    note = note or ", ".join(failed)
    return Outcome(tier.name, "FAILED" if failed else "ran", note, time.monotonic() - started), counts


def shown(command: Sequence[str]) -> str:
    """A command as a person would type it."""
    return " ".join([Path(command[0]).name, *command[1:]])


def skipped(tier: Tier) -> Outcome:
    """Say loudly what to install; a skipped tier counts as failed where all are required."""
    assert tier.needs is not None
    loud(tier.needs)
    state = "FAILED" if all_required() else "skipped"
    return Outcome(tier.name, state, f"apt-get install {tier.needs.packages}")


def loud(component: Component) -> None:
    """One line that nobody overlooks."""
    print(f"\n!!! {component.name} is not here. To run its tests: apt-get install {component.packages}", flush=True)


def stream(command: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Run a command with its output on our terminal. Return its status and pytest's closing line, if it had one."""
    closing = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            closing = line.strip() if CLOSING.match(line) else closing
    return process.returncode, closing


def parse_closing(line: str) -> dict[str, int]:
    """Read pytest's closing line: `2 failed, 40 passed in 3.21s`. What is no count is left out."""
    return {name: int(count) for count, name in re.findall(r"(\d+) (passed|failed|errors?|skipped|xfailed)", line)}


def report(outcomes: Sequence[Outcome], counts: Counter, seconds: float) -> int:
    """Print the closing table and the sum of all pytest runs. Return the exit status."""
    width = max(len(outcome.tier) for outcome in outcomes)
    print(f"\n{'tier':{width}}  state    seconds  note")
    for outcome in outcomes:
        print(f"{outcome.tier:{width}}  {outcome.state:7}  {outcome.seconds:7.1f}  {outcome.note}")
    failed = any(outcome.state == "FAILED" for outcome in outcomes)
    parts = [f"{counts[name]} {name}" for name in ("failed", "error", "errors", "passed", "skipped") if counts[name]]
    print(f"\n===== {', '.join(parts) or 'no tests ran'} in {seconds:.2f}s =====", flush=True)
    return 1 if failed else 0


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for."""
    names = [tier.name for tier in tiers()]
    parser = argparse.ArgumentParser(prog="./dev test", description="Run every tier; other arguments go to pytest.")
    parser.add_argument("--tier", action="append", metavar="TEXT", help=f"only tiers that hold it: {', '.join(names)}")
    options, extra = parser.parse_known_args(arguments)
    chosen = [tier for tier in tiers() if not options.tier or any(text in tier.name for text in options.tier)]
    if not chosen:
        parser.error(f"there is no such tier; there are: {', '.join(names)}")
    started, outcomes, counts = time.monotonic(), [], Counter()
    with tempfile.TemporaryDirectory(prefix="gh-migrated-") as folder:
        # Every process of the run imports the same; unless compiled modules may be kept, each compiles them again.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        env = os.environ | migrated.make(Path(folder), os.environ)
        for tier in chosen:
            outcome, found = run(tier, extra, env)
            outcomes.append(outcome)
            counts.update(found)
    return report(outcomes, counts, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
