"""MCP Python SDK 2.x."""

import asyncio

import httpx2
from loop import DOCUMENT, URL, Browser, Memory, metadata, obey
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata


async def main() -> None:
    browser, memory = Browser(), Memory()
    registration = OAuthClientMetadata.model_validate(metadata(await browser.listen()))

    async def returned() -> AuthorizationCodeResult:
        return AuthorizationCodeResult.model_validate(await browser.arrived.get())

    provider = OAuthClientProvider(URL, registration, memory, browser.open, returned, client_metadata_url=DOCUMENT)
    async with (
        httpx2.AsyncClient(auth=provider, timeout=60) as http,
        Client(streamable_http_client(URL, http_client=http)) as client,
    ):
        await obey(client, memory)


asyncio.run(main())
