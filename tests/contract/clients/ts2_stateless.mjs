// MCP TypeScript SDK 2.x on the protocol without sessions (revision 2026-07-28).
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { obeyWith } from "./sdk.mjs";

await obeyWith({
  Client,
  options: { versionNegotiation: { mode: { pin: "2026-07-28" } } },
  StreamableHTTPClientTransport,
  UnauthorizedError,
  finishWith: (returned) => [returned],
});
