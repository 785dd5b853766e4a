// The same acts with either version of the TypeScript SDK: connect, ask for a browser when the SDK does, go on.
import { listenForReturn, obey, textOf, url } from "./loop.mjs";
import { Memory } from "./provider.mjs";

export async function obeyWith({ Client, StreamableHTTPClientTransport, UnauthorizedError, finishWith, callTool }) {
  const browser = await listenForReturn();
  const memory = new Memory(browser.redirectUri);
  let client, transport;

  async function connected() {
    if (client) return client;
    const fresh = new Client({ name: "contract", version: "1" });
    transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: memory });
    await fresh.connect(transport);
    return (client = fresh);
  }

  async function signedIn(act) {
    for (;;) {
      try {
        return await act(await connected());
      } catch (error) {
        if (!(error instanceof UnauthorizedError)) throw error;
        await transport.finishAuth(...finishWith(await browser.next()));
      }
    }
  }

  const call = ({ tool, arguments: args = {} }) => signedIn((c) => callTool(c, { name: tool, arguments: args }));
  await obey({
    tools: () => signedIn(async (c) => (await c.listTools()).tools.map((tool) => tool.name)),
    call: async (order) => textOf(await call(order)),
    calls: async (order) => {
      const all = await Promise.allSettled(Array.from({ length: order.times }, () => call(order)));
      return all.map((one) => (one.status === "fulfilled" ? textOf(one.value) : `${one.reason}`));
    },
    credential: () => memory.tokens()?.access_token,
    expire: () => memory.expired(),
  });
}
