"""One bare request to an MCP endpoint, for what clients do not show."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen


def ask(url: str, credential: str) -> tuple[int, str]:
    """Ask for the tools with a credential. Return the status, and the error code of the body if there is one."""
    there = urlsplit(url)
    request = Request(
        f"http://127.0.0.1:{there.port}{there.path}",
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode(),
        {
            "Host": there.netloc,
            "Authorization": f"Bearer {credential}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        },
    )
    try:
        with urlopen(request) as answer:
            return answer.status, ""
    except HTTPError as error:
        with error:
            return error.code, json.load(error).get("error", "")
