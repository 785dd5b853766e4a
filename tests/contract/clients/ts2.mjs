// MCP TypeScript SDK 2.x.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { obeyWith } from "./sdk.mjs";

await obeyWith({
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  finishWith: (returned) => [returned], // the SDK checks `iss` itself
});
