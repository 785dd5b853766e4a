"""Thousands of requests that nobody would send, to every path of authserver/urls.py: never a 500, and what answers
programs answers them in JSON, with a code of the RFCs and a sentence that repeats nothing."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client as Http
from django.urls import URLPattern, URLResolver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authserver import urls
from authserver.models import Connection
from tests.people import CALLBACK, GATEWAY, App, World, answer_of, field_value, hosted, tokens_of

EXAMPLES = 12
CLIENTS_ASK = ("/oauth/token", "/oauth/revoke", "/oauth/register", "/.well-known/oauth", "/.well-known/@")
MACHINE_CODES = {
    # RFC 6749 §5.2, RFC 8707 §2, RFC 7009 §2.2.1
    "/oauth/token": "invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type "
    "invalid_scope invalid_target",
    "/oauth/revoke": "invalid_request invalid_client unsupported_token_type",
    # RFC 7662 §2.3
    "/oauth/introspect": "invalid_request invalid_client",
    "/oauth/reports": "invalid_request invalid_client",
    "/oauth/tools": "invalid_request invalid_client",
    # OpenID Shared Signals 1.0 §8.1, RFC 8936 §2.4
    "/oauth/events/stream": "invalid_request invalid_client not_found",
    "/oauth/events/verify": "invalid_request invalid_client not_found",
    "/oauth/events/poll/@nobody": "invalid_request invalid_client not_found",
    "/oauth/rehearsals/@nobody/met": "invalid_request invalid_client not_found",
    "/oauth/jwks": "invalid_request",
    "/.well-known/ssf-configuration": "invalid_request",
    # RFC 7591 §3.2.2; RFC 6750 §3.1 for the registration access token
    "/oauth/register": "invalid_request invalid_redirect_uri invalid_client_metadata",
    "/oauth/register/@client": "invalid_request invalid_redirect_uri invalid_client_metadata invalid_token",
    "/.well-known/oauth-authorization-server": "invalid_request",
    "/.well-known/@text": "not_found invalid_request",
}
PAGES = [
    "/oauth/authorize",
    "/connections",
    "/connections/all/disconnect",
    *(f"/connections/@connection/{act}" for act in "disconnect scopes pause resume wishes tools".split()),
    "/handles",
    "/handles/@handle",
    "/handles/@handle/clients",
    "/handles/@handle/clients/policy",
    "/handles/@handle/clients/decide",
    "/handles/@handle/clients/disconnect",
    "/handles/@handle/connections",
    "/handles/@handle/connections/disconnect",
    "/handles/@handle/connections/@connection",
    "/handles/@handle/connections/@connection/scopes",
    "/handles/@handle/connections/@connection/pause",
    "/handles/@handle/connections/@connection/resume",
    "/handles/@handle/connections/@connection/disconnect",
    *(f"/handles/@handle/{path}rehearsal{act}" for path in ("connections/@connection/",) for act in ("", "/call-off")),
    *"/handles/@handle/attempts /attempts /attempts/@text /attempts/@text/live /attempts/@text/share".split(),
    *"/attempts/shared/@text /.well-known/webauthn".split(),
    "/handles/@handle/tokens",
    "/handles/@handle/tokens/@nobody/revoke",
    "/handles/@handle/usage",
    "/handles/@handle/usage.csv",
    "/handles/@handle/integrations",
    "/handles/@handle/integrations/check",
    "/handles/@handle/invitations",
    "/handles/@handle/invitations/@nobody/revoke",
    "/handles/@handle/join",
    "/handles/@handle/leave",
    "/handles/@handle/members",
    "/handles/@handle/members/@nobody/remove",
    "/handles/@handle/members/@nobody/role",
    "/handles/@handle/members/requests/1",
    "/handles/@handle/settings",
    "/handles/@handle/settings/delete",
    "/handles/@handle/settings/status",
    "/handles/@handle/settings/transfer",
    "/handles/@handle/tools",
    "/handles/@handle/tools/@nobody/approve",
    "/handles/check",
    "/handles/new",
    "/invitations",
    "/invitations/@nobody",
    "/invitations/@nobody/switch",
    "/connect/@handle",
    "/language",
    "/static/brand.000000000000.css",
    *"/ /livez /readyz /metrics".split(),
    "/internal/tls-ask",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/switch-account",
    "/api/@text",
    "/@text",
]
# RFC 6749 §4.1.2.1, RFC 8707 §2, OpenID Connect Core §3.1.2.6
REDIRECT_CODES = set(
    "invalid_request unauthorized_client access_denied unsupported_response_type invalid_scope invalid_target "
    "login_required consent_required request_not_supported request_uri_not_supported".split()
)
DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 §5.2
CANARY = "kanarienvogel"

# --- What is made up

NAMES = (
    "client_id client_secret redirect_uri response_type response_mode scope state code code_verifier code_challenge "
    "code_challenge_method resource grant_type refresh_token token token_type_hint prompt login_hint request "
    "request_uri taken target client user scopes extra_credentials headers body decision handle confirm login "
    "password email next csrfmiddlewaretoken redirect_uris client_name grant_types response_types client_uri "
    "mode kind value only_this offered q sort "
    "token_endpoint_auth_method software_id domain __class__ _params".split()
)
TEXTS = [
    *"@client @confidential @secret @code @used @refresh @access @verifier @challenge @signed @registration".split(),
    *"code S256 plain none authorization_code refresh_token client_credentials openid query fragment allow cancel "
    "continue choose decline used unused "
    "block fingerprint client_id ask listed "
    "acme globex public mcp.connect links.read offline_access yes client_secret_basic".split(),
    GATEWAY,
    hosted("acme"),
    CALLBACK,
    "alice@example.com",
    *[
        "",
        " ",
        "\x00",
        "\ud800",
        "%",
        "%00",
        "a\r\nb: c",
        "\u202e",
        "💥",
        "null",
        "0",
        "[]",
        "{}",
        "../..",
        "' OR 1=1 --",
    ],
    *["http://[", "https://a:b", "//", "http://127.0.0.1:*/", "https://*/", "\\", '"', "x" * 5000],
]
text = st.one_of(st.sampled_from(TEXTS), st.text(max_size=20), st.text(max_size=8).map(lambda each: CANARY + each))
pairs = st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=6)), text), max_size=12)
SCRAPS = ["", "", "", "%", "%0", "%00", "%ff", "%ed%a0%80", "&", "&&=", "=", ";", "+", "\xff", "?", "#", "&a=b" * 60]
json_value = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=8,
)
json_object = st.dictionaries(st.one_of(st.sampled_from(NAMES), text), json_value, max_size=8)
registration = json_object.map(lambda members: {"redirect_uris": [CALLBACK]} | members)
header_text = st.one_of(
    st.sampled_from(
        ["Basic", "Basic Og==", "Basic @basic", "Bearer @access", "Bearer @registration", "Bearer", "text/html"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30),
)
headers = st.dictionaries(
    st.sampled_from("Authorization Accept Origin Cookie X-Request-Id X-Forwarded-For Accept-Language DPoP".split()),
    header_text,
    max_size=3,
)
FORM = "application/x-www-form-urlencoded"
content_types = st.sampled_from(
    [FORM, FORM, FORM + ";charset=UTF-8", "application/json", "", "text/plain", "multipart/form-data", "a/b; c=\xff"]
)
methods = st.sampled_from("GET POST POST POST HEAD PUT DELETE PATCH OPTIONS TRACE PROPFIND".split())


def spelled(made: list[tuple[str, str]], scrap: str, place: int) -> str:
    """Return an urlencoded text with a scrap dropped into it."""
    whole = urlencode(made, errors="surrogatepass")
    place = place % (len(whole) + 1)
    return whole[:place] + scrap + whole[place:]


raw_forms = st.builds(spelled, pairs, st.sampled_from(SCRAPS), st.integers(0, 500))
bodies = st.one_of(
    raw_forms.map(lambda each: each.encode("latin-1")),
    st.one_of(registration, json_object, json_value).map(lambda each: json.dumps(each).encode()),
    st.binary(max_size=60),
    st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b"x" * 20_000, b"x" * 1_100_000]),
)


@dataclass(frozen=True)
class Shot:
    """One request. `@name` stands for something real (Stage.real) wherever it appears."""

    method: str
    query: str
    body: bytes
    content_type: str
    headers: dict[str, str]
    signed_in: bool
    text: str


shots = st.builds(Shot, methods, raw_forms, bodies, content_types, headers, st.booleans(), text)


# --- Where it is sent


@dataclass
class Stage:
    """Everybody, a live connection, and the real values that a request may hold by chance."""

    real: dict[str, str] = field(repr=False)
    stranger: Http
    person: Http

    def fill(self, made: str) -> str:
        for name, value in self.real.items():
            made = made.replace(f"@{name}", value).replace(f"%40{name}", value)
        return made

    def send(self, path: str, shot: Shot) -> Any:
        path = self.fill(path).replace("@text", shot.text.replace("?", "").replace("#", ""))
        return (self.person if shot.signed_in else self.stranger).generic(
            shot.method,
            path.encode("utf-8", "replace").decode(),
            self.fill(shot.body.decode("latin-1")).encode("latin-1"),
            content_type=shot.content_type,
            QUERY_STRING=self.fill(shot.query),
            headers={name: self.fill(value) for name, value in shot.headers.items()},
        )


@pytest.fixture
def stage(world: World, settings: Any) -> Stage:
    settings.REGISTRATIONS_PER_MINUTE = 10**6
    settings.ACCOUNT_RATE_LIMITS = {}
    app, confidential = App.register(), App.register(token_endpoint_auth_method="client_secret_basic")
    held = world.connect(world.alice, app, handle="acme")
    page = world.alice.open(app.authorize_url())
    used = answer_of(world.alice.decide(page, handle="acme"))["code"]
    tokens_of(app.exchange(used))
    fresh = world.alice.open(app.authorize_url())
    code = answer_of(world.alice.decide(fresh, handle="acme"))["code"]
    signed = field_value(world.alice.open(app.authorize_url()).content.decode(), "request")
    real = {"client": app.client_id, "confidential": confidential.client_id, "secret": confidential.secret or ""}
    real |= {"code": code, "used": used, "refresh": held.refresh or "", "access": held.access, "signed": signed}
    real |= {
        "verifier": app.verifier,
        "challenge": app.challenge,
        "basic": base64.b64encode(f"{world.asker.id}:{world.asker.secret}".encode()).decode(),
        "handle": "acme",
        "connection": str(Connection.objects.filter(ended_at=None).earliest("created_at").pk),
        "nobody": "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
    }
    real |= {"registration": app.registration["registration_access_token"]}
    return Stage(real, Http(enforce_csrf_checks=True), world.alice.http)


at_every_shot = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.covers("M-fuzz", "T17", "T19", "RF-12", "RF-13", "RF-18")
@pytest.mark.parametrize("path", list(MACHINE_CODES))
@at_every_shot
@given(shot=shots)
def test_a_program_gets_json_with_a_known_code_and_nothing_of_what_it_sent(stage: Stage, path: str, shot: Shot) -> None:
    answer = stage.send(path, shot)
    assert answer.status_code < 500
    if answer.status_code in (204, 200, 201) or shot.method == "HEAD":
        assert answer.status_code in (200, 201, 204) or answer.status_code >= 400
        return
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    told = answer.json()
    assert set(told) == {"error", "error_description"} | ({"error_uri"} if path.startswith(CLIENTS_ASK) else set())
    assert told["error"] in MACHINE_CODES[path].split()
    assert DESCRIPTION.fullmatch(told["error_description"])
    assert CANARY not in answer.content.decode()
    assert answer.status_code in (400, 401, 404, 405)
    assert answer.has_header("WWW-Authenticate") or answer.status_code != 401 or "Authorization" not in shot.headers
    assert answer.has_header("Allow") or answer.status_code != 405


@pytest.mark.covers("M-fuzz", "RF-14")
@pytest.mark.parametrize("path", PAGES)
@at_every_shot
@given(shot=shots)
def test_a_person_never_meets_a_broken_page(stage: Stage, path: str, shot: Shot) -> None:
    answer = stage.send(path, shot)
    assert answer.status_code < 500
    assert "Traceback" not in answer.content.decode()
    if answer.has_header("Location"):
        check_destination(answer["Location"])


def check_destination(location: str) -> None:
    """A redirect goes to a path of ours, or to the client with a known answer."""
    where = urlsplit(location)
    if not where.scheme and not where.netloc:
        assert location.startswith("/")
        return
    assert location.startswith(CALLBACK + "?")
    told = parse_qs(where.query)
    assert told["iss"] == ["http://127.0.0.1:8000"]
    assert "code" in told or set(told["error"]) <= REDIRECT_CODES


@pytest.mark.covers("M-fuzz")
@at_every_shot
@given(shot=shots, parameters=pairs)
def test_an_almost_good_authorization_request_is_answered_here_or_at_the_client(
    stage: Stage, shot: Shot, parameters: list[tuple[str, str]]
) -> None:
    good = {"response_type": "code", "client_id": "@client", "redirect_uri": CALLBACK, "code_challenge_method": "S256"}
    good |= {"code_challenge": "@challenge", "resource": GATEWAY, "state": "s"} | dict(parameters)
    query = stage.fill(urlencode(good, errors="surrogatepass"))
    answer = (stage.person if shot.signed_in else stage.stranger).get("/oauth/authorize", QUERY_STRING=query)
    assert answer.status_code in (200, 302, 400, 403, 404)
    if answer.has_header("Location"):
        check_destination(answer["Location"])
        assert (
            "code=" not in urlsplit(answer["Location"]).query.replace("response_type=code", "")
            or "next=" in answer["Location"]
        )


@pytest.mark.covers("M-fuzz")
@at_every_shot
@given(parameters=pairs)
def test_an_almost_good_token_request_is_answered_or_refused(stage: Stage, parameters: list[tuple[str, str]]) -> None:
    for good in (
        {"grant_type": "authorization_code", "code": "@code", "code_verifier": "@verifier", "client_id": "@client"},
        {"grant_type": "refresh_token", "refresh_token": "@refresh", "client_id": "@client"},
    ):
        body = stage.fill(urlencode(good | dict(parameters), errors="surrogatepass"))
        answer = stage.stranger.post("/oauth/token", body, content_type=FORM)
        assert answer.status_code in (200, 400, 401)
        assert answer["Cache-Control"] == "no-store"
        assert answer.status_code == 200 or answer.json()["error"] in MACHINE_CODES["/oauth/token"].split()


@pytest.mark.covers("M-fuzz", "DC-04")
@at_every_shot
@given(members=registration)
def test_an_almost_good_registration_is_registered_or_refused(stage: Stage, members: dict[str, Any]) -> None:
    answer = stage.stranger.post("/oauth/register", json.dumps(members), content_type="application/json")
    assert answer.status_code in (201, 400)
    told = answer.json()
    if answer.status_code == 400:
        assert told["error"] in MACHINE_CODES["/oauth/register"].split()
        assert CANARY not in answer.content.decode()
        return
    assert told["redirect_uris"]
    page = stage.person.get("/oauth/authorize", {
        "client_id": told["client_id"], "redirect_uri": told["redirect_uris"][0], "response_type": "code",
        "code_challenge": "x" * 43, "code_challenge_method": "S256", "resource": GATEWAY,
    })  # fmt: skip
    assert page.status_code == 200


# --- Nothing is left out


def paths_of(patterns: list[Any], prefix: str = "") -> set[str]:
    """Return every path of the table, without those of packages (admin, accounts) and of the API, which is driven by
    its own description (tests/api)."""
    found = set()
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found |= set() if route in ("admin/", "accounts/", "api/v1/") else paths_of(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            found.add("/" + route)
    return found


def test_every_path_of_the_table_of_contents_is_shot_at() -> None:
    shot_at = {*MACHINE_CODES, *PAGES}
    stands_for = {"@client": "<str:client_id>", "@connection": "<uuid:connection_id>", "@handle": "<str:slug>"}
    stands_for |= {"poll/@nobody": "poll/<str:stream_id>", "requests/1": "requests/<int:request_id>"}
    stands_for |= {"shared/@text": "shared/<str:token>", "/attempts/@text": "/attempts/<str:attempt_id>"}
    for real, route in stands_for.items():
        shot_at |= {path.replace(real, route) for path in shot_at}
    for name in ("token_id", "invitation_id", "person_id", "resource_id", "rehearsal_id"):
        shot_at |= {path.replace("@nobody", f"<uuid:{name}>") for path in shot_at}
    shot_at |= {r"/^\.well-known/(?P<rest>(?s:.*))$", r"/^api(?P<rest>(?s:/.*)?)$"}
    shot_at |= {r"/^static/(?P<name>brand\.[0-9a-f]{12}\.(?:css|svg|png))$"}
    assert paths_of(urls.urlpatterns) <= shot_at
