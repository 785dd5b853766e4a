"""Whichever platform's file says it, what is deployed is one thing: the same commands, no variable that nobody reads.

`deploy/lint/run` holds the files against the tools of their platforms.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from authserver import policy
from authserver.checks import secrets
from tests import house
from tests.deploy import platforms_table
from tests.deploy.platforms_table import text
from tests.test_house import all_variables

WEB = "python -m authserver.serve --host 0.0.0.0 --port 8000 --workers 2"
MIGRATE = "python manage.py migrate --noinput"
WORKER = "celery --app authserver worker --loglevel INFO --concurrency 2"
BEAT = "celery --app authserver beat --loglevel INFO --schedule /tmp/schedule"
ALL = {WEB, MIGRATE, WORKER, BEAT}
OF_PLATFORMS = {"PORT"}


def compose() -> tuple[set[str], set[str]]:
    services = yaml.safe_load(text("docker-compose.yml"))["services"]
    commands = {" ".join(services[name]["command"]) for name in ("worker", "beat", "migrate")}
    image = re.findall(r"^CMD (\[.*\])$", text("Dockerfile"), re.MULTILINE)
    return {*commands, " ".join(json.loads(image[0]))}, set(services["app"]["environment"])


def fly() -> tuple[set[str], set[str]]:
    found = tomllib.loads(text("deploy/fly.toml"))
    assert set(found["http_service"]["processes"]) | {vm["processes"][0] for vm in found["vm"]} == set(
        found["processes"]
    )
    return {*found["processes"].values(), found["deploy"]["release_command"]}, set(found["env"])


def render() -> tuple[set[str], set[str]]:
    found = yaml.safe_load(text("deploy/render.yaml"))
    services = [service for service in found["services"] if service["type"] != "keyvalue"]
    commands = {service["dockerCommand"] for service in services} | {services[0]["preDeployCommand"]}
    group = found["envVarGroups"][0]["envVars"]
    assert not [each for each in group if "sync" in each]  # Render asks at services only
    given = [*group, *(each for service in services for each in service["envVars"])]
    return commands, {each["key"] for each in given if "key" in each}


def railway() -> tuple[set[str], set[str]]:
    found = [json.loads(text(f"deploy/railway{of}.json"))["deploy"] for of in ("", ".worker", ".beat")]
    return {*(each["startCommand"] for each in found), *found[0]["preDeployCommand"]}, set()


def chart() -> tuple[set[str], set[str]]:
    values: dict[str, Any] = yaml.safe_load(text("deploy/helm/values.yaml"))
    templates = "".join(path.read_text() for path in (house.ROOT / "deploy/helm/templates").iterdir())
    numbers = {"web.workers": values["web"]["workers"], "worker.concurrency": values["worker"]["concurrency"]}
    for name, number in numbers.items():
        templates = templates.replace(f"{{{{ .Values.{name} | quote }}}}", f'"{number}"')
    commands = {" ".join(yaml.safe_load(found)) for found in re.findall(r"^ +args: (\[.*\])$", templates, re.MULTILINE)}
    return commands, set(re.findall(r"- \{name: ([A-Z_]+), value:", templates))


@pytest.mark.parametrize("platform", [compose, fly, render, railway, chart])
@pytest.mark.covers("req:D2")
def test_every_platform_runs_the_same_commands_and_sets_what_the_code_reads(platform: Any) -> None:
    commands, variables = platform()
    assert commands == ALL
    known = all_variables() | {f"{name}_FILE" for name in all_variables()} | OF_PLATFORMS
    assert variables <= known


def test_the_image_holds_every_package_that_the_server_is_made_of() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", text("Dockerfile"), re.MULTILINE))
    assert copied == {"accounts", "authserver", "gatehouse", "handles", "locale", "resourceserver", "templates"}
    assert {f"!{name}" for name in copied} <= set(text(".dockerignore").splitlines())
    assert re.search(r"^USER 10001$", text("Dockerfile"), re.MULTILINE)


def test_fetched_documents_lead_to_no_private_address_from_the_cluster() -> None:
    """The chart's wall names what `protocol.addresses` calls not public, IPv4 first of all."""
    wall = text("deploy/helm/templates/networkpolicy.yaml")
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "100.64.0.0/10"):
        assert f"- {network}" in wall
    assert "cidr: 2000::/3" in wall


def test_the_image_has_the_packages_that_settings_ask_for() -> None:
    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    wanted = {re.split(r"[\[<>=]", each)[0] for extra in extras.values() for each in extra}
    assert {"opentelemetry-sdk", "sentry-sdk"} <= wanted
    assert wanted <= set(re.findall(r"^([\w.-]+)==", text("requirements.lock"), re.MULTILINE))


def test_pg_dump_in_the_image_is_as_new_as_the_servers() -> None:
    """It refuses a server that is newer than itself."""
    here = set(re.findall(r"postgresql(?:-client-|/)(\d+)", text("Dockerfile")))
    servers = {*re.findall(r"image: postgres:(\d+)", text("docker-compose.yml"))}
    servers |= {yaml.safe_load(text("deploy/render.yaml"))["databases"][0]["postgresMajorVersion"]}
    assert len(here) == 1
    assert here == servers


def test_probes_wait_longer_than_readyz_takes_and_no_outage_kills_a_pod() -> None:
    web = text("deploy/helm/templates/web.yaml")
    checks = [check["timeout"] for check in tomllib.loads(text("deploy/fly.toml"))["http_service"]["checks"]]
    asks = re.findall(r"timeout=(\d+)\)", text("deploy/probe.py"))
    waits = re.findall(r"--timeout=(\d+)s", text("Dockerfile"))
    waits += [yaml.safe_load(text("docker-compose.yml"))["services"]["mcp"]["healthcheck"]["timeout"]]
    found = [int(seconds.rstrip("s")) for seconds in (*asks, *waits, *checks)]
    found += map(int, re.findall(r"timeoutSeconds: (\d+)", web))
    assert len(found) == 7
    assert min(found) > policy.READY_SECONDS_MAX
    assert int(asks[0]) < int(waits[0])  # the probe ends by itself
    assert dict(re.findall(r"(\w+)Probe:\n +httpGet: \{path: (/\w+),", web)) == {
        "startup": "/livez", "readiness": "/readyz", "liveness": "/livez",
    }  # fmt: skip


def test_secrets_that_are_made_are_good_enough_and_made_once(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "new-secrets"
    script.write_text(text("deploy/new-secrets"))
    script.chmod(0o755)

    def files(*arguments: str) -> dict[str, str]:
        subprocess.run([script, *arguments], check=True, capture_output=True)
        made = [path for path in (tmp_path / "var/secrets").rglob("*") if path.is_file()]
        assert {path.stat().st_mode & 0o777 for path in made} == {0o444}
        return {str(path.relative_to(tmp_path)): path.read_text() for path in made}

    first = files()
    mounted = yaml.safe_load(text("docker-compose.yml"))["secrets"]
    assert set(first) == {secret["file"] for secret in mounted.values()}
    assert not secrets.is_weak(first["var/secrets/secret_key"], length=secrets.KEY_LENGTH_MIN, characters=12)
    assert not secrets.is_weak(first["var/secrets/metrics_token"], length=secrets.SHARED_LENGTH_MIN, characters=8)
    assert files() == first
    former, fallbacks = first["var/secrets/secret_key"], "var/secrets/others/secret_key_fallbacks"
    second = files("--secret-key")
    assert second[fallbacks] == former != second["var/secrets/secret_key"]
    third = files("--secret-key")
    assert third[fallbacks] == f"{second['var/secrets/secret_key']},{former}"


def test_secrets_made_by_hand_are_long_enough() -> None:
    told = "".join(map(text, ("deploy/fly.toml", "deploy/render.yaml", "docs/operate/platforms.md")))
    lengths = {int(size) // 3 * 4 for size in re.findall(r"rand -base64 (\d+)", told)}
    assert min(lengths) >= secrets.KEY_LENGTH_MIN
    assert {int(size) * 2 for size in re.findall(r"rand -hex (\d+)", told)} == {48}
    assert "METRICS_TOKEN, generateValue: true" in told  # 44 characters: enough for this one, not for SECRET_KEY
    assert secrets.SHARED_LENGTH_MIN <= 44 < secrets.KEY_LENGTH_MIN


def test_the_table_of_what_is_set_where_is_written_from_the_files() -> None:
    """`python -m tests.deploy.platforms_table` writes it anew."""
    assert platforms_table.PAGE.read_text() == platforms_table.written()
    assert set(platforms_table.SECRETS) <= all_variables()
