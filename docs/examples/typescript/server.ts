// An MCP server that asks Gatehouse about every call. No packages; `node server.ts` with Node.js 22.18 or newer.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

const ISSUER = need("ISSUER"); // https://ai.example.com
const RESOURCE = new URL(need("RESOURCE")); // https://notes.example.com/mcp, as it is registered there
const ORIGINS = (process.env.ORIGINS ?? "").split(" "); // of the pages that may call: none, unless you name them
const BASIC = "Basic " + Buffer.from(`${need("RESOURCE_SERVER_ID")}:${need("RESOURCE_SERVER_SECRET")}`).toString("base64");
const METADATA = "/.well-known/oauth-protected-resource" + RESOURCE.pathname;
const BASELINE = ["mcp.connect", "links.read"]; // what a first connection is asked to request
const MAX_BODY_BYTES = 1 << 20;

type Identity = { scope: string; handle: string; name: string; withheld_tools?: string[] };
type Tool = { scopes: string[]; description: string; run: (caller: Identity) => string };
type Message = { id?: string | number; method: string; params?: Record<string, unknown> };

const TOOLS: Record<string, Tool> = {
  list_notes: { scopes: ["links.read"], description: "Lists notes.", run: (caller) => `The notes of @${caller.handle}` },
  add_note: { scopes: ["links.write"], description: "Adds a note.", run: (caller) => `Added for @${caller.handle}` },
};

class Refusal extends Error {
  status: number;
  code: string;
  headers: Record<string, string>;

  constructor(status: number, code: string, text: string, headers: Record<string, string> = {}) {
    super(text);
    [this.status, this.code, this.headers] = [status, code, headers];
  }
}

function need(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}

// --- Refusals. One challenge, on one line; `error` is left out where no credential came (RFC 6750 §3.1).

function challenged(status: number, code: string, text: string, error = "", scopes = BASELINE): Refusal {
  const metadata = `resource_metadata="${RESOURCE.origin}${METADATA}", scope="${scopes.join(" ")}"`;
  const value = (error ? `error="${error}", error_description="${text}", ` : "") + metadata;
  return new Refusal(status, code, text, { "WWW-Authenticate": `Bearer ${value}` });
}

const unauthorized = (code: string, text: string) => challenged(401, code, text, "invalid_token");
const insufficient = (text: string, needed: string[]) =>
  challenged(403, "insufficient_scope", text, "insufficient_scope", needed);
const unavailable = () =>
  new Refusal(503, "temporarily_unavailable", "Credentials cannot be checked now.", { "Retry-After": "5" });

// --- Who is calling

function credentialOf(request: IncomingMessage): string {
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
  if (!token) throw challenged(401, "missing_bearer_token", "Send a bridge credential: Authorization: Bearer mcpv1_...");
  if (!/^mcpv1_[0-9A-Za-z]{49}$/.test(token)) throw unauthorized("invalid_token_format", "This is no bridge credential.");
  return token;
}

async function identify(token: string): Promise<Identity> {
  let answer: any;
  try {
    const response = await fetch(`${ISSUER}/oauth/introspect`, {
      method: "POST",
      headers: { Authorization: BASIC, Accept: "application/json" },
      body: new URLSearchParams({ token }),
      redirect: "error",
      signal: AbortSignal.timeout(5000),
    });
    answer = response.status === 200 ? await response.json() : null;
  } catch {
    throw unavailable(); // never the cause: it could quote the credential
  }
  // Anything but a clear answer lets nobody in.
  if (typeof answer?.active !== "boolean" || (answer.active && answer.iss !== ISSUER)) throw unavailable();
  if (!answer.active || answer.aud !== RESOURCE.href || !(answer.exp > Date.now() / 1000))
    throw unauthorized("invalid_token", "The credential is unknown, expired, revoked or not for this URL.");
  return answer;
}

function check(caller: Identity, needed: string[]): void {
  const missing = needed.filter((scope) => !caller.scope.split(" ").includes(scope));
  if (missing.length) throw insufficient(`Not approved yet: ${missing.join(" ")}.`, needed);
}

// --- MCP: streamable HTTP without sessions

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    if ((length += part.length) > MAX_BODY_BYTES) throw new Refusal(413, "body_too_large", "The body is too large.");
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function answerTo(message: Message, caller: Identity): unknown {
  const isListed = (name: string) => Object.hasOwn(TOOLS, name) && !caller.withheld_tools?.includes(name);
  if (message.method === "initialize")
    return { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "Notes", version: "1" } };
  if (message.method === "ping") return {};
  if (message.method === "tools/list") {
    const shown = Object.entries(TOOLS).filter(([name]) => isListed(name));
    return { tools: shown.map(([name, { description }]) => ({ name, description, inputSchema: { type: "object" } })) };
  }
  if (message.method !== "tools/call") return undefined;
  const name = String(message.params?.name);
  if (!Object.hasOwn(TOOLS, name)) throw new Refusal(403, "unlisted_tool", "This server has no such tool.");
  const needed = ["mcp.connect", ...TOOLS[name].scopes];
  if (!isListed(name)) throw insufficient("This tool is new: its person has to approve it first.", needed);
  check(caller, needed);
  return { content: [{ type: "text", text: TOOLS[name].run(caller) }] };
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "").split("?")[0];
  if (path === METADATA)
    return send(response, 200, {
      resource: RESOURCE.href,
      authorization_servers: [ISSUER],
      scopes_supported: BASELINE,
      bearer_methods_supported: ["header"],
    }, { "Access-Control-Allow-Origin": "*" });
  if (path !== RESOURCE.pathname) throw new Refusal(404, "not_found", "There is nothing here.");
  const { origin } = request.headers;
  if (origin && !ORIGINS.includes(origin)) throw new Refusal(403, "origin_not_allowed", "This page may not call.");
  const caller = await identify(credentialOf(request));
  check(caller, ["mcp.connect"]);
  if (request.method !== "POST") throw new Refusal(405, "method_not_allowed", "Use POST.", { Allow: "POST" });
  let message: Message;
  try {
    message = JSON.parse(await readBody(request));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return send(response, 400, { jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } });
  }
  if (typeof message?.method !== "string") throw new Refusal(400, "invalid_request", "Send one JSON-RPC request.");
  if (message.id === undefined) return send(response, 202);
  const result = answerTo(message, caller);
  const told = result === undefined ? { error: { code: -32601, message: "Method not found" } } : { result };
  send(response, 200, { jsonrpc: "2.0", id: message.id, ...told });
}

function send(response: ServerResponse, status: number, body?: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store", ...headers });
  response.end(body && JSON.stringify(body));
}

createServer((request, response) => {
  serve(request, response).catch((error) => {
    const refusal = error instanceof Refusal ? error : new Refusal(500, "server_error", "Something went wrong.");
    send(response, refusal.status, { error: refusal.code, error_description: refusal.message }, refusal.headers);
  });
}).listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? "127.0.0.1");
