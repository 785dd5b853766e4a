// mcp-remote, as a desktop application runs it: an MCP server on stdio that signs in to the real one by itself.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { askForBrowser, document, expiry, obey, textOf, url } from "./loop.mjs";

const transport = new StdioClientTransport({
  command: "mcp-remote",
  // Names under .localhost are not loopback to it.
  args: [url, "--allow-http", ...(document ? ["--client-metadata-url", document] : [])],
  env: process.env,
  stderr: "pipe",
});
const client = new Client({ name: "contract", version: "1" });
let said = "";

transport.stderr.on("data", (chunk) => {
  process.stderr.write(chunk);
  said += chunk;
  for (let asked; (asked = /visiting:\s*(http\S+)\s/.exec(said)); said = said.slice(asked.index + asked[0].length)) {
    askForBrowser(asked[1]);
  }
});

const connected = () => (connected.once ??= client.connect(transport));

function stored() {
  const folder = `${process.env.HOME}/.mcp-auth`;
  const file = readdirSync(folder, { recursive: true }).find((path) => path.endsWith("_tokens.json"));
  return { tokens: JSON.parse(readFileSync(`${folder}/${file}`)), at: statSync(`${folder}/${file}`).mtimeMs };
}

await obey({
  async tools() {
    await connected();
    return (await client.listTools()).tools.map((tool) => tool.name);
  },
  call: async (order) => textOf(await client.callTool({ name: order.tool, arguments: order.arguments })),
  credential: () => stored().tokens.access_token,
  expire: () => expiry(stored().at, stored().tokens.expires_in),
});
