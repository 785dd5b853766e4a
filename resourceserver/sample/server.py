"""The sample MCP server on the official Python SDK, and the application that puts the gate in front of it.

One low-level ``Server`` answers all doors: Streamable HTTP in both eras (``initialize`` with sessions up to
2025-11-25, ``server/discover`` without from 2026-07-28 on; the SDK tells them apart by the version header) and
the older SSE transport.
"""

import json
import logging
from dataclasses import asdict
from typing import Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError

from resourceserver import __version__
from resourceserver.admission import Mode, Policy
from resourceserver.answers import Answer, ASGIApp, Receive, Scope, Send
from resourceserver.events.subscriptions import Subscriptions
from resourceserver.gate import Gate, GateSettings
from resourceserver.introspection import IntrospectionClient, current_identity
from resourceserver.limits import ToolCall
from resourceserver.reports import Reports
from resourceserver.sample.config import Config
from resourceserver.sample.tools import (
    BASELINE_SCOPES,
    BY_NAME,
    CATALOG,
    REQUIRED_SCOPES,
    RULES,
    Call,
    Tool,
    ToolError,
    handle_of,
)
from resourceserver.sample.world import World
from resourceserver.telemetry.onward import Tracer
from resourceserver.tools.listing import visible
from resourceserver.tools.publishing import Publisher, manifest

NAME = "Gatehouse sample"
INSTRUCTIONS = "A sample MCP server. Every tool works on the one handle that was chosen while connecting; see whoami."
SESSION_IDLE_SECONDS = 900
MAX_SESSIONS = 5000
LIST_CACHE_MS = 5_000
DISCOVERY_CACHE_MS = 300_000

logger = logging.getLogger("resourceserver.audit")

Context = ServerRequestContext[Any, Any]


class SampleServer:
    """The MCP server behind the gate, as one ASGI application with the paths /mcp, /sse and /messages."""

    def __init__(self, mode: Mode) -> None:
        self._world = World()
        self._tools = [wire_tool(tool, mode) for tool in CATALOG]
        self._server: Server[dict[str, Any]] = Server(
            NAME,
            version=__version__,
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            get_tool_input_schema=lambda name: input_schema(BY_NAME[name]) if name in BY_NAME else None,
            cache_hints={
                # Each connection has its own list, and a word of its person changes it.
                "tools/list": CacheHint(ttl_ms=LIST_CACHE_MS, scope="private"),
                "server/discover": CacheHint(ttl_ms=DISCOVERY_CACHE_MS, scope="public"),
            },
        )
        self._streamable = StreamableHTTPSessionManager(
            self._server, json_response=True, session_idle_timeout=SESSION_IDLE_SECONDS, max_sessions=MAX_SESSIONS
        )
        self._sse = SseServerTransport("/messages")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection that the gate let through."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        door = scope["path"].removeprefix(scope["root_path"])
        if door == "/sse":
            await self._serve_sse(scope, receive, send)
        elif door == "/messages":
            await self._sse.handle_post_message(scope, receive, send)
        elif scope["method"] == "POST" or (scope["method"] in ("GET", "DELETE") and _has_session(scope)):
            await self._streamable.handle_request(scope, receive, send)
        else:
            # TypeScript clients open a GET stream and take 405 for "there is none"; the SDK would say 400.
            await Answer(405, headers=(("Allow", "POST"),)).send(scope, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._streamable.run():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve_sse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await Answer(405, headers=(("Allow", "GET"),)).send(scope, send)
            return
        async with self._sse.connect_sse(scope, receive, send) as (read_stream, write_stream):
            await self._server.run(read_stream, write_stream, self._server.create_initialization_options())

    async def _list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=visible(self._tools, current_identity()))

    async def _call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = BY_NAME.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, "Unknown tool")
        caller = current_identity()
        handle = handle_of(caller, ctx.request.scope["resourceserver.endpoint"].handle if ctx.request else None)
        try:
            result = tool.run(Call(self._world.of(handle), caller, params.arguments or {}))
        except ToolError as error:
            return types.CallToolResult(content=[types.TextContent(text=str(error))], is_error=True)
        text = result.get("summary") or json.dumps(result)
        return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=result)


def _has_session(scope: Scope) -> bool:
    return any(name.lower() == b"mcp-session-id" for name, _ in scope["headers"])


def input_schema(tool: Tool) -> dict[str, Any]:
    """Return the JSON Schema of a tool's arguments: all of them texts, all of them needed."""
    properties = {name: {"type": "string", "description": about} for name, about in tool.arguments}
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(properties)} if properties else {})


def wire_tool(tool: Tool, mode: Mode) -> types.Tool:
    """Return a tool as clients see it. ``_meta.securitySchemes`` is what ChatGPT reads to know when to sign in."""
    is_open = mode == "none" or (mode == "mixed" and tool.open_in_mixed)
    schemes: list[dict[str, Any]] = [{"type": "noauth"}] if is_open else []
    if mode != "none":
        schemes.append({"type": "oauth2", "scopes": list(dict.fromkeys((*REQUIRED_SCOPES, *tool.scopes)))})
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=input_schema(tool),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=not tool.writes,
            destructive_hint=tool.destructive,
            open_world_hint=tool.open_world,
        ),
        _meta={"securitySchemes": schemes},
    )


def application(config: Config, tracer: Tracer | None = None) -> ASGIApp:
    """Return the sample server behind its gate."""
    settings = GateSettings(
        endpoints=config.endpoints,
        issuer=config.issuer,
        origins=config.origins,
        service_name=NAME,
        policy=Policy(
            baseline_scopes=BASELINE_SCOPES,
            required_scopes=REQUIRED_SCOPES,
            tools=RULES,
            unlisted_tools=True,  # the server refuses them itself, by the same catalog
            mode=config.mode,
            calls_per_minute=config.calls_per_minute,
            trusted_proxy_count=config.trusted_proxy_count,
        ),
    )
    app = SampleServer(config.mode)
    if config.mode == "none":
        return Gate(app, settings, None, on_tool_call=_log_tool_call, tracer=tracer)
    introspection = IntrospectionClient(
        config.introspection_url,
        issuer=config.issuer,
        former_issuers=config.former_issuers,
        secrets=config.secrets,
        memory=subscriptions(config),
    )
    reports = Reports(config.service_url, secrets=config.secrets) if config.reports else None
    return Gate(
        app,
        settings,
        introspection,
        on_tool_call=_log_tool_call,
        reports=reports,
        publisher=publisher(config),
        tracer=tracer,
    )


def publisher(config: Config) -> Publisher | None:
    """Return what publishes the tools, or None where that is switched off."""
    if not config.tools:
        return None
    told = [wire_tool(tool, config.mode).model_dump(by_alias=True, exclude_none=True) for tool in CATALOG]
    tools = manifest(told, RULES, required=REQUIRED_SCOPES)
    return Publisher(config.service_url, secrets=config.secrets, tools=tools)


def subscriptions(config: Config) -> Subscriptions | None:
    """Return what lets answers be remembered, or None where every one is asked for."""
    if config.cache == "off":
        return None
    push_url = config.events_url if config.cache == "push" else None
    return Subscriptions(
        config.service_url,
        issuer=config.issuer,
        former_issuers=config.former_issuers,
        secrets=config.secrets,
        push_url=push_url,
    )


def _log_tool_call(call: ToolCall) -> None:
    logger.info(json.dumps({"event": "tool:called", **asdict(call)}))
