// MCP Inspector's command line: one process per order, which finds what the last one stored.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { askForBrowser, document, expiry, obey, textOf, url } from "./loop.mjs";

const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`;

async function freePort() {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function inspect(...options) {
  const env = { ...process.env, MCP_AUTO_OPEN_ENABLED: "true", MCP_INSPECTOR_SECRET_STORE: "file" };
  const command = ["--cli", url, "--format", "json", "--callback-url", callback, ...options];
  if (document) command.push("--client-metadata-url", document);
  const inspector = spawn("mcp-inspector", command, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  inspector.stdout.on("data", (chunk) => (output += chunk));
  inspector.stderr.on("data", (chunk) => {
    process.stderr.write(chunk);
    errors += chunk;
    for (let asked; (asked = /navigate to: (http\S+)\s/.exec(errors)); errors = errors.slice(asked.index + asked[0].length)) {
      askForBrowser(asked[1]);
    }
  });
  const [status] = await once(inspector, "close");
  if (status) throw new Error(`status ${status}: ${errors}`);
  const told = JSON.parse(output);
  return told.result ?? told;
}

function stored() {
  const file = `${process.env.HOME}/.mcp-inspector/secrets.json`;
  const [, tokens] = Object.entries(JSON.parse(readFileSync(file)).secrets).find(([key]) => key.includes(":tokens:"));
  return { tokens: JSON.parse(tokens), at: statSync(file).mtimeMs };
}

const call = ({ tool, arguments: args = {} }) =>
  inspect("--method", "tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args));
await obey({
  tools: async () => (await inspect("--method", "tools/list")).tools.map((tool) => tool.name),
  call: async (order) => textOf(await call(order)),
  credential: () => stored().tokens.access_token,
  expire: () => expiry(stored().at, stored().tokens.expires_in),
});
