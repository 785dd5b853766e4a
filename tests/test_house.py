"""The house stands as it was drawn (tests/house.py), and every rule notices when it does not."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from django.urls import URLPattern

from authserver.models import Event
from authserver.urls import urlpatterns
from tests import house

Rule = Callable[[str, str], list[str]]

PLANTED: list[tuple[Rule, str, str]] = [
    (house.arrows_up, "authserver/protocol/scopes.py", "from authserver.services import connections"),
    (house.arrows_up, "authserver/services/connections.py", "import authserver.views.token"),
    (house.arrows_up, "authserver/services/connections.py", "def f():\n    from authserver.toolkit import server"),
    (house.arrows_up, "authserver/models/clients.py", "from ..services import clients"),
    (house.arrows_up, "authserver/policy.py", "from authserver import models"),
    (house.arrows_up, "authserver/forms.py", "from authserver.views import consent"),
    (house.arrows_up, "handles/access.py", "from authserver.services import events"),
    (house.arrows_up, "handles/models.py", "from handles.access import role_in"),
    (house.arrows_up, "accounts/models.py", "from handles.models import Handle"),
    (house.arrows_up, "authserver/cupboard.py", ""),
    (house.toolkit_outside_its_seam, "authserver/views/token.py", "from oauth2_provider.views import TokenView"),
    (house.toolkit_outside_its_seam, "authserver/services/connections.py", "import oauthlib.common"),
    (house.resource_server_knows_us, "resourceserver/gate.py", "from authserver.protocol import challenges"),
    (house.resource_server_knows_us, "resourceserver/sample/tools.py", "import django"),
    (house.command_knows_servers, "gatehouse/discovery.py", "from authserver.protocol import challenges"),
    (house.command_knows_servers, "gatehouse/wire.py", "def f():\n    import httpx2"),
    (house.writes_outside_services, "authserver/views/connections.py", "connection.save()"),
    (house.writes_outside_services, "authserver/views/connections.py", "Connection.objects.create(client=client)"),
    (house.writes_outside_services, "authserver/views/connections.py", "Event.objects.bulk_create(events)"),
    (house.writes_outside_services, "authserver/views/connections.py", "rows.filter(id=1).update(revoked=True)"),
    (house.writes_outside_services, "authserver/protocol/scopes.py", "connection.delete()"),
    (house.writes_outside_services, "authserver/toolkit/validator.py", "run('UPDATE connection SET revoked = 1')"),
    (house.too_long, "authserver/views/authorize.py", "\n" * 401),
    (house.too_long, "README.md", "\n" * 401),
    (house.drawer_of_odds_and_ends, "authserver/utils.py", ""),
    (house.drawer_of_odds_and_ends, "resourceserver/helpers.py", ""),
]
ALLOWED: list[tuple[Rule, str, str]] = [
    (house.arrows_up, "authserver/views/token.py", "from authserver.services import connections"),
    (house.arrows_up, "authserver/services/connections.py", "from handles.access import role_in"),
    (house.arrows_up, "handles/models.py", "from authserver import policy"),
    (house.toolkit_outside_its_seam, "authserver/toolkit/server.py", "import oauthlib.oauth2"),
    (house.resource_server_knows_us, "resourceserver/gate.py", "import httpx2, mcp"),
    (house.command_knows_servers, "gatehouse/discovery.py", "from gatehouse import wire"),
    (house.writes_outside_services, "authserver/services/connections.py", "connection.save()"),
    (house.writes_outside_services, "authserver/views/authorize.py", "context.update(scopes=scopes)"),
    (house.writes_outside_services, "authserver/views/x.py", "from authserver.services import a\na.delete(row)"),
    (house.writes_outside_services, "authserver/throttles.py", "cache.delete(key)"),
    (house.too_long, "authserver/migrations/0001_initial.py", "\n" * 401),
    (house.too_long, "requirements.lock", "\n" * 401),
]


@pytest.mark.parametrize("rule", house.RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    texts = house.sources() if rule is not house.too_long else all_texts()
    assert [breach for path, text in texts for breach in rule(path, text)] == []


def test_no_folder_is_too_full() -> None:
    assert house.too_full(house.files()) == []


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_a_planted_breach_is_caught(rule: Rule, path: str, text: str) -> None:
    assert rule(path, text)


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED)
def test_what_is_allowed_is_no_breach(rule: Rule, path: str, text: str) -> None:
    assert rule(path, text) == []


def test_a_planted_sixteenth_file_is_caught() -> None:
    fifteen = [Path(f"authserver/views/{number}.py") for number in range(15)]
    assert house.too_full(fifteen) == []
    assert house.too_full([*fifteen, Path("authserver/views/x.py")]) == ["authserver/views/ has 16 files"]


# `f"{prefix}_SECRET"` in resourceserver/sample/config.py.
SPELLED_IN_PARTS = {"RESOURCE_SERVER_SECRET", "OTHER_RESOURCE_SERVER_SECRET"}


def test_the_table_of_environment_variables_is_what_the_code_reads() -> None:
    assert house.variables_in_table((house.ROOT / "docs/operations.md").read_text()) == all_variables()


def test_the_example_file_lists_what_the_code_reads() -> None:
    assert house.variables_in_example((house.ROOT / ".env.example").read_text()) == all_variables()


def test_the_compose_file_sets_no_variable_that_nobody_reads() -> None:
    services = yaml.safe_load((house.ROOT / "docker-compose.yml").read_text())["services"]
    ours = [service for service in services.values() if service["image"] == "gatehouse"]
    assert len(ours) == 5
    names = {name.removesuffix("_FILE") for service in ours for name in service["environment"]}
    assert names - all_variables() == set()


def test_every_service_of_the_compose_file_is_watched_or_ends() -> None:
    """The image brings the health check of the server itself; a migration ends by itself."""
    services = yaml.safe_load((house.ROOT / "docker-compose.yml").read_text())["services"]
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["app"]
    assert "HEALTHCHECK" in (house.ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "env.str('NEW_SWITCH')",
        "env.bool('NEW_SWITCH', default=False)",
        "os.environ['NEW_SWITCH']",
        "os.environ.get('NEW_SWITCH')",
        "os.getenv('NEW_SWITCH', '')",
        "_needed(environ, 'NEW_SWITCH')",
    ],
)
def test_a_new_variable_is_seen_however_it_is_read(text: str) -> None:
    assert house.variables_read("authserver/settings.py", text) == {"NEW_SWITCH"}


def test_a_variable_in_prose_is_not_documented() -> None:
    assert house.variables_in_table("Set `NEW_SWITCH` as you like.") == set()
    assert house.variables_in_table("| `NEW_SWITCH` | off | what it does |") == {"NEW_SWITCH"}


@pytest.mark.parametrize("name", ["docs/flow.md", "CONTRIBUTING.md", "README.md", "docs/operations.md"])
def test_every_symbol_that_a_document_names_exists(name: str) -> None:
    assert house.symbols_missing((house.ROOT / name).read_text()) == []


@pytest.mark.parametrize("name", ["authserver.views.authorize.asks", "authserver.cupboard", "handles.access.Seat.x"])
def test_a_symbol_that_is_gone_is_noticed(name: str) -> None:
    assert house.symbols_missing(f"see `{name}`") == [name]


def test_every_protocol_path_stands_in_the_wire_document() -> None:
    text = (house.ROOT / "docs/wire.md").read_text()
    paths = [str(entry.pattern) for entry in urlpatterns if isinstance(entry, URLPattern)]
    ours = [re.sub(r"<\w+:(\w+)>", r"{\1}", path) for path in paths if path.startswith(("oauth/", ".well-known/"))]
    assert "oauth/introspect" in ours
    assert [path for path in [*ours, "livez", "readyz"] if f"/{path}" not in text] == []


def test_every_event_is_described() -> None:
    described = re.findall(r"^\| `([a-z_]+:[a-z_]+)`", (house.ROOT / "docs/events.md").read_text(), re.MULTILINE)
    assert sorted(described) == sorted(Event.Tag.values)


def test_every_check_that_stops_the_start_is_described() -> None:
    numbers = [
        node.args[2].value
        for path in (house.ROOT / "authserver/checks").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("error", "_error")
    ]
    described = re.findall(r"^\| `gatehouse\.E(\d+)`", (house.ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert [int(number) for number in described] == sorted(numbers)


def test_nothing_that_replaces_urllib3_is_installed() -> None:
    """Its `.pth` file overwrites urllib3 at start-up, and with it the fetcher of client metadata documents."""
    names = {(found.metadata["Name"] or "").lower().replace("_", "-") for found in metadata.distributions()}
    assert "urllib3" in names
    assert names & {"urllib3-future", "niquests"} == set()


def all_variables() -> set[str]:
    """All variables that the authorization server, the sample resource server and the compose file read. The set-up
    command runs on other computers: its own README names what it reads."""
    served = [(path, text) for path, text in house.sources() if not path.startswith("gatehouse/")]
    found = {name for path, text in served for name in house.variables_read(path, text)}
    return found | SPELLED_IN_PARTS | house.variables_of_compose((house.ROOT / "docker-compose.yml").read_text())


def all_texts() -> list[tuple[str, str]]:
    """Every file that is text."""
    texts = []
    for path in house.files():
        try:
            texts.append((str(path), (house.ROOT / path).read_text()))
        except UnicodeDecodeError:
            continue
    return texts
