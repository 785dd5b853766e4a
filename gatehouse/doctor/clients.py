"""The eleven clients that the doctor walks as.

Facts are those of docs/doctor.md: measured on the wire (M), read in the client's source (S), said by its maker (D),
told by third parties (T). What the letter stands behind is that fact; the rest is the default of `Profile`.
"""

from gatehouse.doctor.profiles import (
    BASIC,
    NONE,
    POST_BODY,
    SIGNED,
    Document,
    Match,
    Opening,
    Profile,
    ScopesFrom,
    registration,
)

CHATGPT_CALLBACK = "https://chatgpt.com/connector/oauth/mcp"
CLAUDE_CALLBACK = "https://claude.ai/api/mcp/auth_callback"
CODEX_CALLBACK = "http://127.0.0.1:37819/callback"

GENERIC = Profile(
    # The official Python SDK 2: no Accept and no User-Agent for metadata, server/discover first, no method in the
    # registration, issuer compared exactly (M). And no forgiveness where clients differ, plus what none of them tries.
    name="generic",
    title="any strict client",
    opening=Opening.DISCOVER,
    agent="",
    metadata_accept="",
    reads_first_scheme_only=True,
    registration=registration("python-client", "http://localhost:8765/callback", method="", application_type="native"),
    redirect_uri="http://localhost:8765/callback",
    methods=(NONE, BASIC, POST_BODY),
    asks_offline_access=True,
    page_origin="https://page.example",
    page_calls_mcp=False,
    probes=True,
)
CHATGPT = Profile(
    name="chatgpt",
    title="ChatGPT",
    opening=Opening.DISCOVER,  # T
    agent="openai-mcp/1.0.0",  # T
    # D: the stable document where the server advertises and sends `iss`, else one for each connection. It signs with
    # private_key_jwt where that is listed, else it is public.
    document=Document(
        "https://chatgpt.com/oauth/client.json",
        "https://chatgpt.com/connector_platform_oauth_redirect",
        methods=(SIGNED, NONE),
    ),
    document_without_iss=Document(
        "https://chatgpt.com/oauth/mcp/client.json", CHATGPT_CALLBACK, methods=(SIGNED, NONE)
    ),
    documents_of_callbacks=(
        "https://chatgpt.com/connector/oauth/",
        "https://chatgpt.com/oauth/{name}/client.json",
    ),  # D
    registration=registration("ChatGPT", CHATGPT_CALLBACK, method=BASIC),
    registers_scope=False,
    redirect_uri=CHATGPT_CALLBACK,
    methods=(BASIC, POST_BODY, NONE),  # D: with or without a secret
    asks_offline_access=True,  # D
)
CLAUDE = Profile(
    name="claude",
    title="Claude (web, desktop, mobile)",
    agent="python-httpx",
    document=Document(
        "https://claude.ai/oauth/mcp-oauth-client-metadata", CLAUDE_CALLBACK, needs_none_listed=True
    ),  # D
    registration=registration("Claude", CLAUDE_CALLBACK, method=POST_BODY),  # T
    redirect_uri=CLAUDE_CALLBACK,
    methods=(POST_BODY, BASIC, NONE),
    asks_offline_access=True,  # D
    calls_from_ipv4=True,  # D: egress 160.79.104.0/21
)
CLAUDE_CODE = Profile(
    name="claude-code",
    title="Claude Code",
    needs_challenge=False,
    reads_first_scheme_only=True,
    issuer_match=Match.SLASH,
    refuses_null=True,
    resource_anywhere=True,
    document=Document(
        "https://claude.ai/oauth/claude-code-client-metadata",
        "http://localhost:51234/callback",  # D: any port, either name
        needs_none_listed=True,
    ),
    registration=registration("Claude Code", "http://localhost:3118/callback", application_type="native"),  # T
    registers_scope=False,
    redirect_uri="http://localhost:3118/callback",
)
VSCODE = Profile(
    name="vscode",
    title="Visual Studio Code",
    needs_challenge=False,
    resource_match=Match.SAME_URL,  # S: after normalisation, no parent
    resource_anywhere=True,  # S
    issuer_match=Match.SLASH,
    document=Document("https://vscode.dev/oauth/client-metadata.json", "http://127.0.0.1:33418/"),  # S
    registration=registration(
        "Visual Studio Code",
        "https://insiders.vscode.dev/redirect",
        "https://vscode.dev/redirect",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/",
        client_uri="https://code.visualstudio.com",
        application_type="native",
    ),  # S
    redirect_uri="http://127.0.0.1:41999/",  # S: a random port where 33418 is taken
)
CURSOR = Profile(
    name="cursor",
    title="Cursor",
    needs_challenge=False,
    reads_first_scheme_only=True,
    resource_match=Match.PARENT,
    resource_anywhere=True,
    issuer_match=Match.SLASH,
    refuses_null=True,
    registration=registration(
        "Cursor",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback",
    ),  # T: all three in one request
    registers_scope=False,
    redirect_uri="cursor://anysphere.cursor-mcp/oauth/callback",
    scopes_from=ScopesFrom.SERVER,  # D
)
CODEX = Profile(
    name="codex",
    title="Codex",
    agent="",
    needs_challenge=False,
    resource_anywhere=True,
    document=Document("https://chatgpt.com/oauth/codex/client.json", CODEX_CALLBACK, needs_none_listed=True),  # D
    document_without_iss=Document(
        "https://chatgpt.com/oauth/codex/mcp/client.json", f"{CODEX_CALLBACK}/mcp", needs_none_listed=True
    ),  # D: with an id of the connection, here a made-up one
    registration=registration("Codex", f"{CODEX_CALLBACK}/6MFBM1In3Ey-", application_type="native"),  # T
    registers_scope=False,  # T: openai/codex issue 20503
    redirect_uri=f"{CODEX_CALLBACK}/6MFBM1In3Ey-",
)
GEMINI = Profile(
    name="gemini",
    title="Gemini CLI",
    opening=Opening.HEAD,  # S
    resource_match=Match.SAME_URL,  # S: origin and path
    issuer_match=Match.SLASH,  # S: one slash is forgiven
    registration=registration("Gemini CLI MCP Client", "http://localhost:7777/oauth/callback"),  # S
    redirect_uri="http://localhost:7777/oauth/callback",
    scopes_from=ScopesFrom.SERVER,  # S: all of them
    needs_iss=True,  # S: refuses an answer without it wherever the metadata names an issuer
)
MCP_REMOTE = Profile(
    # M, version 0.15.1
    name="mcp-remote",
    title="mcp-remote",
    opening=Opening.GET,
    needs_challenge=False,
    reads_first_scheme_only=True,
    resource_match=Match.PARENT,
    resource_anywhere=True,
    issuer_match=Match.SLASH,
    refuses_null=True,
    registration=registration(
        "MCP CLI Proxy",
        "http://localhost:22227/oauth/callback",
        client_uri="https://github.com/geelen/mcp-remote",
        software_id="2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
        software_version="0.15.1",
        application_type="native",
    ),
    redirect_uri="http://localhost:22227/oauth/callback",
    asks_offline_access=True,
    preflights=True,
)
INSPECTOR = Profile(
    # M, version 2.12.0; its page, not its command line. S: the page asks its own server, on the same computer, to send
    # each request, so that CORS never counts.
    name="inspector",
    title="MCP Inspector",
    needs_challenge=False,
    reads_first_scheme_only=True,
    resource_match=Match.PARENT,
    resource_anywhere=True,
    issuer_match=Match.SLASH,
    refuses_null=True,
    registration=registration(
        "MCP Inspector",
        "http://localhost:6274/oauth/callback",
        client_uri="https://github.com/modelcontextprotocol/inspector",
        application_type="native",
    ),
    redirect_uri="http://localhost:6274/oauth/callback",
    asks_offline_access=True,
)
BROWSER = Profile(
    # The official TypeScript SDK in a page, without a server of its own behind: what CORS hides from it is lost to it.
    name="browser",
    title="a client in a web page",
    agent="",
    needs_challenge=False,
    reads_first_scheme_only=True,
    resource_match=Match.PARENT,
    resource_anywhere=True,
    issuer_match=Match.SLASH,
    refuses_null=True,
    registration=registration("Web page", "http://localhost:6274/oauth/callback", application_type="native"),
    redirect_uri="http://localhost:6274/oauth/callback",
    asks_offline_access=True,
    page_origin="http://localhost:6274",
)

CLIENTS = {
    client.name: client
    for client in (
        GENERIC, CHATGPT, CLAUDE, CLAUDE_CODE, VSCODE, CURSOR, CODEX, GEMINI, MCP_REMOTE, INSPECTOR, BROWSER,
    )
}  # fmt: skip
