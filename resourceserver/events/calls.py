"""Calls of a resource server to its authorization server, signed in as one account.

Bounded in time and in size, over kept connections, to fixed paths below one base URL: nothing that an answer says is
ever followed as an address.
"""

import asyncio
import ssl
from dataclasses import dataclass
from json import JSONDecodeError, dumps, loads
from types import TracebackType
from typing import Any

import httpx2

TIMEOUT_SECONDS = 2.0
MAX_ANSWER_BYTES = 1024 * 1024


class NoAnswer(Exception):
    """No answer came that could be relied on. The text is for the log and quotes nothing that was sent or received."""


@dataclass(frozen=True)
class Reply:
    """A whole answer: its status and its body."""

    status: int
    body: bytes

    def members(self) -> dict[str, Any]:
        """Return the JSON object in the body. Raises NoAnswer when it is none."""
        try:
            found = loads(self.body)
        except (JSONDecodeError, UnicodeDecodeError, RecursionError):
            raise NoAnswer("the answer is not JSON") from None
        if not isinstance(found, dict):
            raise NoAnswer("the answer is not a JSON object")
        return found


def http_client(transport: httpx2.AsyncBaseTransport | None, **options: Any) -> httpx2.AsyncClient:
    """Return a client that follows no redirect and heeds no proxy. The authorities whose certificates count are those
    of SSL_CERT_FILE or SSL_CERT_DIR, else the system's. Raises OSError where that file is none of certificates."""
    # trust_env would send credentials through whatever proxy the environment names; it also means the authorities.
    verify = True if transport else _authorities()
    return httpx2.AsyncClient(transport=transport, verify=verify, trust_env=False, follow_redirects=False, **options)


def _authorities() -> ssl.SSLContext:
    try:
        return httpx2.create_ssl_context()
    except OSError as error:  # its text does not say which file
        raise OSError(f"SSL_CERT_FILE or SSL_CERT_DIR cannot be used: {error}") from None


class Caller:
    """An open line to the authorization server, used inside ``async with``. ``transport`` is there for tests."""

    def __init__(
        self,
        base_url: str,
        *,
        account: str,
        secret: str,
        timeout_seconds: float = TIMEOUT_SECONDS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Cache-Control": "no-cache"}
        auth = httpx2.BasicAuth(account, secret)
        self._http = http_client(transport, auth=auth, headers=headers, timeout=timeout_seconds)

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> Reply:
        """Return the answer to a GET. Raises NoAnswer."""
        return await self._send(self._http.build_request("GET", self._base_url + path))

    async def post(self, path: str, members: dict[str, Any]) -> Reply:
        """Return the answer to a POST of a JSON object. Raises NoAnswer."""
        return await self._with_body("POST", path, members)

    async def put(self, path: str, members: dict[str, Any]) -> Reply:
        """Return the answer to a PUT of a JSON object. Raises NoAnswer."""
        return await self._with_body("PUT", path, members)

    async def delete(self, path: str) -> Reply:
        """Return the answer to a DELETE. Raises NoAnswer."""
        return await self._send(self._http.build_request("DELETE", self._base_url + path))

    async def _with_body(self, method: str, path: str, members: dict[str, Any]) -> Reply:
        content, headers = dumps(members).encode(), {"Content-Type": "application/json"}
        return await self._send(
            self._http.build_request(method, self._base_url + path, content=content, headers=headers)
        )

    async def _send(self, request: httpx2.Request) -> Reply:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._http.send(request, stream=True)
                try:
                    return Reply(response.status_code, await _bounded(response))
                finally:
                    await response.aclose()
        # The cause is named by its class alone: its text could quote the request.
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            raise NoAnswer(type(error).__name__) from None


async def _bounded(response: httpx2.Response) -> bytes:
    # Compressed, a small answer could grow past every bound before it is counted.
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer("the answer is compressed, which was not asked for")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise NoAnswer("the answer is too large")
    return bytes(body)
