"""A small OpenID Connect provider on this machine: real codes, real PKCE, real RS256, one person at a time."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from jwcrypto import jwk, jwt

CLIENT_ID, SECRET = "gatehouse", "upstream secret"


@dataclass
class Provider:
    """What it says of the person who signs in there, and what is odd about it today."""

    server: ThreadingHTTPServer
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)  # wins over the claims, at userinfo
    id_token: dict[str, Any] = field(default_factory=dict)  # wins over the claims, in the ID token
    broken: dict[str, tuple[int, bytes]] = field(default_factory=dict)  # answers in place of the right ones, by path
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: jwk.JWK = field(default_factory=lambda: jwk.JWK.generate(kty="RSA", size=2048, kid="one"))

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return what `accounts/settings.py` makes of OIDC_ACME_… variables."""
        known = {"server_url": self.issuer, "oauth_pkce_enabled": True, "email_authentication": False} | more
        app = {"provider_id": "acme", "name": "Acme Login", "client_id": CLIENT_ID, "secret": SECRET, "settings": known}
        return {"openid_connect": {"APPS": [app]}}

    def visit(self, url: str, **more: str) -> str:
        """Do what a browser does at the provider: come by `url`, sign in; return where the person is sent back."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert url.startswith(f"{self.issuer}/authorize?"), url
        return self.authorize(asked, **more)

    def authorize(self, asked: dict[str, str], **more: str) -> str:
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"]} | more
        return asked["redirect_uri"] + "?" + urlencode({name: value for name, value in answer.items() if value})

    def discovery(self) -> dict[str, Any]:
        return (
            {"issuer": self.issuer, "token_endpoint_auth_methods_supported": ["client_secret_post"]}
            | {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "userinfo")}
            | {"authorization_endpoint": f"{self.issuer}/authorize", "jwks_uri": f"{self.issuer}/jwks"}
        )

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        asked = self.codes.pop(form["code"])
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert (form["client_id"], form["client_secret"]) == (CLIENT_ID, SECRET)
        assert form["redirect_uri"] == asked["redirect_uri"]
        now = int(time.time())
        told = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 60} | self.claims | self.id_token
        signed = jwt.JWT(header={"alg": "RS256", "kid": "one"}, claims=told)
        signed.make_signed_token(self.key)
        return {"access_token": "upstream access", "token_type": "Bearer", "id_token": signed.serialize()}


class Door(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/authorize" and url.path not in self.provider.broken:
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(dict(parse_qsl(url.query))))
            self.end_headers()
            return
        answers = {
            "/.well-known/openid-configuration": self.provider.discovery,
            "/jwks": lambda: {"keys": [self.provider.key.export_public(as_dict=True)]},
            "/userinfo": lambda: self.provider.claims | self.provider.userinfo,
        }
        self.answer(url.path, answers[url.path])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.answer(self.path, lambda: self.provider.token(form))

    def answer(self, path: str, make: Any) -> None:
        status, body = self.provider.broken.get(path) or (200, json.dumps(make()).encode())
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def running(**claims: Any) -> Iterator[Provider]:
    """Run a provider whose person has these claims."""
    door = type("ThisDoor", (Door,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), door) as server:
        provider = door.provider = Provider(server, claims)  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        yield provider
        server.shutdown()
