"""The demo world: on demand only, never in production, its secrets readable by their owner alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Http

from accounts.models import User
from authserver.models import ResourceServer
from handles.models import Membership
from tests.people import Asker

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings: Any, tmp_path: Path) -> Path:
    """Settings of a demo in an empty folder; return where its secrets will lie."""
    settings.DEMO, settings.PRODUCTION, settings.DATA_DIR = True, False, tmp_path / "var"
    return tmp_path / "var" / "demo.json"


def test_without_the_switch_there_is_no_demo(demo: Path, settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="DEMO=1"):
        call_command("demo")
    assert not demo.exists()
    assert not User.objects.exists()


def test_in_production_there_is_no_demo(demo: Path, settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="refused in production"):
        call_command("demo")
    assert not User.objects.exists()


def test_the_file_is_readable_by_its_owner_alone(demo: Path) -> None:
    call_command("demo")
    assert demo.stat().st_mode & 0o777 == 0o600


def test_everybody_can_sign_in_and_sits_where_the_file_says(demo: Path) -> None:
    call_command("demo")
    world = json.loads(demo.read_text())
    assert [person["email"].partition("@")[0] for person in world["people"]] == ["alice", "bob", "carol"]
    for person in [*world["people"], world["administrator"]]:
        answer = Http().post("/accounts/login/", {"login": person["email"], "password": person["password"]})
        assert answer.status_code == 302, person["email"]
        seats = Membership.objects.filter(user__email=person["email"])
        assert {seat.handle.slug: seat.role for seat in seats} == person.get("handles", {})
    assert User.objects.get(email=world["administrator"]["email"]).is_superuser


def test_the_resource_servers_can_ask(demo: Path) -> None:
    call_command("demo")
    for server in json.loads(demo.read_text())["resource_servers"]:
        assert Asker(server["id"], server["secret"]).knows("x") == {"active": False}


def test_a_second_call_changes_nothing(demo: Path) -> None:
    call_command("demo")
    before, servers = demo.read_text(), list(ResourceServer.objects.values_list("pk", "secret_digest"))
    call_command("demo")
    assert demo.read_text() == before
    assert list(ResourceServer.objects.values_list("pk", "secret_digest")) == servers


def test_a_fresh_database_gets_a_fresh_file_with_other_passwords(demo: Path) -> None:
    call_command("demo")
    before = json.loads(demo.read_text())
    ResourceServer.objects.all().delete()
    call_command("demo")
    after = json.loads(demo.read_text())
    assert before["people"][0]["password"] != after["people"][0]["password"]
    assert User.objects.filter(email="alice@example.com").count() == 1


def test_passwords_differ_from_person_to_person(demo: Path) -> None:
    call_command("demo")
    passwords = [person["password"] for person in json.loads(demo.read_text())["people"]]
    assert len(set(passwords)) == 3
    assert min(map(len, passwords)) >= 16
