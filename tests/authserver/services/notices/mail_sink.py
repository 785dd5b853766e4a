"""A mail server on this machine that keeps what it is given, refuses it, or says nothing at all."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Event, Thread


class Sink(socketserver.ThreadingTCPServer):
    """`refuses` is what it answers to a recipient instead of taking it; `is_silent` keeps callers waiting."""

    daemon_threads = True

    def __init__(self, refuses: str = "", is_silent: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.refuses, self.is_silent = refuses, is_silent
        self.messages: list[EmailMessage] = []
        self.closing = Event()
        self.callers = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class Conversation(socketserver.StreamRequestHandler):
    """One caller, as RFC 5321 has it."""

    server: Sink

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        self.server.callers += 1
        if self.server.is_silent:
            self.server.closing.wait(60)
            return
        self.say("220 sink")
        while line := self.rfile.readline().strip().upper():
            if line.startswith(b"DATA"):
                self.take()
            elif line.startswith(b"RCPT") and self.server.refuses:
                self.say(self.server.refuses)
            else:
                self.say("221 bye" if line == b"QUIT" else "250 ok")

    def take(self) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        self.server.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))  # type: ignore[arg-type]
        self.say("250 ok")


@contextmanager
def running(**manners: object) -> Iterator[Sink]:
    with Sink(**manners) as sink:  # type: ignore[arg-type]
        Thread(target=sink.serve_forever, daemon=True).start()
        yield sink
        sink.closing.set()
        sink.shutdown()
