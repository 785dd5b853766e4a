"""The kit stands alone: it imports nothing of the rest, its package says what it needs, its README works."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import resourceserver
from tests.resourceserver.fakes import exchange, http_scope, run

FOLDER = Path(resourceserver.__file__).parent
CHALLENGES = (FOLDER / "challenges.py").read_text()
README = (FOLDER / "README.md").read_text()
KIT_MAY_IMPORT = {"resourceserver", "httpx2"}
EVENTS_MAY_IMPORT = KIT_MAY_IMPORT | {"jwcrypto"}
SAMPLE_MAY_IMPORT = KIT_MAY_IMPORT | {"mcp", "mcp_types", "uvicorn"}


def imported(source: str) -> set[str]:
    """The top-level names that a module imports from elsewhere than the standard library, in any place."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)


def layer(source: str) -> set[str]:
    return set(re.findall(r"^(?:from|import) (resourceserver\.sample)", source, re.M))


@pytest.mark.parametrize(
    "path",
    sorted([*FOLDER.glob("*.py"), *FOLDER.glob("tools/*.py"), *FOLDER.glob("trace/*.py")]),
    ids=lambda path: path.name,
)
def test_the_kit_imports_nothing_but_its_http_client(path: Path):
    source = path.read_text()
    assert imported(source) <= KIT_MAY_IMPORT
    assert layer(source) == set()


@pytest.mark.parametrize("path", sorted((FOLDER / "events").glob("*.py")), ids=lambda path: path.name)
def test_what_remembers_needs_one_package_more(path: Path):
    source = path.read_text()
    assert imported(source) <= EVENTS_MAY_IMPORT
    assert layer(source) == set()


def test_the_kit_runs_where_that_package_is_not_installed():
    script = "import sys; sys.modules['jwcrypto'] = sys.modules['opentelemetry'] = None\n"
    script += "import resourceserver.gate, resourceserver.reports"
    assert subprocess.run([sys.executable, "-c", script], cwd=FOLDER.parent, check=False).returncode == 0


@pytest.mark.parametrize("path", sorted((FOLDER / "sample").glob("*.py")), ids=lambda path: path.name)
def test_the_sample_imports_only_what_its_extra_installs(path: Path):
    assert imported(path.read_text()) <= SAMPLE_MAY_IMPORT


def test_an_import_of_the_rest_would_be_noticed():
    assert imported("def f():\n    from authserver.models import Client") == {"authserver"}


TELEMETRY = {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"}


def test_traces_are_made_by_one_package_more_and_cost_nothing_without():
    assert imported((FOLDER / "telemetry" / "onward.py").read_text()) <= KIT_MAY_IMPORT
    assert imported((FOLDER / "telemetry" / "spans.py").read_text()) == {"opentelemetry"}


def test_the_package_file_names_what_is_imported():
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]
    assert project["name"] == "mcp-gatehouse-resourceserver"
    assert [line.partition(">")[0] for line in project["dependencies"]] == ["httpx2"]
    extras = {
        name: {line.partition(">")[0] for line in lines} for name, lines in project["optional-dependencies"].items()
    }
    assert extras == {"events": {"jwcrypto"}, "sample": {"mcp", "uvicorn", "jwcrypto"}, "telemetry": TELEMETRY}


def test_the_package_file_names_every_folder():
    packages = tomllib.loads((FOLDER / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(FOLDER.parent) for path in FOLDER.rglob("__init__.py")}
    assert {".".join(folder.parts) for folder in folders} == set(packages)


def test_the_readme_names_every_refusal():
    codes = set(re.findall(r'(?:Refusal|_unauthorized|_challenged)\(\s*(?:\d+, )?"([a-z_]+)"', CHALLENGES))
    assert {"missing_bearer_token", "invalid_token", "insufficient_scope", "rate_limited", "body_too_large"} <= codes
    told_otherwise = {"not_found", "parse_error"}
    assert codes - told_otherwise <= set(re.findall(r"`([a-z_]+)`", README))


def test_the_readmes_example_protects_a_server(monkeypatch: pytest.MonkeyPatch):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    for name, value in (("ISSUER", "https://ai.example.com"), ("RESOURCE", "https://notes.example.com/mcp")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RESOURCE_SERVER_ID", "notes")
    monkeypatch.setenv("RESOURCE_SERVER_SECRET", "rss_x")
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    scope = {**http_scope("POST", "http://x/mcp", []), "headers": [(b"host", b"notes.example.com")]}
    reply = run(exchange(names["app"], scope))
    assert (reply.status, reply.json["error"]) == (401, "missing_bearer_token")
    assert reply.challenge["scope"] == "mcp.connect links.read"
