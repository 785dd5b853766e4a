"""What a deployment decides: the environment becomes settings, read in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings

from authserver import celery_app, policy, tasks
from authserver.door.postgresql import door_database, parameters
from authserver.environment import Environment
from tests.house import ROOT
from tests.tiers import production_environment

PRINT = """
import json, sys
from authserver import settings
print(json.dumps({name: getattr(settings, name, None) for name in sys.argv[1:]}, default=str))
"""


def run(*names: str, production: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    base = dict(production_environment()) if production else {"DEBUG": "1"}
    command = [sys.executable, "-c", PRINT, *names]
    return subprocess.run(command, cwd=ROOT, env=kept | base | environment, capture_output=True, text=True, timeout=60)


def settings_of(*names: str, production: bool = True, **environment: str) -> dict[str, Any]:
    done = run(*names, production=production, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- No


@pytest.mark.parametrize("debug", ["0", "", "false", "no"])
def test_without_a_secret_key_nothing_starts(debug: str) -> None:
    done = run("ISSUER", production=False, DEBUG=debug)
    assert done.returncode != 0
    assert "Set SECRET_KEY" in done.stderr


def test_django_s_own_debug_pages_are_never_shown() -> None:
    for production in (True, False):
        assert settings_of("DEBUG", production=production) == {"DEBUG": False}


def test_debug_with_https_is_not_production_and_without_is_neither() -> None:
    assert settings_of("PRODUCTION") == {"PRODUCTION": True}
    assert settings_of("PRODUCTION", DEBUG="1") == {"PRODUCTION": False}
    assert settings_of("PRODUCTION", ISSUER="http://127.0.0.1:8000") == {"PRODUCTION": False}


# --- Browsers


def test_cookies_of_a_deployment_are_for_this_host_and_https_only() -> None:
    names = ["SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"]
    names += ["SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE", "CSRF_COOKIE_SAMESITE"]
    assert settings_of(*names) == {
        "SESSION_COOKIE_NAME": "__Host-session",
        "CSRF_COOKIE_NAME": "__Host-csrf",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",  # Strict would lose the session on the way in from the client's site
        "CSRF_COOKIE_SAMESITE": "Lax",
    }


def test_cookies_of_development_work_without_https() -> None:
    read = settings_of("SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", production=False)
    assert read == {"SESSION_COOKIE_NAME": "session", "SESSION_COOKIE_SECURE": False}


def test_a_deployment_insists_on_https_and_development_does_not() -> None:
    assert settings_of("SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS") == {
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
    }
    assert settings_of("SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", production=False) == {
        "SECURE_SSL_REDIRECT": False,
        "SECURE_HSTS_SECONDS": 0,
    }


def test_the_forwarded_scheme_is_believed_only_behind_a_proxy() -> None:
    header = "SECURE_PROXY_SSL_HEADER"
    assert settings_of(header, TRUSTED_PROXY_COUNT="1") == {header: ["HTTP_X_FORWARDED_PROTO", "https"]}
    assert settings_of(header, TRUSTED_PROXY_COUNT="0") == {header: None}


def test_only_the_issuers_hosts_and_those_that_are_named_are_served() -> None:
    assert settings_of("ALLOWED_HOSTS") == {"ALLOWED_HOSTS": ["ai.example.com"]}
    assert settings_of("ALLOWED_HOSTS", ALLOWED_HOSTS="a.example,b.example") == {
        "ALLOWED_HOSTS": ["a.example", "b.example", "ai.example.com"]
    }
    turned = settings_of("ALLOWED_HOSTS", ALLOWED_HOSTS="inner", FORMER_ISSUERS="https://old.example.com")
    assert turned == {"ALLOWED_HOSTS": ["inner", "ai.example.com", "old.example.com"]}
    assert "127.0.0.1" in settings_of("ALLOWED_HOSTS", production=False)["ALLOWED_HOSTS"]


# --- Secrets from files


SECRETS = {
    "SECRET_KEY": "$begins-like-a-variable-" + "k" * 50,
    "SECRET_KEY_FALLBACKS": "one,two",
    "DATABASE_URL": "postgres://u:db-secret@db.example/gatehouse",
    "CACHE_URL": "redis://:cache-secret@valkey/0",
    "CELERY_BROKER_URL": "redis://:broker-secret@valkey/1",
    "EMAIL_URL": "smtp+tls://u:mail-secret@mail.example.com:587",
    "METRICS_TOKEN": "metrics-secret",
    "ALARM_WEBHOOK_URL": "https://chat.example.com/hooks/hook-secret",
    "ALARM_WEBHOOK_SECRET": "alarm-secret",
    "OIDC_OKTA_CLIENT_SECRET": "okta-secret",
    "OIDC_OKTA_CLIENT_ID": "okta-id",
}


@pytest.mark.covers("req:D4")
def test_every_secret_may_lie_in_a_file_that_goes_before_its_variable(tmp_path: Path) -> None:
    given = {"SIGN_IN_WITH": "okta", "OIDC_OKTA_ISSUER": "https://okta.example.com", "METRICS_TOKEN": "not this one"}
    for number, (name, secret) in enumerate(SECRETS.items()):
        ends = ("", "\n", "\r\n")[number % 3]  # as editors leave them
        (tmp_path / name).write_bytes((secret + ends).encode())
        given[f"{name}_FILE"] = str(tmp_path / name)
    names = ["DATABASES", "CACHES", "SOCIALACCOUNT_PROVIDERS", "EMAIL_HOST_PASSWORD", "SECRET_KEY_FALLBACKS"]
    plain = ["SECRET_KEY", "CELERY_BROKER_URL", "METRICS_TOKEN", "ALARM_WEBHOOK_URL", "ALARM_WEBHOOK_SECRET"]
    read = settings_of(*names, *plain, **given)
    assert {name: read[name] for name in plain} == {name: SECRETS[name] for name in plain}
    assert read["DATABASES"]["default"]["PASSWORD"] == "db-secret"
    assert read["CACHES"]["default"]["LOCATION"] == SECRETS["CACHE_URL"]
    assert (read["EMAIL_HOST_PASSWORD"], read["SECRET_KEY_FALLBACKS"]) == ("mail-secret", ["one", "two"])
    (provider,) = read["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]["APPS"]
    assert (provider["client_id"], provider["secret"]) == ("okta-id", "okta-secret")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "which cannot be read: No such file or directory"),
        ("a folder", "which cannot be read: Is a directory"),
        (b"", "which is empty"),
        (b"\n", "which is empty"),
        (b"\xff\xfe", "which is no UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_used_ends_the_process_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | str | None, said: str
) -> None:
    path = tmp_path / "secret"
    if content == "a folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    monkeypatch.setenv("METRICS_TOKEN_FILE", str(path))
    with pytest.raises(SystemExit) as ended:
        Environment().str("METRICS_TOKEN", default="")
    assert f"METRICS_TOKEN_FILE names {path}, {said}" in str(ended.value.code)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("TRUSTED_PROXY_COUNT", "secret-many", lambda env: env.int("TRUSTED_PROXY_COUNT", default=0)),
        ("TRUSTED_PROXY_COUNT", "-2", lambda env: env.int("TRUSTED_PROXY_COUNT", default=0)),
        ("DATABASE_URL", "postgres://u:secret@h:port/name", lambda env: env.db_url("DATABASE_URL")),
        ("EMAIL_URL", "telegraph://secret", lambda env: env.email_url("EMAIL_URL")),
        ("CACHE_URL", "drawer://secret", lambda env: env.cache_url("CACHE_URL")),
    ],
)
def test_a_value_that_cannot_be_used_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: Any
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        read(Environment())
    assert f"{name} cannot be used" in str(ended.value.code)
    assert "secret" not in str(ended.value.code)


# --- Database, cache, tasks


def test_sqlite_waits_for_its_turn_and_begins_its_transactions_as_writers() -> None:
    options = settings_of("DATABASES", production=False)["DATABASES"]["default"]["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] == 20
    assert "journal_mode=WAL" in options["init_command"]


def test_postgresql_keeps_a_pool_of_the_size_that_was_asked_for() -> None:
    options = settings_of("DATABASES", DATABASE_POOL_SIZE="17")["DATABASES"]["default"]["OPTIONS"]
    assert options["pool"]["max_size"] == 17


def test_what_the_database_address_says_is_kept_beside_the_pool() -> None:
    address = "postgres://u@db.example/gatehouse?sslmode=verify-full"
    options = settings_of("DATABASES", DATABASE_URL=address)["DATABASES"]["default"]["OPTIONS"]
    assert options["sslmode"] == "verify-full"
    assert options["pool"]["min_size"] == 2


def test_a_database_machine_that_lost_its_power_is_given_up_after_seconds_or_as_the_address_says() -> None:
    address = "postgres://u@a.example,b.example/gatehouse?connect_timeout=2&tcp_user_timeout=9000"
    plain, said = (
        settings_of("DATABASES", DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]
        for url in ("postgres://u@db.example/gatehouse", address)
    )
    assert (plain["connect_timeout"], plain["tcp_user_timeout"], plain["keepalives_idle"]) == (3, 5000, 5)
    assert (said["connect_timeout"], said["tcp_user_timeout"], said["keepalives_idle"]) == (2, 9000, 5)


@pytest.mark.parametrize(("said", "waited"), [({}, 3), ({"connect_timeout": 2}, 2), ({"connect_timeout": 9}, 3)])
def test_the_door_waits_no_longer_for_one_host_than_the_address_says(said: dict[str, int], waited: int) -> None:
    assert parameters(said)["connect_timeout"] == waited
    assert parameters(said | {"connect_timeout": 0, "sslmode": "require"})["connect_timeout"] == 3


def test_the_door_goes_past_a_pooler_where_it_is_told_to() -> None:
    straight = "postgres://u@a.example:5432,b.example:5433/gatehouse?target_session_attrs=read-write"
    found = settings_of("DATABASES", "DOOR_DATABASE", DOOR_DATABASE_URL=straight)
    assert found["DATABASES"]["default"]["HOST"] == "db"
    assert found["DATABASES"]["default"]["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert (found["DOOR_DATABASE"]["HOST"], found["DOOR_DATABASE"]["PORT"]) == ("a.example,b.example", "5432,5433")
    assert found["DOOR_DATABASE"]["OPTIONS"] == {"target_session_attrs": "read-write"}
    with override_settings(DOOR_DATABASE=found["DOOR_DATABASE"]):
        assert door_database()["HOST"] == "a.example,b.example"
    assert door_database() == connections.settings["default"]


def test_without_a_broker_tasks_run_in_place_and_with_one_they_do_not() -> None:
    assert settings_of("CELERY_TASK_ALWAYS_EAGER", production=False) == {"CELERY_TASK_ALWAYS_EAGER": True}
    assert settings_of("CELERY_TASK_ALWAYS_EAGER") == {"CELERY_TASK_ALWAYS_EAGER": False}


def test_the_purge_is_on_the_clock_and_names_a_task_that_exists(settings: Any) -> None:
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.purge_expired.name in named
    assert named <= set(celery_app.tasks)


# --- What we decide


def test_the_default_lifetimes_are_the_policy_s() -> None:
    read = settings_of(
        "ACCESS_TOKEN_LIFETIME_SECONDS", "REGISTRATIONS_PER_MINUTE", "SIGN_INS_PER_MINUTE", "REGISTRATION"
    )
    assert read == {
        "ACCESS_TOKEN_LIFETIME_SECONDS": policy.ACCESS_TOKEN_LIFETIME.total_seconds(),
        "REGISTRATIONS_PER_MINUTE": policy.REGISTRATIONS_PER_MINUTE,
        "SIGN_INS_PER_MINUTE": policy.SIGN_INS_PER_MINUTE,
        "REGISTRATION": "open",
    }


def test_what_could_log_whole_requests_never_logs_below_warning() -> None:
    loggers = settings_of("LOGGING", LOG_LEVEL="DEBUG")["LOGGING"]["loggers"]
    assert loggers["oauthlib"]["level"] == loggers["oauth2_provider"]["level"] == "WARNING"


def test_passwords_are_hashed_with_argon2() -> None:
    assert settings_of("PASSWORD_HASHERS")["PASSWORD_HASHERS"][0].endswith("Argon2PasswordHasher")


def test_a_client_gets_no_scheme_that_runs_or_reads_things() -> None:
    dangerous = {"javascript", "data", "vbscript", "file", "blob", "about", "ftp", "ws", "mailto", "tel"}
    assert dangerous.isdisjoint(policy.PRIVATE_USE_SCHEMES)
    assert all(scheme == scheme.lower() for scheme in policy.PRIVATE_USE_SCHEMES)


@pytest.mark.parametrize(
    ("url", "backend", "path"),
    [
        ("consolemail://", "console", ""),
        ("filemail:///var/spool/mail-out", "filebased", "/var/spool/mail-out"),
        ("smtp://127.0.0.1:2525", "smtp", ""),
    ],
)
def test_mail_goes_where_the_address_says_and_never_waits_long(url: str, backend: str, path: str) -> None:
    found = settings_of("EMAIL_BACKEND", "EMAIL_FILE_PATH", "EMAIL_TIMEOUT", EMAIL_URL=url)
    assert found["EMAIL_BACKEND"] == f"django.core.mail.backends.{backend}.EmailBackend"
    assert (found["EMAIL_FILE_PATH"], found["EMAIL_TIMEOUT"]) == (path, policy.MAIL_TIMEOUT_SECONDS)
