// What every JavaScript client program shares: orders come in on stdin, answers go out on stdout, one JSON per line.
// {"do": "tools"} is answered by {"done": …} or {"refused": …}; {"authorize": URL} comes whenever a browser is wanted.
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

export const url = process.argv[2];
export const name = process.argv[3];
export const document = process.argv[4]; // the address of its metadata document; it registers when there is none
export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
export const askForBrowser = (address) => say({ authorize: String(address) });

export async function obey(acts) {
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
      say({ done: (await acts[order.do](order)) ?? null });
    } catch (error) {
      say({ refused: `${error.name}: ${error.message}` });
    }
  }
  process.exit(0);
}

// Listen for the browser's return. `params` resolves with what it brings.
export async function listenForReturn() {
  const arrived = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://127.0.0.1");
    response.end("You may close this tab.");
    if (pathname === "/callback") arrived.push(searchParams) && server.emit("return");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const next = async () => {
    while (!arrived.length) await once(server, "return");
    return arrived.shift();
  };
  return { redirectUri: `http://127.0.0.1:${server.address().port}/callback`, next };
}

// Resolve a little after a credential's end, by the client's own clock.
export function expiry(receivedAt, expiresIn) {
  return new Promise((resolve) => setTimeout(resolve, receivedAt + expiresIn * 1000 - Date.now() + 50));
}

export const textOf = (result) => result.content.map((part) => part.text).join("\n");
