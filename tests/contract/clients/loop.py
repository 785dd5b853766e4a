"""What both Python client programs share: orders on stdin, answers on stdout, one JSON per line (see loop.mjs)."""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

URL, NAME = sys.argv[1:3]
DOCUMENT = sys.argv[3] if len(sys.argv) > 3 else None  # the address of its metadata document; else it registers
_getaddrinfo = socket.getaddrinfo


def getaddrinfo(host, *rest, **named):
    """Names under .localhost mean this machine (RFC 6761 §6.3); the resolver of a plain Debian does not know that."""
    name = host.decode() if isinstance(host, bytes) else host
    return _getaddrinfo("127.0.0.1" if name and name.endswith(".localhost") else host, *rest, **named)


socket.getaddrinfo = getaddrinfo


def say(line: dict) -> None:
    print(json.dumps(line), flush=True)


class Memory:
    """The storage that an application gives to the SDK."""

    tokens = client_info = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens) -> None:
        self.tokens, self.received_at = tokens, time.time()

    async def get_client_info(self):
        return self.client_info

    async def set_client_info(self, client_info) -> None:
        self.client_info = client_info

    async def expired(self) -> None:
        """Wait for the credential's end, by the client's own clock."""
        await asyncio.sleep(self.received_at + self.tokens.expires_in + 0.1 - time.time())


class Browser:
    """Asks for a browser and listens for its return."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def listen(self) -> str:
        """Return the redirect URI."""
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/callback"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = urlsplit((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nYou may close this tab.")
        await writer.drain()
        writer.close()
        if target.path == "/callback":
            await self.arrived.put({name: values[0] for name, values in parse_qs(target.query).items()})

    async def open(self, address: str) -> None:
        say({"authorize": address})


def metadata(redirect_uri: str) -> dict:
    """What the application registers as."""
    return {
        "client_name": NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }


def text_of(result) -> str:
    return "\n".join(part.text for part in result.content)


async def obey(session, memory: Memory) -> None:
    """Do what stdin says with a connected session of the SDK."""

    async def tools(order: dict) -> list[str]:
        return [tool.name for tool in (await session.list_tools()).tools]

    async def call(order: dict) -> str:
        return text_of(await session.call_tool(order["tool"], order.get("arguments", {})))

    async def calls(order: dict) -> list[str]:
        return await asyncio.gather(*(call(order) for _ in range(order["times"])))

    async def credential(order: dict) -> str:
        return memory.tokens.access_token

    async def expire(order: dict) -> None:
        await memory.expired()

    acts: dict[str, Callable[[dict], Awaitable]] = {
        act.__name__: act for act in (tools, call, calls, credential, expire)
    }
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        try:
            say({"done": await acts[order["do"]](order)})
        except Exception as error:
            say({"refused": f"{type(error).__name__}: {error}"})
