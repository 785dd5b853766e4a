"""A database is lost and an older one restored: what ended in between ends again, and nothing is revived."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.utils import timezone

from accounts.models import User
from authserver import policy
from authserver.models import Client, Connection, Event, PersonalAccessToken
from authserver.services import ledger, personal_data, personal_tokens
from authserver.services.events import Actor
from authserver.services.governance import decisions
from authserver.services.standing import handles, invitations, members, ownership, people, security, sign_out
from authserver.services.standing.invitations import Offer
from handles.models import Handle, Invitation, Membership
from handles.roles import Role
from tests.accounts.test_sign_out_everywhere import make_token
from tests.flows.lasting.losses import Backup, after_restore
from tests.people import App, Tokens, World, make_person, tokens_of

ROOT = Path(__file__).resolve().parents[3]
Lost = Callable[[Callable[[], object]], Path]


@pytest.fixture
def lost(world: World, tmp_path: Path) -> Lost:
    """Do something, export the events, and lose it all: the database is again as it was before, as a restore leaves
    it. Returns the export."""

    return lambda act: Backup(tmp_path).lose(act)


@pytest.fixture
def held(world: World, chatgpt: App) -> dict[str, Tokens]:
    """What ChatGPT holds of alice at two handles, of bob at one."""
    return {
        "acme": world.connect(world.alice, chatgpt, handle="acme"),
        "globex": world.connect(world.alice, chatgpt, handle="globex"),
        "bob": world.connect(world.bob, chatgpt, handle="acme"),
    }


def test_what_ended_since_the_backup_ends_again_and_what_nothing_happened_to_works_on(
    world: World, chatgpt: App, held: dict[str, Tokens], lost: Lost
) -> None:
    now, acme, initech = timezone.now(), Handle.objects.get(slug="acme"), Handle.objects.get(slug="initech")
    alice, bob, carol = world.alice.user, world.bob.user, world.carol.user
    dora, root = make_person("dora@example.com").user, world.admin.user
    other = App.register("Other")
    Membership.objects.create(user=carol, handle=acme, role=Role.OWNER)
    Membership.objects.create(user=carol, handle=initech, role=Role.MEMBER)
    token, _ = make_token(alice, "globex")
    offer = invitations.create(acme, Offer(Role.MEMBER, policy.INVITATION_LIFETIME), by=alice, now=now)
    assert isinstance(offer, invitations.Made)
    newer: list[Tokens] = []

    def since() -> None:
        newer.append(tokens_of(chatgpt.refresh(held["acme"].refresh)))
        members.remove(acme, bob, by=alice, now=now)
        members.set_role(acme, carol, Role.MEMBER, by=alice, now=now)
        ownership.transfer(initech, carol, by=bob, now=now)
        invitations.revoke(offer.row, by=alice, now=now)
        personal_data.erase(dora, by=dora, actor=Actor.PERSON, now=now)
        decisions.block(Client.objects.get(client_id=other.client_id), by=root, note="stolen")
        security.password_changed(carol, way="reset")
        personal_tokens.revoke(token, by=alice, now=now)

    export = lost(since)
    assert world.asker.is_active(held["bob"].access)  # the danger: it was ended
    told = after_restore(export)
    assert "member:removed: 1" in told
    for each in (held["bob"], held["acme"], newer[0]):
        assert not world.asker.is_active(each.access)
        assert chatgpt.refresh(each.refresh).status_code == 400
    assert world.asker.is_active(held["globex"].access)
    assert chatgpt.refresh(held["globex"].refresh).status_code == 200
    assert not Membership.objects.filter(user=bob, handle=acme).exists()
    roles = dict(Membership.objects.filter(handle__in=[acme, initech]).values_list("user__email", "role"))
    assert roles == {"alice@example.com": "owner", "carol@example.com": "owner", "bob@example.com": "admin"}
    assert Membership.objects.get(user=carol, handle=acme).role == Role.MEMBER
    assert not User.objects.filter(email="dora@example.com").exists()
    assert not User.objects.get(pk=carol.pk).has_usable_password()
    assert not Client.objects.get(client_id=other.client_id).is_active
    assert Invitation.objects.get().ending == "revoked"
    assert PersonalAccessToken.objects.get().ended_at is not None
    assert not Session.objects.exists()
    assert not ledger.verify(now=timezone.now()).faults
    assert Event.objects.get(tag="database:restored").detail["done"]["person:erased"] == 1


@pytest.mark.parametrize("fault", ["no export", "not up to the end", "a line is missing", "a line was changed", "junk"])
def test_where_doubt_is_left_everything_ends(
    world: World, chatgpt: App, held: dict[str, Tokens], lost: Lost, fault: str
) -> None:
    make_token(world.alice.user)
    export = lost(lambda: sign_out.everywhere(world.bob.user, now=timezone.now()))
    lines = export.read_text().splitlines(keepends=True)
    if fault == "no export":
        after_restore(complete=False)
    elif fault == "not up to the end":
        after_restore(export, complete=False)
    else:
        del lines[-2]
        changed = export.read_text().replace('"tokens":0', '"tokens":1')
        export.write_text({"a line is missing": "".join(lines), "a line was changed": changed, "junk": "{}"}[fault])
        with pytest.raises(CommandError, match=r"link \d+ is missing|was changed|no line of a ledger export"):
            after_restore(export)
    assert not any(world.asker.is_active(each.access) for each in held.values())
    assert {row.end_reason for row in Connection.objects.all()} <= {"restored"}
    assert not PersonalAccessToken.objects.filter(ended_at=None).exists()
    assert Event.objects.filter(tag="connection:revoked").count() == 3


def test_an_administrators_no_holds_after_a_restore(world: World, held: dict[str, Tokens], lost: Lost) -> None:
    root, now = world.admin.user, timezone.now()
    globex = Handle.objects.get(slug="globex")

    def since() -> None:
        people.set_active(world.bob.user, False, by=root, now=now)
        globex.status = Handle.Status.SUSPENDED
        handles.save(globex, by=root, now=now)

    after_restore(lost(since))
    assert not world.asker.is_active(held["bob"].access)
    assert not world.asker.is_active(held["globex"].access)
    assert world.asker.is_active(held["acme"].access)


STORY = """
import django, psycopg, sys
from pathlib import Path
django.setup()
from django.core.management import CommandError, call_command
from django.db import connection
from authserver.models import Client
from authserver.services import backups
from authserver.services.operations import readiness

def ready():
    readiness._running = None  # nobody asked lately
    return readiness.look().checks["migrations"]

def refused(*arguments, **options):
    try:
        call_command(*arguments, **options)
    except CommandError as why:
        return str(why)
    raise AssertionError(f"not refused: {arguments}")

def make(name):
    call_command("client", "create", f"--name={name}", "--redirect-uri=https://a.example/cb")

folder = Path(sys.argv[1])
call_command("restore", folder / "first", complete=True)
make("One")
call_command("backup", folder / "second")
assert (folder / "second").stat().st_mode & 0o077 == 0
assert "exists already" in refused("backup", folder / "second")
make("Two")
assert "not empty" in refused("restore", folder / "second")
assert refused("restore", folder / "junk")
(folder / "cut").write_bytes((folder / "second").read_bytes()[:-40])
assert refused("restore", folder / "cut", over=True)
assert Client.objects.count() == 2  # what was there is still there
if connection.vendor == "postgresql":
    there = {word: connection.settings_dict[word.upper()] for word in ("host", "user", "port")}
    with psycopg.connect(dbname=connection.settings_dict["NAME"], **there):
        assert "somebody is connected" in refused("restore", folder / "second", over=True)
if connection.vendor == "postgresql":  # cut off before what ended since ended again
    backups.restore(folder / "second", over=True)
    assert ready() == "a restore is not finished"
    assert "A restore is not finished" in refused("migrate", skip_checks=False)
    assert "was interrupted" in refused("restore", folder / "second", over=True)
    call_command("after_restore", complete=True)
    assert ready() == "ok"
call_command("restore", folder / "second", over=True, complete=True)
assert [client.name for client in Client.objects.all()] == ["One"]
call_command("ledger", "verify")
with connection.cursor() as cursor:
    cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('authserver', '9999_x', '2026-01-01')")
call_command("backup", folder / "newer")
assert "newer version" in refused("restore", folder / "newer", over=True)
assert Client.objects.count() == 1
"""


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an empty database."""
    env = os.environ | {"DATA_DIR": str(tmp_path / "data"), "DJANGO_SETTINGS_MODULE": "authserver.settings"}
    if database.vendor == "sqlite":
        env.pop("DATABASE_URL", None)
        (tmp_path / "data").mkdir()
        yield env
        return
    name, settings = f"restored_{uuid4().hex[:8]}", database.settings_dict
    with psycopg.connect(host=settings["HOST"], user=settings["USER"], dbname="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield env | {"DATABASE_URL": os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"}
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_backup_goes_into_an_empty_database_over_none_and_into_no_older_version(
    db: None, empty: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "first.part").symlink_to(tmp_path / "elsewhere")  # by somebody who waits for a backup
    call_command("backup", tmp_path / "first", stdout=StringIO())
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "junk").write_text("no backup")
    done = subprocess.run(
        [sys.executable, "-c", STORY, str(tmp_path)], cwd=ROOT, env=empty, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
