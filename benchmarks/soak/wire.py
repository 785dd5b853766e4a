"""A connection that is kept, one request after the other: the load on the asking side stays small."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

FORM = "application/x-www-form-urlencoded"
ANSWER_SECONDS = 20.0


@dataclass
class Wire:
    """One at a time may use it."""

    url: str
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: str, *, authorization: str = "") -> tuple[int, bytes]:
        """Return status and body. Raises OSError where the connection broke; the next request opens another one."""
        try:
            return await asyncio.wait_for(self._post(path, body, authorization), ANSWER_SECONDS)
        except (TimeoutError, OSError, EOFError) as error:
            self.close()
            raise OSError("no answer") from error

    async def _post(self, path: str, body: str, authorization: str) -> tuple[int, bytes]:
        at = urlsplit(self.url)
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(at.hostname, at.port)
        lines = [f"POST {path} HTTP/1.1", f"Host: {at.netloc}", f"Content-Type: {FORM}", f"Content-Length: {len(body)}"]
        lines += [f"Authorization: {authorization}"] if authorization else []
        self.writer.write("\r\n".join([*lines, "", body]).encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
        return int(head.split()[1]), await self.reader.readexactly(length)

    def close(self) -> None:
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None
