"""`./dev`: what it says when it cannot, what it starts, and that it leaves nothing behind."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtool import install, record, servers, up
from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
DEV = [sys.executable, str(ROOT / "dev")]
DECIDED_BY_DEV = ("SECRET_KEY", "DATABASE_URL", "DEBUG", "DEMO", "DATA_DIR", "DJANGO_SETTINGS_MODULE")
PEOPLE = ["alice@example.com", "bob@example.com", "carol@example.com"]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def dev(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*DEV, *map(str, arguments)]
    return subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=120)


def clean_environment() -> dict[str, str]:
    """The environment of a person's terminal: without what the test run has decided for itself."""
    return {name: value for name, value in os.environ.items() if name not in DECIDED_BY_DEV}


def a_server(tmp_path: Path, script: str) -> servers.Server:
    command = [sys.executable, "-c", script]
    return servers.Server("test server", command, dict(os.environ), tmp_path / "server.log", free_port(), "/livez")


def group_is_alive(group: int) -> bool:
    """Whether a process of the group still runs; one that has ended and waits to be reaped does not count."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(pgrp) == group and state != "Z":
            return True
    return False


def wait_until(condition, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# --- What it says when it cannot ------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--port", "--resource-port"])
def test_a_taken_port_is_named_with_the_option_that_changes_it(taken_port: int, data: Path, option: str) -> None:
    other = {"--port": "--resource-port", "--resource-port": "--port"}[option]
    done = dev("up", option, taken_port, other, free_port(), "--data", data)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{taken_port}" in done.stderr
    assert option in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_does_not_exist_is_a_sentence_too(data: Path) -> None:
    done = dev("up", "--port", 70000, "--data", data)
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1:70000" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = dev("up", "--port", free_port(), "--resource-port", free_port(), "--data", tmp_path / "file" / "data")
    assert done.returncode == 1
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_shows_the_commands_and_fails() -> None:
    done = dev("launch")
    assert done.returncode == 1
    assert "./dev up" in done.stdout


def test_without_ensurepip_the_one_line_to_type_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit) as stop:
        install.need_ensurepip()
    assert stop.value.code == 1
    assert "apt-get install -y python3-venv" in capsys.readouterr().err


def test_a_server_that_ends_is_reported_with_its_last_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = a_server(tmp_path, "print('the disk is full'); raise SystemExit(3)")
    with pytest.raises(SystemExit) as stop, servers.running([server]):
        servers.wait_until_ready([server])
    assert stop.value.code == 1
    assert "ended with status 3" in (said := capsys.readouterr().err)
    assert "the disk is full" in said


# --- What it starts with ---------------------------------------------------------------------------------------------


def test_a_prepared_environment_is_not_installed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text(install.digest(ROOT / install.RUNTIME_LOCK))
    monkeypatch.setattr(install, "STAMP", stamp)
    monkeypatch.setattr(install, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(install, "make_venv", lambda uv: pytest.fail("it began to install"))
    install.install(install.RUNTIME_LOCK)


def test_a_changed_lock_is_installed_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stamp, installed = tmp_path / "stamp", []
    stamp.write_text("0" * 64)
    monkeypatch.setattr(install, "STAMP", stamp)
    monkeypatch.setattr(install, "make_venv", lambda uv: None)
    monkeypatch.setattr(install, "install_with_uv", lambda uv, lock: installed.append(lock) or True)
    install.install(install.TEST_LOCK)
    assert installed == [install.TEST_LOCK]
    # The test lock holds all of the runtime lock: what has the one needs no second installation for `./dev up`.
    install.install(install.RUNTIME_LOCK)
    assert installed == [install.TEST_LOCK]


def test_every_package_of_the_runtime_lock_is_in_the_test_lock_at_the_same_version() -> None:
    def pins(name: str) -> set[str]:
        return {line.split()[0] for line in (ROOT / name).read_text().splitlines() if "==" in line and line[0] != " "}

    assert pins(install.RUNTIME_LOCK) - pins(install.TEST_LOCK) == set()


def test_addresses_in_the_environment_win_over_the_ports(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setenv("ISSUER", "https://ai.mcp.test")
    env = up.environment(up.Options(port=9001, resource_port=9002, data=data))
    assert env["ISSUER"] == "https://ai.mcp.test"
    assert env["GATEWAY_URL"] == "http://127.0.0.1:9002/mcp"
    assert env["HOSTED_URL"] == "http://{handle}.mcp.localhost:9002/mcp"


def test_the_signing_key_is_private_and_stays_the_same(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    first = Path(up.environment(up.Options(data=data))["SECRET_KEY_FILE"])
    key = first.read_text()
    assert len(key) >= 50
    assert first.stat().st_mode & 0o077 == 0
    assert data.stat().st_mode & 0o077 == 0
    assert up.environment(up.Options(data=data))["SECRET_KEY_FILE"] == str(first)
    assert first.read_text() == key


def test_the_sample_server_gets_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://gatehouse:hunter2@db/gatehouse")
    options = up.Options(data=data)
    world = {"resource_servers": [{"id": "1", "secret": "rss_1"}, {"id": "2", "secret": "rss_2"}]}
    env = up.sample_server(options, up.environment(options), world).env
    assert not [name for name in env if name.startswith(("SECRET_KEY", "DATABASE_URL", "DATA_DIR"))]
    assert (env["RESOURCE_SERVER_SECRET"], env["OTHER_RESOURCE_SERVER_SECRET"]) == ("rss_1", "rss_2")


def test_another_address_prepares_the_data_folder_anew(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    one = up.fingerprint(up.environment(up.Options(data=data)))
    two = up.fingerprint(up.environment(up.Options(data=data, resource_port=9002)))
    assert one == up.fingerprint(up.environment(up.Options(data=data)))
    assert one != two


def test_manage_takes_what_a_running_up_runs_with_and_asks_where_several_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(record, "FOLDER", tmp_path / "running")
    for name in (*DECIDED_BY_DEV, "ISSUER", "GATEWAY_URL"):
        monkeypatch.delenv(name, raising=False)
    one, other = ({"port": port, "resource_port": 9002, "data": str(tmp_path / f"of-{port}")} for port in (9001, 9003))
    with record.kept(one, {"GATEWAY_URL": "https://mcp.test/mcp", "SECRET_KEY_FILE": "key", "HOME": "/nowhere"}):
        (path,) = record.FOLDER.iterdir()
        assert path.stat().st_mode & 0o077 == 0
        env = up.manage_environment()
        assert (env["ISSUER"], env["GATEWAY_URL"]) == ("http://127.0.0.1:9001", "https://mcp.test/mcp")
        assert (env["DATA_DIR"], env["HOME"]) == (one["data"], os.environ["HOME"])
        assert "on port 9001" in capsys.readouterr().err
        path.rename(path.with_stem("1"))  # as another process would have named it
        with record.kept(other, {}), pytest.raises(SystemExit):
            up.manage_environment()
        assert f"DATA_DIR={one['data']} ./dev manage …  (port 9001)" in capsys.readouterr().err
        with record.kept(other, {}):
            monkeypatch.setenv("DATA_DIR", other["data"])
            assert up.manage_environment()["ISSUER"] == "http://127.0.0.1:9003"
    # What a killed one left is held by nobody, and counts for nothing.
    assert record.chosen() == ({}, {})
    assert list(record.FOLDER.iterdir()) == []


# --- What it leaves behind: nothing -----------------------------------------------------------------------------------


def test_stopping_ends_the_children_of_a_server_too(tmp_path: Path) -> None:
    script = (
        "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); import time; time.sleep(600)"
    )
    server = a_server(tmp_path, script)
    with servers.running([server]):
        assert wait_until(lambda: server.log.read_text().strip())
        group = server.pid
        assert group_is_alive(group)
    assert wait_until(lambda: not group_is_alive(group))


@pytest.fixture(scope="module")
def prepared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder where `./dev up` has been once."""
    folder = tmp_path_factory.mktemp("prepared") / "data"
    done = dev("up", "--once", "--data", folder, "--port", free_port(), "--resource-port", free_port())
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def started(prepared_data: Path, data: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict]]:
    """A running `./dev up` and its ready file."""
    shutil.copytree(prepared_data, data)
    process, ready_file = start(data, tmp_path / "ready.json")
    yield process, json.loads(ready_file.read_text())
    process.kill()
    process.wait()


def start(data: Path, ready_file: Path) -> tuple[subprocess.Popen[bytes], Path]:
    ports = ["--port", str(free_port()), "--resource-port", str(free_port())]
    command = [*DEV, "up", *ports, "--data", str(data), "--ready-file", str(ready_file), "--workers", "2"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=clean_environment(), **quiet)
    assert wait_until(ready_file.exists, 60), "./dev up did not get ready"
    return process, ready_file


@pytest.mark.contract
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_both_servers(started: tuple[subprocess.Popen[bytes], dict], number: int) -> None:
    process, ready = started
    process.send_signal(number)
    assert process.wait(20) == 0
    assert not any(group_is_alive(pid) for pid in ready["pids"])


@pytest.mark.contract
def test_the_servers_end_when_dev_is_killed_outright(started: tuple[subprocess.Popen[bytes], dict]) -> None:
    process, ready = started
    process.kill()
    assert wait_until(lambda: not any(group_is_alive(pid) for pid in ready["pids"]))


@pytest.mark.contract
@pytest.mark.parametrize("victim", [0, 1])
def test_when_one_server_dies_the_other_is_stopped(started: tuple[subprocess.Popen[bytes], dict], victim: int) -> None:
    process, ready = started
    os.kill(ready["pids"][victim], signal.SIGKILL)
    assert process.wait(20) == 1
    assert wait_until(lambda: not any(group_is_alive(pid) for pid in ready["pids"]))


@pytest.mark.contract
def test_the_ready_file_is_complete_private_and_gone_at_the_end(
    started: tuple[subprocess.Popen[bytes], dict], data: Path, tmp_path: Path
) -> None:
    process, ready = started
    assert (tmp_path / "ready.json").stat().st_mode & 0o077 == 0
    assert (data / "demo.json").stat().st_mode & 0o077 == 0
    assert [person["email"] for person in ready["people"]] == PEOPLE
    assert [set(server["resources"]) for server in ready["resource_servers"]] == [
        {"gateway", "hosted", "compat"},
        {"other"},
    ]
    assert set(ready) == {
        *("issuer", "gateway_url", "hosted_url", "compat_url", "other_resource_url"),
        *("people", "administrator", "resource_servers", "pids"),
    }
    assert ready["administrator"]["url"] == f"{ready['issuer']}/admin/"
    process.terminate()
    process.wait(20)
    assert not (tmp_path / "ready.json").exists()


@pytest.mark.contract
def test_a_second_start_prepares_nothing_again(prepared_data: Path) -> None:
    """What takes the time is skipped; how long a start takes is measured by `./dev bench`, on a quiet machine."""
    ports = ("--port", free_port(), "--resource-port", free_port())
    assert dev("up", "--once", "--data", prepared_data, *ports).returncode == 0
    before = (prepared_data / "prepared").stat().st_ino
    assert dev("up", "--once", "--data", prepared_data, *ports).returncode == 0
    assert (prepared_data / "prepared").stat().st_ino == before


@pytest.mark.contract
def test_a_lost_database_is_made_again(prepared_data: Path, data: Path) -> None:
    shutil.copytree(prepared_data, data)
    (data / "gatehouse.sqlite3").unlink()
    done = dev("up", "--once", "--data", data, "--port", free_port(), "--resource-port", free_port())
    assert done.returncode == 0, done.stderr
    assert (data / "gatehouse.sqlite3").exists()


def test_dev_needs_only_the_standard_library() -> None:
    """`-S` leaves site-packages out: what imports here imports on a machine where nothing is installed."""
    modules = ["devtool.install", "devtool.record", "devtool.servers", "devtool.up"]
    assert [importlib.import_module(name) for name in modules]
    script = "; ".join(f"import {name}" for name in modules)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"]
    )
    assert done.returncode == 0
