"""Whichever platform's file says it, what is deployed is one thing: the same commands, no variable that nobody reads.

`deploy/lint/run` holds the files against the tools of their platforms.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from tests import house
from tests.test_house import all_variables

WEB = "python -m authserver.serve --host 0.0.0.0 --port 8000 --workers 2"
MIGRATE = "python manage.py migrate --noinput"
WORKER = "celery --app authserver worker --loglevel INFO --concurrency 2"
BEAT = "celery --app authserver beat --loglevel INFO --schedule /tmp/schedule"
ALL = {WEB, MIGRATE, WORKER, BEAT}
OF_PLATFORMS = {"PORT"}


def text(name: str) -> str:
    return (house.ROOT / name).read_text()


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
    given = [*found["envVarGroups"][0]["envVars"], *(each for service in services for each in service["envVars"])]
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
