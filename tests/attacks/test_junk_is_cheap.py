"""Junk must cost next to nothing: no password hash, no query before the form was looked at, a bounded number after."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import hashers
from django.db import connection as database
from django.test import Client as Http
from django.test.utils import CaptureQueriesContext

from authserver import policy
from tests.people import App, Asker, World, post_form


@pytest.fixture
def no_password_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on every use of a password hash is a failure."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a password hash was computed")

    for name in ("make_password", "check_password", "verify_password"):
        monkeypatch.setattr(hashers, name, refuse)
    for hasher in hashers.get_hashers():
        monkeypatch.setattr(type(hasher), "encode", refuse)
        monkeypatch.setattr(type(hasher), "verify", refuse)


def queries_of(act: Any) -> int:
    with CaptureQueriesContext(database) as seen:
        act()
    return len([each for each in seen if not each["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))])


SECRETS = ["junk", "mcs_junk", "x" * 4000]
FORMS = [
    ("/oauth/token", {"grant_type": "refresh_token", "refresh_token": "junk"}),
    ("/oauth/token", {"grant_type": "authorization_code", "code": "junk", "code_verifier": "x" * 43}),
    ("/oauth/revoke", {"token": "junk"}),
    ("/oauth/introspect", {"token": "junk"}),
]


@pytest.mark.covers("H11")
@pytest.mark.parametrize("secret", SECRETS, ids=["short", "prefixed", "long"])
@pytest.mark.parametrize(("path", "form"), FORMS)
@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_a_wrong_client_secret_computes_no_password_hash(
    world: World, no_password_hashing: None, path: str, form: dict[str, str], method: str, secret: str
) -> None:
    app = App.register(token_endpoint_auth_method=method)
    both = {"client_id": app.client_id, "client_secret": secret}
    asker = Asker(app.client_id, secret)
    answers = [post_form(Http(), path, form | both), asker.ask("junk")]
    answers.append(post_form(Http(), path, form, headers={"Authorization": "Basic Og=="}))
    assert {answer.status_code for answer in answers} == {401}


@pytest.mark.covers("H11")
def test_a_whole_life_of_a_connection_computes_no_password_hash_after_sign_in(
    world: World, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    world.alice.sign_in()
    request.getfixturevalue("no_password_hashing")
    app = App.register(token_endpoint_auth_method="client_secret_basic")
    held = world.connect(world.alice, app, handle="acme")
    assert world.asker.is_active(held.access)
    assert app.token(basic=True, grant_type="refresh_token", refresh_token=held.refresh or "").status_code == 200


@pytest.mark.covers("H11", "M-introspection")
def test_a_malformed_credential_asks_the_database_no_more_than_a_good_one(world: World, chatgpt: App) -> None:
    held = world.connect(world.alice, chatgpt, handle="acme")
    world.asker.ask(held.access)
    good = queries_of(lambda: world.asker.ask(held.access))
    junk = [
        queries_of(lambda token=token: world.asker.ask(token)) for token in ("junk", held.refresh, held.access[:-1])
    ]
    assert good == 1
    assert junk == [1, 1, 1]


@pytest.mark.covers("H11")
def test_an_asker_that_is_none_asks_the_database_nothing(world: World) -> None:
    assert queries_of(lambda: Asker("nobody", "rss_junk").ask("junk")) == 0


@pytest.mark.covers("M-sizes", "H11")
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
@pytest.mark.parametrize(
    "body",
    [
        "a=b&" * (policy.PARAMETER_COUNT_MAX + 1),
        "token=" + "x" * (policy.PARAMETER_LENGTH_MAX + 1),
        "x" * (policy.FORM_BODY_BYTES_MAX + 1),
        "x" * 2_000_000,
        "token=%",
        "token=%zz",
        "token=%00",
        "token=%ff",
        "token=a&token=b",
    ],
    ids=["many", "long", "big", "huge", "cut", "no hex", "nul", "no utf-8", "twice"],
)
def test_a_form_that_cannot_be_read_is_refused_before_any_query(world: World, path: str, body: str) -> None:
    def send() -> None:
        headers = {"Authorization": f"Basic {'Og=='}"}
        answer = Http().post(path, body, content_type="application/x-www-form-urlencoded", headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert answer["Cache-Control"] == "no-store"

    assert queries_of(send) == 0


@pytest.mark.covers("M-sizes")
@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", "multipart/form-data; boundary=x", "a;b\x7f"]
)
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
def test_a_body_of_another_type_is_refused(world: World, path: str, content_type: str) -> None:
    answer = Http().generic(
        "POST", path, "grant_type=refresh_token", content_type=content_type, headers={"Authorization": "Basic Og=="}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.covers("M-sizes", "DC-08")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{",
        b"[" * 60_000,
        b'{"a":' * 9_000,
        b"1" * 60_000,
        b"{" + b" " * policy.REGISTRATION_BODY_BYTES_MAX + b"}",
        b"x" * 2_000_000,
        b'{"redirect_uris": NaN}',
        b'{"redirect_uris": 1e999}',
    ],
    ids=lambda body: f"{body[:8]!r} of {len(body)}",
)
def test_a_registration_that_cannot_be_read_is_refused_before_any_query(db: None, body: bytes) -> None:
    def send() -> None:
        answer = Http().post("/oauth/register", body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()["error"] in ("invalid_client_metadata", "invalid_redirect_uri")
        assert answer["Cache-Control"] == "no-store"

    assert queries_of(send) == 0


@pytest.mark.covers("M-sizes")
def test_an_authorize_url_beyond_its_bounds_is_refused_before_any_query(world: World, chatgpt: App) -> None:
    for url in (
        chatgpt.authorize_url() + "&x=y" * policy.PARAMETER_COUNT_MAX,
        chatgpt.authorize_url() + "&x=" + "y" * policy.QUERY_LENGTH_MAX,
        chatgpt.authorize_url(state="x" * (policy.PARAMETER_LENGTH_MAX + 1)),
        chatgpt.authorize_url() + "&client_id=again",
        chatgpt.authorize_url() + "&x=%",
        chatgpt.authorize_url() + "&x=%00",
        chatgpt.authorize_url() + "&x=%ed%a0%80",
    ):
        answers: list[Any] = []
        assert queries_of(lambda url=url, answers=answers: answers.append(Http().get(url))) == 0
        assert answers[0].status_code == 400
