"""Eighteen breaks of a live connect, over HTTP against the running product: within two seconds the page of the attempt
names the step that broke. The id is the one that the error names, or that of the client's own request."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from tests.contract.product import META, REVISION, address

NAMED_WITHIN_SECONDS = 10.0  # one, on a machine with nothing else to do
CALLBACK = "https://client.example/callback"
VERDICT = re.compile(r"data-verdict>([^<]*)<")


@dataclass
class Browser:
    """A person's browser, signed in on the real page."""

    ready: dict
    email: str
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(headers={"Accept": "text/html"}, timeout=20))

    def get(self, path: str, request_id: str = "") -> httpx2.Response:
        headers = {"X-Request-Id": request_id} if request_id else {}
        return self.http.get(self.ready["issuer"] + path, headers=headers)

    def sign_in(self) -> Browser:
        password = next(person["password"] for person in self.ready["people"] if person["email"] == self.email)
        page = self.get("/accounts/login/").text
        form = {"login": self.email, "password": password, "csrfmiddlewaretoken": field_of(page, "csrfmiddlewaretoken")}
        answer = self.http.post(self.ready["issuer"] + "/accounts/login/", data=form)
        assert answer.status_code == 302, answer.text
        return self

    def decide(self, page: httpx2.Response, decision: str, request_id: str, **fields: str) -> httpx2.Response:
        ticked = re.findall(r'<input type="checkbox" name="scope" value="([^"]*)"[^>]*\schecked', page.text)
        names = ("csrfmiddlewaretoken", "request")
        form: dict[str, Any] = {name: field_of(page.text, name) for name in names}
        form |= {"decision": decision, "scope": ticked} | fields
        url = self.ready["issuer"] + "/oauth/authorize"
        return self.http.post(url, data=form, headers={"X-Request-Id": request_id})

    def reads(self, request_id: str) -> str:
        """Return the verdict on the page of this attempt, or nothing while there is none."""
        found = VERDICT.search(self.get(f"/attempts/{request_id}").text)
        return unescape(found.group(1)) if found else ""


def field_of(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no field {name}"
    return unescape(found.group(1))


class Client:
    """An MCP client with a program name of its own, which takes each step by itself."""

    def __init__(self, ready: dict, browser: Browser) -> None:
        self.ready, self.browser = ready, browser
        self.http = httpx2.Client(headers={"User-Agent": f"break/{uuid.uuid4().hex[:8]}"}, timeout=20)
        self.verifier = secrets.token_urlsafe(48)
        self.client_id = self.secret = ""

    def call(self, place: str, credential: str = "", *, tool: str = "", session: str = "") -> httpx2.Response:
        there = urlsplit(address(self.ready, place))
        method = "tools/call" if tool else "tools/list"
        params: dict[str, Any] = {"_meta": META} | ({"name": tool, "arguments": {}} if tool else {})
        headers = {
            "Host": there.netloc, "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": REVISION,
            "Mcp-Method": method,
        }  # fmt: skip
        headers |= {"Authorization": f"Bearer {credential}"} if credential else {}
        headers |= {"Mcp-Name": tool} if tool else {}
        headers |= {"Mcp-Session-Id": session} if session else {}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.http.post(
            f"http://127.0.0.1:{there.port}{there.path}",
            content=json.dumps(body),
            headers=headers | {"Content-Type": "application/json"},
        )

    def register(self, **members: Any) -> httpx2.Response:
        body = {"client_name": "Breaker", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"} | members
        answer = self.http.post(self.ready["issuer"] + "/oauth/register", json=body)
        told = answer.json()
        self.client_id, self.secret = told.get("client_id", ""), told.get("client_secret", "")
        return answer

    def authorize_path(self, **changed: str) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": CALLBACK, "state": "s",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), "code_challenge_method": "S256",
            "resource": self.ready["gateway_url"], "scope": "mcp.connect skills.read links.read",
        } | changed  # fmt: skip
        return "/oauth/authorize?" + urlencode(asked)

    def allowed(self, request_id: str, decision: str = "allow") -> str:
        """Let the person answer; return the code, if there is one."""
        page = self.browser.get(self.authorize_path(), request_id)
        answer = self.browser.decide(page, decision, request_id, handle="acme")
        assert answer.status_code == 302, answer.text
        return parse_qs(urlsplit(answer.headers["Location"]).query).get("code", [""])[0]

    def token(self, code: str, **changed: str) -> httpx2.Response:
        form = {
            "grant_type": "authorization_code", "code": code, "client_id": self.client_id, "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        } | ({"client_secret": self.secret} if self.secret else {}) | changed  # fmt: skip
        return self.http.post(self.ready["issuer"] + "/oauth/token", data=form)

    def connected(self, request_id: str) -> str:
        self.register()
        return self.token(self.allowed(request_id)).json()["access_token"]


def told_id(answer: httpx2.Response) -> str:
    """Return the id in an error answer's `error_uri`, or in the link of an error page."""
    uri = answer.json()["error_uri"] if "json" in answer.headers["Content-Type"] else answer.text
    found = re.search(r"/attempts/([A-Za-z0-9-]{8,36})", uri)
    assert found, answer.text
    return found.group(1)


Break = Callable[[Client, str], str]


def never_read_where(client: Client, own: str) -> str:
    return told_id(client.call("gateway acme"))


def never_registered(client: Client, own: str) -> str:
    told = told_id(client.call("hosted globex"))
    there = urlsplit(address(client.ready, "hosted globex"))
    where = f"http://127.0.0.1:{there.port}/.well-known/oauth-protected-resource{there.path}"
    assert client.http.get(where, headers={"Host": there.netloc}).status_code == 200
    client.http.get(client.ready["issuer"] + "/.well-known/oauth-authorization-server")
    return told


def registration_refused(client: Client, own: str) -> str:
    return told_id(client.register(redirect_uris=["http://evil.example/cb"]))


def no_description(client: Client, own: str) -> str:
    return told_id(client.browser.get(client.authorize_path(client_id="https://127.0.0.1:9/client.json")))


def unknown_client(client: Client, own: str) -> str:
    client.client_id = str(uuid.uuid4())
    return told_id(client.browser.get(client.authorize_path()))


def other_redirect(client: Client, own: str) -> str:
    client.register()
    return told_id(client.browser.get(client.authorize_path(redirect_uri=CALLBACK + "x")))


def foreign_resource(client: Client, own: str) -> str:
    client.register()
    answer = client.browser.get(client.authorize_path(resource="https://elsewhere.example/mcp"), own)
    return own if answer.status_code == 302 else told_id(answer)


def nobody_signed_in(client: Client, own: str) -> str:
    client.register()
    nobody = Browser(client.ready, "")
    with closing(nobody.http):
        nobody.get(client.authorize_path(), own)
    return own


def left_open(client: Client, own: str) -> str:
    client.register()
    client.browser.get(client.authorize_path(), own)
    return own


def cancelled(client: Client, own: str) -> str:
    client.register()
    client.allowed(own, "cancel")
    return own


def not_a_member(client: Client, own: str) -> str:
    client.register()
    return told_id(client.browser.get(client.authorize_path(resource=address(client.ready, "hosted initech"))))


def never_came_back(client: Client, own: str) -> str:
    client.register()
    assert client.allowed(own)
    return own


def wrong_verifier(client: Client, own: str) -> str:
    client.register()
    return told_id(client.token(client.allowed(own), code_verifier=secrets.token_urlsafe(48)))


def wrong_secret(client: Client, own: str) -> str:
    client.register(token_endpoint_auth_method="client_secret_post")
    return told_id(client.token(client.allowed(own), client_secret="mcs_wrong"))


def code_twice(client: Client, own: str) -> str:
    client.register()
    code = client.allowed(own)
    client.token(code)
    return told_id(client.token(code))


def never_used(client: Client, own: str) -> str:
    client.connected(own)
    return own


def other_address(client: Client, own: str) -> str:
    return told_id(client.call("compat acme", client.connected(own)))


def scope_missing(client: Client, own: str) -> str:
    return told_id(client.call("gateway acme", client.connected(own), tool="create_link"))


BREAKS: dict[Break, str] = {
    never_read_where: "It has not read where yet",
    never_registered: "It has not registered or sent anybody yet",
    registration_refused: "registration was refused: it names no address",
    no_description: "description could not be fetched",
    unknown_client: "a client ID that this server does not know",
    other_redirect: "differs from every address it registered",
    foreign_resource: "an MCP server at ⁨elsewhere.example⁩, which is none of ours",
    nobody_signed_in: "has not signed in yet",
    left_open: "Nobody has pressed Allow or Cancel yet",
    cancelled: "Cancel was pressed",
    not_a_member: "is not a member of @⁨initech⁩",
    never_came_back: "The app has not come back with the code yet",
    wrong_verifier: "a PKCE verifier that does not fit",
    wrong_secret: "did not prove who it is",
    code_twice: "The app sent its code twice",
    never_used: "It has not used it at the MCP server yet",
    other_address: "and called ⁨http://127.0.0.1",
    scope_missing: "without the permission",
}


@pytest.fixture(scope="module")
def alice_at_home(short_lived: dict) -> Iterator[Browser]:
    browser = Browser(short_lived, "alice@example.com").sign_in()
    with closing(browser.http):
        yield browser


@pytest.mark.covers("ask:1")
@pytest.mark.parametrize(("broken", "named"), BREAKS.items(), ids=[each.__name__ for each in BREAKS])
def test_the_page_names_the_step_that_broke(alice_at_home: Browser, broken: Break, named: str) -> None:
    client = Client(alice_at_home.ready, alice_at_home)
    with closing(client.http):
        attempt = broken(client, uuid.uuid4().hex)
    assert verdict_in_time(alice_at_home, attempt, named)


def verdict_in_time(browser: Browser, attempt: str, named: str) -> bool:
    deadline, verdict = time.monotonic() + NAMED_WITHIN_SECONDS, ""
    while named not in verdict:
        assert time.monotonic() < deadline, f"after {NAMED_WITHIN_SECONDS} s the page says: {verdict!r}"
        verdict = browser.reads(attempt)
        time.sleep(0.1)  # pages ask once a second; who asks without end meets a limit
    return True


def test_a_connect_that_works_is_told_with_how_long_it_took(alice_at_home: Browser) -> None:
    client = Client(alice_at_home.ready, alice_at_home)
    with closing(client.http):
        attempt = never_registered(client, "")
        client.register()
        own = uuid.uuid4().hex
        page = alice_at_home.get(client.authorize_path(resource=address(client.ready, "hosted globex")), own)
        sent_to = alice_at_home.decide(page, "allow", own).headers["Location"]
        code = parse_qs(urlsplit(sent_to).query)["code"][0]
        credential = client.token(code).json()["access_token"]
        assert client.call("hosted globex", credential).status_code == 200
    assert verdict_in_time(alice_at_home, attempt, "s from the first 401 to the first call")
