"""A seeded database is one that the server could have filled itself: seen over HTTP, at a server of its own."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection as database

from authserver import policy
from authserver.protocol import credentials
from benchmarks.hot import pages, purging
from benchmarks.load import Target
from benchmarks.ours import Gatehouse
from benchmarks.seed import indexes
from benchmarks.seed.numbers import refresh_token_of, token_of

CONNECTIONS = 1_000
LARGE = ("accounts_user", "handles_membership", "authserver_connection", "authserver_accesstoken")
EXPIRED = (
    "SELECT (SELECT count(*) FROM authserver_accesstoken WHERE expires_at < CURRENT_TIMESTAMP),"
    " (SELECT count(*) FROM authserver_refreshtoken WHERE expires_at < CURRENT_TIMESTAMP),"
    " (SELECT count(*) FROM authserver_authorizationcode WHERE expires_at < CURRENT_TIMESTAMP)"
)


@pytest.fixture(scope="module")
def gatehouse() -> Iterator[Gatehouse]:
    """A server of our own over a seeded database of the kind that this test run uses."""
    with tempfile.TemporaryDirectory(prefix="gh-seed-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        server = Gatehouse(database.vendor, memory="64MB")
        try:
            server.start(Path(folder, "seeded"), connections=CONNECTIONS, processes=1)
            yield server
        finally:
            server.stop()


def ask(target: Target, value: str) -> tuple[int, dict[str, Any]]:
    """Send the request that the load would send with this value."""
    body = target.body.replace("{}", value).encode()
    request = urllib.request.Request(target.url, data=body, headers=dict(target.headers), method=target.method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def values_of(target: Target) -> list[str]:
    assert target.values
    return target.values.read_text().split()


def test_derived_secrets_are_well_formed_and_never_alike() -> None:
    access, refresh = [token_of(number) for number in range(500)], [refresh_token_of(number) for number in range(500)]
    assert all(credentials.is_well_formed(token, policy.ACCESS_TOKEN_PREFIX) for token in access)
    assert all(credentials.is_well_formed(token, policy.REFRESH_TOKEN_PREFIX) for token in refresh)
    assert len({token[6:] for token in access + refresh}) == 1_000


def test_only_the_tokens_of_seeded_connections_are_active(gatehouse: Gatehouse) -> None:
    target = gatehouse.target("introspection", 0)
    told = [ask(target, token_of(number))[1] for number in (1, 137, CONNECTIONS)]
    assert [answer["scope"] for answer in told] == ["mcp.connect skills.read links.read"] * 3
    assert len({answer["connection_id"] for answer in told}) == 3
    assert {answer["handle_role"] for answer in told} == {"member"}
    assert ask(target, token_of(CONNECTIONS + 1)) == (200, {"active": False})
    assert ask(target, refresh_token_of(1)) == (200, {"active": False})


def test_refresh_tokens_are_fresh_at_every_call(gatehouse: Gatehouse) -> None:
    first = gatehouse.target("refresh", 0)
    token = values_of(first)[0]
    status, pair = ask(first, token)
    assert (status, len(values_of(first))) == (200, CONNECTIONS // 10)
    assert gatehouse.target("refresh", 0).body == first.body
    again = ask(first, token)[1]
    assert {pair["refresh_token"], again["refresh_token"]} & {token} == set()
    assert pair["refresh_token"] != again["refresh_token"]


def test_a_code_is_exchanged_once(gatehouse: Gatehouse) -> None:
    target = gatehouse.target("code", 20)
    codes = values_of(target)
    status, pair = ask(target, codes[7])
    assert (status, set(codes) & set(values_of(gatehouse.target("code", 20)))) == (200, set())
    assert ask(gatehouse.target("introspection", 0), pair["access_token"])[1]["active"] is True
    assert ask(target, codes[7])[1]["error"] == "invalid_grant"


def test_every_name_is_another_registration(gatehouse: Gatehouse) -> None:
    target = gatehouse.target("registration", 3)
    told = [ask(target, line) for line in target.values.read_text().splitlines()]  # type: ignore[union-attr]
    assert [status for status, _ in told] == [201] * 3
    assert len({body["client_id"] for _, body in told}) == 3


def test_a_seeded_person_is_shown_their_pages(gatehouse: Gatehouse) -> None:
    cookie = gatehouse.made("session", 1).strip()
    assert pages.visit(gatehouse.url, "/connections", cookie) > 0
    assert pages.visit(gatehouse.url, pages.authorize_path(gatehouse), cookie) > 0
    with pytest.raises(RuntimeError, match="/connections answered 302"):
        pages.visit(gatehouse.url, "/connections", "")


def test_a_purge_removes_the_backlog_and_no_live_connection(gatehouse: Gatehouse) -> None:
    gatehouse.made("backlog", 300)
    assert rows(gatehouse, EXPIRED) == [(100, 100, 100)]
    subprocess.run(purging.PURGE, env=gatehouse.env, cwd=purging.ROOT, check=True)
    assert rows(gatehouse, EXPIRED) == [(0, 0, 0)]
    target = gatehouse.target("introspection", 0)
    assert all(ask(target, token_of(number))[1]["active"] for number in range(101, 131))


def test_every_index_and_constraint_is_back(gatehouse: Gatehouse, db: None) -> None:
    def migrated(statement: str) -> list[tuple[Any, ...]]:
        with database.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    found = indexes.of_sqlite if database.vendor == "sqlite" else indexes.of_postgresql
    as_migrated = found(migrated, LARGE)
    assert len(as_migrated.restore) > 10
    assert found(lambda statement: rows(gatehouse, statement), LARGE) == as_migrated


def rows(gatehouse: Gatehouse, statement: str) -> list[tuple[Any, ...]]:
    """What a statement says in the seeded database."""
    url = gatehouse.env["DATABASE_URL"]
    if database.vendor == "sqlite":
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            found = connection.execute(statement).fetchall()
        connection.close()
        return found
    host, _, name = url.removeprefix("postgres://postgres@/").rpartition("/")
    with psycopg.connect(host=host, user="postgres", dbname=name) as connection:
        return connection.execute(statement).fetchall()
