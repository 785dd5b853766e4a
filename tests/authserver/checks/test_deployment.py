"""Misconfiguration stops the start: each check fires on its fault, and a good deployment is told nothing."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.core.checks import run_checks

from authserver.checks import secrets
from tests.house import ROOT
from tests.tiers import production_environment

GOOD_KEY = "zK8-vT1qYw3_Rb6Lm0NcXs5DfGh2JpAe9UiOo4QyWtErVbMxCz7l"
OTHER_KEY = GOOD_KEY[::-1]


GOOD = {
    "PRODUCTION": True,
    "DEMO": False,
    "INSECURE_CIMD_ALLOW_LOOPBACK": False,
    "ISSUER": "https://ai.example.com",
    "GATEWAY_URL": "https://ai.example.com/mcp",
    "HOSTED_URL": "https://{handle}.mcp.example.com/mcp",
    "COMPAT_URL": "https://ai.example.com/mcp/{handle}/mcp",
    "ACCESS_TOKEN_LIFETIME_SECONDS": 600,
    "SECRET_KEY": GOOD_KEY,
    "SECRET_KEY_FALLBACKS": [OTHER_KEY],
    "METRICS_TOKEN": "",
    "ALARM_WEBHOOK_SECRET": "2f1c9a7be0d3846f5a1b7c9d",
    "REGISTRATION": "open",
    "SIGN_UP": "open",
    "ADMIN_SECOND_FACTOR": True,
    "BRAND_NAME": "Example AI",
    "BRAND_COLOR": "",
    "BRAND_LOGO": "",
    "SUPPORT_URL": "",
    "SUPPORT_EMAIL": "help@example.com",
    "PRIVACY_URL": "https://example.com/privacy",
    "TERMS_URL": "",
    "HANDLE_CREATION": "anyone",
    "DEVELOPMENT": False,
    "ALARM_EMAILS": ["ops@example.com"],
    "ALARM_WEBHOOK_URL": "https://chat.example.com/hooks/x?y=z",
}


def elsewhere(issuer: str) -> dict[str, Any]:
    return {"openid_connect": {"APPS": [{"provider_id": "acme", "settings": {"server_url": issuer}}]}}


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("E001", {"ISSUER": "https://ai.example.com/"}),
    ("E001", {"ISSUER": "https://ai.example.com/auth"}),
    ("E001", {"ISSUER": "https://AI.example.com"}),
    ("E001", {"ISSUER": "https://ai.example.com:443"}),
    ("E001", {"ISSUER": "https://ai.example.com?x"}),
    ("E001", {"ISSUER": "https://ai.example.com#x"}),
    ("E001", {"ISSUER": "https://u@ai.example.com"}),
    ("E001", {"ISSUER": "ai.example.com"}),
    ("E001", {"ISSUER": ""}),
    ("E002", {"ISSUER": "http://ai.example.com"}),
    ("E002", {"ISSUER": "http://127.0.0.1.evil.example"}),
    ("E003", {"GATEWAY_URL": "https://ai.example.com/mcp?x"}),
    ("E003", {"GATEWAY_URL": "https://{handle}.example.com/mcp"}),
    ("E003", {"GATEWAY_URL": "https://AI.example.com/mcp"}),
    ("E003", {"GATEWAY_URL": "/mcp"}),
    ("E003", {"GATEWAY_URL": ""}),
    ("E003", {"HOSTED_URL": "https://mcp.example.com/mcp"}),
    ("E003", {"HOSTED_URL": "https://{handle}.{handle}.example.com/mcp"}),
    ("E003", {"HOSTED_URL": "https://{handle}.mcp.example.com:443/mcp"}),
    ("E003", {"COMPAT_URL": "https://ai.example.com/mcp"}),
    ("E003", {"FORMER_GATEWAY_URLS": ["https://old.example.com/mcp", "https://old.example.com/mcp?x"]}),
    ("E003", {"FORMER_HOSTED_URLS": ["https://mcp.example.com/mcp"]}),
    ("E010", {"FORMER_ISSUERS": ["http://old.example.com"]}),
    ("E010", {"FORMER_ISSUERS": ["https://old.example.com", "https://old.example.com/"]}),
    ("E010", {"FORMER_ISSUERS": ["https://ai.example.com"]}),
    ("E010", {"FORMER_ISSUERS": ["https://old.example.com", "https://old.example.com"]}),
    ("E003", {"COMPAT_URL": "https://ai.example.com/mcp/{handle}/mcp#x"}),
    ("E004", {"DEMO": True}),
    ("E005", {"INSECURE_CIMD_ALLOW_LOOPBACK": True}),
    ("E006", {"ACCESS_TOKEN_LIFETIME_SECONDS": 59}),
    ("E007", {"SECRET_KEY": GOOD_KEY[:49]}),
    ("E007", {"SECRET_KEY": "k" * 64}),
    ("E007", {"SECRET_KEY": "aB3-dE6_gH9+jK2." * 4}),
    ("E007", {"SECRET_KEY": "insecure-development-key-that-is-long-enough-for-all"}),
    ("E007", {"SECRET_KEY": "django-insecure-" + GOOD_KEY}),
    ("E007", {"SECRET_KEY": "Change-me-" + GOOD_KEY}),
    ("E070", {"SECRET_KEY_FALLBACKS": [OTHER_KEY, GOOD_KEY]}),
    ("W071", {"SECRET_KEY_FALLBACKS": ["a short one"]}),
    ("E072", {"METRICS_TOKEN": "letmein"}),
    ("E072", {"METRICS_TOKEN": "password-of-the-prometheus"}),
    ("E073", {"ALARM_WEBHOOK_SECRET": "abababababababababababab"}),
    ("E008", {"ACCESS_TOKEN_LIFETIME_SECONDS": 4, "PRODUCTION": False}),
    ("E009", {"REGISTRATION": "maybe"}),
    ("E009", {"REGISTRATION": ""}),
    ("E020", {"SIGN_UP": "maybe"}),
    ("E021", {"SOCIALACCOUNT_PROVIDERS": elsewhere("http://login.example.com")}),
    ("E021", {"SOCIALACCOUNT_PROVIDERS": elsewhere("http://127.0.0.1:9000")}),
    ("E021", {"SOCIALACCOUNT_PROVIDERS": elsewhere("http://127.0.0.1.evil.example"), "PRODUCTION": False}),
    ("W001", {"ADMIN_SECOND_FACTOR": False}),
    ("E040", {"BRAND_NAME": ""}),
    ("E040", {"BRAND_NAME": "x" * 41}),
    ("E040", {"BRAND_NAME": "Example\u202eAI"}),
    ("E041", {"BRAND_LOGO": "/no/such/file.svg"}),
    ("E041", {"BRAND_LOGO": __file__}),
    ("E042", {"BRAND_COLOR": "blue"}),
    ("E042", {"BRAND_COLOR": "#23408"}),
    ("E042", {"BRAND_COLOR": "#23408e;}"}),
    ("E043", {"SUPPORT_URL": "http://example.com/help"}),
    ("E043", {"PRIVACY_URL": "javascript:alert(1)"}),
    ("E043", {"TERMS_URL": "/terms"}),
    ("E043", {"SUPPORT_EMAIL": "help"}),
    ("W040", {"BRAND_COLOR": "#808080"}),
    ("E030", {"HANDLE_CREATION": "everybody"}),
    ("E050", {"ALARM_WEBHOOK_URL": "http://10.0.0.7/hooks/x"}),
    ("E050", {"ALARM_WEBHOOK_URL": "https:///x"}),
    ("E050", {"ALARM_WEBHOOK_URL": "https://user:password@chat.example.com/"}),
    ("E050", {"ALARM_WEBHOOK_URL": "ftp://chat.example.com/", "DEVELOPMENT": True}),
    ("E051", {"ALARM_EMAILS": ["ops@example.com", "ops"]}),
]

# What is an error in production only.
DEVELOPMENT: list[dict[str, Any]] = [
    {"DEMO": True},
    {"INSECURE_CIMD_ALLOW_LOOPBACK": True},
    {"ACCESS_TOKEN_LIFETIME_SECONDS": 5},
    {"SECRET_KEY": "insecure-development-key", "METRICS_TOKEN": "x", "SECRET_KEY_FALLBACKS": ["short"]},
    {"ISSUER": "http://127.0.0.1:8000"},
    {"ISSUER": "http://localhost:9100"},
    {"ISSUER": "http://[::1]:8000"},
    {"ALARM_WEBHOOK_URL": "http://127.0.0.1:9/hook", "DEVELOPMENT": True},
]


def found(settings: Any, **changes: Any) -> list[str]:
    """Return the ids of our checks that fire under these settings."""
    for name, value in (GOOD | changes).items():
        setattr(settings, name, value)
    return [message.id.removeprefix("gatehouse.") for message in run_checks() if (message.id or "").startswith("gate")]


@pytest.mark.parametrize(("check", "fault"), FAULTS, ids=lambda each: str(each))
def test_each_fault_fires_its_check_and_no_other(settings: Any, check: str, fault: dict[str, Any]) -> None:
    fired = set(found(settings, **fault))
    assert check in fired
    assert fired - {check} <= ({"E001", "E002"} if "ISSUER" in fault else set())


def test_every_check_that_exists_has_a_fault_that_fires_it() -> None:
    text = "".join((ROOT / "authserver/checks" / name).read_text() for name in ("deployment.py", "secrets.py"))
    numbers = set(re.findall(r'"gatehouse\.(W\d+)"', text))
    for node in ast.walk(ast.parse(text)):
        name = ast.unparse(node.func).lstrip("_") if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in ("error", "warning"):
            numbers.add(f"{name[0].upper()}{ast.literal_eval(node.args[2]):03}")
    assert {check for check, _ in FAULTS} | {"W074"} == numbers


def test_a_good_deployment_is_told_nothing(settings: Any) -> None:
    assert found(settings) == []


@pytest.mark.parametrize("change", DEVELOPMENT, ids=str)
def test_development_may_do_what_production_may_not(settings: Any, change: dict[str, Any]) -> None:
    assert found(settings, **{"PRODUCTION": False} | change) == []


@pytest.mark.parametrize(
    ("host", "password", "options", "fault"),
    [
        ("postgres.internal", "", {}, "is empty"),
        ("10.0.0.7", "Keeper", {}, "is a well-known one"),
        ("db", "postgres", {}, "is a well-known one"),
        ("db", "n7Wq0tJ3", {}, ""),
        ("db", "", {"sslcert": "client.crt"}, ""),
        ("", "", {}, ""),
        ("/run/postgresql", "", {}, ""),
        ("127.0.0.1", "postgres", {}, ""),
    ],
)
def test_a_database_on_another_machine_wants_a_password_or_a_certificate(
    host: str, password: str, options: dict[str, str], fault: str
) -> None:
    database = {"HOST": host, "USER": "keeper", "PASSWORD": password, "OPTIONS": options}
    assert secrets.fault_of_password(database) == fault


@pytest.mark.parametrize("seconds", [60, 600, 86_400])
def test_lifetimes_of_a_minute_and_more_are_fine_in_production(settings: Any, seconds: int) -> None:
    assert found(settings, ACCESS_TOKEN_LIFETIME_SECONDS=seconds) == []


def test_each_error_says_what_to_do(settings: Any) -> None:
    found(settings, ISSUER="http://ai.example.com/x", DEMO=True, SECRET_KEY="x")
    ours = [message for message in run_checks() if (message.id or "").startswith("gatehouse")]
    assert len(ours) >= 3
    assert all(message.hint and message.is_serious() for message in ours)


def test_no_error_repeats_the_secret_key(settings: Any) -> None:
    found(settings, SECRET_KEY="a-short-secret")
    assert "a-short-secret" not in " ".join(str(message) for message in run_checks())


# --- A deployment, for real


CHECK = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")
SERVE = ("-m", "authserver.serve", "--port", "0")


def run(command: tuple[str, ...], **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the environment of a deployment."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    environment = kept | dict(production_environment()) | changes
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_deployment_checks_find_nothing_to_say_about_a_good_deployment() -> None:
    done = run(CHECK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "changes", "says"),
    [
        (CHECK, {"ISSUER": "http://ai.example.com"}, ["gatehouse.E002"]),
        (SERVE, {"DEMO": "1", "SECRET_KEY": "short-and-known"}, ["gatehouse.E004", "gatehouse.E007"]),
        (SERVE, {"METRICS_TOKEN_FILE": "/no/such/file"}, ["METRICS_TOKEN_FILE names /no/such/file, which cannot"]),
        (CHECK, {"SECRET_KEY": ""}, ["Set SECRET_KEY (or SECRET_KEY_FILE)"]),
        (CHECK, {"DATABASE_URL": "short-and-known"}, ["DATABASE_URL cannot be used"]),
        (CHECK, {"LOG_LEVEL": "verbose"}, ["LOG_LEVEL is DEBUG, "]),
        (SERVE, {}, ["manage.py collectstatic"]),
    ],
    ids=["no https", "demo", "no such file", "no key", "no database", "no level", "no static files"],
)
def test_a_bad_deployment_does_not_start_and_is_told_why(
    command: tuple[str, ...], changes: dict[str, str], says: list[str]
) -> None:
    done = run(command, **changes)
    assert done.returncode != 0
    assert [said for said in says if said not in done.stderr] == []
    assert "Traceback" not in done.stderr
    assert "short-and-known" not in done.stderr
