"""MCP Python SDK 1.x."""

import asyncio

import httpx
from loop import DOCUMENT, URL, Browser, Memory, metadata, obey
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata


async def main() -> None:
    browser, memory = Browser(), Memory()
    registration = OAuthClientMetadata.model_validate(metadata(await browser.listen()))

    async def returned() -> tuple[str, str | None]:
        arrived = await browser.arrived.get()
        return arrived["code"], arrived.get("state")

    provider = OAuthClientProvider(URL, registration, memory, browser.open, returned, client_metadata_url=DOCUMENT)
    async with (
        httpx.AsyncClient(auth=provider, timeout=60) as http,
        streamable_http_client(URL, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        await obey(session, memory)


asyncio.run(main())
