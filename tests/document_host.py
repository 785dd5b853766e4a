"""A host that publishes documents over HTTPS, on this machine, with a certificate of an authority made for the test.

It answers each path with raw bytes that the test decides, so it can be as badly behaved as the test wants, and counts
who connected.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[ssl.SSLSocket], None]
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
NAMES = ("localhost", "client.example", "127.0.0.1")


@dataclass
class DocumentHost:
    """A running host. `answers` by path; a path that is not there is a 404."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    connections: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def url(self, path: str = "/client.json") -> str:
        return self.origin + path

    def publish(self, path: str = "/client.json", **members: Any) -> str:
        """Publish a good document, `members` instead of its own or None for left out; return its address."""
        document = client_document(self.url(path)) | members
        return self.publish_json(path, {name: value for name, value in document.items() if value is not None})

    def publish_json(self, path: str, content: object, *, headers: str = "Cache-Control: max-age=600\r\n") -> str:
        self.answers[path] = raw(json.dumps(content).encode(), headers=headers)
        return self.url(path)


def client_document(url: str) -> dict[str, Any]:
    return {
        "client_id": url,
        "client_name": "Documented",
        "redirect_uris": ["https://app.example/callback", "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


def raw(
    body: bytes, *, status: str = "200 OK", kind: str = "application/json", headers: str = "", length: int | None = None
) -> Answer:
    """Return an answer of one piece."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body) if length is None else length}\r\n"

    def answer(client: ssl.SSLSocket) -> None:
        client.sendall(f"{head}{headers}\r\n".encode() + body)

    return answer


def drip(stop: threading.Event, *, head: bool = False) -> Answer:
    """Return an answer of which one byte comes every tenth of a second, of the headers already or of the body."""

    def answer(client: ssl.SSLSocket) -> None:
        if not head:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for _ in range(600):
            client.sendall(b"a")
            if stop.wait(0.1):
                return

    return answer


def endless(client: ssl.SSLSocket) -> None:
    """Answer without an end."""
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        client.sendall(b" " * 65_536)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[tuple[DocumentHost, Path]]:
    """Run a host for as long as the context lasts; yield it and the file of the authority that vouches for it."""
    authority, chain = _certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    listener = socket.create_server(("127.0.0.1", 0))
    host = DocumentHost(port=listener.getsockname()[1])
    threading.Thread(target=_accept, args=(host, listener, context), daemon=True).start()
    try:
        yield host, authority
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(host: DocumentHost, listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        host.connections += 1
        threading.Thread(target=_serve, args=(host, plain, context), daemon=True).start()


def _serve(host: DocumentHost, plain: socket.socket, context: ssl.SSLContext) -> None:
    plain.settimeout(20)
    with contextlib.suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as client:
        request = b""
        while b"\r\n\r\n" not in request and (piece := client.recv(65_536)):
            request += piece
        head, _, body = request.partition(b"\r\n\r\n")
        told = LENGTH.search(head)
        # What is left unread when a socket closes resets it, and with it the answer.
        while told and len(body) < int(told[1]) and (piece := client.recv(65_536)):
            body += piece
        host.requests.append(request.decode())
        path = request.split(b" ")[1].decode() if request.count(b" ") > 1 else ""
        host.answers.get(path, raw(b"{}", status="404 Not Found"))(client)


def _certificates(folder: Path) -> tuple[Path, Path]:
    """Write an authority's certificate, and a key and certificate it issued for NAMES; return the two files."""
    now = datetime.datetime.now(datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of one test")])

    def certificate(name: x509.Name, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )

    identifier = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = (
        certificate(root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identifier, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    names = [x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in NAMES]
    leaf = (
        certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])]), key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    authority, chain = folder / "authority.pem", folder / "host.pem"
    authority.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    return authority, chain
