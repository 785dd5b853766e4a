"""`gatehouse doctor` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gatehouse import command
from gatehouse.doctor.report import STEPS, TITLES
from tests.gatehouse.deployment import AS_METADATA, Deployment
from tests.gatehouse.doctor import world
from tests.gatehouse.doctor.world import says
from tests.house import ROOT


@pytest.fixture
def there() -> Iterator[Deployment]:
    with world.running() as found:
        yield found


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    try:
        status = command.main(["doctor", *arguments])
    except SystemExit as end:  # argparse
        status = int(end.code or 0)
    return status, capsys.readouterr().out


def test_one_line_for_each_step_and_nothing_more_where_all_is_well(
    there: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = run(capsys, there.url, "--as", "gemini")
    signs = dict.fromkeys(STEPS, "✓") | {"cors": "–"}
    lines = [f"{signs[name]} {TITLES[name]}{' (nothing to look at)' * (name == 'cors')}" for name in STEPS]
    assert out.splitlines() == [f"{there.url}, as Gemini CLI", "", *lines, "", "Gemini CLI gets to the sign-in page."]
    assert status == 0


def test_what_went_wrong_is_told_with_what_was_seen(there: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    says(AS_METADATA, code_challenge_methods_supported=["plain"], grant_types_supported=None)(there)
    status, out = run(capsys, there.url, "--as", "claude")
    at = out.index("✗ It offers what this client needs\n    sent   GET ")
    told = out[at:].split("\n– ")[0].splitlines()
    assert [line.split()[0] for line in told[1:]] == ["sent", "got", "cause", "fix", "cause", "fix"]
    assert "S256" in told[3]
    assert "refresh_token" in told[5]
    assert out.endswith("1 of 11 steps failed. Mend the first one first.\n")
    assert status == 1


def test_a_warning_is_no_failure(there: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    says(AS_METADATA, grant_types_supported=None)(there)
    status, out = run(capsys, there.url, "--as", "claude", "--verbose")
    assert (status, out.count("\n! "), out.count("    sent   ")) == (0, 1, len(STEPS) - 1)
    assert out.endswith("with 1 of 11 steps to look at.\n")


def test_programs_get_all_of_it(there: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(capsys, there.url, "--issuer", "https://ai.example.com", "--json")
    told = json.loads(out)
    assert (status, told["url"], told["client"], told["ok"]) == (1, there.url, "generic", False)
    assert [step["name"] for step in told["steps"]] == list(STEPS)
    (found,) = [finding for step in told["steps"] for finding in step["findings"]]
    assert (found["code"], found["facts"]["told"]) == ("wrong_authorization_server", there.origin)


@pytest.mark.parametrize(
    "arguments",
    [(), ("https://x/mcp", "--as", "netscape"), ("https://x/mcp", "--client-id", "c"), ("x", "--seconds", "0")],
)
def test_wrong_arguments_end_with_2(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert run(capsys, *arguments) == (2, "")


def test_it_runs_with_python_alone_and_the_guide_names_its_options() -> None:
    told = subprocess.run(
        [sys.executable, "-S", "-m", "gatehouse", "doctor", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert (told.returncode, told.stderr) == (0, "")
    guide = (ROOT / "docs/doctor.md").read_text()
    options = {word.strip(",[]") for word in told.stdout.split() if word.strip("[],").startswith("--")} - {"--help"}
    assert {"--as", "--issuer", "--client-id"} <= options
    assert [option for option in options if f"`{option}" not in guide] == []
