"""The people everybody knows, and what they hold: alice (owner of acme and globex), bob (member of acme, owner of
initech), carol (no handle); the client chatgpt; a resource server. They act over HTTP only, as the real ones do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from allauth.account.models import EmailAddress
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.test import Client as Http

from accounts.models import User
from authserver import forms
from authserver.models import Connection, ProtectedResource, Scope
from authserver.services import resource_servers
from authserver.services.usage import marks
from handles.models import Handle, Membership

PASSWORD = "correct horse battery staple"
CALLBACK = "https://chatgpt.com/connector/oauth/abc"
LOOPBACK_CALLBACK = "http://127.0.0.1:33418/callback"
GATEWAY = "http://127.0.0.1:8001/mcp"
READS = "mcp.connect skills.read links.read"


def hosted(handle: str) -> str:
    return f"http://{handle}.mcp.localhost:8001/mcp"


def compat(handle: str) -> str:
    return f"http://127.0.0.1:8001/mcp/{handle}/mcp"


def field_value(html: str, name: str) -> str:
    """Return the value of a hidden field on a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no field {name} on the page"
    return unescape(found.group(1))


@dataclass
class Person:
    """A person with a browser of their own."""

    email: str
    http: Http = field(default_factory=lambda: Http(headers={"accept": "text/html"}))

    @property
    def user(self) -> User:
        return User.objects.get(email=self.email)

    def sign_in(self) -> Person:
        """Sign in on the real page, as `GET /accounts/login/` then `POST`."""
        self.http.get("/accounts/login/")
        answer = self.http.post("/accounts/login/", {"login": self.email, "password": PASSWORD})
        assert answer.status_code == 302, answer.content.decode()
        return self

    def open(self, url: str) -> Any:
        """Follow an authorize URL; sign in where the page asks for it. Returns the first page that is neither."""
        answer = self.http.get(url)
        if answer.status_code == 302 and answer["Location"].startswith("/accounts/login/"):
            login = answer["Location"]
            page = self.http.get(login)
            form = {"login": self.email, "password": PASSWORD, "next": field_value(page.content.decode(), "next")}
            answer = self.http.get(self.http.post(login, form)["Location"])
        return answer

    def decide(self, page: Any, decision: str = "allow", **fields: Any) -> Any:
        """Press a button of a consent page. `scope` is what stays ticked, `handle` the radio. The page with one button
        is continued, or left for the whole page where something is to be chosen."""
        html = page.content.decode()
        if 'value="continue"' in html and decision == "allow":
            if not fields:
                return self.decide(page, "continue")
            return self.decide(self.decide(page, "choose"), decision, **fields)
        ticked = re.findall(r'<input type="checkbox" name="scope" value="([^"]*)"[^>]*\schecked', html)
        form = {"request": field_value(html, "request"), "decision": decision, "scope": ticked} | fields
        return self.http.post("/oauth/authorize", form)

    def has_nothing_of(self, app: App) -> bool:
        """Tell whether this client was never allowed anything by this person."""
        return not Connection.objects.filter(user__email=self.email, client__client_id=app.client_id).exists()

    def decide_unseen(self, url: str, **fields: Any) -> Any:
        """Post the consent form of this authorize URL as its page would carry it, with the boxes as they are ticked at
        first, but without the two pages being drawn: drawing them is most of what a test costs."""
        user = self.user
        if SESSION_KEY not in self.http.session:
            self.http.post("/accounts/login/", {"login": self.email, "password": PASSWORD})
        ticked = list(Scope.objects.exclude(level=Scope.Level.MANAGE).values_list("pk", flat=True))
        signed = forms.sign(url.partition("?")[2], user)
        return self.http.post("/oauth/authorize", {"request": signed, "decision": "allow", "scope": ticked} | fields)


@dataclass
class Tokens:
    """What a client holds after the exchange."""

    access: str
    refresh: str | None
    scope: str
    expires_in: int


@dataclass
class App:
    """An MCP client, registered over HTTP."""

    client_id: str
    secret: str | None = None
    redirect_uri: str = CALLBACK
    registration: dict[str, Any] = field(default_factory=dict)
    http: Http = field(default_factory=Http)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = "state-1"

    @classmethod
    def register(cls, name: str = "ChatGPT", redirect_uri: str = CALLBACK, **members: Any) -> App:
        body = {
            "client_name": name,
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        } | members
        answer = Http().post("/oauth/register", json.dumps(body), content_type="application/json")
        assert answer.status_code == 201, answer.content
        told = answer.json()
        return cls(told["client_id"], told.get("client_secret"), redirect_uri, told)

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def authorize_url(self, resource: str | None = GATEWAY, **parameters: str | None) -> str:
        """Return an authorize URL; a parameter given as None is left out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "resource": resource,
        } | parameters
        return "/oauth/authorize?" + urlencode({name: value for name, value in asked.items() if value is not None})

    def token(self, *, basic: bool = False, **form: str) -> Any:
        """POST to the token endpoint, authenticated as this client would."""
        headers = {}
        if basic:
            pair = f"{quote(self.client_id, safe='')}:{quote(self.secret or '', safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form = {"client_id": self.client_id} | ({"client_secret": self.secret} if self.secret else {}) | form
        return post_form(self.http, "/oauth/token", form, headers=headers)

    def exchange(self, code: str, **form: str) -> Any:
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": self.verifier,
            "redirect_uri": self.redirect_uri,
        } | form
        return self.token(**asked)

    def refresh(self, token: str | None, **form: str) -> Any:
        return self.token(grant_type="refresh_token", refresh_token=token or "", **form)

    def revoke(self, token: str) -> Any:
        return post_form(self.http, "/oauth/revoke", {"token": token, "client_id": self.client_id})


def post_form(http: Http, path: str, form: dict[str, Any], *, headers: dict[str, str] | None = None) -> Any:
    return http.post(
        path, urlencode(form, doseq=True), content_type="application/x-www-form-urlencoded", headers=headers or {}
    )


def answer_of(response: Any) -> dict[str, str]:
    """Return the parameters that a redirect carries back to the client."""
    assert response.status_code == 302, response.content.decode()
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


def tokens_of(response: Any) -> Tokens:
    assert response.status_code == 200, response.content
    body = response.json()
    return Tokens(body["access_token"], body.get("refresh_token"), body["scope"], body["expires_in"])


@dataclass
class Asker:
    """A resource server that asks about credentials."""

    id: str
    secret: str
    http: Http = field(default_factory=Http)

    def ask(self, token: str) -> Any:
        pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        answer = post_form(self.http, "/oauth/introspect", {"token": token}, headers=headers)
        marks.flush()  # as the server's own thread does every second
        return answer

    def report(self, *calls: Any, body: bytes | None = None, **members: Any) -> Any:
        """POST to the endpoint for reports: these calls and other members, or the bytes given."""
        pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        sent = json.dumps({"calls": calls} | members) if body is None else body
        headers = {"Authorization": f"Basic {pair}"}
        return self.http.post("/oauth/reports", sent, content_type="application/json", headers=headers)

    def publish(self, *tools: Any, body: bytes | None = None, **members: Any) -> Any:
        """PUT to the endpoint for tools: these, or the bytes given."""
        pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        sent = json.dumps({"tools": tools} | members) if body is None else body
        headers = {"Authorization": f"Basic {pair}"}
        return self.http.put("/oauth/tools", sent, content_type="application/json", headers=headers)

    def published(self) -> Any:
        """GET what this server has published."""
        pair = base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()
        return self.http.get("/oauth/tools", headers={"Authorization": f"Basic {pair}"})

    def knows(self, token: str) -> dict[str, Any]:
        """Return the introspection answer of a credential."""
        answer = self.ask(token)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def is_active(self, token: str) -> bool:
        return bool(self.knows(token)["active"])


@dataclass
class World:
    """Everybody, in an empty database."""

    alice: Person
    bob: Person
    carol: Person
    admin: Person
    asker: Asker
    other_asker: Asker

    def connect(
        self, person: Person, app: App, *, resource: str | None = GATEWAY, scope: str = READS, **choice: Any
    ) -> Tokens:
        """Take a client through authorize, sign-in, consent and exchange; return what it holds. What is new between
        the two is allowed without looking at a page: this is how stories begin that are about something else."""
        url = app.authorize_url(resource, scope=scope)
        answer = person.decide_unseen(url, **choice) if person.has_nothing_of(app) else None
        if answer is None or answer.status_code != 302:
            page = person.open(url)
            assert page.status_code == 200, page.content.decode()
            answer = person.decide(page, **choice)
        return tokens_of(app.exchange(answer_of(answer)["code"]))


HANDLES = {"acme": "Acme Inc.", "globex": "Globex", "initech": "Initech"}
SEATS = {
    "alice@example.com": {"acme": "owner", "globex": "owner"},
    "bob@example.com": {"acme": "member", "initech": "owner"},
    "carol@example.com": {},
}


def make_person(email: str, **fields: Any) -> Person:
    [person] = make_people({email: fields})
    return person


def make_people(people: dict[str, dict[str, Any]]) -> list[Person]:
    """Create people by e-mail address, with these fields; all at once, for nearly every test begins with them."""
    password = make_password(PASSWORD)
    users = [User(email=email, password=password, **fields) for email, fields in people.items()]
    User.objects.bulk_create(users)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
    return [Person(email) for email in people]


def make_world() -> World:
    """Create everybody; passwords are `PASSWORD`."""
    handles = {slug: Handle(slug=slug, display_name=name) for slug, name in HANDLES.items()}
    Handle.objects.bulk_create(handles.values())
    fields: dict[str, dict[str, Any]] = {email: {"name": email.partition("@")[0].title()} for email in SEATS}
    alice, bob, carol, admin = make_people(fields | {"admin@example.com": {"is_staff": True, "is_superuser": True}})
    users = User.objects.in_bulk(field_name="email")
    Membership.objects.bulk_create(
        Membership(user=users[email], handle=handles[slug], role=role)
        for email, seats in SEATS.items()
        for slug, role in seats.items()
    )
    other = ProtectedResource.objects.create(name="Other", address="http://127.0.0.1:8001/other/mcp")
    platform, secret = resource_servers.create("platform", ProtectedResource.objects.exclude(kind="other"))
    second, second_secret = resource_servers.create("second", [other])
    return World(
        alice,
        bob,
        carol,
        admin,
        asker=Asker(str(platform.pk), secret),
        other_asker=Asker(str(second.pk), second_secret),
    )
