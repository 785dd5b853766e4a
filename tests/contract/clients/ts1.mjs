// MCP TypeScript SDK 1.x.
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { obeyWith } from "./sdk.mjs";

await obeyWith({
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  finishWith: (returned) => [returned.get("code")],
});
